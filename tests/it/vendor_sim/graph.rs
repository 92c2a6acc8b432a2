//! Function `graph` in the real program, against the simulated Microsoft Graph: pages under change, misfortunes of every kind, clocks that are
//! wrong, kills, and runs that meet. Whatever happens, the last version of every alert arrives, and Graph notes no breach of its rules.

mod pages;
mod twins;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Simulator, text};
use crate::support::handler::{Handler, letter_bodies};

/// A simulator, and a store for the program under test.
struct Scene {
    simulator: Simulator,
    state: TempDir,
    settings: BTreeMap<String, String>,
}

impl Scene {
    /// One destination that keeps what it gets, alert by alert, and pages of `page_size`.
    fn start(page_size: u32) -> Option<Self> {
        Self::start_with(&[], page_size)
    }

    fn start_with(options: &[&str], page_size: u32) -> Option<Self> {
        let simulator = Simulator::start(options)?;
        let state = tempfile::tempdir().unwrap();
        let sumo = format!("{}/sumo/receiver/v1/http/ZaVnC4dhaV2simsimsimsimsimsimsimsim==", simulator.base);
        let settings = [
            ("DESTINATIONS", "sumologic".to_owned()),
            ("SUMOLOGIC__URL", sumo),
            ("STATE__URL", format!("file://{}", state.path().display())),
            ("DELIVERY__BACKOFF", "20ms".to_owned()),
            ("IDENTITY_ENDPOINT", format!("{}/msi/token", simulator.base)),
            ("IDENTITY_HEADER", "sim-identity-header-000000000000".to_owned()),
            ("GRAPH__ENABLED", "true".to_owned()),
            ("GRAPH__URL", format!("{}/graph", simulator.base)),
            ("GRAPH__PAGE_SIZE", page_size.to_string()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).into();
        Some(Self { simulator, state, settings })
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    async fn handler(&self) -> Handler {
        Handler::start(&self.settings).await
    }

    async fn seed(&self, alerts: impl IntoIterator<Item = Value>) {
        let alerts: Vec<Value> = alerts.into_iter().collect();
        self.simulator.post("seed", json!({"vendor": "graph", "objects": alerts})).await;
    }

    /// What arrived: each version of an alert, and how often. Each time it is the same to the byte, and so is its event id.
    async fn arrived(&self) -> BTreeMap<(String, String), usize> {
        let mut arrived: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for item in self.simulator.list("received?vendor=sumo").await {
            let record = text(&item["record"]);
            arrived.entry(version(&serde_json::from_str(&record).unwrap())).or_default().push(record);
        }
        for (version, records) in &arrived {
            assert!(records.iter().all(|record| *record == records[0]), "{version:?}");
        }
        arrived.into_iter().map(|(version, records)| (version, records.len())).collect()
    }

    async fn asked(&self) -> usize {
        self.simulator.list("requests?vendor=graph").await.len()
    }

    fn cursor_file(&self) -> PathBuf {
        self.state.path().join("cursors/graph.json")
    }

    fn cursor(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.cursor_file()).unwrap()).unwrap()
    }

    /// Lets the next run read `pages` pages and then fail at once, as if the process had ended there.
    async fn break_after(&self, handler: &Handler, pages: u32) {
        self.simulator.fault("graph", json!({"kind": "status", "status": 403, "skip": pages, "times": 1})).await;
        assert_eq!(tick(handler).await.0, 500);
    }

    /// Everything of these arrived, and exactly once where `once`.
    async fn holds(&self, alerts: &[Value], once: bool) {
        let arrived = self.arrived().await;
        let wanted: BTreeSet<(String, String)> = alerts.iter().map(version).collect();
        let missing: Vec<_> = wanted.iter().filter(|version| !arrived.contains_key(version)).collect();
        assert!(missing.is_empty(), "{} of {} are missing: {missing:?}", missing.len(), wanted.len());
        if once {
            let twice: Vec<_> = arrived.iter().filter(|(_, count)| **count > 1).collect();
            assert!(twice.is_empty() && arrived.len() == wanted.len(), "{} arrived; twice: {twice:?}", arrived.len());
        }
        self.simulator.no_violation().await;
    }
}

fn version(alert: &Value) -> (String, String) {
    (text(&alert["id"]), text(&alert["lastUpdateDateTime"]))
}

