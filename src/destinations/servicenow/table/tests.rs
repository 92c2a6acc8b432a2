use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::super::desk::SETTLING;
use super::super::tests::{ATTACK_PATH, BRUTE_FORCE, FINDING, RECOMMENDATION, open_with, pretty, with_event};
use super::super::ticket::Report;
use super::*;
use crate::batch::Span;
use crate::parcel::HttpParcel;

const KEY: &str = "mdc:2517200000000000001_3f6c1a52-7b0e-4d0b-9f0e-1c2d3e4f5a6b";
const SAID: &str = "Defender for Cloud 2026-02-03T04:09:10.500000000Z 1-New 4-High";
const ID: &str = "0123456789abcdef0123456789abcdef";

/// One delivery of the alert, told step by step.
struct Delivery {
    destination: Box<dyn Destination>,
    sent: HttpParcel,
}

impl Delivery {
    fn of(body: &str, settings: &[(&str, &str)]) -> Self {
        let destination = open_with(settings);
        let parcel = with_event(body, |event| {
            let mut record = Vec::new();
            destination.render(event, &mut record).unwrap();
            let spans = [Span::of(event, 0..record.len())];
            destination.pack(Records::new(&Bytes::from(record), &spans))
        });
        let Parcel::Http(sent) = parcel else { panic!() };
        Self { destination, sent }
    }

    /// The new alert.
    fn new() -> Self {
        Self::of(BRUTE_FORCE, &[])
    }

    /// Answers the request under way.
    fn answer(&mut self, reply: &Reply) -> Verdict {
        let verdict = self.destination.judge(&Parcel::Http(self.sent.clone()), reply, 1);
        if let Verdict::Then(next) = &verdict
            && let Parcel::Http(next) = &**next
        {
            self.sent = next.clone();
        }
        verdict
    }

    fn answer_http(&mut self, status: u16, body: &Value) -> Verdict {
        let status = StatusCode::from_u16(status).unwrap();
        self.answer(&Reply::Http { status, headers: HeaderMap::new(), body: body.to_string().into() })
    }

    /// Answers the request under way, and expects another.
    fn goes_on(&mut self, status: u16, body: &Value) -> &HttpParcel {
        let verdict = self.answer_http(status, body);
        assert!(matches!(verdict, Verdict::Then(_)), "{verdict:?}");
        &self.sent
    }

    fn body(&self) -> Value {
        serde_json::from_slice(&self.sent.body).unwrap()
    }
}

fn found(rows: &[Value]) -> Value {
    json!({ "result": rows })
}

fn row(more: Value) -> Value {
    let mut row = json!({"sys_id": ID, "number": "INC1", "state": "1", "active": "true", "assigned_to": "", "correlation_id": KEY,
        "correlation_display": SAID, "sys_created_on": "2026-02-03 04:10:00"});
    if let Value::Object(more) = more {
        row.as_object_mut().unwrap().extend(more);
    }
    row
}

#[test]
fn a_look_comes_first_and_the_ticket_is_this() {
    let mut delivery = Delivery::new();
    assert_eq!((&delivery.sent.method, delivery.sent.body.len()), (&Method::GET, 0));
    insta::assert_snapshot!("servicenow_look", delivery.sent.url);
    let create = delivery.goes_on(200, &found(&[]));
    assert_eq!(create.method, Method::POST);
    insta::assert_snapshot!("servicenow_create", pretty(std::str::from_utf8(&create.body).unwrap()));
    assert_eq!(delivery.goes_on(201, &json!({"result": row(Value::Null)})).method, Method::GET);
    assert!(matches!(delivery.answer_http(200, &found(&[row(Value::Null)])), Verdict::Accepted));
}

#[test]
fn tickets_of_other_matters_are_these() {
    for (name, body) in [("recommendation", RECOMMENDATION), ("finding", FINDING), ("attack_path", ATTACK_PATH)] {
        let mut delivery = Delivery::of(body, &[]);
        let create = delivery.goes_on(200, &found(&[]));
        let readme = include_str!("../README.md");
        let ticket = pretty(std::str::from_utf8(&create.body).unwrap());
        assert!(name != "recommendation" || readme.contains(&format!("```json\n{ticket}\n```\n")), "the page shows it");
        insta::assert_snapshot!(format!("servicenow_create_{name}"), ticket);
    }
}

