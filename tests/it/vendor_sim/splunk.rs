//! `splunk` against the simulated HTTP Event Collector.

use std::collections::BTreeSet;
use std::time::Duration;

use defender_relay::deliver::{Fate, Outlet, probe};
use defender_relay::event::RecordKind;
use defender_relay::format::record::is_log;
use defender_relay::parcel::Verdict;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Peer, Simulator, all_parked, bodies, conforms, five, ids, render, send, set};

/// The simulator's tokens; nobody's secrets.
const PLAIN: &str = "00000000-0000-4000-8000-00000000aaaa";
const ACKNOWLEDGING: &str = "00000000-0000-4000-8000-00000000bbbb";
const DISABLED: &str = "00000000-0000-4000-8000-00000000dddd";

pub(super) const PEER: Peer = Peer {
    kind: "splunk",
    vendor: "splunk",
    settings: &[("URL", "{vendor}"), ("TOKEN", PLAIN)],
    modes: &[&[], &[("TOKEN", ACKNOWLEDGING), ("ACK", "on"), ("LOG_SOURCETYPES", "own")]],
    // Splunk Cloud takes 1 MiB in one request.
    fits: |record| record.len() <= 1_000_000,
    stored: |items| items.iter().map(|item| super::text(&item["record"]["fields"]["event_id"])).collect(),
    ..Peer::PLAIN
};

conforms!(PEER);

fn open(simulator: &Simulator, settings: &[(&str, &str)]) -> Outlet {
    simulator.open("splunk", &[settings, &[("URL", &*format!("{}/splunk", simulator.base))]].concat())
}

/// Event ids that Splunk indexed, in order, with repeats.
async fn indexed(simulator: &Simulator) -> Vec<String> {
    (PEER.stored)(&simulator.list("received?vendor=splunk").await)
}

#[tokio::test]
async fn takes_every_record_in_every_mode() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let mut bodies = bodies();
    bodies.retain(|body| (PEER.fits)(body));
    for (ack, token) in [("auto", PLAIN), ("auto", ACKNOWLEDGING), ("on", ACKNOWLEDGING), ("off", PLAIN)] {
        for gzip in ["true", "false"] {
            simulator.reset().await;
            let outlet = open(&simulator, &[("TOKEN", token), ("ACK", ack), ("GZIP", gzip)]);
            let (rendered, raw) = render(&outlet, &bodies);
            let fates = send(&outlet, &rendered, 60).await;
            assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{ack} {gzip}: {fates:?}");
            let received = simulator.list("received?vendor=splunk").await;
            assert_eq!(indexed(&simulator).await, ids(&rendered), "{ack} {gzip}");
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
async fn finds_every_kind_under_a_sourcetype_of_its_own() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let mut bodies = bodies();
    bodies.retain(|body| (PEER.fits)(body));
    let of_add_ons = ["azure:monitor:activity", "azure:monitor:aad", "azure:monitor:resource", "ms:defender:eventhub"];
    let own = ["activity_log", "entra_log", "resource_log", "xdr_log"].map(|kind| format!("azure:defender:{kind}"));
    for (sourcetypes, logs) in [("add-on", of_add_ons.map(str::to_owned)), ("own", own)] {
        simulator.reset().await;
        let outlet = open(&simulator, &[("TOKEN", PLAIN), ("LOG_SOURCETYPES", sourcetypes)]);
        let fates = send(&outlet, &render(&outlet, &bodies).0, 60).await;
        assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{fates:?}");
        let received = simulator.list("received?vendor=splunk").await;
        let found: BTreeSet<String> = received.iter().map(|item| super::text(&item["record"]["sourcetype"])).collect();
        let others = RecordKind::ALL.into_iter().filter(|kind| !is_log(*kind));
        let expected = others.map(|kind| format!("azure:defender:{}", kind.name())).chain(logs).collect();
        assert_eq!(found, expected);
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn outlasts_passing_misfortunes_without_losing_a_record() {
    let Some(simulator) = Simulator::start(&[]) else { return };
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
        let outlet = open(&simulator, &[("TOKEN", ACKNOWLEDGING)]);
        let (rendered, _) = render(&outlet, &five());
        let fates = send(&outlet, &rendered, 30).await;
        assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{fault}: {fates:?}");
        let indexed = indexed(&simulator).await;
        assert_eq!(set(&indexed), set(&ids(&rendered)), "{fault}");
        let stored_before =
            matches!(fault["kind"].as_str(), Some("accept_reset" | "truncate")) || fault["after"] == true;
        assert_eq!(indexed.len(), if stored_before { 10 } else { 5 }, "{fault}");
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn parks_what_its_own_settings_are_to_blame_for() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for status in [401, 403, 404] {
        simulator.reset().await;
        simulator.fault("splunk", json!({"kind": "status", "status": status})).await;
        let outlet = open(&simulator, &[("TOKEN", PLAIN)]);
        let (rendered, _) = render(&outlet, &five());
        assert!(all_parked(&send(&outlet, &rendered, 10).await), "{status}");
        assert!(indexed(&simulator).await.is_empty());
    }
    for settings in [
        &[("TOKEN", "wrong")][..],
        &[("TOKEN", DISABLED)],
        &[("TOKEN", PLAIN), ("INDEX", "nonsense")],
        &[("TOKEN", ACKNOWLEDGING), ("ACK", "off")],
        &[("TOKEN", PLAIN), ("URL", &format!("{}/webhook", simulator.base))],
    ] {
        simulator.reset().await;
        let outlet = open(&simulator, settings);
        let (rendered, _) = render(&outlet, &five());
        let fates = send(&outlet, &rendered, 10).await;
        assert!(all_parked(&fates), "{settings:?}: {fates:?}");
        assert!(!format!("{fates:?}").contains("wrong"), "no setting's value in a reason");
        assert!(indexed(&simulator).await.is_empty());
    }
    // Taken, but without the acknowledgement that the settings insist on.
    simulator.reset().await;
    let outlet = open(&simulator, &[("TOKEN", PLAIN), ("ACK", "on")]);
    let (rendered, _) = render(&outlet, &five());
    assert!(all_parked(&send(&outlet, &rendered, 10).await));
}

#[tokio::test]
async fn buries_the_malformed_event_alone() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    simulator.fault("splunk", json!({"kind": "partial", "indices": [2]})).await;
    let outlet = open(&simulator, &[("TOKEN", PLAIN)]);
    let (rendered, _) = render(&outlet, &five());
    let fates = send(&outlet, &rendered, 10).await;
    let dead: Vec<bool> = fates.iter().map(|fate| matches!(fate, Fate::Dead { .. })).collect();
    assert_eq!(dead, [false, false, true, false, false], "{fates:?}");
    let mut expected = ids(&rendered);
    expected.remove(2);
    assert_eq!(indexed(&simulator).await, expected, "each of the others once");
    simulator.no_violation().await;
}

#[tokio::test]
async fn that_fills_up_has_taken_the_events() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for code in [24, 25] {
        simulator.reset().await;
        simulator.post("options", json!({"vendor": "splunk", "success_code": code})).await;
        let outlet = open(&simulator, &[("TOKEN", PLAIN)]);
        let (rendered, _) = render(&outlet, &five());
        let fates = send(&outlet, &rendered, 10).await;
        assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{code}: {fates:?}");
        assert_eq!(indexed(&simulator).await.len(), 5);
    }
}

#[tokio::test]
async fn acknowledges_late_or_never() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let late = json!({"vendor": "splunk", "ack_delay_s": 1.5, "sticky_cookie": true});
    simulator.post("options", late).await;
    let outlet = open(&simulator, &[("TOKEN", ACKNOWLEDGING), ("ACK", "on")]);
    let (rendered, _) = render(&outlet, &five());
    let fates = send(&outlet, &rendered, 30).await;
    assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{fates:?}");
    assert_eq!(simulator.list("requests?vendor=splunk").await.len(), 3, "one request, two polls");
    simulator.no_violation().await;

    simulator.reset().await;
    simulator.post("options", json!({"vendor": "splunk", "ack_never": true})).await;
    let outlet = open(&simulator, &[("TOKEN", ACKNOWLEDGING), ("ACK", "on")]);
    assert!(all_parked(&send(&outlet, &rendered, 2).await));
    assert_eq!(indexed(&simulator).await.len(), 5, "sent once, and never within this delivery again");
    simulator.no_violation().await;
}

