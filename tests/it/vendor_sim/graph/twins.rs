//! Alerts that come both ways: one ticket, and one copy where a source is preferred.

use std::fs;

use defender_relay::settings::setting_prefix;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::{Peer, paloalto_xsoar, servicenow, text};
use super::{Scene, ago};
use crate::support::handler::Handler;

/// What both sources call the alert, each in its own case.
const EXPORTED: &str = "2517200000000000001_3F6C1A52-7B0E-4D0B-9F0E-1C2D3E4F5A6B";
const IN_GRAPH: &str = "2517200000000000001_3f6c1a52-7b0e-4d0b-9f0e-1c2d3e4f5a6b";

/// The alert as continuous export tells it, from `begun` on.
fn exported(status: &str, begun: Timestamp) -> Vec<u8> {
    json!({"VendorName": "Microsoft", "ProductName": "Microsoft Defender for Cloud", "AlertType": "VM_X", "SystemAlertId": EXPORTED,
        "Severity": "High", "Status": status, "AlertDisplayName": "Brute force", "CompromisedEntity": "web01",
        "TimeGenerated": begun.to_string(), "ProcessingEndTime": begun.to_string(), "StartTimeUtc": begun.to_string(),
        "EndTimeUtc": begun.to_string(), "Entities": []})
    .to_string()
    .into_bytes()
}

/// The alert as Graph tells it.
fn in_graph(status: &str, changed: Timestamp) -> Value {
    json!({"id": "da1", "providerAlertId": IN_GRAPH, "status": status, "createdDateTime": ago(900).to_string(),
        "lastUpdateDateTime": changed.to_string(), "title": "Brute force"})
}

/// A batch as the hub hands it on, taken at that time.
async fn export(handler: &Handler, body: Vec<u8>, enqueued: Timestamp) {
    let body = json!({"Data": {"events": json!([String::from_utf8(body).unwrap()]).to_string()},
        "Metadata": {"EnqueuedTimeUtcArray": json!([enqueued.to_string()]).to_string()}});
    let (status, _) = handler.post("alerts", body.to_string().into_bytes()).await.unwrap();
    assert_eq!(status, 200, "{}", handler.output.lock().unwrap());
}

/// A scene with the two destinations that keep one ticket for each alert.
async fn desks() -> Option<Scene> {
    let mut scene = Scene::start(10)?;
    let peers: [&Peer; 2] = [&servicenow::PEER, &paloalto_xsoar::V6];
    for peer in peers {
        peer.ready(&scene.simulator).await;
        let prefix = setting_prefix(peer.kind);
        for (key, value) in peer.filled(&scene.simulator, peer.modes[0]).into_iter().rev() {
            scene.settings.insert(format!("{prefix}__{key}"), value);
        }
    }
    Some(scene.with("DESTINATIONS", "servicenow, paloalto_xsoar"))
}

/// The tickets of both, as (system, state).
async fn tickets(scene: &Scene) -> Vec<(String, String)> {
    let rows = scene.simulator.list("received?vendor=servicenow").await;
    let mut tickets: Vec<(String, String)> = Vec::new();
    let made = rows.iter().filter(|item| item["kind"] == "create").count();
    let state = rows.iter().filter_map(|item| item["record"]["state"].as_str()).next_back().unwrap_or_default();
    tickets.extend((0..made).map(|_| ("servicenow".to_owned(), state.to_owned())));
    let incidents = scene.simulator.list("received?vendor=xsoar6").await;
    let made = incidents.iter().filter(|item| item["created"] == true).count();
    let closed = incidents.iter().any(|item| item["kind"].as_str().is_some_and(|kind| kind.contains("close")));
    tickets.extend((0..made).map(|_| ("xsoar".to_owned(), if closed { "closed" } else { "open" }.to_owned())));
    tickets
}

