use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::*;
use crate::batch::Span;
use crate::event::decode::{Decoded, Texts, decode};
use crate::event::{EventId, parse_time};
use crate::format::samples::{every_kind_as, of_every_kind};
use crate::parcel::Gzip;
use crate::settings::Values;

const SECRET: &str = "whsec_bWRjLWZvcndhcmRlci1kZW1vLWtleS0wMTIzNDU2Nzg=";

fn open(pairs: &[(&str, &str)]) -> Result<Webhook, SettingsError> {
    let values = Values::new(pairs.iter().map(|(key, value)| (format!("WEBHOOK__{key}"), (*value).to_owned())));
    Webhook::open(&Section::new("webhook", KIND.settings.to_vec(), &values))
}

fn reply(status: u16) -> Reply {
    Reply::Http { status: StatusCode::from_u16(status).unwrap(), headers: HeaderMap::new(), body: "no".into() }
}

const BRUTE_FORCE: &str = include_str!("../../../tests/fixtures/events/alert_ssh_brute_force.json");
const EVERY_ENTITY: &str = include_str!("../../../tests/fixtures/events/alert_every_entity.json");
const RECOMMENDATION: &str = include_str!("../../../tests/fixtures/events/recommendation_vm_ports.json");

fn render(settings: &[(&str, &str)], body: &str) -> String {
    let needed = [("URL", "https://a.example/hook"), ("SECRET", SECRET)];
    let webhook = open(&[&needed, settings].concat()).unwrap();
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    decode(body.as_bytes(), parse_time("2026-02-06T00:00:00Z").unwrap(), &texts, &mut decoded);
    let [event] = decoded.events.as_slice() else { panic!("one record") };
    let mut out = Vec::new();
    webhook.render(event, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// One evidence a line, so that a snapshot can be read.
fn evidence_by_line(json: &str) -> String {
    json.replace("{\"@odata.type\"", "\n{\"@odata.type\"")
}

#[test]
fn bodies_are_these() {
    insta::assert_snapshot!("webhook_graph", render(&[("BODY", "graph")], BRUTE_FORCE));
    insta::assert_snapshot!("webhook_graph_evidence", evidence_by_line(&render(&[("BODY", "graph")], EVERY_ENTITY)));
    insta::assert_snapshot!("webhook_cloudevent", render(&[("BODY", "cloudevents")], BRUTE_FORCE));
    let own = [("BODY", "cloudevents"), ("TYPE_PREFIX", "com.example.soc"), ("EVENT_SOURCE", "urn:example:relay")];
    insta::assert_snapshot!("webhook_cloudevent_recommendation", render(&own, RECOMMENDATION));
}

#[test]
fn the_readme_shows_real_bodies() {
    let readme = include_str!("README.md");
    assert!(readme.contains(&format!("webhook-id: {}\n", EventId::of(BRUTE_FORCE.trim().as_bytes()))));
    for body in ["cloudevents", "graph"] {
        let body = render(&[("BODY", body)], BRUTE_FORCE);
        assert!(readme.contains(&format!("```json\n{body}\n```\n")), "it should show {body}");
    }
}

/// The partners without an endpoint of their own, and their pages.
#[test]
fn partners_have_the_shape_of_graph_by_default_and_their_pages_say_what_they_are_not() {
    use crate::destinations::{inspark, lookout};
    let graph = render(&[("BODY", "graph")], BRUTE_FORCE);
    for (kind, readme) in
        [(inspark::KIND, include_str!("../inspark/README.md")), (lookout::KIND, include_str!("../lookout/README.md"))]
    {
        let given = [("X__URL", "https://a.example/hook"), ("X__SECRET", SECRET)];
        let values = Values::new(given.map(|(key, value)| (key.to_owned(), value.to_owned())));
        let partner = (kind.open)(&Section::new("x", kind.settings.to_vec(), &values)).unwrap();
        let (texts, mut decoded) = (Texts::default(), Decoded::default());
        decode(BRUTE_FORCE.as_bytes(), parse_time("2026-02-06T00:00:00Z").unwrap(), &texts, &mut decoded);
        let mut out = Vec::new();
        partner.render(&decoded.events[0], &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), graph, "{}", kind.name);
        assert!(readme.contains(&format!("```json\n{graph}\n```\n")), "{}", kind.name);
        let begin: Vec<&str> = readme.lines().take(4).collect();
        assert!(begin.join(" ").contains("publishes no endpoint that takes alerts in"), "{}", kind.name);
    }
}

#[test]
fn raw_is_the_record_to_the_byte_and_graph_leaves_other_records_alone() {
    for record in [BRUTE_FORCE, EVERY_ENTITY, RECOMMENDATION] {
        assert_eq!(render(&[], record), record.trim());
    }
    let of_graph =
        r##"{"@odata.type": "#microsoft.graph.security.alert", "id": "g", "title": "t", "severity": "low"}"##;
    for record in [RECOMMENDATION, of_graph] {
        assert_eq!(render(&[("BODY", "graph")], record), record.trim());
    }
}

#[test]
fn every_kind_is_raw_to_the_byte_or_a_cloudevent_of_its_own_type() {
    let render = |body: &str, event: &Event<'_>| {
        let settings = [("URL", "https://a.example/hook"), ("SECRET", SECRET), ("BODY", body)];
        let mut out = Vec::new();
        open(&settings).unwrap().render(event, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    for (name, event) in of_every_kind() {
        assert_eq!(render("raw", &event), event.raw, "{name}");
        assert_eq!(render("graph", &event), event.raw, "{name}");
        let cloudevent = render("cloudevents", &event);
        assert!(cloudevent.ends_with(&format!(",\"data\":{}}}", event.raw)), "{name}: {cloudevent}");
        let kind = format!("io.github.defender-relay.{}.v1", event.kind.name());
        assert_eq!(serde_json::from_str::<Value>(&cloudevent).unwrap()["type"], kind, "{name}");
    }
    let attributes = |event: &Event<'_>| render("cloudevents", event).replace(event.raw, "…");
    insta::assert_snapshot!("webhook_every_kind", every_kind_as(attributes));
}

#[test]
fn every_entity_becomes_evidence_of_its_own_type() {
    let alert: Value = serde_json::from_str(&render(&[("BODY", "graph")], EVERY_ENTITY)).unwrap();
    let kinds: Vec<&str> = alert["evidence"]
        .as_array()
        .unwrap()
        .iter()
        .map(|evidence| evidence["@odata.type"].as_str().unwrap().trim_start_matches("#microsoft.graph.security."))
        .collect();
    let expected = [
        "device",
        "user",
        "process",
        "file",
        "fileHash",
        "ip",
        "networkConnection",
        "dns",
        "url",
        "azureResource",
        "kubernetesCluster",
        "kubernetesNamespace",
        "kubernetesPod",
        "container",
        "blob",
        "malware",
        "registryKey",
        "registryValue",
        "hostLogonSession",
        "googleCloudResource",
        "alert",
    ];
    assert_eq!(kinds, expected.map(|kind| format!("{kind}Evidence")));
    let unknown = &alert["evidence"][20];
    assert_eq!(unknown["tags"][0], "thing-of-tomorrow");
    assert_eq!(unknown["additionalData"]["Nested"], serde_json::json!({"a": [1, null, true]}));
}

#[test]
fn the_rehearsal_opens() {
    let secret = KIND.rehearsal.settings[1].1;
    let webhook = open(&[("URL", "http://127.0.0.1:1/webhook"), ("SECRET", secret)]).unwrap();
    assert_eq!(&*webhook.keys, [SigningKey(b"not a secret: rehearsal only!".to_vec())]);
}

#[test]
fn a_record_is_posted_under_its_event_id_and_uncompressed() {
    let webhook = open(&[("URL", "https://a.example/hook"), ("SECRET", SECRET)]).unwrap();
    let (buffer, id) = (bytes::Bytes::from_static(b"{\"a\": 1}"), EventId::of(b"x"));
    let spans = [Span { start: 0, end: buffer.len(), id, subject: 0, group: 0 }];
    let Parcel::Http(parcel) = webhook.pack(Records::new(&buffer, &spans)) else { panic!() };
    assert_eq!((parcel.body.as_ref(), parcel.gzip), (buffer.as_ref(), Gzip::Never));
    let Auth::StandardWebhooks { id: message, .. } = parcel.auth else { panic!() };
    assert_eq!(message, id.to_string());
    assert!(!message.contains('.'));
}

#[test]
fn deliveries_are_judged_by_status() {
    let webhook = open(&[("URL", "https://a.example/hook"), ("SECRET", SECRET)]).unwrap();
    let sent = webhook.pack(Records::new(&bytes::Bytes::new(), &[]));
    let judged = |status| webhook.judge(&sent, &reply(status), 1);
    for status in [200, 201, 202, 204] {
        assert!(matches!(judged(status), Verdict::Accepted), "{status}");
    }
    for status in [302, 308, 401, 403, 404, 405, 410] {
        assert!(matches!(judged(status), Verdict::Misconfigured { .. }), "{status}");
    }
    for status in [408, 429, 500, 502, 503, 504] {
        assert!(matches!(judged(status), Verdict::Retry { .. }), "{status}");
    }
    for status in [400, 415, 422] {
        assert!(matches!(judged(status), Verdict::Rejected { .. }), "{status}");
    }
    assert!(matches!(judged(413), Verdict::Split { .. }));
}

#[test]
fn a_receiver_without_options_does_not_read_as_broken() {
    let webhook = open(&[("URL", "https://a.example/hook"), ("SECRET", SECRET)]).unwrap();
    let probe = webhook.probe().unwrap();
    let judged = |status| webhook.judge(&probe, &reply(status), 0);
    for status in [200, 204, 400, 404, 405, 501] {
        assert!(matches!(judged(status), Verdict::Accepted), "{status}");
    }
    for status in [301, 401, 403, 410] {
        assert!(matches!(judged(status), Verdict::Misconfigured { .. }), "{status}");
    }
    assert!(matches!(judged(503), Verdict::Retry { .. }));
}

#[test]
fn faults_are_named_all_at_once_and_without_the_secrets() {
    let faulty = [
        ("URL", "http://a.example"),
        ("SECRET", "hunter2"),
        ("AUTHORIZATION", "Bearer hunter3\nX: y"),
        ("BODY", "xml"),
        ("TYPE_PREFIX", "my company"),
        ("EVENT_SOURCE", "a b"),
    ];
    let error = open(&faulty).unwrap_err().to_string();
    for (key, _) in faulty {
        assert!(error.contains(&format!("WEBHOOK__{key}: ")), "{key} in {error}");
    }
    assert!(!error.contains("hunter"));
}

#[test]
fn no_secret_is_shown() {
    let settings = [("URL", "https://a.example/hook"), ("SECRET", SECRET), ("AUTHORIZATION", "Bearer hunter2")];
    let webhook = open(&settings).unwrap();
    let shown = format!("{webhook:?} {:?}", webhook.probe());
    assert!(!shown.contains("hunter2") && !shown.contains("bWRj") && !shown.contains("mdc-forwarder"));
}

#[test]
fn queries_of_addresses_can_be_taken_out_of_every_body() {
    for body in ["raw", "graph", "cloudevents"] {
        let whole = render(&[("BODY", body)], BRUTE_FORCE);
        let redacted = render(&[("BODY", body), ("REDACT_QUERIES", "true")], BRUTE_FORCE);
        assert!(whole.contains("3f6c1a52?a=1&b=2") && !redacted.contains("?a=1"), "{body}");
        assert_eq!(redacted, whole.replace("?a=1&b=2", "?redacted"));
    }
}
