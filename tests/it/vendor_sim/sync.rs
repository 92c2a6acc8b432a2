//! Status between Sentinel and Defender for Cloud against the simulated Resource Manager: what follows what, and that nothing is missed or
//! changed twice whatever goes wrong.

mod command;
mod hostile;
mod misfortune;
mod tickets;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use defender_relay::deliver::Outlet;
use defender_relay::settings::{Section, Values};
use defender_relay::state::{self, Store};
use defender_relay::sync::{self, Report, Sync};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Simulator, text};

const SUBSCRIPTION: &str = "66666666-6666-4666-8666-666666666666";
const STRANGER: &str = "99999999-6666-4666-8666-666666666666";
const WORKSPACE: &str = "/subscriptions/66666666-6666-4666-8666-666666666666/resourceGroups/soc-rg/providers/Microsoft.OperationalInsights/workspaces/soc";

const HOUR: Duration = Duration::from_secs(3600);

/// A simulator, a store, and the settings of a synchronisation between them.
struct Bench {
    simulator: Simulator,
    folder: TempDir,
    settings: Vec<(&'static str, String)>,
}

impl Bench {
    fn start(settings: &[(&'static str, &str)]) -> Option<Self> {
        let simulator = Simulator::start(&[])?;
        let base = [
            ("MODE", "on".to_owned()),
            ("WORKSPACES", WORKSPACE.to_owned()),
            ("SUBSCRIPTIONS", SUBSCRIPTION.to_owned()),
            ("URL", format!("{}/arm", simulator.base)),
        ];
        let settings = settings.iter().map(|(key, value)| (*key, (*value).to_owned())).chain(base).collect();
        Some(Self { simulator, folder: tempfile::tempdir().unwrap(), settings })
    }

    /// As a new process would open it.
    fn open(&self) -> (Sync, Store) {
        let place = url::Url::from_directory_path(self.folder.path()).unwrap().to_string();
        let named = self.settings.iter().map(|(key, value)| (format!("SYNC__{key}"), value.clone()));
        let values = Values::new(named.chain([("STATE__URL".to_owned(), place)]));
        let section = Section::new("SYNC", vec![sync::SETTINGS], &values);
        let sync = Sync::open(&section, &self.simulator.identity).unwrap().unwrap();
        let section = Section::new("STATE", vec![state::SETTINGS], &values);
        (sync, Store::open(&section, &self.simulator.identity).unwrap())
    }

    /// A run of a new process at that time.
    async fn run_at(&self, now: Timestamp) -> Report {
        self.run_with(&[], now).await
    }

    async fn run_with(&self, desks: &[&Outlet], now: Timestamp) -> Report {
        let (sync, store) = self.open();
        sync.run(&store, desks, now).await.unwrap()
    }

    /// A run now, after which nothing is left to do.
    async fn run(&self) -> Report {
        let report = self.run_at(Timestamp::now()).await;
        assert_eq!(report.error(), None);
        report
    }

    async fn seed(&self, objects: &[Value]) {
        self.simulator.post("seed", json!({"vendor": "arm", "objects": objects})).await;
    }

    /// A person gives the alert that status.
    async fn alert(&self, name: &str, status: &str) {
        self.seed(&[alert(name, status)]).await;
    }

    /// What the alerts were told, in order: name and action.
    async fn actions(&self) -> Vec<(String, String)> {
        let received = self.simulator.list("received?vendor=arm&limit=100000").await;
        let actions = received.iter().filter(|item| item["kind"] == "alert_action");
        let name = |id: &Value| text(id).rsplit('/').next().unwrap().to_owned();
        actions.map(|item| (name(&item["record"]["id"]), text(&item["record"]["action"]))).collect()
    }

    /// What incidents were written, in order.
    async fn written(&self) -> Vec<Value> {
        let received = self.simulator.list("received?vendor=arm&limit=100000").await;
        received.into_iter().filter(|item| item["kind"] == "incident").map(|item| item["record"].clone()).collect()
    }

    /// The status of each incident that was written, in order.
    async fn moves(&self) -> Vec<(u32, String)> {
        let number = |name: &Value| text(name)[24..].parse().unwrap();
        self.written().await.iter().map(|it| (number(&it["name"]), text(&it["properties"]["status"]))).collect()
    }

    async fn get(&self, path: &str) -> Value {
        let token = self.simulator.identity.token("https://management.azure.com/.default").await.unwrap();
        let request = self.simulator.client.get(format!("{}/arm{path}", self.simulator.base));
        let answer = request.bearer_auth(token.expose()).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    async fn incident_now(&self, number: u32) -> Value {
        self.get(&format!("{}?api-version=2025-09-01", incident_path(number))).await
    }

    /// Every audit record, in the order of their names.
    fn audit(&self) -> Vec<Value> {
        let mut records = BTreeMap::new();
        files(&self.folder.path().join("audit"), &mut records);
        records.into_values().collect()
    }

    /// What the store holds.
    fn stored(&self) -> BTreeMap<String, Value> {
        let mut found = BTreeMap::new();
        files(self.folder.path(), &mut found);
        found
    }
}

fn files(folder: &Path, found: &mut BTreeMap<String, Value>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            let value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            found.insert(path.to_str().unwrap().to_owned(), value);
        }
    }
}

fn alert_path(name: &str) -> String {
    format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/app-rg/providers/Microsoft.Security/locations/westeurope/alerts/{name}"
    )
}

fn incident_name(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn incident_path(number: u32) -> String {
    format!("{WORKSPACE}/providers/Microsoft.SecurityInsights/incidents/{}", incident_name(number))
}

fn alert(name: &str, status: &str) -> Value {
    json!({"type": "alert", "id": alert_path(name), "properties": {"status": status}})
}

fn incident(number: u32, status: &str, alerts: &[&str]) -> Value {
    let alerts: Vec<Value> = alerts.iter().map(|name| json!({"systemAlertId": name})).collect();
    json!({"type": "incident", "name": incident_name(number), "alerts": alerts,
        "properties": {"title": "Suspicious process", "status": status, "description": "What happened.",
            "owner": {"assignedTo": "A. Analyst", "email": null}, "labels": [{"labelName": "tier-1", "labelType": "User"}]}})
}

fn closed(number: u32, classification: &str, alerts: &[&str]) -> Value {
    let mut closed = incident(number, "Closed", alerts);
    closed["properties"]["classification"] = json!(classification);
    closed
}

fn pair(name: &str, action: &str) -> (String, String) {
    (name.to_owned(), action.to_owned())
}

fn later(by: Duration) -> Timestamp {
    Timestamp::now() + by
}

#[tokio::test]
async fn closing_an_incident_closes_its_alerts_by_classification() {
    let Some(bench) = Bench::start(&[]) else { return };
    let names = ["FalsePositive", "TruePositive", "BenignPositive", "Undetermined"];
    for (number, classification) in (1..).zip(names) {
        bench.seed(&[alert(classification, "Active"), closed(number, classification, &[classification])]).await;
    }
    let report = bench.run().await;
    let mut actions = bench.actions().await;
    actions.sort();
    let wanted = [
        ("BenignPositive", "resolve"),
        ("FalsePositive", "dismiss"),
        ("TruePositive", "resolve"),
        ("Undetermined", "resolve"),
    ];
    assert_eq!(actions, wanted.map(|(name, action)| pair(name, action)));
    assert_eq!(report.changes.len(), 4);
    assert_eq!(bench.run().await.changes.len(), 0, "once is enough");
    assert_eq!((bench.actions().await.len(), bench.written().await.len()), (4, 0));
    bench.simulator.no_violation().await;
}

#[tokio::test]
async fn every_change_has_an_audit_record() {
    let Some(bench) = Bench::start(&[]) else { return };
    bench
        .seed(&[
            alert("a", "Active"),
            closed(1, "FalsePositive", &["a"]),
            alert("b", "Resolved"),
            incident(2, "New", &["b"]),
        ])
        .await;
    bench.run().await;
    let audit = bench.audit();
    let records: Vec<[&str; 6]> = audit
        .iter()
        .map(|record| {
            ["what", "from", "to", "why", "classification", "result"].map(|name| record[name].as_str().unwrap())
        })
        .collect();
    assert!(records.contains(&[
        "alert",
        "Active",
        "Dismissed",
        "the incident was closed as FalsePositive",
        "FalsePositive",
        "done"
    ]));
    assert!(records.contains(&["incident", "New", "Closed", "its alert is closed", "Undetermined", "done"]));
    let of_alert = audit.iter().find(|record| record["what"] == "alert").unwrap();
    assert_eq!(of_alert["id"], json!(alert_path("a")));
    assert_eq!(of_alert["incident"], json!(incident_path(1)));
    assert_eq!((&of_alert["matched"], &of_alert["who"]), (&json!("system_alert_id"), &json!("given credential")));
    assert!(text(&of_alert["at"]).parse::<Timestamp>().is_ok() && text(&of_alert["run"]).len() == 16);
    assert!(!json!(audit).to_string().contains("Suspicious process"), "no content of alerts or incidents");
    let names = bench.stored().into_keys().filter(|name| name.contains("/audit/")).collect::<Vec<_>>();
    let day = Timestamp::now().strftime("/audit/%Y/%m/%d/%Y%m%dT").to_string();
    assert!(names.iter().all(|name| name.contains(&day)), "{names:?}");
}

#[tokio::test]
async fn an_incident_is_closed_when_all_its_alerts_are_and_keeps_everything_else() {
    let Some(bench) = Bench::start(&[]) else { return };
    bench.seed(&[alert("a", "Active"), alert("b", "Active"), incident(1, "New", &["a", "b"])]).await;
    assert_eq!(bench.run().await.changes.len(), 0);
    bench.alert("a", "Resolved").await;
    assert_eq!(bench.run().await.changes.len(), 0, "one is still open");
    bench.alert("b", "Dismissed").await;
    let before = bench.incident_now(1).await;
    bench.run().await;
    let after = bench.incident_now(1).await;
    for name in ["title", "severity", "description", "owner", "labels", "createdTimeUtc", "incidentNumber"] {
        assert_eq!(after["properties"][name], before["properties"][name], "{name}");
    }
    assert_eq!(after["properties"]["owner"]["assignedTo"], "A. Analyst");
    assert_eq!(
        (&after["properties"]["status"], &after["properties"]["classification"]),
        (&json!("Closed"), &json!("Undetermined"))
    );
    let comment = text(&after["properties"]["classificationComment"]);
    assert!(comment.starts_with("Closed by Defender Relay: all 2 alerts are closed. Change "), "{comment}");
    assert_eq!(bench.run().await.changes.len(), 0);
    assert_eq!(bench.written().await.len(), 1);
    bench.simulator.no_violation().await;
}

#[tokio::test]
async fn a_closing_is_classified_as_the_alerts_and_the_settings_say() {
    let Some(bench) = Bench::start(&[("CLASSIFICATION", "benign_positive")]) else { return };
    bench
        .seed(&[
            alert("a", "Dismissed"),
            alert("b", "Resolved"),
            incident(1, "New", &["a"]),
            incident(2, "Active", &["a", "b"]),
        ])
        .await;
    bench.run().await;
    let said =
        |it: &Value| (it["properties"]["classification"].clone(), it["properties"]["classificationReason"].clone());
    assert_eq!(said(&bench.incident_now(1).await), (json!("FalsePositive"), json!("InaccurateData")));
    assert_eq!(said(&bench.incident_now(2).await), (json!("BenignPositive"), json!("SuspiciousButExpected")));
    bench.simulator.no_violation().await;
}

#[tokio::test]
async fn work_on_one_side_shows_on_the_other() {
    let Some(bench) = Bench::start(&[]) else { return };
    bench
        .seed(&[
            alert("a", "Active"),
            incident(1, "Active", &["a"]),
            alert("b", "InProgress"),
            incident(2, "New", &["b"]),
        ])
        .await;
    bench.run().await;
    assert_eq!(bench.actions().await, [pair("a", "inProgress")]);
    assert_eq!(bench.moves().await, [(2, "Active".to_owned())]);
    assert_eq!(bench.run().await.changes.len(), 0);
    bench.simulator.no_violation().await;
}

#[tokio::test]
async fn only_what_was_closed_here_is_opened_again() {
    let Some(bench) = Bench::start(&[]) else { return };
    // 1: we close the alert. 2: we close the incident. 3: people close both.
    bench
        .seed(&[
            alert("a", "Active"),
            closed(1, "TruePositive", &["a"]),
            alert("b", "Resolved"),
            incident(2, "New", &["b"]),
            alert("c", "Resolved"),
            closed(3, "TruePositive", &["c"]),
        ])
        .await;
    bench.run().await;
    assert_eq!(
        (bench.actions().await, bench.moves().await),
        (vec![pair("a", "resolve")], vec![(2, "Closed".to_owned())])
    );
    bench.seed(&[incident(1, "New", &["a"]), alert("b", "InProgress"), incident(3, "New", &["c"])]).await;
    bench.run().await;
    assert_eq!(bench.actions().await[1..], [pair("a", "activate")]);
    assert_eq!(bench.moves().await[1..], [(2, "Active".to_owned())]);
    let reopened = bench.incident_now(2).await;
    assert!(reopened["properties"].get("classification").is_none(), "{reopened}");
    // Closed by a person this time: it stays so, whatever becomes of the alert.
    bench.seed(&[closed(2, "TruePositive", &["b"])]).await;
    bench.run().await;
    bench.alert("b", "Active").await;
    let report = bench.run_at(later(HOUR)).await;
    assert_eq!(report.changes.len(), 0, "{:?}", report.changes);
    assert_eq!(bench.moves().await.len(), 2);
    bench.simulator.no_violation().await;
}

#[tokio::test]
async fn what_is_not_ours_is_not_touched() {
    let Some(bench) = Bench::start(&[]) else { return };
    let other = |name: &str| json!({"systemAlertId": name, "productName": "Microsoft Defender for Endpoint"});
    let mut mixed = closed(1, "FalsePositive", &["a"]);
    mixed["alerts"] = json!([{"systemAlertId": "a"}, other("b")]);
    let mut open = incident(2, "New", &[]);
    open["alerts"] = json!([{"systemAlertId": "c", "productName": "Microsoft Defender for Cloud"}, other("d")]);
    let foreign = alert_path("e").replace(SUBSCRIPTION, STRANGER);
    bench
        .seed(&[
            mixed,
            open,
            closed(3, "FalsePositive", &["e"]),
            incident(4, "New", &["f", "e"]),
            alert("a", "Active"),
            alert("b", "Active"),
            alert("c", "Resolved"),
            alert("d", "Active"),
            json!({"type": "alert", "id": foreign, "properties": {"status": "Active"}}),
            alert("f", "Resolved"),
        ])
        .await;
    let report = bench.run().await;
    assert_eq!((bench.actions().await, bench.written().await.len()), (vec![pair("a", "dismiss")], 0));
    let why = |what: &str| report.left.iter().find(|(it, _)| it.contains(what)).unwrap().1.clone();
    assert!(why(&incident_name(2)).contains("other products"), "{:?}", report.left);
    assert!(why("alert e").contains("SYNC__SUBSCRIPTIONS"));
    assert_eq!(bench.run().await.changes.len(), 0);
    bench.simulator.no_violation().await;
}

#[tokio::test]
async fn a_direction_is_kept() {
    for (direction, actions, moves) in [("to_defender", 1, 0), ("to_sentinel", 0, 1)] {
        let Some(bench) = Bench::start(&[("DIRECTION", direction)]) else { return };
        bench
            .seed(&[
                alert("a", "Active"),
                closed(1, "FalsePositive", &["a"]),
                alert("b", "Resolved"),
                incident(2, "New", &["b"]),
            ])
            .await;
        bench.run().await;
        assert_eq!((bench.actions().await.len(), bench.written().await.len()), (actions, moves), "{direction}");
    }
}

#[tokio::test]
async fn alerts_are_found_by_other_names_too() {
    let Some(bench) = Bench::start(&[]) else { return };
    let mut by_names = closed(1, "FalsePositive", &[]);
    by_names["alerts"] = json!([
        {"systemAlertId": "4aa486e0-6f85-41af-99ea-7acdce7be6c8", "providerAlertId": "a"},
        {"systemAlertId": "x", "vendorOriginalId": "B"},
        {"systemAlertId": "y", "alertLink": format!("https://portal.azure.com/#view/AlertBlade{}", alert_path("c"))},
    ]);
    bench
        .seed(&[by_names, alert("a", "Active"), alert("b", "Active"), alert("c", "Active"), alert("d", "Active")])
        .await;
    bench.run().await;
    let mut matched: Vec<String> = bench.audit().iter().map(|record| text(&record["matched"])).collect();
    matched.sort();
    assert_eq!(matched, ["alert_link", "provider_alert_id", "provider_alert_id"]);
    assert_eq!(bench.actions().await.len(), 3);
    bench.simulator.no_violation().await;
}

#[tokio::test]
async fn a_rehearsal_changes_nothing_and_writes_nothing() {
    for mode in ["off", "dry_run", "on"] {
        let Some(bench) = Bench::start(&[("MODE", mode)]) else { return };
        bench
            .seed(&[
                alert("a", "Active"),
                closed(1, "FalsePositive", &["a"]),
                alert("b", "Resolved"),
                incident(2, "New", &["b"]),
            ])
            .await;
        let (sync, store) = bench.open();
        let report = sync.rehearse(&store, &[], Timestamp::now()).await.unwrap();
        let told: Vec<(&str, &str)> =
            report.changes.iter().map(|record| (record.what.as_str(), record.to.as_str())).collect();
        assert_eq!(
            (told.len(), told.contains(&("alert", "Dismissed")), told.contains(&("incident", "Closed"))),
            (2, true, true)
        );
        assert_eq!(report.changes[0].id, alert_path("a"), "the id as it is");
        assert!(bench.stored().is_empty(), "{:?}", bench.stored());
        // As the function does, again and again: it tells each once, and reads the alerts of an incident once.
        assert_eq!(sync.rehearse_again(&store, &[], Timestamp::now()).await.unwrap().changes.len(), 2);
        assert_eq!(sync.rehearse_again(&store, &[], Timestamp::now()).await.unwrap().changes.len(), 0);
        bench.seed(&[closed(3, "TruePositive", &["c"]), alert("c", "Active")]).await;
        assert_eq!(sync.rehearse_again(&store, &[], Timestamp::now()).await.unwrap().changes.len(), 1);
        assert!(bench.stored().is_empty());
        assert_eq!((bench.actions().await.len(), bench.written().await.len()), (0, 0));
        bench.simulator.no_violation().await;
    }
}

#[tokio::test]
async fn the_first_run_looks_back_only_so_far() {
    let Some(bench) = Bench::start(&[("LOOKBACK", "1h")]) else { return };
    let mut old = closed(1, "FalsePositive", &["a"]);
    old["properties"]["lastModifiedTimeUtc"] = json!((Timestamp::now() - Duration::from_secs(2 * 3600)).to_string());
    bench.seed(&[alert("a", "Active"), old, alert("b", "Active"), closed(2, "FalsePositive", &["b"])]).await;
    bench.run().await;
    assert_eq!(bench.actions().await, [pair("b", "dismiss")]);
}

#[tokio::test]
async fn what_was_not_found_in_time_is_given_up() {
    let Some(bench) = Bench::start(&[("LOOKBACK", "2h")]) else { return };
    bench.seed(&[closed(1, "FalsePositive", &["a"]), closed(2, "FalsePositive", &["b"])]).await;
    bench.run().await;
    bench.alert("a", "Active").await;
    bench.run_at(later(HOUR)).await;
    assert_eq!(bench.actions().await, [pair("a", "dismiss")], "it is found later");
    bench.alert("b", "Active").await;
    let asked = bench.simulator.list("requests?vendor=arm&limit=100000").await.len();
    bench.run_at(later(HOUR * 3)).await;
    assert_eq!(bench.actions().await.len(), 1, "too late");
    let asked = bench.simulator.list(&format!("requests?vendor=arm&limit=100000&offset={asked}")).await;
    assert!(
        asked.iter().all(|request| !text(&request["path"]).contains("Microsoft.Security/alerts")),
        "no alert is asked for in vain"
    );
}

#[tokio::test]
async fn a_probe_asks_and_leaves_nothing() {
    let Some(bench) = Bench::start(&[]) else { return };
    let (sync, _) = bench.open();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let answers = sync.probe(deadline).await;
    assert_eq!(answers, [("workspace soc".to_owned(), Ok(())), (format!("subscription {SUBSCRIPTION}"), Ok(()))]);
    bench.simulator.no_violation().await;
    bench.simulator.fault("arm", json!({"kind": "status", "status": 403, "times": 10})).await;
    let words: Vec<String> = sync.probe(deadline).await.into_iter().map(|(_, answer)| answer.unwrap_err()).collect();
    assert!(words[0].contains("Microsoft Sentinel Responder") && words[1].contains("Security Admin"), "{words:?}");
}
