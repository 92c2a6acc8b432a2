//! `splunk` and `webhook` through the real courier, against the strict vendor simulator beside some checkouts: every fixture and sample
//! record, every documented misfortune. Whatever happens, each record has exactly one fate, and the simulator notes no breach of the
//! vendor's rules.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use defender_relay::batch::{Rendered, Span};
use defender_relay::deliver::breaker::Breaker;
use defender_relay::deliver::retry::RetryPolicy;
use defender_relay::deliver::{Fate, Outlet, courier, deliver, probe};
use defender_relay::destinations;
use defender_relay::event::decode::{Decoded, Texts, decode};
use defender_relay::parcel::Verdict;
use defender_relay::settings::{Section, Values};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support;

/// The simulator's tokens; nobody's secrets.
const PLAIN: &str = "00000000-0000-4000-8000-00000000aaaa";
const ACKNOWLEDGING: &str = "00000000-0000-4000-8000-00000000bbbb";
const DISABLED: &str = "00000000-0000-4000-8000-00000000dddd";
const SECRET: &str = "whsec_bWRjLWZvcndhcmRlci1kZW1vLWtleS0wMTIzNDU2Nzg=";
const OTHER_SECRET: &str = "whsec_b3RoZXIta2V5LW90aGVyLWtleS1vdGhlci1rZXk=";
/// What the simulated webhook receiver takes.
const WEBHOOK_BYTES: usize = 64 * 1024;

/// Fast enough for a test, patient enough for two misfortunes in a row.
const POLICY: RetryPolicy =
    RetryPolicy { attempts: 4, base: Duration::from_millis(20), cap: Duration::from_millis(100) };

/// A running simulator; ended when dropped.
struct Simulator {
    child: Child,
    base: String,
    client: reqwest::Client,
}

