//! Lines judged by parsers that others wrote: CEF by `cefp`, RFC 5424 by `syslog-rfc5424-parser` (strict) and the crate
//! `syslog_rfc5424` (values); LEEF, for which there is no parser anywhere, by a small one written from IBM's description.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod records;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use defender_relay::destinations::{Destination, kind};
use defender_relay::event::decode::{Decoded, Texts, decode};
use defender_relay::event::{Event, RecordKind, parse_time};
use defender_relay::format::record::is_posture;
use defender_relay::settings::{Section, Values};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support;

/// A destination with settings, and how long its messages may be.
pub(crate) struct Way {
    destination: Box<dyn Destination>,
    speaks: Speech,
    max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    /// CEF alone.
    Cef,
    /// LEEF alone.
    Leef(char),
    /// RFC 5424 with JSON.
    Json,
    /// RFC 5424 with CEF.
    SyslogCef,
}

/// A host name as long as RFC 5424 allows, which leaves the least room for the record.
fn long_host() -> String {
    "h".repeat(255)
}

fn way(name: &str, settings: &[(&str, &str)], speaks: Speech, max: usize) -> Way {
    let kind = kind(name).unwrap();
    let address = [("ADDRESS", "tls://collector.example")];
    let values =
        Values::new(address.iter().chain(settings).map(|(key, value)| (format!("X__{key}"), (*value).to_owned())));
    let destination = (kind.open)(&Section::new("x", kind.settings.to_vec(), &values)).unwrap();
    Way { destination, speaks, max }
}

pub(crate) fn ways() -> Vec<Way> {
    let host = long_host();
    let app = "a".repeat(48);
    vec![
        way("arcsight", &[("HEADER", "none")], Speech::Cef, 8000),
        way("arcsight", &[("HEADER", "none"), ("CEF_VERSION", "1"), ("MAX_MESSAGE_BYTES", "1024")], Speech::Cef, 1024),
        way(
            "arcsight",
            &[("HEADER", "rfc5424"), ("HOSTNAME", &host), ("MAX_MESSAGE_BYTES", "1024")],
            Speech::SyslogCef,
            1024,
        ),
        way("qradar", &[("HEADER", "none")], Speech::Leef('^'), 4000),
        way(
            "qradar",
            &[("HEADER", "none"), ("LEEF_VERSION", "1.0"), ("MAX_MESSAGE_BYTES", "1024")],
            Speech::Leef('\t'),
            1024,
        ),
        way("qradar", &[("HEADER", "none"), ("DELIMITER", "x09")], Speech::Leef('\t'), 4000),
        way("syslog", &[], Speech::Json, 8000),
        way(
            "syslog",
            &[
                ("HOSTNAME", &host),
                ("APP_NAME", &app),
                ("SD_ID", "abcdefghijklmnopqrstuvwxyz@32473"),
                ("MAX_MESSAGE_BYTES", "1024"),
            ],
            Speech::Json,
            1024,
        ),
        way("syslog", &[("FORMAT", "cef")], Speech::SyslogCef, 8000),
    ]
}

fn decoded<'a>(body: &'a str, texts: &'a Texts) -> Decoded<'a> {
    let mut decoded = Decoded::default();
    decode(body.as_bytes(), parse_time("2026-02-03T04:05:06Z").unwrap(), texts, &mut decoded);
    decoded
}

/// Renders, and holds the line to what holds for every line: bounded, UTF-8, one line, the same when rendered again.
fn rendered(way: &Way, event: &Event<'_>) -> String {
    let (mut line, mut again) = (Vec::new(), b"before".to_vec());
    way.destination.render(event, &mut line).unwrap();
    way.destination.render(event, &mut again).unwrap();
    assert_eq!(again[6..], line, "{:?}: what stood in the buffer changed the record", way.speaks);
    assert!(line.len() <= way.max, "{:?}: {} bytes", way.speaks, line.len());
    let line = String::from_utf8(line).unwrap();
    assert!(!line.contains(['\r', '\n', '\0']), "{:?}: {line:?}", way.speaks);
    line
}

