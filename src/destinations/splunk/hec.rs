//! What HEC's replies mean. HEC answers in JSON, and its own `code` says more than the HTTP status.
//!
//! Codes: Splunk's "Troubleshoot HTTP Event Collector" (0 to 22), and for 23 to 27 the replies of Splunk 10 as seen in public clients.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{Ack, CHANNEL_HEADER, Splunk, ack};
use crate::parcel::{Failure, HttpParcel, Parcel, Reply, Verdict, retry_after};

/// Where a conversation with HEC stands; travels in [`HttpParcel::memo`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "lowercase")]
pub(super) enum Stage {
    /// Records were sent.
    #[default]
    Send,
    /// Health was asked for.
    Probe,
    /// Records were taken; their acknowledgement was asked for.
    Poll {
        /// The id that HEC gave the request.
        ack: u64,
        /// Polls before this one.
        polls: u32,
    },
}

impl Stage {
    /// The stage as a parcel carries it.
    pub(super) fn memo(self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    fn of(parcel: &HttpParcel) -> Self {
        Self::deserialize(&parcel.memo).unwrap_or_default()
    }
}

/// HEC's answer.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Answer {
    #[serde(default, deserialize_with = "number")]
    pub(super) code: Option<u64>,
    #[serde(default, rename = "ackId", deserialize_with = "number")]
    ack_id: Option<u64>,
    /// Counted from 0.
    #[serde(default, rename = "invalid-event-number", deserialize_with = "number")]
    invalid_event: Option<u64>,
    #[serde(default)]
    acks: BTreeMap<String, bool>,
}

/// A number, which look-alikes of HEC write as text; nothing where it is neither. An answer that cannot be read would be no answer, and
/// what was taken be sent again.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_u64().or_else(|| value.as_str()?.parse().ok()))
}

impl Answer {
    /// Whether this acknowledges the request with that id.
    pub(super) fn indexed(&self, ack: u64) -> bool {
        self.acks.get(&ack.to_string()) == Some(&true)
    }

    fn invalid_event(&self) -> Option<usize> {
        self.invalid_event?.try_into().ok()
    }
}

/// Decides what a reply of HEC means for the `records` records of `sent`.
pub(super) fn judge(splunk: &Splunk, sent: &HttpParcel, reply: &Reply, records: usize) -> Verdict {
    let stage = Stage::of(sent);
    match (stage, reply) {
        (_, Reply::Http { status, headers, body }) => {
            let answer = serde_json::from_slice::<Answer>(body).ok();
            if let Stage::Poll { ack, polls } = stage {
                let answer = answer.unwrap_or_default();
                return ack::judge(splunk, (ack, polls), *status, &answer, retry_after(headers));
            }
            match answer {
                Some(answer) => Sent { splunk, sent, stage, reply, status: *status, records }.by_answer(&answer),
                None => without_code(reply, *status),
            }
        }
        (Stage::Poll { ack, polls }, Reply::Failed { failure: Failure::Network, .. }) => {
            ack::ask_again(splunk, ack, polls, None)
        }
        _ => Verdict::by_status(reply),
    }
}

/// A request with records, or a probe, and the reply to it.
struct Sent<'a> {
    splunk: &'a Splunk,
    sent: &'a HttpParcel,
    stage: Stage,
    reply: &'a Reply,
    status: StatusCode,
    records: usize,
}

