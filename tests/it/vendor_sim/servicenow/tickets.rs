//! Mode `table`: one ticket per alert, through every trap.

use defender_relay::deliver::{Fate, probe};
use defender_relay::parcel::Verdict;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

use super::super::{Simulator, all_parked, five, set};
use super::{CLOSING, PEER, alert, deliver, deliver_all, open, open_closing};

fn state(ticket: &Value) -> &str {
    ticket["state"].as_str().unwrap()
}

fn parked_for(fates: &[Fate], words: &str) -> bool {
    all_parked(fates) && matches!(&fates[0], Fate::Parked { reason, .. } if reason.contains(words))
}

#[tokio::test]
async fn a_status_moves_one_ticket_on() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open_closing(&simulator);
    for (status, minute, expected) in [("New", 1, "1"), ("InProgress", 2, "2"), ("Resolved", 3, "6")] {
        deliver_all(&outlet, &[alert("a", status, minute)]).await;
        assert_eq!(state(&simulator.ticket().await), expected, "{status}");
    }
    let ticket = simulator.ticket().await;
    assert_eq!(ticket["close_code"], "Solution provided");
    assert_eq!(ticket["short_description"], "[MDC][High] Test - web01");
    assert_eq!((&ticket["impact"], &ticket["urgency"], &ticket["priority"]), (&json!("2"), &json!("1"), &json!("2")));
    let display = ticket["correlation_display"].as_str().unwrap();
    assert_eq!(display, "Defender for Cloud 2026-02-06T10:03:00.000000000Z 3-Resolved 4-High");
    assert_eq!(simulator.notes().await.len(), 2, "one note for each change");
    simulator.no_violation().await;
}

#[tokio::test]
async fn all_of_it_in_one_delivery_does_the_same() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let bodies = [alert("a", "New", 1), alert("b", "New", 1), alert("a", "InProgress", 2), alert("a", "Dismissed", 3)];
    deliver_all(&open(&simulator, &[CLOSING, ("CONCURRENCY", "4")]), &bodies).await;
    let rows = simulator.rows("incident").await;
    let states: Vec<(&str, &str)> =
        rows.iter().map(|row| (row["correlation_id"].as_str().unwrap(), state(row))).collect();
    assert_eq!(states.len(), 2, "{states:?}");
    assert!(states.contains(&("mdc:a", "6")) && states.contains(&("mdc:b", "1")), "{states:?}");
    simulator.no_violation().await;
}

#[tokio::test]
async fn an_older_word_changes_nothing() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open_closing(&simulator);
    deliver_all(&outlet, &[alert("a", "Resolved", 3)]).await;
    let before = simulator.ticket().await;
    assert_eq!(state(&before), "6");
    let notes = simulator.notes().await;
    for (status, minute) in [("Active", 1), ("InProgress", 2), ("Active", 3), ("Resolved", 3)] {
        deliver_all(&outlet, &[alert("a", status, minute)]).await;
        assert_eq!(simulator.ticket().await, before, "{status} of {minute}");
    }
    assert_eq!(simulator.notes().await, notes, "a repeated or older word leaves no note");
    simulator.no_violation().await;
}

#[tokio::test]
async fn an_update_without_news_moves_only_the_time() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open_closing(&simulator);
    deliver_all(&outlet, &[alert("a", "New", 1), alert("a", "New", 5)]).await;
    assert!(simulator.notes().await.is_empty());
    // Now a word of minute 3 is old.
    deliver_all(&outlet, &[alert("a", "Resolved", 3)]).await;
    assert_eq!(state(&simulator.ticket().await), "1");
}

#[tokio::test]
async fn what_people_changed_stays() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let said = "Defender for Cloud 2026-02-06T10:01:00.000000000Z 1-New 4-High";
    simulator
        .seed(json!({"correlation_id": "MDC:A", "correlation_display": said, "state": "6", "close_code": "Known error",
                     "close_notes": "by a person", "impact": "1", "urgency": "1", "short_description": "theirs"}))
        .await;
    deliver_all(&open_closing(&simulator), &[alert("a", "Resolved", 2)]).await;
    let ticket = simulator.ticket().await;
    for (column, value) in [
        ("close_code", "Known error"),
        ("close_notes", "by a person"),
        ("impact", "1"),
        ("short_description", "theirs"),
    ] {
        assert_eq!(ticket[column], value);
    }
    simulator.no_violation().await;
}

#[tokio::test]
async fn a_higher_severity_raises_urgency() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open(&simulator, &[("IMPACT_URGENCY", "high=1/1, low=3/3")]);
    let with = |severity: &str, minute| {
        let mut body: Value = serde_json::from_slice(&alert("a", "New", minute)).unwrap();
        body["Severity"] = json!(severity);
        body.to_string().into_bytes()
    };
    for (severity, minute, priority) in [("Low", 1, "5"), ("High", 2, "1"), ("Low", 1, "1"), ("Medium", 3, "3")] {
        deliver_all(&outlet, &[with(severity, minute)]).await;
        assert_eq!(simulator.ticket().await["priority"], priority, "{severity}");
    }
    simulator.no_violation().await;
}