/// Runs the function; its status and its lines.
async fn tick(handler: &Handler) -> (u16, String) {
    let (status, reply) = handler.post("graph", b"{\"Data\":{},\"Metadata\":{}}".to_vec()).await.unwrap();
    (status, String::from_utf8(reply).unwrap())
}

fn ago(seconds: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_secs(seconds)
}

/// An alert that was created and changed so long ago.
fn alert(id: &str, created: i64, changed: i64) -> Value {
    alert_at(id, ago(created), ago(changed))
}

fn alert_at(id: &str, created: Timestamp, changed: Timestamp) -> Value {
    json!({"id": id, "providerAlertId": format!("provider-{id}"), "createdDateTime": format!("{created:.7}"),
        "lastUpdateDateTime": format!("{changed:.7}"), "title": "Seeded"})
}

fn many(count: i64) -> Vec<Value> {
    (0..count).map(|number| alert(&format!("da{number}"), number / 4, number / 4)).collect()
}

fn of_endpoint(mut alert: Value) -> Value {
    alert["serviceSource"] = json!("microsoftDefenderForEndpoint");
    alert["detectionSource"] = json!("microsoftDefenderForEndpoint");
    alert["productName"] = json!("Microsoft Defender for Endpoint");
    alert
}

#[tokio::test]
async fn thousands_of_alerts_arrive_once() {
    let Some(scene) = Scene::start(1000) else { return };
    let alerts = many(5500);
    scene.seed(alerts.clone()).await;
    scene.seed((0..20).map(|number| of_endpoint(alert(&format!("mde{number}"), number, number)))).await;
    let handler = scene.handler().await;
    handler.tick("graph").await;
    scene.holds(&alerts, true).await;
    assert_eq!(scene.asked().await, 12, "six pages, and once more to be sure");
    handler.tick("graph").await;
    scene.holds(&alerts, true).await;
    let (_, status) = handler.http("status", &json!({})).await;
    let graph = &status["graph"];
    let watermark: Timestamp = text(&graph["watermark"]).parse().unwrap();
    assert!(watermark > ago(60) && watermark <= Timestamp::now(), "{graph}");
    assert!(graph["last_success"].is_string() && graph["last_error"].is_null() && graph["pages_under_way"] == 0);
}

#[tokio::test]
async fn every_product_of_the_tenant_by_a_star_and_some_by_name() {
    for (sources, expected) in [("*", 6), ("microsoftDefenderForCloud, microsoftDefenderForEndpoint", 4)] {
        let Some(scene) = Scene::start(100) else { return };
        let scene = scene.with("GRAPH__SERVICE_SOURCES", sources);
        let sentinel = |mut alert: Value| {
            alert["serviceSource"] = json!("microsoftSentinel");
            alert["productName"] = json!("Microsoft Sentinel");
            alert
        };
        scene.seed((0..2).map(|number| alert(&format!("mdc{number}"), 1, 1))).await;
        scene.seed((0..2).map(|number| of_endpoint(alert(&format!("mde{number}"), 1, 1)))).await;
        scene.seed((0..2).map(|number| sentinel(alert(&format!("sentinel{number}"), 1, 1)))).await;
        scene.handler().await.tick("graph").await;
        assert_eq!(scene.arrived().await.len(), expected, "{sources}");
        scene.simulator.no_violation().await;
    }
}

#[tokio::test]
async fn equal_times_at_a_boundary_are_all_read() {
    let Some(scene) = Scene::start(7) else { return };
    let (now, later) = (ago(5), ago(4));
    let alerts: Vec<Value> = (0..50).map(|number| alert_at(&format!("da{number}"), now, now)).collect();
    scene.seed(alerts.clone()).await;
    let handler = scene.handler().await;
    scene.break_after(&handler, 3).await;
    handler.tick("graph").await;
    scene.holds(&alerts, true).await;
    // The watermark is that very time. What appears late with it, or in it again, is read too.
    let late: Vec<Value> = (50..60).map(|number| alert_at(&format!("da{number}"), now, now)).collect();
    scene.seed(late.clone()).await;
    scene.seed([alert_at("da0", now, later)]).await;
    handler.tick("graph").await;
    scene.holds(&[alerts, late, vec![alert_at("da0", now, later)]].concat(), true).await;
}

