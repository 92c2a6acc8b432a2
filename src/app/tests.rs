use super::*;

const SOUND: &[(&str, &str)] = &[
    ("DESTINATIONS", "splunk"),
    ("SPLUNK__URL", "https://splunk.example"),
    ("SPLUNK__TOKEN", "token"),
    ("STATE__URL", "memory:"),
];

/// The settings with faults when `changed` is laid over sound ones, and the whole message.
fn faults(changed: &[(&str, &str)]) -> (Vec<String>, String) {
    let values = Values::new(changed.iter().chain(SOUND).map(|(name, value)| ((*name).into(), (*value).into())));
    match App::open(&values) {
        Ok(_) => (Vec::new(), String::new()),
        Err(error) => (error.faults.iter().map(|fault| fault.setting.clone()).collect(), error.to_string()),
    }
}

#[test]
fn names_are_told_apart_and_so_are_their_settings() {
    assert_eq!(faults(&[]), (vec![], String::new()));
    for (list, wrong) in [
        (" , ,", 1),
        ("splunk, splunk", 1),
        ("splunk, a-b=splunk, a_b=splunk", 3), // URL and TOKEN of the first are missing
        ("splunk, a--b=splunk", 1),
        ("splunk, a-=splunk", 1),
        ("splunk, 1a=splunk", 1),
        ("splunk, state=splunk, delivery=splunk", 2),
        ("splunk, x=, =splunk, nosuch", 3),
    ] {
        let (settings, message) = faults(&[("DESTINATIONS", list)]);
        assert_eq!(settings.len(), wrong, "{message}");
    }
}

#[test]
fn no_fault_shows_a_value() {
    let names = [
        "DESTINATIONS",
        "LOG_LEVEL",
        "STATE__URL",
        "STATE__OTHER",
        "DELIVERY__BUDGET",
        "DELIVERY__ATTEMPTS",
        "SPLUNK__URL",
        "SPLUNK__OTHER",
        "SPLUNK__TIMEOUT",
        "SPLUNK__CA_CERT",
        "SPLUNK__MIN_SEVERITY",
        "SPLUNK__EVENTS",
        "SPLUNK__DROP_FIELDS",
        "SPLUNK__REDACT",
        "SPLUNK__SAMPLES",
        "SPLUNK__SNAPSHOTS",
        "SPLUNK__FILTER",
    ];
    for name in names {
        let (mut settings, message) = faults(&[(name, "Hunter2 value\"")]);
        settings.dedup(); // an expression can be wrong in two places
        assert_eq!(settings, [name]);
        assert!(!message.contains("Hunter2"), "{message}");
    }
}

#[test]
fn an_unresolved_reference_is_a_fault_wherever_it_stands() {
    for name in [
        "DESTINATIONS",
        "LOG_LEVEL",
        "STATE__URL",
        "DELIVERY__BUDGET",
        "SPLUNK__TOKEN",
        "SPLUNK__INDEX",
        "SPLUNK__EVENTS",
        "SPLUNK__REDACT",
    ]
    .into_iter()
    .chain(Identity::SETTINGS)
    {
        let (settings, message) = faults(&[(name, "@microsoft.KeyVault(SecretUri=https://v.example/secrets/n)")]);
        assert_eq!(settings, [name]);
        assert!(message.contains("not resolved"), "{message}");
    }
}

#[test]
fn faulty_certificates_are_named_beside_what_is_missing() {
    let bad = "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----";
    let (settings, message) = faults(&[("SPLUNK__TOKEN", ""), ("SPLUNK__CA_CERT", bad)]);
    assert_eq!(settings, ["SPLUNK__TOKEN", "SPLUNK__CA_CERT"], "{message}");
}