#[tokio::test]
async fn an_alert_that_is_active_again_reopens_its_ticket() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open_closing(&simulator);
    for (status, minute, expected) in [("Resolved", 1, "6"), ("New", 2, "2"), ("Dismissed", 3, "6")] {
        deliver_all(&outlet, &[alert("a", status, minute)]).await;
        assert_eq!(state(&simulator.ticket().await), expected);
    }
    simulator.no_violation().await;
}

#[tokio::test]
async fn a_closed_ticket_gets_a_follow_up() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open_closing(&simulator);
    let said = "Defender for Cloud 2026-02-06T10:01:00.000000000Z 3-Resolved 4-High";
    let closed = json!({"correlation_id": "mdc:a", "correlation_display": said, "state": "7", "active": "false",
                        "close_code": "x", "close_notes": "y", "sys_id": "0123456789abcdef0123456789abcdef"});
    simulator.seed(closed).await;
    // Neither an older word nor another end opens anything.
    deliver_all(&outlet, &[alert("a", "New", 0), alert("a", "Dismissed", 2)]).await;
    assert_eq!(state(&simulator.ticket().await), "7");
    deliver_all(&outlet, &[alert("a", "New", 3), alert("a", "InProgress", 4), alert("a", "InProgress", 4)]).await;
    let rows = simulator.rows("incident").await;
    let [_, follow_up] = &rows[..] else { panic!("{rows:#?}") };
    assert_eq!(follow_up["correlation_id"], "mdc:a:2");
    assert_eq!(follow_up["parent_incident"], "0123456789abcdef0123456789abcdef");
    assert_eq!(state(follow_up), "2");
    deliver_all(&outlet, &[alert("a", "Resolved", 5), alert("a", "New", 4)]).await;
    let rows = simulator.rows("incident").await;
    assert_eq!((rows.len(), state(&rows[0]), state(&rows[1])), (2, "7", "6"));
    simulator.no_violation().await;
}

#[tokio::test]
async fn a_ticket_that_people_closed_early_is_followed_up_only_after_a_real_return() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open_closing(&simulator);
    let said = "Defender for Cloud 2026-02-06T10:01:00.000000000Z 1-New 4-High";
    let closed = json!({"correlation_id": "mdc:a", "correlation_display": said, "state": "7", "active": "false",
                        "close_code": "x", "close_notes": "y"});
    simulator.seed(closed).await;
    deliver_all(&outlet, &[alert("a", "New", 2), alert("a", "Resolved", 3)]).await;
    assert_eq!(simulator.rows("incident").await.len(), 1);
    deliver_all(&outlet, &[alert("a", "New", 4)]).await;
    assert_eq!(simulator.rows("incident").await.len(), 2);
    simulator.no_violation().await;
}

#[tokio::test]
async fn closed_tickets_that_nobody_may_touch_are_left_alone() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let said = "Defender for Cloud 2026-02-06T10:01:00.000000000Z 1-New 4-High";
    simulator
        .seed(json!({"correlation_id": "mdc:a", "correlation_display": said, "state": "7", "close_code": "x"}))
        .await;
    simulator.fault("servicenow", json!({"kind": "status", "status": 403, "method": "PATCH", "times": 9})).await;
    deliver_all(&open_closing(&simulator), &[alert("a", "Resolved", 3)]).await;
    assert_eq!(simulator.ticket().await["correlation_display"], said);
}

#[tokio::test]
async fn without_a_close_code_the_end_is_a_note() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    deliver_all(&open(&simulator, &[]), &[alert("a", "New", 1), alert("a", "Resolved", 2)]).await;
    assert_eq!(state(&simulator.ticket().await), "1");
    let notes = simulator.notes().await;
    assert!(matches!(&notes[..], [note] if note.contains("status Resolved")), "{notes:?}");
    simulator.no_violation().await;
}

#[tokio::test]
async fn an_instance_that_refuses_a_state_gets_a_note_instead() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    // The data policy wants close fields; the settings promise that it does not.
    let outlet = open(&simulator, &[("STATE_RESOLVED", "6")]);
    deliver_all(&outlet, &[alert("a", "New", 1), alert("a", "Resolved", 2), alert("a", "Resolved", 2)]).await;
    let ticket = simulator.ticket().await;
    assert_eq!(state(&ticket), "1");
    assert!(ticket["correlation_display"].as_str().unwrap().contains("3-Resolved"), "it is remembered all the same");
    let notes = simulator.notes().await;
    assert!(matches!(&notes[..], [note] if note.contains("refused state 6")), "{notes:?}");
    simulator.options(json!({"require_close_fields": false})).await;
    deliver_all(&outlet, &[alert("b", "Resolved", 2)]).await;
    assert_eq!(state(&simulator.rows("incident").await[1]), "6");
}

