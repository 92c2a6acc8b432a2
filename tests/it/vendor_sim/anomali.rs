//! `anomali` against the simulated ThreatStream.

use std::collections::BTreeSet;

use defender_relay::deliver::Fate;
use serde_json::{Value, json};

use super::{Load, Peer, Simulator, all_parked, conforms, five, load, send, set, text};

/// The simulator's user and key; nobody's.
const USER: &str = "sim.user@example.com";
const KEY: &str = "sim-anomali-key";

pub(super) const PEER: Peer = Peer {
    kind: "anomali",
    vendor: "anomali",
    settings: &[("URL", "{vendor}/api"), ("USER", USER), ("API_KEY", KEY)],
    modes: &[&[], &[("MODE", "intelligence")]],
    stored: |items| {
        // Indicators are listed one by one; together they are the alert that one request told.
        let mut requests = BTreeSet::new();
        items.iter().filter(|item| requests.insert(item["request_id"].to_string())).map(event_id).collect()
    },
    ..Peer::PLAIN
};

conforms!(PEER);

/// The event id, from an import's notes or from the tags of indicators.
fn event_id(item: &Value) -> String {
    let notes = item["record"]["notes"].as_str();
    let tags = item["meta"]["tags"].as_array().and_then(|tags| tags.last()).and_then(Value::as_str);
    let (_, id) = notes.or(tags).unwrap().rsplit_once("mdc-event:").unwrap();
    id.to_owned()
}

/// An alert with two observables of the attacker, and with much that is ours.
fn alert() -> Vec<u8> {
    let alert = json!({
        "SystemAlertId": "251_a", "AlertType": "VM_LoginBruteForceSuccess", "AlertDisplayName": "n", "Severity": "High", "Status": "New",
        "CompromisedEntity": "web01", "TimeGenerated": "2026-02-06T00:00:00Z",
        "AzureResourceId": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/web01",
        "ExtendedProperties": {"Victim IP": "93.184.216.99"},
        "Entities": [
            {"$id": "1", "Type": "ip", "Address": "93.184.216.34"}, {"$id": "2", "Type": "ip", "Address": "10.0.0.4"},
            {"$id": "3", "Type": "ip", "Address": "168.63.129.16"}, {"$id": "4", "Type": "ip", "Address": "93.184.216.99"},
            {"$id": "5", "Type": "host", "HostName": "web01", "DnsDomain": "contoso.com"},
            {"$id": "6", "Type": "dns", "DomainName": "c2.evil.example"}, {"$id": "7", "Type": "dns", "DomainName": "web01.contoso.com"},
            {"$id": "8", "Type": "url", "Url": "https://stprod.blob.core.windows.net/in/x?sig=secret"},
        ],
    });
    alert.to_string().into_bytes()
}

#[tokio::test]
async fn publishes_the_attacker_privately_and_nothing_else() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = PEER.open(&simulator, &[("TAGS", "soc"), ("TLP", "amber"), ("TRUSTED_CIRCLES", "146")]);
    let imported = load(&PEER, &outlet, &[alert()]);
    assert_eq!(send(&outlet, &imported.rendered, 10).await, [Fate::Delivered]);
    let received = simulator.list("received?vendor=anomali").await;
    let [item] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!(
        (&item["kind"], &item["record"]["values"]),
        (&json!("import"), &json!(["93.184.216.34", "c2.evil.example"]))
    );
    for (field, value) in [
        ("classification", "private"),
        ("confidence", "50"),
        ("severity", "high"),
        ("ip_mapping", "brute_ip"),
        ("domain_mapping", "mal_domain"),
        ("trustedcircles", "146"),
        ("tlp", "amber"),
        ("expiration_ts", "2026-05-07T00:00:00"),
    ] {
        assert_eq!(item["record"][field], value, "{field}");
    }

    simulator.reset().await;
    let outlet = PEER.open(&simulator, &[("MODE", "intelligence"), ("TAGS", "soc")]);
    let indicators = load(&PEER, &outlet, &[alert()]);
    assert_eq!(send(&outlet, &indicators.rendered, 10).await, [Fate::Delivered]);
    let received = simulator.list("received?vendor=anomali").await;
    let records: Vec<&Value> = received.iter().map(|item| &item["record"]).collect();
    let expected = [
        json!({"srcip": "93.184.216.34", "itype": "brute_ip", "confidence": 50}),
        json!({"domain": "c2.evil.example", "itype": "mal_domain", "confidence": 50}),
    ];
    assert_eq!(records, expected.iter().collect::<Vec<_>>());
    assert_eq!(received[0]["meta"]["classification"], "private");
    assert_eq!(received[0]["meta"]["tags"], json!(["soc", format!("mdc-event:{}", indicators.called[0])]));
    simulator.no_violation().await;
}

#[tokio::test]
async fn parks_what_a_wrong_key_or_address_turns_away() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for mode in PEER.modes {
        for wrong in [("API_KEY", "other"), ("USER", "other@example.com"), ("URL", "{vendor}/elsewhere/api")] {
            PEER.prepare(&simulator).await;
            let outlet = PEER.open(&simulator, &[&[wrong], *mode].concat());
            let Load { rendered, .. } = load(&PEER, &outlet, &five());
            let fates = send(&outlet, &rendered, 10).await;
            assert!(all_parked(&fates), "{wrong:?}: {fates:?}");
            assert!(PEER.stored(&simulator).await.is_empty());
        }
    }
    // A credential never stands in a URL.
    let requests = simulator.list("requests?vendor=anomali").await;
    assert!(requests.iter().all(|request| !text(&request["path"]).contains("key")), "{requests:?}");
}

#[tokio::test]
async fn one_refused_alert_costs_its_neighbours_nothing() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for mode in PEER.modes {
        for status in [400, 413, 415] {
            PEER.prepare(&simulator).await;
            simulator.fault("anomali", json!({"kind": "status", "status": status})).await;
            let outlet = PEER.open(&simulator, mode);
            let Load { rendered, called } = load(&PEER, &outlet, &five());
            let fates = send(&outlet, &rendered, 10).await;
            let dead = fates.iter().filter(|fate| matches!(fate, Fate::Dead { .. })).count();
            let delivered = fates.iter().filter(|fate| **fate == Fate::Delivered).count();
            assert_eq!((dead, delivered), (1, 4), "{mode:?} {status}: {fates:?}");
            let stored = PEER.stored(&simulator).await;
            assert!(stored.len() == 4 && set(&stored).is_subset(&set(&called)));
        }
    }
}
