use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::*;
use crate::batch::Span;
use crate::event::decode::{Decoded, Texts, decode};
use crate::event::parse_time;
use crate::format::record;
use crate::format::samples::{every_kind_as, of_every_kind};
use crate::parcel::{Auth, Gzip};
use crate::settings::Values;

const BRUTE_FORCE: &str = include_str!("../../../tests/fixtures/events/alert_ssh_brute_force.json");
const EVERY_ENTITY: &str = include_str!("../../../tests/fixtures/events/alert_every_entity.json");
const MALWARE: &str = include_str!("../../../tests/fixtures/events/alert_malware_blob.json");
const RECOMMENDATION: &str = include_str!("../../../tests/fixtures/events/recommendation_vm_ports.json");
const WITHOUT_ADDRESS: &str = include_str!("../../../tests/fixtures/events/alert_flat_minimal.json");

const URL: (&str, &str) = ("URL", "https://api-acme.xdr.eu.paloaltonetworks.com");
const COLLECTOR: &[(&str, &str)] = &[URL, ("TOKEN", "t0ken")];
const ALERTS: &[(&str, &str)] = &[URL, ("MODE", "parsed_alerts"), ("API_KEY", "hunter2"), ("KEY_ID", "7")];

fn open(pairs: &[(&str, &str)]) -> Result<Cortex, SettingsError> {
    let values = Values::new(pairs.iter().map(|(key, value)| (format!("CORTEX__{key}"), (*value).to_owned())));
    Cortex::open(&Section::new("cortex", KIND.settings.to_vec(), &values))
}

