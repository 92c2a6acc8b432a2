#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use serde_json::json;

use super::*;
use crate::event::parse_time;
use crate::sync::entry::Member;
use crate::sync::hand::FLIPS;
use crate::sync::rules::Agreed;

fn time(text: &str) -> Timestamp {
    parse_time(&format!("2026-11-23T{text}Z")).unwrap()
}

fn record(what: &str, from: &str, to: &str, at: Timestamp) -> Record {
    Record {
        at,
        who: "test".into(),
        run: "run".into(),
        what: what.into(),
        id: "a".into(),
        from: from.into(),
        to: to.into(),
        why: String::new(),
        incident: None,
        ticket: None,
        classification: None,
        matched: None,
        etag: None,
        result: None,
    }
}

fn workspace() -> WorkspaceId {
    let id = "/subscriptions/66666666-6666-4666-8666-666666666666/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w";
    WorkspaceId::parse(id).unwrap()
}

fn incident(status: &str, etag: &str, modified: &str, comment: &str) -> Incident {
    let json = json!({"name": "7", "etag": etag, "properties": {"status": status, "classificationComment": comment,
        "lastModifiedTimeUtc": format!("2026-11-23T{modified}Z")}});
    Incident::parse(&json.to_string()).unwrap()
}

fn wrote(ledger: &mut Ledger, from: &str, to: &str, at: Timestamp) {
    let memory = ledger.alerts.entry("a".into()).or_default();
    memory.wrote = record("alert", from, to, at).alert_change();
}

#[test]
fn an_old_copy_is_not_taken_for_a_change() {
    let mut ledger = Ledger::default();
    wrote(&mut ledger, "Active", "Resolved", time("07:00:00"));
    let status = |ledger: &mut Ledger, status, at| ledger.observe("a", status, "run", time(at)).status;
    assert_eq!(status(&mut ledger, AlertStatus::Active, "07:14:59"), None);
    assert!(ledger.alerts["a"].wrote.is_some());
    assert_eq!(status(&mut ledger, AlertStatus::Active, "07:15:00"), Some(AlertStatus::Active), "now it is somebody's");
    assert!(ledger.alerts["a"].wrote.is_none());
    wrote(&mut ledger, "Active", "Resolved", time("07:00:00"));
    assert_eq!(status(&mut ledger, AlertStatus::Dismissed, "07:00:01"), Some(AlertStatus::Dismissed));
    assert!(ledger.alerts["a"].wrote.is_none(), "nobody's old copy: it was never so");
}

#[test]
fn a_claim_tells_afterwards_what_happened() {
    let claimed = || {
        let mut ledger = Ledger::default();
        let hand = &mut ledger.alerts.entry("a".into()).or_default().hand;
        hand.claim(record("alert", "Active", "Resolved", time("07:00:00")));
        ledger
    };
    let see = |status, run, at| {
        let mut ledger = claimed();
        let observed = ledger.observe("a", status, run, time(at));
        let memory = ledger.alerts.remove("a").unwrap();
        (observed.ended.map(|ended| ended.happened), memory.wrote.is_some(), memory.hand.claim.is_some())
    };
    use AlertStatus::{Active, Dismissed, Resolved};
    // It has happened. The claim stays until that is recorded.
    assert_eq!(see(Resolved, "run", "07:00:01"), (Some(true), true, true));
    assert_eq!(see(Resolved, "other", "07:03:00"), (Some(true), false, true), "a person may have done the same");
    // It has yet to happen, or never will.
    assert_eq!(see(Active, "run", "07:03:00"), (None, false, true));
    assert_eq!(see(Active, "other", "07:01:59"), (None, false, true));
    assert_eq!(see(Active, "other", "07:02:00"), (None, false, false));
    // Somebody changed it.
    assert_eq!(see(Dismissed, "run", "07:03:00"), (None, false, true));
    assert_eq!(see(Dismissed, "other", "07:02:00"), (Some(false), false, false));
}

