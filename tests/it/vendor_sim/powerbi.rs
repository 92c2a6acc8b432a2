//! `powerbi` in its mode `push` against the simulated Power BI. Its other mode has a server of its own: see `kusto.rs`.

use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use defender_relay::batch::{Rendered, Span};
use defender_relay::deliver::breaker::Circuit;
use defender_relay::deliver::{Courier, Fate, Outlet, deliver, probe};
use defender_relay::event::EventId;
use defender_relay::parcel::{Parcel, Reply, Verdict};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{POLICY, Peer, Simulator, all_parked, conforms, five, render, send, small, text};
use crate::contract;

const WORKSPACE: &str = "88888888-8888-4888-8888-888888888888";
const DATASET: &str = "99999999-9999-4999-8999-999999999999";
/// What `create` makes.
const DEFINITION: &str = include_str!("../../../src/destinations/powerbi/dataset.json");
/// The same in the simulator's shape.
const SEED: &str = include_str!("powerbi.json");

pub(super) const PEER: Peer = Peer {
    kind: "powerbi",
    vendor: "powerbi",
    settings: &[("API_URL", "{vendor}"), ("WORKSPACE", WORKSPACE), ("DATASET", DATASET)],
    modes: &[&[], &[("TABLES", "one"), ("COLUMNS", "EventId, AlertKey, AlertName, Shortened")]],
    prepare: &[("seed", SEED)],
    stored: |items| rows(items).iter().map(|row| text(&row["EventId"])).collect(),
    ..Peer::PLAIN
};

conforms!(PEER);

#[test]
fn the_seed_is_the_model_that_create_makes() {
    let definition: Value = serde_json::from_str(DEFINITION).unwrap();
    let columns = |table: &Value| -> Value {
        let columns = table["columns"].as_array().unwrap().iter();
        columns.map(|column| (text(&column["name"]), column["dataType"].clone())).collect()
    };
    let tables = definition["tables"].as_array().unwrap().iter();
    let tables: Value = tables.map(|table| (text(&table["name"]), columns(table))).collect();
    let seed: Value = serde_json::from_str(SEED).unwrap();
    assert_eq!(seed["objects"][0]["tables"], tables, "put this into powerbi.json");
}

/// A simulator with the model, and with what else the test wants of it.
async fn prepare(simulator: &Simulator, more: Value) {
    let mut seed: Value = serde_json::from_str(SEED).unwrap();
    for (name, value) in more.as_object().unwrap() {
        seed["objects"][0][name] = value.clone();
    }
    simulator.post("seed", seed).await;
}

/// The rows among what the simulator received.
fn rows(items: &[Value]) -> Vec<&Value> {
    items.iter().filter(|item| item["kind"] == "row").map(|item| &item["record"]).collect()
}

fn open(simulator: &Simulator, settings: &[(&str, &str)]) -> Outlet {
    let url = format!("{}/powerbi", simulator.base);
    let sound = [("API_URL", &*url), ("WORKSPACE", WORKSPACE), ("DATASET", DATASET)];
    simulator.open("powerbi", &[settings, &sound].concat())
}

/// How many requests carried rows.
async fn posts(simulator: &Simulator) -> usize {
    let requests = simulator.list("requests?vendor=powerbi").await;
    requests.iter().filter(|request| text(&request["path"]).contains("/rows")).count()
}

fn delivered(fates: &[Fate]) -> usize {
    fates.iter().filter(|fate| **fate == Fate::Delivered).count()
}

/// So many rows of two characters, for what does not depend on their content.
fn tiny(count: usize) -> Rendered {
    let spans = (0..count).map(|at| Span {
        start: 2 * at,
        end: 2 * at + 2,
        id: EventId::of(b"x"),
        subject: at as u64,
        group: 0,
    });
    Rendered { buffer: b"1,".repeat(count).into(), spans: spans.collect() }
}

#[tokio::test]
async fn a_delivery_of_more_rows_than_a_request_holds_is_cut() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    prepare(&simulator, json!({})).await;
    let outlet = open(&simulator, &[("COLUMNS", "EventId,SeverityRank")]);
    let (rendered, _) = render(&outlet, &(0..10_003).map(small).collect::<Vec<_>>());
    let fates = send(&outlet, &rendered, 60).await;
    assert_eq!(delivered(&fates), 10_003);
    assert_eq!(posts(&simulator).await, 2);
    assert_eq!(PEER.stored(&simulator).await, super::ids(&rendered), "each once, in order");
    simulator.no_violation().await;
}

