//! What HEC's replies mean. HEC answers in JSON, and its own `code` says more than the HTTP status.
//!
//! Codes: Splunk's "Troubleshoot HTTP Event Collector" (0 to 22), and for 23 to 27 the replies of Splunk 10 as seen in public clients.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::{Deserialize, Serialize};
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
    pub(super) code: Option<u64>,
    #[serde(rename = "ackId")]
    ack_id: Option<u64>,
    /// Counted from 0.
    #[serde(rename = "invalid-event-number")]
    invalid_event: Option<usize>,
    #[serde(default)]
    acks: BTreeMap<String, bool>,
}

impl Answer {
    /// Whether this acknowledges the request with that id.
    pub(super) fn indexed(&self, ack: u64) -> bool {
        self.acks.get(&ack.to_string()) == Some(&true)
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
            5 => misconfigured("no data arrived; a proxy may remove the body"),
            6 => match answer.invalid_event.filter(|number| *number < self.records && self.records > 1) {
                // Those before it are indexed already, those after it were not read.
                Some(number) => Verdict::Partial {
                    rejected: vec![(number, reason("invalid data format"))],
                    resend: (number + 1..self.records).collect(),
                },
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
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::HeaderMap;
    use serde_json::json;

    use super::*;
    use crate::batch::{Records, Span};
    use crate::destinations::Destination;
    use crate::event::EventId;
    use crate::settings::{Section, Values};

    fn splunk(ack: &str) -> Splunk {
        let pairs = [("SPLUNK__URL", "https://splunk.example:8088"), ("SPLUNK__TOKEN", "t0ken"), ("SPLUNK__ACK", ack)];
        let values = Values::new(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Splunk::open(&Section::new("splunk", super::super::KIND.settings.to_vec(), &values)).unwrap()
    }

    fn sent(splunk: &Splunk) -> Parcel {
        let buffer = Bytes::from_static(b"{}\n{}\n{}\n");
        let spans = [0, 3, 6].map(|start| Span { start, end: start + 3, id: EventId::of(b"x") });
        splunk.pack(Records::new(&buffer, &spans))
    }

    fn http(status: u16, body: Value) -> Reply {
        Reply::Http {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.to_string().into(),
        }
    }

    fn coded(ack: &str, status: u16, code: u64) -> Verdict {
        let splunk = splunk(ack);
        splunk.judge(&sent(&splunk), &http(status, json!({"text": "x", "code": code})), 3)
    }

    fn then(verdict: Verdict) -> HttpParcel {
        match verdict {
            Verdict::Then(parcel) => match *parcel {
                Parcel::Http(parcel) => parcel,
                Parcel::Syslog(_) => panic!("HEC speaks HTTP"),
            },
            verdict => panic!("no further step: {verdict:?}"),
        }
    }

    #[test]
    fn every_documented_code_is_judged() {
        let statuses = [
            (0, 200),
            (1, 403),
            (2, 401),
            (3, 401),
            (4, 403),
            (5, 400),
            (6, 400),
            (7, 400),
            (8, 500),
            (9, 503),
            (10, 400),
            (11, 400),
            (12, 400),
            (13, 400),
            (15, 400),
            (16, 400),
            (17, 200),
            (18, 503),
            (19, 503),
            (20, 503),
            (21, 400),
            (22, 400),
            (23, 503),
            (24, 200),
            (25, 200),
            (26, 429),
            (27, 429),
        ];
        for (code, status) in statuses {
            let verdict = coded("auto", status, code);
            let as_documented = match code {
                0 | 17 | 24 | 25 => matches!(verdict, Verdict::Accepted),
                8 | 9 | 18..=20 | 23 | 26 | 27 => matches!(verdict, Verdict::Retry { .. }),
                6 | 12 | 13 | 15 => matches!(verdict, Verdict::Rejected { .. }),
                _ => matches!(verdict, Verdict::Misconfigured { .. }),
            };
            assert!(as_documented, "code {code}: {verdict:?}");
        }
    }

    #[test]
    fn a_malformed_event_is_rejected_alone_and_the_rest_sent_again() {
        let splunk = splunk("off");
        let reply = http(400, json!({"text": "Invalid data format", "code": 6, "invalid-event-number": 1}));
        match splunk.judge(&sent(&splunk), &reply, 3) {
            Verdict::Partial { rejected, resend } => {
                assert_eq!(rejected, [(1, "HEC code 6: invalid data format".to_owned())]);
                assert_eq!(resend, [2]);
            }
            verdict => panic!("{verdict:?}"),
        }
        let out_of_range = http(400, json!({"code": 6, "invalid-event-number": 3}));
        assert!(matches!(splunk.judge(&sent(&splunk), &out_of_range, 3), Verdict::Rejected { .. }));
        assert!(matches!(splunk.judge(&sent(&splunk), &reply, 1), Verdict::Rejected { .. }));
    }

    #[test]
    fn an_acknowledgement_is_polled_for_until_it_comes() {
        let splunk = splunk("on");
        let mut step = then(splunk.judge(&sent(&splunk), &http(200, json!({"code": 0, "ackId": 7})), 3));
        for seconds in [1, 2, 4, 8, 10, 10] {
            assert_eq!(step.delay, Some(Duration::from_secs(seconds)));
            assert_eq!(step.url.path(), "/services/collector/ack");
            assert!(step.url.query().unwrap().starts_with("channel="));
            assert_eq!(step.body, r#"{"acks":[7]}"#);
            let not_yet = http(200, json!({"acks": {"7": false}}));
            step = then(splunk.judge(&Parcel::Http(step), &not_yet, 3));
        }
        let step = Parcel::Http(step);
        assert!(matches!(splunk.judge(&step, &http(200, json!({"acks": {"7": true}})), 3), Verdict::Accepted));
        assert!(matches!(splunk.judge(&step, &http(403, json!({"code": 4})), 3), Verdict::Misconfigured { .. }));
        for astray in [
            http(503, json!({"code": 9})),
            http(404, Value::Null),
            http(200, json!({"acks": {"8": true}})),
            Reply::Failed { failure: Failure::Network, detail: "reset".into() },
        ] {
            assert!(matches!(splunk.judge(&step, &astray, 3), Verdict::Then(_)), "{astray:?}");
        }
        let too_late = Reply::Failed { failure: Failure::Deadline, detail: "late".into() };
        assert!(matches!(splunk.judge(&step, &too_late, 3), Verdict::Retry { .. }));
    }

    #[test]
    fn polling_ends_without_the_acknowledgement_as_not_delivered() {
        let splunk = splunk("auto");
        let mut verdict = splunk.judge(&sent(&splunk), &http(200, json!({"code": 0, "ackId": 0})), 3);
        let mut polls = 0;
        while let Verdict::Then(step) = verdict {
            polls += 1;
            verdict = splunk.judge(&step, &http(200, json!({"acks": {"0": false}})), 3);
        }
        assert_eq!(polls, 30);
        assert!(matches!(verdict, Verdict::Retry { .. }));
    }

    #[test]
    fn without_acknowledgement_auto_goes_on_and_on_complains() {
        assert!(matches!(coded("auto", 200, 0), Verdict::Accepted));
        assert!(matches!(coded("off", 200, 0), Verdict::Accepted));
        assert!(matches!(coded("on", 200, 0), Verdict::Misconfigured { .. }));
        assert!(matches!(coded("on", 400, 14), Verdict::Misconfigured { .. }));

        let splunk = splunk("auto");
        let refused = http(400, json!({"code": 14}));
        let again = then(splunk.judge(&sent(&splunk), &refused, 3));
        assert!(!again.headers.iter().any(|(name, _)| *name == CHANNEL_HEADER));
        assert_eq!(again.body, "{}\n{}\n{}\n");
        let again = Parcel::Http(again);
        assert!(matches!(splunk.judge(&again, &refused, 3), Verdict::Misconfigured { .. }), "not in circles");
        let poll = splunk.judge(&sent(&splunk), &http(200, json!({"code": 0, "ackId": 1})), 3);
        assert!(matches!(splunk.judge(&Parcel::Http(then(poll)), &refused, 3), Verdict::Accepted));
    }

    #[test]
    fn what_stands_before_splunk_never_buries_a_record() {
        let splunk = splunk("auto");
        let plain = |status: u16| Reply::Http {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: "<html>".into(),
        };
        for status in [200, 204, 302, 400, 404, 415, 431, 501] {
            let verdict = splunk.judge(&sent(&splunk), &plain(status), 3);
            assert!(matches!(verdict, Verdict::Misconfigured { .. }), "{status}: {verdict:?}");
        }
        for status in [408, 429, 500, 502, 503, 504] {
            let verdict = splunk.judge(&sent(&splunk), &plain(status), 3);
            assert!(matches!(verdict, Verdict::Retry { .. }), "{status}: {verdict:?}");
        }
        assert!(matches!(splunk.judge(&sent(&splunk), &plain(413), 3), Verdict::Split { .. }));
        assert!(matches!(coded("auto", 400, 99), Verdict::Misconfigured { .. }));
    }

    #[test]
    fn a_probe_reads_health_and_wants_no_acknowledgement() {
        let splunk = splunk("on");
        let probe = splunk.probe().unwrap();
        assert!(matches!(splunk.judge(&probe, &http(200, json!({"code": 17})), 0), Verdict::Accepted));
        assert!(matches!(splunk.judge(&probe, &http(400, json!({"code": 21})), 0), Verdict::Misconfigured { .. }));
        assert!(matches!(splunk.judge(&probe, &http(503, json!({"code": 18})), 0), Verdict::Retry { .. }));
    }
}
