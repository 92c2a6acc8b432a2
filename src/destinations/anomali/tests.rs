use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use super::*;
use crate::batch::Span;
use crate::event::EventId;
use crate::event::decode::{Decoded, Texts, decode};
use crate::event::parse_time;
use crate::settings::Values;

const USER: (&str, &str) = ("USER", "relay@soc.example");
const KEY: (&str, &str) = ("API_KEY", "hunter2");

const BRUTE_FORCE: &str = include_str!("../../../tests/fixtures/events/alert_ssh_brute_force.json");
const EVERY_ENTITY: &str = include_str!("../../../tests/fixtures/events/alert_every_entity.json");
const MALWARE: &str = include_str!("../../local/samples/storage-malware.json");
const GRAPH: &str = include_str!("../../../tests/fixtures/events/alert_graph_v2.json");
const GRAPH_V1: &str = include_str!("../../../tests/fixtures/events/alert_graph_v1.json");
const ARM: &str = include_str!("../../../tests/fixtures/events/alert_arm_2022.json");
const LOG_ANALYTICS: &str = include_str!("../../../tests/fixtures/events/alert_log_analytics.json");
const RECOMMENDATION: &str = include_str!("../../../tests/fixtures/events/recommendation_vm_ports.json");

fn open(pairs: &[(&str, &str)]) -> Result<Anomali, SettingsError> {
    let pairs = pairs.iter().chain(&[USER, KEY]);
    let values = Values::new(pairs.map(|(key, value)| (format!("ANOMALI__{key}"), (*value).to_owned())));
    Anomali::open(&Section::new("anomali", KIND.settings.to_vec(), &values))
}

/// The body for one record; nothing where it is not taken.
fn render(settings: &[(&str, &str)], body: &str) -> Option<String> {
    let anomali = open(settings).unwrap();
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    decode(body.as_bytes(), parse_time("2026-02-06T00:00:00Z").unwrap(), &texts, &mut decoded);
    let [event] = decoded.events.as_slice() else { panic!("one record") };
    let mut out = Vec::new();
    let rendered = anomali.render(event, &mut out);
    assert_eq!(rendered.is_ok(), anomali.takes(event), "takes and render must agree");
    assert_eq!(rendered.is_err(), out.is_empty());
    rendered.ok().map(|()| String::from_utf8(out).unwrap())
}

/// A form as its fields, one a line.
fn fields(form: &str) -> String {
    let pairs = url::form_urlencoded::parse(form.as_bytes());
    pairs.map(|(name, value)| format!("{name}={}\n", value.replace('\n', " | "))).collect()
}

fn import(settings: &[(&str, &str)], body: &str) -> String {
    fields(&render(settings, body).expect("taken"))
}

/// A flat alert of this type, severity and entities.
fn alert(alert_type: &str, severity: &str, entities: &Value) -> String {
    json!({
        "SystemAlertId": "251_a", "AlertType": alert_type, "AlertDisplayName": "n", "Severity": severity, "Status": "New",
        "TimeGenerated": "2026-02-03T04:09:10.5Z", "CompromisedEntity": "web01", "Entities": entities,
    })
    .to_string()
}

fn mixed() -> Value {
    json!([
        {"Type": "ip", "Address": "93.184.216.34"}, {"Type": "ip", "Address": "2606:2800:220:1::1946"},
        {"Type": "dns", "DomainName": "evil.example"}, {"Type": "url", "Url": "https://evil.example/a?b=c&d=\"e\""},
        {"Type": "mail-message", "Sender": "boss@evil.example"},
        {"Type": "malware", "Files": [{"FileHashes": [{"Algorithm": "MD5", "Value": "44d88612fea8a8f36de82e1278abb02f"}]}]},
    ])
}