#[tokio::test]
async fn what_changes_between_two_pages_is_neither_missed_nor_sent_twice() {
    let Some(scene) = Scene::start(3) else { return };
    let mut all: BTreeMap<String, Value> = BTreeMap::new();
    let first: Vec<Value> =
        (0..30).map(|number| alert(&format!("da{number:02}"), 100 + number, 100 + number)).collect();
    scene.seed(first.clone()).await;
    all.extend(first.into_iter().map(|alert| (text(&alert["id"]), alert)));
    let handler = scene.handler().await;
    for page in 0..8 {
        scene.break_after(&handler, 1).await;
        let change = [
            // New at the top; late, in the middle; one that was read and one that was not, changed; one that moved to the end.
            alert(&format!("new{page}"), 0, 0),
            alert(&format!("late{page}"), 110, 1),
            alert(&format!("da{page:02}"), 100 + page, 1),
            alert(&format!("da{:02}", 29 - page), 129 - page, 1),
            alert(&format!("da{:02}", 10 + page), 3000, 1),
        ];
        scene.seed(change.clone()).await;
        all.extend(change.into_iter().map(|alert| (text(&alert["id"]), alert)));
    }
    handler.tick("graph").await;
    handler.tick("graph").await;
    scene.holds(&all.into_values().collect::<Vec<_>>(), false).await;
    let twice = scene.arrived().await.into_values().filter(|count| *count > 1).count();
    assert_eq!(twice, 0, "a version is sent once, on whatever pages it is met");
}

#[tokio::test]
async fn an_alert_that_leaves_the_list_takes_no_other_with_it() {
    let Some(scene) = Scene::start(5) else { return };
    let alerts: Vec<Value> =
        (0..20).map(|number| alert(&format!("da{number:02}"), 100 + number, 100 + number)).collect();
    scene.seed(alerts.clone()).await;
    let handler = scene.handler().await;
    scene.break_after(&handler, 1).await;
    // Three that were read are not in the list any more: the next page begins three alerts too late.
    scene.seed((0..3).map(|number| of_endpoint(alerts[number].clone()))).await;
    handler.tick("graph").await;
    scene.holds(&alerts, true).await;
}

#[tokio::test]
async fn passing_misfortunes_lose_nothing() {
    for fault in [
        json!({"kind": "throttle", "retry_after": 1}),
        json!({"kind": "throttle", "retry_after": 1, "skip": 2}),
        json!({"kind": "status", "status": 503, "skip": 1}),
        json!({"kind": "status", "status": 500}),
        json!({"kind": "reset", "skip": 1}),
        json!({"kind": "accept_reset", "skip": 2}),
        json!({"kind": "truncate"}),
        json!({"kind": "truncate", "skip": 1}),
        json!({"kind": "status", "status": 410, "skip": 1}),
    ] {
        let Some(scene) = Scene::start(10) else { return };
        let alerts = many(35);
        scene.seed(alerts.clone()).await;
        scene.simulator.fault("graph", fault.clone()).await;
        let handler = scene.handler().await;
        let (status, reply) = tick(&handler).await;
        assert_eq!(status, 200, "{fault}: {reply}");
        scene.holds(&alerts, true).await;
    }
}

#[tokio::test]
async fn a_wait_beyond_the_run_is_kept_by_every_process() {
    let Some(scene) = Scene::start(10) else { return };
    let alerts = many(35);
    scene.seed(alerts.clone()).await;
    scene.simulator.fault("graph", json!({"kind": "throttle", "retry_after": 600, "skip": 1})).await;
    let (status, reply) = tick(&scene.handler().await).await;
    assert_eq!((status, scene.arrived().await.len()), (200, 10), "{reply}");
    assert!(text(&scene.cursor()["last_error"]).contains("429"));
    let asked = scene.asked().await;
    let other = scene.handler().await;
    assert!(tick(&other).await.1.contains("left alone"));
    assert_eq!(scene.asked().await, asked);
    let mut cursor = scene.cursor();
    assert!(text(&cursor["not_before"]).parse::<Timestamp>().unwrap() > ago(-500));
    cursor["not_before"] = json!(ago(1).to_string());
    std::fs::write(scene.cursor_file(), cursor.to_string()).unwrap();
    other.tick("graph").await;
    scene.holds(&alerts, true).await;
}

