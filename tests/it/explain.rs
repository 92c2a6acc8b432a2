//! `defender-relay preview --explain`, and what the settings that choose events do in a whole run, through the built program.

use defender_relay::local::source::SAMPLES;
use serde_json::Value;

use crate::local::run;

/// Two destinations that differ in what they take.
const SETTINGS: [(&str, &str); 8] = [
    ("DESTINATIONS", "splunk, xsoar=paloalto_xsoar"),
    ("SPLUNK__URL", "https://splunk.example"),
    ("SPLUNK__TOKEN", "token"),
    ("SPLUNK__MIN_SEVERITY", "medium"),
    ("SPLUNK__FILTER", "!(category == 'SignInLogs' || record.?n.orValue(0) > 1)"),
    ("XSOAR__URL", "https://xsoar.example"),
    ("XSOAR__VERSION", "6"),
    ("XSOAR__API_KEY", "key"),
];

/// What `--explain` says of this record with more settings: the outcome and the setting of each destination.
async fn explained(record: &str, more: &[(&str, &str)]) -> Vec<(String, Option<String>)> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("event.json"), record).unwrap();
    let settings = [&SETTINGS[..], more].concat();
    let ended = run(folder.path(), &["preview", "--explain", "--format", "json", "event.json"], &settings).await;
    let events: Vec<Value> =
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", ended.stdout, ended.stderr));
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let of = |event: &Value| -> Vec<(String, Option<String>)> {
        let destinations = event["destinations"].as_array().unwrap();
        destinations.iter().map(|one| (text(&one["outcome"]).unwrap(), text(&one["setting"]))).collect()
    };
    events.iter().flat_map(of).collect()
}

fn outcome(what: &str, setting: &str) -> (String, Option<String>) {
    (what.to_owned(), (!setting.is_empty()).then(|| setting.to_owned()))
}

const ALERT: &str = r#"{"SystemAlertId":"1","AlertType":"VM_x","AlertDisplayName":"Odd login","Severity":"High"}"#;