impl Sent<'_> {
    fn by_answer(&self, answer: &Answer) -> Verdict {
        let Some(code) = answer.code else {
            return if self.status.is_success() { self.taken(answer) } else { without_code(self.reply, self.status) };
        };
        let reason = |text: &str| format!("HEC code {code}: {text}");
        let misconfigured = |text: &str| Verdict::Misconfigured { reason: reason(text) };
        let rejected = |text: &str| Verdict::Rejected { reason: reason(text) };
        let retry = |text: &str| {
            let Reply::Http { headers, .. } = self.reply else { return Verdict::by_status(self.reply) };
            Verdict::Retry { after: retry_after(headers), reason: reason(text) }
        };
        match code {
            // 24 and 25: taken, but a queue or the acknowledgements fill up. To send again would only double the events.
            0 | 17 | 24 | 25 if self.status.is_success() => self.taken(answer),
            1 | 22 => misconfigured("the token is disabled"),
            2 => misconfigured("no token arrived; a proxy may remove the Authorization header"),
            3 => misconfigured("the Authorization header is not understood; check TOKEN"),
            4 | 21 => misconfigured("the token is invalid; check TOKEN"),
            // Only these blame a record, and HEC sends them with a 400; with another status something before Splunk speaks.
            6 | 12 | 13 | 15 if self.status != StatusCode::BAD_REQUEST => without_code(self.reply, self.status),
            5 => misconfigured("no data arrived; a proxy may remove the body"),
            6 => match answer.invalid_event().filter(|number| *number < self.records && self.records > 1) {
                Some(number) => self.malformed(number, reason("invalid data format")),
                None => rejected("invalid data format"),
            },
            7 => misconfigured("the token may not write to this index; check INDEX and the token's allowed indexes"),
            8 => retry("internal server error"),
            9 => retry("the server is busy"),
            10 => misconfigured("the token demands acknowledgement; set ACK to auto or on"),
            11 => misconfigured("the data channel is invalid"),
            12 => rejected("the event field is missing"),
            13 => rejected("the event field is blank"),
            14 => self.without_channel(),
            15 => rejected("the indexed fields are not understood"),
            16 => misconfigured("query string authorization is not enabled"),
            18 => retry("unhealthy, queues are full"),
            19 => retry("unhealthy, acknowledgement is unavailable"),
            20 => retry("unhealthy, queues are full and acknowledgement is unavailable"),
            23 => retry("the server is shutting down"),
            26 => retry("the queue is at capacity"),
            27 => retry("the acknowledgement channel is at capacity"),
            _ if self.status.is_success() => self.taken(answer),
            _ => without_code(self.reply, self.status),
        }
    }

    /// The receiver took the records: the end of it, or the start of the wait for their acknowledgement.
    fn taken(&self, answer: &Answer) -> Verdict {
        match (self.stage, self.splunk.ack, answer.ack_id) {
            (Stage::Probe, ..) | (_, Ack::Off, _) | (_, Ack::Auto, None) => Verdict::Accepted,
            (_, Ack::On, None) => Verdict::Misconfigured { reason: ack::UNAVAILABLE.to_owned() },
            (_, Ack::Auto | Ack::On, Some(id)) => ack::ask(self.splunk, id),
        }
    }

    /// One event is malformed: those before it are indexed already, those after it were not read. But where only an acknowledgement counts,
    /// those before it have none, and are sent again as well.
    fn malformed(&self, number: usize, reason: String) -> Verdict {
        let first = if self.splunk.ack == Ack::On { 0 } else { number };
        let resend = (first..self.records).filter(|other| *other != number).collect();
        Verdict::Partial { rejected: vec![(number, reason)], resend }
    }

    /// Acknowledgement is off for this token: sends the same once more without asking for it.
    fn without_channel(&self) -> Verdict {
        let asked = self.sent.headers.iter().any(|(name, _)| *name == CHANNEL_HEADER);
        if self.splunk.ack != Ack::Auto || !asked {
            return Verdict::Misconfigured { reason: ack::UNAVAILABLE.to_owned() };
        }
        let mut parcel = self.sent.clone();
        parcel.headers.retain(|(name, _)| *name != CHANNEL_HEADER);
        Verdict::Then(Box::new(Parcel::Http(parcel)))
    }
}

/// A reply without a code that is known to blame a record blames none: it comes from something before Splunk, from a node that restarts, or
/// from a Splunk yet to be.
fn without_code(reply: &Reply, status: StatusCode) -> Verdict {
    match Verdict::by_status(reply) {
        Verdict::Misconfigured { .. } if status == StatusCode::NOT_FOUND => Verdict::Misconfigured {
            reason: "HTTP 404: no event collector here; check URL, or wait for a rolling restart to end".to_owned(),
        },
        Verdict::Accepted | Verdict::Rejected { .. } => Verdict::Misconfigured {
            reason: format!("HTTP {status} without a known HEC code; check URL and the proxies before Splunk"),
        },
        verdict => verdict,
    }
}

#[cfg(test)]
mod tests;
