//! What XSOAR's refusals mean, and what to mend.

use serde::Deserialize;

use crate::parcel::{Reply, Verdict};

/// Most bytes of a reply that are read.
const REPLY_BYTES: usize = 1024 * 1024;

/// Whether an update met another's: a stale version is answered 500 by version 6 and 400 by version 8, in words.
pub(super) fn is_conflict(reply: &Reply) -> bool {
    let Reply::Http { status, body, .. } = reply else { return false };
    match status.as_u16() {
        409 | 412 => true,
        400 | 500 => String::from_utf8_lossy(body).to_ascii_lowercase().contains("version"),
        _ => false,
    }
}

/// A success that lists no incidents: something else answered, or the list is longer than what is read.
pub(super) fn no_list(body: &[u8]) -> Verdict {
    if body.len() >= REPLY_BYTES {
        return Verdict::Rejected { reason: "the incidents of this alert take more than 1 MiB".to_owned() };
    }
    let reason = "HTTP 2xx without a list of incidents; check URL, VERSION and the proxies before XSOAR";
    Verdict::Misconfigured { reason: reason.to_owned() }
}

/// What the status means, with what to mend, or with XSOAR's own name for the error.
pub(super) fn explained(reply: &Reply) -> Verdict {
    let (verdict, Reply::Http { status, body, .. }) = (Verdict::by_status(reply), reply) else {
        return Verdict::by_status(reply);
    };
    let mend = |what: &str| Verdict::Misconfigured { reason: format!("HTTP {status}: {what}") };
    let named = |reason: String| error_id(body).map_or(reason.clone(), |id| format!("{reason}: {id}"));
    match (status.as_u16(), verdict) {
        (401, _) => mend("check API_KEY, KEY_ID, KEY_TYPE and VERSION"),
        (402, _) => mend("the licence does not cover this API"),
        (403, _) => mend("the role of the API key lacks a right to incidents"),
        (404 | 405, _) => mend("check URL and VERSION"),
        (_, Verdict::Rejected { reason }) => Verdict::Rejected { reason: named(reason) },
        (_, Verdict::Retry { after, reason }) => Verdict::Retry { after, reason: named(reason) },
        (_, verdict) => verdict,
    }
}

/// XSOAR's own name for an error, such as `errIncidentNotFound`; never its words, which may quote the alert.
fn error_id(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Answer {
        id: String,
    }
    let Answer { id } = serde_json::from_slice(body).ok()?;
    let plain = (1..=40).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain.then_some(id)
}
