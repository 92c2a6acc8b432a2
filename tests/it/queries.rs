//! The queries of docs/operations.md, of the alert rules and of the workbook ask for what the program really logs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use defender_relay::deliver::breaker::Circuit;
use defender_relay::functions::ROUTES;
use serde_json::{Map, Value, json};

use crate::support::handler::{Handler, alert, invocation};
use crate::support::sink::{Answer, HttpSink};
use crate::support::{need, program, root};

type Line = Map<String, Value>;

/// Texts of lines that no test can bring about: they are looked for in the source that logs them.
const NOT_PROVOKED: [(&str, &str); 3] = [
    ("well again", "src/deliver/run.rs"), // a circuit closes half a minute after it opened
    ("panicked", "src/telemetry.rs"),     // a bug
    ("letters could not be counted", "src/functions/redeliver.rs"), // the store fails between two listings
];

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The queries of a page, by where they stand.
fn queries_of(page: &str) -> BTreeMap<String, String> {
    let text = read(page);
    let blocks = text.split("```kusto\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    let found: BTreeMap<_, _> =
        blocks.enumerate().map(|(n, query)| (format!("{page}, query {}", n + 1), query)).collect();
    assert!(!found.is_empty(), "{page} has no query");
    found
}

/// Every query on what the event hub functions and redelivery log, by where it stands.
fn queries() -> BTreeMap<String, String> {
    let mut found = queries_of("docs/operations.md");
    for entry in fs::read_dir(root().join("infra/modules/queries")).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        found.insert(name, fs::read_to_string(entry.path()).unwrap());
    }
    let workbook: Value = serde_json::from_str(&read("infra/modules/workbook.json")).unwrap();
    for item in workbook["items"].as_array().unwrap() {
        if let Some(query) = item["content"]["query"].as_str() {
            found.insert(format!("workbook, {}", item["name"].as_str().unwrap()), query.to_owned());
        }
    }
    found
}