#[test]
fn messages_are_these() {
    let own_terms = [
        ("TAGS", "soc, mdc \"x\""),
        ("TLP", "amber"),
        ("CONFIDENCE", "80"),
        ("EXPIRATION", "30d"),
        ("TRUSTED_CIRCLES", "146, 10980"),
        ("ITYPES", "ip=mal_ip,hash=apt_md5"),
    ];
    let mixed = alert("VM_X", "Critical", &mixed());
    insta::assert_snapshot!("anomali_brute_force", import(&[], BRUTE_FORCE));
    insta::assert_snapshot!("anomali_sample_of_malware", import(&[], MALWARE));
    insta::assert_snapshot!("anomali_graph", import(&[], GRAPH));
    insta::assert_snapshot!("anomali_arm", import(&[], ARM));
    insta::assert_snapshot!("anomali_log_analytics", import(&[], LOG_ANALYTICS));
    insta::assert_snapshot!("anomali_mixed", import(&own_terms, &mixed));
    let intelligence = [&own_terms[..], &[("MODE", "intelligence")]].concat();
    insta::assert_snapshot!("anomali_mixed_intelligence", render(&intelligence, &mixed).unwrap());
}

#[test]
fn the_readme_shows_real_messages() {
    let readme = include_str!("README.md");
    let form = import(&[], BRUTE_FORCE);
    assert!(readme.contains(&format!("```\n{form}```\n")), "it should show\n{form}");
    let indicators = render(&[("MODE", "intelligence")], BRUTE_FORCE).unwrap();
    assert!(readme.contains(&format!("```json\n{indicators}\n```\n")), "it should show {indicators}");
}

#[test]
fn records_that_say_nothing_of_an_attacker_are_not_taken() {
    for record in [
        RECOMMENDATION,
        EVERY_ENTITY,
        GRAPH_V1,
        &alert("VM_X", "High", &json!([{"Type": "ip", "Address": "10.0.0.4"}])),
    ] {
        for mode in ["import", "intelligence"] {
            assert_eq!(render(&[("MODE", mode)], record), None);
        }
    }
}

#[test]
fn a_sample_alert_goes_only_where_a_person_looks() {
    assert!(import(&[], MALWARE).contains("notes=SAMPLE ALERT, do not approve."));
    assert_eq!(render(&[("MODE", "intelligence")], MALWARE), None);
}

#[test]
fn nothing_of_the_attacked_side_is_in_a_message() {
    for mode in ["import", "intelligence"] {
        let message = render(&[("MODE", mode)], BRUTE_FORCE).unwrap();
        for secret in ["web01", "CONTOSO", "svc", "prod-rg", "7d3c0a1e", "Review"] {
            assert!(!message.contains(secret), "{secret} in {message}");
        }
    }
}