#[tokio::test]
async fn every_alert_is_accounted_for_in_chaos() {
    let Some(scene) = Scene::start_with(&["--fault-profile", "chaos", "--seed", "7"], 10) else { return };
    let alerts = many(150);
    scene.seed(alerts.clone()).await;
    let mut runs = 0;
    loop {
        // Each run is a new process: no token that is kept, no breaker that is open.
        tick(&scene.handler().await).await;
        runs += 1;
        let mut cursor = scene.cursor();
        if cursor["watermark"].is_string() {
            break;
        }
        assert!(runs < 60, "it never comes to the end: {cursor}");
        cursor["not_before"] = Value::Null;
        std::fs::write(scene.cursor_file(), cursor.to_string()).unwrap();
    }
    let parked = letter_bodies(&scene.state.path().join("parked"));
    let parked: BTreeSet<_> = parked.iter().map(|body| version(&serde_json::from_str(body).unwrap())).collect();
    let arrived = scene.arrived().await;
    let lost: Vec<_> =
        alerts.iter().map(version).filter(|it| !arrived.contains_key(it) && !parked.contains(it)).collect();
    assert!(lost.is_empty() && arrived.len() > 50, "{lost:?}");
    scene.simulator.no_violation().await;
}

#[tokio::test]
async fn a_backlog_goes_on_where_it_stopped_and_no_process_asks_too_often() {
    let Some(scene) = Scene::start(1) else { return };
    let alerts = many(150);
    scene.seed(alerts.clone()).await;
    for _ in 0..3 {
        // A new process each time: it knows what the others asked.
        scene.handler().await.tick("graph").await;
    }
    let arrived = scene.arrived().await.len();
    assert!((100..130).contains(&arrived) && scene.asked().await < 130, "{arrived}");
    assert!(scene.cursor()["walk"]["next"].is_string() && scene.cursor()["watermark"].is_null());
    for _ in 0..2 {
        scene.simulator.post("clock", json!({"advance_s": 120})).await;
        let mut cursor = scene.cursor();
        cursor["asked"] = json!({});
        std::fs::write(scene.cursor_file(), cursor.to_string()).unwrap();
        scene.handler().await.tick("graph").await;
    }
    scene.holds(&alerts, true).await;
}

#[tokio::test]
async fn a_service_that_is_down_fails_the_run_and_moves_nothing() {
    let Some(scene) = Scene::start(10) else { return };
    scene.seed(many(5)).await;
    scene.simulator.fault("graph", json!({"kind": "status", "status": 503, "times": 100})).await;
    let handler = scene.handler().await;
    assert_eq!(tick(&handler).await.0, 500);
    assert!(scene.cursor()["watermark"].is_null());
    let (_, status) = handler.http("status", &json!({})).await;
    assert!(text(&status["graph"]["last_error"]).contains("503"), "{status}");
}

#[tokio::test]
async fn without_consent_the_run_names_the_permission() {
    let Some(scene) = Scene::start(10) else { return };
    scene.seed(many(5)).await;
    scene.simulator.post("options", json!({"vendor": "msi", "privileged": false})).await;
    let handler = scene.handler().await;
    assert_eq!(tick(&handler).await.0, 500);
    assert!(handler.output.lock().unwrap().contains("SecurityAlert.Read.All"));
    let (_, status) = handler.http("status", &json!({})).await;
    assert!(text(&status["graph"]["last_error"]).contains("SecurityAlert.Read.All"), "{status}");
    assert!(status["graph"]["watermark"].is_null());
}

#[tokio::test]
async fn a_clock_that_went_back_misses_nothing() {
    let Some(scene) = Scene::start(10) else { return };
    let handler = scene.handler().await;
    scene.simulator.post("clock", json!({"offset_s": 86_400})).await;
    let early = alert("early", -86_400, -86_400);
    scene.seed([early.clone()]).await;
    handler.tick("graph").await;
    scene.simulator.post("clock", json!({"offset_s": 0})).await;
    let now = alert("now", 1, 1);
    scene.seed([now.clone()]).await;
    handler.tick("graph").await;
    scene.holds(&[early, now], true).await;
    assert!(text(&scene.cursor()["watermark"]).parse::<Timestamp>().unwrap() < Timestamp::now());
}

