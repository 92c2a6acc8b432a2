//! The command line and the local run, through the built program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use defender_relay::destinations::CATALOG;
use defender_relay::local::invocation::{self, Attempt, HttpRequest, HubEvent, Partition};
use defender_relay::local::payload::{Masks, Payload};
use defender_relay::local::receivers::{Arrival, Receivers};
use defender_relay::local::retry::{Delay, RetryPolicy};
use defender_relay::local::script_root::DataType;
use defender_relay::local::source::{LOG_SAMPLES, SAMPLES};
use defender_relay::settings::Values;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use crate::{contract, support};

/// A guard against hanging, far above what anything here takes.
const GUARD: Duration = Duration::from_secs(120);

/// The program in `folder`, with these settings and no others.
fn program(folder: &Path, args: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_defender-relay"));
    command
        .args(args)
        .env_clear()
        .envs(settings.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) async fn run(folder: &Path, args: &[&str], settings: &[(&str, &str)]) -> Ended {
    let output = tokio::time::timeout(GUARD, program(folder, args, settings).output()).await.expect("it ends").unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The summary's row of one destination: events in, delivered, parked, dead, filtered.
fn row(stdout: &str, destination: &str) -> [usize; 5] {
    let counts = |line: &str| {
        let mut cells = line.split_whitespace();
        let own = cells.next() == Some(destination);
        let counts: Vec<usize> = cells.map_while(|cell| cell.parse().ok()).collect();
        own.then_some(counts)?.try_into().ok()
    };
    stdout.lines().rev().find_map(counts).unwrap_or_else(|| panic!("no {destination} in {stdout}"))
}

#[tokio::test]
async fn the_first_run_needs_nothing_and_shows_every_destination() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(folder.path(), &["local"], &[]).await;
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    for kind in CATALOG {
        assert!(ended.stdout.contains(&format!("── {} ({}) ", kind.title, kind.name)), "{}", kind.name);
        let [came, delivered, parked, dead, filtered] = row(&ended.stdout, kind.name);
        assert_eq!((came, delivered + filtered, parked, dead), (SAMPLES.len(), SAMPLES.len(), 0, 0), "{}", kind.name);
        assert!(delivered > 0, "{}", kind.name);
        for secret in contract::secrets(kind) {
            assert!(!ended.stdout.contains(secret), "{} shows a secret", kind.name);
        }
    }
    assert!(ended.stdout.contains("; everything was delivered"), "{}", ended.stdout);
    assert!(!ended.stderr.contains("handler"), "a rehearsal has nothing to warn about: {}", ended.stderr);
    assert!(!ended.stdout.contains('\x1b') && !ended.stderr.contains('\x1b'), "no colours and no progress in a file");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "a rehearsal leaves {left:?} behind");
}

#[tokio::test]
async fn the_function_for_logs_has_samples_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(folder.path(), &["local", "--function", "logs", "--verbose"], &[]).await;
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let records = |text: &str| serde_json::from_str::<Value>(text).unwrap()["records"].as_array().unwrap().len();
    let count: usize = LOG_SAMPLES.iter().map(|(_, text)| records(text)).sum();
    for kind in CATALOG {
        let [came, delivered, parked, dead, filtered] = row(&ended.stdout, kind.name);
        assert_eq!((came, delivered + filtered, parked, dead), (count, count, 0, 0), "{}", kind.name);
    }
    assert_eq!(row(&ended.stdout, "splunk")[1], count);
    assert!(ended.stdout.contains(&format!("from {} event bodies", LOG_SAMPLES.len())), "{}", ended.stdout);
    assert!(ended.stderr.contains("[logs] splunk: "), "posted to /logs: {}", ended.stderr);

    let off = [("AzureWebJobs.logs.Disabled", "true")];
    let ended = run(folder.path(), &["local", "--function", "logs"], &off).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("logs is switched off by AzureWebJobs.logs.Disabled"), "{}", ended.stderr);
}

