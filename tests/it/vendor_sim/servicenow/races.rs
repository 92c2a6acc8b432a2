//! Mode `table`: answers that go astray, and creators that meet.

use defender_relay::deliver::Fate;
use serde_json::{Value, json};

use super::super::{Simulator, all_parked, five, many, render, send};
use super::{alert, deliver, deliver_all, open, open_closing};

/// Keys of the tickets that are open.
async fn open_keys(simulator: &Simulator) -> Vec<String> {
    let rows = simulator.rows("incident").await;
    let mut keys: Vec<String> = rows
        .iter()
        .filter(|row| row["active"] == "true")
        .map(|row| row["correlation_id"].as_str().unwrap().to_owned())
        .collect();
    keys.sort();
    keys
}

fn without_repeats(mut keys: Vec<String>) -> Vec<String> {
    keys.dedup();
    keys
}

#[tokio::test]
async fn a_creation_without_an_answer_is_looked_for_and_not_repeated() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for fault in [
        json!({"kind": "accept_reset", "method": "POST"}),
        json!({"kind": "truncate", "method": "POST"}),
        json!({"kind": "status", "status": 500, "after": true, "method": "POST"}),
        json!({"kind": "status", "status": 504, "after": true, "method": "POST"}),
        json!({"kind": "reset", "after": true, "method": "POST"}),
        json!({"kind": "tls_close", "after": true, "method": "POST"}),
        json!({"kind": "hang", "hang_s": 30, "after": true, "method": "POST"}),
    ] {
        simulator.reset().await;
        simulator.fault("servicenow", fault.clone()).await;
        let outlet = open(&simulator, &[("TIMEOUT", "1s")]);
        deliver_all(&outlet, &[alert("a", "New", 1)]).await;
        let posts = simulator.list("requests?vendor=servicenow&method=POST").await;
        assert_eq!((simulator.rows("incident").await.len(), posts.len()), (1, 1), "{fault}");
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn a_creation_that_failed_before_it_began_is_repeated_after_a_look() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for fault in [
        json!({"kind": "reset", "method": "POST"}),
        json!({"kind": "status", "status": 503, "method": "POST"}),
        json!({"kind": "throttle", "retry_after": 0, "method": "POST"}),
    ] {
        simulator.reset().await;
        simulator.fault("servicenow", fault.clone()).await;
        deliver_all(&open_closing(&simulator), &[alert("a", "New", 1)]).await;
        let requests = simulator.list("requests?vendor=servicenow").await;
        let methods: String = requests.iter().map(|request| &request["method"].as_str().unwrap()[..1]).collect();
        assert!(methods.contains("PG") && !methods.contains("PP"), "{fault}: {methods}");
        assert_eq!(simulator.rows("incident").await.len(), 1);
    }
}

#[tokio::test]
async fn a_delivery_that_ended_in_doubt_is_taken_up_by_the_next() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    // The first creation takes effect, and nothing after it is answered within the time.
    simulator.fault("servicenow", json!({"kind": "reset", "after": true, "method": "POST"})).await;
    simulator
        .fault("servicenow", json!({"kind": "status", "status": 503, "method": "GET", "skip": 1, "times": 99}))
        .await;
    let fates = deliver(&open_closing(&simulator), &[alert("a", "New", 1)]).await;
    assert!(all_parked(&fates), "{fates:?}");
    simulator.client.delete(format!("{}/_sim/fault", simulator.base)).send().await.unwrap();
    assert_eq!(simulator.rows("incident").await.len(), 1, "it took effect");
    deliver_all(&open_closing(&simulator), &[alert("a", "New", 1)]).await;
    assert_eq!(simulator.rows("incident").await.len(), 1);
}

#[tokio::test]
async fn a_change_without_an_answer_leaves_one_note() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open_closing(&simulator);
    deliver_all(&outlet, &[alert("a", "New", 1)]).await;
    simulator.fault("servicenow", json!({"kind": "accept_reset", "method": "PATCH"})).await;
    deliver_all(&outlet, &[alert("a", "Resolved", 2)]).await;
    assert_eq!((simulator.ticket().await["state"].as_str(), simulator.notes().await.len()), (Some("6"), 1));
    simulator.no_violation().await;
}

#[tokio::test]
async fn creators_that_meet_leave_one_open_ticket_for_each_alert() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let worked_on = (0..40).map(|number| alert(&format!("alert-{number}"), "InProgress", 2)).collect();
    for (name, bodies) in [("five", five()), ("many", many()), ("in progress", worked_on)] {
        simulator.reset().await;
        // Every look is slow, so that all of them miss what the others create.
        simulator.fault("servicenow", json!({"kind": "delay", "delay_s": 0.02, "probability": 1.0, "seed": 1})).await;
        let outlets = [0; 3].map(|_| open(&simulator, &[("CONCURRENCY", "4")]));
        let (rendered, _) = render(&outlets[0], &bodies);
        let runs = outlets.iter().map(|outlet| send(outlet, &rendered, 60));
        for fates in futures::future::join_all(runs).await {
            assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{name}: {fates:?}");
        }
        let created = simulator.rows("incident").await.len();
        assert!(created > bodies.len(), "the creators never met: {created}");
        let open = open_keys(&simulator).await;
        assert_eq!(open.len(), bodies.len(), "{name}: of {created} tickets, {open:?} are open");
        assert_eq!(without_repeats(open.clone()), open);
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn creators_of_different_states_leave_the_newest() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for round in 0..5 {
        simulator.reset().await;
        simulator
            .fault("servicenow", json!({"kind": "delay", "delay_s": 0.02, "probability": 1.0, "seed": round}))
            .await;
        let (first, second) = (open_closing(&simulator), open_closing(&simulator));
        let (old, _) = render(&first, &[alert("a", "New", 1)]);
        let (new, _) = render(&first, &[alert("a", "InProgress", 2)]);
        let _ = futures::future::join(send(&first, &old, 30), send(&second, &new, 30)).await;
        let rows = simulator.rows("incident").await;
        let open: Vec<&Value> = rows.iter().filter(|row| row["active"] == "true").collect();
        assert_eq!((open.len(), open[0]["state"].as_str()), (1, Some("2")), "{rows:#?}");
    }
}

#[tokio::test]
async fn a_duplicate_is_canceled_unless_somebody_works_on_it_or_the_instance_refuses() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let said = "Defender for Cloud 2026-02-06T10:01:00.000000000Z 1-New 4-High";
    let row = |more: Value| {
        let mut row = json!({"correlation_id": "mdc:a", "correlation_display": said});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row
    };
    let first = json!({"sys_created_on": "2026-02-06 10:01:00"});
    for (more, refused, expected) in [
        (json!({}), false, "8"),
        (json!({"assigned_to": "0123456789abcdef0123456789abcdef"}), false, "1"),
        (json!({"correlation_display": "ACME"}), false, "1"),
        (json!({}), true, "1"),
    ] {
        simulator.reset().await;
        simulator.seed(row(first.clone())).await;
        simulator.seed(row(more.clone())).await;
        if refused {
            simulator.fault("servicenow", json!({"kind": "status", "status": 403, "method": "PATCH"})).await;
        }
        deliver_all(&open_closing(&simulator), &[alert("a", "InProgress", 2)]).await;
        let rows = simulator.rows("incident").await;
        assert_eq!(
            (rows[0]["state"].as_str(), rows[1]["state"].as_str()),
            (Some("2"), Some(expected)),
            "{more} {refused}"
        );
        simulator.no_violation().await;
    }
}