#[test]
fn a_claim_of_an_incident_is_known_by_its_mark() {
    for (comment, found) in [("by somebody", false), ("", true)] {
        let mut ledger = Ledger::default();
        ledger.note(&workspace(), &incident("New", "1", "07:00:00", ""), "other", time("07:01:00"));
        let key = key(&workspace(), "7");
        let entry = ledger.incidents.get_mut(&key).unwrap();
        entry.members = vec![Member { known: Some(AlertStatus::Resolved), ..Member::default() }];
        let claim = record("incident", "New", "Closed", time("07:02:00"));
        entry.hand.claim(claim.clone());
        let comment = if found { claim.comment() } else { comment.to_owned() };
        let note = ledger.note(&workspace(), &incident("Closed", "2", "07:02:01", &comment), "other", time("07:05:00"));
        let entry = &ledger.incidents[&key];
        assert_eq!(note.map(|ended| ended.happened), Some(found));
        assert_eq!(entry.hand.claim.is_some(), found, "until it is recorded");
        assert_eq!(entry.closed_by_us.as_deref(), found.then_some("2"));
        let agreed = Agreed { incident: IncidentStatus::Closed, alert: AlertStatus::Resolved };
        assert_eq!(entry.members[0].agreed, found.then_some(agreed));
        assert_eq!((entry.status, entry.unread), (IncidentStatus::Closed, true));
    }
}

#[test]
fn an_older_copy_of_an_incident_changes_nothing() {
    let mut ledger = Ledger::default();
    let now = time("08:00:00");
    ledger.note(&workspace(), &incident("Closed", "2", "07:10:00", ""), "other", now);
    ledger.note(&workspace(), &incident("New", "1", "07:00:00", ""), "other", now);
    let entry = ledger.incidents.values().next().unwrap();
    assert_eq!((entry.etag.as_str(), entry.status), ("2", IncidentStatus::Closed));
    // A time from the future does not hide what is changed after it.
    ledger.note(&workspace(), &incident("Active", "3", "23:00:00", ""), "other", now);
    ledger.note(&workspace(), &incident("Closed", "4", "08:10:00", ""), "other", time("08:11:00"));
    assert_eq!(ledger.incidents.values().next().unwrap().etag, "4");
}

#[test]
fn an_alert_that_comes_to_a_closed_incident_is_late() {
    let mut ledger = Ledger::default();
    let key = key(&workspace(), "7");
    let member = |id: &str| Member { id: id.into(), ..Member::default() };
    let mut take = |status: &str, etag: &str, at: &str, ids: &[&str]| {
        ledger.note(&workspace(), &incident(status, etag, at, ""), "other", time("08:00:00"));
        let entry = ledger.incidents.get_mut(&key).unwrap();
        entry.take_members(ids.iter().map(|id| member(id)).collect(), 0);
        entry.members.iter().map(|member| member.late).collect::<Vec<_>>()
    };
    assert_eq!(take("Closed", "1", "07:00:00", &["a"]), [false], "it was closed with it");
    assert_eq!(take("Closed", "2", "07:01:00", &["b", "a"]), [true, false]);
    assert_eq!(take("Active", "3", "07:02:00", &["a", "b", "c"]), [false, true, false]);
    assert_eq!(
        take("Closed", "4", "07:03:00", &["a", "d"]),
        [false, false],
        "it came while that was open, or was closed with it"
    );
}

#[test]
fn what_goes_back_and_forth_rests() {
    let mut ledger = Ledger::default();
    let mut at = time("07:00:00");
    for _ in 0..FLIPS {
        assert_eq!(ledger.may_change_alert("a", "run", at, 100), Ok(()));
        let hand = &mut ledger.alerts.get_mut("a").unwrap().hand;
        hand.claim(record("alert", "Active", "Resolved", at));
        hand.claim = None;
        at = later(at, Duration::from_secs(60));
    }
    assert_eq!(ledger.may_change_alert("a", "run", at, 100), Err(Held::Flapping));
    let until = later(at, HOUR);
    assert_eq!(ledger.may_change_alert("a", "run", later(at, HOUR / 2), 100), Err(Held::Resting(until)), "warned once");
    assert_eq!(ledger.may_change_alert("b", "run", at, 100), Ok(()), "others go on");
    assert_eq!(ledger.may_change_alert("a", "run", until, 100), Ok(()));
}

