//! `webhook` against the simulated receiver of Standard Webhooks.

use std::time::Duration;

use defender_relay::deliver::{Fate, Outlet, probe};
use defender_relay::parcel::Verdict;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Peer, Simulator, all_parked, bodies, conforms, five, ids, render, send};

/// The simulator's secret; nobody's.
pub(super) const SECRET: &str = "whsec_bWRjLWZvcndhcmRlci1kZW1vLWtleS0wMTIzNDU2Nzg=";
const OTHER_SECRET: &str = "whsec_b3RoZXIta2V5LW90aGVyLWtleS1vdGhlci1rZXk=";
/// What the simulated receiver takes.
pub(super) const WEBHOOK_BYTES: usize = 64 * 1024;

pub(super) const PEER: Peer = Peer {
    kind: "webhook",
    vendor: "webhook",
    settings: &[("URL", "{vendor}/hook"), ("SECRET", SECRET)],
    modes: &[&[], &[("BODY", "graph")], &[("BODY", "cloudevents")]],
    fits: |record| record.len() <= WEBHOOK_BYTES,
    stored: |items| items.iter().map(|item| super::text(&item["webhook_id"])).collect(),
    ..Peer::PLAIN
};

conforms!(PEER);

fn open(simulator: &Simulator, door: &str, settings: &[(&str, &str)]) -> Outlet {
    let url = format!("{}/webhook/{door}", simulator.base);
    simulator.open("webhook", &[settings, &[("URL", &*url), ("SECRET", SECRET)]].concat())
}

#[tokio::test]
async fn deliver_every_record_in_every_body() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let bodies = bodies();
    for body in ["raw", "graph", "cloudevents"] {
        simulator.reset().await;
        // One at a time: what arrives is compared in order.
        let outlet = open(&simulator, "hook", &[("BODY", body), ("CONCURRENCY", "1")]);
        let (mut rendered, raw) = render(&outlet, &bodies);
        assert_eq!(rendered.spans.len(), raw.len());
        rendered.spans.retain(|span| span.end - span.start <= WEBHOOK_BYTES);
        let fates = send(&outlet, &rendered, 120).await;
        assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{body}: {fates:?}");
        // Several are under way at once, so that they arrive in any order; an alert sent as two equal records arrives twice.
        let mut received = simulator.list("received?vendor=webhook").await;
        received.sort_by_key(|item| super::text(&item["webhook_id"]));
        rendered.spans.sort_by_key(|span| span.id);
        assert_eq!((PEER.stored)(&received), ids(&rendered), "{body}");
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
async fn carry_further_credentials_and_rotating_secrets() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let both = format!("{OTHER_SECRET}, {SECRET}");
    for (door, settings) in [
        ("bearer", &[("AUTHORIZATION", "Bearer sim-webhook-bearer")][..]),
        ("basic", &[("AUTHORIZATION", "Basic aG9vazpzaW0taG9vay1wYXNzd29yZA==")]),
        ("hook", &[("SECRET", &both)]),
    ] {
        let outlet = open(&simulator, door, settings);
        let (rendered, _) = render(&outlet, &five());
        let fates = send(&outlet, &rendered, 10).await;
        assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{door}: {fates:?}");
    }
    simulator.no_violation().await;
}

#[tokio::test]
async fn outlast_misfortunes_and_park_what_the_setup_is_to_blame_for() {
    let Some(simulator) = Simulator::start(&[]) else { return };
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
        let outlet = open(&simulator, "hook", &[]);
        let (rendered, _) = render(&outlet, &five());
        let fates = send(&outlet, &rendered, 30).await;
        assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{fault}: {fates:?}");
        simulator.no_violation().await;
    }
    for (door, settings) in
        [("gone", &[][..]), ("redirect", &[]), ("bearer", &[]), ("nowhere", &[]), ("hook", &[("SECRET", OTHER_SECRET)])]
    {
        simulator.reset().await;
        let outlet = open(&simulator, door, settings);
        let (rendered, _) = render(&outlet, &five());
        let fates = send(&outlet, &rendered, 10).await;
        assert!(all_parked(&fates), "{door}: {fates:?}");
        assert!(simulator.list("received").await.is_empty(), "{door}: a redirect is not followed");
    }
    simulator.reset().await;
    simulator.fault("webhook", json!({"kind": "status", "status": 422})).await;
    let outlet = open(&simulator, "hook", &[]);
    let (rendered, _) = render(&outlet, &five());
    let fates = send(&outlet, &rendered, 10).await;
    let dead = fates.iter().filter(|fate| matches!(fate, Fate::Dead { .. })).count();
    assert_eq!((dead, simulator.list("received").await.len()), (1, 4), "{fates:?}");

    let huge = format!(r#"{{"SystemAlertId":"a","AlertType":"T","Description":"{}"}}"#, "x".repeat(WEBHOOK_BYTES));
    let (rendered, _) = render(&outlet, &[huge.into_bytes()]);
    let fates = send(&outlet, &rendered, 10).await;
    assert!(matches!(fates.as_slice(), [Fate::Dead { reason }] if reason.contains("413")), "{fates:?}");
}

#[tokio::test]
async fn a_receiver_that_knows_no_probe_is_reachable_all_the_same() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for door in ["bearer", "redirect"] {
        let verdict = probe(&open(&simulator, door, &[]), Instant::now() + Duration::from_secs(10)).await;
        assert!(matches!(verdict, Some(Verdict::Accepted)), "{door}");
    }
    assert!(simulator.list("received").await.is_empty(), "a probe delivers nothing");
}