#[tokio::test]
async fn runs_keep_to_the_batch_size() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open(&simulator, &[("TOKEN", PLAIN), ("MAX_BATCH_BYTES", "10_000"), ("GZIP", "false")]);
    let alert = |n| format!(r#"{{"SystemAlertId":"a{n}","AlertType":"T","Description":"{}"}}"#, "x".repeat(3200));
    let alerts: Vec<Vec<u8>> = (0..7).map(|n| alert(n).into_bytes()).collect();
    let (rendered, _) = render(&outlet, &alerts);
    let fates = send(&outlet, &rendered, 10).await;
    assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{fates:?}");
    assert_eq!(indexed(&simulator).await, ids(&rendered));
    assert_eq!(simulator.list("requests?vendor=splunk").await.len(), 4);
}

#[tokio::test]
async fn takes_in_halves_what_it_refuses_as_too_large() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open(&simulator, &[("TOKEN", PLAIN), ("MAX_BATCH_BYTES", "100_000_000")]);
    let alert = |n, size| format!(r#"{{"SystemAlertId":"a{n}","AlertType":"T","Description":"{}"}}"#, "x".repeat(size));
    let mut alerts: Vec<Vec<u8>> = (0..5).map(|n| alert(n, 400_000).into_bytes()).collect();
    alerts.insert(3, alert(9, 1_100_000).into_bytes());
    let (rendered, _) = render(&outlet, &alerts);
    let fates = send(&outlet, &rendered, 30).await;
    let dead: Vec<bool> = fates.iter().map(|fate| matches!(fate, Fate::Dead { .. })).collect();
    assert_eq!(dead, [false, false, false, true, false, false], "{fates:?}");
    let mut expected = ids(&rendered);
    expected.remove(3);
    assert_eq!(indexed(&simulator).await, expected);
}

#[tokio::test]
async fn probes_tell_a_good_setup_from_a_bad_one() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let judged = async |outlet: &Outlet| probe(outlet, Instant::now() + Duration::from_secs(10)).await.unwrap();
    let good = open(&simulator, &[("TOKEN", ACKNOWLEDGING), ("ACK", "on")]);
    assert!(matches!(judged(&good).await, Verdict::Accepted));
    simulator.no_violation().await;
    simulator.post("options", json!({"vendor": "splunk", "healthy": false})).await;
    assert!(matches!(judged(&good).await, Verdict::Retry { .. }));
    let bad = open(&simulator, &[("TOKEN", "wrong")]);
    assert!(matches!(judged(&bad).await, Verdict::Misconfigured { .. }));
    assert!(simulator.list("received").await.is_empty(), "a probe delivers nothing");
}
