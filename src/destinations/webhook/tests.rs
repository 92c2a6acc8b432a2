use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::*;
use crate::batch::Span;
use crate::cloud::Hosts;
use crate::event::decode::{Decoded, Texts, decode};
use crate::event::{EventId, parse_time};
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
    let spans = [Span { start: 0, end: buffer.len(), id, subject: 0 }];
    let Parcel::Http(parcel) = webhook.pack(Records::new(&buffer, &spans)) else { panic!() };
    assert_eq!((parcel.body.as_ref(), parcel.gzip), (buffer.as_ref(), false));
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

const PARTNER: (&str, &str) = ("URL", "https://api.partner.example/hook");
const SCOPE: (&str, &str) = ("ENTRA_SCOPE", "https://api.partner.example/.default");
const REGISTRATION: [(&str, &str); 3] = [
    ("TENANT_ID", "11111111-1111-4111-8111-111111111111"),
    ("CLIENT_ID", "22222222-2222-4222-8222-222222222222"),
    ("CLIENT_SECRET", "hunter2"),
];

/// What proves the sender besides the signature.
fn besides(settings: &[(&str, &str)]) -> Auth {
    let needed = [PARTNER, ("SECRET", SECRET)];
    let webhook = open(&[&needed, settings].concat()).unwrap_or_else(|error| panic!("{error}"));
    let Parcel::Http(parcel) = webhook.pack(Records::new(&bytes::Bytes::new(), &[])) else { panic!() };
    let Auth::StandardWebhooks { besides, .. } = parcel.auth else { panic!("every request is signed") };
    Auth::clone(&besides)
}

fn faults(settings: &[(&str, &str)]) -> Vec<String> {
    let error = open(&[settings, &[PARTNER, ("SECRET", SECRET)]].concat()).unwrap_err();
    assert!(!error.to_string().contains("hunter"), "{error}");
    error.faults.into_iter().map(|fault| fault.setting.replace("WEBHOOK__", "")).collect()
}

#[test]
fn a_scope_adds_a_token_that_only_the_receiver_sees() {
    let Auth::Entra(audience) = besides(&[SCOPE]) else { panic!("by the app's identity") };
    assert_eq!(audience.scope, SCOPE.1);
    assert_eq!(audience.hosts, Hosts::only(&Url::parse(PARTNER.1).unwrap()));
    let Auth::OAuth2(credentials) = besides(&[&[SCOPE], &REGISTRATION[..]].concat()) else { panic!("by its own") };
    let issuer = "https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111/oauth2/v2.0/token";
    assert_eq!(credentials.token_url.as_str(), issuer);
    assert_eq!((credentials.client_id.as_str(), credentials.scope.as_deref()), (REGISTRATION[1].1, Some(SCOPE.1)));
    assert_eq!(credentials.hosts, audience.hosts);
    assert!(!format!("{credentials:?}").contains("hunter2"));
}

#[test]
fn the_cloud_chooses_the_issuer_unless_one_is_named() {
    let issuer = |pairs: &[(&str, &str)]| {
        let values = Values::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let webhook = Webhook::open(&Section::new("w", KIND.settings.to_vec(), &values)).unwrap();
        let Auth::OAuth2(credentials) = &*webhook.besides else { panic!() };
        (credentials.token_url.to_string(), credentials.scope.clone().unwrap())
    };
    let common = [("W__URL", PARTNER.1), ("W__SECRET", SECRET), ("W__CLIENT_ID", "c"), ("W__CLIENT_SECRET", "s")];
    let china = [("AZURE_CLOUD", "china"), ("W__TENANT_ID", "contoso.partner.onmschina.cn"), ("W__ENTRA_SCOPE", SCOPE.1)];
    assert_eq!(
        issuer(&[&common[..], &china].concat()).0,
        "https://login.chinacloudapi.cn/contoso.partner.onmschina.cn/oauth2/v2.0/token"
    );
    let other = [("W__TOKEN_URL", "https://idp.partner.example/token"), ("W__ENTRA_SCOPE", "alerts.write")];
    let wanted = ("https://idp.partner.example/token".to_owned(), "alerts.write".to_owned());
    assert_eq!(issuer(&[&common[..], &other].concat()), wanted);
}

#[test]
fn credentials_that_do_not_go_together_are_faults() {
    let [tenant, client, secret] = REGISTRATION;
    let fixed = ("AUTHORIZATION", "Bearer hunter3");
    let other = ("TOKEN_URL", "https://idp.partner.example/token");
    for (settings, named) in [
        (&[SCOPE, fixed][..], &["AUTHORIZATION"][..]),
        (&[SCOPE, client], &["TENANT_ID", "CLIENT_SECRET"]),
        (&[SCOPE, tenant], &["CLIENT_ID", "CLIENT_SECRET"]),
        (&[SCOPE, other], &["CLIENT_ID", "CLIENT_SECRET"]),
        (&[SCOPE, other, tenant, client, secret], &["TOKEN_URL"]),
        (&[tenant, client, secret], &["ENTRA_SCOPE"]),
        (&[fixed, tenant, client, secret], &["ENTRA_SCOPE"]),
        (&[SCOPE, client, secret, ("TENANT_ID", "common")], &["TENANT_ID"]),
        (&[SCOPE, client, secret, ("TENANT_ID", "a.b/../c")], &["TENANT_ID"]),
        (&[SCOPE, client, secret, ("TOKEN_URL", "http://idp.partner.example/token")], &["TOKEN_URL"]),
        (&[("ENTRA_SCOPE", "https://api.partner.example")], &["ENTRA_SCOPE"]),
        (&[("ENTRA_SCOPE", "api://a/.default api://b/.default")], &["ENTRA_SCOPE"]),
        (&[("ENTRA_SCOPE", "https://graph.microsoft.com/.default")], &["ENTRA_SCOPE"]),
        (&[("ENTRA_SCOPE", "https://management.azure.com/.default"), tenant, client, secret], &["ENTRA_SCOPE"]),
        (&[("URL", "https://203.0.113.9/hook"), SCOPE], &["URL"]),
    ] {
        assert_eq!(faults(settings), named, "{settings:?}");
    }
}

#[test]
fn who_is_not_trusted_is_told_which_settings_to_check() {
    for (settings, named) in [
        (&[][..], "AUTHORIZATION"),
        (&[SCOPE], "the app's identity"),
        (&[SCOPE, REGISTRATION[0], REGISTRATION[1], REGISTRATION[2]], "CLIENT_ID"),
    ] {
        let webhook = open(&[&[PARTNER, ("SECRET", SECRET)], settings].concat()).unwrap();
        let sent = webhook.pack(Records::new(&bytes::Bytes::new(), &[]));
        for status in [401, 403] {
            let Verdict::Misconfigured { reason } = webhook.judge(&sent, &reply(status), 1) else { panic!("{status}") };
            assert!(reason.contains("SECRET") && reason.contains(named), "{reason}");
        }
    }
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