#[tokio::test]
async fn security_incidents_have_states_of_their_own() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    let outlet = open(&simulator, &[CLOSING, ("TABLE", "sn_si_incident"), ("FIELDS", "contact_type=monitoring")]);
    for (status, minute, expected) in [("New", 1, "10"), ("InProgress", 2, "16"), ("Dismissed", 3, "100")] {
        deliver_all(&outlet, &[alert("a", status, minute)]).await;
        let rows = simulator.rows("sn_si_incident").await;
        assert_eq!((rows.len(), state(&rows[0]), &rows[0]["contact_type"]), (1, expected, &json!("monitoring")));
    }
    simulator.no_violation().await;
}

#[tokio::test]
async fn a_stranger_is_never_touched() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for missing in ["correlation_id", "correlation_display"] {
        simulator.reset().await;
        simulator.seed(json!({"short_description": "a stranger's ticket", "correlation_id": "mdc:a"})).await;
        simulator.options(json!({"missing_columns": [missing]})).await;
        let outlet = open_closing(&simulator);
        let verdict = probe(&outlet, Instant::now() + Duration::from_secs(10)).await;
        assert!(matches!(verdict, Some(Verdict::Misconfigured { reason }) if reason.contains("correlation_id")));
        let fates = deliver(&outlet, &[alert("a", "New", 1)]).await;
        assert!(parked_for(&fates, "correlation_id"), "{missing}: {fates:?}");
        assert!(simulator.list("received?vendor=servicenow").await.is_empty(), "nothing was written");
        assert_eq!(simulator.rows("incident").await[0]["sys_mod_count"], "0");
    }
}

#[tokio::test]
async fn a_ticket_that_cannot_be_found_again_is_withdrawn() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    simulator.options(json!({"missing_columns": ["correlation_id"], "invalid_query_returns_no_rows": true})).await;
    let fates = deliver(&open_closing(&simulator), &five()).await;
    assert!(parked_for(&fates, "correlation_id"), "{fates:?}");
    for row in simulator.rows("incident").await {
        assert_eq!(state(&row), "8");
    }
}

#[tokio::test]
async fn an_empty_answer_is_empty_whatever_the_default_version_does() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    simulator.options(json!({"unversioned_empty_status": 404})).await;
    deliver_all(&open_closing(&simulator), &five()).await;
    assert_eq!(set(&PEER.stored(&simulator).await).len(), 5);
    simulator.no_violation().await;
}

#[tokio::test]
async fn hostile_keys_never_reach_a_query() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    simulator.seed(json!({"short_description": "a stranger's ticket", "state": "1"})).await;
    let outlet = open_closing(&simulator);
    let hostile = [
        "a^ORstate=1",
        "javascript:gs.sleep(1)",
        "a^NQstate=1",
        "a^ORDERBYDESCstate",
        "^EQ",
        "a\u{0}b",
        "a%5EORstate=1",
    ];
    let bodies: Vec<Vec<u8>> = hostile.iter().map(|id| alert(id, "New", 1)).collect();
    deliver_all(&outlet, &bodies).await;
    deliver_all(&outlet, &bodies).await;
    let rows = simulator.rows("incident").await;
    assert_eq!(rows.len(), 1 + hostile.len());
    assert_eq!(rows[0]["sys_mod_count"], "0");
    for request in simulator.list("requests?vendor=servicenow&method=GET").await {
        let path = request.to_string();
        assert!(!path.contains("javascript") && !path.contains("state%3D1") && !path.contains("state=1"), "{path}");
    }
    simulator.no_violation().await;
}

#[tokio::test]
async fn what_an_instance_refuses_at_creation_is_parked_or_buried() {
    let Some(simulator) = Simulator::start(&[]) else { return };
    for (status, expected) in [(403, "FIELDS"), (404, "table"), (401, "credential")] {
        simulator.reset().await;
        simulator.fault("servicenow", json!({"kind": "status", "status": status, "method": "POST", "times": 9})).await;
        let fates = deliver(&open_closing(&simulator), &five()).await;
        assert!(parked_for(&fates, expected), "{status}: {fates:?}");
    }
    simulator.reset().await;
    simulator.fault("servicenow", json!({"kind": "status", "status": 400, "method": "GET", "times": 9})).await;
    let fates = deliver(&open_closing(&simulator), &five()).await;
    assert!(parked_for(&fates, "asked for a ticket"), "{fates:?}");
    simulator.reset().await;
    simulator.fault("servicenow", json!({"kind": "status", "status": 400, "method": "POST"})).await;
    let fates = deliver(&open(&simulator, &[("CONCURRENCY", "1")]), &five()).await;
    let dead = fates.iter().filter(|fate| matches!(fate, Fate::Dead { .. })).count();
    assert_eq!((dead, simulator.rows("incident").await.len()), (1, 4), "one bad thing stays one bad thing: {fates:?}");
    simulator.reset().await;
    let fates = deliver(&open(&simulator, &[("TABLE", "u_nowhere")]), &five()).await;
    assert!(parked_for(&fates, "table"), "{fates:?}");
}
