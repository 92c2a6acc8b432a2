use proptest::prelude::*;
use serde_json::json;

use super::super::KIND;
use super::*;
use crate::event::decode::{Decoded, Texts, decode};
use crate::event::parse_time;
use crate::settings::{Section, Values};

/// What is published of an alert.
fn published_with(settings: &[(&str, &str)], alert: &Value) -> Vec<String> {
    let values = Values::new(settings.iter().map(|(key, value)| (format!("X__{key}"), (*value).to_owned())));
    let own = Own::from_section(&Section::new("x", KIND.settings.to_vec(), &values));
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    let body = alert.to_string();
    decode(body.as_bytes(), parse_time("2026-02-06T00:00:00Z").unwrap(), &texts, &mut decoded);
    let [event] = decoded.events.as_slice() else { panic!("one record") };
    of(event.alert.as_deref().unwrap(), &own).into_iter().map(|observable| observable.value).collect()
}

fn published(alert: &Value) -> Vec<String> {
    published_with(&[], alert)
}

/// A flat alert about a virtual machine with these entities.
fn alert(entities: Value) -> Value {
    let mut alert = json!({
        "SystemAlertId": "a", "AlertType": "VM_SuspiciousActivity", "AlertDisplayName": "n", "Status": "New",
        "AzureResourceId": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/web01",
        "CompromisedEntity": "web01",
    });
    alert["Entities"] = entities;
    alert
}

fn typed(alert_type: &str, entities: Value) -> Value {
    let mut alert = alert(entities);
    alert["AlertType"] = alert_type.into();
    alert
}

fn with_properties(alert_type: &str, properties: Value, entities: Value) -> Value {
    let mut alert = typed(alert_type, entities);
    alert["ExtendedProperties"] = properties;
    alert
}

fn ip(address: &str) -> Value {
    json!({"Type": "ip", "Address": address})
}

const ATTACKER: &str = "93.184.216.34";
const OTHER: &str = "93.184.216.35";

#[test]
fn every_entity_counts_once_and_in_order() {
    let entities = json!([
        ip(ATTACKER), ip("[2606:2800:220:1::1946]:443"), ip(" 93.184.216.34 "), ip("93.184.216.35:80"),
        {"type": "dns", "domainName": "C2.Evil.Example."}, {"Type": "url", "Url": "https://Evil.Example/a?b=c#d"},
        {"Type": "mail-message", "Sender": "boss@evil.example", "P2Sender": "forged@victim.example", "Recipient": "joe@contoso.com"},
        {"Type": "dns", "DomainName": "c2.evil.example"},
    ]);
    assert_eq!(
        published(&alert(entities)),
        [
            ATTACKER,
            "2606:2800:220:1::1946",
            OTHER,
            "c2.evil.example",
            "https://evil.example/a?b=c",
            "boss@evil.example"
        ]
    );
}

#[test]
fn reserved_addresses_and_the_platforms_own_are_never_published() {
    for address in [
        "10.0.0.4",
        "172.16.3.9",
        "192.168.1.1",
        "100.64.1.1",
        "127.0.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:93.184.216.34",
        "::ffff:10.0.0.1",
        "00.00.00.00",
        "<null>",
        "",
        "93.184.216.34, 93.184.216.35",
        "fe80::1%eth0",
    ] {
        let url = json!({"Type": "url", "Url": format!("http://{address}/x")});
        assert!(published(&alert(json!([ip(address), url]))).is_empty(), "{address}");
    }
    for no_address in ["93.184.216.034", "93.184.216.34/24", "93.184.216", "web01"] {
        assert!(published(&alert(json!([ip(no_address)]))).is_empty(), "{no_address}");
    }
}

#[test]
fn what_a_resource_of_ours_has_is_ours() {
    for entity in [
        json!({"Type": "host", "HostName": "web01", "IpInterfaces": [{"Address": ATTACKER}]}),
        json!({"@odata.type": "#microsoft.graph.security.deviceEvidence", "lastExternalIpAddress": ATTACKER}),
        json!({"Type": "azure-resource", "ResourceId": "/x", "PublicIp": format!("{ATTACKER}:443")}),
        json!({"Type": "amazon-resource", "Addresses": {"Public": [ATTACKER]}}),
        json!({"Type": "K8s-service", "ExternalIp": format!("::ffff:{ATTACKER}")}),
        json!({"Type": "iotdevice", "Url": format!("https://{ATTACKER}/")}),
        json!({"Type": "dns", "DomainName": "x.evil.example", "HostIpAddress": ip(ATTACKER)}),
        json!({"Type": "ip", "Address": ATTACKER, "Asset": true}),
        json!({"Type": "something-new", "Nested": {"Deep": [ATTACKER]}}),
        json!({"Type": "file", "Name": "x", "Host": {"Type": "host", "Address": ATTACKER}}),
    ] {
        assert!(!published(&alert(json!([ip(ATTACKER), entity]))).contains(&ATTACKER.to_owned()), "{entity}");
    }
}

