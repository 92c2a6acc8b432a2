//! `paloalto_cortex` against the simulated tenant: its three HTTP log collectors, and its API with keys of both kinds.

use std::time::Duration;

use defender_relay::deliver::{Cause, Fate, Outlet, probe};
use defender_relay::parcel::Verdict;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Peer, Simulator, all_parked, bodies, conforms, five, ids, render, send, set, small, text};

/// The simulator's tokens and keys; nobody's secrets.
const PLAIN: (&str, &str) = ("TOKEN", "sim-collector-json-plain");
const ZIPPED: (&str, &str) = ("TOKEN", "sim-collector-json-gzip");
const TEXT: (&str, &str) = ("TOKEN", "sim-collector-text-plain");
const GZIP: (&str, &str) = ("GZIP", "true");
const ALERTS: (&str, &str) = ("MODE", "parsed_alerts");
const STANDARD: [(&str, &str); 2] = [("API_KEY", "sim-cortex-standard-key-0123456789"), ("KEY_ID", "1")];
const ADVANCED: [(&str, &str); 3] =
    [("API_KEY", "sim-cortex-advanced-key-0123456789"), ("KEY_ID", "2"), ("KEY_TYPE", "advanced")];

pub(super) const PEER: Peer = Peer {
    kind: "paloalto_cortex",
    vendor: "cortex",
    settings: &[("URL", "{vendor}")],
    modes: &[
        &[PLAIN],
        &[ZIPPED, GZIP],
        &[ALERTS, STANDARD[0], STANDARD[1], PLAIN],
        &[ALERTS, ADVANCED[0], ADVANCED[1], ADVANCED[2], ZIPPED, GZIP],
    ],
    stored: |items| items.iter().map(event_id).collect(),
    ..Peer::PLAIN
};

conforms!(PEER);

fn event_id(item: &Value) -> String {
    let record = &item["record"];
    match item["kind"].as_str() {
        Some("log") => text(&record["_event_id"]),
        _ => text(&record["alert_description"]).rsplit_once("Event id: ").unwrap().1.to_owned(),
    }
}

fn open(simulator: &Simulator, settings: &[(&str, &str)]) -> Outlet {
    simulator.open("paloalto_cortex", &[settings, &[("URL", &*format!("{}/cortex", simulator.base))]].concat())
}

fn alerts_by(key: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [&[ALERTS], key].concat()
}

async fn received(simulator: &Simulator, kind: &str) -> Vec<Value> {
    simulator.list(&format!("received?vendor=cortex&kind={kind}")).await
}

async fn requests(simulator: &Simulator) -> usize {
    simulator.list("requests?vendor=cortex").await.len()
}

/// An alert that names no address.
fn without_address(number: usize) -> Vec<u8> {
    let mut alert: Value = serde_json::from_slice(&small(number)).unwrap();
    alert["Entities"] = json!([{"$id": "1", "HostName": "web01", "Type": "host"}]);
    alert.to_string().into_bytes()
}

fn all_delivered(fates: &[Fate]) -> bool {
    fates.iter().all(|fate| *fate == Fate::Delivered)
}

