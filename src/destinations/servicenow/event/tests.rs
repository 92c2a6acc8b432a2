use std::slice::from_ref;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::super::tests::{ATTACK_PATH, BRUTE_FORCE, FINDING, RECOMMENDATION, open_with, pretty, record, with_event};
use super::*;
use crate::batch::Span;

const EVENT: (&str, &str) = ("MODE", "event");

fn reply(status: u16, body: impl Into<Bytes>) -> Reply {
    Reply::Http { status: StatusCode::from_u16(status).unwrap(), headers: HeaderMap::new(), body: body.into() }
}

fn judged(body: &'static str, records: usize) -> Verdict {
    counted(&reply(200, body), records, records)
}

/// The look with which these bodies' delivery begins.
fn look(bodies: &[String]) -> Parcel {
    let destination = open_with(&[EVENT]);
    let (mut buffer, mut spans) = (Vec::new(), Vec::new());
    for body in bodies {
        with_event(body, |event| {
            let start = buffer.len();
            destination.render(event, &mut buffer).unwrap();
            spans.push(Span::of(event, start..buffer.len()));
        });
    }
    destination.pack(Records::new(&Bytes::from(buffer), &spans))
}

/// What is sent after the look found this: time and severity of each event.
fn sent_after(bodies: &[String], found: &Reply) -> Vec<(String, String)> {
    let verdict = open_with(&[EVENT]).judge(&look(bodies), found, bodies.len());
    let Verdict::Then(next) = verdict else {
        assert!(matches!(verdict, Verdict::Accepted), "{verdict:?}");
        return Vec::new();
    };
    let Parcel::Http(parcel) = *next else { panic!() };
    assert_eq!((&parcel.method, parcel.url.path()), (&Method::POST, "/api/global/em/jsonv2"));
    let body: Value = serde_json::from_slice(&parcel.body).unwrap();
    let told = |record: &Value| {
        (record["time_of_event"].as_str().unwrap()[11..].to_owned(), record["severity"].as_str().unwrap().to_owned())
    };
    body["records"].as_array().unwrap().iter().map(told).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(time, severity)| ((*time).to_owned(), (*severity).to_owned())).collect()
}