impl Simulator {
    fn start() -> Option<Self> {
        let program = support::shared("vendor-sim/vendor_sim.py")?;
        let python = support::need("python3", support::program("python3"))?;
        let mut child = Command::new(python)
            .arg(program)
            .args(["--port", "0", "--only", "splunk,webhook"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening ").unwrap().to_owned();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Some(Self { child, base: format!("http://{address}"), client })
    }

    async fn post(&self, path: &str, body: Value) {
        let request = self.client.post(format!("{}/_sim/{path}", self.base)).body(body.to_string());
        let response = request.header("content-type", "application/json").send().await.unwrap();
        assert!(response.status().is_success(), "{}", response.text().await.unwrap());
    }

    async fn list(&self, what: &str) -> Vec<Value> {
        let response = self.client.get(format!("{}/_sim/{what}", self.base)).send().await.unwrap();
        let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        answer["items"].as_array().unwrap().clone()
    }

    async fn reset(&self) {
        self.post("reset", json!({})).await;
    }

    async fn fault(&self, vendor: &str, mut fault: Value) {
        fault["vendor"] = json!(vendor);
        self.post("fault", fault).await;
    }

    /// Event ids that Splunk indexed, in order, with repeats.
    async fn indexed(&self) -> Vec<String> {
        let items = self.list("received?vendor=splunk").await;
        items.iter().map(|item| item["record"]["fields"]["event_id"].as_str().unwrap().to_owned()).collect()
    }

    async fn no_violation(&self) {
        let violations = self.list("violations").await;
        assert!(violations.is_empty(), "{violations:#?}");
    }

    fn splunk(&self, settings: &[(&str, &str)]) -> Outlet {
        outlet("splunk", &[&[("URL", &*format!("{}/splunk", self.base))], settings].concat())
    }

    fn webhook(&self, door: &str, settings: &[(&str, &str)]) -> Outlet {
        let url = format!("{}/webhook/{door}", self.base);
        outlet("webhook", &[settings, &[("URL", &*url), ("SECRET", SECRET)]].concat())
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Of two settings with one key the first counts.
fn outlet(name: &str, settings: &[(&str, &str)]) -> Outlet {
    let kind = destinations::kind(name).unwrap();
    let values = Values::new(settings.iter().map(|(key, value)| (format!("{name}__{key}"), (*value).to_owned())));
    let destination = (kind.open)(&Section::new(name, kind.settings.to_vec(), &values)).unwrap();
    let courier = courier::open(destination.transport()).unwrap();
    Outlet { name: name.to_owned(), destination, courier, breaker: Breaker::default() }
}

/// The bodies of every fixture, and of every sample where those are at hand.
fn bodies() -> Vec<Vec<u8>> {
    let folders = [Some(support::root().join("tests/fixtures/events")), support::shared("samples")];
    let mut files: Vec<PathBuf> = folders
        .into_iter()
        .flatten()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(files.len() >= 4);
    files.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Renders every record for the destination; the second list holds the records' own bytes.
fn render(outlet: &Outlet, bodies: &[Vec<u8>]) -> (Rendered, Vec<String>) {
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    let seen: Timestamp = "2026-02-06T00:00:00Z".parse().unwrap();
    bodies.iter().for_each(|body| decode(body, seen, &texts, &mut decoded));
    let (mut buffer, mut spans, mut raw) = (Vec::new(), Vec::new(), Vec::new());
    for event in &decoded.events {
        let start = buffer.len();
        outlet.destination.render(event, &mut buffer).unwrap();
        spans.push(Span { start, end: buffer.len(), id: event.id });
        raw.push(event.raw.to_owned());
    }
    (Rendered { buffer: buffer.into(), spans }, raw)
}

/// Five small alerts, for what does not depend on the content.
fn five() -> Vec<Vec<u8>> {
    let alert = |n| format!(r#"{{"SystemAlertId":"a{n}","AlertType":"T","TimeGenerated":"2026-02-06T00:00:00Z"}}"#);
    (0..5).map(|n| alert(n).into_bytes()).collect()
}

async fn send(outlet: &Outlet, rendered: &Rendered, seconds: u64) -> Vec<Fate> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    deliver(outlet, rendered, &POLICY, deadline, Timestamp::now).await
}

fn ids(rendered: &Rendered) -> Vec<String> {
    rendered.spans.iter().map(|span| span.id.to_string()).collect()
}

fn set(ids: &[String]) -> BTreeSet<&str> {
    ids.iter().map(String::as_str).collect()
}

fn all_parked(fates: &[Fate]) -> bool {
    fates.iter().all(|fate| matches!(fate, Fate::Parked { .. }))
}

#[tokio::test]
async fn splunk_takes_every_record_in_every_mode() {
    let Some(simulator) = Simulator::start() else { return };
    let bodies = bodies();
    for (ack, token) in [("auto", PLAIN), ("auto", ACKNOWLEDGING), ("on", ACKNOWLEDGING), ("off", PLAIN)] {
        for gzip in ["true", "false"] {
            simulator.reset().await;
            let outlet = simulator.splunk(&[("TOKEN", token), ("ACK", ack), ("GZIP", gzip)]);
            let (rendered, raw) = render(&outlet, &bodies);
            let fates = send(&outlet, &rendered, 60).await;
            assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{ack} {gzip}: {fates:?}");
            let received = simulator.list("received?vendor=splunk").await;
            assert_eq!(simulator.indexed().await, ids(&rendered), "{ack} {gzip}");
            for (item, raw) in received.iter().zip(&raw) {
                let sent: Value = serde_json::from_str(raw).unwrap();
                assert_eq!(item["record"]["event"], sent);
            }
            let requests = simulator.list("requests?vendor=splunk").await;
            let compressed = |request: &Value| request["headers"].to_string().contains("gzip");
            assert_eq!(requests.iter().any(compressed), gzip == "true");
            simulator.no_violation().await;
        }
    }
}

#[tokio::test]
async fn splunk_outlasts_passing_misfortunes_without_losing_a_record() {
    let Some(simulator) = Simulator::start() else { return };
    for fault in [
        json!({"kind": "status", "status": 500}),
        json!({"kind": "status", "status": 503, "times": 2}),
        json!({"kind": "status", "status": 503, "retry_after": 0}),
        json!({"kind": "throttle", "retry_after": 1}),
        json!({"kind": "status", "status": 400}),
        json!({"kind": "status", "status": 413}),
        json!({"kind": "delay", "delay_s": 0.05}),
        json!({"kind": "reset"}),
        json!({"kind": "accept_reset"}),
        json!({"kind": "truncate"}),
        json!({"kind": "tls_close"}),
        json!({"kind": "status", "status": 503, "after": true}),
        // The same on the way to the acknowledgement: nothing may be sent twice for that.
        json!({"kind": "status", "status": 503, "path": "/ack"}),
        json!({"kind": "reset", "path": "/ack"}),
    ] {
        simulator.reset().await;
        simulator.fault("splunk", fault.clone()).await;
        let outlet = simulator.splunk(&[("TOKEN", ACKNOWLEDGING)]);
        let (rendered, _) = render(&outlet, &five());
        let fates = send(&outlet, &rendered, 30).await;
        assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{fault}: {fates:?}");
        let indexed = simulator.indexed().await;
        assert_eq!(set(&indexed), set(&ids(&rendered)), "{fault}");
        let stored_before =
            matches!(fault["kind"].as_str(), Some("accept_reset" | "truncate")) || fault["after"] == true;
        assert_eq!(indexed.len(), if stored_before { 10 } else { 5 }, "{fault}");
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn splunk_parks_what_the_setup_is_to_blame_for() {
    let Some(simulator) = Simulator::start() else { return };
    for status in [401, 403, 404] {
        simulator.reset().await;
        simulator.fault("splunk", json!({"kind": "status", "status": status})).await;
        let outlet = simulator.splunk(&[("TOKEN", PLAIN)]);
        let (rendered, _) = render(&outlet, &five());
        assert!(all_parked(&send(&outlet, &rendered, 10).await), "{status}");
        assert!(simulator.indexed().await.is_empty());
    }
    for settings in [
        &[("TOKEN", "wrong")][..],
        &[("TOKEN", DISABLED)],
        &[("TOKEN", PLAIN), ("INDEX", "nonsense")],
        &[("TOKEN", ACKNOWLEDGING), ("ACK", "off")],
        &[("TOKEN", PLAIN), ("URL", &format!("{}/webhook", simulator.base))],
    ] {
        simulator.reset().await;
        let outlet = outlet("splunk", &[settings, &[("URL", &*format!("{}/splunk", simulator.base))]].concat());
        let (rendered, _) = render(&outlet, &five());
        let fates = send(&outlet, &rendered, 10).await;
        assert!(all_parked(&fates), "{settings:?}: {fates:?}");
        assert!(!format!("{fates:?}").contains("wrong"), "no setting's value in a reason");
        assert!(simulator.indexed().await.is_empty());
    }
    // Taken, but without the acknowledgement that the settings insist on.
    simulator.reset().await;
    let outlet = simulator.splunk(&[("TOKEN", PLAIN), ("ACK", "on")]);
    let (rendered, _) = render(&outlet, &five());
    assert!(all_parked(&send(&outlet, &rendered, 10).await));
}

#[tokio::test]
async fn splunk_buries_the_malformed_event_alone() {
    let Some(simulator) = Simulator::start() else { return };
    simulator.fault("splunk", json!({"kind": "partial", "indices": [2]})).await;
    let outlet = simulator.splunk(&[("TOKEN", PLAIN)]);
    let (rendered, _) = render(&outlet, &five());
    let fates = send(&outlet, &rendered, 10).await;
    let dead: Vec<bool> = fates.iter().map(|fate| matches!(fate, Fate::Dead { .. })).collect();
    assert_eq!(dead, [false, false, true, false, false], "{fates:?}");
    let mut expected = ids(&rendered);
    expected.remove(2);
    assert_eq!(simulator.indexed().await, expected, "each of the others once");
    simulator.no_violation().await;
}

#[tokio::test]
async fn splunk_that_fills_up_has_taken_the_events() {
    let Some(simulator) = Simulator::start() else { return };
    for code in [24, 25] {
        simulator.reset().await;
        simulator.post("options", json!({"vendor": "splunk", "success_code": code})).await;
        let outlet = simulator.splunk(&[("TOKEN", PLAIN)]);
        let (rendered, _) = render(&outlet, &five());
        let fates = send(&outlet, &rendered, 10).await;
        assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{code}: {fates:?}");
        assert_eq!(simulator.indexed().await.len(), 5);
    }
}

#[tokio::test]
async fn splunk_acknowledges_late_or_never() {
    let Some(simulator) = Simulator::start() else { return };
    let late = json!({"vendor": "splunk", "ack_delay_s": 1.5, "sticky_cookie": true});
    simulator.post("options", late).await;
    let outlet = simulator.splunk(&[("TOKEN", ACKNOWLEDGING), ("ACK", "on")]);
    let (rendered, _) = render(&outlet, &five());
    let fates = send(&outlet, &rendered, 30).await;
    assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{fates:?}");
    assert_eq!(simulator.list("requests?vendor=splunk").await.len(), 3, "one request, two polls");
    simulator.no_violation().await;

    simulator.reset().await;
    simulator.post("options", json!({"vendor": "splunk", "ack_never": true})).await;
    let outlet = simulator.splunk(&[("TOKEN", ACKNOWLEDGING), ("ACK", "on")]);
    assert!(all_parked(&send(&outlet, &rendered, 2).await));
    assert_eq!(simulator.indexed().await.len(), 5, "sent once, and never within this delivery again");
    simulator.no_violation().await;
}

#[tokio::test]
async fn splunk_runs_keep_to_the_batch_size() {
    let Some(simulator) = Simulator::start() else { return };
    let outlet = simulator.splunk(&[("TOKEN", PLAIN), ("MAX_BATCH_BYTES", "10_000"), ("GZIP", "false")]);
    let alert = |n| format!(r#"{{"SystemAlertId":"a{n}","AlertType":"T","Description":"{}"}}"#, "x".repeat(3200));
    let alerts: Vec<Vec<u8>> = (0..7).map(|n| alert(n).into_bytes()).collect();
    let (rendered, _) = render(&outlet, &alerts);
    let fates = send(&outlet, &rendered, 10).await;
    assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{fates:?}");
    assert_eq!(simulator.indexed().await, ids(&rendered));
    assert_eq!(simulator.list("requests?vendor=splunk").await.len(), 4);
}

#[tokio::test]
async fn splunk_takes_in_halves_what_it_refuses_as_too_large() {
    let Some(simulator) = Simulator::start() else { return };
    let outlet = simulator.splunk(&[("TOKEN", PLAIN), ("MAX_BATCH_BYTES", "100_000_000")]);
    let alert = |n, size| format!(r#"{{"SystemAlertId":"a{n}","AlertType":"T","Description":"{}"}}"#, "x".repeat(size));
    let mut alerts: Vec<Vec<u8>> = (0..5).map(|n| alert(n, 400_000).into_bytes()).collect();
    alerts.insert(3, alert(9, 1_100_000).into_bytes());
    let (rendered, _) = render(&outlet, &alerts);
    let fates = send(&outlet, &rendered, 30).await;
    let dead: Vec<bool> = fates.iter().map(|fate| matches!(fate, Fate::Dead { .. })).collect();
    assert_eq!(dead, [false, false, false, true, false, false], "{fates:?}");
    let mut expected = ids(&rendered);
    expected.remove(3);
    assert_eq!(simulator.indexed().await, expected);
}

#[tokio::test]
async fn probes_tell_a_good_setup_from_a_bad_one() {
    let Some(simulator) = Simulator::start() else { return };
    let judged = async |outlet: &Outlet| probe(outlet, Instant::now() + Duration::from_secs(10)).await.unwrap();
    let good = simulator.splunk(&[("TOKEN", ACKNOWLEDGING), ("ACK", "on")]);
    assert!(matches!(judged(&good).await, Verdict::Accepted));
    for door in ["hook", "bearer"] {
        assert!(matches!(judged(&simulator.webhook(door, &[])).await, Verdict::Accepted));
    }
    simulator.no_violation().await;
    simulator.post("options", json!({"vendor": "splunk", "healthy": false})).await;
    assert!(matches!(judged(&good).await, Verdict::Retry { .. }));
    let bad = simulator.splunk(&[("TOKEN", "wrong")]);
    assert!(matches!(judged(&bad).await, Verdict::Misconfigured { .. }));
    assert!(
        matches!(judged(&simulator.webhook("redirect", &[])).await, Verdict::Accepted),
        "OPTIONS is not known there"
    );
    assert!(simulator.list("received").await.is_empty(), "a probe delivers nothing");
}

#[tokio::test]
async fn webhooks_deliver_every_record_in_every_body() {
    let Some(simulator) = Simulator::start() else { return };
    let bodies = bodies();
    for body in ["raw", "graph", "cloudevents"] {
        simulator.reset().await;
        let outlet = simulator.webhook("hook", &[("BODY", body)]);
        let (mut rendered, raw) = render(&outlet, &bodies);
        assert_eq!(rendered.spans.len(), raw.len());
        rendered.spans.retain(|span| span.end - span.start <= WEBHOOK_BYTES);
        let fates = send(&outlet, &rendered, 120).await;
        assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{body}: {fates:?}");
        let received = simulator.list("received?vendor=webhook").await;
        let delivered: Vec<String> =
            received.iter().map(|item| item["webhook_id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(delivered, ids(&rendered), "{body}");
        for (item, span) in received.iter().zip(&rendered.spans) {
            let sent: Value = serde_json::from_slice(&rendered.buffer[span.start..span.end]).unwrap();
            assert_eq!(item["record"], sent, "{body}");
            if body == "cloudevents" {
                assert_eq!(item["record"]["id"], item["webhook_id"]);
            }
        }
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn webhooks_carry_further_credentials_and_rotating_secrets() {
    let Some(simulator) = Simulator::start() else { return };
    let both = format!("{OTHER_SECRET}, {SECRET}");
    for (door, settings) in [
        ("bearer", &[("AUTHORIZATION", "Bearer sim-webhook-bearer")][..]),
        ("basic", &[("AUTHORIZATION", "Basic aG9vazpzaW0taG9vay1wYXNzd29yZA==")]),
        ("hook", &[("SECRET", &both)]),
    ] {
        let outlet = simulator.webhook(door, settings);
        let (rendered, _) = render(&outlet, &five());
        let fates = send(&outlet, &rendered, 10).await;
        assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{door}: {fates:?}");
    }
    simulator.no_violation().await;
}

#[tokio::test]
async fn webhooks_outlast_misfortunes_and_park_what_the_setup_is_to_blame_for() {
    let Some(simulator) = Simulator::start() else { return };
    for fault in [
        json!({"kind": "status", "status": 500}),
        json!({"kind": "status", "status": 502, "times": 2}),
        json!({"kind": "throttle", "retry_after": 1}),
        json!({"kind": "reset"}),
        json!({"kind": "accept_reset"}),
        json!({"kind": "tls_close"}),
    ] {
        simulator.reset().await;
        simulator.fault("webhook", fault.clone()).await;
        let outlet = simulator.webhook("hook", &[]);
        let (rendered, _) = render(&outlet, &five());
        let fates = send(&outlet, &rendered, 30).await;
        assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{fault}: {fates:?}");
        simulator.no_violation().await;
    }
    for (door, settings) in
        [("gone", &[][..]), ("redirect", &[]), ("bearer", &[]), ("nowhere", &[]), ("hook", &[("SECRET", OTHER_SECRET)])]
    {
        simulator.reset().await;
        let outlet = simulator.webhook(door, settings);
        let (rendered, _) = render(&outlet, &five());
        let fates = send(&outlet, &rendered, 10).await;
        assert!(all_parked(&fates), "{door}: {fates:?}");
        assert!(simulator.list("received").await.is_empty(), "{door}: a redirect is not followed");
    }
    simulator.reset().await;
    simulator.fault("webhook", json!({"kind": "status", "status": 422})).await;
    let outlet = simulator.webhook("hook", &[]);
    let (rendered, _) = render(&outlet, &five());
    let fates = send(&outlet, &rendered, 10).await;
    let dead = fates.iter().filter(|fate| matches!(fate, Fate::Dead { .. })).count();
    assert_eq!((dead, simulator.list("received").await.len()), (1, 4), "{fates:?}");

    let huge = format!(r#"{{"SystemAlertId":"a","AlertType":"T","Description":"{}"}}"#, "x".repeat(WEBHOOK_BYTES));
    let (rendered, _) = render(&outlet, &[huge.into_bytes()]);
    let fates = send(&outlet, &rendered, 10).await;
    assert!(matches!(fates.as_slice(), [Fate::Dead { reason }] if reason.contains("413")), "{fates:?}");
}
