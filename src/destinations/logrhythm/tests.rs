use std::collections::BTreeSet;

use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use super::*;
use crate::destinations::opened;
use crate::event::decode::{Decoded, Texts, decode};
use crate::event::{Event, parse_time};
use crate::format::samples::{every_kind_as, examples, recommendation};
use crate::parcel::{Auth, Parcel, Reply, Verdict};
use crate::settings::Values;

const EVERY_ENTITY: &str = include_str!("../../../tests/fixtures/events/alert_every_entity.json");

fn beat(settings: &[(&str, &str)]) -> Result<Box<dyn Destination>, SettingsError> {
    // Of settings with one name the first counts.
    let settings = settings.iter().chain(&[("URL", "https://oc.example:8085/webhook")]);
    let values = Values::new(settings.map(|(key, value)| (format!("X__{key}"), (*value).to_owned())));
    open(&Section::new("x", KIND.settings.to_vec(), &values))
}

fn posted(settings: &[(&str, &str)], event: &Event<'_>) -> String {
    let mut out = Vec::new();
    beat(settings).unwrap().render(event, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn line(settings: &[(&str, &str)], event: &Event<'_>) -> String {
    opened::rendered(&KIND, &[&[("MODE", "syslog")], settings].concat(), event)
}

const PIPE: (&str, &str) = ("FORMAT", "pipe");

fn with_event(body: &str, check: impl FnOnce(&Event<'_>)) {
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    decode(body.as_bytes(), parse_time("2026-02-06T00:00:00Z").unwrap(), &texts, &mut decoded);
    let [event] = decoded.events.as_slice() else { panic!("one record") };
    check(event);
}

#[test]
fn worked_examples_come_out_byte_for_byte() {
    let wanted = [include_str!("examples/a.json"), include_str!("examples/b.json")];
    for (example, wanted) in examples().iter().zip(wanted) {
        let posted = posted(&[], &example.event);
        // The worked examples do not have our event id.
        let added = format!("\"serialnumber\":\"{}\",", example.event.id);
        assert!(posted.contains(&added), "{posted}");
        assert_eq!(posted.replacen(&added, "", 1), wanted.trim_end());
    }
}

#[test]
fn records() {
    let [a, b] = examples();
    insta::assert_snapshot!("beat_recommendation", posted(&[], &recommendation()));
    with_event(EVERY_ENTITY, |event| {
        let posted = posted(&[("BEAT_NAME", "webhookbeat_emea")], event);
        insta::assert_snapshot!("beat_every_entity", posted.split(",\"original_message\"").next().unwrap());
    });
    let fields = |posted: String| posted.split(",\"original_message\"").next().unwrap_or_default().to_owned();
    insta::assert_snapshot!("beat_every_kind", every_kind_as(|event| fields(posted(&[], event))));
    let fields = |line: String| line.split("|original_message=").next().unwrap_or_default().to_owned();
    insta::assert_snapshot!("pipe_every_kind", every_kind_as(|event| fields(line(&[PIPE], event))));
    insta::assert_snapshot!("cef_every_kind", every_kind_as(|event| line(&[], event)));
    insta::assert_snapshot!("pipe", line(&[PIPE], &a.event));
    insta::assert_snapshot!("pipe_shortened", line(&[PIPE, ("MAX_MESSAGE_BYTES", "1024")], &b.event));
    insta::assert_snapshot!("cef", line(&[], &a.event));
}

#[test]
fn the_original_is_bounded_and_says_so() {
    let [a, _] = examples();
    let whole: Value = serde_json::from_str(&posted(&[], &a.event)).unwrap();
    assert_eq!((whole["original_message"].as_str(), whole.get("tag2")), (Some(a.event.raw), None));
    let short: Value = serde_json::from_str(&posted(&[("MAX_MESSAGE_BYTES", "1024")], &a.event)).unwrap();
    let original = short["original_message"].as_str().unwrap();
    assert!(original.len() <= 1024 && short["tag2"] == "original_message shortened", "{short}");
    let original: Value = serde_json::from_str(original).unwrap();
    assert_eq!(original["SystemAlertId"], whole["session"]);
}

#[test]
fn wild_texts_are_one_line_each_and_bounded() {
    let text = "a|b\r\n\u{2028}=\t".repeat(4000);
    let alert = serde_json::json!({
        "SystemAlertId": text, "AlertType": text, "AlertDisplayName": text, "CompromisedEntity": text, "Status": text,
        "AzureResourceId": text, "AlertUri": text, "Intent": text, "Severity": text,
        "Entities": [{"Type": "process", "CommandLine": text, "ProcessId": "0xffffffff"}],
    });
    with_event(&alert.to_string(), |event| {
        let posted: Value = serde_json::from_str(&posted(&[], event)).unwrap();
        for (name, value) in posted.as_object().unwrap() {
            let text = value.as_str().unwrap_or_default();
            assert!(
                !text.contains(['\n', '\r', '\u{2028}']) && (text.len() <= 2048 || name == "original_message"),
                "{name}"
            );
        }
        assert!(posted.get("processid").is_none(), "too large for a number of LogRhythm's");
        for max in (1024..40_000).step_by(511) {
            let line = line(&[PIPE, ("MAX_MESSAGE_BYTES", &max.to_string()), ("HOSTNAME", &"h".repeat(255))], event);
            assert!(line.len() <= max, "{} of {max} bytes", line.len());
            let (fields, original) = line.split_once("|original_message=").unwrap();
            assert_eq!(serde_json::from_str::<Value>(original).unwrap()["eventId"], event.id.to_string());
            let names: Vec<&str> = fields.split('|').skip(1).map(|field| field.split('=').next().unwrap()).collect();
            for name in ["tag2", "beatname", "fullyqualifiedbeatname", "session", "vmid", "vendorinfo", "serialnumber"]
            {
                assert!(names.contains(&name), "{name} in {names:?}");
            }
        }
    });
}

#[test]
fn a_pipe_line_has_every_field_in_the_order_of_the_base_rule() {
    with_event(EVERY_ENTITY, |event| {
        let line = line(&[PIPE, ("MAX_MESSAGE_BYTES", "60000")], event);
        let (fields, original) = line.split_once("|original_message=").unwrap();
        assert_eq!(serde_json::from_str::<Value>(original).unwrap(), serde_json::from_str::<Value>(event.raw).unwrap());
        let names: Vec<&str> = fields.split('|').skip(1).map(|field| field.split('=').next().unwrap()).collect();
        let posted: Value = serde_json::from_str(&posted(&[], event)).unwrap();
        let own = ["whsdp", "original_message"];
        let mut expected: Vec<&str> =
            posted.as_object().unwrap().keys().map(String::as_str).filter(|name| !own.contains(name)).collect();
        expected.push("beatname");
        assert_eq!(names.iter().collect::<BTreeSet<_>>(), expected.iter().collect::<BTreeSet<_>>());
        assert_eq!(names.len(), expected.len());
    });
}

#[test]
fn each_mode_needs_its_own_address_and_refuses_the_others() {
    let faults = |pairs: &[(&str, &str)]| {
        let values = Values::new(pairs.iter().map(|(key, value)| (format!("X__{key}"), (*value).to_owned())));
        let error = open(&Section::new("x", KIND.settings.to_vec(), &values)).unwrap_err();
        error.faults.into_iter().map(|fault| fault.setting).collect::<Vec<_>>()
    };
    assert_eq!(faults(&[]), ["X__URL"]);
    assert_eq!(faults(&[("MODE", "syslog")]), ["X__ADDRESS"]);
    let both = [("URL", "https://oc.example"), ("ADDRESS", "tls://agent.example")];
    assert_eq!(faults(&both), ["X__ADDRESS"]);
    assert_eq!(faults(&[both[0], both[1], ("MODE", "syslog")]), ["X__URL"]);
    assert_eq!(faults(&[("URL", "http://oc.example:8085/webhook")]), ["X__URL"]);
    assert_eq!(faults(&[both[0], ("USER", "a:b"), ("PASSWORD", "p")]), ["X__USER"]);
    assert_eq!(faults(&[both[0], ("USER", "beat")]), ["X__PASSWORD"]);
    assert_eq!(faults(&[both[0], ("PASSWORD", "p"), ("CONCURRENCY", "0")]), ["X__PASSWORD", "X__CONCURRENCY"]);
}

#[test]
fn beat_names_tell_log_sources_apart() {
    for good in ["webhookbeat_mdc", "webhookbeat_twelve-chars", "webhookbeat_WH_mdc", "w_1"] {
        assert!(beat(&[("BEAT_NAME", good)]).is_ok(), "{good}");
    }
    for bad in ["webhookbeat", "webhookbeat_", "_mdc", "webhookbeat_thirteenchars", "web|hook_mdc", "w_é", "w_a b"] {
        assert!(beat(&[("BEAT_NAME", bad)]).is_err(), "{bad}");
    }
}

fn probe(settings: &[(&str, &str)]) -> crate::parcel::HttpParcel {
    let Some(Parcel::Http(parcel)) = beat(settings).unwrap().probe() else { panic!("a webhook speaks HTTP") };
    parcel
}

#[test]
fn a_url_without_a_path_leads_to_the_beat() {
    for (given, url) in [
        ("https://oc.example:8085", "https://oc.example:8085/webhook"),
        ("https://oc.example:8085/", "https://oc.example:8085/webhook"),
        ("https://gate.example/oc/webhook", "https://gate.example/oc/webhook"),
    ] {
        assert_eq!(probe(&[("URL", given)]).url.as_str(), url);
    }
}

#[test]
fn the_probe_carries_nothing() {
    let parcel = probe(&[("USER", "beat"), ("PASSWORD", "hunter2")]);
    assert_eq!((parcel.method, parcel.body.len()), (Method::CONNECT, 0));
    assert!(matches!(parcel.auth, Auth::None));
}

#[test]
fn replies_are_judged_by_status() {
    let beat = beat(&[]).unwrap();
    let sent = beat.probe().unwrap();
    let judged = |status: u16| {
        let status = StatusCode::from_u16(status).unwrap();
        beat.judge(&sent, &Reply::Http { status, headers: HeaderMap::new(), body: "no".into() }, 1)
    };
    for status in [429, 500, 502, 503] {
        assert!(matches!(judged(status), Verdict::Retry { .. }), "{status}");
    }
    for (status, named) in [(401, "PASSWORD"), (403, "PASSWORD"), (404, "URL"), (405, "URL"), (302, "URL")] {
        let Verdict::Misconfigured { reason } = judged(status) else { panic!("{status}") };
        assert!(reason.contains(named), "{reason}");
    }
    assert!(matches!(judged(200), Verdict::Accepted));
    assert!(matches!(judged(400), Verdict::Rejected { .. }));
    assert!(matches!(beat.judge(&sent, &Reply::Sent, 0), Verdict::Accepted));
}

#[test]
fn no_secret_is_shown() {
    let beat = beat(&[("USER", "beat"), ("PASSWORD", "hunter2")]).unwrap();
    assert!(!format!("{beat:?} {:?}", beat.probe()).contains("hunter2"));
}

#[test]
fn the_readme_shows_real_records() {
    let readme = include_str!("README.md");
    let [a, _] = examples();
    assert!(readme.contains(&format!("```json\n{}\n```\n", posted(&[], &a.event))), "{}", posted(&[], &a.event));
    for line in [line(&[], &a.event), line(&[PIPE], &a.event)] {
        assert!(readme.contains(&format!("```\n{line}\n```\n")), "it should show {line}");
    }
}

#[test]
fn the_readme_tells_what_goes_and_in_what_order() {
    opened::assert_tells_order(include_str!("README.md"), &pipe::DROP_ORDER);
}
