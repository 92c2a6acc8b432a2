//! Mode `event`.

use serde_json::{Value, json};

use super::super::{Simulator, five, many};
use super::{alert, deliver_all, open};

const EVENT: (&str, &str) = ("MODE", "event");

#[tokio::test]
async fn one_alert_per_key_opens_and_closes() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open(&simulator, &[EVENT]);
    for (status, minute, state, severity) in [
        ("New", 1, "Open", "2"),
        ("InProgress", 2, "Open", "2"),
        ("InProgress", 2, "Open", "2"),
        ("Resolved", 3, "Closed", "0"),
    ] {
        deliver_all(&outlet, &[alert("a", status, minute)]).await;
        let rows = simulator.rows("em_alert").await;
        let told: Vec<_> = rows.iter().map(|row| (row["state"].as_str(), row["severity"].as_str())).collect();
        assert_eq!(told, [(Some(state), Some(severity))], "{status}");
    }
    simulator.no_violation().await;
}

#[tokio::test]
async fn many_events_are_one_request_in_the_order_of_their_times() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open(&simulator, &[EVENT, ("SEVERITY_MAP", "high=1")]);
    let mut bodies = many();
    bodies.extend([alert("a", "New", 1), alert("a", "Resolved", 3), alert("a", "InProgress", 2), alert("a", "New", 3)]);
    deliver_all(&outlet, &bodies).await;
    // 64 events: two requests, and a look before each.
    assert_eq!(simulator.list("requests?vendor=servicenow").await.len(), 4);
    let rows = simulator.rows("em_alert").await;
    let of = |key: &str| rows.iter().find(|row| row["message_key"] == key).unwrap();
    assert_eq!(of("mdc:a")["state"], "Closed", "the newest word is the last");
    let first: &Value = rows.iter().find(|row| row["state"] == "Open").unwrap();
    assert_eq!(first["severity"], "1");
    simulator.no_violation().await;
}

#[tokio::test]
async fn an_older_word_changes_nothing() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open(&simulator, &[EVENT]);
    deliver_all(&outlet, &[alert("a", "Resolved", 3), alert("b", "InProgress", 3)]).await;
    let before = simulator.rows("em_alert").await;
    let events = simulator.rows("em_event").await.len();
    let older = [alert("a", "Active", 1), alert("a", "Resolved", 3), alert("b", "New", 1), alert("b", "InProgress", 3)];
    deliver_all(&outlet, &older).await;
    assert_eq!((simulator.rows("em_alert").await, simulator.rows("em_event").await.len()), (before, events));
    deliver_all(&outlet, &[alert("b", "Dismissed", 4)]).await;
    assert!(simulator.rows("em_alert").await.iter().all(|row| row["state"] == "Closed"));
    simulator.no_violation().await;
}

#[tokio::test]
async fn a_user_who_may_not_read_alerts_may_send_events() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    simulator.fault("servicenow", json!({"kind": "status", "status": 403, "method": "GET", "times": 9})).await;
    deliver_all(&open(&simulator, &[EVENT]), &five()).await;
    simulator.client.delete(format!("{}/_sim/fault", simulator.base)).send().await.unwrap();
    assert_eq!(simulator.rows("em_alert").await.len(), 5);
}

#[tokio::test]
async fn a_short_count_is_found_out_by_halving_and_doubles_no_alert() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for fault in
        [json!({"kind": "partial", "indices": [1, 3]}), json!({"kind": "partial", "fraction": 1.0, "times": 2})]
    {
        simulator.reset().await;
        simulator.fault("servicenow", fault.clone()).await;
        deliver_all(&open(&simulator, &[EVENT]), &five()).await;
        assert_eq!(simulator.rows("em_alert").await.len(), 5, "{fault}");
        simulator.no_violation().await;
    }
}