#[test]
fn a_reference_that_leads_astray_makes_no_attacker_ours() {
    let merged = json!([
        {"$id": "5", "Type": "ip", "Address": ATTACKER},
        {"$id": "5", "Type": "host", "HostName": "web01"},
        {"$id": "6", "Type": "K8s-namespace", "Cluster": {"$ref": "5"}},
        {"$id": "7", "Type": "account", "Name": "joe", "Host": {"$ref": "5"}},
    ]);
    assert_eq!(published(&alert(merged)), [ATTACKER]);
    let own =
        json!([{"$id": "5", "Type": "ip", "Address": ATTACKER}, {"Type": "K8s-service", "ServiceIp": {"$ref": "5"}}]);
    assert!(published(&alert(own)).is_empty());
}

#[test]
fn the_attacked_end_of_a_connection_is_ours_and_the_other_is_not() {
    let connection = |source: Value, destination: Value| {
        json!([
            {"Type": "network-connection", "SourceAddress": source, "DestinationAddress": destination, "Protocol": "Tcp"},
            ip(ATTACKER), ip(OTHER)
        ])
    };
    for (source, destination) in [(ip(ATTACKER), ip(OTHER)), (json!(ATTACKER), json!(OTHER))] {
        let inbound = typed("VM_LoginBruteForceSuccess", connection(source.clone(), destination.clone()));
        assert_eq!(published(&inbound), [ATTACKER]);
        let outbound = typed("Network_CommunicationWithC2", connection(destination, source));
        assert_eq!(published(&outbound), [ATTACKER]);
    }
    // What a private address talks to is outside, whatever the type is called.
    let leaving = typed("VM_X", connection(json!("10.0.0.4"), json!(ATTACKER)));
    assert_eq!(published(&leaving), [ATTACKER, OTHER]);
    let arriving = typed("VM_X", connection(json!(ATTACKER), json!("10.0.0.4")));
    assert_eq!(published(&arriving), [ATTACKER, OTHER]);
    // An end that no entity of the list repeats.
    let only = json!([{"Type": "network-connection", "SourceAddress": {"Address": ATTACKER}, "DestinationAddress": {"Address": OTHER}}]);
    assert_eq!(published(&alert(only)), [ATTACKER]);
}

#[test]
fn properties_tell_whose_an_address_is() {
    for (name, alert_type) in [
        ("victim IP", "Network_CommunicationWithC2"),
        ("Victim IP", "RDP_Incoming_BF_OneToOne"),
        ("Compromised Host", "VM_X"),
        ("Machine IP", "VM_X"),
        ("target address", "VM_X"),
        ("Destination IP", "VM_X"),
        ("Source IP Address", "Network_CommunicationWithC2"),
        ("Private IP", "VM_X"),
    ] {
        let told =
            with_properties(alert_type, json!({ name: format!("{OTHER}:80, x") }), json!([ip(ATTACKER), ip(OTHER)]));
        assert_eq!(published(&told), [ATTACKER], "{name}");
    }
    for (name, alert_type) in [
        ("attacker IP", "Network_CommunicationWithC2"),
        ("Attacker source IP", "VM_X"),
        ("Client IP address", "SQL.DB_X"),
        ("Source IP Address", "VM_X"),
        ("Destination IP", "Network_CommunicationWithC2"),
        ("Suspicious host", "VM_X"),
        ("User agent", "Storage.Blob_X"),
    ] {
        let told = with_properties(alert_type, json!({ name: ATTACKER }), json!([ip(ATTACKER)]));
        assert_eq!(published(&told), [ATTACKER], "{name}");
    }
}