#[test]
fn the_cap_counts_the_last_hour() {
    let mut ledger = Ledger::default();
    let at = time("07:00:00");
    ledger.changes.extend([at, later(at, Duration::from_secs(600))]);
    assert_eq!(ledger.may_change_alert("a", "run", later(at, HOUR / 2), 2), Err(Held::Cap));
    assert_eq!(ledger.may_change_alert("a", "run", later(at, HOUR / 2), 3), Ok(()));
    assert_eq!(ledger.may_change_alert("a", "run", later(at, HOUR), 2), Ok(()));
}

#[test]
fn another_runs_claim_is_respected_for_a_while() {
    let mut ledger = Ledger::default();
    let at = time("07:00:00");
    ledger.alerts.entry("a".into()).or_default().hand.claim(record("alert", "Active", "Resolved", at));
    assert_eq!(ledger.may_change_alert("a", "other", later(at, LEASE / 2), 1), Err(Held::Claimed));
    assert_eq!(ledger.may_change_alert("a", "run", later(at, LEASE / 2), 1), Ok(()));
    ledger.changes.push_back(at);
    assert_eq!(ledger.may_change_alert("a", "other", later(at, LEASE), 1), Ok(()), "it is counted already");
}

#[test]
fn what_is_old_is_forgotten_and_what_is_too_much() {
    let now = time("07:00:00");
    let day = Duration::from_secs(24 * 3600);
    let entry = |days: u32, status, members: usize| Entry {
        workspace: workspace().to_string(),
        name: "7".into(),
        status,
        classification: None,
        etag: String::new(),
        modified: now.saturating_sub(day * days).unwrap(),
        read: None,
        unread: false,
        others: 0,
        members: vec![Member::default(); members],
        closed_by_us: None,
        hand: Hand::default(),
    };
    let mut ledger = Ledger::default();
    for (name, one) in [
        ("others only", entry(2, IncidentStatus::New, 0)),
        ("closed", entry(29, IncidentStatus::Closed, 1)),
        ("closed long ago", entry(31, IncidentStatus::Closed, 1)),
        ("open", entry(89, IncidentStatus::New, 1)),
        ("open for ever", entry(91, IncidentStatus::New, 1)),
        ("another workspace", Entry { workspace: "/x".into(), ..entry(0, IncidentStatus::New, 1) }),
    ] {
        ledger.incidents.insert(name.into(), one);
    }
    assert_eq!(ledger.expire(now, day, &[workspace().key()]), 0);
    assert_eq!(ledger.incidents.keys().collect::<Vec<_>>(), ["closed", "open"]);
    for number in 0..MOST_INCIDENTS {
        ledger.incidents.insert(format!("n{number}"), entry(1, IncidentStatus::New, 1));
    }
    assert_eq!(ledger.expire(now, day, &[workspace().key()]), 2);
    assert!(!ledger.incidents.contains_key("closed") && !ledger.incidents.contains_key("open"), "the oldest go");
    assert_eq!(ledger.incidents.len(), MOST_INCIDENTS);
}

#[test]
fn it_is_read_back_as_it_was_written() {
    let mut ledger = Ledger::default();
    ledger.note(&workspace(), &incident("New", "1", "07:00:00", ""), "other", time("07:01:00"));
    let entry = ledger.incidents.values_mut().next().unwrap();
    entry.hand.claim(record("incident", "New", "Closed", time("07:02:00.123")));
    entry.members.push(Member {
        late: true,
        matched: Some(super::super::join::Matched::AlertLink),
        ..Member::default()
    });
    wrote(&mut ledger, "Active", "Resolved", time("07:00:00"));
    ledger.changes.push_back(time("07:00:00"));
    let text = serde_json::to_string(&ledger).unwrap();
    assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger);
    assert_eq!(serde_json::from_str::<Ledger>("{}").unwrap(), Ledger::default());
}