#[tokio::test]
async fn a_text_too_long_is_shortened_and_its_column_named() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    prepare(&simulator, json!({})).await;
    let alert = |length| json!({"SystemAlertId": "a", "AlertType": "T", "AlertDisplayName": "é".repeat(length)});
    let outlet = open(&simulator, &[]);
    let (rendered, _) =
        render(&outlet, &[alert(4_000).to_string().into_bytes(), alert(4_001).to_string().into_bytes()]);
    assert_eq!(delivered(&send(&outlet, &rendered, 10).await), 2);
    let items = simulator.list("received?vendor=powerbi").await;
    let rows = rows(&items);
    assert_eq!((&rows[0]["AlertName"], &rows[0]["Shortened"]), (&json!("é".repeat(4_000)), &Value::Null));
    assert_eq!(
        (&rows[1]["AlertName"], &rows[1]["Shortened"]),
        (&json!(format!("{}…", "é".repeat(3_999))), &json!("AlertName"))
    );
    simulator.no_violation().await;
}

#[tokio::test]
async fn requests_beyond_the_pace_wait_in_the_store() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    prepare(&simulator, json!({})).await;
    let outlet = open(&simulator, &[("MAX_ROWS", "1")]);
    let (rendered, _) = render(&outlet, &(0..130).map(small).collect::<Vec<_>>());
    let fates = send(&outlet, &rendered, 15).await;
    assert_eq!((delivered(&fates), posts(&simulator).await), (50, 50));
    assert!(fates[50..].iter().all(|fate| matches!(fate, Fate::Parked { not_before: Some(_), .. })), "{fates:?}");
    assert_eq!(outlet.breaker.state(), Circuit::Closed, "the destination is well");
    // A process of its own, such as that of `redeliver`, does not know what the first one sent: both together keep to 120.
    let other = open(&simulator, &[("MAX_ROWS", "1")]);
    assert_eq!(delivered(&send(&other, &rendered, 15).await), 50);
    simulator.no_violation().await;
}

/// Answers 200 to everything, and notes when it came and how many rows it held.
#[derive(Debug, Default)]
struct Recorder(Arc<Mutex<Vec<(Instant, usize)>>>);

#[async_trait::async_trait]
impl Courier for Recorder {
    async fn send(&self, parcel: &Parcel, _: Instant) -> Reply {
        let Parcel::Http(parcel) = parcel else { panic!("only HTTP here") };
        let rows = parcel.body.iter().filter(|byte| **byte == b'1').count();
        self.0.lock().unwrap().push((Instant::now(), rows));
        Reply::Http { status: http::StatusCode::OK, headers: http::HeaderMap::new(), body: bytes::Bytes::new() }
    }
}

/// Delivers tiny rows within so many seconds of paused time; when each request came, and with how many rows.
async fn recorded(settings: &[(&str, &str)], count: usize, seconds: u64) -> Vec<(Instant, usize)> {
    let kind = defender_relay::destinations::kind("powerbi").unwrap();
    let sent = Recorder::default();
    let seen = Arc::clone(&sent.0);
    let outlet = Outlet::new("powerbi", contract::open(kind, settings).outlet.destination, Box::new(sent));
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let fates = deliver(&outlet, &tiny(count), &POLICY, deadline, Timestamp::now).await;
    assert_eq!(delivered(&fates), count);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.iter().map(|(_, rows)| rows).sum::<usize>(), count);
    seen.clone()
}

/// The most that any span of that length saw: requests and rows.
fn busiest(sent: &[(Instant, usize)], span: Duration) -> (usize, usize) {
    let within = |start: Instant| sent.iter().filter(move |(at, _)| *at >= start && *at < start + span);
    sent.iter()
        .map(|(start, _)| (within(*start).count(), within(*start).map(|(_, rows)| rows).sum()))
        .fold((0, 0), |most: (usize, usize), one: (usize, usize)| (most.0.max(one.0), most.1.max(one.1)))
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_many_requests_keeps_below_120_a_minute() {
    let sent = recorded(&[("MAX_ROWS", "1")], 260, 600).await;
    assert_eq!(sent.len(), 260);
    assert_eq!(busiest(&sent, Duration::from_secs(60)).0, 50);
}

#[tokio::test(start_paused = true)]
async fn a_flood_keeps_below_a_million_rows_an_hour() {
    let sent = recorded(&[], 1_000_000, 3 * 3600).await;
    let (requests, rows) = busiest(&sent, Duration::from_secs(3600));
    assert!(requests <= 49 && rows <= 490_000, "{requests} requests with {rows} rows");
}

#[tokio::test]
async fn a_large_table_slows_it_down_and_loses_nothing() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    prepare(&simulator, json!({"fifo": false, "row_count": {"Alerts": 250_000}})).await;
    let (mut taken, mut parked) = (0, 0);
    for _ in 0..3 {
        let outlet = open(&simulator, &[("MAX_ROWS", "1")]);
        let (rendered, _) = render(&outlet, &(0..45).map(small).collect::<Vec<_>>());
        let fates = send(&outlet, &rendered, 15).await;
        taken += delivered(&fates);
        parked += fates.iter().filter(|fate| matches!(fate, Fate::Parked { not_before: Some(_), .. })).count();
    }
    assert_eq!((taken, parked), (120, 15), "120 an hour; the rest waits as Retry-After says");
}