#[test]
fn the_compromised_entity_and_its_names_are_ours() {
    for (compromised, url) in [
        ("web01", "https://web01.shop.example/"),
        ("www.shop.example", "https://www.shop.example/login"),
        ("www.shop.example", "https://static.www.shop.example/"),
        (ATTACKER, "http://93.184.216.34/"),
    ] {
        let mut alert = alert(json!([{"Type": "url", "Url": url}]));
        alert["CompromisedEntity"] = compromised.into();
        assert!(published(&alert).is_empty(), "{compromised} {url}");
    }
    let named = json!([
        {"Type": "host", "HostName": "db7", "DnsDomain": "corp.shop.example", "NetBiosName": "DB7"},
        {"Type": "account", "Name": "joe", "UPNSuffix": "contoso.com"},
        {"Type": "dns", "DomainName": "files.corp.shop.example"}, {"Type": "dns", "DomainName": "db7.elsewhere.example"},
        {"Type": "url", "Url": "https://intranet.contoso.com/"}, {"Type": "mail-message", "Sender": "ceo@contoso.com"},
        {"Type": "dns", "DomainName": "evil.example"},
    ]);
    assert_eq!(published(&alert(named)), ["evil.example"]);
}

#[test]
fn names_of_azure_and_what_is_no_public_name_are_never_published() {
    for name in [
        "stprod.blob.core.windows.net",
        "shop.azurewebsites.net",
        "sql1.database.windows.net",
        "kv1.vault.azure.net",
        "x.westeurope.cloudapp.azure.com",
        "login.microsoftonline.com",
        "contoso.onmicrosoft.com",
        "dc1.ad.local",
        "printer",
        "4.3.2.1.in-addr.arpa",
        "93.184.216.34",
        "evil example.com",
        "ev\nil.example",
        "",
        "%{Domain}",
        "-",
        "http://evil.example",
    ] {
        assert!(published(&alert(json!([{"Type": "dns", "DomainName": name}]))).is_empty(), "{name}");
    }
    for host in [
        "stprod.blob.core.windows.net",
        "SHOP.AzureWebSites.net.",
        "localhost",
        "dc1.ad.local",
        "[::1]",
        "0x7f.1",
        "2130706433",
    ] {
        assert!(published(&alert(json!([{"Type": "url", "Url": format!("https://{host}/x")}]))).is_empty(), "{host}");
    }
    // A blob lies in a store of ours, whatever its address.
    let blob = json!([{"Type": "blob", "Url": "https://files.shop.example/in/x.exe"}, {"Type": "url", "Url": "https://files.shop.example/"}]);
    assert!(published(&alert(blob)).is_empty());
}

#[test]
fn settings_name_more_of_our_own() {
    let settings =
        [("OWN_DOMAINS", "contoso.com, *.fabrikam.example"), ("OWN_NETWORKS", "93.184.216.0/27,2001:db8:1::/48")];
    let entities = json!([
        ip(ATTACKER), ip("93.184.216.31"), ip("2001:db8:1::5"), ip("2001:db8:2::5"),
        {"Type": "dns", "DomainName": "mail.contoso.com"}, {"Type": "dns", "DomainName": "fabrikam.example"},
        {"Type": "url", "Url": "http://93.184.216.1/"}, {"Type": "url", "Url": "https://a.fabrikam.example/"},
        {"Type": "dns", "DomainName": "notcontoso.com"},
    ]);
    assert_eq!(published_with(&settings, &alert(entities)), [ATTACKER, "2001:db8:2::5", "notcontoso.com"]);
}

#[test]
fn web_addresses_that_could_hold_a_secret_are_never_published() {
    for url in [
        "https://user:hunter2@evil.example/",
        "https://joe@evil.example/",
        "https://evil.example/x?sv=2022&sig=abc%3D",
        "https://evil.example/?access_token=t",
        "https://evil.example/?API_KEY=k",
        "https://evil.example/?X-Amz-Signature=s",
        "https://evil.example/?to=joe%40contoso.com",
        "https://evil.example/unsubscribe/joe@contoso.com",
        "https://evil.example/?user=joe",
        "https://evil.example/?joe%40contoso.com",
        &format!("https://evil.example/?q={}", "x".repeat(65)),
        &format!("https://evil.example/{}", "x".repeat(2_000)),
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        "evil.example/x",
        "hxxps://evil.example/",
        "https://",
    ] {
        assert!(published(&alert(json!([{"Type": "url", "Url": url}]))).is_empty(), "{url}");
    }
    let url = json!([{"Type": "url", "Url": "HTTPS://Evil.Example:8443/a b\n?id=7#access_token=t"}]);
    assert_eq!(published(&alert(url)), ["https://evil.example:8443/a%20b?id=7"]);
}

