use http::{HeaderMap, StatusCode};

use super::super::tests::{BRUTE_FORCE, open_with, pretty, record};
use super::*;

const IMPORT: (&str, &str) = ("MODE", "import");
const CLOSING: (&str, &str) = ("CLOSE_CODE", "Solution provided");

fn judged(body: &'static str) -> Verdict {
    let destination = open_with(&[IMPORT]);
    let parcel = destination.probe().unwrap();
    let reply = Reply::Http { status: StatusCode::CREATED, headers: HeaderMap::new(), body: body.into() };
    destination.judge(&parcel, &reply, 1)
}

#[test]
fn rows_are_these() {
    insta::assert_snapshot!("servicenow_import", pretty(&record(&*open_with(&[IMPORT]), BRUTE_FORCE)));
    let resolved = BRUTE_FORCE.replace(r#""Status":"New""#, r#""Status":"Resolved""#);
    let own = [IMPORT, CLOSING, ("COLUMN_PREFIX", "none"), ("CATEGORY", "security")];
    let row = record(&*open_with(&own), &resolved);
    let row: serde_json::Map<String, Value> = serde_json::from_str(&row).unwrap();
    for (column, value) in [
        ("state", "6"),
        ("close_code", "Solution provided"),
        ("category", "security"),
        ("correlation_display", "Defender for Cloud 2026-02-03T04:09:10.500000000Z 3-Resolved 4-High"),
    ] {
        assert_eq!(row[column], value);
    }
    assert!(row.values().all(Value::is_string), "an import set takes texts only");
}

#[test]
fn every_row_of_the_answer_counts() {
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
