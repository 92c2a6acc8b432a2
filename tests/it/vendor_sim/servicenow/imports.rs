//! Mode `import`.

use defender_relay::deliver::Fate;
use serde_json::json;

use super::super::{Simulator, all_parked, five, many, render, send};
use super::{CLOSING, alert, deliver, deliver_all, open};

const IMPORT: (&str, &str) = ("MODE", "import");

#[tokio::test]
async fn rows_become_one_ticket_each_and_coalesce() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let group = "0123456789abcdef0123456789abcdef";
    let outlet = open(&simulator, &[IMPORT, CLOSING, ("ASSIGNMENT_GROUP", group)]);
    for (status, minute, expected) in
        [("New", 1, "1"), ("InProgress", 2, "2"), ("InProgress", 2, "2"), ("Resolved", 3, "6")]
    {
        deliver_all(&outlet, &[alert("a", status, minute)]).await;
        let ticket = simulator.ticket().await;
        assert_eq!((ticket["state"].as_str(), ticket["assignment_group"].as_str()), (Some(expected), Some(group)));
    }
    let imports = simulator.list("received?vendor=servicenow&kind=import").await;
    let statuses: Vec<&str> = imports.iter().map(|item| item["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["inserted", "updated", "updated"], "what is known already is not sent");
    simulator.no_violation().await;
}

#[tokio::test]
async fn an_older_word_changes_nothing() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open(&simulator, &[IMPORT, CLOSING]);
    deliver_all(&outlet, &[alert("a", "Resolved", 3)]).await;
    let before = simulator.ticket().await;
    assert_eq!(before["state"], "6");
    deliver_all(&outlet, &[alert("a", "New", 1), alert("a", "InProgress", 2), alert("a", "Resolved", 3)]).await;
    assert_eq!(simulator.ticket().await, before);
    deliver_all(&outlet, &[alert("a", "New", 4)]).await;
    assert_eq!(simulator.ticket().await["state"], "2", "active again");
    simulator.no_violation().await;
}

#[tokio::test]
async fn a_closed_ticket_gets_a_follow_up() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let said = "Defender for Cloud 2026-02-06T10:01:00.000000000Z 3-Resolved 4-High";
    simulator.seed(json!({"correlation_id": "mdc:a", "correlation_display": said, "state": "7"})).await;
    let outlet = open(&simulator, &[IMPORT, CLOSING]);
    deliver_all(&outlet, &[alert("a", "Dismissed", 2), alert("a", "InProgress", 3), alert("a", "New", 3)]).await;
    let rows = simulator.rows("incident").await;
    let told: Vec<_> = rows.iter().map(|row| (row["correlation_id"].as_str(), row["state"].as_str())).collect();
    assert_eq!(told, [(Some("mdc:a"), Some("7")), (Some("mdc:a:2"), Some("2"))]);
    simulator.no_violation().await;
}

#[tokio::test]
async fn creators_that_meet_leave_one_ticket_for_each_alert() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    simulator.fault("servicenow", json!({"kind": "delay", "delay_s": 0.02, "probability": 1.0, "seed": 1})).await;
    let outlets = [0; 3].map(|_| open(&simulator, &[IMPORT, ("CONCURRENCY", "4")]));
    let (rendered, _) = render(&outlets[0], &many());
    for fates in futures::future::join_all(outlets.iter().map(|outlet| send(outlet, &rendered, 60))).await {
        assert!(fates.iter().all(|fate| *fate == Fate::Delivered), "{fates:?}");
    }
    assert_eq!(simulator.rows("incident").await.len(), many().len());
    simulator.no_violation().await;
}

#[tokio::test]
async fn an_error_inside_a_success_buries_that_row() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    simulator.fault("servicenow", json!({"kind": "partial", "method": "POST"})).await;
    let fates = deliver(&open(&simulator, &[IMPORT, ("CONCURRENCY", "1")]), &five()).await;
    assert!(matches!(&fates[0], Fate::Dead { reason } if reason.contains("injected fault")), "{fates:?}");
    assert!(fates[1..].iter().all(|fate| *fate == Fate::Delivered), "{fates:?}");
}

#[tokio::test]
async fn a_staging_table_that_does_not_exist_parks() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let fates = deliver(&open(&simulator, &[IMPORT, ("STAGING_TABLE", "u_nowhere")]), &five()).await;
    assert!(all_parked(&fates), "{fates:?}");
}