#[test]
fn the_alert_tells_the_indicator_type() {
    let entities = json!([{"Type": "ip", "Address": "93.184.216.34"}, {"Type": "dns", "DomainName": "evil.example"}]);
    let entities_v6 = json!([{"Type": "ip", "Address": "2606:2800:220:1::1946"}]);
    for (alert_type, intent, threat, ip, domain, ipv6) in [
        ("VM_LoginBruteForceSuccess", "InitialAccess", "brute", "brute_ip", "mal_domain", "brute_ipv6"),
        ("RDP_Incoming_BF_OneToOne", "PreAttack", "brute", "brute_ip", "mal_domain", "brute_ipv6"),
        ("Network_CommunicationWithC2", "Unknown", "c2", "c2_ip", "c2_domain", "c2_ipv6"),
        ("VM_X", "Execution, CommandAndControl", "c2", "c2_ip", "c2_domain", "c2_ipv6"),
        ("K8S_X", "Exfiltration", "exfil", "exfil_ip", "exfil_domain", "exfil_ipv6"),
        ("Storage.Blob_TorAnomaly", "InitialAccess", "tor", "tor_ip", "mal_domain", "tor_ipv6"),
        ("PortScanning", "Discovery", "scan", "scan_ip", "mal_domain", "scan_ipv6"),
        ("SQL.DB_PotentialSqlInjection", "PreAttack", "exploit", "exploit_ip", "exploit_domain", "exploit_ipv6"),
        // Reconnaissance alone is no scan: logins from odd places are "PreAttack" too.
        ("VM_X", "PreAttack", "suspicious", "suspicious_ip", "mal_domain", "actor_ipv6"),
        ("DDOS", "Impact", "ddos", "ddos_ip", "mal_domain", "ddos_ipv6"),
        ("AzureDNS_PhishingDomain", "Unknown", "phish", "phish_ip", "phish_domain", "phish_ipv6"),
        ("Storage.Blob_AM.MalwareScan", "Unknown", "malware", "suspicious_ip", "mal_domain", "actor_ipv6"),
        ("Storage.Blob_GeoAnomaly", "Unknown", "suspicious", "suspicious_ip", "mal_domain", "actor_ipv6"),
    ] {
        let with_intent = |entities: &Value| {
            let mut alert: Value = serde_json::from_str(&alert(alert_type, "Low", entities)).unwrap();
            alert["Intent"] = intent.into();
            alert.to_string()
        };
        let form = import(&[], &with_intent(&entities));
        for line in
            [format!("threat_type={threat}\n"), format!("ip_mapping={ip}\n"), format!("domain_mapping={domain}\n")]
        {
            assert!(form.contains(&line), "{alert_type} {intent}: {line} in {form}");
        }
        let form = import(&[], &with_intent(&entities_v6));
        assert!(form.contains(&format!("ip_mapping={ipv6}\n")), "{alert_type} {intent}: {form}");
    }
    assert!(import(&[("THREAT_TYPE", "apt")], BRUTE_FORCE).contains("threat_type=apt\n"));
}

#[test]
fn severities_have_threatstreams_words() {
    let entities = json!([{"Type": "ip", "Address": "93.184.216.34"}]);
    for (severity, word) in [
        ("Critical", "very-high"),
        ("High", "high"),
        ("Medium", "medium"),
        ("Low", "low"),
        ("Informational", "low"),
        ("odd", "low"),
    ] {
        assert!(import(&[], &alert("VM_X", severity, &entities)).contains(&format!("severity={word}\n")), "{severity}");
    }
}

#[test]
fn any_base_leads_to_the_api() {
    for (given, base) in [
        ("https://api.threatstream.com/api", "https://api.threatstream.com/api"),
        ("https://api.threatstream.com/api/", "https://api.threatstream.com/api"),
        ("https://ts.example", "https://ts.example/api"),
        ("https://gate.example/ts/api/", "https://gate.example/ts/api"),
    ] {
        let anomali = open(&[("URL", given)]).unwrap();
        let Some(Parcel::Http(probe)) = anomali.probe() else { panic!() };
        assert_eq!(probe.url.as_str(), format!("{base}/v2/intelligence/?limit=1"));
    }
}

