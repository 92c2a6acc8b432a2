//! `sumologic` against the simulated HTTP source.

use std::time::Duration;

use defender_relay::deliver::{Fate, probe};
use defender_relay::event::Event;
use defender_relay::parcel::Verdict;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Peer, Simulator, all_parked, conforms, five, load, send, set};

/// The longest line that the receiver keeps in one piece.
const LINE: usize = 65_536;

pub(super) const PEER: Peer = Peer {
    kind: "sumologic",
    vendor: "sumo",
    settings: &[("URL", "{vendor}/receiver/v1/http/ZaVnC4dhaV2simsimsimsimsimsimsimsim==")],
    modes: &[&[], &[("NAME", "Defender for Cloud"), ("HOST", "relay"), ("FIELDS", "environment=prod,team=soc")]],
    called,
    stored: |items| items.iter().map(|item| name(&super::text(&item["record"]))).collect(),
    ..Peer::PLAIN
};

conforms!(PEER);

/// A record that arrives whole is called by its content, one that is shortened by its event id.
fn called(event: &Event<'_>) -> String {
    if event.raw.len() > LINE { event.id.to_string() } else { name(event.raw) }
}

fn name(line: &str) -> String {
    let record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    match &record["droppedFields"] {
        Value::Array(names) if !names.is_empty() => super::text(&record["eventId"]),
        _ => record.to_string(),
    }
}

#[tokio::test]
async fn lines_arrive_as_they_are_with_what_describes_the_source() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = PEER.open(&simulator, PEER.modes[1]);
    let bodies = five();
    let load = load(&PEER, &outlet, &bodies);
    assert!(send(&outlet, &load.rendered, 10).await.iter().all(|fate| *fate == Fate::Delivered));
    let received = simulator.list("received?vendor=sumo").await;
    for (item, body) in received.iter().zip(&bodies) {
        assert_eq!(item["record"], String::from_utf8_lossy(body).as_ref());
        let meta = json!({"x-sumo-name": "Defender for Cloud", "x-sumo-host": "relay", "x-sumo-category": "azure/defender",
            "fields": {"environment": "prod", "team": "soc"}});
        assert_eq!(item["meta"], meta);
    }
    let requests = simulator.list("requests?vendor=sumo").await;
    assert_eq!(requests.len(), 1, "one request for all");
    assert_eq!((&requests[0]["headers"]["content-encoding"], received.len()), (&json!("gzip"), 5));
    simulator.no_violation().await;
}

#[tokio::test]
async fn a_request_that_timed_out_is_sent_again_in_smaller_ones() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for (fault, requests) in [
        (json!({"kind": "status", "status": 408}), 3),
        // A part was ingested: it comes twice, and nothing is missing.
        (json!({"kind": "status", "status": 408, "after": true}), 3),
        (json!({"kind": "status", "status": 408, "times": 4}), 7),
    ] {
        PEER.prepare(&simulator).await;
        simulator.fault("sumo", fault.clone()).await;
        let outlet = PEER.open(&simulator, &[]);
        let load = load(&PEER, &outlet, &five());
        let fates = send(&outlet, &load.rendered, 30).await;
        assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{fault}: {fates:?}");
        assert_eq!(set(&PEER.stored(&simulator).await), set(&load.called), "{fault}");
        assert_eq!(simulator.list("requests?vendor=sumo").await.len(), requests, "{fault}");
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn a_wrong_address_parks_and_is_not_told() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let url = format!("{}/sumo/receiver/v1/http/hunter2hunter2", simulator.base);
    let outlet = PEER.open(&simulator, &[("URL", &url)]);
    let load = load(&PEER, &outlet, &five());
    let fates = send(&outlet, &load.rendered, 10).await;
    assert!(all_parked(&fates), "{fates:?}");
    let verdict = probe(&outlet, Instant::now() + Duration::from_secs(10)).await;
    assert!(matches!(verdict, Some(Verdict::Misconfigured { .. })), "{verdict:?}");
    assert!(!format!("{outlet:?} {fates:?} {verdict:?}").contains("hunter2"));
}

#[tokio::test]
async fn what_the_receiver_drops_without_a_word_cannot_be_told() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    simulator.post("options", json!({"vendor": "sumo", "ingest_budget_drop": true})).await;
    let outlet = PEER.open(&simulator, &[]);
    let load = load(&PEER, &outlet, &five());
    assert!(send(&outlet, &load.rendered, 10).await.iter().all(|fate| *fate == Fate::Delivered));
    assert!(PEER.stored(&simulator).await.is_empty(), "the README warns of this");

    PEER.prepare(&simulator).await;
    simulator.post("options", json!({"vendor": "sumo", "known_fields": ["team"]})).await;
    let outlet = PEER.open(&simulator, PEER.modes[1]);
    send(&outlet, &load.rendered, 10).await;
    assert_eq!(simulator.list("received?vendor=sumo").await[0]["meta"]["fields"], json!({"team": "soc"}));
    assert!(!outlet.destination.warnings().is_empty(), "the start warns of this");
}

#[tokio::test]
async fn runs_keep_to_a_megabyte() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = PEER.open(&simulator, &[]);
    let alert = |n| format!(r#"{{"SystemAlertId":"a{n}","AlertType":"T","Description":"{}"}}"#, "x".repeat(60_000));
    let alerts: Vec<Vec<u8>> = (0..40).map(|n| alert(n).into_bytes()).collect();
    let load = load(&PEER, &outlet, &alerts);
    assert!(send(&outlet, &load.rendered, 30).await.iter().all(|fate| *fate == Fate::Delivered));
    assert_eq!(PEER.stored(&simulator).await, load.called);
    assert_eq!(simulator.list("requests?vendor=sumo").await.len(), 3);
    simulator.no_violation().await;
}