#[tokio::test]
async fn both_ways_make_one_ticket_in_whichever_order() {
    let begun = ago(900);
    for order in [
        "export graph export! graph!",
        "graph export graph! export!",
        "export export! graph graph!",
        "graph graph! export export!",
    ] {
        let Some(scene) = desks().await else { return };
        let handler = scene.handler().await;
        for (place, word) in (0..).zip(order.split(' ')) {
            let over = word.ends_with('!');
            if word.starts_with("export") {
                export(&handler, exported(if over { "Dismissed" } else { "New" }, begun), ago(800 - place)).await;
            } else {
                let changed = begun + SignedDuration::from_secs(if over { 600 } else { 300 });
                scene.seed([in_graph(if over { "resolved" } else { "new" }, changed)]).await;
                handler.tick("graph").await;
            }
        }
        let closed = [("servicenow".to_owned(), "6".to_owned()), ("xsoar".to_owned(), "closed".to_owned())];
        assert_eq!(tickets(&scene).await, closed, "{order}");
        scene.simulator.no_violation().await;
    }
}

/// What arrived, by source and status, in order.
async fn copies(scene: &Scene) -> Vec<String> {
    let items = scene.simulator.list("received?vendor=sumo").await;
    let told = items.iter().map(|item| {
        let record: Value = serde_json::from_str(item["record"].as_str().unwrap()).unwrap();
        match &record["SystemAlertId"] {
            Value::Null => format!("graph {}", text(&record["status"])),
            _ => format!("export {}", text(&record["Status"])),
        }
    });
    told.collect()
}

/// Lets the time come of everything that is parked; how much that is.
fn come_due(scene: &Scene) -> usize {
    let Ok(folder) = fs::read_dir(scene.state.path().join("parked/sumologic")) else { return 0 };
    let letters = folder.map(|entry| {
        let path = entry.unwrap().path();
        let mut letter: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!((&letter["cause"], &letter["attempts"]), (&json!("awaiting"), &json!(0)));
        letter["not_before"] = Value::Null;
        // However long it waited, it was never tried, so it is not too old to be.
        letter["first_failed"] = json!(ago(3 * 86_400).to_string());
        fs::write(path, letter.to_string()).unwrap();
    });
    letters.count()
}

#[tokio::test]
async fn by_default_both_copies_are_sent() {
    let Some(scene) = Scene::start(10) else { return };
    let handler = scene.handler().await;
    export(&handler, exported("New", ago(900)), ago(800)).await;
    scene.seed([in_graph("new", ago(700))]).await;
    handler.tick("graph").await;
    assert_eq!(copies(&scene).await, ["export New", "graph new"]);
    assert!(!scene.state.path().join("seen").exists());
}

#[tokio::test]
async fn graphs_copy_is_withheld_once_export_brought_it() {
    let Some(scene) = Scene::start(10) else { return };
    let scene = scene.with("GRAPH__PREFER", "export");
    let handler = scene.handler().await;
    export(&handler, exported("New", ago(900)), ago(800)).await;
    scene.seed([in_graph("new", ago(700))]).await;
    handler.tick("graph").await;
    assert_eq!((copies(&scene).await, come_due(&scene)), (vec!["export New".to_owned()], 0));
    // Graph was faster this time.
    scene.seed([in_graph("resolved", ago(600))]).await;
    handler.tick("graph").await;
    assert_eq!(copies(&scene).await.len(), 1, "it waits");
    export(&handler, exported("Dismissed", ago(900)), ago(500)).await;
    assert_eq!(come_due(&scene), 1);
    handler.tick("redeliver").await;
    assert_eq!((copies(&scene).await, come_due(&scene)), (vec!["export New".into(), "export Dismissed".into()], 0));
    // Activated again, which export does not tell in time.
    scene.seed([in_graph("new", ago(300))]).await;
    handler.tick("graph").await;
    handler.tick("redeliver").await;
    assert_eq!((copies(&scene).await.len(), come_due(&scene)), (2, 1), "not yet");
    handler.tick("redeliver").await;
    assert_eq!(copies(&scene).await.last().unwrap(), "graph new", "rather twice than never");
    let (_, status) = handler.http("status", &json!({})).await;
    assert_eq!(status["destinations"][0]["filtered"], 2, "{status}");
    scene.simulator.no_violation().await;
}