#[tokio::test]
async fn sized_bodies_and_small_batches_bring_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("app");
    for (from, to) in [
        ("host.json", "host.json"),
        ("function-triggers/alerts/function.json", "alerts/function.json"),
        ("function-triggers/status/function.json", "status/function.json"),
    ] {
        let to = root.join(to);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(support::root().join(from), to).unwrap();
    }
    let host = std::fs::read_to_string(root.join("host.json")).unwrap();
    let mut host: Value = serde_json::from_str(&host).unwrap();
    host["extensions"]["eventHubs"]["maxEventBatchSize"] = 2.into();
    std::fs::write(root.join("host.json"), host.to_string()).unwrap();
    let ended = run(folder.path(), &["local", "--sized", "--quiet", "--root", root.to_str().unwrap()], &[]).await;
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    assert_eq!(row(&ended.stdout, "splunk"), [SAMPLES.len(), SAMPLES.len(), 0, 0, 0]);
}

#[tokio::test]
async fn what_is_no_record_is_counted_and_fails_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mixed.ndjson");
    std::fs::write(&file, format!("{}\nnot json at all\n", SAMPLES[0].1.replace('\n', ""))).unwrap();
    let ended = run(folder.path(), &["local", "--quiet", file.to_str().unwrap()], &[]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stdout.contains("1 event in, from 2 event bodies, 1 piece that is no event"), "{}", ended.stdout);
    assert_eq!(row(&ended.stdout, "splunk"), [1, 1, 0, 0, 0]);
}

#[tokio::test]
async fn a_failing_invocation_is_retried_as_its_policy_says_and_then_lost() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("app");
    std::fs::create_dir_all(root.join("alerts")).unwrap();
    std::fs::create_dir_all(root.join("status")).unwrap();
    std::fs::copy(support::root().join("host.json"), root.join("host.json")).unwrap();
    std::fs::copy(support::root().join("function-triggers/status/function.json"), root.join("status/function.json"))
        .unwrap();
    // Without a dataType the host itself fails a batch that holds something else than JSON.
    let function = json!({
        "bindings": [{"type": "eventHubTrigger", "name": "events", "cardinality": "many", "eventHubName": "hub"}],
        "retry": {"strategy": "fixedDelay", "maxRetryCount": 2, "delayInterval": "00:00:00"},
    });
    std::fs::write(root.join("alerts/function.json"), function.to_string()).unwrap();
    let file = folder.path().join("broken.json");
    std::fs::write(&file, "{\"broken\":").unwrap();
    let args = ["local", "--root", root.to_str().unwrap(), file.to_str().unwrap()];
    let ended = run(folder.path(), &args, &[]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("again in 0.0 s").count(), 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("1 events are lost"), "{}", ended.stderr);
}

#[tokio::test]
async fn bad_settings_are_one_message_and_start_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let url = format!("file://{}", state.display());
    let settings = [
        ("DESTINATIONS", "splunk, nonsense, webhook"),
        ("SPLUNK__URL", "http://splunk.example"),
        ("SPLUNK__TOKN", "hunter2-typo"),
        ("WEBHOOK__URL", "https://u:hunter2@hooks.example"),
        ("DELIVERY__BUDGET", "soon"),
        ("STATE__URL", url.as_str()),
    ];
    for args in [&["local"][..], &["check"], &["check", "--connect"], &["preview"]] {
        let ended = run(folder.path(), args, &settings).await;
        assert_eq!(ended.code, Some(2), "{args:?}: {}", ended.stderr);
        let named: &[&str] = match args[0] {
            "preview" => &["DESTINATIONS", "SPLUNK__URL", "SPLUNK__TOKN", "SPLUNK__TOKEN", "WEBHOOK__URL"],
            _ => &["DESTINATIONS", "SPLUNK__URL", "SPLUNK__TOKN", "SPLUNK__TOKEN", "WEBHOOK__URL", "DELIVERY__BUDGET"],
        };
        for name in named {
            assert!(ended.stderr.contains(&format!("\n  {name}: ")), "{args:?} does not name {name}: {}", ended.stderr);
        }
        assert!(
            !ended.stderr.contains("hunter2") && ended.stdout.is_empty(),
            "{args:?}: {}{}",
            ended.stdout,
            ended.stderr
        );
        assert!(!state.exists(), "{args:?} created the store");
    }
}