#[test]
fn faults_are_named_all_at_once_and_without_values() {
    let faulty = [
        ("URL", "https://ts.example/api/v1?api_key=hunter2"),
        ("USER", "a:hunter2"),
        ("API_KEY", "apikey hunter2"),
        ("MODE", "now"),
        ("CLASSIFICATION", "secret"),
        ("CONFIDENCE", "101"),
        ("EXPIRATION", "1h"),
        ("TLP", "mauve"),
        ("THREAT_TYPE", "Mal ware"),
        ("TRUSTED_CIRCLES", "hunter2"),
        ("ITYPES", "ip:hunter2"),
        ("OWN_DOMAINS", "hunter2"),
        ("OWN_NETWORKS", "hunter2/99"),
    ];
    let error = open(&faulty).unwrap_err();
    let text = error.to_string();
    for (key, _) in faulty {
        assert!(text.contains(&format!("ANOMALI__{key}:")), "{key} in {text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn public_takes_a_second_key_and_a_person() {
    let public = ("CLASSIFICATION", "public");
    for missing in [&[public][..], &[public, ("ALLOW_PUBLIC", "true"), ("MODE", "intelligence")]] {
        let error = open(missing).unwrap_err().to_string();
        assert!(error.contains("ANOMALI__CLASSIFICATION: is public"), "{error}");
    }
    let settings = [public, ("ALLOW_PUBLIC", "true")];
    assert!(open(&settings).unwrap().warnings()[0].contains("every user of ThreatStream"));
    let form = import(&settings, BRUTE_FORCE);
    assert!(form.contains("classification=public\n") && form.contains("\"tlp\":\"white\""), "{form}");

    assert!(open(&[("ALLOW_PUBLIC", "true")]).unwrap().warnings().is_empty());
    assert!(import(&[("ALLOW_PUBLIC", "true")], BRUTE_FORCE).contains("classification=private\n"));
    assert!(open(&[("MODE", "intelligence")]).unwrap().warnings()[0].contains("OWN_NETWORKS"));
    assert!(open(&[("MODE", "intelligence"), ("OWN_DOMAINS", "contoso.com")]).unwrap().warnings().is_empty());
}

fn parcel(anomali: &Anomali) -> HttpParcel {
    let buffer = Bytes::from_static(b"x");
    let spans = [Span { start: 0, end: 1, id: EventId::of(b"x"), subject: 0, group: 0 }];
    let Parcel::Http(parcel) = anomali.pack(Records::new(&buffer, &spans)) else { panic!() };
    parcel
}

#[test]
fn the_key_travels_in_its_header_and_is_never_shown() {
    for mode in ["import", "intelligence"] {
        let anomali = open(&[("MODE", mode)]).unwrap();
        let parcel = parcel(&anomali);
        let Auth::Header { name, prefix, value } = &parcel.auth else { panic!() };
        assert_eq!((name, *prefix, value.expose()), (&AUTHORIZATION, "apikey ", "relay@soc.example:hunter2"));
        assert_eq!(parcel.url.query(), None);
        assert!(!format!("{anomali:?} {parcel:?} {:?}", anomali.probe()).contains("hunter2"));
    }
}

#[test]
fn replies_are_judged() {
    let page = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))]);
    for mode in ["import", "intelligence"] {
        let anomali = open(&[("MODE", mode)]).unwrap();
        let sent = Parcel::Http(parcel(&anomali));
        let probe = anomali.probe().unwrap();
        let judged = |sent: &Parcel, status: u16, headers: &HeaderMap, body: &'static str| {
            let status = StatusCode::from_u16(status).unwrap();
            anomali.judge(sent, &Reply::Http { status, headers: headers.clone(), body: body.into() }, 1)
        };
        let plain = |status, body| judged(&sent, status, &HeaderMap::new(), body);
        for status in [200, 202] {
            assert!(matches!(plain(status, r#"{"success":true,"import_session_id":"7"}"#), Verdict::Accepted));
            assert!(matches!(plain(status, r#"{"success":false,"error":"no"}"#), Verdict::Rejected { .. }));
            assert!(matches!(judged(&sent, status, &page, "<html>"), Verdict::Misconfigured { .. }));
            // Indicators are acknowledged by a text.
            assert_eq!(matches!(plain(status, "accepted"), Verdict::Accepted), mode == "intelligence");
            assert_eq!(matches!(plain(status, "accepted"), Verdict::Misconfigured { .. }), mode == "import");
        }
        assert!(matches!(judged(&probe, 200, &HeaderMap::new(), r#"{"objects":[]}"#), Verdict::Accepted));
        assert!(matches!(judged(&probe, 200, &page, "<html>"), Verdict::Misconfigured { .. }));
        for status in [301, 401, 403, 404, 405] {
            assert!(matches!(plain(status, ""), Verdict::Misconfigured { .. }), "{status}");
        }
        for status in [408, 429, 500, 502, 503] {
            assert!(matches!(plain(status, ""), Verdict::Retry { .. }), "{status}");
        }
        assert!(matches!(plain(400, ""), Verdict::Rejected { .. }) && matches!(plain(413, ""), Verdict::Split { .. }));
    }
}
