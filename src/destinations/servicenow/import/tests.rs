use std::slice::from_ref;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::super::tests::{BRUTE_FORCE, RECOMMENDATION, open_with, pretty, with_event};
use super::*;
use crate::batch::Span;

const IMPORT: (&str, &str) = ("MODE", "import");
const CLOSING: (&str, &str) = ("CLOSE_CODE", "Solution provided");
const KEY: &str = "mdc:2517200000000000001_3f6c1a52-7b0e-4d0b-9f0e-1c2d3e4f5a6b";

fn reply(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    Reply::Http { status, headers: HeaderMap::new(), body: body.into() }
}

/// What is decided after a look that found these rows.
fn after_look(settings: &[(&str, &str)], body: &str, rows: &[Value]) -> Verdict {
    let destination = open_with(settings);
    let parcel = with_event(body, |event| {
        let mut record = Vec::new();
        destination.render(event, &mut record).unwrap();
        let spans = [Span::of(event, 0..record.len())];
        destination.pack(Records::new(&Bytes::from(record), &spans))
    });
    destination.judge(&parcel, &reply(StatusCode::OK, json!({ "result": rows }).to_string()), 1)
}

fn sent(verdict: Verdict) -> HttpParcel {
    match verdict {
        Verdict::Then(parcel) => match *parcel {
            Parcel::Http(parcel) => parcel,
            Parcel::Syslog(_) => panic!("not HTTP"),
        },
        other => panic!("{other:?}"),
    }
}

fn row_of(parcel: &HttpParcel) -> serde_json::Map<String, Value> {
    serde_json::from_slice(&parcel.body).unwrap()
}

fn resolved() -> String {
    BRUTE_FORCE.replace(r#""Status":"New""#, r#""Status":"Resolved""#)
}

/// The ticket, as it stands after this was said.
fn ticket(said: &str, state: &str, active: &str) -> Value {
    json!({"sys_id": "0123456789abcdef0123456789abcdef", "state": state, "active": active, "correlation_id": KEY,
        "correlation_display": format!("Defender for Cloud 2026-02-03T{said}")})
}

#[test]
fn a_row_of_a_new_alert_is_this() {
    let parcel = sent(after_look(&[IMPORT], BRUTE_FORCE, &[]));
    assert_eq!((&parcel.method, parcel.url.path()), (&Method::POST, "/api/now/import/u_mdc_alert_import"));
    insta::assert_snapshot!("servicenow_import", pretty(std::str::from_utf8(&parcel.body).unwrap()));
    let own = [IMPORT, CLOSING, ("COLUMN_PREFIX", "none"), ("STAGING_TABLE", "x_acme"), ("CATEGORY", "security")];
    let parcel = sent(after_look(&own, &resolved(), &[]));
    assert_eq!(parcel.url.path(), "/api/now/import/x_acme");
    let row = row_of(&parcel);
    for (column, value) in
        [("state", "6"), ("close_code", "Solution provided"), ("category", "security"), ("correlation_id", KEY)]
    {
        assert_eq!(row[column], value);
    }
    assert!(row.values().all(Value::is_string), "an import set takes texts only");
}

#[test]
fn a_row_of_a_change_holds_the_change_only() {
    let parcel = sent(after_look(&[IMPORT, CLOSING], &resolved(), &[ticket("04:09:10.5Z 1-New 4-High", "1", "true")]));
    let columns: Vec<String> = row_of(&parcel).keys().cloned().collect();
    assert_eq!(
        columns,
        [
            "u_close_code",
            "u_close_notes",
            "u_correlation_display",
            "u_correlation_id",
            "u_short_description",
            "u_state"
        ]
    );
    let again = ticket("04:00:00Z 3-Resolved 4-High", "6", "true");
    assert_eq!(row_of(&sent(after_look(&[IMPORT, CLOSING], BRUTE_FORCE, &[again])))["u_state"], "2");
}

#[test]
fn older_words_and_closed_tickets_get_no_row() {
    for known in [
        ticket("04:09:10.5Z 1-New 4-High", "1", "true"),
        ticket("04:09:11Z 1-New 1-Informational", "1", "true"),
        ticket("04:09:10.5Z 3-Resolved 4-High", "6", "true"),
        ticket("04:00:00Z 1-New 4-High", "7", "false"),
    ] {
        assert!(matches!(after_look(&[IMPORT], BRUTE_FORCE, from_ref(&known)), Verdict::Accepted), "{known}");
    }
    let over = ticket("04:00:00Z 3-Resolved 4-High", "7", "false");
    let next = sent(after_look(&[IMPORT], BRUTE_FORCE, from_ref(&over)));
    assert!(next.method == Method::GET && next.url.query().unwrap().contains("%3A2%5EORDERBY"), "{}", next.url);
    let stranger = json!({"sys_id": over["sys_id"], "correlation_id": "mdc:other", "correlation_display": ""});
    assert!(matches!(after_look(&[IMPORT], BRUTE_FORCE, &[stranger]), Verdict::Misconfigured { .. }));
}

#[test]
fn every_row_of_the_answer_counts() {
    let judged = |body: &'static str| transformed(&reply(StatusCode::CREATED, body));
    let accepted = |body| matches!(judged(body), Verdict::Accepted);
    assert!(accepted(r#"{"result":[{"status":"inserted","sys_id":"1"}]}"#));
    assert!(accepted(r#"{"result":[{"status":"updated"},{"status":"ignored"}]}"#));
    for (body, reason) in [
        (
            r#"{"result":[{"status":"inserted"},{"status":"error","error_message":"No match for 'User CONTOSO'"}]}"#,
            "the transform map answered error: No match for",
        ),
        (r#"{"result":[{"status":"error"}]}"#, "the transform map answered error"),
        (r#"{"result":[{}]}"#, "the transform map answered "),
    ] {
        assert!(matches!(judged(body), Verdict::Rejected { reason: told } if told == reason), "{body}");
    }
    assert!(matches!(judged(r#"{"result":[]}"#), Verdict::Misconfigured { .. }));
    assert!(matches!(judged("<html>hibernating</html>"), Verdict::Retry { .. }));
}

#[test]
fn a_row_of_a_recommendation_is_this_and_a_healthy_one_makes_none() {
    let parcel = sent(after_look(&[IMPORT], RECOMMENDATION, &[]));
    insta::assert_snapshot!("servicenow_import_recommendation", pretty(std::str::from_utf8(&parcel.body).unwrap()));
    let healthy = RECOMMENDATION.replace("Unhealthy", "Healthy");
    assert!(matches!(after_look(&[IMPORT], &healthy, &[]), Verdict::Accepted));
    let row = row_of(&parcel);
    let ticket = json!({"sys_id": "0123456789abcdef0123456789abcdef", "state": "1", "active": "true",
        "correlation_id": row["u_correlation_id"], "correlation_display": row["u_correlation_display"]});
    let closing = row_of(&sent(after_look(&[IMPORT, CLOSING], &healthy, &[ticket])));
    assert_eq!((&closing["u_state"], &closing["u_close_code"]), (&json!("6"), &json!("Solution provided")));
}