#[tokio::test]
async fn no_command_shows_an_address_that_is_a_credential() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("DESTINATIONS", "sumologic, logzio"),
        ("SUMOLOGIC__URL", "https://127.0.0.1:1/receiver/v1/http/hunter2hunter2=="),
        ("LOGZIO__URL", "https://127.0.0.1:1"),
        ("LOGZIO__TOKEN", "hunter2hunter2"),
        ("STATE__URL", "memory:"),
        ("LOG_LEVEL", "debug"),
    ];
    for (args, says) in [
        (&["preview"][..], "POST *** HTTP/1.1"),
        (&["preview"], "POST /?token=***&type=microsoft_defender_cloud HTTP/1.1"),
        (&["check", "--connect"], "sumologic: cannot connect to 127.0.0.1: "),
        (&["local"], "sumologic"),
        (&["settings"], "SUMOLOGIC__URL"),
    ] {
        let ended = run(folder.path(), args, &settings).await;
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains(says) && !said.contains("hunter2"), "{args:?}: {said}");
    }
}

#[tokio::test]
async fn names_that_do_not_exist_are_faults_of_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        &["settings", "nosuch"][..],
        &["preview", "-d", "nosuch"],
        &["local", "--function", "status"],
        &["local", "--root", "nosuch"],
        &["loacl"],
    ] {
        let ended = run(folder.path(), args, &[]).await;
        assert_eq!(ended.code, Some(2), "{args:?}: {}", ended.stderr);
        assert!(ended.stdout.is_empty() && !ended.stderr.is_empty(), "{args:?}");
    }
}

#[tokio::test]
async fn what_an_unreachable_destination_left_is_parked_and_told_from_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens at a port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = format!("tcp://{free}");
    let mut settings = vec![("DESTINATIONS", "soc=syslog"), ("SOC__ADDRESS", &address), ("DELIVERY__ATTEMPTS", "1")];
    let ended = run(folder.path(), &["local"], &settings).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert_eq!(row(&ended.stdout, "soc"), [SAMPLES.len(), 0, SAMPLES.len(), 0, 0]);
    assert!(ended.stdout.contains("; not everything was delivered"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("earlier run"), "{}", ended.stdout);

    settings.push(("SOC__EVENTS", "secure_score"));
    let ended = run(folder.path(), &["local", "-q"], &settings).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert_eq!(row(&ended.stdout, "soc"), [SAMPLES.len(), 0, SAMPLES.len(), 0, SAMPLES.len()]);
    let earlier = format!("the store held {} events of earlier runs", SAMPLES.len());
    assert!(ended.stdout.contains(&earlier), "{}", ended.stdout);
}

#[tokio::test]
async fn dead_letters_of_a_local_run_are_replayed_from_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(folder.path(), &["replay"], &[]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("STATE__URL: is required"), "{}", ended.stderr);
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "a store was made up");

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings =
        [("DESTINATIONS", "soc=syslog"), ("SOC__ADDRESS", &*format!("tcp://{free}")), ("SOC__EVENTS", "alert")];
    std::fs::write(folder.path().join("bad.json"), "no json").unwrap();
    let ended = run(folder.path(), &["local", "-q", "bad.json"], &settings).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    // Without any of the settings: replaying needs none of a destination's secrets.
    let dry = run(folder.path(), &["replay", "--dry-run", "--reason", "NOT A JSON"], &[]).await;
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    assert!(dry.stdout.contains("_undecodable") && dry.stdout.contains("1 would be replayed"), "{}", dry.stdout);
    for (filter, matched) in [("--destination=soc", false), ("--until=24h", false), ("--since=24h", true)] {
        let ended = run(folder.path(), &["replay", "--dry-run", filter], &[]).await;
        assert_eq!(ended.stdout.contains("1 would be replayed"), matched, "{filter}: {}", ended.stdout);
    }
    let ended = run(folder.path(), &["replay"], &[]).await;
    assert!(ended.stdout.contains("1 replayed"), "a dry run changed something: {}", ended.stdout);
    let ended = run(folder.path(), &["replay"], &[]).await;
    assert_eq!((ended.code, ended.stdout.trim()), (Some(0), "no dead letters match"));
}

