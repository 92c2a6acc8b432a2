//! Tickets that people close in ServiceNow.

use super::*;

/// A ServiceNow destination of the simulator.
fn desk(bench: &Bench, settings: &[(&str, &str)]) -> Outlet {
    let url = format!("{}/servicenow", bench.simulator.base);
    let base = [
        ("URL", url.as_str()),
        ("USER", "sim.integration"),
        ("PASSWORD", "sim-snow-password"),
        ("CLOSE_CODE", "Solution provided"),
    ];
    let settings: Vec<(&str, &str)> = settings.iter().chain(&base).copied().collect();
    bench.simulator.open("servicenow", &settings)
}

const KNOWS_NEW: &str = "Defender for Cloud 2026-11-23T04:09:10.000000000Z 1-New 4-High";
const KNOWS_RESOLVED: &str = "Defender for Cloud 2026-11-23T04:09:10.000000000Z 3-Resolved 4-High";

/// A ticket of an alert.
fn ticket(key: &str, state: &str, knows: &str, close_code: &str) -> Value {
    json!({"table": "incident", "correlation_id": key, "correlation_display": knows, "state": state, "close_code": close_code,
        "close_notes": "x", "active": if state == "7" || state == "8" { "false" } else { "true" }})
}

impl Bench {
    async fn tickets(&self, rows: &[Value]) {
        self.simulator.post("seed", json!({"vendor": "servicenow", "objects": rows})).await;
    }
}