#[test]
fn a_resource_that_serves_the_web_publishes_no_web_addresses() {
    let mut alert = alert(
        json!([ip(ATTACKER), {"Type": "url", "Url": "https://shop.example/admin"}, {"Type": "dns", "DomainName": "shop.example"}]),
    );
    alert["AzureResourceId"] = "/SUBSCRIPTIONS/s/RESOURCEGROUPS/rg/PROVIDERS/MICROSOFT.WEB/SITES/front".into();
    assert_eq!(published(&alert), [ATTACKER]);
    alert["AlertType"] = "AzureDNS_CurrencyMining".into();
    assert_eq!(published(&alert), [ATTACKER, "https://shop.example/admin", "shop.example"]);
}

#[test]
fn senders_are_published_but_not_recipients_and_not_our_own() {
    let message = |sender: &str| json!([{"Type": "mail-message", "Sender": sender, "Recipients": ["joe@contoso.com"], "SenderIP": ATTACKER}]);
    assert_eq!(published(&alert(message(" Boss@Evil.Example "))), ["Boss@evil.example"]);
    for sender in [
        "ceo@contoso.com",
        "ceo@mail.contoso.com",
        "joe@contoso.onmicrosoft.com",
        "no address",
        "@evil.example",
        "a b@evil.example",
        "a@localhost",
        "a\n@evil.example",
        "\"a\"@evil.example",
        "a@93.184.216.34",
    ] {
        assert!(published(&alert(message(sender))).is_empty(), "{sender}");
    }
    let of_graph = json!({
        "@odata.type": "#microsoft.graph.security.alert", "id": "g", "title": "t", "severity": "low",
        "evidence": [{"@odata.type": "#microsoft.graph.security.analyzedMessageEvidence", "recipientEmailAddress": "joe@contoso.com",
            "p1Sender": {"emailAddress": "x@evil.example"}, "p2Sender": {"emailAddress": "ceo@victim.example"}, "senderIp": OTHER}],
    });
    assert_eq!(published(&of_graph), ["x@evil.example"]);
}

#[test]
fn hashes_are_published_of_malware_only() {
    const MD5: &str = "44d88612fea8a8f36de82e1278abb02f";
    const SHA256: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
    const IMAGE: &str = "3395856ce81f2b7382dee72602f798b642f14140";
    let entities = json!([
        {"$id": "1", "Type": "file", "Name": "x", "FileHashes": [
            {"Type": "filehash", "Algorithm": "MD5", "Value": MD5.to_uppercase()}, {"Type": "filehash", "Algorithm": "SHA256", "Value": SHA256},
            {"Type": "filehash", "Algorithm": "SHA256AC", "Value": "b".repeat(64)}, {"Type": "filehash", "Algorithm": "MD5", "Value": "Sample-SHA"}]},
        {"Type": "filehash", "Algorithm": "SHA256", "Value": SHA256},
        {"Type": "filehash", "Algorithm": "SHA256", "Value": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"Type": "filehash", "Algorithm": "MD5", "Value": "0".repeat(32)},
        {"Type": "process", "ImageFile": {"$id": "2", "Type": "file", "Name": "bash", "FileHashes": [{"Algorithm": "SHA1", "Value": IMAGE}]}},
        {"$ref": "2"}, {"Type": "file", "Name": "bash", "FileHashes": [{"Algorithm": "SHA1", "Value": IMAGE}]},
    ]);
    assert!(published(&alert(entities.clone())).is_empty(), "not about malware");
    assert_eq!(published(&typed("Storage.Blob_AM.MalwareFound", entities.clone())), [MD5, SHA256]);
    let mut with_malware = entities;
    with_malware.as_array_mut().unwrap().push(json!({"Type": "malware", "Name": "x", "Files": [{"$ref": "2"}]}));
    assert_eq!(published(&alert(with_malware)), [MD5, SHA256, IMAGE]);

    let of_graph = |verdict: &str| {
        json!({
            "@odata.type": "#microsoft.graph.security.alert", "id": "g", "title": "t", "severity": "low",
            "evidence": [{"@odata.type": "#microsoft.graph.security.fileEvidence", "verdict": verdict, "fileDetails": {"md5": MD5, "sha256": SHA256}}],
        })
    };
    assert_eq!(published(&of_graph("malicious")), [SHA256, MD5]);
    for verdict in ["suspicious", "unknown", "noThreatsFound"] {
        assert!(published(&of_graph(verdict)).is_empty(), "{verdict}");
    }
}