#[tokio::test]
async fn help_teaches_and_names_the_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["serve", "local", "preview", "check", "create", "settings", "replay"] {
        let ended = run(folder.path(), &[command, "--help"], &[]).await;
        assert_eq!(ended.code, Some(0));
        assert!(ended.stdout.contains("Exit codes:\n"), "{command}");
        assert!(ended.stdout.contains("Examples:\n") || command == "serve", "{command}");
    }
}

#[tokio::test]
async fn a_preview_shows_every_destination_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(folder.path(), &["preview"], &[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for kind in CATALOG {
        assert!(ended.stdout.contains(&format!("── {} ({}) ", kind.title, kind.name)), "{}", kind.name);
    }

    let settings = [
        ("DESTINATIONS", "mine=splunk"),
        ("MINE__URL", "https://splunk.example:8088"),
        ("MINE__TOKEN", "hunter2-hunter2"),
    ];
    let event = folder.path().join("alert.json");
    std::fs::write(&event, SAMPLES[0].1).unwrap();
    let ended = run(folder.path(), &["preview", "--destination", "mine", event.to_str().unwrap()], &settings).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("host: splunk.example:8088\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("authorization: Splunk ***\n"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("hunter2"));
    let ended = run(folder.path(), &["preview", "--destination", "other"], &settings).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("there are: mine"), "{}", ended.stderr);
}

/// What a preview printed, by destination.
fn sections(stdout: &str) -> Vec<(&str, &str)> {
    let sections = stdout.split("── ").skip(1).map(|section| {
        let (heading, text) = section.split_once('\n').unwrap();
        let name = heading.rsplit_once('(').unwrap().1.split(')').next().unwrap();
        (name, text)
    });
    sections.collect()
}

/// The text with every quoted time since `begun` masked: when an event was received differs from one run to the next.
fn timeless(text: &str, begun: Timestamp) -> String {
    let present = |piece: &str| piece.parse::<Timestamp>().is_ok_and(|time| time >= begun);
    text.split('"').map(|piece| if present(piece) { "<now>" } else { piece }).collect::<Vec<_>>().join("\"")
}

#[tokio::test]
async fn a_preview_is_what_arrives_byte_for_byte() {
    // Receivers may be told whole milliseconds.
    let begun = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    // Control characters that JSON lets stand as they are, and what line formats must escape.
    let hostile = format!(
        r#"{{"SystemAlertId":"a-1","AlertType":"X|Y=Z\\","AlertDisplayName":"é\t|\n{}{}\u0000","Severity":"High","TimeGenerated":"2026-08-21T09:15:01Z","Description":"{}"}}"#,
        '\u{7f}',
        '\u{9b}',
        "long ".repeat(500)
    );
    std::fs::write(folder.path().join("events.ndjson"), format!("{}\n{hostile}\n", SAMPLES[0].1.replace('\n', "")))
        .unwrap();
    let mut receivers = Receivers::start().await.unwrap();
    let settings = receivers.settings.clone();
    let masks = Masks::of(&Values::new(settings.iter().cloned()), CATALOG.iter().map(|kind| (kind.name, kind)));
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let sent = run(folder.path(), &["local", "-q", "events.ndjson"], &settings).await;
    assert_eq!(sent.code, Some(0), "{}{}", sent.stdout, sent.stderr);
    let shown = run(folder.path(), &["preview", "events.ndjson"], &settings).await;
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);

    let mut arrived: BTreeMap<&str, Vec<Payload>> = BTreeMap::new();
    while let Ok(Arrival { destination, payload }) = receivers.arrivals.try_recv() {
        arrived.entry(destination).or_default().push(payload);
    }
    let shown = timeless(&shown.stdout, begun);
    let sections = sections(&shown);
    assert_eq!(sections.len(), CATALOG.len());
    for (name, mut text) in sections {
        assert!(!arrived[name].is_empty(), "nothing arrived at {name}");
        for payload in &arrived[name] {
            match payload {
                Payload::Syslog(message) => {
                    let message = std::str::from_utf8(message).unwrap();
                    text = text.strip_prefix(&format!("{} ", message.len())).unwrap_or(text);
                    text = text.strip_prefix(message).and_then(|rest| rest.strip_prefix('\n')).expect(name);
                }
                Payload::Http { method, target, headers, body } => {
                    let (head, rest) = text.split_once("\n\n").unwrap();
                    let mut lines = head.lines();
                    let target = masks.target(target);
                    assert_eq!(lines.next(), Some(format!("{method} {target} HTTP/1.1").as_str()));
                    for line in lines {
                        let (header, shown) = line.split_once(": ").unwrap();
                        let (_, sent) = headers.iter().find(|(name, _)| name == header).expect(header);
                        assert!(shown == sent || shown.contains("***") || shown.starts_with('<'), "{name}: {line}");
                    }
                    let body = timeless(std::str::from_utf8(body).unwrap(), begun);
                    let shown = rest.get(..body.len());
                    assert_eq!(shown, Some(&*body), "{name}");
                    text = rest[body.len()..].strip_prefix("\n\n").expect(name);
                }
            }
        }
        assert_eq!(text.trim(), "", "{name}: shown, and not sent");
    }
}

