use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::super::tests::{BRUTE_FORCE, open_with, pretty, record, with_event};
use super::*;
use crate::batch::Span;

const EVENT: (&str, &str) = ("MODE", "event");

fn judged(body: &'static str, records: usize) -> Verdict {
    let destination = open_with(&[EVENT]);
    let parcel = destination.probe().unwrap();
    let reply = Reply::Http { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into() };
    destination.judge(&parcel, &reply, records)
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
    let destination = open_with(&[EVENT]);
    let bodies = [at("Resolved", "05:00:00"), at("New", "04:30:00"), at("New", "05:00:00")];
    let (mut buffer, mut spans) = (Vec::new(), Vec::new());
    for body in &bodies {
        with_event(body, |event| {
            let start = buffer.len();
            destination.render(event, &mut buffer).unwrap();
            spans.push(Span::of(event, start..buffer.len()));
        });
    }
    let Parcel::Http(parcel) = destination.pack(Records::new(&Bytes::from(buffer), &spans)) else { panic!() };
    let body: Value = serde_json::from_slice(&parcel.body).unwrap();
    let told = |record: &Value| {
        (record["time_of_event"].as_str().unwrap()[11..].to_owned(), record["severity"].as_str().unwrap().to_owned())
    };
    let order: Vec<_> = body["records"].as_array().unwrap().iter().map(told).collect();
    let expected = [("04:30:00", "2"), ("05:00:00", "2"), ("05:00:00", "0")];
    assert_eq!(order, expected.map(|(time, severity)| (time.to_owned(), severity.to_owned())));
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
