//! Mode `import`.

use defender_relay::deliver::Fate;
use serde_json::json;

use super::super::{Simulator, all_parked, five};
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
    assert_eq!(statuses, ["inserted", "updated", "ignored", "updated"]);
    simulator.no_violation().await;
}

#[tokio::test]
async fn an_error_inside_a_success_buries_that_row() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    simulator.fault("servicenow", json!({"kind": "partial"})).await;
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
