//! Recommendations, findings and attack paths: what opens and what closes their one ticket, in every mode.

use serde_json::{Value, json};

use super::super::{Simulator, text};
use super::{CLOSING, deliver_all, open, open_closing};

const ID: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/web01/providers/\
                  Microsoft.Security/assessments/805651bc-6ecd-4c73-9b55-97a19d0582d0";

/// A recommendation whose status changed at that minute of an hour.
fn recommendation(code: &str, minute: u32, action: &str) -> Vec<u8> {
    let record = json!({
        "id": ID, "type": "Microsoft.Security/assessments",
        "properties": {
            "displayName": "Close the ports", "resourceDetails": {"source": "Azure", "resourceName": "web01"},
            "status": {"code": code, "statusChangeDate": format!("2026-02-06T10:{minute:02}:00Z")},
            "metadata": {"severity": "High", "remediationDescription": "1. Open it.<br>2. Close it."},
            "links": {"azurePortal": "portal.azure.com/#x"},
        },
        "securityEventDataEnrichment": {"action": action, "isSnapshot": action == "Snapshot"},
    });
    record.to_string().into_bytes()
}

fn finding(code: &str, action: &str) -> Vec<u8> {
    let record = json!({
        "Id": format!("{ID}/subassessments/f"), "Type": "Microsoft.Security/assessments/subAssessments",
        "Properties": {"Id": "CVE-1", "DisplayName": "CVE-1", "Status": {"Code": code, "Severity": "Medium"},
            "TimeGenerated": "2026-02-06T10:00:00Z"},
        "securityEventDataEnrichment": {"action": action},
    });
    record.to_string().into_bytes()
}

fn attack_path(action: &str, snapshot: bool) -> Vec<u8> {
    let record = json!({
        "id": "/subscriptions/s/providers/Microsoft.Security/attackPaths/p", "type": "Microsoft.Security/attackPaths",
        "properties": {"displayName": "Path", "riskLevel": "High"},
        "securityEventDataEnrichment": {"action": action, "isSnapshot": snapshot},
    });
    record.to_string().into_bytes()
}

fn state(ticket: &Value) -> String {
    text(&ticket["state"])
}

#[tokio::test]
async fn a_healthy_resource_closes_the_one_ticket_and_an_older_word_does_not_reopen_it() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for mode in ["table", "import"] {
        simulator.reset().await;
        let outlet = open(&simulator, &[("MODE", mode), CLOSING]);
        for (record, expected) in [
            (recommendation("Unhealthy", 1, "Insert"), "1"),
            (recommendation("Unhealthy", 1, "Insert"), "1"),
            (recommendation("Healthy", 3, "Write"), "6"),
            (recommendation("Unhealthy", 1, "Insert"), "6"),
            (recommendation("Unhealthy", 2, "Write"), "6"),
            (recommendation("Healthy", 4, "Delete"), "6"),
        ] {
            deliver_all(&outlet, &[record]).await;
            assert_eq!(state(&simulator.ticket().await), expected, "{mode}");
        }
        let ticket = simulator.ticket().await;
        assert!(text(&ticket["correlation_id"]).starts_with("mdc:rec:"));
        assert_eq!(ticket["short_description"], "[MDC][High] Close the ports - web01");
        for part in ["Link: https://portal.azure.com/#x", "- 1. Open it.\n- 2. Close it."] {
            assert!(text(&ticket["description"]).contains(part), "{ticket}");
        }
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn a_deletion_closes_whatever_the_last_state() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for mode in ["table", "import"] {
        let outlet = open(&simulator, &[("MODE", mode), CLOSING]);
        for [opens, deletes] in [
            [recommendation("Unhealthy", 1, "Insert"), recommendation("Unhealthy", 1, "Delete")],
            [finding("Unhealthy", "Insert"), finding("Unhealthy", "Delete")],
            [finding("Unhealthy", "Insert"), finding("Healthy", "Write")],
            [attack_path("Insert", false), attack_path("Delete", false)],
        ] {
            simulator.reset().await;
            deliver_all(&outlet, &[opens]).await;
            assert_eq!(state(&simulator.ticket().await), "1");
            deliver_all(&outlet, &[deletes.clone(), deletes]).await;
            let closed = simulator.ticket().await;
            assert_eq!((state(&closed).as_str(), &closed["close_code"]), ("6", &json!(CLOSING.1)), "{mode}");
        }
        simulator.no_violation().await;
    }
}