#[tokio::test]
async fn the_settings_skeleton_is_a_settings_file() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(folder.path(), &["settings", "--format", "json", "webhook"], &[]).await;
    let file: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(file["IsEncrypted"], false);
    assert_eq!(file["Values"]["DESTINATIONS"], "webhook");
    std::fs::write(folder.path().join("local.settings.json"), &ended.stdout).unwrap();
    let ended = run(folder.path(), &["check"], &[]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let faults: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with("  ")).collect();
    assert!(!faults.is_empty() && faults.iter().all(|fault| fault.contains("is required")), "{faults:#?}");

    let text = run(folder.path(), &["settings"], &[]).await.stdout;
    let markdown = run(folder.path(), &["settings", "--format", "markdown"], &[]).await.stdout;
    for kind in CATALOG {
        for setting in kind.settings.iter().flat_map(|group| group.iter()) {
            let name = format!("{}__{}", kind.name.to_uppercase(), setting.key);
            assert!(text.contains(&name) && markdown.contains(&format!("| `{name}` |")), "{name}");
        }
    }
}

#[tokio::test]
async fn watching_takes_events_at_its_port_until_it_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program(folder.path(), &["local", "--watch", "--port", "0"], &[]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // Read all the time: a full pipe would hold the program up, and with it the answers that this test waits for.
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let (shown, mut lines) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok(Some(line)) = output.next_line().await {
            let _ = shown.send(line);
        }
    });
    let watched = async {
        let address = loop {
            let line = lines.recv().await.expect("it says where it listens");
            if let Some((_, rest)) = line.split_once("listening on http://") {
                break rest.split('/').next().unwrap().to_owned();
            }
        };
        let post = |path: &'static str, body: String| {
            let address = address.clone();
            async move {
                let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
                let method = if body.is_empty() { "GET" } else { "POST" };
                let request = format!(
                    "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(request.as_bytes()).await.unwrap();
                let mut reply = String::new();
                tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut reply).await.unwrap();
                reply
            }
        };
        let event = SAMPLES[0].1.replace("vm-demo-01", "vm-from-the-port");
        assert!(post("/", event).await.starts_with("HTTP/1.1 202"));
        loop {
            let line = lines.recv().await.expect("it shows what arrives");
            if line.contains("vm-from-the-port") {
                break;
            }
        }
        let status = post("/api/status", String::new()).await;
        assert!(status.starts_with("HTTP/1.1 200") && status.contains("\"destinations\""), "{status}");
        assert!(post("/api/nothing", String::new()).await.starts_with("HTTP/1.1 404"));
        let pid = child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        let mut rest = String::new();
        while let Some(line) = lines.recv().await {
            rest.push_str(&line);
            rest.push('\n');
        }
        (child.wait().await.unwrap(), rest)
    };
    let (status, rest) = tokio::time::timeout(GUARD, watched).await.expect("it stops");
    assert!(status.success(), "{rest}");
    assert_eq!(row(&rest, "splunk")[..2], [SAMPLES.len() + 1; 2]);
}

