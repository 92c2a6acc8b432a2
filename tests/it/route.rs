//! Which events go to which destination, and what the documents promise about it.

use defender_relay::destinations::CATALOG;
use defender_relay::event::decode::{Decoded, Texts, decode};
use defender_relay::event::{Event, EventId, RecordKind, Severity};
use defender_relay::route::{self, Decision, FUNCTIONS, Filter, Route, Subject, Unfiltered, VARIABLES, Withheld};
use defender_relay::settings::{Section, SettingsError, Values};
use jiff::Timestamp;

use crate::support;

fn route(settings: &[(&str, &str)]) -> Result<Route, SettingsError> {
    let values = Values::new(settings.iter().map(|(key, value)| (format!("SIEM__{key}"), (*value).to_owned())));
    let splunk = CATALOG.iter().find(|kind| kind.name == "splunk").unwrap();
    let section = Section::new("siem", vec![route::settings(splunk)], &values);
    let route = Route::from_section(&section);
    section.finish(route)
}

fn event(kind: RecordKind, severity: Severity) -> Event<'static> {
    Event {
        id: EventId::of(b"{}"),
        kind,
        raw: "{}",
        key: None,
        title: None,
        resource: None,
        time: None,
        seen: Timestamp::UNIX_EPOCH,
        taken: Timestamp::UNIX_EPOCH,
        severity,
        alert: None,
        details: Default::default(),
    }
}

fn takes(route: &Route, event: &Event<'_>) -> bool {
    route.decide(&Subject::new(event)).takes()
}

/// What a route with these settings decides on a record.
fn decision(settings: &[(&str, &str)], record: &str) -> Decision {
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    decode(record.as_bytes(), Timestamp::UNIX_EPOCH, &texts, &mut decoded);
    route(settings).unwrap().decide(&Subject::new(&decoded.events[0]))
}

/// Names of the kinds that this `EVENTS` takes.
fn kinds(events: &str) -> Vec<&'static str> {
    let route = route(&[("EVENTS", events)]).unwrap();
    RecordKind::ALL.into_iter().filter(|kind| route.takes_kind(*kind)).map(RecordKind::name).collect()
}

#[test]
fn without_settings_everything_goes() {
    let route = route(&[]).unwrap();
    for kind in RecordKind::ALL {
        for severity in Severity::ALL {
            assert!(takes(&route, &event(kind, severity)), "{kind:?} {severity:?}");
        }
    }
}

#[test]
fn a_minimum_keeps_back_what_is_known_to_be_less() {
    let route = route(&[("MIN_SEVERITY", "Medium")]).unwrap();
    let taken: Vec<Severity> =
        Severity::ALL.into_iter().filter(|severity| takes(&route, &event(RecordKind::Alert, *severity))).collect();
    // An alert whose severity is missing or new may be the worst of all.
    assert_eq!(taken, [Severity::Unknown, Severity::Medium, Severity::High, Severity::Critical]);
}

#[test]
fn events_names_what_goes_or_what_stays() {
    assert_eq!(kinds("alert"), ["alert"]);
    assert_eq!(kinds(" Alert , attack_path "), ["alert", "attack_path"]);
    assert_eq!(kinds("*").len(), RecordKind::ALL.len());
    assert_eq!(kinds("all").len(), RecordKind::ALL.len());
    let all_but = kinds("!secure_score");
    assert_eq!(all_but.len(), RecordKind::ALL.len() - 1);
    assert!(!all_but.contains(&"secure_score"));
    assert_eq!(kinds("*, !secure_score"), all_but);
    assert_eq!(kinds("alert, finding, !finding"), ["alert"]);
}

#[test]
fn a_kind_that_is_left_out_stays_whatever_its_severity() {
    let route = route(&[("EVENTS", "!finding"), ("MIN_SEVERITY", "low")]).unwrap();
    assert!(!takes(&route, &event(RecordKind::Finding, Severity::Critical)));
    assert!(takes(&route, &event(RecordKind::Alert, Severity::Low)));
}

#[test]
fn every_kind_of_destination_has_defaults_that_are_sound() {
    for kind in CATALOG {
        let values = Values::default();
        let section = Section::new("x", vec![route::settings(kind)], &values);
        let route = section.finish(Route::from_section(&section)).unwrap();
        assert!(route.takes_kind(RecordKind::Alert), "{} would get no alert", kind.name);
        let wants_scores = kind.events.starts_with('*') && !kind.events.contains("!secure_score");
        assert_eq!(route.takes_kind(RecordKind::SecureScore), wants_scores, "{}", kind.name);
        let snapshot = r#"{"SystemAlertId":"1","AlertType":"x","Severity":"High","securityEventDataEnrichment":{"isSnapshot":true}}"#;
        let (texts, mut decoded) = (Texts::default(), Decoded::default());
        decode(snapshot.as_bytes(), Timestamp::UNIX_EPOCH, &texts, &mut decoded);
        assert_eq!(takes(&route, &decoded.events[0]), kind.snapshots, "{}", kind.name);
    }
}

