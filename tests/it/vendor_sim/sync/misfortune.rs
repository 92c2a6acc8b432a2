//! Whatever goes wrong: everything that is to be changed is changed once, or found later not to be done.

use std::sync::Arc;

use super::*;

/// One of each: an incident whose alert is to be dismissed, one that is to be closed.
async fn one_of_each(bench: &Bench) {
    bench
        .seed(&[
            alert("a", "Active"),
            closed(1, "FalsePositive", &["a"]),
            alert("b", "Resolved"),
            incident(2, "New", &["b"]),
        ])
        .await;
}

/// Both were changed, once each.
async fn each_was_changed_once(bench: &Bench, context: &str) {
    assert_eq!(bench.actions().await, [pair("a", "dismiss")], "{context}");
    assert_eq!(bench.moves().await, [(2, "Closed".to_owned())], "{context}");
    let mut ids: Vec<String> = bench.audit().iter().map(|record| text(&record["id"])).collect();
    ids.sort();
    let mut wanted = [alert_path("a"), incident_path(2)];
    wanted.sort();
    assert_eq!(ids, wanted, "{context}: one record of each");
    bench.simulator.no_violation().await;
}

/// Runs until nothing is left to do, each time a little later.
async fn run_through(bench: &Bench, context: &str) {
    for round in 0..4 {
        let report = bench.run_at(later(Duration::from_secs(600) * round)).await;
        if round > 0 && report.error().is_none() && report.changes.is_empty() {
            return;
        }
    }
    panic!("{context}: it never comes to an end");
}

#[tokio::test]
async fn nothing_is_missed_or_changed_twice_whatever_breaks_once() {
    let Some(bench) = Bench::start(&[]) else { return };
    let change = "/(dismiss|resolve)$|/incidents/[^/]+$";
    for (method, path) in [("GET", "."), ("POST", "/alerts$"), ("POST", change), ("PUT", change)] {
        for fault in [
            json!({"kind": "status", "status": 500}),
            json!({"kind": "status", "status": 503, "retry_after": 0, "times": 2}),
            json!({"kind": "status", "status": 502, "after": true}),
            json!({"kind": "throttle", "retry_after": 1}),
            json!({"kind": "reset"}),
            json!({"kind": "reset", "skip": 1}),
            json!({"kind": "accept_reset"}),
            json!({"kind": "accept_reset", "skip": 1}),
            json!({"kind": "truncate"}),
            json!({"kind": "tls_close", "after": true}),
        ] {
            bench.simulator.reset().await;
            fs::remove_dir_all(bench.folder.path()).unwrap();
            let context = format!("{method} {path} {fault}");
            one_of_each(&bench).await;
            let mut fault = fault;
            fault["method"] = json!(method);
            fault["path"] = json!(path);
            bench.simulator.fault("arm", fault).await;
            run_through(&bench, &context).await;
            each_was_changed_once(&bench, &context).await;
        }
    }
}

#[tokio::test]
async fn a_service_that_asks_for_patience_is_left_alone() {
    let Some(bench) = Bench::start(&[]) else { return };
    one_of_each(&bench).await;
    bench.simulator.fault("arm", json!({"kind": "throttle", "retry_after": 600, "path": "/incidents$"})).await;
    let report = bench.run_at(Timestamp::now()).await;
    assert_eq!((report.delays.len(), report.failures.len()), (1, 0), "{:?}", report.error());
    let asked = bench.simulator.list("requests?vendor=arm").await.len();
    let report = bench.run_at(later(Duration::from_secs(590))).await;
    assert!(report.waits_until.is_some(), "the wish outlives the run");
    assert_eq!(bench.simulator.list("requests?vendor=arm").await.len(), asked, "nothing was asked");
    bench.run_at(later(Duration::from_secs(700))).await;
    each_was_changed_once(&bench, "after the wait").await;
}

