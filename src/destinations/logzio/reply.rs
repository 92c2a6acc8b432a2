//! What Logz.io's replies mean. A 400 with counts is a partial success: the good lines were taken, so nothing is ever sent again for it.

use http::StatusCode;
use serde::Deserialize;

use crate::parcel::{Reply, Verdict};

/// The body of a 400: how many lines were taken, and how many refused for which reason.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    successful_lines: usize,
    #[serde(default)]
    malformed_lines: usize,
    #[serde(default)]
    oversized_lines: usize,
    #[serde(default)]
    empty_log_lines: usize,
}

/// Decides what a reply means for `records` records.
pub(super) fn judge(reply: &Reply, records: usize) -> Verdict {
    let Reply::Http { status, body, .. } = reply else { return Verdict::by_status(reply) };
    let misconfigured = |text: &str| Verdict::Misconfigured { reason: format!("HTTP {status}: {text}") };
    match status.as_u16() {
        401 | 403 => misconfigured("the token is not known here; check TOKEN, and REGION or URL"),
        404 | 405 => misconfigured("no listener here; check REGION or URL"),
        400 => match serde_json::from_slice::<Counts>(body) {
            Ok(counts) => counts.judge(*status, records),
            Err(_) => Verdict::by_status(reply),
        },
        _ => Verdict::by_status(reply),
    }
}

impl Counts {
    fn judge(&self, status: StatusCode, records: usize) -> Verdict {
        let Self {
            successful_lines: taken,
            malformed_lines: malformed,
            oversized_lines: oversized,
            empty_log_lines: empty,
        } = *self;
        if taken >= records {
            return Verdict::Accepted;
        }
        if taken + malformed + oversized + empty == 0 {
            let reason = format!("HTTP {status}: no line arrived; a proxy may remove the body");
            return Verdict::Misconfigured { reason };
        }
        let counts = format!("{malformed} malformed, {oversized} too long, {empty} empty");
        let reason = match taken {
            0 => format!("Logz.io refused the line ({counts})"),
            taken => format!(
                "Logz.io took {taken} of {records} lines and does not say which ({counts}); look for the eventId there before you replay"
            ),
        };
        Verdict::Partial { rejected: (0..records).map(|index| (index, reason.clone())).collect(), resend: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn judged(status: u16, body: &'static str, records: usize) -> Verdict {
        let status = StatusCode::from_u16(status).unwrap();
        judge(&Reply::Http { status, headers: HeaderMap::new(), body: body.into() }, records)
    }

    const TWO_OF_FIVE: &str = r#"{"malformedLines":1,"successfulLines":3,"oversizedLines":1,"emptyLogLines":0}"#;
    const NONE: &str = r#"{"malformedLines":1,"successfulLines":0,"oversizedLines":0,"emptyLogLines":0}"#;
    const ALL: &str = r#"{"malformedLines":0,"successfulLines":5,"oversizedLines":0,"emptyLogLines":0}"#;
    const NOTHING: &str = r#"{"malformedLines":0,"successfulLines":0,"oversizedLines":0,"emptyLogLines":0}"#;

    #[test]
    fn counts_never_make_anything_be_sent_again() {
        for (body, records) in [(TWO_OF_FIVE, 5), (NONE, 1), (NONE, 5)] {
            let Verdict::Partial { rejected, resend } = judged(400, body, records) else { panic!("{body}") };
            let indices: Vec<usize> = rejected.iter().map(|(index, _)| *index).collect();
            assert_eq!((indices, resend.len()), ((0..records).collect(), 0), "{body}");
        }
        assert!(matches!(judged(400, ALL, 5), Verdict::Accepted));
    }

    #[test]
    fn a_letter_says_whether_its_line_may_be_there() {
        let reason = |body, records| match judged(400, body, records) {
            Verdict::Partial { mut rejected, .. } => rejected.swap_remove(0).1,
            verdict => panic!("{verdict:?}"),
        };
        assert!(
            reason(TWO_OF_FIVE, 5)
                .starts_with("Logz.io took 3 of 5 lines and does not say which (1 malformed, 1 too long, 0 empty)")
        );
        assert_eq!(reason(NONE, 1), "Logz.io refused the line (1 malformed, 0 too long, 0 empty)");
    }

    #[test]
    fn no_line_at_all_is_the_way_s_fault_and_not_the_records() {
        assert!(matches!(judged(400, NOTHING, 5), Verdict::Misconfigured { .. }));
    }

    #[test]
    fn each_status_has_its_meaning() {
        assert!(matches!(judged(200, "", 5), Verdict::Accepted));
        assert!(matches!(judged(400, "<html>", 5), Verdict::Rejected { .. }));
        assert!(matches!(judged(400, "{}", 5), Verdict::Rejected { .. }));
        assert!(matches!(judged(413, "", 5), Verdict::Split { .. }));
        for status in [401, 403, 404, 405] {
            assert!(matches!(judged(status, TWO_OF_FIVE, 5), Verdict::Misconfigured { .. }), "{status}");
        }
        for status in [429, 500, 502, 503, 504] {
            assert!(matches!(judged(status, TWO_OF_FIVE, 5), Verdict::Retry { .. }), "{status}");
        }
    }
}