#[tokio::test]
async fn clocks_that_differ_miss_nothing() {
    for offset in [-7200_i64, 7200] {
        let Some(scene) = Scene::start(10) else { return };
        scene.simulator.post("clock", json!({"offset_s": offset})).await;
        let skewed = |id: &str, seconds| alert_at(id, ago(seconds - offset), ago(seconds - offset));
        let mut all: Vec<Value> = (0..25).map(|number| skewed(&format!("da{number}"), 100 + number)).collect();
        scene.seed(all.clone()).await;
        let handler = scene.handler().await;
        handler.tick("graph").await;
        scene.holds(&all, true).await;
        for round in 0..3 {
            scene.simulator.post("clock", json!({"advance_s": 300})).await;
            let more: Vec<Value> =
                (0..4).map(|number| skewed(&format!("later{round}-{number}"), -300 * (round + 1) + number)).collect();
            scene.seed(more.clone()).await;
            all.extend(more);
            handler.tick("graph").await;
            scene.holds(&all, true).await;
        }
    }
}

#[tokio::test]
async fn hostile_times_and_ids_neither_stop_reading_nor_spoil_it() {
    let Some(scene) = Scene::start(10) else { return };
    let hostile = |id: &str, changed: &str| {
        let mut alert = alert(id, 50, 50);
        alert["lastUpdateDateTime"] = json!(changed);
        alert
    };
    let long = "x".repeat(5000);
    let mut all = vec![
        hostile("future", "2999-01-01T00:00:00Z"),
        hostile("far future", "9999-12-31T23:59:59.9999999Z"),
        hostile("soon", &(ago(-290)).to_string()),
    ];
    for id in ["../../etc/passwd", "a' or 1 eq 1", "a\u{0}\r\nb", "{{7*7}}", "\u{202e}", &long, "<script>", "😀"] {
        all.push(alert(id, 40, 40));
    }
    scene.seed(all.clone()).await;
    let handler = scene.handler().await;
    handler.tick("graph").await;
    handler.tick("graph").await;
    let watermark: Timestamp = text(&scene.cursor()["watermark"]).parse().unwrap();
    assert!(watermark < Timestamp::now());
    all.push(alert("after", 0, 0));
    scene.seed(all.last().cloned()).await;
    handler.tick("graph").await;
    scene.holds(&all, true).await;
}

#[tokio::test]
async fn a_kill_at_any_page_misses_nothing() {
    let Some(scene) = Scene::start(20) else { return };
    let alerts = many(400);
    scene.seed(alerts.clone()).await;
    scene.simulator.fault("graph", json!({"kind": "delay", "delay_s": 0.02, "times": 10_000})).await;
    let mut kills = 0;
    loop {
        let mut handler = scene.handler().await;
        let seen = scene.arrived().await.len();
        let run = async {
            let ended = handler.post("graph", b"{}".to_vec()).await;
            ended.is_some()
        };
        // Killed as soon as something new arrived, wherever the run is then.
        let something_new = async {
            while scene.arrived().await.len() <= seen {
                tokio::task::yield_now().await;
            }
        };
        let over = tokio::select! { over = run => over, () = something_new => false };
        handler.kill();
        if over {
            break;
        }
        kills += 1;
        assert!(kills < 100, "it never comes to the end");
    }
    scene.holds(&alerts, false).await;
    assert!(kills > 3, "killed {kills} times");
}

#[tokio::test]
async fn runs_that_meet_do_no_harm() {
    for state in ["memory:", "folder"] {
        let Some(scene) = Scene::start(20) else { return };
        let scene = if state == "folder" { scene } else { scene.with("STATE__URL", state) };
        let alerts = many(200);
        scene.seed(alerts.clone()).await;
        let one = scene.handler().await;
        let other = if state == "folder" { Some(scene.handler().await) } else { None };
        let other = other.as_ref().unwrap_or(&one);
        for _ in 0..5 {
            let replies = tokio::join!(tick(&one), tick(other), tick(&one), tick(other));
            for (status, reply) in [replies.0, replies.1, replies.2, replies.3] {
                assert_eq!(status, 200, "{reply}");
            }
        }
        scene.holds(&alerts, false).await;
        let (_, status) = one.http("status", &json!({})).await;
        assert!(status["graph"]["watermark"].is_string() && status["graph"]["last_error"].is_null(), "{status}");
    }
}