#[tokio::test]
async fn a_stale_etag_is_looked_at_again() {
    for status in [412, 409] {
        let Some(bench) = Bench::start(&[]) else { return };
        bench.simulator.post("options", json!({"vendor": "arm", "stale_etag_status": status})).await;
        bench.seed(&[alert("b", "Resolved"), incident(2, "New", &["b"])]).await;
        // A person takes the incident while our change is on its way.
        bench.simulator.fault("arm", json!({"kind": "delay", "delay_s": 1.0, "method": "PUT"})).await;
        let (report, ()) = tokio::join!(bench.run_at(Timestamp::now()), async {
            claimed(&bench).await;
            let mut taken = incident(2, "Active", &["b"]);
            taken["properties"]["owner"] = json!({"assignedTo": "B. Boss"});
            bench.seed(&[taken]).await;
        });
        assert_eq!(report.error(), None);
        let now = bench.incident_now(2).await;
        assert_eq!(
            (&now["properties"]["status"], &now["properties"]["owner"]["assignedTo"]),
            (&json!("Closed"), &json!("B. Boss"))
        );
        assert_eq!((bench.written().await.len(), bench.audit().len()), (1, 1));
        assert_eq!(bench.audit()[0]["from"], "Active", "decided again");
        bench.simulator.no_violation().await;
    }
}

#[tokio::test]
async fn who_closes_an_incident_while_we_do_is_not_overwritten() {
    let Some(bench) = Bench::start(&[]) else { return };
    bench.seed(&[alert("b", "Resolved"), incident(2, "New", &["b"])]).await;
    bench.simulator.fault("arm", json!({"kind": "delay", "delay_s": 1.0, "method": "PUT"})).await;
    let (report, ()) = tokio::join!(bench.run_at(Timestamp::now()), async {
        claimed(&bench).await;
        bench.seed(&[closed(2, "TruePositive", &["b"])]).await;
    });
    assert_eq!((report.error(), report.changes.len()), (None, 0));
    assert_eq!(bench.incident_now(2).await["properties"]["classification"], "TruePositive");
    assert_eq!((bench.written().await.len(), bench.audit().len()), (0, 0));
    assert_eq!(bench.stored_ledger()["changes"], json!([]), "what was not changed does not count");
    bench.simulator.no_violation().await;
}

#[tokio::test]
async fn an_incident_that_never_holds_still_waits_for_the_next_run() {
    let Some(bench) = Bench::start(&[]) else { return };
    bench.seed(&[alert("b", "Resolved"), incident(2, "New", &["b"])]).await;
    bench.simulator.fault("arm", json!({"kind": "status", "status": 412, "method": "PUT", "times": 4})).await;
    let report = bench.run_at(Timestamp::now()).await;
    assert!(
        report.changes.is_empty() && report.left.iter().any(|(_, why)| why.contains("next run")),
        "{:?}",
        report.left
    );
    bench.run().await;
    assert_eq!(bench.moves().await, [(2, "Closed".to_owned())]);
    bench.simulator.no_violation().await;
}