#[test]
fn roles_and_verdicts_of_graph_count() {
    let evidence = |roles: &[&str], verdict: &str| json!({"@odata.type": "#microsoft.graph.security.ipEvidence", "ipAddress": ATTACKER, "roles": roles, "verdict": verdict});
    let of_graph = |category: &str, evidence: Value| json!({"@odata.type": "#microsoft.graph.security.alert", "id": "g", "title": "t", "severity": "low", "category": category, "evidence": [evidence]});
    for (category, roles, verdict) in [
        ("Execution", &[][..], "unknown"),
        ("Execution", &["source"], "suspicious"),
        ("Execution", &["destination", "commandAndControl"], "unknown"),
        ("CommandAndControl", &["destination"], "unknown"),
    ] {
        assert_eq!(published(&of_graph(category, evidence(roles, verdict))), [ATTACKER], "{category} {roles:?}");
    }
    for (category, roles, verdict) in [
        ("Execution", &["destination"][..], "unknown"),
        ("Execution", &["Compromised"], "unknown"),
        ("Execution", &["attacked"], "unknown"),
        ("Execution", &["contextual"], "unknown"),
        ("CommandAndControl", &["source"], "unknown"),
        ("Execution", &[], "noThreatsFound"),
    ] {
        assert!(published(&of_graph(category, evidence(roles, verdict))).is_empty(), "{category} {roles:?} {verdict}");
    }
}

#[test]
fn services_of_azure_victims_of_our_machine_and_dismissed_alerts_are_left_alone() {
    let service = json!([{"Type": "ip", "Address": ATTACKER, "Location": {"CloudProvider": "Azure", "SystemService": "AzureFrontDoor"}}]);
    assert!(published(&alert(service)).is_empty());
    for alert_type in ["SSH_Outgoing_BF_OneToMany", "SIMULATED_RDP_Outgoing_BF_OneToOne", "PortScanning_Outgoing"] {
        assert!(published(&typed(alert_type, json!([ip(ATTACKER)]))).is_empty(), "{alert_type}");
    }
    let mut dismissed = alert(json!([ip(ATTACKER)]));
    dismissed["Status"] = "Dismissed".into();
    assert!(published(&dismissed).is_empty());
}

#[test]
fn an_unusable_list_of_entities_is_no_observable() {
    for entities in
        [json!(null), json!([]), json!("nonsense"), json!([1, "x", null, [ip(ATTACKER)], {"$ref": "9"}]), json!({})]
    {
        assert!(published(&alert(entities.clone())).is_empty(), "{entities}");
    }
}

proptest! {
    #[test]
    fn no_private_address_is_published_however_it_is_written(
        host in any::<u32>(), wrap in 0..6_usize, kind in 0..3_usize, network in 0..4_usize,
    ) {
        let (network, free) = [(0x0a00_0000, 24), (0xac10_0000, 20), (0xc0a8_0000, 16), (0x6440_0000, 22)][network];
        let address = std::net::Ipv4Addr::from_bits(network | (host & ((1 << free) - 1)));
        let text = match wrap {
            0 => address.to_string(),
            1 => format!(" {address} "),
            2 => format!("{address}:443"),
            3 => format!("::ffff:{address}"),
            4 => format!("[::ffff:{address}]:443"),
            _ => format!("64:ff9b::{address}"),
        };
        let entity = match kind {
            0 => ip(&text),
            1 => json!({"Type": "url", "Url": format!("http://{}/", if text.contains("::") { format!("[{text}]") } else { text })}),
            _ => json!({"Type": "network-connection", "SourceAddress": ip(&text), "DestinationAddress": ip(&text)}),
        };
        prop_assert!(published(&alert(json!([entity]))).is_empty(), "{address}");
    }

    #[test]
    fn a_value_is_one_clean_word(text in any::<String>()) {
        let entities = json!([
            ip(&text), {"Type": "dns", "DomainName": text}, {"Type": "url", "Url": format!("https://evil.example/{text}")},
            {"Type": "dns", "DomainName": format!("{text}.evil.example")}, {"Type": "mail-message", "Sender": format!("{text}@evil.example")},
            {"Type": "malware", "Files": [{"FileHashes": [{"Algorithm": "MD5", "Value": text}]}]},
        ]);
        for value in published(&alert(entities)) {
            prop_assert!(value.chars().all(|c| c.is_ascii_graphic()), "{value:?}");
        }
    }
}
