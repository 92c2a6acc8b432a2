use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::batch::Span;
use crate::event::decode::{Decoded, Texts, decode};
use crate::event::parse_time;
use crate::parcel::Auth;
use crate::settings::Values;

const BRUTE_FORCE: &str = include_str!("../../../tests/fixtures/events/alert_ssh_brute_force.json");
const EVERY_ENTITY: &str = include_str!("../../../tests/fixtures/events/alert_every_entity.json");
const RECOMMENDATION: &str = include_str!("../../../tests/fixtures/matters/recommendation.json");
const FINDING: &str = include_str!("../../../tests/fixtures/matters/finding.json");
const ATTACK_PATH: &str = include_str!("../../../tests/fixtures/matters/attack_path.json");
const SCORE: &str = include_str!("../../../tests/fixtures/events/secure_score.json");

const EIGHT: &[(&str, &str)] = &[("URL", "https://api-acme.xdr.example"), ("API_KEY", "hunter2"), ("KEY_ID", "7")];
const SIX: &[(&str, &str)] = &[("URL", "https://xsoar.example/acc_soc"), ("API_KEY", "hunter2"), ("VERSION", "6")];

/// Of settings with one name the first counts.
fn open(settings: &[&[(&str, &str)]]) -> Result<Xsoar, SettingsError> {
    let pairs = settings.concat();
    let values = Values::new(pairs.iter().map(|(key, value)| (format!("X__{key}"), (*value).to_owned())));
    Xsoar::open(&Section::new("x", KIND.settings.to_vec(), &values))
}

