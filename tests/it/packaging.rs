//! What `scripts/package` stages is what the Functions host finds: nothing missing, nothing foreign, everything where it looks.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use defender_relay::functions::ROUTES;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::root;

/// The handler's body limit is at least this much (the figure; see `docs/hosting.md`).
const BODY_LIMIT: u64 = 256 << 20;

/// The largest event of the Event Hubs standard tier.
const LARGEST_EVENT: u64 = 1 << 20;

/// A staged app, made of the program under test.
struct Staged {
    folder: TempDir,
}

impl Staged {
    fn new(arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let output = package(&folder.path().join("dist"), arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { folder }
    }

    fn dist(&self) -> PathBuf {
        self.folder.path().join("dist")
    }

    fn json(&self, path: &str) -> Value {
        json(&self.dist().join(path))
    }
}

fn package(out: &Path, arguments: &[&str]) -> Output {
    Command::new(root().join("scripts/package"))
        .args(arguments)
        .arg("--binary")
        .arg(env!("CARGO_BIN_EXE_defender-relay"))
        .arg("--out")
        .arg(out)
        .output()
        .unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Every file below `folder`, relative to it.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// A span of time as host.json writes it: `hh:mm:ss`.
fn time_span(value: &Value) -> Duration {
    let fields: Vec<u64> = value.as_str().unwrap().split(':').map(|field| field.parse().unwrap()).collect();
    let [hours, minutes, seconds] = fields[..] else { panic!("{value} is no hh:mm:ss") };
    Duration::from_secs(hours * 3600 + minutes * 60 + seconds)
}

#[test]
fn the_stage_holds_what_the_host_reads_and_nothing_else() {
    let staged = Staged::new(&[]);
    // The host looks for function.json exactly one level below host.json, and names the function after the folder.
    let functions = ROUTES.iter().map(|route| format!("{route}/function.json"));
    let expected: BTreeSet<String> =
        ["host.json", "defender-relay"].into_iter().map(str::to_owned).chain(functions).collect();
    assert_eq!(files(&staged.dist()), expected);
}

#[test]
fn every_function_has_a_name_that_the_host_takes() {
    for name in ROUTES {
        let mut letters = name.chars();
        // The host's own rule: ^[a-z][a-z0-9_\-]{0,127}$, without regard to case, and not `host`.
        assert!(letters.next().is_some_and(|first| first.is_ascii_alphabetic()), "{name}");
        assert!(letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')), "{name}");
        assert!(name.len() <= 128 && !name.eq_ignore_ascii_case("host"), "{name}");
    }
}

#[test]
fn the_staged_program_is_executable_and_the_rest_is_not() {
    let staged = Staged::new(&[]);
    for file in files(&staged.dist()) {
        let mode = fs::metadata(staged.dist().join(&file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if file == "defender-relay" { 0o755 } else { 0o644 }, "{file}");
    }
}

#[test]
fn the_zip_holds_the_stage_with_its_modes_and_is_the_same_every_time() {
    let staged = Staged::new(&["--zip"]);
    let bytes = fs::read(staged.dist().with_extension("zip")).unwrap();
    let entries = zip_entries(&bytes);
    let names: BTreeSet<String> = entries.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names, files(&staged.dist()));
    for (name, mode) in entries {
        assert_eq!(mode, if name == "defender-relay" { 0o100_755 } else { 0o100_644 }, "{name}");
    }
    let again = package(&staged.dist(), &["--zip"]);
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert!(fs::read(staged.dist().with_extension("zip")).unwrap() == bytes, "the second zip differs from the first");
}

/// Name and Unix mode of each entry of a zip's central directory (APPNOTE.TXT section 4.3.12).
fn zip_entries(zip: &[u8]) -> Vec<(String, u32)> {
    let short = |at: usize| usize::from(u16::from_le_bytes([zip[at], zip[at + 1]]));
    let long = |at: usize| u32::from_le_bytes(zip[at..at + 4].try_into().unwrap());
    let end = zip.windows(4).rposition(|bytes| bytes == b"PK\x05\x06").unwrap();
    let mut at = long(end + 16) as usize;
    (0..short(end + 10))
        .map(|_| {
            assert_eq!(&zip[at..at + 4], b"PK\x01\x02");
            assert_eq!(zip[at + 5], 3, "made by Unix, or the mode has no meaning");
            let (name, extra, comment) = (short(at + 28), short(at + 30), short(at + 32));
            let entry = (String::from_utf8(zip[at + 46..at + 46 + name].to_vec()).unwrap(), long(at + 38) >> 16);
            at += 46 + name + extra + comment;
            entry
        })
        .collect()
}

#[test]
fn a_folder_that_holds_something_else_is_not_cleared() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("host.json"), "mine").unwrap();
    let output = package(folder.path(), &[]);
    assert!(!output.status.success());
    assert_eq!(fs::read_to_string(folder.path().join("host.json")).unwrap(), "mine");
}

#[test]
fn the_host_starts_the_program_by_its_exact_name() {
    let host = json(&root().join("host.json"));
    assert_eq!(host["version"], "2.0");
    // The tools mark only an exact match as executable: `./defender-relay` would arrive without its bit.
    assert_eq!(host["customHandler"]["description"]["defaultExecutablePath"], "defender-relay");
    assert_eq!(host["customHandler"]["enableForwardingHttpRequest"], Value::Null, "one wire for all functions");
    assert_eq!(host["extensionBundle"]["id"], "Microsoft.Azure.Functions.ExtensionBundle");
    assert_eq!(host["extensionBundle"]["version"], "[4.*, 5.0.0)");
}

#[test]
fn the_hosts_time_out_leaves_room_for_a_whole_delivery() {
    let host = json(&root().join("host.json"));
    let budget = defender_relay::app::DELIVERY_SETTINGS.iter().find(|setting| setting.key == "BUDGET").unwrap();
    let defender_relay::settings::Need::Default(budget) = budget.need else { panic!("BUDGET has a default") };
    let budget = defender_relay::settings::parse_duration(budget).unwrap();
    assert!(
        time_span(&host["functionTimeout"]) >= 4 * budget,
        "the time-out kills the process and all that runs in it"
    );
}

#[test]
fn the_largest_batch_fits_the_body_limit() {
    let hub = &json(&root().join("host.json"))["extensions"]["eventHubs"];
    let batch = hub["maxEventBatchSize"].as_u64().unwrap();
    assert!(batch * LARGEST_EVENT * 4 / 3 < BODY_LIMIT, "base64 makes three bytes four");
    // Envelopes of logs are often near the limit: the host must not hold prefetchCount of them for each partition.
    assert!(hub["prefetchSizeInBytes"].as_u64().unwrap() <= batch * LARGEST_EVENT);
    assert_eq!(hub["batchCheckpointFrequency"], 1);
    assert_eq!(hub["initialOffsetOptions"]["type"], "fromStart", "what waits in the hub at the first start is wanted");
}

#[test]
fn no_log_line_is_sampled_away() {
    let logging = &json(&root().join("host.json"))["logging"];
    let excluded = logging["applicationInsights"]["samplingSettings"]["excludedTypes"].as_str().unwrap();
    assert_eq!(excluded.split(';').collect::<BTreeSet<_>>(), BTreeSet::from(["Exception", "Trace"]));
    for category in ["Host.Results", "Host.Function.Console", "Function"] {
        assert_eq!(logging["logLevel"][category], "Information", "{category}");
    }
}

#[test]
fn events_arrive_in_batches_of_exact_bytes_and_are_retried_for_ever() {
    let staged = Staged::new(&[]);
    // The connections are names of settings (EventHub__fullyQualifiedNamespace), never connection strings. That of logs is its own:
    // diagnostic settings need a SAS rule, so their hub may have to lie in another namespace.
    for (route, hub, consumer_group, connection) in [
        ("alerts", "%EVENT_HUB_NAME%", "%EVENT_HUB_CONSUMER_GROUP%", "EventHub"),
        ("logs", "%LOGS_EVENT_HUB_NAME%", "%LOGS_CONSUMER_GROUP%", "LogsEventHub"),
    ] {
        let function = staged.json(&format!("{route}/function.json"));
        let [trigger] = function["bindings"].as_array().unwrap().as_slice() else { panic!("one binding") };
        for (key, value) in [
            ("type", "eventHubTrigger"),
            ("direction", "in"),
            ("cardinality", "many"),
            ("dataType", "binary"),
            ("eventHubName", hub),
            ("consumerGroup", consumer_group),
            ("connection", connection),
        ] {
            assert_eq!(trigger[key], value, "{route}: {key}");
        }
        let retry = &function["retry"];
        let policy = (retry["strategy"].as_str(), retry["maxRetryCount"].as_i64());
        assert_eq!(policy, (Some("exponentialBackoff"), Some(-1)), "{route}");
        // The host refuses the function when one of the two is missing.
        assert!(time_span(&retry["minimumInterval"]) < time_span(&retry["maximumInterval"]), "{route}");
    }
}

#[test]
fn each_function_has_one_trigger_and_only_http_answers() {
    for route in ROUTES {
        let function = json(&root().join("function-triggers").join(route).join("function.json"));
        let bindings = function["bindings"].as_array().unwrap();
        let of_type = |wanted: &str| bindings.iter().filter(|binding| binding["type"] == wanted).count();
        let triggers = bindings.iter().filter(|b| b["type"].as_str().unwrap().ends_with("Trigger")).count();
        assert_eq!(triggers, 1, "{route}");
        assert_eq!(of_type("http"), of_type("httpTrigger"), "{route}: an HTTP trigger answers through `res`");
    }
}

#[test]
fn http_functions_want_a_key_and_one_method() {
    for (route, method) in [("replay", "post"), ("status", "get")] {
        let function = json(&root().join("function-triggers").join(route).join("function.json"));
        let trigger = &function["bindings"][0];
        assert_eq!(trigger["authLevel"], "function", "{route} is not for strangers");
        assert_eq!(trigger["methods"], serde_json::json!([method]), "{route}");
        assert_eq!(function["bindings"][1]["name"], "res", "{route}");
    }
}

#[test]
fn redelivery_and_graph_run_every_minute() {
    for route in ["redeliver", "graph"] {
        let function = json(&root().join("function-triggers").join(route).join("function.json"));
        let timer = &function["bindings"][0];
        assert_eq!((timer["type"].as_str(), timer["schedule"].as_str()), (Some("timerTrigger"), Some("0 * * * * *")));
        assert_eq!(timer["runOnStartup"], false, "each new instance would run it at once");
    }
}