#[tokio::test]
async fn rights_that_are_missing_park() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    prepare(&simulator, json!({})).await;
    simulator.post("options", json!({"vendor": "msi", "privileged": false})).await;
    let outlet = open(&simulator, &[]);
    let (rendered, _) = render(&outlet, &five());
    let fates = send(&outlet, &rendered, 10).await;
    assert!(all_parked(&fates) && format!("{fates:?}").contains("tenant settings"), "{fates:?}");
    assert!(PEER.stored(&simulator).await.is_empty());
}

#[tokio::test]
async fn a_model_with_other_columns_parks_until_it_is_mended() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    // The simulator's own model: some of our columns, and others.
    let outlet = open(&simulator, &[]);
    let (rendered, _) = render(&outlet, &five());
    let fates = send(&outlet, &rendered, 10).await;
    assert!(all_parked(&fates) && format!("{fates:?}").contains("COLUMNS"), "{fates:?}");
    assert_eq!(posts(&simulator).await, 1, "all rows have the same columns: one answer says it for all");
    let shared = "AlertKey, TimeGenerated, IsIncident, SeverityRank, AlertName, AlertType, Severity, Status, CompromisedEntity, AlertUri";
    let outlet = open(&simulator, &[("COLUMNS", shared)]);
    let (rendered, _) = render(&outlet, &five());
    assert_eq!(delivered(&send(&outlet, &rendered, 10).await), 5);
}

#[tokio::test]
async fn an_expired_token_is_renewed() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    prepare(&simulator, json!({})).await;
    let outlet = open(&simulator, &[]);
    let (rendered, _) = render(&outlet, &five());
    assert_eq!(delivered(&send(&outlet, &rendered, 10).await), 5);
    simulator.post("clock", json!({"advance_s": 90_000})).await;
    assert_eq!(delivered(&send(&outlet, &rendered, 10).await), 5);
    let violations = simulator.list("violations").await;
    assert!(violations.len() == 1 && violations[0]["category"] == "auth", "the old token, once: {violations:#?}");
}

#[tokio::test]
async fn azure_government_has_its_own_audience() {
    let Some(simulator) = Simulator::start(&["--cloud", "usgov"]) else { return };
    prepare(&simulator, json!({})).await;
    let outlet = open(&simulator, &[("AZURE_CLOUD", "usgov")]);
    let (rendered, _) = render(&outlet, &five());
    assert_eq!(delivered(&send(&outlet, &rendered, 10).await), 5);
    simulator.no_violation().await;
}

#[tokio::test]
async fn probes_tell_what_is_wrong() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    prepare(&simulator, json!({})).await;
    for settings in [("DATASET", "99999999-9999-4999-8999-000000000000"), ("WORKSPACE", DATASET)] {
        let outlet = open(&simulator, &[settings]);
        let verdict = probe(&outlet, Instant::now() + Duration::from_secs(10)).await;
        assert!(matches!(verdict, Some(Verdict::Misconfigured { .. })), "{settings:?}: {verdict:?}");
    }
    prepare(&simulator, json!({"defaultMode": "Streaming"})).await;
    let verdict = probe(&open(&simulator, &[]), Instant::now() + Duration::from_secs(10)).await;
    let Some(Verdict::Misconfigured { reason }) = verdict else { panic!("{verdict:?}") };
    assert!(reason.contains("takes no rows"), "{reason}");
}

/// Runs `defender-relay create` with the simulator's identity and these settings, and nothing else of the environment.
fn create(simulator: &Simulator, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_defender-relay"))
        .current_dir(folder.path())
        .env_clear()
        .env("IDENTITY_ENDPOINT", format!("{}/msi/token", simulator.base))
        .env("IDENTITY_HEADER", "sim-identity-header-000000000000")
        .env("POWERBI__API_URL", format!("{}/powerbi", simulator.base))
        .env("POWERBI__WORKSPACE", WORKSPACE)
        .envs(settings.iter().copied())
        .arg("create")
        .args(arguments)
        .output()
        .unwrap()
}

