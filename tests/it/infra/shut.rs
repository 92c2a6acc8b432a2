//! What must be shut is shut. The judges of Bicep pass over most of this.

use super::bicep::File;

/// A file, and the properties that it must have word for word.
const SHUT: &[(&str, &[&str])] = &[
    (
        "storage",
        &[
            "allowSharedKeyAccess: false",
            "allowBlobPublicAccess: false",
            "allowCrossTenantReplication: false",
            "minimumTlsVersion: 'TLS1_2'",
            "supportsHttpsTrafficOnly: true",
            "publicAccess: 'None'",
            "defaultAction: privateNetwork ? 'Deny' : 'Allow'",
        ],
    ),
    (
        "event-hub",
        &[
            "disableLocalAuth: empty(hubSendRule) && empty(namespaceSendRule)",
            "minimumTlsVersion: '1.2'",
            "trustedServiceAccessEnabled: true",
            "defaultAction: publicNetworkAccess == 'Disabled' ? 'Deny' : 'Allow'",
        ],
    ),
    (
        "key-vault",
        &[
            "enableRbacAuthorization: true",
            "enablePurgeProtection: true",
            "enableSoftDelete: true",
            "defaultAction: privateNetwork ? 'Deny' : 'Allow'",
        ],
    ),
    (
        "function-app",
        &["httpsOnly: true", "minTlsVersion: '1.2'", "scmMinTlsVersion: '1.2'", "type: 'UserAssignedIdentity'"],
    ),
    ("monitoring", &["DisableLocalAuth: true"]),
];

#[test]
fn what_must_be_shut_is_shut() {
    for (name, properties) in SHUT {
        let text = File::read(format!("infra/modules/{name}.bicep")).text;
        for property in *properties {
            assert!(text.lines().any(|line| line.trim() == *property), "{name}.bicep does not say: {property}");
        }
    }
    // Both ways of publishing by a password are off.
    assert_eq!(File::read("infra/modules/function-app.bicep").text.matches("allow: false").count(), 2);
    // A copy of every alert in a storage account is nobody's default.
    for file in File::all("infra") {
        assert!(!file.text.contains("captureDescription"), "{} captures", file.path.display());
    }
}

#[test]
fn keys_are_asked_for_in_two_places_only() {
    // Diagnostic settings write raw logs with a key, and an export does when it is told to.
    let with_keys: Vec<String> = File::all("infra")
        .into_iter()
        .filter(|file| file.text.contains("listKeys("))
        .map(|file| file.path.display().to_string())
        .collect();
    assert_eq!(with_keys, ["infra/modules/continuous-export.bicep"]);
    let main = super::main();
    assert_eq!(super::given(&main, "alertsHub")["hubSendRule"], "trusted ? '' : 'defender-for-cloud'");
    assert!(!super::given(&main, "alertsHub").contains_key("namespaceSendRule"));
}

#[test]
fn what_costs_or_changes_more_than_the_relay_is_off() {
    let main = super::main();
    for name in [
        "sentinelOnboarding",
        "sentinelDefenderXdr",
        "streamLogs",
        "activityLogToWorkspace",
        "activityLogToHub",
        "privateNetwork",
        "deleteLocks",
        "syncRoles",
        "hubDiagnosticLogs",
    ] {
        assert_eq!(main.get("param", name).value(), Some("false"), "{name}");
    }
    assert_eq!(main.get("param", "defenderPlans").value(), Some("{}"));
    assert_eq!(main.get("param", "exportAuth").value(), Some("'trustedService'"));
    assert_eq!(main.get("param", "alwaysReadyInstances").value(), Some("0"));
}
