//! Alerts to measure with: the shape and the size (about 5.7 KB) of real continuous-export alerts, the same at every run.

use serde_json::{Value, json};

/// `count` distinct alerts as compact JSON.
pub(crate) fn alerts(count: usize) -> Vec<Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(20_261_122);
    (0..count).map(|number| alert(number, &mut random).to_string().into_bytes()).collect()
}

/// The invocation that brings these event bodies, as the host writes it with `dataType: binary`.
pub(crate) fn invocation(bodies: &[Vec<u8>]) -> Vec<u8> {
    let events: Vec<String> = bodies.iter().map(|body| base64_simd::STANDARD.encode_to_string(body)).collect();
    let enqueued = vec!["2026-11-20T10:00:00.48"; bodies.len()];
    let sequence: Vec<usize> = (0..bodies.len()).collect();
    let partition = json!({"IsCheckpointingAfterInvocation": true, "FullyQualifiedNamespace": "ns.servicebus.windows.net",
        "EventHubName": "defender-alerts", "ConsumerGroup": "relay", "PartitionId": "0"});
    let metadata = json!({
        "TriggerPartitionContext": partition, "PartitionContext": partition,
        "SequenceNumberArray": json!(sequence).to_string(), "EnqueuedTimeUtcArray": json!(enqueued).to_string(),
        "PropertiesArray": json!(vec![json!({}); bodies.len()]).to_string(),
    });
    json!({"Data": {"events": json!(events).to_string()}, "Metadata": metadata}).to_string().into_bytes()
}

fn hex(random: &mut fastrand::Rng, digits: usize) -> String {
    (0..digits).map(|_| char::from_digit(random.u32(0..16), 16).unwrap()).collect()
}

fn guid(random: &mut fastrand::Rng) -> String {
    let h = hex(random, 32);
    format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
}

fn words(random: &mut fastrand::Rng, count: usize) -> String {
    const WORDS: [&str; 16] = [
        "analysis",
        "of",
        "host",
        "data",
        "detected",
        "an",
        "unusual",
        "command",
        "line",
        "which",
        "downloads",
        "content",
        "from",
        "a",
        "remote",
        "address",
    ];
    (0..count).map(|_| WORDS[random.usize(0..WORDS.len())]).collect::<Vec<_>>().join(" ")
}

fn base64_text(random: &mut fastrand::Rng, count: usize) -> String {
    (0..count).map(|_| random.alphanumeric()).collect()
}

