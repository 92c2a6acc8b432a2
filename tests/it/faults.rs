//! The scenarios in which every vendor's own function was seen to lose alerts, run against this handler, with the real program and
//! real sockets: whatever it answers 200 to is delivered, parked or buried, for each event and each destination, in each row.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::support::handler::{Handler, alert, free_port, letter_bodies, letters};
use crate::support::sink::{Answer, HttpSink, LineSink, Script};

const TOKEN: &str = "7d0e5c52-1111-4222-8333-fau1tt0ken";
const SECRET: &str = "whsec_ZmF1bHQtdGFibGUtc2lnbmluZy1rZXktMDEyMzQ1Njc4OQ==";

/// What one row left behind.
struct Row {
    /// Ids that each destination took.
    taken: BTreeMap<&'static str, BTreeMap<String, usize>>,
    state: tempfile::TempDir,
    requests: usize,
    log: String,
}

impl Row {
    /// Posts the bodies once to a handler whose HTTP destinations meet `script`, and demands a 200.
    async fn run(bodies: &[Vec<u8>], script: Script) -> Self {
        Self::run_with(bodies, script, &[]).await
    }

    async fn run_with(bodies: &[Vec<u8>], script: Script, more: &[(&str, &str)]) -> Self {
        let (splunk, webhook) = (HttpSink::start(script.clone()).await, HttpSink::start(script).await);
        let qradar = LineSink::start().await;
        let state = tempfile::tempdir().unwrap();
        let mut settings: BTreeMap<String, String> = [
            ("DESTINATIONS", "splunk, webhook, qradar"),
            ("SPLUNK__URL", &splunk.url),
            ("SPLUNK__TOKEN", TOKEN),
            ("SPLUNK__ACK", "off"),
            ("WEBHOOK__URL", &webhook.url),
            ("WEBHOOK__SECRET", SECRET),
            ("QRADAR__ADDRESS", &format!("tcp://{}", qradar.address)),
            ("STATE__URL", &format!("file://{}", state.path().display())),
            ("DELIVERY__BACKOFF", "1ms"),
            ("DELIVERY__BACKOFF_MAX", "5ms"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        settings.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let mut handler = Handler::start(&settings).await;
        assert_eq!(handler.alerts(bodies).await, Some(200));
        handler.kill();
        let lines = qradar.lines.lock().unwrap().clone();
        let log = handler.output.lock().unwrap().clone();
        for secret in [TOKEN, SECRET, SECRET.trim_start_matches("whsec_")] {
            assert!(!log.contains(secret), "a secret is in the log");
        }
        assert!(!log.contains("Suspicious PowerShell"), "alert content is in the log");
        let taken = [
            ("splunk", splunk.taken.lock().unwrap().clone()),
            ("webhook", webhook.taken.lock().unwrap().clone()),
            ("qradar", lines.iter().filter_map(|line| leef_alert_id(line)).map(|id| (id, 1)).collect()),
        ];
        let requests = *splunk.requests.lock().unwrap();
        Self { taken: taken.into(), state, requests, log }
    }

    /// Every id is with the destination, parked or dead, and never parked or buried twice.
    fn account(&self, destination: &str, ids: &BTreeSet<String>) {
        let (parked, dead) = (self.letters("parked", destination), self.letters("dead", destination));
        for (id, times) in parked.iter().chain(&dead) {
            assert_eq!(*times, 1, "{destination}: {id} is stored {times} times");
        }
        for id in ids {
            let accounted =
                self.taken[destination].contains_key(id) || parked.contains_key(id) || dead.contains_key(id);
            assert!(accounted, "{destination}: {id} is lost; log: {}", self.log);
        }
    }

    fn account_everywhere(&self, ids: &BTreeSet<String>) {
        for destination in ["splunk", "webhook", "qradar"] {
            self.account(destination, ids);
        }
    }

    fn letters(&self, folder: &str, destination: &str) -> BTreeMap<String, usize> {
        letters(self.state.path(), folder, destination)
    }

    fn delivered(&self, destination: &str, ids: &BTreeSet<String>) -> usize {
        ids.iter().filter(|id| self.taken[destination].contains_key(*id)).count()
    }
}

/// The full alert id of a LEEF line.
fn leef_alert_id(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("alertId=")?;
    rest.split('^').next().map(str::to_owned)
}

fn hundred() -> (Vec<Vec<u8>>, BTreeSet<String>) {
    let ids: BTreeSet<String> =
        (0..100).map(|n| format!("2517000000000000{n:03}_00000000-0000-4000-8000-000000000{n:03}")).collect();
    (ids.iter().map(|id| alert(id).to_string().into_bytes()).collect(), ids)
}

fn script(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Script {
    Arc::new(answer)
}

#[tokio::test]
async fn destination_down_parks_everything_and_costs_the_healthy_one_nothing() {
    let (bodies, ids) = hundred();
    let row = Row::run(&bodies, script(|_| Answer::Refuse(503, None))).await;
    row.account_everywhere(&ids);
    assert_eq!(row.letters("parked", "splunk").len(), 100);
    assert_eq!(row.letters("parked", "webhook").len(), 100);
    assert_eq!(row.delivered("qradar", &ids), 100, "the healthy destination got everything");
    assert!(row.requests <= 10, "{} requests to a dead destination", row.requests);
}

#[tokio::test]
async fn first_request_refused_then_fine() {
    let (bodies, ids) = hundred();
    let row = Row::run(&bodies, script(|n| if n == 0 { Answer::Refuse(503, None) } else { Answer::Take })).await;
    row.account_everywhere(&ids);
    assert_eq!([row.delivered("splunk", &ids), row.delivered("webhook", &ids)], [100, 100]);
}

#[tokio::test]
async fn every_third_request_refused() {
    let (bodies, ids) = hundred();
    // Which requests are refused is chance where several are under way: five refusals of one record do happen.
    let answer = script(|n| if n % 3 == 2 { Answer::Refuse(503, None) } else { Answer::Take });
    let row = Row::run_with(&bodies, answer, &[("DELIVERY__ATTEMPTS", "20")]).await;
    row.account_everywhere(&ids);
    assert_eq!([row.delivered("splunk", &ids), row.delivered("webhook", &ids)], [100, 100]);
}

#[tokio::test]
async fn throttled_twice_with_retry_after() {
    let (bodies, ids) = hundred();
    let row = Row::run(&bodies, script(|n| if n < 2 { Answer::Refuse(429, Some(1)) } else { Answer::Take })).await;
    row.account_everywhere(&ids);
    assert_eq!([row.delivered("splunk", &ids), row.delivered("webhook", &ids)], [100, 100]);
}

#[tokio::test]
async fn a_long_retry_after_parks_until_then() {
    let (bodies, ids) = hundred();
    let row = Row::run(&bodies, script(|_| Answer::Refuse(429, Some(600)))).await;
    row.account_everywhere(&ids);
    assert_eq!(row.letters("parked", "splunk").len(), 100);
    assert!(row.requests <= 2, "the destination asked for ten minutes of quiet and got {} requests", row.requests);
}

#[tokio::test]
async fn bad_request_for_ever_buries_with_the_reason() {
    let (bodies, ids) = hundred();
    let row = Row::run(&bodies, script(|_| Answer::Refuse(400, None))).await;
    row.account_everywhere(&ids);
}

#[tokio::test]
async fn wrong_credential_parks_and_never_buries() {
    let (bodies, ids) = hundred();
    for status in [401, 403, 404] {
        let row = Row::run(&bodies, script(move |_| Answer::Refuse(status, None))).await;
        row.account_everywhere(&ids);
        assert_eq!(row.letters("parked", "splunk").len(), 100, "status {status}");
        assert!(row.letters("dead", "splunk").is_empty(), "status {status}");
        assert!(row.requests <= 2, "status {status}: {} requests with a wrong credential", row.requests);
        let alarm = |line: &&str| line.contains(r#""level":"ERROR""#) && line.contains(r#""destination":"splunk""#);
        let alarms: Vec<&str> = row.log.lines().filter(alarm).collect();
        let says = |line: &&str| line.contains(&format!("HTTP {status}")) && line.contains("check");
        assert!(alarms.iter().any(says), "status {status}: the alarm says what to mend: {alarms:?}");
    }
}

#[tokio::test]
async fn taken_but_answered_with_an_error_is_sent_again_or_parked() {
    let (bodies, ids) = hundred();
    let row = Row::run(&bodies, script(|n| if n % 2 == 0 { Answer::TakeAndFail } else { Answer::Take })).await;
    row.account_everywhere(&ids);
}

#[tokio::test]
async fn one_event_that_is_no_json_costs_its_neighbours_nothing() {
    let (mut bodies, ids) = hundred();
    bodies.insert(50, b"this is not JSON \xff\xfe".to_vec());
    bodies.insert(20, br#"{"SystemAlertId":"cut off","#.to_vec());
    let row = Row::run(&bodies, script(|_| Answer::Take)).await;
    for destination in ["splunk", "webhook", "qradar"] {
        assert_eq!(row.delivered(destination, &ids), 100, "{destination}");
    }
    let pieces = letter_bodies(&row.state.path().join("dead/_undecodable"));
    assert_eq!(pieces.len(), 2, "both broken pieces are dead letters");
    assert!(pieces.contains(&r#"{"SystemAlertId":"cut off","#.to_owned()), "with their original bytes");
}

#[tokio::test]
async fn envelopes_and_bare_alerts_mix() {
    let (mut bodies, mut ids) = hundred();
    let more = ["env-1", "env-2", "env-3", "env-4"].map(str::to_owned);
    bodies[0] = json!({"records": [alert(&more[0]), alert(&more[1])]}).to_string().into_bytes();
    bodies[1] = json!([alert(&more[2]), {"value": [alert(&more[3])]}]).to_string().into_bytes();
    let replaced: Vec<String> = ids.iter().take(2).cloned().collect();
    ids.retain(|id| !replaced.contains(id));
    ids.extend(more);
    let row = Row::run(&bodies, script(|_| Answer::Take)).await;
    for destination in ["splunk", "webhook", "qradar"] {
        assert_eq!(row.delivered(destination, &ids), ids.len(), "{destination}");
    }
}

#[tokio::test]
async fn a_large_alert_arrives_whole() {
    let (mut bodies, ids) = hundred();
    let big = ids.iter().next().unwrap();
    let mut record = alert(big);
    record["ExtendedProperties"]["dump"] = "x".repeat(300_000).into();
    bodies[0] = record.to_string().into_bytes();
    let row = Row::run(&bodies, script(|_| Answer::Take)).await;
    for destination in ["splunk", "webhook", "qradar"] {
        assert_eq!(row.delivered(destination, &ids), 100, "{destination}");
    }
}

#[tokio::test]
async fn pretty_printed_and_line_separators_are_only_white_space_and_text() {
    let (mut bodies, ids) = hundred();
    let ids_in_order: Vec<&String> = ids.iter().collect();
    bodies[0] = serde_json::to_vec_pretty(&alert(ids_in_order[0])).unwrap();
    let mut record = alert(ids_in_order[1]);
    record["Description"] = "one\u{2028}two\u{2029}three\u{85}".into();
    bodies[1] = record.to_string().into_bytes();
    bodies[2] = [b"\xEF\xBB\xBF".to_vec(), bodies[2].clone()].concat();
    let row = Row::run(&bodies, script(|_| Answer::Take)).await;
    for destination in ["splunk", "webhook", "qradar"] {
        assert_eq!(row.delivered(destination, &ids), 100, "{destination}");
    }
}

#[tokio::test]
async fn missing_and_odd_fields_withhold_nothing() {
    let bodies = [
        json!({"SystemAlertId": "only-id-and-type", "AlertType": "X"}),
        json!({"SystemAlertId": "no-times", "AlertDisplayName": "X", "Severity": null}),
        json!({"SystemAlertId": "odd", "AlertType": "X", "Severity": 100, "Status": [], "Entities": "nonsense", "ExtendedProperties": 7,
            "TimeGenerated": "yesterday", "RemediationSteps": {}, "IsIncident": "maybe"}),
        json!({"systemalertid": "lower-case", "alerttype": "X", "severity": "high", "SystemAlertId": "lower-case"}),
    ];
    let ids: BTreeSet<String> = ["only-id-and-type", "no-times", "odd", "lower-case"].map(str::to_owned).into();
    let bodies: Vec<Vec<u8>> = bodies.iter().map(|body| body.to_string().into_bytes()).collect();
    let minimum =
        [("SPLUNK__MIN_SEVERITY", "high"), ("WEBHOOK__MIN_SEVERITY", "high"), ("QRADAR__MIN_SEVERITY", "high")];
    let row = Row::run_with(&bodies, script(|_| Answer::Take), &minimum).await;
    for destination in ["splunk", "webhook", "qradar"] {
        assert_eq!(row.delivered(destination, &ids), 4, "{destination}: {}", row.log);
    }
}

#[tokio::test]
async fn a_destination_that_refuses_connections_is_parked_too() {
    let (bodies, ids) = hundred();
    let address = format!("tcp://127.0.0.1:{}", free_port());
    let row = Row::run_with(&bodies, script(|_| Answer::Take), &[("QRADAR__ADDRESS", &address)]).await;
    row.account_everywhere(&ids);
    assert_eq!(row.letters("parked", "qradar").len(), 100);
    assert_eq!(row.delivered("splunk", &ids), 100);
}

#[tokio::test]
async fn an_unreachable_store_fails_the_invocation_only_when_it_is_needed() {
    let (bodies, ids) = hundred();
    for (answer, expected) in [(Answer::Take, 200), (Answer::Refuse(503, None), 500)] {
        let script_answer = answer.clone();
        let sink = HttpSink::start(script(move |_| script_answer.clone())).await;
        let folder = tempfile::tempdir().unwrap();
        // A file where the store wants a folder: nothing can be written there.
        std::fs::write(folder.path().join("parked"), b"in the way").unwrap();
        let settings = [
            ("DESTINATIONS", "splunk"),
            ("SPLUNK__URL", &sink.url),
            ("SPLUNK__TOKEN", TOKEN),
            ("SPLUNK__ACK", "off"),
            ("STATE__URL", &format!("file://{}", folder.path().display())),
            ("DELIVERY__BACKOFF", "1ms"),
            ("DELIVERY__BACKOFF_MAX", "5ms"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        let handler = Handler::start(&settings).await;
        assert_eq!(handler.alerts(&bodies).await, Some(expected), "{answer:?}");
        if expected == 200 {
            assert_eq!(sink.taken.lock().unwrap().keys().cloned().collect::<BTreeSet<_>>(), ids);
        }
    }
}

#[tokio::test]
async fn a_repeated_invocation_neither_parks_nor_buries_twice_even_cut_differently() {
    let (bodies, ids) = hundred();
    let sink = HttpSink::start(script(|_| Answer::Refuse(503, None))).await;
    let strict = HttpSink::start(script(|_| Answer::Refuse(400, None))).await;
    let state = tempfile::tempdir().unwrap();
    let settings = [
        ("DESTINATIONS", "splunk, strict=webhook"),
        ("SPLUNK__URL", &sink.url),
        ("SPLUNK__TOKEN", TOKEN),
        ("STRICT__URL", &strict.url),
        ("STRICT__SECRET", SECRET),
        ("STATE__URL", &format!("file://{}", state.path().display())),
        ("DELIVERY__ATTEMPTS", "1"),
        ("DELIVERY__BACKOFF", "1ms"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let mut broken = bodies.clone();
    broken.push(b"no json".to_vec());
    for _process in 0..2 {
        let handler = Handler::start(&settings).await;
        let (left, right) = broken.split_at(37);
        for batch in [&broken[..], left, right] {
            let first = if batch.len() == right.len() { 38 } else { 1 };
            let body = crate::support::handler::invocation(batch, first);
            assert_eq!(handler.post("alerts", body).await.map(|(status, _)| status), Some(200));
        }
    }
    let once = |folder, destination| {
        let letters = letters(state.path(), folder, destination);
        assert!(letters.values().all(|times| *times == 1), "{destination}: stored twice");
        letters.into_keys().collect::<BTreeSet<String>>()
    };
    assert_eq!(once("parked", "splunk"), ids);
    assert_eq!(once("dead", "strict"), ids);
    assert_eq!(letter_bodies(&state.path().join("dead/_undecodable")), ["no json"]);
}

#[tokio::test]
async fn a_slow_destination_costs_at_most_the_budget() {
    let (bodies, ids) = hundred();
    let hanging = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap(); // accepts by the kernel, never answers
    let url = format!("http://{}", hanging.local_addr().unwrap());
    let settings = [("SPLUNK__URL", url.as_str()), ("DELIVERY__BUDGET", "2s")];
    let row = Row::run_with(&bodies, script(|_| Answer::Take), &settings);
    let row = tokio::time::timeout(Duration::from_secs(60), row).await.expect("the invocation ends by its budget");
    row.account_everywhere(&ids);
    assert_eq!(row.letters("parked", "splunk").len(), 100);
    assert_eq!([row.delivered("webhook", &ids), row.delivered("qradar", &ids)], [100, 100]);
}