fn with_tickets(settings: &[(&'static str, &str)]) -> Option<Bench> {
    Bench::start(&[settings, &[("SERVICENOW", "servicenow")]].concat())
}

#[tokio::test]
async fn a_ticket_that_a_person_closed_closes_its_alert() {
    for mode in ["table", "import"] {
        closing_closes(mode).await;
    }
}

async fn closing_closes(mode: &str) {
    let Some(bench) = with_tickets(&[("SERVICENOW_DISMISS", "False positive, Duplicate")]) else { return };
    let names = ["resolved", "closed", "canceled", "dismissed"];
    bench.seed(&names.map(|name| alert(name, "Active"))).await;
    bench
        .tickets(&[
            ticket("mdc:resolved", "6", KNOWS_NEW, "Solution provided"),
            ticket("mdc:closed", "7", KNOWS_NEW, "Solution provided"),
            ticket("mdc:canceled", "8", KNOWS_NEW, ""),
            ticket("mdc:dismissed", "7", KNOWS_NEW, "false positive"),
        ])
        .await;
    let outlet = desk(&bench, &[("MODE", mode)]);
    let report = bench.run_with(&[&outlet], Timestamp::now()).await;
    assert_eq!((report.error(), report.tickets), (None, 4), "{mode}");
    let mut actions = bench.actions().await;
    actions.sort();
    let wanted = [("canceled", "resolve"), ("closed", "resolve"), ("dismissed", "dismiss"), ("resolved", "resolve")];
    assert_eq!(actions, wanted.map(|(name, action)| pair(name, action)));
    let record = &bench.audit()[0];
    assert_eq!(
        (&record["why"], &record["matched"]),
        (&json!("its ticket was closed by a person"), &json!("correlation_id"))
    );
    assert!(text(&record["ticket"]).starts_with("servicenow/INC"), "{record}");
    assert_eq!(bench.run_with(&[&outlet], later(HOUR)).await.changes.len(), 0, "once is enough");
    // Opened again in Defender for Cloud: a ticket that was closed before that does not close it again.
    bench.alert("closed", "Active").await;
    assert_eq!(bench.run_with(&[&outlet], later(HOUR)).await.changes.len(), 0);
    assert_eq!(bench.actions().await.len(), 4);
    bench.simulator.no_violation().await;
}

#[tokio::test]
async fn a_ticket_that_does_not_ask_for_it_closes_nothing() {
    let Some(bench) = with_tickets(&[]) else { return };
    let names = ["open", "known", "followed", "twin", "foreign", "other"];
    bench.seed(&names.map(|name| alert(name, "Active"))).await;
    bench
        .tickets(&[
            ticket("mdc:open", "2", KNOWS_NEW, ""),
            // Closed because the alert was: that it is active again is news to this ticket.
            ticket("mdc:known", "6", KNOWS_RESOLVED, ""),
            // Closed, but there is a ticket after it; a duplicate of an open one.
            ticket("mdc:followed", "7", KNOWS_NEW, ""),
            ticket("mdc:followed:2", "1", KNOWS_NEW, ""),
            ticket("mdc:twin", "8", KNOWS_NEW, ""),
            ticket("mdc:twin", "1", KNOWS_NEW, ""),
            // Not made by this program; of another matter; of no alert that there is.
            ticket("mdc:foreign", "7", "somebody else's", ""),
            ticket("other", "7", KNOWS_NEW, ""),
            ticket("mdc:rec:0123456789abcdef0123456789abcdef", "7", KNOWS_NEW, ""),
            ticket("mdc:nowhere", "7", KNOWS_NEW, ""),
        ])
        .await;
    let outlet = desk(&bench, &[]);
    let report = bench.run_with(&[&outlet], Timestamp::now()).await;
    assert_eq!((report.error(), report.changes.len()), (None, 0), "{:?}", report.changes);
    let (sync, store) = bench.open();
    assert_eq!(sync.rehearse(&store, &[&outlet], Timestamp::now()).await.unwrap().changes.len(), 0);
    assert!(bench.actions().await.is_empty());
    bench.simulator.no_violation().await;
}

#[tokio::test]
async fn a_follow_up_that_is_closed_closes_the_alert() {
    let Some(bench) = with_tickets(&[]) else { return };
    bench.seed(&[alert("a", "InProgress")]).await;
    bench.tickets(&[ticket("mdc:a", "7", KNOWS_RESOLVED, ""), ticket("mdc:a:2", "7", KNOWS_NEW, "")]).await;
    let outlet = desk(&bench, &[]);
    let (sync, store) = bench.open();
    let told = sync.rehearse(&store, &[&outlet], Timestamp::now()).await.unwrap().changes;
    assert_eq!((told.len(), told[0].from.as_str(), told[0].to.as_str()), (1, "InProgress", "Resolved"));
    assert!(bench.actions().await.is_empty() && bench.stored().is_empty());
    bench.run_with(&[&outlet], Timestamp::now()).await;
    assert_eq!(bench.actions().await, [pair("a", "resolve")]);
    bench.simulator.no_violation().await;
}

#[tokio::test]
async fn tickets_keep_caps_and_subscriptions_and_outlive_misfortunes() {
    let Some(bench) = with_tickets(&[("MAX_CHANGES_PER_HOUR", "2")]) else { return };
    let names: Vec<String> = (0..5).map(|number| format!("a{number}")).collect();
    bench.seed(&names.iter().map(|name| alert(name, "Active")).collect::<Vec<_>>()).await;
    let stranger = alert_path("stranger").replace(SUBSCRIPTION, STRANGER);
    bench.seed(&[json!({"type": "alert", "id": stranger, "properties": {"status": "Active"}})]).await;
    let keys = names.iter().map(|name| format!("mdc:{name}")).chain(["mdc:stranger".to_owned()]);
    bench.tickets(&keys.map(|key| ticket(&key, "7", KNOWS_NEW, "")).collect::<Vec<_>>()).await;
    let outlet = desk(&bench, &[]);
    bench.simulator.fault("servicenow", json!({"kind": "status", "status": 503})).await;
    let report = bench.run_with(&[&outlet], Timestamp::now()).await;
    assert_eq!((report.changes.len(), report.failures.len(), report.delays.len()), (0, 0, 1), "{report:?}");
    bench.simulator.fault("arm", json!({"kind": "accept_reset", "path": "/resolve$"})).await;
    let mut sums = Vec::new();
    for hours in 0..4 {
        sums.push(bench.run_with(&[&outlet], later(HOUR * hours + Duration::from_secs(60))).await.changes.len());
    }
    assert_eq!(sums, [2, 2, 1, 0]);
    let mut actions = bench.actions().await;
    actions.sort();
    assert_eq!(
        actions,
        names.iter().map(|name| pair(name, "resolve")).collect::<Vec<_>>(),
        "each once, and no stranger"
    );
    assert_eq!(bench.audit().len(), 5);
    bench.simulator.no_violation().await;
}

#[tokio::test]
async fn a_condition_that_the_instance_ignores_brings_no_strangers() {
    let Some(bench) = with_tickets(&[]) else { return };
    bench.seed(&[alert("a", "Active")]).await;
    bench.simulator.post("options", json!({"vendor": "servicenow", "missing_columns": ["correlation_id"]})).await;
    bench.tickets(&[ticket("mdc:a", "7", KNOWS_NEW, "")]).await;
    let outlet = desk(&bench, &[]);
    let report = bench.run_with(&[&outlet], Timestamp::now()).await;
    assert_eq!((report.tickets, report.changes.len(), bench.actions().await.len()), (0, 0, 0));
}

#[tokio::test]
async fn an_alert_that_a_ticket_closed_closes_its_incident() {
    let Some(bench) = with_tickets(&[]) else { return };
    bench.seed(&[alert("a", "Active"), incident(1, "New", &["a"])]).await;
    bench.tickets(&[ticket("mdc:a", "7", KNOWS_NEW, "")]).await;
    let outlet = desk(&bench, &[]);
    bench.run_with(&[&outlet], Timestamp::now()).await;
    bench.run_with(&[&outlet], later(Duration::from_secs(120))).await;
    assert_eq!(bench.actions().await, [pair("a", "resolve")]);
    assert_eq!(bench.moves().await, [(1, "Closed".to_owned())]);
    bench.simulator.no_violation().await;
}

#[tokio::test]
async fn an_instance_that_asks_for_patience_is_left_alone_and_holds_back_nothing_else() {
    let Some(bench) = with_tickets(&[]) else { return };
    bench.seed(&[alert("a", "Active"), alert("b", "Active"), closed(1, "FalsePositive", &["b"])]).await;
    bench.tickets(&[ticket("mdc:a", "7", KNOWS_NEW, "")]).await;
    let outlet = desk(&bench, &[]);
    bench.simulator.fault("servicenow", json!({"kind": "throttle", "retry_after": 600})).await;
    let report = bench.run_with(&[&outlet], Timestamp::now()).await;
    assert_eq!((report.failures.len(), report.delays.len()), (0, 1), "{report:?}");
    assert_eq!(bench.actions().await, [pair("b", "dismiss")]);
    let asked = bench.simulator.list("requests?vendor=servicenow").await.len();
    let report = bench.run_with(&[&outlet], later(Duration::from_secs(590))).await;
    assert!(report.error().unwrap().contains("left alone until"), "{report:?}");
    assert_eq!(bench.simulator.list("requests?vendor=servicenow").await.len(), asked, "the wish outlives the run");
    assert_eq!(bench.run_with(&[&outlet], later(Duration::from_secs(700))).await.error(), None);
    assert_eq!(bench.actions().await[1..], [pair("a", "resolve")]);
}

#[tokio::test]
async fn an_instance_that_fails_in_between_is_asked_no_more_in_that_run() {
    let Some(bench) = with_tickets(&[]) else { return };
    let names = ["a", "b", "c"];
    bench.seed(&names.map(|name| alert(name, "Active"))).await;
    bench.tickets(&names.map(|name| ticket(&format!("mdc:{name}"), "7", KNOWS_NEW, ""))).await;
    let outlet = desk(&bench, &[]);
    bench.simulator.fault("servicenow", json!({"kind": "status", "status": 403, "skip": 1, "times": 9})).await;
    let report = bench.run_with(&[&outlet], Timestamp::now()).await;
    assert_eq!((report.failures.len(), bench.actions().await.len()), (1, 0), "{report:?}");
}

#[tokio::test]
async fn a_ticket_from_the_future_is_closed_once() {
    let Some(bench) = with_tickets(&[]) else { return };
    bench.seed(&[alert("a", "Active")]).await;
    let mut ahead = ticket("mdc:a", "7", KNOWS_NEW, "");
    ahead["sys_updated_on"] = json!("2999-01-01 00:00:00");
    bench.tickets(&[ahead]).await;
    let outlet = desk(&bench, &[]);
    bench.run_with(&[&outlet], Timestamp::now()).await;
    assert_eq!(bench.actions().await, [pair("a", "resolve")]);
    // A person has the last word.
    bench.alert("a", "Active").await;
    bench.run_with(&[&outlet], later(HOUR)).await;
    assert_eq!(bench.actions().await.len(), 1);
    let mut next = ticket("mdc:b", "7", KNOWS_NEW, "");
    next["sys_updated_on"] = json!(later(HOUR).strftime("%Y-%m-%d %H:%M:%S").to_string());
    bench.tickets(&[next]).await;
    bench.alert("b", "Active").await;
    bench.run_with(&[&outlet], later(HOUR * 2)).await;
    assert_eq!(bench.actions().await[1..], [pair("b", "resolve")], "it hides no other");
}
