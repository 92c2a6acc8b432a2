use serde_json::Value;

use super::*;
use crate::event::decode::{Decoded, Texts, decode};
use crate::event::parse_time;
use crate::parcel::{Auth, HttpParcel, Parcel};
use crate::settings::Values;

pub(super) const BRUTE_FORCE: &str = include_str!("../../../tests/fixtures/events/alert_ssh_brute_force.json");
pub(super) const RECOMMENDATION: &str = include_str!("../../../tests/fixtures/matters/recommendation.json");
pub(super) const FINDING: &str = include_str!("../../../tests/fixtures/matters/finding.json");
pub(super) const ATTACK_PATH: &str = include_str!("../../../tests/fixtures/matters/attack_path.json");
const SCORE: &str = include_str!("../../../tests/fixtures/events/secure_score.json");
const COMPLIANCE: &str = include_str!("../../../tests/fixtures/events/compliance.json");
const LOG: &str = include_str!("../../../tests/fixtures/events/activity_log.json");
const INCIDENT: &str = include_str!("../../../tests/fixtures/events/alert_flat_incident.json");
const URL: (&str, &str) = ("URL", "https://acme.service-now.com");
const BASIC: [(&str, &str); 2] = [("USER", "relay"), ("PASSWORD", "hunter2")];
const OAUTH: [(&str, &str); 2] = [("CLIENT_ID", "client"), ("CLIENT_SECRET", "hunter2")];

fn opened(settings: &[(&str, &str)]) -> Result<Box<dyn Destination>, SettingsError> {
    let values = Values::new(settings.iter().map(|(key, value)| (format!("SERVICENOW__{key}"), (*value).to_owned())));
    open(&Section::new("servicenow", KIND.settings.to_vec(), &values))
}

/// Opens the destination at an instance with Basic authentication; of settings with one name the first counts.
pub(super) fn open_with(settings: &[(&str, &str)]) -> Box<dyn Destination> {
    opened(&[settings, &BASIC, &[URL]].concat()).unwrap()
}