fn render(xsoar: &Xsoar, body: &str) -> String {
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    decode(body.as_bytes(), parse_time("2026-02-06T00:00:00Z").unwrap(), &texts, &mut decoded);
    let [event] = decoded.events.as_slice() else { panic!("one record") };
    let mut out = Vec::new();
    xsoar.render(event, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn rendered(settings: &[&[(&str, &str)]], body: &str) -> Value {
    serde_json::from_str(&render(&open(settings).unwrap(), body)).unwrap()
}

/// An alert of that status and time.
fn alert(status: &str, time: &str) -> String {
    json!({"SystemAlertId": "A-1", "AlertType": "T", "AlertDisplayName": "Title", "Severity": "Medium", "Status": status,
        "ProcessingEndTime": time})
    .to_string()
}

/// The first request about that alert.
fn begun(xsoar: &Xsoar, body: &str) -> Parcel {
    let buffer = bytes::Bytes::from(render(xsoar, body));
    let span = Span { start: 0, end: buffer.len(), id: crate::event::EventId::of(b"x"), subject: 0, group: 0 };
    xsoar.pack(Records::new(&buffer, &[span]))
}

fn reply(status: u16, body: &str) -> Reply {
    let status = StatusCode::from_u16(status).unwrap();
    Reply::Http { status, headers: HeaderMap::new(), body: body.to_owned().into() }
}

/// The request that follows on this reply.
fn next(xsoar: &Xsoar, sent: &Parcel, status: u16, body: &Value) -> Parcel {
    match xsoar.judge(sent, &reply(status, &body.to_string()), 1) {
        Verdict::Then(parcel) => *parcel,
        verdict => panic!("{verdict:?}"),
    }
}

/// Path and body.
fn request(parcel: &Parcel) -> (String, Value) {
    let Parcel::Http(parcel) = parcel else { panic!("XSOAR speaks HTTP") };
    (parcel.url.path().to_owned(), serde_json::from_slice(&parcel.body).unwrap())
}

fn none() -> Value {
    json!({"total": 0, "data": null})
}

#[test]
fn incidents_are_these() {
    let pretty = |settings, body| serde_json::to_string_pretty(&rendered(settings, body)).unwrap();
    insta::assert_snapshot!("xsoar_8", pretty(&[EIGHT], BRUTE_FORCE));
    let own = [
        ("INCIDENT_TYPE", "Cloud"),
        ("OWNER", "ann"),
        ("PLAYBOOK", "triage"),
        ("CREATE_INVESTIGATION", "false"),
        ("SEVERITY_MAP", "high=4"),
    ];
    insta::assert_snapshot!("xsoar_6", pretty(&[&own, SIX], EVERY_ENTITY));
}

#[test]
fn the_readme_shows_a_real_incident() {
    let record = render(&open(&[EIGHT]).unwrap(), BRUTE_FORCE);
    let readme = include_str!("README.md");
    assert!(readme.contains(&format!("```json\n{record}\n```\n")), "it should show\n{record}");
}

#[test]
fn severities_are_xsoars() {
    let severity = |word: &str, map: &str| {
        let alert = alert("New", "2026-02-03T00:00:00Z").replace("Medium", word);
        let map = [("SEVERITY_MAP", map)];
        rendered(&[&map, EIGHT], &alert)["severity"].clone()
    };
    for (word, number) in [
        ("Critical", json!(4)),
        ("High", json!(3)),
        ("Medium", json!(2)),
        ("low", json!(1)),
        ("Informational", json!(0.5)),
        ("odd", json!(0)),
    ] {
        assert_eq!(severity(word, ""), number, "{word}");
    }
    assert_eq!(severity("High", " Unknown=0.5 , high=4"), json!(4));
}

#[test]
fn ids_in_searches_are_plain_whatever_the_alert_says() {
    let long = "x".repeat(129);
    for key in ["a\" OR *:*", "a\\", "a\nb", "{}[]()^~?:!&|", "ünïcode", "a b", &long] {
        let xsoar = open(&[EIGHT]).unwrap();
        let body = json!({"SystemAlertId": key, "AlertType": "T", "AlertDisplayName": "n"}).to_string();
        let (_, search) = request(&begun(&xsoar, &body));
        let query = search["filter"]["query"].as_str().unwrap();
        let value = query.strip_prefix("dbotMirrorId:\"mdc-").unwrap().strip_suffix('"').unwrap();
        assert!(value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit()), "{query}");
    }
    // Case is no difference between alerts, and an alert without an id goes by that of its event.
    let ids = |key: &str| {
        let body = json!({"SystemAlertId": key, "AlertType": "T", "AlertDisplayName": "n"}).to_string();
        rendered(&[EIGHT], &body)["customFields"].take()
    };
    assert_eq!(ids("2517_3F6C")["mdcalertid"], "2517_3f6c");
    assert_eq!(ids("  \t")["mdcalertid"], ids("  \t")["mdceventid"]);
}

#[test]
fn the_conversation_searches_creates_and_looks_again() {
    let xsoar = open(&[EIGHT]).unwrap();
    let search = begun(&xsoar, &alert("New", "2026-02-03T00:00:00Z"));
    let query = json!({"query": "dbotMirrorId:\"mdc-a-1\"", "size": 2, "period": {"by": "day", "fromValue": 90}});
    assert_eq!(request(&search), ("/xsoar/public/v1/incidents/search".to_owned(), json!({"filter": query})));
    let by_field = next(&xsoar, &search, 200, &none());
    assert_eq!(request(&by_field).1["filter"]["query"], "mdcalertid:\"a-1\"");
    let create = next(&xsoar, &by_field, 200, &none());
    let (path, body) = request(&create);
    assert_eq!((path.as_str(), &body["name"]), ("/xsoar/public/v1/incident", &json!("[MDC] Title")));
    let mut row = body;
    row["id"] = json!("11");
    let check = next(&xsoar, &create, 201, &row);
    assert_eq!(request(&check).1["filter"]["query"], "dbotMirrorId:\"mdc-a-1\"");
    let alone = reply(200, &json!({"total": 1, "data": [row]}).to_string());
    assert!(matches!(xsoar.judge(&check, &alone, 1), Verdict::Accepted));
    // Another was first: ours is closed, and the conversation goes on with the other.
    let mut older = row.clone();
    older["id"] = json!("9");
    let withdraw = next(&xsoar, &check, 200, &json!({"total": 2, "data": [row, older]}));
    assert_eq!(request(&withdraw).0, "/xsoar/public/v1/incident/close");
    assert_eq!(request(&withdraw).1["id"], "11");
    let again = next(&xsoar, &withdraw, 200, &json!({}));
    assert_eq!(request(&again).0, "/xsoar/public/v1/incidents/search");
}

#[test]
fn an_update_keeps_what_is_not_ours() {
    let xsoar = open(&[EIGHT]).unwrap();
    let search = begun(&xsoar, &alert("InProgress", "2026-02-03T05:00:00Z"));
    let found = json!({"total": 1, "data": [{
        "id": "4711", "version": 12, "name": "Renamed by Ann", "owner": "ann", "severity": 4, "status": 1, "dbotMirrorId": "",
        "createInvestigation": true, "details": "old", "rawJSON": "{}", "sla": 1.50, "unknown": {"a": [1]},
        "labels": [{"type": "Instance", "value": "api"}, {"type": "mdcstatus", "value": "New"}],
        "CustomFields": {"mdcalertid": "A-1", "mdcstatus": "New", "mdcstatetime": "2026-02-03T04:00:00Z", "mdcseverity": "Medium",
            "ticket": "T-7"}}]});
    let update = next(&xsoar, &search, 200, &found);
    let (path, body) = request(&update);
    assert_eq!(path, "/xsoar/public/v1/incident");
    for (member, value) in [
        ("id", json!("4711")),
        ("version", json!(12)),
        ("name", json!("Renamed by Ann")),
        ("owner", json!("ann")),
        ("sla", json!(1.5)),
        ("unknown", json!({"a": [1]})),
        ("dbotMirrorId", json!("mdc-a-1")),
    ] {
        assert_eq!(body[member], value, "{member}");
    }
    assert_eq!(body["severity"], 4, "what an analyst chose stays while Defender for Cloud's stays");
    assert_eq!((body.get("createInvestigation"), body.get("CustomFields")), (None, None));
    assert!(body["rawJSON"].as_str().unwrap().contains("InProgress"));
    let fields = &body["customFields"];
    assert_eq!((&fields["mdcstatus"], &fields["ticket"]), (&json!("InProgress"), &json!("T-7")));
    let labels = body["labels"].as_array().unwrap();
    let of_type = |kind: &str| labels.iter().filter(|label| label["type"] == kind).collect::<Vec<_>>();
    assert_eq!(of_type("Instance").len(), 1);
    assert_eq!(of_type("mdcstatus"), [&json!({"type": "mdcstatus", "value": "InProgress"})]);

    let mut other = found;
    other["data"][0]["CustomFields"]["mdcseverity"] = json!("Low");
    assert_eq!(request(&next(&xsoar, &search, 200, &other)).1["severity"], 2, "Defender for Cloud changed its mind");
    let without_version = other["data"][0].as_object_mut().unwrap().remove("version");
    assert_eq!(without_version, Some(json!(12)));
    assert_eq!(request(&next(&xsoar, &search, 200, &other)).1["version"], -1);
}

#[test]
fn only_a_later_state_is_written() {
    let xsoar = open(&[EIGHT]).unwrap();
    let held = |status: &str, time: &str, ended: u8, in_labels: bool| {
        let facts = json!({"mdcalertid": "a-1", "mdcstatus": status, "mdcstatetime": time});
        let labels: Vec<Value> =
            facts.as_object().unwrap().iter().map(|(kind, value)| json!({"type": kind, "value": value})).collect();
        let row = json!({"id": 5, "version": 2, "status": ended});
        let mut row = row.as_object().unwrap().clone();
        match in_labels {
            true => row.insert("labels".to_owned(), labels.into()),
            false => row.insert("customFields".to_owned(), facts),
        };
        json!({"total": 1, "data": [row]}).to_string()
    };
    let (early, late) = ("2026-02-03T04:00:00.5Z", "2026-02-03T05:00:00Z");
    for in_labels in [false, true] {
        for (status, time, held, expected) in [
            ("New", early, held("Resolved", late, 2, in_labels), "nothing"),
            ("New", early, held("Resolved", early, 2, in_labels), "nothing"),
            ("New", early, held("New", early, 1, in_labels), "nothing"),
            ("Resolved", early, held("InProgress", late, 1, in_labels), "nothing"),
            ("New", late, held("New", early, 1, in_labels), "incident"),
            ("Resolved", early, held("New", early, 1, in_labels), "incident"),
            ("Active", late, held("Dismissed", early, 2, in_labels), "incident"),
            ("New", late, held("New", "yesterday", 1, in_labels), "incident"),
            // The attempt before this one came as far as the update.
            ("Dismissed", early, held("Dismissed", early, 1, in_labels), "close"),
            ("Dismissed", early, held("Dismissed", early, 2, in_labels), "nothing"),
        ] {
            let verdict = xsoar.judge(&begun(&xsoar, &alert(status, time)), &reply(200, &held), 1);
            let said = match &verdict {
                Verdict::Accepted => "nothing".to_owned(),
                Verdict::Then(parcel) => request(parcel).0.rsplit('/').next().unwrap().to_owned(),
                verdict => panic!("{verdict:?}"),
            };
            assert_eq!(said, expected, "{status} {time} against {held}");
        }
    }
}

#[test]
fn closing_has_its_reasons() {
    let own = [("CLOSE_REASON", "Done"), ("DISMISS_REASON", "False Positive")];
    for (status, reason) in [("Resolved", "Done"), ("Dismissed", "False Positive")] {
        let xsoar = open(&[&own, EIGHT]).unwrap();
        let search = begun(&xsoar, &alert(status, "2026-02-03T05:00:00Z"));
        let create = next(&xsoar, &next(&xsoar, &search, 200, &none()), 200, &none());
        assert_eq!(request(&create).1["createInvestigation"], false, "nothing is left to investigate");
        let close = next(&xsoar, &create, 200, &json!({"id": "3", "version": 1}));
        let notes = format!("{status} in Microsoft Defender for Cloud, 2026-02-03T05:00:00Z");
        let body = json!({"id": "3", "closeReason": reason, "closeNotes": notes});
        assert_eq!(request(&close), ("/xsoar/public/v1/incident/close".to_owned(), body));
        assert!(matches!(xsoar.judge(&close, &reply(200, ""), 1), Verdict::Accepted));
    }
    let xsoar = open(&[&[("CLOSE", "false")], EIGHT]).unwrap();
    let search = begun(&xsoar, &alert("Resolved", "2026-02-03T05:00:00Z"));
    let create = next(&xsoar, &next(&xsoar, &search, 200, &none()), 200, &none());
    assert_eq!(request(&create).1["createInvestigation"], true);
    assert!(matches!(xsoar.judge(&create, &reply(200, r#"{"id":"3"}"#), 1), Verdict::Accepted));
}

#[test]
fn only_the_incident_of_the_alert_is_touched() {
    let xsoar = open(&[EIGHT]).unwrap();
    let search = begun(&xsoar, &alert("New", "2026-02-03T05:00:00Z"));
    let foreign = json!({"id": "1", "version": 1, "dbotMirrorId": "other", "customFields": {"mdcalertid": "a-10"}});
    let next_search = next(&xsoar, &search, 200, &json!({"total": 1, "data": [foreign]}));
    assert_eq!(request(&next_search).1["filter"]["query"], "mdcalertid:\"a-1\"");
    // With more of them than it shows, ours may be among the rest.
    let many = reply(200, &json!({"total": 40, "data": [foreign, foreign]}).to_string());
    assert!(matches!(xsoar.judge(&search, &many, 1), Verdict::Misconfigured { .. }));
    // Of several, an open one, then the oldest.
    let row = |id: &str, status: u8| json!({"id": id, "version": 1, "status": status, "dbotMirrorId": "MDC-A-1"});
    let both = json!({"total": 2, "data": [row("10", 1), row("9", 1)]});
    assert_eq!(request(&next(&xsoar, &search, 200, &both)).1["id"], "9");
    let both = json!({"total": 2, "data": [row("10", 1), row("9", 2)]});
    assert_eq!(request(&next(&xsoar, &search, 200, &both)).1["id"], "10");
}

#[test]
fn a_stale_version_is_looked_at_again_but_not_for_ever() {
    let xsoar = open(&[SIX]).unwrap();
    let row = json!({"total": 1, "data": [{"id": "1", "version": 3, "dbotMirrorId": "mdc-a-1"}]});
    for (status, body) in [(500, r#"{"detail":"DB Version error"}"#), (400, r#"{"error":"wrong version"}"#), (409, "")]
    {
        let mut search = begun(&xsoar, &alert("New", "2026-02-03T05:00:00Z"));
        for turn in 1.. {
            let update = next(&xsoar, &search, 200, &row);
            match xsoar.judge(&update, &reply(status, body), 1) {
                Verdict::Then(parcel) => search = *parcel,
                Verdict::Retry { .. } => {
                    assert_eq!(turn, 4);
                    break;
                }
                verdict => panic!("{verdict:?}"),
            }
            let Parcel::Http(parcel) = &search else { panic!() };
            assert!(parcel.delay.is_some() && parcel.url.path() == "/acc_soc/incidents/search");
        }
    }
}

#[test]
fn a_creation_without_an_answer_is_left_to_a_later_search() {
    let xsoar = open(&[EIGHT]).unwrap();
    let search = begun(&xsoar, &alert("New", "2026-02-03T05:00:00Z"));
    let create = next(&xsoar, &next(&xsoar, &search, 200, &none()), 200, &none());
    let broken = Reply::Failed { failure: crate::parcel::Failure::Network, detail: "x".to_owned() };
    for reply in [broken, reply(500, ""), reply(502, "<html>"), reply(429, "{}")] {
        let verdict = xsoar.judge(&create, &reply, 1);
        let Verdict::Retry { after: Some(after), .. } = verdict else { panic!("{verdict:?}") };
        assert!(after.as_secs() >= 2);
    }
    // Taken, but not said as what.
    let found = next(&xsoar, &create, 200, &json!({"queued": true}));
    assert_eq!(request(&found).0, "/xsoar/public/v1/incidents/search");
}

#[test]
fn refusals_say_what_to_mend() {
    let xsoar = open(&[EIGHT]).unwrap();
    let search = begun(&xsoar, &alert("New", "2026-02-03T05:00:00Z"));
    let judged = |status, body: &str| xsoar.judge(&search, &reply(status, body), 1);
    for (status, word) in
        [(401, "KEY_TYPE"), (402, "licence"), (403, "role"), (404, "VERSION"), (405, "VERSION"), (302, "URL")]
    {
        let Verdict::Misconfigured { reason } = judged(status, "{}") else { panic!("{status}") };
        assert!(reason.contains(word), "{reason}");
    }
    for html in ["<html>Sign in</html>", "", "[]", "{}", "\"ok\""] {
        assert!(matches!(judged(200, html), Verdict::Misconfigured { .. }), "{html}");
    }
    assert!(matches!(judged(200, &"x".repeat(1024 * 1024)), Verdict::Rejected { .. }));
    let Verdict::Rejected { reason } = judged(400, r#"{"id":"errBadQuery","detail":"hunter2"}"#) else { panic!() };
    assert_eq!(reason, "HTTP 400 Bad Request: errBadQuery");
    let Verdict::Rejected { reason } = judged(400, r#"{"id":"with words of the alert"}"#) else { panic!() };
    assert_eq!(reason, "HTTP 400 Bad Request");
    assert!(matches!(judged(500, "{}"), Verdict::Retry { .. }));
}

#[test]
fn each_version_has_its_addresses_proofs_and_spellings() {
    let six = open(&[SIX]).unwrap();
    assert_eq!(six.access.incident.as_str(), "https://xsoar.example/acc_soc/incident");
    assert!(matches!(&six.access.auth, Auth::Header { prefix: "", .. }) && six.access.headers.is_empty());
    assert!(rendered(&[SIX], BRUTE_FORCE)["CustomFields"].is_object());

    for url in ["https://api-acme.xdr.example/", "https://api-acme.xdr.example/xsoar/public/v1/"] {
        let eight = open(&[&[("URL", url)], EIGHT]).unwrap();
        assert_eq!(eight.access.close.as_str(), "https://api-acme.xdr.example/xsoar/public/v1/incident/close");
        assert!(
            matches!(&eight.access.auth, Auth::CortexAdvanced { key_id, .. } if key_id == "7")
                && eight.access.headers.is_empty()
        );
    }
    let standard = open(&[&[("KEY_TYPE", "standard")], EIGHT]).unwrap();
    let Some(Parcel::Http(probe)) = standard.probe() else { panic!() };
    assert!(matches!(&probe.auth, Auth::Header { prefix: "", .. }));
    assert!(probe.headers.iter().any(|(name, value)| name == "x-xdr-auth-id" && value == "7"));
    let other = rendered(&[&[("CUSTOM_FIELDS_KEY", "CustomFields")], EIGHT], BRUTE_FORCE);
    assert!(other["CustomFields"].is_object() && other.get("customFields").is_none());

    let console = open(&[&[("URL", "https://acme.xdr.example")], EIGHT]).unwrap();
    assert_eq!((console.warnings().len(), open(&[EIGHT]).unwrap().warnings().len(), six.warnings().len()), (1, 0, 0));
}

#[test]
fn faults_are_named_all_at_once_and_without_the_key() {
    let faulty = [
        ("URL", "https://x.example/?key=hunter2"),
        ("API_KEY", "Bearer hunter2"),
        ("KEY_TYPE", "weak"),
        ("SEVERITY_MAP", "high=5"),
        ("MATCH_BY", "name"),
        ("LOOKBACK_DAYS", "0"),
        ("CUSTOM_FIELDS_KEY", "customfields"),
        ("CONCURRENCY", "5"),
    ];
    let error = open(&[&faulty]).unwrap_err().to_string();
    for key in faulty.map(|(key, _)| key).iter().chain(&["KEY_ID"]) {
        assert!(error.contains(&format!("X__{key}: ")), "{key} in {error}");
    }
    assert!(!error.contains("hunter2"));
    assert!(open(&[&[("KEY_ID", "1")], SIX]).unwrap_err().to_string().contains("X__KEY_ID"));
    let eights = [("URL", "https://x.example/xsoar/public/v1")];
    assert!(open(&[&eights, SIX]).unwrap_err().to_string().contains("X__URL"));
}

#[test]
fn no_secret_is_shown() {
    for settings in [EIGHT, SIX, &[&[("KEY_TYPE", "standard")], EIGHT].concat()] {
        let xsoar = open(&[settings]).unwrap();
        assert!(!format!("{xsoar:?} {:?}", xsoar.probe()).contains("hunter2"));
    }
}

#[test]
fn records_are_bounded_and_say_what_they_lack() {
    let mut huge: Value = serde_json::from_str(BRUTE_FORCE).unwrap();
    for member in ["Description", "AlertDisplayName", "CompromisedEntity", "AlertUri"] {
        huge[member] = "<long>".repeat(50_000).into();
    }
    let incident = rendered(&[EIGHT], &huge.to_string());
    assert!(incident.to_string().len() < 200_000);
    assert!(incident["name"].as_str().unwrap().len() < 300);
    let record: Value = serde_json::from_str(incident["rawJSON"].as_str().unwrap()).unwrap();
    assert_eq!(record["Severity"], "High");
    let labels = incident["labels"].as_array().unwrap();
    assert!(labels.iter().any(|label| label["type"] == "ShortenedFields" && label["value"].as_str().is_some()));
}

#[test]
fn matters_become_incidents() {
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    let body = [BRUTE_FORCE, RECOMMENDATION, FINDING, ATTACK_PATH, SCORE].join("\n");
    decode(body.as_bytes(), parse_time("2026-02-06T00:00:00Z").unwrap(), &texts, &mut decoded);
    let xsoar = open(&[EIGHT]).unwrap();
    let taken: Vec<bool> = decoded.events.iter().map(|event| xsoar.takes(event)).collect();
    assert_eq!(taken, [true, true, true, true, false]);
}

#[test]
fn incidents_of_other_matters_are_these() {
    let own = [("RECOMMENDATION_TYPE", "Posture"), ("SEVERITY_MAP", "critical=3")];
    for (name, settings, body) in
        [("recommendation", &own[..], RECOMMENDATION), ("finding", &[], FINDING), ("attack_path", &[], ATTACK_PATH)]
    {
        let incident = serde_json::to_string_pretty(&rendered(&[settings, EIGHT], body)).unwrap();
        insta::assert_snapshot!(format!("xsoar_{name}"), incident);
    }
}

/// What the search found: the incident as that record made it.
fn found(body: &str, change: &Value) -> Value {
    let mut row = rendered(&[EIGHT], body);
    row.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    json!({"total": 1, "data": [row]})
}

#[test]
fn what_is_settled_closes_its_incident_and_makes_none() {
    let xsoar = open(&[EIGHT]).unwrap();
    let row = found(RECOMMENDATION, &json!({"id": "11", "version": 1, "status": 1}));
    let (healthy, deleted) =
        (RECOMMENDATION.replace("Unhealthy", "Healthy"), RECOMMENDATION.replace("Write", "Delete"));
    for (body, word) in [(healthy, "Healthy"), (deleted, "Deleted")] {
        let search = begun(&xsoar, &body);
        let by_field = next(&xsoar, &search, 200, &none());
        assert!(matches!(xsoar.judge(&by_field, &reply(200, &none().to_string()), 1), Verdict::Accepted), "{word}");
        let update = next(&xsoar, &search, 200, &row);
        assert_eq!(request(&update).1["customFields"]["mdcstatus"], word);
        let (path, close) = request(&next(&xsoar, &update, 200, &json!({"id": "11"})));
        assert!(path.ends_with("/incident/close"));
        assert_eq!(close["closeReason"], "Resolved");
        assert!(close["closeNotes"].as_str().unwrap().starts_with(word));
    }
}

#[test]
fn a_snapshot_without_news_changes_nothing_and_one_with_news_does() {
    let xsoar = open(&[EIGHT]).unwrap();
    let snapshot = ATTACK_PATH.replace(r#""isSnapshot":false"#, r#""isSnapshot":true"#);
    let held = |severity: &str| {
        let custom = json!({"mdcalertid": rendered(&[EIGHT], ATTACK_PATH)["customFields"]["mdcalertid"], "mdcstatus": "Active",
            "mdcstatetime": "2026-02-05T00:00:00Z", "mdcseverity": severity});
        found(ATTACK_PATH, &json!({"id": "11", "version": 1, "status": 1, "customFields": custom}))
    };
    for (body, severity, writes) in
        [(snapshot.as_str(), "High", false), (&snapshot, "Low", true), (ATTACK_PATH, "High", true)]
    {
        let verdict = xsoar.judge(&begun(&xsoar, body), &reply(200, &held(severity).to_string()), 1);
        assert_eq!(matches!(verdict, Verdict::Then(_)), writes, "{severity}: {verdict:?}");
    }
}