/// What a value is made of: kinds and keys, with JSON inside strings opened.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "bool".into(),
        Value::Number(_) => "number".into(),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(array @ Value::Array(_)) => json!({"json in a string": shape(&array)}),
            _ => "string".into(),
        },
        Value::Array(items) => items.first().map(shape).into_iter().collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), shape(value))).collect::<Map<_, _>>().into(),
    }
}

fn array_in(value: &Value) -> Vec<Value> {
    serde_json::from_str(value.as_str().unwrap()).unwrap()
}

/// An invocation that a vector describes, built by us from what it holds.
fn rebuilt(vector: &Value, wire: &Value) -> Option<Value> {
    let function = vector["path"].as_str()?.trim_start_matches('/');
    let now = Timestamp::now();
    let metadata = &wire["Metadata"];
    let bytes = match vector["name"].as_str()? {
        "timer" => invocation::timer(function, "timer", now),
        "http_non_forwarded" => {
            let req = &wire["Data"]["req"];
            let pairs = |value: &Value| -> Vec<(String, String)> {
                let text = |value: &Value| value.get(0).unwrap_or(value).as_str().unwrap().to_owned();
                value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), text(value))).collect()
            };
            let request = HttpRequest {
                method: req["Method"].as_str()?.to_owned(),
                url: req["Url"].as_str()?.to_owned(),
                query: pairs(&req["Query"]),
                headers: pairs(&req["Headers"]),
                body: req["Body"].as_str()?.as_bytes().to_vec(),
            };
            invocation::http(function, "req", &request, now)
        }
        name if name.starts_with("eventhub_many") => {
            let binary = name.contains("binary");
            let unspecified = name.contains("unspecified");
            let numbers = array_in(&metadata["SequenceNumberArray"]);
            let times = array_in(&metadata["EnqueuedTimeUtcArray"]);
            let events: Vec<HubEvent> = array_in(&wire["Data"]["events"])
                .iter()
                .zip(numbers.iter().zip(&times))
                .map(|(event, (number, time))| HubEvent {
                    body: match event {
                        Value::String(text) if binary => STANDARD.decode(text).unwrap(),
                        Value::String(text) => text.clone().into_bytes(),
                        parsed => parsed.to_string().into_bytes(),
                    },
                    sequence_number: number.as_u64().unwrap(),
                    enqueued: format!("{}Z", time.as_str().unwrap()).parse().unwrap(),
                })
                .collect();
            let context = &metadata["PartitionContext"];
            let partition = Partition {
                hub: context["EventHubName"].as_str()?.to_owned(),
                consumer_group: context["ConsumerGroup"].as_str()?.to_owned(),
            };
            let attempt = metadata.get("RetryContext").map(|retry| Attempt {
                policy: RetryPolicy { max_retries: Some(5), delay: Delay::Fixed(Duration::ZERO) },
                retry: u32::try_from(retry["RetryCount"].as_u64().unwrap()).unwrap(),
                failure: retry["Exception"].is_object().then(|| "HTTP 500".to_owned()),
            });
            let data_type = match (binary, unspecified) {
                (true, _) => DataType::Binary,
                (_, true) => DataType::Json,
                _ => DataType::String,
            };
            invocation::event_hub(function, "events", data_type, &partition, &events, attempt.as_ref(), now)
        }
        _ => return None,
    };
    Some(serde_json::from_slice(&bytes.unwrap()).unwrap())
}