#[tokio::test]
async fn what_nobody_heard_of_before_it_was_settled_makes_nothing() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let settled = [
        recommendation("Healthy", 1, "Write"),
        recommendation("NotApplicable", 1, "Write"),
        finding("Unhealthy", "Delete"),
        attack_path("Delete", false),
    ];
    for (mode, table) in [("table", "incident"), ("import", "incident"), ("event", "em_event")] {
        deliver_all(&open(&simulator, &[("MODE", mode), CLOSING]), &settled).await;
        assert!(simulator.rows(table).await.is_empty(), "{mode}");
    }
    simulator.no_violation().await;
}

#[tokio::test]
async fn repeated_snapshots_change_nothing() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open_closing(&simulator);
    deliver_all(&outlet, &[recommendation("Unhealthy", 1, "Insert"), attack_path("Insert", false)]).await;
    let before = simulator.rows("incident").await;
    assert_eq!(before.len(), 2);
    for _ in 0..2 {
        deliver_all(&outlet, &[recommendation("Unhealthy", 1, "Snapshot"), attack_path("Write", true)]).await;
        assert_eq!(simulator.rows("incident").await, before);
    }
    assert!(simulator.notes().await.is_empty());
}

#[tokio::test]
async fn what_returns_after_its_ticket_was_resolved_or_closed_is_a_ticket_again() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open_closing(&simulator);
    let back = [
        recommendation("Unhealthy", 1, "Insert"),
        recommendation("Healthy", 2, "Write"),
        recommendation("Unhealthy", 3, "Write"),
    ];
    deliver_all(&outlet, &back).await;
    assert_eq!(state(&simulator.ticket().await), "2", "the resolved ticket is in progress again");
    let notes = simulator.notes().await;
    assert!(notes[0].contains("status Healthy") && notes[1].contains("status Unhealthy"), "{notes:?}");
}

#[tokio::test]
async fn an_event_opens_and_clears_one_alert() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open(&simulator, &[("MODE", "event")]);
    for record in [
        recommendation("Unhealthy", 1, "Insert"),
        recommendation("Unhealthy", 1, "Snapshot"),
        recommendation("Unhealthy", 1, "Delete"),
        recommendation("Unhealthy", 1, "Insert"),
        attack_path("Insert", false),
        attack_path("Write", true),
        attack_path("Delete", false),
    ] {
        deliver_all(&outlet, &[record]).await;
    }
    let events = simulator.rows("em_event").await;
    let severities: Vec<String> = events.iter().map(|event| text(&event["severity"])).collect();
    assert_eq!(severities, ["2", "0", "2", "0"]);
    simulator.no_violation().await;
}

#[tokio::test]
async fn a_lost_answer_leaves_one_ticket() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for (mode, skip) in [("table", 0), ("table", 1), ("table", 2), ("import", 0), ("import", 1)] {
        simulator.reset().await;
        simulator.fault("servicenow", json!({"kind": "accept_reset", "skip": skip})).await;
        let outlet = open(&simulator, &[("MODE", mode), CLOSING]);
        deliver_all(&outlet, &[recommendation("Unhealthy", 1, "Insert"), recommendation("Healthy", 2, "Write")]).await;
        assert_eq!(state(&simulator.ticket().await), "6", "{mode} {skip}");
        simulator.no_violation().await;
    }
}