#[tokio::test]
async fn each_setting_is_named_when_it_withholds() {
    let sent = || outcome("sent", "");
    assert_eq!(explained(ALERT, &[]).await, [sent(), sent()]);
    let low = ALERT.replace("High", "Low");
    assert_eq!(explained(&low, &[]).await, [outcome("withheld", "SPLUNK__MIN_SEVERITY"), sent()]);
    let finding = r#"{"type":"Microsoft.Security/assessments/subAssessments","n":2}"#;
    let both = [outcome("withheld", "SPLUNK__FILTER"), outcome("withheld", "XSOAR__EVENTS")];
    assert_eq!(explained(finding, &[]).await, both);
    let silent = [outcome("withheld", "SPLUNK__FILTER"), outcome("withheld", "")];
    assert_eq!(explained(finding, &[("XSOAR__EVENTS", "*")]).await, silent, "XSOAR has no use for findings");
    let sample = ALERT.replace("VM_x", "SIMULATED_VM_x");
    let dropped = [sent(), outcome("withheld", "XSOAR__SAMPLES")];
    assert_eq!(explained(&sample, &[("XSOAR__SAMPLES", "drop")]).await, dropped);
    let snapshot = ALERT.replace("{", r#"{"securityEventDataEnrichment":{"isSnapshot":true},"#);
    assert_eq!(explained(&snapshot, &[]).await, [sent(), outcome("withheld", "XSOAR__SNAPSHOTS")]);
    let log = r#"{"time":"2024-01-01T00:00:00Z","category":"AuditLogs","operationName":"Add user"}"#;
    let withheld = [outcome("withheld", "SPLUNK__LOG_CATEGORIES"), outcome("withheld", "XSOAR__EVENTS")];
    assert_eq!(explained(log, &[("SPLUNK__LOG_CATEGORIES", "!auditlogs")]).await, withheld);
    let mistaken = [outcome("sent", ""), outcome("sent", "XSOAR__FILTER")];
    assert_eq!(explained(ALERT, &[("XSOAR__FILTER", "record.nosuch == 1")]).await, mistaken);
}

#[tokio::test]
async fn explanations_are_for_reading_too_and_take_the_samples() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(folder.path(), &["preview", "--explain", "-d", "xsoar"], &SETTINGS).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout.matches("\n  xsoar  ").count(), SAMPLES.len(), "{}", ended.stdout);
    assert!(ended.stdout.contains("xsoar  withheld by XSOAR__EVENTS: recommendation is not among"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("splunk"), "only what was asked for: {}", ended.stdout);
    let unknown = folder.path().join("unknown.json");
    std::fs::write(&unknown, r#"{"title":"two\nlines"}"#).unwrap();
    let settings = [&SETTINGS[..], &[("SPLUNK__EVENTS", "alert")]].concat();
    let ended = run(folder.path(), &["preview", "--explain", unknown.to_str().unwrap()], &settings).await;
    assert!(ended.stdout.contains("it would be a dead letter"), "{}", ended.stdout);
    assert!(ended.stdout.contains("two lines ["), "{}", ended.stdout);
    let ended = run(folder.path(), &["preview", "--format", "json"], &SETTINGS).await;
    assert_eq!(ended.code, Some(2), "a format without --explain");
}

#[tokio::test]
async fn a_faulty_filter_stops_the_start_and_is_not_quoted() {
    let folder = tempfile::tempdir().unwrap();
    for (filter, problem) in [
        ("severity = 'hunter2'", "SPLUNK__FILTER: syntax error at character 10"),
        ("severity == 'hunter2'", "SPLUNK__FILTER: at character 13: no severity"),
        ("hunter2 == 'x'", "SPLUNK__FILTER: at character 1: unknown variable; known: kind, severity"),
        ("severity_level > '4'", "SPLUNK__FILTER: at character 16: compares a number with a text"),
        ("title", "SPLUNK__FILTER: must yield true or false, not a text"),
    ] {
        // Of settings with one name the first counts here.
        let settings: Vec<_> = SETTINGS
            .iter()
            .copied()
            .filter(|(name, _)| *name != "SPLUNK__FILTER")
            .chain([("SPLUNK__FILTER", filter)])
            .collect();
        let ended = run(folder.path(), &["check"], &[&settings[..], &[("STATE__URL", "memory:")]].concat()).await;
        assert_eq!(ended.code, Some(2), "{filter}");
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains(problem) && !said.contains("hunter2"), "{filter}: {said}");
    }
}

#[tokio::test]
async fn a_sample_is_tagged_in_what_is_written_and_untouched_in_what_is_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    let sample = ALERT.replace("VM_x", "SIMULATED_VM_x");
    std::fs::write(folder.path().join("event.json"), &sample).unwrap();
    let settings = [
        ("DESTINATIONS", "arcsight, lookout, webhook"),
        ("ARCSIGHT__ADDRESS", "tls://collector.example"),
        ("ARCSIGHT__SAMPLES", "tag"),
        ("LOOKOUT__URL", "https://lookout.example"),
        ("LOOKOUT__SECRET", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
        ("LOOKOUT__SAMPLES", "tag"),
        ("WEBHOOK__URL", "https://webhook.example"),
        ("WEBHOOK__SECRET", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
        ("WEBHOOK__SAMPLES", "tag"),
    ];
    let shown = |name: &'static str| {
        let (folder, settings) = (folder.path().to_owned(), settings);
        async move {
            let ended = run(&folder, &["preview", "-d", name, "event.json"], &settings).await;
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
            ended.stdout
        }
    };
    assert!(shown("arcsight").await.contains("|[SAMPLE ALERT] Odd login|"));
    assert!(shown("lookout").await.contains(r#""title":"[SAMPLE ALERT] Odd login""#));
    let passed = shown("webhook").await;
    assert!(passed.contains(&sample), "{passed}");
}