/// Takes out what our stand-in leaves different on purpose: the members of an exception, and the monitor of a timer.
fn comparable(mut wire: Value) -> Value {
    if let Some(exception) = wire.pointer_mut("/Metadata/RetryContext/Exception").filter(|value| value.is_object()) {
        *exception = json!({"ClassName": "", "Message": ""});
    }
    if let Some(status) = wire.pointer_mut("/Data/timer/ScheduleStatus") {
        *status = Value::Null;
    }
    wire
}

#[test]
fn invocations_have_the_shape_of_the_host_vectors() {
    let Some(path) = support::shared("reference/host-vectors.json") else { return };
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut compared = 0;
    for vector in vectors["requests"].as_array().unwrap() {
        let wire: Value = serde_json::from_str(vector["raw_body"].as_str().unwrap()).unwrap();
        let Some(ours) = rebuilt(vector, &wire) else { continue };
        let (ours, wire) = (comparable(ours), comparable(wire));
        assert_eq!(shape(&ours), shape(&wire), "{}", vector["name"]);
        if let (Some(sent), Some(expected)) = (ours["Data"].get("events"), wire["Data"].get("events")) {
            assert_eq!(array_in(sent), array_in(expected), "{}", vector["name"]);
            for key in ["SequenceNumberArray", "EnqueuedTimeUtcArray"] {
                assert_eq!(ours["Metadata"][key], wire["Metadata"][key], "{}: {key}", vector["name"]);
            }
        }
        compared += 1;
    }
    assert!(compared >= 9, "only {compared} vectors were compared");
}

#[test]
fn a_binary_batch_is_one_json_string_of_base64_strings() {
    let event = |body: &[u8], sequence_number| HubEvent {
        body: body.to_vec(),
        sequence_number,
        enqueued: "2026-08-21T09:15:30.48Z".parse().unwrap(),
    };
    let events = [event(br#"{"SystemAlertId":"a1"}"#, 4021), event(b"\xff", 4022)];
    let partition = Partition { hub: "alerts".into(), consumer_group: "relay".into() };
    let now = "2026-08-21T09:15:32.1234567Z".parse().unwrap();
    let bytes = invocation::event_hub("alerts", "events", DataType::Binary, &partition, &events, None, now).unwrap();
    let mut wire: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(wire["Data"], json!({"events": "[\"eyJTeXN0ZW1BbGVydElkIjoiYTEifQ==\",\"/w==\"]"}));
    assert_eq!(wire["Metadata"]["SequenceNumberArray"], "[4021,4022]");
    assert_eq!(wire["Metadata"]["EnqueuedTimeUtcArray"], "[\"2026-08-21T09:15:30.480\",\"2026-08-21T09:15:30.480\"]");
    assert_eq!(wire["Metadata"]["PropertiesArray"], "[{},{}]");
    assert_eq!(wire["Metadata"]["sys"]["UtcNow"], "2026-08-21T09:15:32.1234567Z");
    assert_eq!(wire["Metadata"].as_object_mut().unwrap().remove("RetryContext"), None);
    let not_json = invocation::event_hub("alerts", "events", DataType::Json, &partition, &events, None, now);
    assert!(not_json.is_err(), "the host fails such a batch before the handler sees it");
}