/// Does something with each event in `body`.
fn with_event<T>(body: &str, act: impl Fn(&Event<'_>) -> T) -> T {
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    decode(body.as_bytes(), parse_time("2026-02-06T00:00:00Z").unwrap(), &texts, &mut decoded);
    let [event] = decoded.events.as_slice() else { panic!("one record") };
    act(event)
}

fn render(settings: &[(&str, &str)], body: &str) -> Result<String, RenderError> {
    let cortex = open(settings).unwrap();
    with_event(body, |event| {
        let mut out = Vec::new();
        cortex.render(event, &mut out).map(|()| String::from_utf8(out).unwrap())
    })
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn packed(cortex: &Cortex, records: &[&str]) -> HttpParcel {
    let (mut buffer, mut spans) = (Vec::new(), Vec::new());
    for record in records {
        let start = buffer.len();
        buffer.extend_from_slice(record.as_bytes());
        spans.push(with_event(BRUTE_FORCE, |event| Span::of(event, start..buffer.len())));
    }
    let Parcel::Http(parcel) = cortex.pack(Records::new(&buffer.into(), &spans)) else { panic!() };
    parcel
}

fn reply(status: u16, body: &'static str) -> Reply {
    let status = StatusCode::from_u16(status).unwrap();
    Reply::Http { status, headers: HeaderMap::new(), body: Bytes::from_static(body.as_bytes()) }
}

#[test]
fn lines_and_alerts_are_these() {
    insta::assert_snapshot!("collector_brute_force", render(COLLECTOR, BRUTE_FORCE).unwrap());
    insta::assert_snapshot!("collector_recommendation", render(COLLECTOR, RECOMMENDATION).unwrap());
    insta::assert_snapshot!("parsed_brute_force", render(ALERTS, BRUTE_FORCE).unwrap());
    insta::assert_snapshot!("parsed_every_entity", render(ALERTS, EVERY_ENTITY).unwrap());
}

#[test]
fn the_readme_shows_real_records() {
    let readme = include_str!("README.md");
    for record in [render(COLLECTOR, BRUTE_FORCE).unwrap(), render(ALERTS, BRUTE_FORCE).unwrap()] {
        assert!(readme.contains(&format!("```json\n{}\n```\n", record.trim_end())), "it should show {record}");
    }
}

#[test]
fn the_record_is_copied_to_the_byte_on_one_line() {
    for record in [BRUTE_FORCE, MALWARE, EVERY_ENTITY, RECOMMENDATION] {
        let line = render(COLLECTOR, record).unwrap();
        assert!(line.ends_with(&format!(",{}\n", record.trim()[1..].replace('\n', " "))), "{line}");
    }
    assert_eq!(json(&render(COLLECTOR, "{ }").unwrap()).as_object().unwrap().len(), 2);
}

#[test]
fn every_kind_is_copied_to_the_byte_under_its_own_time() {
    let cortex = open(COLLECTOR).unwrap();
    let render = |event: &Event<'_>| {
        let mut out = Vec::new();
        cortex.render(event, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    for (name, event) in of_every_kind() {
        let line = render(&event);
        assert!(line.ends_with(&format!(",{}\n", event.raw[1..].replace(['\n', '\r', '\t'], " "))), "{name}: {line}");
        let time = json(&line)["_time"].as_str().and_then(parse_time).unwrap();
        assert_eq!(time.as_millisecond(), record::time(&event).as_millisecond(), "{name}");
    }
    insta::assert_snapshot!("collector_every_kind", every_kind_as(render));
}

#[test]
fn a_record_with_our_names_keeps_its_own() {
    for own in [r#"{"_time":"mine","a":1}"#, r#"{"_event_id":{"_time":2}}"#, r#"{"_truncated_fields":null}"#] {
        let line = json(&render(COLLECTOR, own).unwrap());
        assert_eq!(line["record"], json(own));
        assert!(line["_event_id"].is_string() && line["_time"].is_string());
    }
    // Deeper down the names are nobody's business.
    let line = json(&render(COLLECTOR, r#"{"a":{"_time":1}}"#).unwrap());
    assert_eq!(line["a"]["_time"], 1);
}

#[test]
fn a_giant_is_shortened_and_says_what_is_gone() {
    let giant = format!(r#"{{"SystemAlertId":"a","AlertType":"b","Description":"{}"}}"#, "\\u0000".repeat(400_000));
    let line = render(COLLECTOR, &giant).unwrap();
    assert!(line.len() <= 1_000_000, "{}", line.len());
    let record = json(&line);
    assert_eq!((&record["_truncated_fields"], &record["SystemAlertId"]), (&json("\"Description\""), &json("\"a\"")));
    // Many members with long and odd names.
    let members: Vec<String> = (0..20_000).map(|n| format!(r#""\"\u0001{n}{}":1"#, "é".repeat(40))).collect();
    let line = render(COLLECTOR, &format!("{{{}}}", members.join(","))).unwrap();
    assert!(line.len() <= 1_000_000, "{}", line.len());
    assert!(json(&line)["_truncated_fields"].as_str().unwrap().len() <= 1_000);
}

#[test]
fn the_private_or_else_the_attacked_end_is_local() {
    let connection = |kind: &str, source: &str, destination: &str| {
        let alert = format!(
            r#"{{"SystemAlertId":"a","AlertType":"{kind}","AlertDisplayName":"n","Entities":[
              {{"$id":"1","Type":"network-connection","SourceAddress":{{"$id":"2","Address":"{source}","Type":"ip"}},"SourcePort":50000,
                "DestinationAddress":{{"$id":"3","Address":"{destination}","Type":"ip"}},"DestinationPort":443}}]}}"#
        );
        let alert = json(&render(ALERTS, &alert).unwrap());
        ["local_ip", "local_ip_v6", "local_port", "remote_ip", "remote_ip_v6", "remote_port"]
            .map(|name| alert[name].clone())
    };
    let (inside, outside, elsewhere) = ("10.0.0.4", "203.0.113.9", "2001:db8::9");
    let none = Value::Null;
    for kind in ["VM_LoginBruteForceSuccess", "VM_Outgoing_BruteForce"] {
        let expected = [inside.into(), none.clone(), 50_000.into(), outside.into(), none.clone(), 443.into()];
        assert_eq!(connection(kind, inside, outside), expected, "{kind}");
        let expected = [inside.into(), none.clone(), 443.into(), outside.into(), none.clone(), 50_000.into()];
        assert_eq!(connection(kind, outside, inside), expected, "{kind}");
    }
    // IPv4 is demanded, and 0.0.0.0 is no host's.
    let expected = ["0.0.0.0".into(), elsewhere.into(), 443.into(), outside.into(), none.clone(), 50_000.into()];
    assert_eq!(connection("VM_LoginBruteForceSuccess", outside, elsewhere), expected);
    let mapped = connection("VM_LoginBruteForceSuccess", "::ffff:203.0.113.9", inside);
    assert_eq!((&mapped[3], &mapped[4]), (&outside.into(), &none), "IPv4 in the clothes of IPv6");
    let expected = [outside.into(), none, 50_000.into(), "0.0.0.0".into(), elsewhere.into(), 443.into()];
    assert_eq!(connection("VM_Outgoing_BruteForce", outside, elsewhere), expected);
}

#[test]
fn severities_and_times_are_the_apis() {
    let alert = |severity: &str, time: &str| {
        let entities = r#"[{"$id":"1","Type":"ip","Address":"203.0.113.9"}]"#;
        let alert = format!(
            r#"{{"SystemAlertId":"a","AlertType":"t","AlertDisplayName":"n","Severity":"{severity}","TimeGenerated":"{time}","Entities":{entities}}}"#
        );
        json(&render(ALERTS, &alert).unwrap())
    };
    for (given, sent) in
        [("Critical", "High"), ("medium", "Medium"), ("INFORMATIONAL", "Informational"), ("100", "Unknown")]
    {
        assert_eq!(alert(given, "2026-02-06T00:00:00Z")["severity"], sent);
    }
    for time in ["1995-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "soon"] {
        assert_eq!(alert("Low", time)["event_timestamp"], 1_770_336_000_000_i64, "{time}: when it was first seen");
    }
}

#[test]
fn an_alert_without_an_address_never_vanishes() {
    let error = render(ALERTS, WITHOUT_ADDRESS).unwrap_err().to_string();
    assert!(error.contains("no IP address") && error.contains("TOKEN"), "{error}");
    let with_collector = [ALERTS, &[("TOKEN", "t")]].concat();
    assert_eq!(render(&with_collector, WITHOUT_ADDRESS), render(COLLECTOR, WITHOUT_ADDRESS));
    let warnings = open(ALERTS).unwrap().warnings();
    assert!(warnings.iter().any(|warning| warning.contains("dead letters")), "{warnings:?}");
    assert_eq!(open(&with_collector).unwrap().warnings().len(), 1, "that the API is deprecated");
}

#[test]
fn only_the_collector_takes_other_records() {
    for (settings, takes) in [(COLLECTOR, true), (ALERTS, false)] {
        let cortex = open(settings).unwrap();
        assert!(with_event(BRUTE_FORCE, |event| cortex.takes(event)));
        assert_eq!(with_event(RECOMMENDATION, |event| cortex.takes(event)), takes);
    }
}

#[test]
fn any_of_its_urls_leads_to_the_tenant() {
    let host = "https://api-acme.xdr.eu.paloaltonetworks.com";
    for end in ["", "/", "/logs/v1/event", "/logs/v1/event/", "/public_api/v1/alerts/insert_parsed_alerts/"] {
        let url = format!("{host}{end}");
        let collector = packed(&open(&[("URL", &url), COLLECTOR[1]]).unwrap(), &["{}\n"]);
        assert_eq!(collector.url.as_str(), format!("{host}/logs/v1/event"));
        let alerts = packed(&open(&[&[("URL", &*url)], &ALERTS[1..]].concat()).unwrap(), &["{}"]);
        assert_eq!(alerts.url.as_str(), format!("{host}/public_api/v1/alerts/insert_parsed_alerts"));
    }
    let below = packed(&open(&[("URL", "http://127.0.0.1:9/cortex"), COLLECTOR[1]]).unwrap(), &["{}\n"]);
    assert_eq!(below.url.as_str(), "http://127.0.0.1:9/cortex/logs/v1/event");
    let console = open(&[("URL", "https://acme.xdr.eu.paloaltonetworks.com"), COLLECTOR[1]]).unwrap();
    assert!(console.warnings()[0].contains("api-"));
}

#[test]
fn requests_prove_who_sends_them() {
    let headers = |parcel: &HttpParcel| parcel.headers.iter().any(|(name, value)| name == AUTH_ID && value == "7");
    let plain = packed(&open(COLLECTOR).unwrap(), &["{}\n"]);
    assert!(matches!(&plain.auth, Auth::Header { prefix: "", value, .. } if value.expose() == "t0ken"));
    assert!(plain.gzip == Gzip::Never && plain.headers.len() == 1);
    let zipped = packed(&open(&[COLLECTOR, &[("GZIP", "true"), ("AUTH_ID", "7")]].concat()).unwrap(), &["{}\n"]);
    assert!(zipped.gzip == Gzip::Always && headers(&zipped));
    let standard = packed(&open(ALERTS).unwrap(), &["{\"a\":1}", "{\"b\":2}"]);
    assert!(matches!(&standard.auth, Auth::Header { prefix: "", .. }) && headers(&standard));
    assert_eq!(standard.body, r#"{"request_data":{"alerts":[{"a":1},{"b":2}]}}"#);
    let advanced = packed(&open(&[ALERTS, &[("KEY_TYPE", "advanced")]].concat()).unwrap(), &["{}"]);
    assert!(matches!(&advanced.auth, Auth::CortexAdvanced { key_id, .. } if key_id == "7") && !headers(&advanced));
}

#[test]
fn the_same_is_sent_again_after_500_and_the_third_is_a_fault_of_the_set_up() {
    let cortex = open(COLLECTOR).unwrap();
    let mut sent = Parcel::Http(packed(&cortex, &["{\"a\":1}\n"]));
    for _ in 0..2 {
        let Verdict::Then(next) = cortex.judge(&sent, &reply(500, "{}"), 1) else { panic!("it is sent again") };
        let Parcel::Http(parcel) = &*next else { panic!() };
        assert!(parcel.delay.is_some() && parcel.body == "{\"a\":1}\n");
        sent = *next;
    }
    let Verdict::Misconfigured { reason } = cortex.judge(&sent, &reply(500, "{}"), 1) else { panic!("it is clear") };
    assert!(reason.contains("GZIP"), "{reason}");
    assert!(matches!(cortex.judge(&sent, &reply(200, "{}"), 1), Verdict::Accepted), "in the end it works");
}

#[test]
fn a_page_or_an_error_with_200_is_no_delivery() {
    let cortex = open(COLLECTOR).unwrap();
    let lines = Parcel::Http(packed(&cortex, &["{}\n"]));
    for (body, taken) in [(r#"{"error":"false"}"#, true), ("", true), (" <html>sign in</html>", false)] {
        assert_eq!(matches!(cortex.judge(&lines, &reply(200, body), 1), Verdict::Accepted), taken, "{body}");
    }
    let cortex = open(ALERTS).unwrap();
    let alerts = Parcel::Http(packed(&cortex, &["{}"]));
    for (body, taken) in [
        (r#"{"reply":true}"#, true),
        (r#"{"reply":{"ok":1}}"#, true),
        (r#"{"reply":false}"#, false),
        (r#"{"reply":{"err_code":500}}"#, false),
        ("{}", false),
        ("<html>", false),
        ("", false),
    ] {
        let verdict = cortex.judge(&alerts, &reply(200, body), 1);
        assert!(matches!(verdict, Verdict::Accepted | Verdict::Misconfigured { .. }));
        assert_eq!(matches!(verdict, Verdict::Accepted), taken, "{body}");
    }
    assert!(matches!(cortex.judge(&alerts, &reply(402, ""), 1), Verdict::Misconfigured { .. }), "no licence");
}

#[test]
fn faults_are_named_all_at_once_and_without_the_secrets() {
    let named = |pairs: &[(&str, &str)]| -> Vec<String> {
        let error = open(pairs).unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
        error.faults.into_iter().map(|fault| fault.setting.trim_start_matches("CORTEX__").to_owned()).collect()
    };
    assert_eq!(named(&[]), ["URL", "TOKEN"]);
    assert_eq!(named(&[URL, ALERTS[1]]), ["API_KEY", "KEY_ID"]);
    assert_eq!(named(&[URL, ("MODE", "hunter2"), ("TOKEN", "Bearer hunter2")]), ["MODE", "TOKEN"]);
    assert_eq!(
        named(&[URL, ("TOKEN", "hunter2\n!"), ("GZIP", "hunter2"), ("AUTH_ID", "a\nb")]),
        ["TOKEN", "GZIP", "AUTH_ID"]
    );
    assert_eq!(named(&[&ALERTS[..3], &[("KEY_ID", "a\nb"), ("KEY_TYPE", "best")]].concat()), ["KEY_ID", "KEY_TYPE"]);
    assert_eq!(named(&[("URL", "https://api-a.example?x=hunter2"), ("TOKEN", "t")]), ["URL"]);
}

#[test]
fn no_secret_is_shown() {
    for settings in
        [&[COLLECTOR, &[("AUTH_ID", "7")]].concat(), ALERTS, &[ALERTS, &[("KEY_TYPE", "advanced")]].concat()]
    {
        let cortex = open(settings).unwrap();
        let shown = format!("{cortex:?} {:?} {:?}", cortex.probe(), packed(&cortex, &["{}"]));
        assert!(!shown.contains("t0ken") && !shown.contains("hunter2"), "{shown}");
    }
}