fn printed(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn create_makes_a_model_that_takes_the_rows() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let made = create(&simulator, &["powerbi"], &[]);
    let (out, err) = printed(&made);
    if Timestamp::now() >= "2027-11-01T00:00:00Z".parse().unwrap() {
        assert!(made.status.code() == Some(1) && err.contains("2027-10-31"), "{err}");
        return;
    }
    assert_eq!(made.status.code(), Some(0), "{err}");
    let id = out.trim().strip_prefix("POWERBI__DATASET=").unwrap_or_else(|| panic!("{out}"));
    let received = simulator.list("received?vendor=powerbi").await;
    let definition: Value = serde_json::from_str(DEFINITION).unwrap();
    assert_eq!((received.len(), &received[0]["record"]), (1, &definition));

    let outlet = open(&simulator, &[("DATASET", id)]);
    let verdict = probe(&outlet, Instant::now() + Duration::from_secs(10)).await;
    assert!(matches!(verdict, Some(Verdict::Accepted)), "{verdict:?}");
    let (rendered, _) = render(&outlet, &super::bodies());
    let fates = send(&outlet, &rendered, 60).await;
    assert_eq!(delivered(&fates), fates.len());
    simulator.no_violation().await;

    // Once is enough.
    let named = create(&simulator, &["powerbi"], &[("POWERBI__DATASET", id)]);
    assert_eq!(named.status.code(), Some(2), "{}", printed(&named).1);
    assert!(printed(&named).1.contains("--again"));
    let again = create(&simulator, &["powerbi", "--again"], &[("POWERBI__DATASET", id)]);
    assert!(printed(&again).0.starts_with("POWERBI__DATASET=") && !printed(&again).0.contains(id));
}

#[tokio::test]
async fn create_tells_why_not() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let shown = create(&simulator, &["powerbi", "--print"], &[]);
    assert_eq!(printed(&shown).0, DEFINITION);
    let shown = create(&simulator, &["powerbi"], &[("POWERBI__MODE", "eventhouse")]);
    assert_eq!(printed(&shown).0, include_str!("../../../src/destinations/powerbi/eventhouse.kql"));
    let own = [("DESTINATIONS", "splunk, soc-bi = powerbi"), ("SOC_BI__MODE", "eventhouse"), ("SOC_BI__TABLE", "Mine")];
    let shown = create(&simulator, &["soc-bi"], &own);
    assert!(printed(&shown).0.contains(".create-merge table ['Mine']"), "{}", printed(&shown).1);
    let nothing = create(&simulator, &["splunk"], &own);
    assert!(nothing.status.success() && printed(&nothing).1.contains("nothing to create"), "{}", printed(&nothing).1);
    for (settings, code, told) in [
        (("POWERBI__WORKSPACE", "my workspace"), 2, "POWERBI__WORKSPACE"),
        (("POWERBI__TABEL", "x"), 2, "valid here"),
        (("POWERBI__CA_CERT", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"), 2, "POWERBI__CA_CERT"),
        (("AZURE_CLOUD", "mars"), 2, "AZURE_CLOUD"),
        (("POWERBI__WORKSPACE", DATASET), 1, "WORKSPACE"),
        (("IDENTITY_HEADER", "sim-wrong-header"), 1, "no token"),
    ] {
        let refused = create(&simulator, &["powerbi"], &[settings]);
        let (out, err) = printed(&refused);
        assert_eq!(refused.status.code(), Some(code), "{settings:?}: {err}");
        assert!(out.is_empty() && err.contains(told) && !err.contains("sim-wrong-header"), "{settings:?}: {err}");
    }
    assert!(simulator.list("received?vendor=powerbi").await.is_empty(), "nothing was made");
}

#[tokio::test]
async fn a_model_of_alerts_alone_holds_back_nothing_but_the_rest() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let mut seed: Value = serde_json::from_str(SEED).unwrap();
    seed["objects"][0]["tables"].as_object_mut().unwrap().retain(|name, _| name == "Alerts");
    simulator.post("seed", seed).await;
    let score = json!({"id": "/subscriptions/s/providers/Microsoft.Security/secureScores/ascScore", "name": "ascScore",
        "type": "Microsoft.Security/secureScores", "properties": {"displayName": "ASC score", "score": {"max": 58, "current": 23.5}}});
    let bodies = [score.to_string().into_bytes(), small(1), small(2)];
    let outlet = open(&simulator, &[]);
    let (rendered, _) = render(&outlet, &bodies);
    let fates = send(&outlet, &rendered, 10).await;
    assert!(delivered(&fates[..2]) == 2 && all_parked(&fates[2..]), "{fates:?}");
    assert_eq!(outlet.breaker.state(), Circuit::Closed);
    assert!(format!("{fates:?}").contains("TABLES=one"), "{fates:?}");
    let outlet = open(&simulator, &[("TABLES", "one")]);
    let (rendered, _) = render(&outlet, &bodies);
    assert_eq!(delivered(&send(&outlet, &rendered, 10).await), 3);
}