fn alert(number: usize, random: &mut fastrand::Rng) -> Value {
    let kinds = [
        ("VM_SuspiciousPowerShell", "Suspicious PowerShell activity detected", "High", "Execution"),
        (
            "Storage.Blob_AccessInspectionAnomaly",
            "Unusual access inspection in a storage account",
            "Medium",
            "Discovery",
        ),
        ("ARM_AnomalousRBACRoleAssignment", "Suspicious Azure role assignment detected", "Low", "LateralMovement"),
    ];
    let (alert_type, name, severity, intent) = kinds[random.usize(0..kinds.len())];
    let (subscription, host) = (guid(random), format!("vm-web-{number:04}"));
    let resource = format!(
        "/subscriptions/{subscription}/resourceGroups/rg-prod/providers/Microsoft.Compute/virtualMachines/{host}"
    );
    let id = format!("{:019}_{}", random.u64(0..1_000_000_000_000_000_000), guid(random));
    let address = format!("203.0.113.{}", random.u8(1..255));
    let command = format!("powershell.exe -NoP -NonI -W Hidden -Enc {}", base64_text(random, 160));
    let entities = json!([
        {"$id": "1", "ResourceId": resource, "Type": "azure-resource"},
        {"$id": "2", "DnsDomain": "corp.contoso.com", "NTDomain": "CORP", "HostName": host, "NetBiosName": host.to_uppercase(),
            "AzureID": resource, "OMSAgentID": guid(random), "OSFamily": "Windows", "OSVersion": "10.0.20348",
            "IsDomainJoined": true, "Type": "host"},
        {"$id": "3", "Name": "müller", "NTDomain": "CORP", "Host": {"$ref": "2"}, "Sid": "S-1-5-21-1004336348-1177238915-682003330-512",
            "AadUserId": guid(random), "IsDomainJoined": true, "Type": "account", "LogonId": "0x3e7"},
        {"$id": "4", "Address": address, "Location": {"CountryCode": "NL", "CountryName": "Unknown", "State": "", "City": "Delft",
            "Longitude": 4.35, "Latitude": 52.01, "Asn": 64496}, "Type": "ip"},
        {"$id": "5", "Directory": "c:\\windows\\system32\\windowspowershell\\v1.0", "Name": "powershell.exe", "FileHashes": [
            {"$id": "6", "Algorithm": "SHA256", "Value": hex(random, 64), "Type": "filehash"},
            {"$id": "7", "Algorithm": "MD5", "Value": hex(random, 32), "Type": "filehash"}], "Type": "file"},
        {"$id": "8", "ProcessId": "0x1e99b", "CommandLine": command, "ElevationToken": "Default",
            "CreationTimeUtc": "2026-11-20T09:00:01.1237341Z", "ImageFile": {"$ref": "5"}, "Account": {"$ref": "3"},
            "ParentProcess": {"$id": "9", "ProcessId": "0x3e8", "CommandLine": "", "Host": {"$ref": "2"}, "Type": "process"},
            "Host": {"$ref": "2"}, "Type": "process"},
        {"$id": "10", "SourceAddress": {"$ref": "4"}, "SourcePort": 49152, "DestinationAddress": "198.51.100.4",
            "DestinationPort": 3389, "Protocol": "TCP", "Type": "network-connection"},
    ]);
    let link = json!({"displayValue": "View suspicious activity", "kind": "Link",
        "value": format!("https://portal.azure.com/#blade/Microsoft_Azure_Security/AlertBlade/alertId/{id}")});
    let mut alert = json!({
        "VendorName": "Microsoft", "AlertType": alert_type, "StartTimeUtc": "2026-11-20T09:00:00.1237341Z",
        "EndTimeUtc": "2026-11-20T09:07:30.4440000Z", "ProcessingEndTime": "2026-11-20T09:15:00.1231187Z",
        "TimeGenerated": "2026-11-20T09:15:01.1230000Z", "ProductName": "Microsoft Defender for Cloud",
        "ProductComponentName": "Servers", "Severity": severity, "Status": "New", "ConfidenceLevel": "Unknown",
        "ConfidenceScore": null, "Intent": intent, "IsIncident": false, "SystemAlertId": id,
        "CorrelationKey": base64_text(random, 29), "CompromisedEntity": host, "AlertDisplayName": name,
        "Description": words(random, 30), "AzureResourceId": resource, "AzureResourceSubscriptionId": subscription,
        "AzureResourceTenantId": guid(random), "WorkspaceId": guid(random),
        "AlertUri": format!("https://portal.azure.com/#blade/Microsoft_Azure_Security_AzureDefenderForData/AlertBlade/alertId/{id}/subscriptionId/{subscription}/resourceGroup/rg-prod/referencedFrom/alertDeepLink/location/westeurope"),
        "Entities": entities
    });
    let more = json!({
        "ExtendedLinks": [{"Category": null, "Label": "alert_reference", "Href": "https://aka.ms/mdc-alerts", "Type": "webLink"}],
        "ResourceIdentifiers": [
            {"$id": "1", "AzureResourceId": resource, "Type": "AzureResource", "AzureResourceTenantId": guid(random)},
            {"$id": "2", "AadTenantId": guid(random), "Type": "AAD"}],
        "RemediationSteps": (0..4).map(|_| words(random, 22)).collect::<Vec<_>>(),
        "ExtendedProperties": {
            "Compromised Host": host, "User Name": "CORP\\müller", "Account Session Id": "0x3e7",
            "Suspicious Process": "c:\\windows\\system32\\windowspowershell\\v1.0\\powershell.exe",
            "Suspicious Command Line": command, "Parent Process": "c:\\windows\\explorer.exe", "Suspicious Process Id": "0x1e99b",
            "Attacker source IP": format!("IP Address: {address}"), "Investigation steps": link.to_string(),
            "Potential causes": words(random, 18), "resourceType": "Virtual Machine", "ServiceId": guid(random),
            "ReportingSystem": "Azure", "OccuringDatacenter": "westeurope",
            "Number of failed authentication attempts to host": "512", "Time Zone": "UTC+01:00 – Zürich"},
        "Techniques": ["T1059.001", "T1110"], "SubTechniques": [], "AlertStatus": "Active"
    });
    let (Value::Object(members), Value::Object(more)) = (&mut alert, more) else { unreachable!() };
    members.extend(more);
    alert
}
