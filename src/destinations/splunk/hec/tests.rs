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
    let spans = [0, 3, 6].map(|start| Span { start, end: start + 3, id: EventId::of(b"x"), subject: 0, group: 0 });
    splunk.pack(Records::new(&buffer, &spans))
}

fn http(status: u16, body: &Value) -> Reply {
    Reply::Http {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: body.to_string().into(),
    }
}

fn coded(ack: &str, status: u16, code: u64) -> Verdict {
    let splunk = splunk(ack);
    splunk.judge(&sent(&splunk), &http(status, &json!({"text": "x", "code": code})), 3)
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
    let reply = http(400, &json!({"text": "Invalid data format", "code": 6, "invalid-event-number": 1}));
    for (ack, again) in [("off", &[2][..]), ("auto", &[2]), ("on", &[0, 2])] {
        let splunk = splunk(ack);
        match splunk.judge(&sent(&splunk), &reply, 3) {
            Verdict::Partial { rejected, resend } => {
                assert_eq!(rejected, [(1, "HEC code 6: invalid data format".to_owned())]);
                assert_eq!(resend, again, "{ack}");
            }
            verdict => panic!("{verdict:?}"),
        }
    }
    let splunk = splunk("off");
    let out_of_range = http(400, &json!({"code": 6, "invalid-event-number": 3}));
    assert!(matches!(splunk.judge(&sent(&splunk), &out_of_range, 3), Verdict::Rejected { .. }));
    assert!(matches!(splunk.judge(&sent(&splunk), &reply, 1), Verdict::Rejected { .. }));
}

#[test]
fn an_acknowledgement_is_polled_for_until_it_comes() {
    let splunk = splunk("on");
    let mut step = then(splunk.judge(&sent(&splunk), &http(200, &json!({"code": 0, "ackId": 7})), 3));
    for seconds in [1, 2, 4, 8, 10, 10] {
        assert_eq!(step.delay, Some(Duration::from_secs(seconds)));
        assert_eq!(step.url.path(), "/services/collector/ack");
        assert!(step.url.query().unwrap().starts_with("channel="));
        assert_eq!(step.body, r#"{"acks":[7]}"#);
        let not_yet = http(200, &json!({"acks": {"7": false}}));
        step = then(splunk.judge(&Parcel::Http(step), &not_yet, 3));
    }
    let step = Parcel::Http(step);
    assert!(matches!(splunk.judge(&step, &http(200, &json!({"acks": {"7": true}})), 3), Verdict::Accepted));
    assert!(matches!(splunk.judge(&step, &http(403, &json!({"code": 4})), 3), Verdict::Misconfigured { .. }));
    for astray in [
        http(503, &json!({"code": 9})),
        http(404, &Value::Null),
        http(200, &json!({"acks": {"8": true}})),
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
    let mut verdict = splunk.judge(&sent(&splunk), &http(200, &json!({"code": 0, "ackId": 0})), 3);
    let mut polls = 0;
    while let Verdict::Then(step) = verdict {
        polls += 1;
        verdict = splunk.judge(&step, &http(200, &json!({"acks": {"0": false}})), 3);
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
    let refused = http(400, &json!({"code": 14}));
    let again = then(splunk.judge(&sent(&splunk), &refused, 3));
    assert!(!again.headers.iter().any(|(name, _)| *name == CHANNEL_HEADER));
    assert_eq!(again.body, "{}\n{}\n{}\n");
    let again = Parcel::Http(again);
    assert!(matches!(splunk.judge(&again, &refused, 3), Verdict::Misconfigured { .. }), "not in circles");
    let poll = splunk.judge(&sent(&splunk), &http(200, &json!({"code": 0, "ackId": 1})), 3);
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
    assert!(matches!(splunk.judge(&probe, &http(200, &json!({"code": 17})), 0), Verdict::Accepted));
    assert!(matches!(splunk.judge(&probe, &http(400, &json!({"code": 21})), 0), Verdict::Misconfigured { .. }));
    assert!(matches!(splunk.judge(&probe, &http(503, &json!({"code": 18})), 0), Verdict::Retry { .. }));
}

#[test]
fn numbers_may_be_texts() {
    let splunk = splunk("auto");
    let judged = |status, body: Value| splunk.judge(&sent(&splunk), &http(status, &body), 3);
    assert!(matches!(judged(200, json!({"text": "Success", "code": "0"})), Verdict::Accepted));
    assert_eq!(then(judged(200, json!({"code": "0", "ackId": "7"}))).body, r#"{"acks":[7]}"#);
    let Verdict::Partial { rejected, resend } = judged(400, json!({"code": "6", "invalid-event-number": "1"})) else {
        panic!("one of three is malformed");
    };
    assert_eq!((rejected[0].0, resend), (1, vec![2]));
    assert!(matches!(judged(200, json!({"code": {}, "ackId": []})), Verdict::Accepted), "200 without a code");
}
