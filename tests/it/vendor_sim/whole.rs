//! The whole program, a process of its own as the Functions host starts it, with every HTTP destination at once, in chaos: each event is at
//! each destination, or parked for it, or a dead letter of it. Tokens come from the managed identity that the simulator plays.

use std::collections::{BTreeMap, BTreeSet};

use defender_relay::settings::setting_prefix;

use super::{PEERS, Peer, Simulator, load, many};
use crate::support::handler::{Handler, letters};

/// The first peers of every simulated vendor, then the next ones, and so on: what one vendor holds must be one destination's.
fn rounds() -> Vec<Vec<&'static Peer>> {
    let mut rounds: Vec<Vec<&'static Peer>> = Vec::new();
    for peer in PEERS {
        match rounds.iter_mut().find(|round| round.iter().all(|other| other.vendor != peer.vendor)) {
            Some(round) => round.push(peer),
            None => rounds.push(vec![peer]),
        }
    }
    rounds
}

/// The name of a peer's destination: two peers may be of one kind.
fn name(peer: &Peer) -> String {
    format!("{}-{}", peer.kind.replace('_', "-"), peer.vendor)
}

fn settings(peers: &[&Peer], simulator: &Simulator, state: &std::path::Path) -> BTreeMap<String, String> {
    let mut settings: BTreeMap<String, String> = [
        ("STATE__URL", format!("file://{}", state.display())),
        ("DELIVERY__BUDGET", "30s".to_owned()),
        ("DELIVERY__BACKOFF", "20ms".to_owned()),
        ("IDENTITY_ENDPOINT", format!("{}/msi/token", simulator.base)),
        ("IDENTITY_HEADER", "sim-identity-header-000000000000".to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    let names: Vec<String> = peers.iter().map(|peer| format!("{}={}", name(peer), peer.kind)).collect();
    settings.insert("DESTINATIONS".to_owned(), names.join(","));
    for peer in peers {
        let prefix = setting_prefix(&name(peer));
        for (key, value) in peer.filled(simulator, peer.modes[0]).into_iter().rev() {
            settings.insert(format!("{prefix}__{key}"), value);
        }
    }
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_accounted_for_at_every_destination() {
    let alerts = many();
    for peers in rounds() {
        let Some(simulator) = Simulator::start(&["--fault-profile", "chaos", "--seed", "11"]) else { return };
        for peer in &peers {
            peer.ready(&simulator).await;
        }
        let state = tempfile::tempdir().unwrap();
        let handler = Handler::start(&settings(&peers, &simulator, state.path())).await;
        for batch in alerts.chunks(20) {
            assert_eq!(handler.alerts(batch).await, Some(200), "{}", handler.output.lock().unwrap());
        }
        for peer in peers {
            let name = name(peer);
            let called = load(peer, &peer.open(&simulator, peer.modes[0]), &alerts).called;
            let stored: BTreeSet<String> = peer.stored(&simulator).await.into_iter().collect();
            let (parked, dead) = (letters(state.path(), "parked", &name), letters(state.path(), "dead", &name));
            assert!(!stored.is_empty(), "{name}: nothing arrived at all: {}", handler.output.lock().unwrap());
            assert_eq!(called.len(), alerts.len(), "{name} takes them all");
            for (alert, called) in alerts.iter().zip(&called) {
                let id = super::text(&serde_json::from_slice::<serde_json::Value>(alert).unwrap()["SystemAlertId"]);
                let kept = parked.contains_key(&id) || dead.contains_key(&id);
                assert!(stored.contains(called) || kept, "{name}: {id} is lost");
            }
        }
        simulator.no_violation().await;
    }
}