fn at(status: &str, time: &str) -> String {
    BRUTE_FORCE
        .replace(r#""Status":"New""#, &format!(r#""Status":"{status}""#))
        .replace("2026-02-03T04:09:10.5Z", &format!("2026-02-03T{time}Z"))
}

#[test]
fn events_are_these() {
    insta::assert_snapshot!("servicenow_event", pretty(&record(&*open_with(&[EVENT]), BRUTE_FORCE)));
    for (status, settings, severity, resolution) in [
        ("New", &[EVENT, ("SEVERITY_MAP", "high=1")][..], "1", "New"),
        ("InProgress", &[EVENT], "2", "New"),
        ("Resolved", &[EVENT], "0", "Closing"),
        ("Dismissed", &[EVENT, ("SEVERITY_MAP", "high=1")], "0", "Closing"),
    ] {
        let record: Value = serde_json::from_str(&record(&*open_with(settings), &at(status, "05:00:00"))).unwrap();
        assert_eq!(
            (&record["severity"], &record["resolution_state"]),
            (&severity.into(), &resolution.into()),
            "{status}"
        );
        assert!(record.as_object().unwrap().values().all(Value::is_string), "every value is a text");
        let info: Value = serde_json::from_str(record["additional_info"].as_str().unwrap()).unwrap();
        assert_eq!(info["source_ip"], "203.0.113.45");
    }
}

#[test]
fn an_alert_without_times_happened_when_it_was_seen() {
    let body = r#"{"SystemAlertId":"a","AlertType":"t","AlertDisplayName":"n"}"#;
    let record: Value = serde_json::from_str(&record(&*open_with(&[EVENT]), body)).unwrap();
    assert_eq!(record["time_of_event"], "2026-02-06 00:00:00");
}

#[test]
fn a_request_puts_older_words_first() {
    let bodies = [at("Resolved", "05:00:00"), at("New", "04:30:00"), at("New", "05:00:00")];
    let expected = pairs(&[("04:30:00", "2"), ("05:00:00", "2"), ("05:00:00", "0")]);
    assert_eq!(sent_after(&bodies, &reply(200, r#"{"result":[]}"#)), expected);
}

#[test]
fn what_the_instance_knows_already_is_not_sent() {
    let known = |time: &str, key: &str| {
        let info = json!({"state": format!("Defender for Cloud 2026-02-03T{time}Z 2-InProgress 4-High")}).to_string();
        let key = format!("mdc:{key}_3F6C1A52-7b0e-4d0b-9f0e-1c2d3e4f5a6b");
        reply(200, json!({"result": [{"message_key": key, "additional_info": info}]}).to_string())
    };
    let bodies = [at("New", "04:30:00"), at("InProgress", "05:00:00"), at("Resolved", "05:00:00")];
    let all = pairs(&[("04:30:00", "2"), ("05:00:00", "2"), ("05:00:00", "0")]);
    let own = "2517200000000000001";
    assert_eq!(sent_after(&bodies, &known("05:00:00", own)), all[2..]);
    assert_eq!(sent_after(&bodies, &known("06:00:00", own)), []);
    assert_eq!(sent_after(&bodies, &known("06:00:00", "other")), all);
}

#[test]
fn an_end_without_a_beginning_gets_one() {
    let nothing = reply(200, r#"{"result":[]}"#);
    let ended = at("Resolved", "05:00:00");
    assert_eq!(sent_after(from_ref(&ended), &nothing), pairs(&[("05:00:00", "2"), ("05:00:00", "0")]));
    assert_eq!(sent_after(&[ended.clone(), ended.clone()], &nothing).len(), 2, "a repeated end is no news");
    let stranger = reply(200, r#"{"result":[{"message_key":"mdc:other","additional_info":""}]}"#);
    assert_eq!(sent_after(from_ref(&ended), &stranger).len(), 2);
    let body = json!({"result": [{"message_key": "mdc:2517200000000000001_3f6c1a52-7b0e-4d0b-9f0e-1c2d3e4f5a6b"}]});
    assert_eq!(sent_after(from_ref(&ended), &reply(200, body.to_string())), pairs(&[("05:00:00", "0")]));
    assert_eq!(sent_after(&[ended], &reply(403, "{}")).len(), 1, "nobody knows whether it has one");
}

#[test]
fn who_may_not_read_alerts_may_still_send() {
    let bodies = [at("New", "04:30:00")];
    for found in
        [reply(403, "{}"), reply(404, "{}"), reply(400, "{}"), reply(200, r#"{"result":[{"message_key":"x"}]}"#)]
    {
        assert_eq!(sent_after(&bodies, &found).len(), 1, "{found:?}");
    }
    for (status, parked) in [(401, true), (503, false), (429, false)] {
        let verdict = open_with(&[EVENT]).judge(&look(&bodies), &reply(status, "{}"), 1);
        assert_eq!(matches!(verdict, Verdict::Misconfigured { .. }), parked, "{verdict:?}");
        assert!(parked || matches!(verdict, Verdict::Retry { .. }), "{verdict:?}");
    }
}

#[test]
fn the_readme_shows_a_real_event() {
    let event = pretty(&record(&*open_with(&[EVENT]), BRUTE_FORCE));
    assert!(include_str!("../README.md").contains(&format!("```json\n{event}\n```\n")), "it should show {event}");
}

#[test]
fn the_count_decides() {
    let answer = r#"{"result":{"Default Bulk Endpoint":"2 events were inserted"}}"#;
    assert!(matches!(judged(answer, 2), Verdict::Accepted));
    assert!(matches!(judged(answer, 3), Verdict::Split { .. }));
    assert!(matches!(judged(r#"{"result":{"x":"0 events were inserted"}}"#, 1), Verdict::Retry { .. }));
    for odd in [r#"{"result":{}}"#, r#"{"result":"done"}"#, r#"{"result":{"x":"some events"}}"#, "<html/>"] {
        assert!(matches!(judged(odd, 1), Verdict::Retry { .. }), "{odd}");
    }
}

#[test]
fn events_of_other_matters_are_these() {
    for (name, body) in [("recommendation", RECOMMENDATION), ("finding", FINDING), ("attack_path", ATTACK_PATH)] {
        insta::assert_snapshot!(format!("servicenow_event_{name}"), pretty(&record(&*open_with(&[EVENT]), body)));
    }
}

#[test]
fn what_is_settled_ends_an_alert_and_opens_none() {
    let open = record(&*open_with(&[EVENT]), RECOMMENDATION);
    let known: Value = serde_json::from_str(&open).unwrap();
    let found = |rows: &[&Value]| reply(200, json!({ "result": rows }).to_string());
    let (healthy, deleted) =
        (RECOMMENDATION.replace("Unhealthy", "Healthy"), RECOMMENDATION.replace("Write", "Delete"));
    for settled in [healthy, deleted] {
        assert!(sent_after(from_ref(&settled), &found(&[])).is_empty(), "nobody heard of it");
        assert_eq!(sent_after(from_ref(&settled), &found(&[&known])), pairs(&[("04:05:06", "0")]));
        // In one request, whatever the order of two words of one moment.
        let both = [settled, RECOMMENDATION.to_owned()];
        assert_eq!(sent_after(&both, &found(&[])), pairs(&[("04:05:06", "1"), ("04:05:06", "0")]));
    }
    assert!(sent_after(&[RECOMMENDATION.to_owned()], &found(&[&known])).is_empty());
}

#[test]
fn a_snapshot_without_news_is_not_sent() {
    let older = record(&*open_with(&[EVENT]), ATTACK_PATH).replace("2026-02-06T00:00:00", "2026-02-05T00:00:00");
    let known: Value = serde_json::from_str(&older).unwrap();
    let found = reply(200, json!({ "result": [known] }).to_string());
    let snapshot = ATTACK_PATH.replace(r#""isSnapshot":false"#, r#""isSnapshot":true"#);
    assert!(sent_after(from_ref(&snapshot), &found).is_empty());
    assert_eq!(sent_after(&[snapshot.replace("High", "Low")], &found), pairs(&[("00:00:00", "4")]));
    assert_eq!(sent_after(&[ATTACK_PATH.to_owned()], &found).len(), 1);
}
