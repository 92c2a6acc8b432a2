//! Indexer acknowledgement: the channel it belongs to, and the polls that wait for it.
//!
//! Facts: "About HTTP Event Collector Indexer Acknowledgment". Splunk answers `true` once per id, and `false` for "not yet" and for "unknown".

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use sha2::{Digest, Sha256};
use url::Url;

use super::hec::{Answer, Stage};
use super::{Ack, Splunk};
use crate::parcel::{HttpParcel, Parcel, Verdict};

/// Most polls for one acknowledgement: nearly five minutes, as long as Splunk's own clients wait.
const MAX_POLLS: u32 = 30;

/// Why acknowledgement cannot be had.
pub(super) const UNAVAILABLE: &str = "the token has no indexer acknowledgement; enable it, or set ACK to auto or off";

/// A GUID for one destination instance: a hash of its name and its collector, in the shape of an RFC 9562 version 8 UUID.
///
/// It is the same in every worker and after every restart. Splunk hands each request its own id within the channel, so that workers
/// that share the channel never read each other's; and a fixed channel, unlike one per start, leaves no idle channels behind, which
/// Splunk caps and drops after ten minutes.
pub(super) fn channel(instance: &str, collector: &Url) -> String {
    let digest = Sha256::new().chain_update(instance).chain_update([0]).chain_update(collector.as_str()).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = 0x80 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Asks for the first time whether the request with this id is indexed.
pub(super) fn ask(splunk: &Splunk, ack: u64) -> Verdict {
    poll(splunk, ack, 0, pause(0))
}

/// Asks once more. `after` is how long the receiver wants to be left alone.
pub(super) fn ask_again(splunk: &Splunk, ack: u64, polls: u32, after: Option<Duration>) -> Verdict {
    let polls = polls + 1;
    if polls < MAX_POLLS {
        return poll(splunk, ack, polls, after.unwrap_or_default().max(pause(polls)));
    }
    let reason = format!("the indexers acknowledged nothing in {polls} polls; a load balancer needs sticky sessions");
    Verdict::Retry { after: None, reason }
}

/// Judges the answer to a poll. The records were taken already: to send them again for an answer that went astray would only double
/// them, so only a refusal of the credential or of acknowledgement itself ends the wait early.
pub(super) fn judge(
    splunk: &Splunk,
    (ack, polls): (u64, u32),
    status: StatusCode,
    answer: &Answer,
    after: Option<Duration>,
) -> Verdict {
    match (answer.code, status.as_u16()) {
        (_, 200) if answer.indexed(ack) => Verdict::Accepted,
        (Some(14), _) if splunk.ack == Ack::Auto => Verdict::Accepted,
        (Some(14), _) => Verdict::Misconfigured { reason: UNAVAILABLE.to_owned() },
        (_, 401 | 403) => {
            Verdict::Misconfigured { reason: format!("HTTP {status} to a poll for acknowledgement; check TOKEN") }
        }
        _ => ask_again(splunk, ack, polls, after),
    }
}

fn poll(splunk: &Splunk, ack: u64, polls: u32, pause: Duration) -> Verdict {
    let body = json!({ "acks": [ack] }).to_string();
    let mut parcel = splunk.authorized(HttpParcel::post(splunk.ack_url.clone(), "application/json", body.into()));
    parcel.delay = Some(pause);
    parcel.memo = Stage::Poll { ack, polls }.memo();
    Verdict::Then(Box::new(Parcel::Http(parcel)))
}

/// How long to wait before a poll, counted from 0: 1 s, 2 s, 4 s, 8 s, then every 10 s.
fn pause(polls: u32) -> Duration {
    Duration::from_secs(if polls < 4 { 1 << polls } else { 10 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_channel_is_a_stable_guid_per_instance() {
        let url = Url::parse("https://splunk.example:8088/services/collector").unwrap();
        let guid = channel("splunk", &url);
        assert_eq!(guid, channel("splunk", &url));
        assert_ne!(guid, channel("splunk-eu", &url));
        let groups: Vec<usize> = guid.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!(&guid[14..15], "8");
        assert!(guid.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()));
    }
}