#[test]
fn what_is_settled_changes_its_ticket_and_makes_none() {
    let (said, key) = with_event(RECOMMENDATION, |event| {
        let report = Report::of(event).unwrap();
        (report.said.to_string(), report.key)
    });
    let ticket = row(json!({"correlation_id": key, "correlation_display": said}));
    let healthy = RECOMMENDATION.replace("Unhealthy", "Healthy");
    let deleted = RECOMMENDATION.replace("Write", "Delete");
    for (body, word) in [(&healthy, "Healthy"), (&deleted, "Deleted")] {
        let mut delivery = Delivery::of(body, &[("CLOSE_CODE", "Solution provided")]);
        assert!(matches!(delivery.answer_http(200, &found(&[])), Verdict::Accepted), "no ticket for {word}");
        let mut delivery = Delivery::of(body, &[("CLOSE_CODE", "Solution provided")]);
        delivery.goes_on(200, &found(std::slice::from_ref(&ticket)));
        let change = delivery.body();
        assert_eq!((&change["state"], &change["close_code"]), (&json!("6"), &json!("Solution provided")));
        let note = change["work_notes"].as_str().unwrap();
        assert!(note.starts_with(&format!("Defender for Cloud: status {word}, severity Critical")), "{note}");
    }
}

#[test]
fn a_snapshot_without_news_changes_nothing_and_one_with_news_does() {
    let key = with_event(ATTACK_PATH, |event| Report::of(event).unwrap().key);
    // The path has no time of its own: the snapshot was seen later than what the ticket knows.
    let known = |said: &str| {
        row(
            json!({"correlation_id": key, "correlation_display": format!("Defender for Cloud 2026-02-05T00:00:00Z {said}")}),
        )
    };
    let snapshot = ATTACK_PATH.replace(r#""isSnapshot":false"#, r#""isSnapshot":true"#);
    for (body, said, writes) in [
        (snapshot.as_str(), "1-New 4-High", false),
        (&snapshot, "1-New 3-Medium", true),
        (&snapshot, "3-Resolved 4-High", true),
        (ATTACK_PATH, "1-New 4-High", true),
    ] {
        let verdict = Delivery::of(body, &[]).answer_http(200, &found(&[known(said)]));
        assert_eq!(matches!(verdict, Verdict::Then(_)), writes, "{said}: {verdict:?}");
    }
}

#[test]
fn the_readme_shows_the_real_ticket() {
    let mut delivery = Delivery::new();
    let create = delivery.goes_on(200, &found(&[]));
    let ticket = pretty(std::str::from_utf8(&create.body).unwrap());
    assert!(include_str!("../README.md").contains(&format!("```json\n{ticket}\n```\n")), "it should show {ticket}");
}

#[test]
fn a_change_is_this() {
    let resolved = BRUTE_FORCE.replace(r#""Status":"New""#, r#""Status":"Resolved""#);
    let mut delivery = Delivery::of(&resolved, &[("CLOSE_CODE", "Solution provided")]);
    let change = delivery.goes_on(200, &found(&[row(Value::Null)]));
    assert_eq!((&change.method, change.url.path()), (&Method::PATCH, &*format!("/api/now/v2/table/incident/{ID}")));
    insta::assert_snapshot!("servicenow_change", pretty(std::str::from_utf8(&change.body).unwrap()));
    let kept = json!({"result": row(json!({"correlation_display": delivery.body()["correlation_display"]}))});
    assert!(matches!(delivery.answer_http(200, &kept), Verdict::Accepted));
}

#[test]
fn a_creator_looks_again_after_its_first_change() {
    let mut delivery = Delivery::of(&BRUTE_FORCE.replace(r#""Status":"New""#, r#""Status":"InProgress""#), &[]);
    delivery.goes_on(200, &found(&[]));
    assert_eq!(delivery.body()["correlation_display"], SAID, "every ticket begins as new");
    delivery.goes_on(201, &json!({"result": row(Value::Null)}));
    assert_eq!(delivery.goes_on(200, &found(&[row(Value::Null)])).method, Method::PATCH);
    assert_eq!(delivery.body()["state"], "2");
    let changed = row(json!({"correlation_display": delivery.body()["correlation_display"], "state": "2"}));
    assert_eq!(delivery.goes_on(200, &json!({"result": changed})).method, Method::GET);
    assert!(matches!(delivery.answer_http(200, &found(&[changed])), Verdict::Accepted));
}

#[test]
fn strangers_end_the_conversation() {
    for stranger in [
        row(json!({"correlation_id": "mdc:other"})),
        row(json!({"correlation_id": ""})),
        row(json!({"correlation_id": null})),
        row(json!({"sys_id": "../sys_user"})),
        json!({"sys_id": ID, "number": "INC1"}),
    ] {
        for rows in [vec![stranger.clone()], vec![row(Value::Null), stranger.clone()]] {
            let verdict = Delivery::new().answer_http(200, &found(&rows));
            assert!(matches!(verdict, Verdict::Misconfigured { .. }), "{rows:?}: {verdict:?}");
        }
    }
}

#[test]
fn an_unanswered_creation_is_looked_for_and_then_tried_again_from_the_start() {
    for failure in [Failure::Network, Failure::Deadline] {
        let mut delivery = Delivery::new();
        delivery.goes_on(200, &found(&[]));
        let verdict = delivery.answer(&Reply::Failed { failure, detail: "no answer".into() });
        assert!(matches!(verdict, Verdict::Then(_)), "{verdict:?}");
        assert_eq!((&delivery.sent.method, delivery.sent.delay), (&Method::GET, Some(SETTLING)));
        let verdict = delivery.answer_http(200, &found(&[]));
        assert!(matches!(&verdict, Verdict::Retry { reason, .. } if reason == "no answer"), "{verdict:?}");
    }
    for (status, body) in
        [(500, json!({})), (503, json!({})), (408, json!({})), (201, json!("<html>")), (200, json!({}))]
    {
        let mut delivery = Delivery::new();
        delivery.goes_on(200, &found(&[]));
        assert_eq!(delivery.goes_on(status, &body).method, Method::GET, "{status}");
        assert!(matches!(delivery.answer_http(200, &found(&[row(Value::Null)])), Verdict::Accepted), "{status}");
    }
}

#[test]
fn a_creation_that_was_refused_is_asked_for_and_not_repeated() {
    for (status, blamed) in [(400, true), (403, false), (409, true)] {
        let mut delivery = Delivery::new();
        delivery.goes_on(200, &found(&[]));
        assert_eq!(delivery.goes_on(status, &json!({})).method, Method::GET);
        let verdict = delivery.answer_http(200, &found(&[]));
        assert_eq!(matches!(verdict, Verdict::Rejected { .. }), blamed, "{status}: {verdict:?}");
        assert_eq!(matches!(verdict, Verdict::Misconfigured { .. }), !blamed, "{status}: {verdict:?}");
        // The key is unique, and somebody else was first.
        let mut delivery = Delivery::new();
        delivery.goes_on(200, &found(&[]));
        delivery.goes_on(status, &json!({}));
        assert!(matches!(delivery.answer_http(200, &found(&[row(Value::Null)])), Verdict::Accepted));
    }
    for (status, parked) in [(401, true), (404, true), (429, false)] {
        let mut delivery = Delivery::new();
        delivery.goes_on(200, &found(&[]));
        let verdict = delivery.answer_http(status, &json!({}));
        assert_eq!(matches!(verdict, Verdict::Misconfigured { .. }), parked, "{status}: {verdict:?}");
        assert!(parked || matches!(verdict, Verdict::Retry { .. }), "{status}: {verdict:?}");
    }
}

#[test]
fn a_look_that_is_refused_blames_no_alert() {
    for status in [400, 401, 403, 404, 406, 413, 415] {
        let verdict = Delivery::new().answer_http(status, &json!({}));
        assert!(matches!(verdict, Verdict::Misconfigured { .. }), "{status}: {verdict:?}");
    }
}

#[test]
fn what_a_rule_forbids_for_one_ticket_stops_no_other() {
    let rule = json!({"error": {"message": "Operation Failed", "detail": "was aborted by Business Rule 'Lock'"}});
    let right = json!({"error": {"message": "Operation Failed", "detail": "ACL Exception Update Failed"}});
    let resolved = BRUTE_FORCE.replace(r#""Status":"New""#, r#""Status":"Resolved""#);
    for (answer, buried) in [(rule, true), (right, false)] {
        let mut delivery = Delivery::of(&resolved, &[("CLOSE_CODE", "x")]);
        delivery.goes_on(200, &found(&[row(Value::Null)]));
        delivery.goes_on(403, &answer);
        assert!(delivery.body()["state"].is_null() && delivery.body()["close_code"].is_null(), "the state is given up");
        let verdict = delivery.answer_http(403, &answer);
        assert_eq!(matches!(verdict, Verdict::Rejected { .. }), buried, "{verdict:?}");
        assert_eq!(matches!(verdict, Verdict::Misconfigured { .. }), !buried, "{verdict:?}");
    }
}

#[test]
fn a_ticket_that_its_creator_cannot_find_is_no_reason_for_another() {
    let mut delivery = Delivery::new();
    delivery.goes_on(200, &found(&[]));
    delivery.goes_on(201, &json!({"result": row(Value::Null)}));
    let verdict = delivery.answer_http(200, &found(&[]));
    assert!(matches!(&verdict, Verdict::Misconfigured { reason } if reason.contains("read")), "{verdict:?}");
}

#[test]
fn a_creation_that_lost_its_key_is_withdrawn() {
    for lost in [json!({"correlation_id": null}), json!({"correlation_display": "cut"})] {
        let mut delivery = Delivery::new();
        delivery.goes_on(200, &found(&[]));
        assert_eq!(delivery.goes_on(201, &json!({"result": row(lost)})).method, Method::PATCH);
        assert_eq!(delivery.body()["state"], "8");
        assert!(matches!(delivery.answer_http(403, &json!({})), Verdict::Misconfigured { .. }));
    }
}

#[test]
fn creators_agree_on_the_first_ticket() {
    let later = "fedcba9876543210fedcba9876543210";
    let ours = row(json!({"sys_id": later, "number": "INC2"}));
    // Of the same second: the order of the answer does not matter, that of the ids does.
    let mut delivery = Delivery::new();
    let cancel = delivery.goes_on(200, &found(&[ours.clone(), row(Value::Null)]));
    assert!(cancel.url.path().ends_with(later));
    assert_eq!(delivery.body()["state"], "8");
    assert!(delivery.body()["work_notes"].as_str().unwrap().contains("INC1"));
    assert_eq!(delivery.goes_on(200, &json!({"result": {}})).method, Method::GET);
    let canceled = row(json!({"sys_id": later, "state": "8", "active": "false"}));
    assert!(matches!(delivery.answer_http(200, &found(&[row(Value::Null), canceled])), Verdict::Accepted));
    // Refused: it is left alone, and the first ticket counts.
    let mut delivery = Delivery::new();
    delivery.goes_on(200, &found(&[row(Value::Null), ours.clone()]));
    delivery.goes_on(403, &json!({}));
    assert!(matches!(delivery.answer_http(200, &found(&[row(Value::Null), ours])), Verdict::Accepted));
}

#[test]
fn an_open_ticket_goes_before_an_older_closed_one() {
    let closed = row(json!({"state": "7", "active": "false", "sys_created_on": "2026-02-01 00:00:00"}));
    let later = "fedcba9876543210fedcba9876543210";
    let open = row(json!({"sys_id": later}));
    let mut delivery = Delivery::of(&BRUTE_FORCE.replace(r#""Status":"New""#, r#""Status":"InProgress""#), &[]);
    let change = delivery.goes_on(200, &found(&[closed, open]));
    assert!(change.method == Method::PATCH && change.url.path().ends_with(later), "{}", change.url);
}

#[test]
fn a_page_or_a_lost_record_never_counts_as_delivered() {
    let page = Reply::Http { status: StatusCode::OK, headers: HeaderMap::new(), body: "<html>".into() };
    let mut delivery = Delivery::new();
    assert!(matches!(delivery.answer(&page), Verdict::Retry { .. }));
    delivery.sent.memo = Value::Null;
    assert!(matches!(delivery.answer_http(200, &found(&[])), Verdict::Retry { .. }));
}

#[test]
fn a_conversation_without_end_stays_below_the_steps_of_delivery() {
    // Every ticket is closed after its alert was over, and each look brings the next one.
    let mut delivery = Delivery::of(&BRUTE_FORCE.replace("04:09:10.5Z", "05:00:00Z"), &[]);
    let mut steps = 0;
    loop {
        let key = of_ticket(KEY, delivery.sent.memo["number"].as_u64().unwrap().try_into().unwrap());
        let over = "Defender for Cloud 2026-02-03T04:09:10.500000000Z 3-Resolved 4-High";
        let closed = row(json!({"correlation_id": key, "correlation_display": over, "state": "7", "active": "false"}));
        let verdict = match delivery.sent.method {
            Method::GET => delivery.answer_http(200, &found(&[closed])),
            _ => delivery.answer_http(403, &json!({})),
        };
        steps += 1;
        if !matches!(verdict, Verdict::Then(_)) {
            assert!(matches!(verdict, Verdict::Accepted), "{verdict:?}");
            break;
        }
    }
    assert_eq!(steps, 10);
}