#[tokio::test]
async fn the_collector_gets_each_record_whole() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for settings in [&[PLAIN][..], &[ZIPPED, GZIP]] {
        simulator.reset().await;
        let outlet = open(&simulator, settings);
        let (rendered, raw) = render(&outlet, &bodies());
        assert!(all_delivered(&send(&outlet, &rendered, 60).await));
        let received = received(&simulator, "log").await;
        assert_eq!(received.len(), raw.len());
        for (item, raw) in received.iter().zip(&raw) {
            let mut record = item["record"].clone();
            let members = record.as_object_mut().unwrap();
            assert!(members.remove("_event_id").is_some() && members.remove("_time").is_some());
            match members.remove("_truncated_fields") {
                Some(_) => assert!(raw.len() > 900_000, "shortened without need"),
                None => assert_eq!(record, serde_json::from_str::<Value>(raw).unwrap()),
            }
        }
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn a_collector_that_compresses_gets_small_requests_compressed_too() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open(&simulator, &[ZIPPED, GZIP]);
    let (rendered, _) = render(&outlet, &[br#"{"SystemAlertId":"a","AlertType":"b"}"#.to_vec()]);
    assert!(rendered.buffer.len() < 1024);
    assert!(all_delivered(&send(&outlet, &rendered, 10).await));
    simulator.no_violation().await;
}

#[tokio::test]
async fn a_set_up_that_does_not_fit_the_collector_parks_everything_and_is_named() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for settings in [&[ZIPPED][..], &[PLAIN, GZIP], &[TEXT]] {
        simulator.reset().await;
        let outlet = open(&simulator, settings);
        let (rendered, _) = render(&outlet, &five());
        let fates = send(&outlet, &rendered, 30).await;
        for fate in &fates {
            let Fate::Parked { cause: Cause::Misconfigured, reason, .. } = fate else {
                panic!("{settings:?}: {fate:?}")
            };
            assert!(reason.contains("GZIP") && reason.contains("JSON"), "{reason}");
        }
        assert_eq!(requests(&simulator).await, 3, "{settings:?}: asked until it is clear, and no more");
        // The next batch does not ask at all.
        assert!(all_parked(&send(&outlet, &rendered, 30).await));
        assert_eq!(requests(&simulator).await, 3, "{settings:?}");
        assert!(received(&simulator, "log").await.is_empty());
    }
}

#[tokio::test]
async fn passing_faults_of_the_collector_pass() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for (times, sent) in [(1, 2), (2, 3)] {
        simulator.reset().await;
        simulator.fault("cortex", json!({"kind": "status", "status": 500, "times": times})).await;
        let outlet = open(&simulator, &[PLAIN]);
        let (rendered, _) = render(&outlet, &five());
        assert!(all_delivered(&send(&outlet, &rendered, 30).await));
        assert_eq!(requests(&simulator).await, sent);
        assert_eq!(PEER.stored(&simulator).await, ids(&rendered), "each once");
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn what_is_too_large_is_halved_and_what_is_throttled_comes_later() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let alerts = alerts_by(&STANDARD);
    for settings in [&[PLAIN][..], &alerts] {
        for (fault, sent) in [
            (json!({"kind": "status", "status": 413}), 3),
            (json!({"kind": "status", "status": 429, "retry_after": 1}), 2),
        ] {
            simulator.reset().await;
            simulator.fault("cortex", fault.clone()).await;
            let outlet = open(&simulator, settings);
            let (rendered, _) = render(&outlet, &five());
            assert!(all_delivered(&send(&outlet, &rendered, 30).await), "{settings:?} {fault}");
            assert_eq!(requests(&simulator).await, sent, "{settings:?} {fault}");
            assert_eq!(PEER.stored(&simulator).await, ids(&rendered), "{settings:?} {fault}");
            simulator.no_violation().await;
        }
    }
}

#[tokio::test]
async fn large_records_travel_in_requests_of_five_megabytes_and_giants_are_shortened() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open(&simulator, &[ZIPPED, GZIP]);
    let of_size = |number: usize, bytes| {
        let mut alert: Value = serde_json::from_slice(&small(number)).unwrap();
        alert["Description"] = "x".repeat(bytes).into();
        alert.to_string().into_bytes()
    };
    let mut alerts: Vec<_> = (0..12).map(|number| of_size(number, 900_000)).collect();
    alerts.push(of_size(12, 7_000_000));
    let (rendered, _) = render(&outlet, &alerts);
    assert!(all_delivered(&send(&outlet, &rendered, 60).await));
    assert_eq!(requests(&simulator).await, 3);
    let received = received(&simulator, "log").await;
    assert!(received[..12].iter().all(|item| item["record"]["_truncated_fields"].is_null()));
    let giant = &received[12]["record"];
    assert_eq!(giant["_truncated_fields"], "Entities,Description");
    assert_eq!(giant["AlertDisplayName"], "Successful brute force");
    simulator.no_violation().await;
}

#[tokio::test]
async fn alerts_have_the_fields_that_the_api_asks_for() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open(&simulator, &alerts_by(&STANDARD));
    let (rendered, _) = render(&outlet, &[small(8)]);
    assert!(all_delivered(&send(&outlet, &rendered, 10).await));
    let mut alert = received(&simulator, "parsed_alert").await[0]["record"].clone();
    let description = text(&alert.as_object_mut().unwrap().remove("alert_description").unwrap());
    assert!(description.starts_with("Somebody logged on.\nStatus: New\n"), "{description}");
    let expected = json!({
        "product": "Defender for Cloud", "vendor": "Microsoft", "local_ip": "0.0.0.0", "local_port": 0,
        "remote_ip": "93.184.216.9", "remote_port": 0, "event_timestamp": 1_770_336_000_000_i64, "severity": "High",
        "alert_name": "Successful brute force", "action_status": "Reported",
    });
    assert_eq!(alert, expected);
}

#[tokio::test]
async fn sixty_alerts_go_in_one_call_and_six_hundred_in_one_minute() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open(&simulator, &alerts_by(&ADVANCED));
    let alerts: Vec<_> = (0..650).map(|number| small(number % 250)).collect();
    let (rendered, _) = render(&outlet, &alerts);
    let fates = send(&outlet, &rendered, 30).await;
    assert!(all_delivered(&fates[..600]));
    for fate in &fates[600..] {
        let Fate::Parked { cause: Cause::Unwell, not_before: Some(_), .. } = fate else { panic!("{fate:?}") };
    }
    assert_eq!(requests(&simulator).await, 10);
    assert_eq!(received(&simulator, "parsed_alert").await.len(), 600);
    simulator.no_violation().await;
}

