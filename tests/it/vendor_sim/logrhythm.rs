//! `logrhythm` against the simulated webhook beat of an Open Collector; its door `/secure` wants HTTP Basic.

use std::time::Duration;

use defender_relay::deliver::{Fate, Outlet, probe};
use defender_relay::parcel::Verdict;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Peer, Simulator, all_parked, conforms, five, render, send, text};

const USER: (&str, &str) = ("USER", "beat");
/// The simulator's; nobody's.
const PASSWORD: (&str, &str) = ("PASSWORD", "sim-beat-password");

pub(super) const PEER: Peer = Peer {
    kind: "logrhythm",
    vendor: "logrhythm",
    settings: &[("URL", "{vendor}/webhook")],
    modes: &[&[], &[("URL", "{vendor}/secure/webhook"), USER, PASSWORD]],
    stored: |items| items.iter().map(|item| text(&item["record"]["serialnumber"])).collect(),
    ..Peer::PLAIN
};

conforms!(PEER);

fn open(simulator: &Simulator, path: &str, settings: &[(&str, &str)]) -> Outlet {
    let url = format!("{}/logrhythm{path}", simulator.base);
    simulator.open("logrhythm", &[settings, &[("URL", &*url)]].concat())
}

#[tokio::test]
async fn the_secure_door_opens_for_the_right_credential_only() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for settings in [&[][..], &[USER, ("PASSWORD", "wrong")], &[("USER", "nobody"), PASSWORD]] {
        let outlet = open(&simulator, "/secure/webhook", settings);
        let (rendered, _) = render(&outlet, &five());
        let fates = send(&outlet, &rendered, 10).await;
        assert!(all_parked(&fates), "{fates:?}");
        let told = matches!(&fates[0], Fate::Parked { reason, .. } if reason.contains("check USER and PASSWORD"));
        assert!(told, "{fates:?}");
    }
    assert!(simulator.list("received").await.is_empty());
}

#[tokio::test]
async fn each_alert_is_one_flat_object_with_the_record_inside() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open(&simulator, "/webhook", &[("BEAT_NAME", "webhookbeat_twelve-chars"), ("CONCURRENCY", "1")]);
    let (rendered, raw) = render(&outlet, &five());
    let fates = send(&outlet, &rendered, 10).await;
    assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{fates:?}");
    let received = simulator.list("received?vendor=logrhythm").await;
    assert_eq!(received.len(), raw.len());
    for (item, raw) in received.iter().zip(&raw) {
        let (record, alert): (_, Value) = (&item["record"], serde_json::from_str(raw).unwrap());
        assert_eq!(text(&record["original_message"]), *raw);
        assert_eq!(record["fullyqualifiedbeatname"], "webhookbeat_twelve-chars");
        for (key, from) in [("session", "SystemAlertId"), ("vmid", "AlertType"), ("threatname", "AlertDisplayName")] {
            assert_eq!(record[key], alert[from], "{key}");
        }
        assert_eq!(record["sip"], alert["Entities"][0]["Address"]);
    }
    simulator.no_violation().await;
}

#[tokio::test]
async fn a_refused_object_is_buried_alone() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    simulator.fault("logrhythm", json!({"kind": "status", "status": 400, "skip": 1})).await;
    let outlet = open(&simulator, "/webhook", &[("CONCURRENCY", "1")]);
    let (rendered, _) = render(&outlet, &five());
    let fates = send(&outlet, &rendered, 10).await;
    let dead: Vec<bool> = fates.iter().map(|fate| matches!(fate, Fate::Dead { .. })).collect();
    assert_eq!(dead, [false, true, false, false, false], "{fates:?}");
    assert_eq!(simulator.list("received?vendor=logrhythm").await.len(), 4);
}

#[tokio::test]
async fn the_probe_sends_no_request_at_all() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let deadline = || Instant::now() + Duration::from_secs(10);
    let verdict = probe(&open(&simulator, "/webhook", &[]), deadline()).await;
    assert!(matches!(verdict, Some(Verdict::Accepted)), "{verdict:?}");
    assert!(simulator.list("requests").await.is_empty());
    let nobody = simulator.open("logrhythm", &[("URL", "http://127.0.0.1:1/webhook")]);
    let verdict = probe(&nobody, deadline()).await;
    assert!(matches!(verdict, Some(Verdict::Retry { .. })), "{verdict:?}");
}