#[tokio::test]
async fn exports_copy_is_withheld_once_graph_brought_it_and_sent_where_graph_does_not() {
    let Some(scene) = Scene::start(10) else { return };
    let scene = scene.with("GRAPH__PREFER", "graph");
    let handler = scene.handler().await;
    export(&handler, exported("New", ago(900)), ago(800)).await;
    assert!(copies(&scene).await.is_empty(), "it waits");
    scene.seed([in_graph("new", ago(700))]).await;
    handler.tick("graph").await;
    assert_eq!(come_due(&scene), 1);
    handler.tick("redeliver").await;
    assert_eq!((copies(&scene).await, come_due(&scene)), (vec!["graph new".to_owned()], 0));
    // The same batch comes again, as the host may do.
    export(&handler, exported("New", ago(900)), ago(800)).await;
    assert_eq!((copies(&scene).await.len(), come_due(&scene)), (1, 0));
    export(&handler, exported("Resolved", ago(900)), ago(600)).await;
    assert_eq!(come_due(&scene), 1);
    handler.tick("redeliver").await;
    assert_eq!(copies(&scene).await, ["graph new", "export Resolved"]);
    scene.simulator.no_violation().await;
}

#[tokio::test]
async fn what_cannot_come_both_ways_waits_for_nothing() {
    let Some(scene) = Scene::start(10) else { return };
    let scene = scene.with("GRAPH__PREFER", "export").with("GRAPH__SERVICE_SOURCES", "*");
    let handler = scene.handler().await;
    scene.seed([super::of_endpoint(super::alert("mde", 5, 5))]).await;
    handler.tick("graph").await;
    assert_eq!((copies(&scene).await, come_due(&scene)), (vec!["graph new".to_owned()], 0));
    let Some(scene) = Scene::start(10) else { return };
    let handler = scene.with("GRAPH__PREFER", "graph");
    let (scene, handler) = (&handler, handler.handler().await);
    let partner = json!({"VendorName": "Trend Micro", "ProductName": "Deep Security Agent", "AlertType": "x", "SystemAlertId": "1",
        "AlertDisplayName": "x", "Severity": "Low", "Status": "New"});
    export(&handler, partner.to_string().into_bytes(), ago(5)).await;
    assert_eq!(copies(scene).await, ["export New"]);
}

#[tokio::test]
async fn a_preferred_source_that_is_broken_costs_time_and_no_alert() {
    let Some(scene) = Scene::start(10) else { return };
    let scene = scene.with("GRAPH__PREFER", "graph");
    scene.simulator.fault("graph", json!({"kind": "status", "status": 403, "times": 100})).await;
    let handler = scene.handler().await;
    assert_eq!(super::tick(&handler).await.0, 500);
    export(&handler, exported("New", ago(900)), ago(800)).await;
    assert_eq!(come_due(&scene), 1);
    handler.tick("redeliver").await;
    assert_eq!(copies(&scene).await, ["export New"]);
}

#[tokio::test]
async fn a_copy_that_waited_and_then_fails_has_its_whole_time_before_it() {
    let Some(scene) = Scene::start(10) else { return };
    let scene = scene.with("GRAPH__PREFER", "graph");
    let handler = scene.handler().await;
    export(&handler, exported("New", ago(900)), ago(800)).await;
    assert_eq!(come_due(&scene), 1);
    scene.simulator.fault("sumo", json!({"kind": "status", "status": 403, "times": 100})).await;
    handler.tick("redeliver").await;
    let folder = scene.state.path().join("parked/sumologic");
    let path = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let letter: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!((&letter["cause"], &letter["attempts"]), (&json!("misconfigured"), &json!(1)));
    assert!(text(&letter["first_failed"]).parse::<Timestamp>().unwrap() > ago(60), "{letter}");
}