impl Bench {
    fn stored_ledger(&self) -> Value {
        let path = self.folder.path().join("cursors/sync.json");
        // The file is replaced at once, so that it is never half there.
        fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Whether a change is claimed and not let go of.
    fn is_claimed(&self) -> bool {
        let ledger = self.stored_ledger();
        let things = ["alerts", "incidents"].map(|kind| ledger[kind].as_object().cloned().unwrap_or_default());
        things.iter().flat_map(|things| things.values()).any(|thing| thing.get("claim").is_some())
    }

    /// Begins a run and ends it, as a killed process does, once `reached`.
    async fn run_until(&self, reached: impl AsyncFn() -> bool) {
        let (sync, store) = self.open();
        let task = tokio::spawn(async move { sync.run(&store, &[], Timestamp::now()).await.map(drop) });
        while !reached().await {
            assert!(!task.is_finished(), "it went through");
            tokio::task::yield_now().await;
        }
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
}

/// Waits until a change is claimed.
async fn claimed(bench: &Bench) {
    while !bench.is_claimed() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_breaks_off_anywhere_is_made_up_for() {
    let Some(bench) = Bench::start(&[]) else { return };
    for (kind, path) in [("POST", "/dismiss$"), ("PUT", "/incidents/")] {
        // The change is on its way and never arrives; it has arrived, and the answer never comes.
        for happened in [false, true] {
            bench.simulator.reset().await;
            fs::remove_dir_all(bench.folder.path()).unwrap();
            one_of_each(&bench).await;
            let context = format!("{kind}, happened: {happened}");
            bench
                .simulator
                .fault("arm", json!({"kind": "hang", "after": happened, "method": kind, "path": path}))
                .await;
            let changed = async || {
                if kind == "POST" { !bench.actions().await.is_empty() } else { !bench.written().await.is_empty() }
            };
            bench.run_until(async || if happened { changed().await } else { bench.is_claimed() }).await;
            bench.simulator.client.delete(format!("{}/_sim/fault", bench.simulator.base)).send().await.unwrap();
            // Right afterwards another run respects the claim; later one makes up for it.
            bench.run_at(later(Duration::from_secs(1))).await;
            bench.run_at(later(Duration::from_secs(180))).await;
            each_was_changed_once(&bench, &context).await;
            assert!(!bench.is_claimed(), "{context}");
            assert_eq!(bench.run_at(later(HOUR)).await.changes.len(), 0, "{context}");
            each_was_changed_once(&bench, &context).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_between_pages_misses_nothing() {
    let Some(bench) = Bench::start(&[("MAX_CHANGES_PER_HOUR", "1000")]) else { return };
    let names: Vec<String> = (0..230).map(|number| format!("a{number:03}")).collect();
    let mut objects: Vec<Value> = names.iter().map(|name| alert(name, "Active")).collect();
    objects.extend((0..).zip(&names).map(|(number, name)| closed(number, "FalsePositive", &[name])));
    bench.seed(&objects).await;
    // The second page of incidents never comes; the third page of alerts never comes.
    for (path, skip) in [("/incidents$", 1), ("/Microsoft.Security/alerts$", 2)] {
        bench.simulator.fault("arm", json!({"kind": "hang", "method": "GET", "path": path, "skip": skip})).await;
        let before = bench.simulator.list("requests?vendor=arm&limit=100000").await.len();
        let reached = async || {
            let asked = bench.simulator.list(&format!("requests?vendor=arm&limit=100000&offset={before}")).await;
            let pages = asked
                .iter()
                .filter(|request| text(&request["path"]).split('?').next().unwrap().ends_with(&path[..path.len() - 1]));
            pages.count() >= skip
        };
        bench.run_until(reached).await;
        bench.simulator.client.delete(format!("{}/_sim/fault", bench.simulator.base)).send().await.unwrap();
    }
    assert!(bench.actions().await.is_empty());
    let report = bench.run().await;
    assert_eq!(report.changes.len(), 230);
    let mut changed: Vec<String> = bench.actions().await.into_iter().map(|(name, _)| name).collect();
    changed.sort();
    assert_eq!(changed, names, "each once");
    bench.simulator.no_violation().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overlapping_runs_change_nothing_twice() {
    let Some(bench) = Bench::start(&[]) else { return };
    let bench = Arc::new(bench);
    let mut objects = Vec::new();
    for number in 0..6 {
        let (a, b) = (format!("a{number}"), format!("b{number}"));
        objects.extend([alert(&a, "Active"), closed(number, "FalsePositive", &[&a])]);
        objects.extend([alert(&b, "Resolved"), incident(100 + number, "New", &[&b])]);
    }
    bench.seed(&objects).await;
    // Several processes at once, and again, until one finds nothing to do.
    for round in 0..20 {
        let runs = (0..4).map(|_| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { bench.run_at(later(Duration::from_secs(180) * round)).await })
        });
        let reports: Vec<Report> = futures::future::join_all(runs).await.into_iter().map(Result::unwrap).collect();
        assert!(reports.iter().all(|report| report.error().is_none()), "{reports:?}");
        if reports.iter().all(|report| report.changes.is_empty() && !report.overtaken) {
            break;
        }
    }
    let mut actions = bench.actions().await;
    actions.sort();
    assert_eq!(actions, (0..6).map(|number| pair(&format!("a{number}"), "dismiss")).collect::<Vec<_>>());
    let mut moves = bench.moves().await;
    moves.sort();
    assert_eq!(moves, (0..6).map(|number| (100 + number, "Closed".to_owned())).collect::<Vec<_>>());
    assert_eq!(bench.audit().len(), 12, "a record of each, whoever wrote it");
    bench.simulator.no_violation().await;
}

#[tokio::test]
async fn what_is_over_the_cap_waits_and_is_not_forgotten() {
    let Some(bench) = Bench::start(&[("MAX_CHANGES_PER_HOUR", "3")]) else { return };
    for number in 0..4 {
        let (a, b) = (format!("a{number}"), format!("b{number}"));
        bench.seed(&[alert(&a, "Active"), closed(number, "FalsePositive", &[&a])]).await;
        bench.seed(&[alert(&b, "Resolved"), incident(100 + number, "New", &[&b])]).await;
    }
    let (mut sums, mut asked) = (Vec::new(), Vec::new());
    for (hours, minutes) in [(0, 0), (0, 30), (1, 1), (1, 50), (2, 2), (3, 3)] {
        let report = bench.run_at(later(HOUR * hours + Duration::from_secs(60) * minutes)).await;
        assert_eq!(report.error(), None);
        sums.push(report.changes.len());
        let all = bench.simulator.list("requests?vendor=arm&limit=100000").await.len();
        asked.push(all - asked.iter().sum::<usize>());
    }
    assert_eq!(sums, [3, 0, 3, 0, 2, 0]);
    assert_eq!((asked[1], asked[3]), (2, 2), "what is held back is not looked at in vain: one page of each list");
    assert_eq!((bench.actions().await.len(), bench.written().await.len()), (4, 4));
    bench.simulator.no_violation().await;
}

#[tokio::test]
async fn a_status_that_goes_back_and_forth_makes_no_loop() {
    let Some(bench) = Bench::start(&[]) else { return };
    bench.seed(&[alert("a", "Active")]).await;
    // Somebody, or something, closes the incident and opens it again, every two minutes for an hour.
    let mut warned = 0;
    for step in 0..30 {
        let status = if step % 2 == 0 { closed(1, "TruePositive", &["a"]) } else { incident(1, "New", &["a"]) };
        bench.seed(&[status]).await;
        let report = bench.run_at(later(Duration::from_secs(120) * step)).await;
        warned += report.left.iter().filter(|(_, why)| why.contains("3 times within an hour")).count();
    }
    let actions = bench.actions().await;
    assert_eq!(
        actions,
        [pair("a", "resolve"), pair("a", "activate"), pair("a", "resolve")],
        "no more than three an hour"
    );
    assert_eq!(warned, 1, "told once");
    // What it came to in the end is done when it has rested.
    bench.seed(&[incident(1, "New", &["a"])]).await;
    bench.run_at(later(HOUR * 3)).await;
    assert_eq!(bench.actions().await[3..], [pair("a", "activate")]);
    assert_eq!(bench.run_at(later(HOUR * 4)).await.changes.len(), 0);
    bench.simulator.no_violation().await;
}

#[tokio::test]
async fn links_and_names_lead_nowhere_else() {
    let Some(bench) = Bench::start(&[]) else { return };
    let mut hostile = closed(1, "FalsePositive", &["a"]);
    hostile["name"] = json!("..%2f..");
    let mut mad = closed(2, "FalsePositive", &[]);
    mad["alerts"] = json!([
        {"systemAlertId": "../../../providers/Microsoft.Security/locations/westeurope/alerts/a"},
        {"systemAlertId": "a/dismiss?"},
        {"systemAlertId": "x".repeat(5000), "alertLink": "https://evil.example/subscriptions/../../alerts/a"},
        {"systemAlertId": 7},
        {},
    ]);
    bench.seed(&[alert("a", "Active"), hostile, mad]).await;
    let report = bench.run().await;
    assert_eq!((report.changes.len(), bench.actions().await.len()), (0, 0));
    // A page of alerts whose link to the next one leads to another host: it is not followed, and nobody gets our token.
    let thief = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    thief.set_nonblocking(true).unwrap();
    let elsewhere = format!("http://{}", thief.local_addr().unwrap());
    bench.simulator.post("options", json!({"vendor": "arm", "alert_page": 1, "foreign_next_link": elsewhere})).await;
    bench.seed(&[alert("b", "Active"), closed(3, "FalsePositive", &["b"])]).await;
    let report = bench.run_at(Timestamp::now()).await;
    assert!(report.error().unwrap().contains("somewhere else"), "{:?}", report.error());
    assert_eq!(thief.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    assert_eq!(bench.actions().await.len(), 0);
    // Not so with links that stay at home.
    bench.simulator.post("options", json!({"vendor": "arm", "foreign_next_link": ""})).await;
    bench.run().await;
    assert_eq!(bench.actions().await, [pair("b", "dismiss")]);
    bench.simulator.no_violation().await;
}

#[tokio::test]
async fn a_missing_role_is_named_and_changes_nothing() {
    let Some(bench) = Bench::start(&[]) else { return };
    bench.simulator.post("options", json!({"vendor": "msi", "privileged": false})).await;
    one_of_each(&bench).await;
    let report = bench.run_at(Timestamp::now()).await;
    assert!(report.failures[0].contains("Microsoft Sentinel Responder"), "{:?}", report.failures);
    let last_error = bench.stored_ledger()["last_error"].clone();
    assert!(text(&last_error).contains("Microsoft Sentinel Responder"));
    assert!(bench.audit().is_empty());
}

#[tokio::test]
async fn a_refused_change_rests_and_holds_back_no_other() {
    let Some(bench) = Bench::start(&[]) else { return };
    bench.simulator.fault("arm", json!({"kind": "status", "status": 403, "path": "/dismiss$"})).await;
    one_of_each(&bench).await;
    let report = bench.run_at(Timestamp::now()).await;
    assert!(report.failures[0].contains("Security Admin"), "{:?}", report.failures);
    assert_eq!((report.changes.len(), bench.audit().len()), (1, 1));
    assert_eq!(bench.run_at(later(Duration::from_secs(300))).await.changes.len(), 0, "it rests");
    bench.run_at(later(Duration::from_secs(700))).await;
    each_was_changed_once(&bench, "after the rest").await;
}

#[tokio::test]
async fn what_changes_while_pages_are_read_is_not_missed() {
    let Some(bench) = Bench::start(&[("MAX_CHANGES_PER_HOUR", "1000"), ("OVERLAP", "0s")]) else { return };
    let names: Vec<String> = (0..210).map(|number| format!("a{number:03}")).collect();
    let mut objects: Vec<Value> = names.iter().map(|name| alert(name, "Active")).collect();
    let closing = (0..).zip(&names).map(|(number, name)| closed(number, "FalsePositive", &[name]));
    objects.extend(closing.clone());
    bench.seed(&objects).await;
    // While the second page is on its way, incidents of the first are touched: they move to the end, and others move up.
    bench.simulator.fault("arm", json!({"kind": "delay", "delay_s": 0.5, "path": "/incidents$", "skip": 1})).await;
    let (report, ()) = tokio::join!(bench.run_at(Timestamp::now()), async {
        while bench.simulator.list("requests?vendor=arm").await.is_empty() {
            tokio::task::yield_now().await;
        }
        bench.seed(&closing.take(50).collect::<Vec<_>>()).await;
    });
    assert_eq!(report.error(), None);
    bench.run().await;
    let mut changed: Vec<String> = bench.actions().await.into_iter().map(|(name, _)| name).collect();
    changed.sort();
    assert_eq!(changed, names);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_chaos_everything_is_changed_once() {
    let Some(mut bench) = Bench::start(&[]) else { return };
    let Some(simulator) = Simulator::start(&["--fault-profile", "chaos", "--seed", "7"]) else { return };
    let root = format!("{}/arm", simulator.base);
    bench.settings.iter_mut().filter(|(key, _)| *key == "URL").for_each(|(_, value)| value.clone_from(&root));
    bench.simulator = simulator;
    let mut objects = Vec::new();
    for number in 0..15 {
        let (a, b) = (format!("a{number:02}"), format!("b{number:02}"));
        objects.extend([alert(&a, "Active"), closed(number, "FalsePositive", &[&a])]);
        objects.extend([alert(&b, "Resolved"), incident(100 + number, "New", &[&b])]);
    }
    bench.seed(&objects).await;
    let mut quiet = 0;
    for round in 0..40 {
        let report = bench.run_at(later(Duration::from_secs(1200) * round)).await;
        quiet = if report.error().is_none() && report.changes.is_empty() && report.waits_until.is_none() {
            quiet + 1
        } else {
            0
        };
        if quiet == 2 {
            break;
        }
    }
    assert_eq!(quiet, 2, "it never comes to an end");
    let mut actions = bench.actions().await;
    actions.sort();
    assert_eq!(actions, (0..15).map(|number| pair(&format!("a{number:02}"), "dismiss")).collect::<Vec<_>>());
    let mut moves = bench.moves().await;
    moves.sort();
    assert_eq!(moves, (0..15).map(|number| (100 + number, "Closed".to_owned())).collect::<Vec<_>>());
    assert_eq!(bench.audit().len(), 30);
    bench.simulator.no_violation().await;
}

#[tokio::test]
async fn times_from_the_future_hide_nothing() {
    let Some(bench) = Bench::start(&[("MAX_CHANGES_PER_HOUR", "1000"), ("OVERLAP", "0s")]) else { return };
    // A whole page of incidents that somebody's wrong clock put far ahead, and one behind them.
    let mut objects: Vec<Value> = (0..201).map(|number| incident(number, "New", &[])).collect();
    for ahead in &mut objects {
        ahead["properties"]["lastModifiedTimeUtc"] = json!("2999-01-01T00:00:00Z");
    }
    objects[200] = closed(200, "FalsePositive", &["a"]);
    objects[200]["properties"]["lastModifiedTimeUtc"] = json!("2999-01-02T00:00:00Z");
    bench.seed(&objects).await;
    bench.seed(&[alert("a", "Active"), alert("b", "Active")]).await;
    bench.run().await;
    assert_eq!(bench.actions().await, [pair("a", "dismiss")], "it is found behind a page of the future");
    bench.seed(&[closed(1000, "FalsePositive", &["b"])]).await;
    bench.run().await;
    assert_eq!(bench.actions().await[1..], [pair("b", "dismiss")], "what is changed now is behind none of them");
    // A run whose own clock was ahead.
    let path = bench.folder.path().join("cursors/sync.json");
    let mut ledger = bench.stored_ledger();
    ledger["cursors"][WORKSPACE.to_lowercase()] = json!("2999-01-01T00:00:00Z");
    fs::write(path, ledger.to_string()).unwrap();
    bench.seed(&[alert("c", "Active"), closed(1001, "FalsePositive", &["c"])]).await;
    bench.run().await;
    bench.seed(&[alert("d", "Active"), closed(1002, "FalsePositive", &["d"])]).await;
    bench.run().await;
    assert_eq!(bench.actions().await[2..], [pair("c", "dismiss"), pair("d", "dismiss")]);
    bench.simulator.no_violation().await;
}

#[tokio::test]
async fn an_incident_whose_alerts_alone_are_not_found_is_no_deleted_one() {
    let Some(bench) = Bench::start(&[]) else { return };
    bench.seed(&[alert("a", "Active"), closed(1, "FalsePositive", &["a"])]).await;
    bench
        .simulator
        .fault("arm", json!({"kind": "status", "status": 404, "path": "/incidents/.*/alerts$", "times": 2}))
        .await;
    let report = bench.run_at(Timestamp::now()).await;
    assert!(report.failures[0].contains(&incident_name(1)) && report.failures[0].contains("404"), "{report:?}");
    bench.run_at(later(HOUR)).await;
    assert_eq!(bench.actions().await, [pair("a", "dismiss")], "it was not forgotten");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_an_incident_that_is_deleted_then_is_recorded() {
    let Some(bench) = Bench::start(&[]) else { return };
    bench.seed(&[alert("b", "Resolved"), incident(2, "New", &["b"])]).await;
    bench.simulator.fault("arm", json!({"kind": "hang", "after": true, "method": "PUT"})).await;
    bench.run_until(async || !bench.written().await.is_empty()).await;
    let token = bench.simulator.identity.token("https://management.azure.com/.default").await.unwrap();
    let address = format!("{}/arm{}?api-version=2025-09-01", bench.simulator.base, incident_path(2));
    let gone = bench.simulator.client.delete(address).bearer_auth(token.expose()).send().await.unwrap();
    assert_eq!(gone.status(), 200);
    bench.run_at(later(Duration::from_secs(180))).await;
    assert_eq!(bench.audit().len(), 1);
    assert!(text(&bench.audit()[0]["result"]).starts_with("not known"), "{:?}", bench.audit());
}