#[tokio::test]
async fn a_refused_condition_is_made_up_for_here() {
    let Some(scene) = Scene::start(10) else { return };
    scene.simulator.post("options", json!({"vendor": "graph", "reject_evolvable_filter": true})).await;
    let alerts = many(25);
    scene.seed(alerts.clone()).await;
    scene.seed((0..25).map(|number| of_endpoint(alert(&format!("mde{number}"), number, number)))).await;
    let handler = scene.handler().await;
    handler.tick("graph").await;
    scene.holds(&alerts, true).await;
    let asked = scene.asked().await;
    assert_eq!(asked, 1 + 5 + 5, "one refusal, five pages, and once more");
    handler.tick("graph").await;
    assert_eq!(scene.asked().await - asked, 10, "it is not asked again for what it refused");
    scene.holds(&alerts, true).await;
}

#[tokio::test]
async fn a_request_that_is_wrong_in_another_way_does_not_blame_the_condition() {
    let Some(scene) = Scene::start(10) else { return };
    scene.seed(many(5)).await;
    scene.simulator.fault("graph", json!({"kind": "status", "status": 400, "times": 2})).await;
    let handler = scene.handler().await;
    assert_eq!(tick(&handler).await.0, 500);
    assert!(text(&scene.cursor()["last_error"]).contains("GRAPH__PAGE_SIZE"));
    scene.seed([of_endpoint(alert("mde", 1, 1))]).await;
    handler.tick("graph").await;
    assert_eq!((scene.asked().await, scene.arrived().await.len()), (3, 5));
    assert!(scene.cursor()["refused"].is_null() && scene.cursor()["last_error"].is_null());
}

#[tokio::test]
async fn a_link_to_another_host_is_not_followed() {
    let Some(scene) = Scene::start(10) else { return };
    let elsewhere = Simulator::start(&[]).unwrap();
    scene.simulator.post("options", json!({"vendor": "graph", "foreign_next_link": elsewhere.base})).await;
    let alerts = many(25);
    scene.seed(alerts.clone()).await;
    let handler = scene.handler().await;
    for _ in 0..2 {
        assert_eq!(tick(&handler).await.0, 500);
    }
    assert_eq!(elsewhere.list("requests").await.len(), 0);
    assert_eq!(scene.arrived().await.len(), 10, "what was read in the right place is sent, once");
    assert!(scene.cursor()["watermark"].is_null());
    scene.simulator.post("options", json!({"vendor": "graph", "foreign_next_link": ""})).await;
    handler.tick("graph").await;
    scene.holds(&alerts, true).await;
}

#[tokio::test]
async fn a_destination_that_is_down_does_not_hold_up_reading() {
    let Some(scene) = Scene::start(10) else { return };
    let alerts = many(25);
    scene.seed(alerts.clone()).await;
    scene.simulator.fault("sumo", json!({"kind": "status", "status": 403, "times": 1000})).await;
    let handler = scene.handler().await;
    handler.tick("graph").await;
    assert!(scene.arrived().await.is_empty());
    assert!(scene.cursor()["watermark"].is_string(), "every alert is parked, so it is accounted for");
    assert_eq!(files(&scene.state.path().join("parked/sumologic")), 25);
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[tokio::test]
async fn check_connect_asks_graph_too() {
    let Some(scene) = Scene::start(10) else { return };
    let check = async || {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_defender-relay"));
        command.args(["check", "--connect"]).env_clear().envs(&scene.settings).current_dir(scene.state.path());
        let output = tokio::time::timeout(Duration::from_secs(60), command.output()).await.unwrap().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, told) = check().await;
    assert!(told.contains("Microsoft Graph: answers as it should"), "{told}");
    assert_eq!(code, Some(0), "{told}");
    scene.simulator.no_violation().await;
    scene.simulator.post("options", json!({"vendor": "msi", "privileged": false})).await;
    let (code, told) = check().await;
    assert!(code == Some(1) && told.contains("SecurityAlert.Read.All"), "{told}");
}