/// The string literals of a piece of a query.
fn literals(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

/// Parts of messages that a query looks for: literals in lines that compare a message.
fn texts(query: &str) -> BTreeSet<&str> {
    let compares = |line: &&str| {
        let place = ["message", "text"].iter().any(|name| line.contains(name));
        place && !line.contains("parse_json") && !line.contains("parse message")
    };
    query.lines().filter(compares).flat_map(literals).filter(|text| text.len() > 5 && *text != "_undecodable").collect()
}

/// Fields that a query takes from a line.
fn fields(query: &str) -> BTreeSet<&str> {
    let dotted =
        query.split("line.").skip(1).map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap());
    let quoted = query.split("line[\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    dotted.chain(quoted).collect()
}

/// Whether a text holds these pieces in this order.
fn in_order(text: &str, pieces: &[&str]) -> bool {
    pieces.iter().try_fold(text, |rest, piece| rest.split_once(piece).map(|(_, rest)| rest)).is_some()
}

/// All that the program logs about: alerts that are delivered, parked, refused for good and refused for the credential; pieces that are no
/// record; a circuit that opens; redelivery of what is parked; a store that fails, and settings that are faulty. Also the `Logs` of a reply.
async fn real_lines() -> (Vec<Line>, Vec<String>) {
    let state = tempfile::tempdir().unwrap();
    let store = state.path().join("store");
    let sink = |answer: Answer| HttpSink::start(std::sync::Arc::new(move |_| answer.clone()));
    let (well, down) = (sink(Answer::Take).await, sink(Answer::Refuse(503, None)).await);
    let (picky, locked) = (sink(Answer::Refuse(400, None)).await, sink(Answer::Refuse(401, None)).await);
    let mut settings: BTreeMap<String, String> =
        [("DESTINATIONS", "well=webhook, down=webhook, picky=webhook, locked=webhook"), ("DELIVERY__ATTEMPTS", "1")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
    settings.insert("STATE__URL".into(), format!("file://{}", store.display()));
    for (name, sink) in [("WELL", &well), ("DOWN", &down), ("PICKY", &picky), ("LOCKED", &locked)] {
        settings.insert(format!("{name}__URL"), sink.url.clone());
        settings.insert(format!("{name}__SECRET"), "whsec_bm90IGEgc2VjcmV0OiByZWhlYXJzYWwgb25seSE=".into());
    }
    let mut handler = Handler::start(&settings).await;
    // Five failures open a circuit.
    let mut bodies: Vec<Vec<u8>> = (0..6).map(|n| alert(&format!("query-{n}")).to_string().into_bytes()).collect();
    bodies.push(b"no json".to_vec());
    let (status, reply) = handler.post("alerts", invocation(&bodies, 1)).await.unwrap();
    assert_eq!(status, 200);
    let reply: Value = serde_json::from_slice(&reply).unwrap();
    let logs = reply["Logs"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect();
    handler.tick("redeliver").await;
    fs::remove_dir_all(&store).unwrap();
    fs::write(&store, "in the way").unwrap();
    assert_eq!(handler.alerts(&bodies).await, Some(500), "the store is gone");
    handler.kill();
    let mut output = handler.output.lock().unwrap().clone();
    settings.insert("WELL__URL".into(), "nonsense".into());
    let mut handler = Handler::start(&settings).await;
    assert_eq!(handler.alerts(&[]).await, Some(500), "the settings are faulty");
    handler.kill();
    output.push_str(&handler.output.lock().unwrap());
    assert!(!output.contains("whsec_") && !output.contains("Suspicious"), "{output}");
    (output.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), logs)
}

fn says(line: &Line, text: &str) -> bool {
    line.get("message").and_then(Value::as_str).is_some_and(|message| message.contains(text))
}

#[tokio::test]
async fn every_query_asks_for_messages_and_fields_that_the_program_logs() {
    let (lines, logs) = real_lines().await;
    let mut compared = 0;
    for (place, query) in queries() {
        let texts = texts(&query);
        for text in &texts {
            let source = NOT_PROVOKED.iter().find(|(rare, _)| rare == text).map(|(_, path)| read(path));
            match source {
                Some(source) => assert!(source.contains(text), "{place}: {text:?} is not said any more"),
                None => {
                    let said = lines.iter().any(|line| says(line, text)) || logs.iter().any(|log| log.contains(text));
                    assert!(said, "{place}: nobody says {text:?}");
                }
            }
        }
        let meant: Vec<&Line> = lines.iter().filter(|line| texts.iter().any(|text| says(line, text))).collect();
        for field in fields(&query) {
            assert!(meant.iter().any(|line| line.contains_key(field)), "{place}: no such line has {field:?}");
            compared += 1;
        }
        for pattern in query.lines().filter_map(|line| line.split_once("parse message with ")) {
            let pieces: Vec<&str> = literals(pattern.1).collect();
            assert!(logs.iter().any(|line| in_order(line, &pieces)), "{place}: {pieces:?} in none of {logs:?}");
        }
    }
    assert!(compared >= 60, "only {compared} fields were found in the queries");
}

#[tokio::test]
async fn lines_say_what_the_rules_compare() {
    let (lines, _) = real_lines().await;
    let redelivery = |destination: &str| {
        let line = lines.iter().find(|line| {
            says(line, "redelivery") && line.contains_key("waiting") && line["destination"] == destination
        });
        let line = line.unwrap_or_else(|| panic!("no line on {destination}"));
        assert!(line["buried"].is_u64() && line["delivered"].is_u64() && line["dead"].is_u64(), "{line:?}");
        (
            line["waiting"].as_u64().unwrap(),
            line["buried"].as_u64().unwrap(),
            line.get("breaker").cloned(),
            line.clone(),
        )
    };
    let (waiting, buried, breaker, line) = redelivery("down");
    assert_eq!((waiting, buried, breaker), (6, 0, Some("open".into())));
    assert!(line["oldest_waiting_s"].is_u64(), "{line:?}");
    let (waiting, buried, breaker, _) = redelivery("locked");
    assert_eq!((waiting, buried, breaker), (6, 0, Some("open".into())));
    let (waiting, buried, breaker, line) = redelivery("picky");
    assert_eq!(
        (waiting, buried, breaker),
        (0, 6, Some("closed".into())),
        "dead letters are counted though nothing waits"
    );
    assert!(!line.contains_key("oldest_waiting_s"), "{line:?}");
    let (waiting, buried, breaker, _) = redelivery("_undecodable");
    assert_eq!((waiting, buried, breaker), (0, 1, None));
    assert!(!lines.iter().any(|line| says(line, "redelivery") && line.get("destination") == Some(&json!("well"))));
    let relayed = lines.iter().find(|line| says(line, "batch relayed")).unwrap();
    assert!(relayed["lag_s"].is_u64() && relayed["function"] == "alerts", "{relayed:?}");
}

#[test]
fn an_open_circuit_is_called_as_the_rule_calls_it() {
    let query = read("infra/modules/queries/breaker-open.kql");
    let asked: Vec<&str> = query.lines().filter(|line| line.contains("line.breaker")).flat_map(literals).collect();
    assert_eq!(asked, [Circuit::Open, Circuit::HalfOpen].map(|circuit| circuit.to_string()));
}

#[test]
fn queries_name_functions_that_exist() {
    // Functions that have a place in the rules before they have a folder.
    let known: BTreeSet<&str> = ROUTES.iter().copied().collect();
    let mut named = 0;
    for (place, query) in queries().iter().filter(|(_, query)| query.starts_with("requests")) {
        for name in
            query.lines().filter_map(|line| line.strip_prefix("| where name")?.split(" and ").next()).flat_map(literals)
        {
            assert!(known.contains(name), "{place}: {name}");
            named += 1;
        }
    }
    assert!(named >= 8, "{named}");
}

/// The rules of alert-rules.bicep: name, file of the query, measured column, split by.
fn log_rules() -> Vec<[String; 4]> {
    let bicep = read("infra/modules/alert-rules.bicep");
    let list = bicep.split_once("var logRules = [").unwrap().1.split_once("\n]\n").unwrap().0;
    let value = |rule: &str, key: &str| {
        let line = rule.lines().find_map(|line| line.trim().strip_prefix(key).and_then(|rest| rest.strip_prefix(": ")));
        line.unwrap_or_else(|| panic!("{key} in {rule}")).trim_matches('\'').to_owned()
    };
    list.split("\n  {\n")
        .skip(1)
        .map(|rule| {
            let query = value(rule, "query").replace("loadTextContent('queries/", "").replace("')", "");
            [value(rule, "name"), query, value(rule, "measure"), value(rule, "dimensions")]
        })
        .collect()
}

/// What Microsoft's language service of Kusto says of each query; nothing when it is not here.
fn judged(queries: &BTreeMap<String, String>) -> Option<Value> {
    let service = root().join("target/peers/kusto/node_modules/@kusto/language-service-next");
    let node = need("the Kusto language service (scripts/peers)", program("node").filter(|_| service.is_dir()))?;
    let mut judge = Command::new(node)
        .arg(root().join("tests/it/judge_queries.js"))
        .arg(service)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = serde_json::to_vec(queries).unwrap();
    judge.stdin.take().unwrap().write_all(&input).unwrap();
    Some(serde_json::from_slice(&judge.wait_with_output().unwrap().stdout).unwrap())
}

#[test]
fn every_query_is_kusto_and_measures_are_numbers() {
    let mut queries = queries();
    queries.extend(["docs/graph.md", "docs/sync.md"].into_iter().flat_map(queries_of));
    for query in queries.values_mut() {
        *query = query.replace("{TimeRange:grain}", "5m"); // the workbook puts the time in
    }
    queries.insert("no query".into(), "traces | where mesage == 1".into());
    let Some(verdicts) = judged(&queries) else { return };
    for name in queries.keys() {
        let problems = verdicts[name]["problems"].as_array().unwrap();
        assert_eq!(problems.is_empty(), name != "no query", "{name}: {problems:?}");
    }
    for [name, file, measure, _] in log_rules().iter().filter(|rule| !rule[2].is_empty()) {
        let kind = verdicts[file]["columns"][measure].as_str().unwrap();
        assert!(["int", "long", "real"].contains(&kind), "{name}: {measure} is {kind}");
    }
}

#[test]
fn every_rule_has_its_query_and_every_query_its_rule() {
    let rules = log_rules();
    for [name, file, measure, dimensions] in &rules {
        let query = read(&format!("infra/modules/queries/{file}"));
        let columns =
            query.lines().last().unwrap().strip_prefix("| project ").unwrap_or_else(|| panic!("{name}: {query}"));
        let split = ["perDestination", "perFunction"].iter().position(|split| split == dimensions);
        let split = split.map_or("", |split| ["destination", "function_name"][split]);
        for column in ["timestamp", measure, split].into_iter().filter(|column| !column.is_empty()) {
            let given = columns.split(", ").map(|column| column.split(" = ").next().unwrap());
            assert!(given.clone().any(|given| given == column), "{name}: {column} is not in {columns}");
        }
        assert!(
            query.starts_with("traces\n") || query.starts_with("requests\n"),
            "{name}: a rule's query begins with a table"
        );
        assert!(!query.contains("ago(") && !query.contains(" take "), "{name}: the rule's window says the time");
    }
    let used: BTreeSet<&str> = rules.iter().map(|rule| rule[1].as_str()).collect();
    let files: BTreeSet<String> = queries().into_keys().filter(|place| place.ends_with(".kql")).collect();
    assert_eq!(used, files.iter().map(String::as_str).collect());
}

/// GitHub's anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().replace(' ', "-")
}

#[test]
fn the_operations_page_explains_every_rule_and_rules_point_to_pages_that_exist() {
    let bicep = read("infra/modules/alert-rules.bicep");
    let page = read("docs/operations.md");
    let section = page.split_once("## Alert rules").unwrap().1.split_once("\n## ").unwrap().0;
    let explained: BTreeSet<&str> =
        section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let metric_rules = ["throttled", "quota", "unread"];
    for name in metric_rules {
        assert!(bicep.contains(&format!("name: 'relay-${{environmentName}}-{name}")), "{name}");
    }
    let rules = log_rules();
    let names = rules.iter().map(|rule| rule[0].as_str()).chain(metric_rules);
    assert_eq!(explained, names.collect());
    let mut links = 0;
    for link in bicep
        .lines()
        .filter(|line| line.trim().starts_with("description:"))
        .flat_map(|line| line.split("docs/").skip(1))
    {
        let link = link.trim_end_matches(['\'', '.']).split([' ', ':']).next().unwrap().trim_end_matches('.');
        let (path, wanted) = link.split_once('#').unwrap_or((link, ""));
        let target = read(&format!("docs/{path}"));
        let headings = target.lines().filter_map(|line| line.strip_prefix("## "));
        assert!(wanted.is_empty() || headings.map(anchor).any(|found| found == wanted), "docs/{link}");
        links += 1;
    }
    assert!(links >= 9, "{links}");
}

#[test]
fn the_workbook_is_a_workbook_and_its_ids_are_replaced() {
    let text = read("infra/modules/workbook.json");
    let workbook: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(workbook["version"], "Notebook/1.0");
    let items = workbook["items"].as_array().unwrap();
    let names: BTreeSet<&str> = items.iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), items.len(), "names are unique");
    for item in items {
        let content = &item["content"];
        match item["type"].as_u64().unwrap() {
            1 | 9 => {}
            3 => assert_eq!(content["crossComponentResources"], json!(["%COMPONENT%"]), "{}", item["name"]),
            10 => assert_eq!(content["resourceIds"], json!(["%NAMESPACES%"]), "{}", item["name"]),
            other => panic!("{}: an item of type {other}", item["name"]),
        }
        if content["query"].is_string() || item["type"] == 10 {
            assert_eq!(content["timeContextFromParameter"], "TimeRange", "{}", item["name"]);
        }
    }
    let bicep = read("infra/modules/monitoring.bicep");
    let marks: BTreeSet<&str> = text.split('%').skip(1).step_by(2).collect();
    assert_eq!(marks, BTreeSet::from(["COMPONENT", "NAMESPACES"]));
    assert!(marks.iter().all(|mark| bicep.contains(&format!("'%{mark}%'"))));
    assert!(!text.contains("/subscriptions/"), "an id of somebody's own");
}