#[tokio::test]
async fn each_attempt_of_an_advanced_key_has_a_proof_of_its_own() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    simulator.fault("cortex", json!({"kind": "accept_reset", "times": 2})).await;
    let outlet = open(&simulator, &alerts_by(&ADVANCED));
    let (rendered, _) = render(&outlet, &five());
    assert!(all_delivered(&send(&outlet, &rendered, 30).await));
    assert_eq!(requests(&simulator).await, 3);
    assert_eq!(received(&simulator, "parsed_alert").await.len(), 15, "taken three times: the API cannot tell repeats");
    simulator.no_violation().await;
}

#[tokio::test]
async fn alerts_without_an_address_go_to_the_collector_and_only_they_bear_its_faults() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let mixed = [small(0), without_address(1), small(2), without_address(3)];
    let settings = [&[PLAIN][..], &alerts_by(&STANDARD)].concat();
    for (fault, fine) in [
        (None, true),
        (Some(json!({"kind": "status", "status": 500, "path": "/logs"})), true),
        (Some(json!({"kind": "accept_reset", "path": "/logs"})), true),
        (Some(json!({"kind": "status", "status": 413, "path": "/logs"})), true),
        (Some(json!({"kind": "status", "status": 401, "path": "/logs", "times": 100})), false),
        (Some(json!({"kind": "status", "status": 503, "path": "/logs", "times": 100})), false),
    ] {
        simulator.reset().await;
        if let Some(fault) = &fault {
            simulator.fault("cortex", fault.clone()).await;
        }
        let outlet = open(&simulator, &settings);
        let (rendered, _) = render(&outlet, &mixed);
        let fates = send(&outlet, &rendered, 30).await;
        let ids = ids(&rendered);
        let delivered: Vec<bool> = fates.iter().map(|fate| *fate == Fate::Delivered).collect();
        assert_eq!(delivered, [true, fine, true, fine], "{fault:?}: {fates:?}");
        assert!(all_parked(&[fates[1].clone(), fates[3].clone()]) || fine, "{fault:?}: {fates:?}");
        let alerts: Vec<_> = received(&simulator, "parsed_alert").await.iter().map(event_id).collect();
        assert_eq!(alerts, [ids[0].clone(), ids[2].clone()], "{fault:?}: each alert once");
        let lines: Vec<_> = received(&simulator, "log").await.iter().map(event_id).collect();
        let expected = [ids[1].clone(), ids[3].clone()];
        assert_eq!(set(&lines), if fine { set(&expected) } else { set(&[]) }, "{fault:?}");
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn an_alert_at_fault_is_buried_alone() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open(&simulator, &alerts_by(&STANDARD));
    let (mut rendered, _) = render(&outlet, &five());
    // What the API never takes: a severity that it does not know.
    let spoiled = String::from_utf8(rendered.buffer.to_vec()).unwrap().replacen("\"High\"", "\"Dire\"", 1);
    rendered.buffer = spoiled.into();
    let fates = send(&outlet, &rendered, 30).await;
    let dead: Vec<bool> = fates.iter().map(|fate| matches!(fate, Fate::Dead { .. })).collect();
    assert_eq!(dead, [true, false, false, false, false], "{fates:?}");
    assert_eq!(PEER.stored(&simulator).await, ids(&rendered)[1..]);
}

#[tokio::test]
async fn probes_tell_a_good_key_from_a_bad_one_and_say_nothing_to_a_collector() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let judged = async |outlet: &Outlet| probe(outlet, Instant::now() + Duration::from_secs(10)).await.unwrap();
    assert!(matches!(judged(&open(&simulator, &[PLAIN])).await, Verdict::Accepted));
    assert_eq!(requests(&simulator).await, 0, "a connection, no request");
    for key in [&STANDARD[..], &ADVANCED] {
        assert!(matches!(judged(&open(&simulator, &alerts_by(key))).await, Verdict::Accepted), "{key:?}");
    }
    simulator.no_violation().await;
    let bad = open(&simulator, &[ALERTS, ("API_KEY", "wrong"), STANDARD[1]]);
    let Verdict::Misconfigured { reason } = judged(&bad).await else { panic!("a wrong key passes") };
    assert!(reason.contains("API_KEY") && !reason.contains("wrong"), "{reason}");
    let nobody = simulator.open("paloalto_cortex", &[PLAIN, ("URL", "http://127.0.0.1:1")]);
    assert!(matches!(judged(&nobody).await, Verdict::Retry { .. }));
}