/// The text as a line format may say it: outer white space and control characters gone, inner ones spaces.
fn one_line(text: &str, keeps: impl Fn(char) -> bool) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.trim_matches(|c: char| c.is_whitespace() || breaks(c) || (c == '^' && !keeps(c)))
        .chars()
        .map(|c| if (breaks(c) && !keeps(c)) || (c == '^' && !keeps(c)) { ' ' } else { c })
        .collect()
}

/// Holds that `said` is `meant`, or its beginning with an ellipsis.
#[track_caller]
fn assert_says(said: &str, meant: &str) {
    match said.strip_suffix('…') {
        Some(beginning) if said != meant => assert!(meant.starts_with(beginning), "{said:?} for {meant:?}"),
        _ => assert_eq!(said, meant),
    }
}

/// LEEF from IBM's description: header fields between pipes, then pairs between delimiters, split at the first `=`.
pub(crate) fn parse_leef(line: &str, delimiter: char) -> (Vec<&str>, BTreeMap<&str, &str>) {
    let (fields, named) = match line.split('|').next() {
        Some("LEEF:1.0") => (6, None),
        Some("LEEF:2.0") => (7, line.split('|').nth(5)),
        other => panic!("no LEEF: {other:?}"),
    };
    match named {
        Some("x09") => assert_eq!(delimiter, '\t'),
        Some(named) => assert_eq!(named, delimiter.to_string()),
        None => assert_eq!(delimiter, '\t'),
    }
    let mut parts: Vec<&str> = line.splitn(fields, '|').collect();
    let mut pairs = BTreeMap::new();
    for pair in parts.pop().unwrap().split(delimiter) {
        let (key, value) = pair.split_once('=').unwrap_or_else(|| panic!("no pair: {pair:?} in {line:?}"));
        assert!(!key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{key:?}");
        assert!(pairs.insert(key, value).is_none(), "{key} twice");
    }
    (parts, pairs)
}

fn check_leef(line: &str, delimiter: char, event: &Event<'_>) {
    let (header, pairs) = parse_leef(line, delimiter);
    assert_eq!(header[1..4], ["Microsoft", "Defender for Cloud", "1.0"]);
    assert!(!header[4].is_empty() && header[4].chars().count() <= 255);
    assert_eq!(pairs["eventId"], event.id.to_string());
    assert!((1..=10).contains(&pairs["sev"].parse::<u8>().unwrap()));
    let said = |c: char| c == '^' && delimiter != '^';
    if event.any_alert().is_none() {
        records::check_leef(&header, &pairs, delimiter, event);
    }
    if let Some(alert) = &event.alert {
        for (key, meant) in [
            ("desc", &alert.description_filled()),
            ("alertId", &alert.system_alert_id),
            ("resource", &alert.compromised_entity),
        ] {
            if let (Some(value), Some(meant)) = (pairs.get(key), meant) {
                assert_says(value, &one_line(meant, said));
            }
        }
    }
}

/// What `cefp` or our own reading made of a CEF line.
fn check_cef(name: &str, severity: &str, extension: &BTreeMap<String, String>, event: &Event<'_>) {
    assert!(!name.is_empty() && name.chars().count() <= 512);
    assert!(severity.parse::<u8>().unwrap() <= 10);
    assert_eq!(extension["cs5"], event.id.to_string());
    assert_eq!(extension["cs5Label"], "EventId");
    for (key, longest) in
        [("externalId", 40), ("msg", 1023), ("dhost", 1023), ("dvchost", 100), ("request", 1023), ("cs1", 4000)]
    {
        assert!(extension.get(key).is_none_or(|value| value.chars().count() <= longest), "{key}");
    }
    let keeps = |c: char| matches!(c, '\r' | '\n' | '^');
    if event.any_alert().is_none() {
        records::check_cef(extension, event);
    }
    if let Some(alert) = &event.alert {
        for (key, meant) in [
            ("msg", &alert.description_filled()),
            ("cs4", &alert.system_alert_id),
            ("dhost", &alert.compromised_entity),
        ] {
            if let (Some(value), Some(meant)) = (extension.get(key), meant) {
                assert_says(value, &one_line(meant, keeps));
            }
        }
    }
}

/// A CEF reader of our own, for inputs by the thousand; `cefp` judges the fixtures.
pub(crate) fn parse_cef(line: &str) -> (String, String, BTreeMap<String, String>) {
    let (mut fields, mut field, mut chars) = (Vec::new(), String::new(), line.chars());
    while fields.len() < 7 {
        match chars.next().expect("seven pipes") {
            '\\' => field.push(chars.next().expect("a character after the backslash")),
            '|' => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    while let Some(c) = chars.next() {
        match c {
            '\\' => field.push(match chars.next().expect("a character after the backslash") {
                'n' => '\n',
                'r' => '\r',
                c => c,
            }),
            '=' => {
                let key = field.rsplit(' ').next().unwrap().to_owned();
                field.truncate(field.len() - key.len());
                if let Some((_, value)) = pairs.last_mut() {
                    *value = std::mem::take(&mut field).strip_suffix(' ').expect("a space before the key").to_owned();
                }
                assert!(field.is_empty() && pairs.iter().all(|(known, _)| *known != key), "{key:?} in {line:?}");
                pairs.push((key, String::new()));
            }
            c => field.push(c),
        }
    }
    pairs.last_mut().unwrap().1 = field;
    (fields.swap_remove(5), fields.swap_remove(5), pairs.into_iter().collect())
}

/// What the crate `syslog_rfc5424` reads: the structured data's values, and the message.
fn check_syslog(line: &str, speaks: Speech, event: &Event<'_>) {
    let message = syslog_rfc5424::parse_message(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    assert_eq!(message.timestamp, Some(defender_relay::format::alert::time(event).as_second()));
    if speaks == Speech::SyslogCef {
        let (name, severity, extension) = parse_cef(message.msg.trim_start());
        return check_cef(&name, &severity, &extension, event);
    }
    let (_, data) = message.sd.iter().next().expect("structured data");
    assert_eq!(data["eventId"], event.id.to_string());
    if let (Some(alert), Some(said)) = (&event.alert, data.get("desc")) {
        assert_says(said, &one_line(&alert.description_filled().unwrap_or_default(), |c| c == '^'));
    }
    let record: Value = serde_json::from_str(&message.msg).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    if !data.contains_key("truncated") {
        assert_eq!(record, serde_json::from_str::<Value>(event.raw).unwrap());
    } else {
        assert!(data.contains_key("dropped") && record.is_object());
    }
}

/// Renders, and reads back what was rendered.
pub(crate) fn check(way: &Way, event: &Event<'_>) {
    let line = rendered(way, event);
    match way.speaks {
        Speech::Cef => {
            let (name, severity, extension) = parse_cef(&line);
            check_cef(&name, &severity, &extension, event);
        }
        Speech::Leef(delimiter) => check_leef(&line, delimiter, event),
        speaks @ (Speech::Json | Speech::SyslogCef) => check_syslog(&line, speaks, event),
    }
}

/// An alert whose every text is `text`.
pub(crate) fn alert_of(text: &str) -> String {
    json!({
        "VendorName": "Microsoft", "SystemAlertId": text, "AlertType": text, "AlertDisplayName": text, "Description": text,
        "Severity": "High", "Status": text, "Intent": text, "CompromisedEntity": text, "AzureResourceId": text, "AlertUri": text,
        "StartTimeUtc": "2026-02-03T04:05:06.7891234Z", "EndTimeUtc": text, "TimeGenerated": "2026-02-03T04:09:10.1234567Z",
        "Entities": [
            {"$id": "1", "Type": "ip", "Address": text},
            {"$id": "2", "Type": "account", "Name": text, "NTDomain": text, "Sid": text},
            {"$id": "3", "Type": "file", "Name": text, "Directory": text, "FileHashes": [{"Algorithm": "SHA256", "Value": text}]},
            {"$id": "4", "Type": "process", "ProcessId": text, "CommandLine": text, "ImageFile": {"$ref": "3"}},
        ],
        "ExtendedProperties": {"Techniques": text, text: text},
        "RemediationSteps": [text],
    })
    .to_string()
}

/// What has broken line formats before.
fn hostile() -> Vec<String> {
    let million = "x".repeat(1_000_000);
    let long = "x".repeat(9_000);
    let escapes = "\\=|]\"".repeat(1_000);
    let crabs = "🦀".repeat(1_000);
    let texts = [
        "a|b=c^d\te\\f\"g]h",
        "line\r\nbreak\n\n<134>1 - - - - - - forged",
        "CEF:0|a|b|c|d|e|9|src=1.2.3.4",
        "%{Techniques} %{nothing} %{",
        "ends in a backslash\\",
        "\\",
        "=",
        "|",
        "^",
        " ",
        "\0\u{1}\u{7f}\u{85}\u{2028}\u{2029}\u{feff}",
        "\u{202e}gnp.exe\u{202c} אבג",
        "cs1=forged cs1Label=forged msg=forged",
        "x^src=6.6.6.6\tsrc=6.6.6.6|src=6.6.6.6^usrName=forged\tusrName=forged|cat=forged^cat=forged\tdevTime=1234567890123",
        &long,
        &escapes,
        &crabs,
        "00.00.00.00",
        "[\"Execution\",\"Persistence\"]",
    ];
    let mut bodies: Vec<String> = texts.iter().map(|text| alert_of(text)).collect();
    bodies.extend(texts.iter().flat_map(|text| records::records_of(text)));
    bodies.push("{\r\n\t\"nothing\" : [ \"known\" ]\r\n}".into());
    bodies.push("{}".into());
    bodies.push(
        json!({"SystemAlertId": "x", "AlertType": "T", "AlertDisplayName": million, "Severity": "High"}).to_string(),
    );
    let members: serde_json::Map<String, Value> =
        (0..500).map(|n| (format!("unknown{n}"), json!("x".repeat(n)))).collect();
    bodies.push(Value::Object(members).to_string());
    bodies.push(json!({"id": "/subscriptions/x/providers/Microsoft.Security/locations/y/alerts/z", "name": "z",
        "type": "Microsoft.Security/Locations/alerts",
        "properties": {"systemAlertId": "z", "alertType": "T", "severity": "High", "entities": [million], "status": "Active"}}).to_string());
    bodies
}

/// Every body there is: our fixtures, the shared samples, and hostile ones.
fn bodies() -> Vec<String> {
    let folders = [Some(support::root().join("tests/fixtures/events")), support::shared("samples")];
    let mut files: Vec<PathBuf> = folders
        .into_iter()
        .flatten()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flat_map(|files| files.map(|file| file.unwrap().path()))
        .filter(|file| file.is_file())
        .collect();
    files.sort();
    files.into_iter().filter_map(|file| std::fs::read_to_string(file).ok()).chain(hostile()).collect()
}

#[test]
fn every_record_reads_back() {
    let ways = ways();
    let mut events = 0;
    for body in bodies() {
        let texts = Texts::default();
        for event in decoded(&body, &texts).events {
            events += 1;
            for way in &ways {
                check(way, &event);
            }
        }
    }
    assert!(events > 20, "{events} events");
}

/// A Python that has both parsers.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("RELAY_JUDGES_PYTHON").map(PathBuf::from).or_else(|| support::program("python3"))?;
    let able = Command::new(&python)
        .args(["-c", "import cefp, syslog_rfc5424_parser"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    able.then_some(python)
}

/// Hands every case to one Python process and returns its verdicts.
fn judged(python: &PathBuf, cases: &[Value]) -> Vec<Value> {
    let mut input: String = String::new();
    for case in cases {
        input.push_str(&case.to_string());
        input.push('\n');
    }
    let mut judge = Command::new(python)
        .arg(support::root().join("tests/it/judge_lines.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = judge.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let output = judge.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn other_peoples_parsers_agree() {
    let Some(python) = support::need("a python with cefp and syslog-rfc5424-parser (RELAY_JUDGES_PYTHON)", python())
    else {
        return;
    };
    let ways = ways();
    let bodies = bodies();
    let texts = Texts::default();
    let events: Vec<Event<'_>> = bodies.iter().flat_map(|body| decoded(body, &texts).events).collect();
    let (mut cases, mut of) = (Vec::new(), Vec::new());
    for event in &events {
        for way in &ways {
            let format = match way.speaks {
                Speech::Cef => "cef",
                Speech::Json | Speech::SyslogCef => "rfc5424",
                Speech::Leef(_) => continue,
            };
            let line = rendered(way, event);
            if format == "rfc5424" && line.contains("\\\\\"") {
                // That parser takes the quote after an escaped backslash for an escaped quote; the crate's reads it rightly.
                continue;
            }
            cases.push(json!({"format": format, "line": line}));
            of.push((way.speaks, event));
        }
    }
    let verdicts = judged(&python, &cases);
    assert_eq!(verdicts.len(), cases.len());
    for ((verdict, case), (speaks, event)) in verdicts.iter().zip(&cases).zip(of) {
        let parsed = verdict.get("ok").unwrap_or_else(|| panic!("{} {case}", verdict["error"]));
        if speaks == Speech::Cef {
            let extension = serde_json::from_value(parsed["extension"].clone()).unwrap();
            check_cef(parsed["name"].as_str().unwrap(), parsed["severity"].as_str().unwrap(), &extension, event);
        } else {
            assert!(case["line"].as_str().unwrap().ends_with(parsed["msg"].as_str().unwrap()), "{case}");
        }
    }
}

/// QRadar reads by the patterns of our log source extension: they find what the pairs say, and nothing that a value pretends.
#[test]
fn the_log_source_extension_finds_every_pair_and_no_forged_one() {
    const FIELDS: [(&str, &str); 7] = [
        ("EventCategory", "cat"),
        ("DeviceTime", "devTime"),
        ("SourceIp", "src"),
        ("SourcePort", "srcPort"),
        ("DestinationIp", "dst"),
        ("DestinationPort", "dstPort"),
        ("UserName", "usrName"),
    ];
    let Some(python) = support::need("a python with cefp and syslog-rfc5424-parser (RELAY_JUDGES_PYTHON)", python())
    else {
        return;
    };
    let (ways, texts, bodies) = (ways(), Texts::default(), bodies());
    let events: Vec<Event<'_>> = bodies.iter().flat_map(|body| decoded(body, &texts).events).collect();
    let mut lines = Vec::new();
    for way in &ways {
        if let Speech::Leef(delimiter) = way.speaks {
            lines.extend(events.iter().map(|event| (delimiter, rendered(way, event))));
        }
    }
    let cases: Vec<Value> = lines.iter().map(|(_, line)| json!({"format": "extension", "line": line})).collect();
    let verdicts = judged(&python, &cases);
    assert_eq!(verdicts.len(), lines.len());
    for ((delimiter, line), verdict) in lines.iter().zip(&verdicts) {
        let (header, pairs) = parse_leef(line, *delimiter);
        // Of posture the event's name is its kind: one QID, not one for each rule.
        let kind = header[4].split_once(':').map(|(kind, _)| kind).and_then(RecordKind::from_name);
        let name = kind.filter(|kind| is_posture(*kind)).map_or(header[4], |kind| kind.name());
        assert_eq!(verdict["ok"]["EventName"], name, "{line}");
        for (field, key) in FIELDS {
            assert_eq!(verdict["ok"].get(field).and_then(Value::as_str), pairs.get(key).copied(), "{field} of {line}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_in_any_field_reads_back(which in 0..60_usize, text in "\\PC{0,40}|[\\x00-\\x7f]{0,60}|[\\\\=|^\\]\" \r\n]{0,2000}|\\PC{500,900}") {
        let mut bodies = records::records_of(&text);
        bodies.push(alert_of(&text));
        let texts = Texts::default();
        let decoded = decoded(&bodies[which % bodies.len()], &texts);
        prop_assert_eq!(decoded.events.len(), 1);
        for way in &ways() {
            check(way, &decoded.events[0]);
        }
    }
}
