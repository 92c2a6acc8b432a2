use serde_json::{Value, json};

use super::*;
use crate::event::decode::{Decoded, Texts, decode};
use crate::event::{EventId, parse_time};
use crate::format::record::is_log;
use crate::format::samples::{every_kind_as, examples, of_every_kind, recommendation};
use crate::settings::Values;

const TOKEN: &str = "hunter2hunter2hunter2hunter2AAAA";

/// Opens with these settings. Of settings with one name the first counts.
fn open(pairs: &[(&str, &str)]) -> Result<Logzio, SettingsError> {
    let pairs = pairs.iter().chain(&[("TOKEN", TOKEN)]);
    let values = Values::new(pairs.map(|(key, value)| (format!("LOGZIO__{key}"), (*value).to_owned())));
    Logzio::open(&Section::new("logzio", KIND.settings.to_vec(), &values))
}

fn render_event(settings: &[(&str, &str)], event: &Event<'_>) -> String {
    let mut out = Vec::new();
    open(&[&[("REGION", "us")], settings].concat()).unwrap().render(event, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn render(settings: &[(&str, &str)], body: &str) -> String {
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    decode(body.as_bytes(), parse_time("2026-02-06T00:00:00Z").unwrap(), &texts, &mut decoded);
    let [event] = decoded.events.as_slice() else { panic!("one record") };
    render_event(settings, event)
}

fn value(line: &str) -> Value {
    assert_eq!(line.find('\n'), Some(line.len() - 1), "one line");
    serde_json::from_str(line).unwrap()
}

fn address(settings: &[(&str, &str)]) -> String {
    open(settings).unwrap().request.url.to_string()
}

#[test]
fn a_line_is_the_record_to_the_byte_with_a_time_and_the_id() {
    let times = ["2026-02-03T04:09:10.123Z", "2026-02-04T10:00:02.500Z"];
    let records = [include_str!("../../format/examples/a.json"), include_str!("../../format/examples/b.json")];
    for ((example, record), time) in examples().iter().zip(records).zip(times) {
        let record = record.trim_end().strip_suffix('}').unwrap();
        let id = example.event.id;
        let line = format!("{record},\"@timestamp\":\"{time}\",\"eventId\":\"{id}\"}}\n");
        assert_eq!(render_event(&[], &example.event), line);
    }
}

#[test]
fn lines_are_these() {
    insta::assert_snapshot!("logzio_alert", render_event(&[], &examples()[0].event));
    insta::assert_snapshot!("logzio_stringified", render_event(&[("STRINGIFY", "true")], &examples()[0].event));
    insta::assert_snapshot!("logzio_recommendation", render_event(&[], &recommendation()));
}

#[test]
fn lines_of_every_kind_are_these() {
    insta::assert_snapshot!("logzio_every_kind", every_kind_as(|event| render_event(&[], event)));
    insta::assert_snapshot!(
        "logzio_every_kind_stringified",
        every_kind_as(|event| render_event(&[("STRINGIFY", "true")], event))
    );
}

#[test]
fn every_value_of_every_kind_is_the_records_own() {
    for (name, event) in of_every_kind() {
        let line = render_event(&[], &event);
        let (line, record) = (value(&line), serde_json::from_str::<Value>(event.raw).unwrap());
        for (member, own) in record.as_object().unwrap() {
            let renamed = if member == "type" { "type_" } else { member };
            assert_eq!(&line[renamed], own, "{name}: {member}");
        }
    }
}

#[test]
fn stringified_logs_have_members_of_one_kind_only() {
    for (name, event) in of_every_kind().iter().filter(|(_, event)| is_log(event.kind)) {
        let line = value(&render_event(&[("STRINGIFY", "true")], event));
        let record: Value = serde_json::from_str(event.raw).unwrap();
        for (member, sent) in line.as_object().unwrap() {
            assert!(!sent.is_object() && !sent.is_array(), "{name}: {member}");
            if record[member].is_object() {
                assert_eq!(serde_json::from_str::<Value>(sent.as_str().unwrap()).unwrap(), record[member], "{name}");
            }
        }
    }
    for (level, sent) in [("4", "\"4\""), ("\"Error\"", "\"Error\""), ("null", "null")] {
        let log =
            format!(r#"{{"time":"2026-01-01T00:00:00Z","category":"AuditEvent","operationName":"x","Level":{level}}}"#);
        assert!(render(&[("STRINGIFY", "true")], &log).contains(&format!("\"Level\":{sent},")), "{level}");
        assert!(render(&[], &log).contains(&format!("\"Level\":{level},")), "{level}");
    }
}

#[test]
fn the_readme_shows_a_real_line() {
    let line = render_event(&[], &examples()[0].event);
    assert!(include_str!("README.md").contains(&format!("```json\n{line}```\n")), "{line}");
}

#[test]
fn the_readme_tells_what_goes_first() {
    crate::destinations::opened::assert_tells_order(include_str!("README.md"), &crate::format::shrink::DROP_ORDER);
}

#[test]
fn names_that_logz_io_or_this_program_uses_get_an_underscore() {
    let body =
        r#"{"type":"Microsoft.Security/x","Type":"kept","@timestamp":"yesterday","eventId":7,"id":"a","\u0074ype":1}"#;
    let id = EventId::of(body.as_bytes());
    assert_eq!(
        render(&[], body),
        format!(
            "{{\"type_\":\"Microsoft.Security/x\",\"Type\":\"kept\",\"@timestamp_\":\"yesterday\",\"eventId_\":7,\"id\":\"a\",\"type_2\":1,\
             \"@timestamp\":\"2026-02-06T00:00:00.000Z\",\"eventId\":\"{id}\"}}\n"
        )
    );
}

#[test]
fn a_record_without_another_time_keeps_its_timestamp() {
    let timed = |body: &str| {
        let line = value(&render(&[], body));
        (line["@timestamp"].as_str().unwrap().to_owned(), line.get("@timestamp_").cloned())
    };
    let same = r#"{"x":1,"@timestamp":"2026-01-02T03:04:05.678Z"}"#;
    assert_eq!(timed(same), ("2026-01-02T03:04:05.678Z".into(), None));
    let other = r#"{"x":1,"@timestamp":"2026-01-02T03:04:05.6789Z"}"#;
    assert_eq!(timed(other), ("2026-01-02T03:04:05.678Z".into(), Some("2026-01-02T03:04:05.6789Z".into())));
    let both = r#"{"SystemAlertId":"a","AlertType":"T","TimeGenerated":"2026-01-01T00:00:00Z","@timestamp":"2026-01-02T03:04:05.678Z"}"#;
    assert_eq!(timed(both).0, "2026-01-01T00:00:00.000Z");
    let never = r#"{"x":1,"@timestamp":"9999-12-31T23:59:59.999Z"}"#;
    assert_eq!(timed(never).0, "2026-02-06T00:00:00.000Z");
    assert_eq!(timed(r#"{"x":1,"@timestamp":5}"#), ("2026-02-06T00:00:00.000Z".into(), Some(5.into())));
}

#[test]
fn stringified_members_are_json_text_and_texts_stay() {
    let stringify = [("STRINGIFY", "true")];
    let flat = json!({"SystemAlertId": "a", "AlertType": "T", "Entities": [{"Type": "ip"}], "ExtendedProperties": "{\"b\":1}"});
    let line = value(&render(&stringify, &flat.to_string()));
    assert_eq!((&line["Entities"], &line["ExtendedProperties"]), (&json!("[{\"Type\":\"ip\"}]"), &json!("{\"b\":1}")));
    let arm = json!({"type": "Microsoft.Security/Locations/alerts", "properties": {"systemAlertId": "a", "entities": [1], "type": "x"}});
    let line = value(&render(&stringify, &arm.to_string()));
    assert_eq!(line["properties"], json!({"systemAlertId": "a", "entities": "[1]", "type": "x"}));
}

#[test]
fn a_line_that_would_be_too_long_is_shortened_and_says_so() {
    let alert = |bytes: usize| {
        let text = "\"\\".repeat(bytes / 4);
        json!({"SystemAlertId": "a", "AlertType": "T", "ExtendedProperties": {"b": text}, "Entities": [text]})
            .to_string()
    };
    for (settings, bytes, dropped) in [
        (&[][..], 240_000, Value::Null),
        (&[], 260_000, json!(["Entities"])),
        (&[], 520_000, json!(["Entities", "ExtendedProperties"])),
        // Each escape doubles.
        (&[("STRINGIFY", "true")], 240_000, json!(["Entities"])),
    ] {
        let body = alert(bytes);
        let line = render(settings, &body);
        assert!(line.len() <= line::MAX_BYTES);
        let line = value(&line);
        assert_eq!(line["droppedFields"], dropped, "{bytes} {settings:?}");
        assert_eq!(
            (&line["SystemAlertId"], &line["eventId"]),
            (&json!("a"), &json!(EventId::of(body.as_bytes()).to_string()))
        );
    }
    // Only a summary is left: its event id is ours, and stands there once.
    let body = json!({"SystemAlertId": "x".repeat(600_000), "AlertType": "T"}).to_string();
    let line = render(&[], &body);
    assert_eq!((&value(&line)["droppedFields"], line.matches("eventId").count()), (&json!(["*"]), 1));
}

#[test]
fn regions_and_addresses_lead_to_listeners() {
    let query = format!("?token={TOKEN}&type=microsoft_defender_cloud");
    for (settings, listener) in [
        (("REGION", "us"), "https://listener.logz.io:8071/"),
        (("REGION", "EU"), "https://listener-eu.logz.io:8071/"),
        (("URL", "https://listener-wa.logz.io:8071"), "https://listener-wa.logz.io:8071/"),
        (("URL", "https://listener-wa.logz.io/"), "https://listener-wa.logz.io:8071/"),
        (("URL", "https://gate.example/logzio"), "https://gate.example/logzio/"),
        (("URL", "http://127.0.0.1:9700/logzio/"), "http://127.0.0.1:9700/logzio/"),
    ] {
        assert_eq!(address(&[settings]), format!("{listener}{query}"));
    }
    assert!(address(&[("REGION", "us"), ("TYPE", "eventHub")]).ends_with("&type=eventHub"));
}

#[test]
fn faults_are_named_all_at_once_and_without_the_token() {
    for (faulty, keys) in [
        (&[("REGION", "mars"), ("TOKEN", "token=hunter2")][..], &["REGION", "TOKEN"][..]),
        (&[("REGION", "us"), ("URL", "https://a.example"), ("TYPE", "a b")], &["REGION", "TYPE"]),
        (&[("URL", "http://listener.logz.io:8070"), ("TYPE", "logzio-invalid-log")], &["URL", "TYPE"]),
        (&[("URL", "https://listener.logz.io:8070"), ("STRINGIFY", "perhaps")], &["URL", "STRINGIFY"]),
        (&[("URL", "https://listener.logz.io:8071/?token=hunter2"), ("TOKEN", "hunter2 x")], &["URL", "TOKEN"]),
        (&[("TYPE", "é")], &["REGION", "TYPE"]),
    ] {
        let error = open(faulty).unwrap_err();
        let mut named: Vec<&str> =
            error.faults.iter().map(|fault| fault.setting.trim_start_matches("LOGZIO__")).collect();
        let mut keys = keys.to_vec();
        named.sort_unstable();
        keys.sort_unstable();
        assert_eq!(named, keys, "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn the_token_is_never_shown() {
    let logzio = open(&[("REGION", "us")]).unwrap();
    let shown = format!("{logzio:?} {:?}", logzio.probe());
    assert!(shown.contains("listener.logz.io") && !shown.contains("hunter2"), "{shown}");
}