/// Runs `see` on the only event of a body.
pub(super) fn with_event<T>(body: &str, see: impl FnOnce(&Event<'_>) -> T) -> T {
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    decode(body.as_bytes(), parse_time("2026-02-06T00:00:00Z").unwrap(), &texts, &mut decoded);
    let [event] = decoded.events.as_slice() else { panic!("one record") };
    see(event)
}

/// The record of the only event of a body.
pub(super) fn record(destination: &dyn Destination, body: &str) -> String {
    let mut out = Vec::new();
    with_event(body, |event| destination.render(event, &mut out)).unwrap();
    String::from_utf8(out).unwrap()
}

/// JSON for a person: one member a line.
pub(super) fn pretty(json: &str) -> String {
    serde_json::to_string_pretty(&serde_json::from_str::<Value>(json).unwrap()).unwrap()
}

fn http(parcel: Option<Parcel>) -> HttpParcel {
    match parcel {
        Some(Parcel::Http(parcel)) => parcel,
        other => panic!("{other:?}"),
    }
}

#[test]
fn exactly_one_pair_of_credentials() {
    for good in [&BASIC, &OAUTH] {
        assert!(opened(&[&good[..], &[URL]].concat()).is_ok());
    }
    for bad in [
        &[][..],
        &BASIC[..1],
        &BASIC[1..],
        &OAUTH[..1],
        &[BASIC[0], OAUTH[1]],
        &[BASIC[0], BASIC[1], OAUTH[0]],
        &[BASIC[0], BASIC[1], OAUTH[0], OAUTH[1]],
        &[("USER", "a:b"), BASIC[1]],
    ] {
        let error = opened(&[bad, &[URL]].concat()).unwrap_err().to_string();
        assert!(error.contains("SERVICENOW__USER") && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_token_is_bought_at_the_instance_and_goes_nowhere_else() {
    for (base, token_url) in [
        ("https://acme.service-now.com", "https://acme.service-now.com/oauth_token.do"),
        ("https://acme.service-now.com/", "https://acme.service-now.com/oauth_token.do"),
        ("http://127.0.0.1:9700/servicenow/", "http://127.0.0.1:9700/servicenow/oauth_token.do"),
    ] {
        let destination = opened(&[OAUTH[0], OAUTH[1], ("URL", base)]).unwrap();
        let Auth::OAuth2(credentials) = http(destination.probe()).auth else { panic!("no OAuth") };
        assert_eq!(credentials.token_url.as_str(), token_url);
        assert!(credentials.hosts.admit(&base.parse().unwrap()));
        assert!(!credentials.hosts.admit(&"https://other.service-now.com/".parse().unwrap()));
    }
}

#[test]
fn faults_are_named_all_at_once_and_without_values() {
    let faulty = [
        ("URL", "https://acme.service-now.com/api/now/table/incident?x=hunter2"),
        BASIC[0],
        BASIC[1],
        ("TABLE", "incident/../sys_user"),
        ("IMPACT_URGENCY", "high=9/9"),
        ("STATE_RESOLVED", "6^x"),
        ("CALLER", "Alice"),
        ("FIELDS", "state=6"),
        ("INCIDENTS", "perhaps"),
        ("CONCURRENCY", "5"),
    ];
    let error = opened(&faulty).unwrap_err().to_string();
    for (name, _) in faulty.iter().filter(|(name, _)| !["USER", "PASSWORD"].contains(name)) {
        assert!(error.contains(&format!("SERVICENOW__{name}: ")), "{name} in {error}");
    }
    assert!(!error.contains("hunter2") && !error.contains("Alice"));
    for bad in [
        [("MODE", "import"), ("STAGING_TABLE", "a/b")],
        [("MODE", "import"), ("COLUMN_PREFIX", "U-")],
        [("MODE", "event"), ("SEVERITY_MAP", "high=0")],
        [("MODE", "event"), ("SOURCE", "a\nb")],
        [("MODE", "tables"), ("TABLE", "incident")],
    ] {
        assert!(opened(&[&bad[..], &BASIC, &[URL]].concat()).is_err(), "{bad:?}");
    }
}

#[test]
fn matters_are_taken_and_incidents_as_the_settings_say() {
    for mode in ["table", "import", "event"] {
        for (incidents, takes) in [("also", [true, true]), ("only", [false, true]), ("never", [true, false])] {
            let destination = open_with(&[("MODE", mode), ("INCIDENTS", incidents)]);
            let taken = [BRUTE_FORCE, INCIDENT].map(|body| with_event(body, |event| destination.takes(event)));
            assert_eq!(taken, takes, "{mode} {incidents}");
            let takes = |body: &str| with_event(body, |event| destination.takes(event));
            assert!([RECOMMENDATION, FINDING, ATTACK_PATH].into_iter().all(takes));
            assert!(![SCORE, COMPLIANCE, LOG].into_iter().any(takes));
            assert!(!takes(&RECOMMENDATION.replace("Unhealthy", "")), "it opens and closes nothing");
        }
    }
}

#[test]
fn probes_ask_for_one_row() {
    for (mode, path) in [("table", "incident"), ("import", "incident"), ("event", "em_event")] {
        let parcel = http(open_with(&[("MODE", mode)]).probe());
        assert_eq!(parcel.method, http::Method::GET);
        assert_eq!(parcel.url.path(), format!("/api/now/v2/table/{path}"));
        assert!(parcel.url.query().unwrap().starts_with("sysparm_limit=1&sysparm_fields=sys_id"), "{}", parcel.url);
    }
}

#[test]
fn no_secret_is_shown() {
    for settings in [&BASIC, &OAUTH] {
        let destination = opened(&[&settings[..], &[URL]].concat()).unwrap();
        assert!(!format!("{destination:?} {:?}", destination.probe()).contains("hunter2"));
    }
}

#[test]
fn missing_close_codes_are_worth_a_word() {
    assert_eq!(open_with(&[]).warnings().len(), 1);
    assert!(open_with(&[("CLOSE_CODE", "x")]).warnings().is_empty());
    assert!(open_with(&[("MODE", "event")]).warnings().is_empty());
}