#[test]
fn the_first_setting_that_withholds_is_named() {
    let sample = r#"{"SystemAlertId":"1","AlertType":"SIMULATED_x","AlertDisplayName":"x","Severity":"Low"}"#;
    let withheld = |settings: &[(&str, &str)], record: &str| match decision(settings, record) {
        Decision::Withholds(withheld) => withheld,
        other => panic!("{settings:?}: {other:?}"),
    };
    let everything = [("SAMPLES", "drop"), ("FILTER", "false"), ("MIN_SEVERITY", "high"), ("EVENTS", "finding")];
    let expected = [Withheld::Kind(RecordKind::Alert), Withheld::Severity { is: Severity::Low, least: Severity::High }];
    assert_eq!(withheld(&everything, sample), expected[0]);
    assert_eq!(withheld(&everything[..3], sample), expected[1]);
    assert_eq!(withheld(&everything[..2], sample), Withheld::Sample);
    assert_eq!(withheld(&everything[1..2], sample), Withheld::Filter);
    let log = r#"{"time":"2024-01-01T00:00:00Z","category":"AuditLogs","operationName":"Add user"}"#;
    let only = [("LOG_CATEGORIES", "signinlogs"), ("FILTER", "false")];
    assert_eq!(withheld(&only, log), Withheld::Category("AuditLogs".to_owned()));
    assert_eq!(decision(&only[..1], sample), Decision::Takes, "what is no log has no category");
    let snapshot = r#"{"type":"Microsoft.Security/assessments","securityEventDataEnrichment":{"isSnapshot":"TRUE"}}"#;
    assert_eq!(withheld(&[("SNAPSHOTS", "false"), ("FILTER", "false")], snapshot), Withheld::Snapshot);
    assert_eq!(decision(&[("SNAPSHOTS", "true")], snapshot), Decision::Takes);
}

#[test]
fn an_event_that_a_filter_fails_on_passes() {
    let filter = [("FILTER", "record.properties.owner == 'soc'")];
    let record = r#"{"type":"Microsoft.Security/assessments","properties":{"owner":"soc"}}"#;
    assert_eq!(decision(&filter, record), Decision::Takes);
    assert_eq!(decision(&filter, &record.replace("soc", "dev")), Decision::Withholds(Withheld::Filter));
    assert_eq!(decision(&filter, &record.replace("owner", "other")), Decision::TakesUnfiltered(Unfiltered::Missing));
}

#[test]
fn mistakes_name_their_setting_and_what_would_be_right() {
    let wrong = [
        ("MIN_SEVERITY", "urgent"),
        ("EVENTS", "allerts"),
        ("SAMPLES", "maybe"),
        ("SNAPSHOTS", "sometimes"),
        ("LOG_CATEGORIES", "a, !a"),
        ("FILTER", "severty == 'high'"),
    ];
    let error = route(&wrong).unwrap_err();
    let named: Vec<&str> = error.faults.iter().map(|fault| fault.setting.as_str()).collect();
    for (key, _) in wrong {
        assert!(named.contains(&format!("SIEM__{key}").as_str()), "{key}: {named:?}");
    }
    assert!(error.to_string().contains("secure_score_control"), "the known kinds are listed: {error}");
    assert!(error.to_string().contains("at character 1: unknown variable; known: kind, severity"), "{error}");
    for nothing in ["!*", "alert, !alert", ","] {
        let error = route(&[("EVENTS", nothing)]).unwrap_err();
        assert!(error.faults.iter().all(|fault| fault.setting == "SIEM__EVENTS"), "{nothing:?}: {error}");
    }
}

fn page() -> String {
    std::fs::read_to_string(support::root().join("docs/filters.md")).unwrap()
}

#[test]
fn the_page_on_filters_lists_what_there_is() {
    let page = page();
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(|cell| cell.trim().trim_matches('`'));
        Some((cells.next()?, cells.next()?))
    });
    let variables: Vec<_> =
        rows.filter(|(name, _)| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')).collect();
    assert_eq!(variables, VARIABLES);
    for function in FUNCTIONS {
        assert!(page.contains(&format!("`{function}`")) || page.contains(&format!(".{function}(")), "{function}");
    }
    for setting in route::settings(&CATALOG[0]) {
        assert!(page.contains(&format!("| `{}` |", setting.key)), "{}", setting.key);
    }
}

#[test]
fn every_example_divides_the_fixtures() {
    let page = page();
    let (_, examples) = page.split_once("## Examples").unwrap();
    let examples: Vec<&str> =
        examples.split("```cel\n").skip(1).map(|rest| rest.split_once("```").unwrap().0.trim()).collect();
    assert!(examples.len() >= 10);
    // Besides the fixtures, records that some example is about.
    let extra = [
        r#"{"time":"2024-01-01T00:00:00Z","category":"Administrative","operationName":"Microsoft.Network/networkSecurityGroups/write","correlationId":"1"}"#,
        r#"{"type":"Microsoft.Security/assessments","tags":{"env":"test"},"properties":{"status":{"code":"Healthy"}}}"#,
        r#"{"SystemAlertId":"1","AlertType":"VM_x","AlertDisplayName":"Failed brute force","Severity":"Low","Techniques":["T1110.001"],
            "ExtendedProperties":{"resourceType":"Virtual Machine"},
            "AzureResourceId":"/subscriptions/11111111-2222-4333-8444-555566667777/resourceGroups/Prod-1/providers/Microsoft.Compute/virtualMachines/a"}"#,
    ];
    let folder = support::root().join("tests/fixtures/events");
    let mut bodies: Vec<Vec<u8>> = extra.iter().map(|text| text.as_bytes().to_vec()).collect();
    bodies.extend(std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()));
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    for body in &bodies {
        decode(body, Timestamp::UNIX_EPOCH, &texts, &mut decoded);
    }
    for example in examples {
        let filter = Filter::compile(example).unwrap_or_else(|problems| panic!("{example}: {problems:?}"));
        let found: Vec<_> = decoded.events.iter().map(|event| filter.admits(&Subject::new(event))).collect();
        assert!(found.iter().all(Result::is_ok), "{example} cannot be evaluated on some event");
        assert!(found.contains(&Ok(true)) && found.contains(&Ok(false)), "{example} divides nothing");
    }
}
