//! `logzio` against the simulated bulk listener.

use defender_relay::deliver::Fate;
use serde_json::{Value, json};

use super::{Peer, Simulator, all_parked, conforms, five, ids, load, send, set};

pub(super) const PEER: Peer = Peer {
    kind: "logzio",
    vendor: "logzio",
    settings: &[("URL", "{vendor}"), ("TOKEN", "simLogzioShippingTokenAAAAAAAAAA")],
    modes: &[&[], &[("STRINGIFY", "true"), ("TYPE", "eventHub")]],
    stored: |items| items.iter().map(|item| super::text(&item["record"]["eventId"])).collect(),
    ..Peer::PLAIN
};

conforms!(PEER);

#[tokio::test]
async fn lines_arrive_as_fields_of_the_type() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = PEER.open(&simulator, &[("TYPE", "soc_alerts")]);
    let bodies = five();
    let load = load(&PEER, &outlet, &bodies);
    assert!(send(&outlet, &load.rendered, 10).await.iter().all(|fate| *fate == Fate::Delivered));
    let received = simulator.list("received?vendor=logzio").await;
    for ((item, body), id) in received.iter().zip(&bodies).zip(ids(&load.rendered)) {
        let mut expected: Value = serde_json::from_slice(body).unwrap();
        expected["@timestamp"] = json!("2026-02-06T00:00:00.000Z");
        expected["eventId"] = json!(id);
        assert_eq!((&item["record"], &item["type"]), (&expected, &json!("soc_alerts")));
    }
    assert_eq!(received.len(), 5);
    assert_eq!(simulator.list("requests?vendor=logzio").await[0]["headers"]["content-encoding"], "gzip");
    simulator.no_violation().await;
}

#[tokio::test]
async fn a_partial_success_is_never_sent_again() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for refused in [vec![2], vec![0, 4], vec![0, 1, 2, 3, 4]] {
        PEER.prepare(&simulator).await;
        simulator.fault("logzio", json!({"kind": "partial", "indices": refused})).await;
        let outlet = PEER.open(&simulator, &[]);
        let load = load(&PEER, &outlet, &five());
        let fates = send(&outlet, &load.rendered, 10).await;
        let reasons: Vec<&str> =
            fates.iter().map(|fate| if let Fate::Dead { reason } = fate { reason } else { "" }).collect();
        assert!(reasons.iter().all(|reason| reason.starts_with("Logz.io ")), "{fates:?}");
        assert_eq!(PEER.stored(&simulator).await.len(), 5 - refused.len(), "what was taken is there once");
        assert_eq!(simulator.list("requests?vendor=logzio").await.len(), 1);
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn what_stands_alone_is_told_exactly() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    simulator.fault("logzio", json!({"kind": "partial", "indices": [0]})).await;
    let outlet = PEER.open(&simulator, &[]);
    let alone = load(&PEER, &outlet, &five()[..1]);
    let fates = send(&outlet, &alone.rendered, 10).await;
    let [Fate::Dead { reason }] = fates.as_slice() else { panic!("{fates:?}") };
    assert_eq!(reason, "Logz.io refused the line (1 malformed, 0 too long, 0 empty)");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_sent_in_halves() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    simulator.fault("logzio", json!({"kind": "status", "status": 413, "times": 2})).await;
    let outlet = PEER.open(&simulator, &[]);
    let load = load(&PEER, &outlet, &five());
    let fates = send(&outlet, &load.rendered, 10).await;
    assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{fates:?}");
    assert_eq!(set(&PEER.stored(&simulator).await), set(&load.called));
    simulator.no_violation().await;
}

#[tokio::test]
async fn the_longest_lines_fill_a_body_and_fit() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = PEER.open(&simulator, &[]);
    let alert = |n: usize| {
        let text = "x".repeat(499_000 + n * 200);
        json!({"SystemAlertId": format!("a{n}"), "AlertType": "T", "CompromisedEntity": "vm", "Description": text})
    };
    let alerts: Vec<Vec<u8>> = (0..21).map(|n| alert(n).to_string().into_bytes()).collect();
    let load = load(&PEER, &outlet, &alerts);
    let fates = send(&outlet, &load.rendered, 60).await;
    assert!(fates.iter().all(|fate| *fate == Fate::Delivered));
    let received = simulator.list("received?vendor=logzio").await;
    let shortened = received.iter().filter(|item| item["record"]["droppedFields"] == json!(["Description"])).count();
    assert_eq!(received.len(), 21);
    assert!((1..21).contains(&shortened), "{shortened}");
    assert_eq!(simulator.list("requests?vendor=logzio").await.len(), 2);
    simulator.no_violation().await;
}

#[tokio::test]
async fn a_wrong_token_parks_and_is_not_told() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = PEER.open(&simulator, &[("TOKEN", "hunter2hunter2")]);
    let load = load(&PEER, &outlet, &five());
    let fates = send(&outlet, &load.rendered, 10).await;
    assert!(all_parked(&fates), "{fates:?}");
    assert!(!format!("{outlet:?} {fates:?}").contains("hunter2"));
    assert!(PEER.stored(&simulator).await.is_empty());
}
