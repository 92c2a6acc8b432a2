//! The real program: the function behind the host's wire, and the command line.

use std::process::{Command, Output, Stdio};

use super::*;
use crate::support::handler::Handler;

impl Bench {
    /// Settings of a whole program.
    fn program(&self, mode: &str) -> BTreeMap<String, String> {
        let mut settings: BTreeMap<String, String> = [
            ("DESTINATIONS", "splunk"),
            ("SPLUNK__URL", "http://127.0.0.1:9"),
            ("SPLUNK__TOKEN", "00000000-0000-4000-8000-00000000aaaa"),
            ("IDENTITY_HEADER", "sim-identity-header-000000000000"),
            ("AZURE_CLIENT_ID", "55555555-5555-4555-8555-555555555555"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        settings.extend(self.settings.iter().map(|(key, value)| (format!("SYNC__{key}"), value.clone())));
        settings.insert("SYNC__MODE".to_owned(), mode.to_owned());
        settings.insert("STATE__URL".to_owned(), format!("file://{}", self.folder.path().display()));
        settings.insert("IDENTITY_ENDPOINT".to_owned(), format!("{}/msi/token", self.simulator.base));
        settings
    }

    fn command(&self, mode: &str, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_defender-relay"));
        let empty = tempfile::tempdir().unwrap();
        command.args(args).env_clear().envs(self.program(mode)).current_dir(empty.path()).stdin(Stdio::null());
        command.output().unwrap()
    }
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap() + &String::from_utf8(output.stderr.clone()).unwrap()
}

async fn one_of_each(bench: &Bench) {
    let mut mixed = incident(3, "New", &["b"]);
    mixed["alerts"] = json!([{"systemAlertId": "b"}, {"systemAlertId": "x", "productName": "Azure Sentinel"}]);
    bench
        .seed(&[
            alert("a", "Active"),
            closed(1, "FalsePositive", &["a"]),
            alert("b", "Resolved"),
            incident(2, "New", &["b"]),
            mixed,
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_function_does_what_the_mode_says() {
    for (mode, told, changes) in [
        ("off", "", 0),
        ("dry_run", "\"message\":\"status would be changed\"", 0),
        ("on", "\"message\":\"status changed\"", 2),
    ] {
        let Some(bench) = Bench::start(&[]) else { return };
        one_of_each(&bench).await;
        let handler = Handler::start(&bench.program(mode)).await;
        handler.tick("sync").await;
        handler.tick("sync").await;
        assert_eq!(bench.actions().await.len() + bench.written().await.len(), changes, "{mode}");
        assert_eq!(bench.audit().len(), changes, "{mode}");
        let output = handler.output.lock().unwrap().clone();
        assert!(told.is_empty() || output.contains(told), "{mode}: {output}");
        assert!(!output.contains("Suspicious process"), "no content");
        let page = fs::read_to_string(crate::support::root().join("docs/sync.md")).unwrap();
        let asked = page.split("tostring(line").skip(1).filter_map(|rest| rest.split_once(')'));
        let fields: Vec<&str> = asked.map(|(field, _)| field.trim_matches(['.', '[', ']', '"'])).collect();
        let line =
            output.lines().find(|line| !told.is_empty() && line.contains(told) && line.contains("\"what\":\"alert\""));
        let line = line.and_then(|line| serde_json::from_str::<Value>(line).ok());
        assert_eq!((fields.len(), line.is_some()), (7, mode != "off"));
        let missing = line.iter().flat_map(|line| fields.iter().filter(|field| line.get(**field).is_none()));
        assert_eq!(missing.count(), 0, "a field of the query is in no log line: {output}");
        let status = handler.http("status", &json!({})).await.1;
        assert_eq!(status["sync"]["mode"], mode);
        assert_eq!(status["sync"]["changes_this_hour"], changes);
        assert_eq!(status["sync"]["last_run"].is_string(), mode == "on", "{status}");
        for record in bench.audit() {
            assert_eq!(record["who"], "user-assigned managed identity 55555555-5555-4555-8555-555555555555");
        }
        bench.simulator.no_violation().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_prints_what_would_change_and_why() {
    for mode in ["off", "on"] {
        let Some(bench) = Bench::start(&[]) else { return };
        one_of_each(&bench).await;
        let output = bench.command(mode, &["sync", "--dry-run", "--verbose"]);
        let text = printed(&output);
        assert_eq!(output.status.code(), Some(0), "{text}");
        for part in [
            &format!("alert {}\n  Active -> Dismissed: the incident was closed as FalsePositive\n", alert_path("a")),
            &format!("  incident {}\n  found by systemAlertId\n", incident_path(1)),
            &format!(
                "incident {}\n  New -> Closed: its alert is closed, classification Undetermined\n",
                incident_path(2)
            ),
            &format!("incident {}: stays open: it holds alerts of other products\n", incident_name(3)),
            "2 would be changed; nothing was, 1 left as they are\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in: {text}");
        }
        let terse = printed(&bench.command(mode, &["sync", "--dry-run"]));
        assert!(!terse.contains("stays open") && terse.contains("(--verbose shows why)"), "{terse}");
        assert!(bench.stored().is_empty() && bench.actions().await.is_empty() && bench.written().await.is_empty());
        bench.simulator.no_violation().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_runs_once_as_the_function_does() {
    let Some(bench) = Bench::start(&[]) else { return };
    one_of_each(&bench).await;
    let output = bench.command("off", &["sync"]);
    assert_eq!(output.status.code(), Some(2), "{}", printed(&output));
    assert!(printed(&output).contains("SYNC__MODE: is off"));
    let output = bench.command("dry_run", &["sync"]);
    assert_eq!((output.status.code(), bench.actions().await.len()), (Some(0), 0));
    let output = bench.command("on", &["sync"]);
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    assert!(printed(&output).contains("2 changed, 1 left as they are"));
    assert_eq!(
        (bench.actions().await, bench.moves().await),
        (vec![pair("a", "dismiss")], vec![(2, "Closed".to_owned())])
    );
    bench.simulator.post("options", json!({"vendor": "msi", "privileged": false})).await;
    let output = bench.command("on", &["sync"]);
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    assert!(printed(&output).contains("Microsoft Sentinel Responder"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_asks_resource_manager_too() {
    let Some(bench) = Bench::start(&[]) else { return };
    let text = printed(&bench.command("dry_run", &["check", "--connect"]));
    assert!(text.contains("ok   sync, workspace soc: answers as it should"), "{text}");
    assert!(text.contains(&format!("ok   sync, subscription {SUBSCRIPTION}: answers as it should")), "{text}");
    bench.simulator.post("options", json!({"vendor": "msi", "privileged": false})).await;
    let output = bench.command("dry_run", &["check", "--connect"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("FAIL sync, workspace soc: 403"), "{}", printed(&output));
    bench.simulator.post("options", json!({"vendor": "msi", "privileged": true})).await;
}

#[test]
fn every_fault_is_named_at_once() {
    let mut settings: BTreeMap<String, String> = [
        ("DESTINATIONS", "splunk"),
        ("SPLUNK__URL", "https://splunk.example"),
        ("SPLUNK__TOKEN", "token"),
        ("STATE__URL", "memory:"),
        ("SYNC__MODE", "on"),
        ("SYNC__WORKSPACES", "soc, /subscriptions/66666666-6666-4666-8666-666666666666"),
        ("SYNC__SUBSCRIPTIONS", "production"),
        ("SYNC__DIRECTION", "sideways"),
        ("SYNC__MAX_CHANGES_PER_HOUR", "0"),
        ("SYNC__CLASSIFICATION", "false_positive"),
        ("SYNC__LOOKBACK", "1y"),
        ("SYNC__URL", "https://management.evil.example"),
        ("SYNC__WORKSPACE", "x"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let faults = |settings: &BTreeMap<String, String>| {
        let values = Values::new(settings.clone());
        let error = defender_relay::app::check(&values).unwrap_err();
        error.faults.into_iter().map(|fault| (fault.setting, fault.problem)).collect::<Vec<_>>()
    };
    let found = faults(&settings);
    for name in [
        "WORKSPACES",
        "SUBSCRIPTIONS",
        "DIRECTION",
        "MAX_CHANGES_PER_HOUR",
        "CLASSIFICATION",
        "LOOKBACK",
        "URL",
        "WORKSPACE",
    ] {
        assert!(found.iter().any(|(setting, _)| *setting == format!("SYNC__{name}")), "{name}: {found:?}");
    }
    assert_eq!(found.iter().filter(|(setting, _)| setting == "SYNC__WORKSPACES").count(), 2, "each entry");
    assert!(found.iter().all(|(_, problem)| !problem.contains("production") && !problem.contains("evil")), "{found:?}");
    // What does not go together.
    for name in [
        "WORKSPACES",
        "SUBSCRIPTIONS",
        "DIRECTION",
        "MAX_CHANGES_PER_HOUR",
        "CLASSIFICATION",
        "LOOKBACK",
        "URL",
        "WORKSPACE",
    ] {
        settings.remove(&format!("SYNC__{name}"));
    }
    assert_eq!(faults(&settings)[0].0, "SYNC__WORKSPACES");
    settings.insert("SYNC__WORKSPACES".to_owned(), WORKSPACE.to_owned());
    assert_eq!(faults(&settings)[0].0, "SYNC__SUBSCRIPTIONS");
    settings.insert("SYNC__SUBSCRIPTIONS".to_owned(), SUBSCRIPTION.to_owned());
    defender_relay::app::check(&Values::new(settings.clone())).unwrap();
    settings.insert("SYNC__SERVICENOW".to_owned(), "splunk, snow".to_owned());
    let found = faults(&settings);
    assert!(found[0].1.contains("keeps no tickets") && found[1].1.contains("not in DESTINATIONS"), "{found:?}");
}
