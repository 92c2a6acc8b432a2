//! Which events go to which destination: `MIN_SEVERITY` and `EVENTS`.

use defender_relay::event::{Event, EventId, RecordKind, Severity};
use defender_relay::route::{ROUTE_SETTINGS, Route};
use defender_relay::settings::{Section, SettingsError, Values};
use jiff::Timestamp;

fn route(settings: &[(&str, &str)]) -> Result<Route, SettingsError> {
    let values = Values::new(settings.iter().map(|(key, value)| (format!("SIEM__{key}"), (*value).to_owned())));
    let section = Section::new("siem", vec![ROUTE_SETTINGS], &values);
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
            assert!(route.takes(&event(kind, severity)), "{kind:?} {severity:?}");
        }
    }
}

#[test]
fn a_minimum_keeps_back_what_is_known_to_be_less() {
    let route = route(&[("MIN_SEVERITY", "Medium")]).unwrap();
    let taken: Vec<Severity> =
        Severity::ALL.into_iter().filter(|severity| route.takes(&event(RecordKind::Alert, *severity))).collect();
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
    assert!(!route.takes(&event(RecordKind::Finding, Severity::Critical)));
    assert!(route.takes(&event(RecordKind::Alert, Severity::Low)));
}

#[test]
fn mistakes_name_their_setting_and_what_would_be_right() {
    let error = route(&[("MIN_SEVERITY", "urgent"), ("EVENTS", "allerts")]).unwrap_err();
    let named: Vec<&str> = error.faults.iter().map(|fault| fault.setting.as_str()).collect();
    assert!(named.contains(&"SIEM__MIN_SEVERITY") && named.contains(&"SIEM__EVENTS"), "{named:?}");
    assert!(error.to_string().contains("secure_score_control"), "the known kinds are listed: {error}");
    for nothing in ["!*", "alert, !alert", ","] {
        let error = route(&[("EVENTS", nothing)]).unwrap_err();
        assert!(error.faults.iter().all(|fault| fault.setting == "SIEM__EVENTS"), "{nothing:?}: {error}");
    }
}
