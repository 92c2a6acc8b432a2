//! Event bodies in every shape become events, and what is no record is accounted for.

use std::fs;

use defender_relay::event::decode::{Decoded, Texts, decode};
use defender_relay::event::{Alert, AlertShape, Event, RecordKind, Severity, Status};
use jiff::Timestamp;

use crate::support;

fn decoded<T>(body: impl AsRef<[u8]>, look: impl FnOnce(&Decoded<'_>) -> T) -> T {
    let texts = Texts::default();
    let mut out = Decoded::default();
    decode(body.as_ref(), Timestamp::UNIX_EPOCH, &texts, &mut out);
    look(&out)
}

/// The raw texts of the events, and of the undecodable pieces.
fn pieces(body: impl AsRef<[u8]>) -> (Vec<String>, Vec<String>) {
    decoded(body, |out| {
        let undecodable = out.undecodable.iter().map(|piece| String::from_utf8_lossy(piece.raw).into_owned());
        (out.events.iter().map(|event| event.raw.to_owned()).collect(), undecodable.collect())
    })
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(support::root().join("tests/fixtures/events").join(name).with_extension("json")).unwrap()
}

fn event<T>(name: &str, look: impl FnOnce(&Event<'_>) -> T) -> T {
    decoded(fixture(name), |out| {
        assert!(out.undecodable.is_empty(), "{name}: {:?}", out.undecodable);
        assert_eq!(out.events.len(), 1, "{name}");
        look(&out.events[0])
    })
}

fn alert<T>(name: &str, look: impl FnOnce(&Alert<'_>) -> T) -> T {
    event(name, |event| look(event.alert.as_deref().unwrap()))
}

fn time(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

#[test]
fn wrappings() {
    let (a, b) = (r#"{"a":1}"#, r#"{"b":[2]}"#);
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    for body in [
        format!("[{a},{b}]"),
        format!("[[{a}],[[{b}]]]"),
        format!(r#"{{"records":[{a},{b}]}}"#),
        format!(r#"{{"RECORDS":[{a},{b}],"nextLink":"x"}}"#),
        format!(r#"{{"@odata.context":"x","Value":[{a},{b}]}}"#),
        format!(r#"[{{"records":[{a}]}},{b}]"#),
        format!("{a}\n{b}\n"),
        format!("\r\n{a}\r\n\r\n{b}\r\n"),
        format!("{a}{b}"),
        format!("\u{feff}{a} {b}"),
        format!("[{},{}]", quoted(a), quoted(b)),
        quoted(&format!("[{a},{b}]")),
        quoted(&quoted(&format!("{a}\n{b}"))),
        format!(r#"{{"records":[{}]}}"#, quoted(&format!("[{a},{b}]"))),
    ] {
        assert_eq!(pieces(&body), (vec![a.into(), b.into()], vec![]), "{body}");
    }
    let pretty = "{\n  \"a\": {\n    \"b\": 1\n  }\n}";
    assert_eq!(pieces(format!("{pretty}\n{pretty}")).0, [pretty, pretty]);
}

#[test]
fn broken_pieces_cost_only_themselves() {
    let cases: [(&[u8], &[&str], &[&str]); 16] = [
        (b"", &[], &[""]),
        (b" \r\n", &[], &[" \r\n"]),
        (b"null", &[], &["null"]),
        (b"12", &[], &["12"]),
        (b"\"hello\"", &[], &["\"hello\""]),
        (b"<xml/>\n{\"a\":1}", &["{\"a\":1}"], &["<xml/>"]),
        (b"{\"a\":1}\n{\"b\":\n{\"c\":3}", &["{\"a\":1}", "{\"c\":3}"], &["{\"b\":"]),
        (b"{\"a\":tru}\n{\"b\":,}\n{\"c\":3}", &["{\"c\":3}"], &["{\"a\":tru}\n{\"b\":,}"]),
        (
            b"{\n  \"a\": tru,\n  \"b\":\n  {\"x\":1}\n}\n{\"c\":3}",
            &["{\"c\":3}"],
            &["{\n  \"a\": tru,\n  \"b\":\n  {\"x\":1}\n}"],
        ),
        (b"[{\"a\":1},null,{\"b\":2},5]", &["{\"a\":1}", "{\"b\":2}"], &["null", "5"]),
        (b"[{\"a\":1},{\"b\":tru,\"c\":[1,2]},{\"d\":4}]", &["{\"a\":1}", "{\"d\":4}"], &["{\"b\":tru,\"c\":[1,2]}"]),
        (b"[{\"a\":1},{\"b\":\"cut", &["{\"a\":1}"], &["{\"b\":\"cut"]),
        (b"[]", &[], &["[]"]),
        (b"{\"records\":[]}", &[], &["[]"]),
        (b"{\"a\":\"\x01\"}", &[], &["{\"a\":\"\u{1}\"}"]),
        (b"{\"a\":1}]", &["{\"a\":1}"], &["]"]),
    ];
    for (body, events, undecodable) in cases {
        let (found, rest) = pieces(body);
        assert_eq!(
            (found, rest),
            (events.iter().map(|&s| s.into()).collect(), undecodable.iter().map(|&s| s.into()).collect()),
            "{:?}",
            String::from_utf8_lossy(body)
        );
    }
}

#[test]
fn invalid_utf8_costs_only_its_piece() {
    for body in [&b"{\"a\":1}\n{\"b\":\"\xff\"}\n{\"c\":3}"[..], b"[{\"a\":1},{\"b\":\"\xff\"},{\"c\":3}]"] {
        decoded(body, |out| {
            assert_eq!(out.events.iter().map(|event| event.raw).collect::<Vec<_>>(), [r#"{"a":1}"#, r#"{"c":3}"#]);
            assert_eq!(out.undecodable.len(), 1);
            assert_eq!(out.undecodable[0].raw, b"{\"b\":\"\xff\"}");
            assert_eq!(out.undecodable[0].reason, "not valid UTF-8");
        });
    }
}

#[test]
fn a_list_that_holds_no_records_belongs_to_its_record() {
    for body in [
        r#"{"value":[1,2]}"#,
        r#"{"records":"none","a":1}"#,
        r#"{"value":[],"name":"x"}"#,
        r#"{"records":{},"value":null}"#,
        r#"{"type":"Microsoft.Security/assessments","value":[{"a":1}]}"#,
    ] {
        assert_eq!(pieces(body), (vec![body.to_owned()], vec![]), "{body}");
    }
    let (events, undecodable) = pieces(r#"{"records":[{"a":1}],"more":{"b":2}}"#);
    assert_eq!((events.len(), undecodable.len()), (1, 1), "what stands beside the records is not lost");
}

#[test]
fn lone_surrogates_travel_as_they_came() {
    for body in [
        r#"{"SystemAlertId":"x","AlertType":"t","Description":"cut \ud83d"}"#,
        r#"{"\udc00":1,"SystemAlertId":"x","AlertType":"t"}"#,
        r#"{"SystemAlertId":"x","AlertType":"t","Entities":[{"$id":"1","Type":"host","HostName":"h\udfff"}]}"#,
    ] {
        decoded(body, |out| {
            assert_eq!(out.events[0].raw, body);
            assert_eq!(out.events[0].kind, RecordKind::Alert);
            out.events[0].alert.as_ref().unwrap().facts();
        });
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    assert_eq!(pieces(nested(128)).0.len(), 1);
    decoded(nested(129), |out| {
        assert_eq!(out.undecodable[0].reason, "nested deeper than 128 levels");
        assert_eq!(out.undecodable[0].raw, nested(129).as_bytes());
    });
    for pattern in [
        "[",
        "{",
        "{\"a\":",
        "{\"a\":\n",
        "[0,\n",
        "{\"a\":[0,\n",
        "{}",
        "[]",
        "1,",
        "\"\\\"",
        "\"",
        "{\"records\":[",
        "{\"records\":[{\"a\":1,",
        "{\"a\":1,{\"a\":\"x,",
        "{\"a\":\"x\n\",",
        "[{\"a\":[1,2},",
        "[\"[",
        "\\",
        "\u{feff}{",
    ] {
        let body = pattern.repeat(300_000 / pattern.len());
        decoded(&body, |out| {
            let found = out.events.len() + out.undecodable.len();
            assert!((1..=4096 + body.len() / 8 + 40).contains(&found), "{pattern}: {found}");
        });
    }
}

#[test]
fn a_hundred_thousand_small_records_in_one_body_are_records() {
    let lines: Vec<String> = (0..100_000).map(|n| format!("{{\"n\":{n}}}")).collect();
    for body in [lines.join("\n"), format!("[{}]", lines.join(","))] {
        decoded(&body, |out| assert_eq!((out.events.len(), out.undecodable.len()), (100_000, 0)));
    }
}

#[test]
fn faults_in_an_envelope_cost_the_other_records_nothing() {
    // What people report of Azure Monitor: values left out, quotes of the wrong kind, line feeds in texts, lost brackets.
    let faulty = [
        r#"{"time":"t","resultType":}"#,
        r#"{"time":"t","properties":"{'a':'b'}}"#,
        "{'time': 't', 'properties': {'a': 'b, c'}}",
        "{\"time\":\"t\",\"message\":\"two\nlines\"}",
        r#"{"time":"t","properties":{"a":1}"#,
        r#"{"time":"t","properties":{"a":[1}}"#,
        r#"{"time":"t"}}"#,
        "NaN",
    ];
    let good = |n: usize| format!(r#"{{"time":"t","n":{n}}}"#);
    let records: Vec<String> = (0..4_000)
        .map(|n| if n % 4 == 3 { faulty[n / 4 % faulty.len()].to_owned() } else { good(n) })
        .chain([good(4_000)])
        .collect();
    let expected: Vec<String> = (0..=4_000).filter(|n| n % 4 != 3).map(good).collect();
    for body in [
        format!(r#"{{"records":[{}]}}"#, records.join(",")),
        format!("{{ \"Records\" :\n [ {}\n] }}\n", records.join(" , ")),
        format!(r#"{{"records":[{}]}}{{"records":[]}}"#, records.join(",")),
        format!(r#"{{"records":[{}"#, records.join(",")),
    ] {
        let (events, undecodable) = pieces(&body);
        let found: Vec<&String> = events.iter().filter(|event| *event != r#"{"time":"t"}"#).collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>());
        for fault in faulty {
            let kept = undecodable.iter().filter(|piece| fault.contains(piece.as_str())).count();
            assert!(kept >= 125, "{fault}: {kept}");
        }
    }
    for whole in [
        r#"{"records":[1,2],"a":}"#,
        r#"{"records":[],"a":}"#,
        r#"{"records":{"a":1},"b":}"#,
        r#"{"records""#,
        r#"{"records":["#,
    ] {
        assert_eq!(pieces(whole), (vec![], vec![whole.to_owned()]));
    }
    let (events, undecodable) = pieces("{\"records\":[{\"a\":1}],\"more\":}\n{\"b\":2}");
    assert_eq!((events, undecodable), (vec![r#"{"a":1}"#.into(), r#"{"b":2}"#.into()], vec![r#","more":}"#.into()]));
}

#[test]
fn what_was_too_much_of_a_list_is_read_on_when_it_comes_back() {
    decoded("{\"a\":1},{\"b\":2}]", |out| {
        assert_eq!(out.events.iter().map(|event| event.raw).collect::<Vec<_>>(), [r#"{"a":1}"#, r#"{"b":2}"#]);
        assert_eq!(out.undecodable.iter().map(|piece| piece.raw).collect::<Vec<_>>(), [b"]"]);
    });
}

#[test]
fn every_fixture_is_of_its_kind() {
    let kinds = [
        ("alert", RecordKind::Alert),
        ("recommendation", RecordKind::Recommendation),
        ("finding", RecordKind::Finding),
        ("secure_score_control", RecordKind::SecureScoreControl),
        ("secure_score", RecordKind::SecureScore),
        ("compliance", RecordKind::Compliance),
        ("attack_path", RecordKind::AttackPath),
        ("iot_alert", RecordKind::IotAlert),
        ("incident", RecordKind::Incident),
        ("activity_log", RecordKind::ActivityLog),
        ("entra_log", RecordKind::EntraLog),
        ("resource_log", RecordKind::ResourceLog),
        ("xdr_log", RecordKind::XdrLog),
        ("monitor_alert", RecordKind::MonitorAlert),
        ("unknown", RecordKind::Unknown),
    ];
    let mut seen = 0;
    for entry in fs::read_dir(support::root().join("tests/fixtures/events")).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
        let expected = kinds.iter().find(|(prefix, _)| name.starts_with(prefix)).unwrap().1;
        event(&name, |event| assert_eq!(event.kind, expected, "{name}"));
        seen += 1;
    }
    assert!(seen >= 26, "{seen}");
}

#[test]
fn what_records_say_about_themselves() {
    let severity = |name: &str| event(name, |event| event.severity);
    assert_eq!(severity("recommendation"), Severity::Critical);
    assert_eq!(severity("finding"), Severity::Low);
    assert_eq!(severity("attack_path"), Severity::High);
    assert_eq!(severity("incident"), Severity::High);
    assert_eq!(severity("activity_log"), Severity::High);
    assert_eq!(severity("activity_log_security_alert"), Severity::Low);
    assert_eq!(severity("entra_log"), Severity::Informational);
    assert_eq!(severity("xdr_log"), Severity::Medium);
    assert_eq!(severity("monitor_alert"), Severity::High);
    assert_eq!(severity("resource_log"), Severity::Unknown);
    event("entra_log", |event| assert_eq!(event.time, time("2022-03-24T14:42:35Z")));
    event("finding", |event| {
        assert_eq!(event.title.as_deref(), Some("CVE"));
        assert_eq!(event.time, time("2026-05-12T09:58:32.2607101Z"));
        assert!(event.resource.as_deref().unwrap().ends_with("/vm-demo"));
    });
    event("compliance", |event| {
        assert_eq!(event.resource.as_deref(), Some("/subscriptions/11111111-2222-3333-4444-555555555555"));
    });
    event("activity_log_security_alert", |event| assert_eq!(event.title.as_deref(), Some("Activate Alert")));
}

#[test]
fn a_flat_alert() {
    alert("alert_flat", |alert| {
        assert_eq!(alert.shape, AlertShape::Flat);
        assert_eq!(alert.status, Status::New);
        assert_eq!(alert.tactics().iter().map(|tactic| tactic.id).collect::<Vec<_>>(), ["TA0003", "TA0006"]);
        assert_eq!(alert.techniques(), ["T1059", "T1059.001"]);
        assert_eq!(
            alert.remediation_steps(),
            ["Isolate the machine.", "1. First", "2. Second", "Read more: https://example.com/more"]
        );
        assert_eq!(alert.product_component_name.as_deref(), Some("Servers"));
        assert_eq!(alert.extended_property("username").as_deref(), Some("CONTOSO\\adm7"));
        assert_eq!(alert.extended_property("pid").as_deref(), Some("944"));
        assert_eq!(alert.alert_guid(), Some("0a1b2c3d-1111-4222-8333-444455556666"));
        assert_eq!(alert.resource_group(), Some("RG-DEMO"));
        assert_eq!(alert.resource_name(), Some("VM-DEMO"));
        assert_eq!(alert.workspace_id, None);
        assert_eq!(alert.time_generated, time("2026-03-01T08:06:00.7654321Z"));
        let description = alert.description_filled().unwrap();
        assert!(description.starts_with("User CONTOSO\\adm7 ran %{Unknown Key} on vm-demo.\r\n"), "{description}");
        let facts = alert.facts();
        assert_eq!(facts.source_ip.as_deref(), Some("203.0.113.7"));
        assert_eq!(facts.destination_ip.as_deref(), Some("10.0.0.4"));
        assert_eq!((facts.source_port, facts.destination_port), (Some(50123), Some(3389)));
        assert_eq!(facts.user.as_deref(), Some("CONTOSO\\adm7"));
        assert_eq!(facts.user_id.as_deref(), Some("S-1-5-21-1-2-3-500"));
        assert_eq!(facts.host.as_deref(), Some("vm-demo"));
        assert_eq!(facts.process_id, Some(0x1e99b), "the parent comes first, but is not what the alert is about");
        assert_eq!(facts.command_line.as_deref(), Some("powershell.exe -enc AAAA"));
        assert_eq!(facts.process_name.as_deref(), Some("powershell.exe"));
        assert_eq!(facts.file_path.as_deref(), Some("c:\\windows\\system32"));
        assert_eq!(facts.file_hash.as_deref(), Some("a".repeat(64).as_str()));
    });
}

#[test]
fn hostile_and_minimal_alerts() {
    alert("alert_flat_hostile", |alert| {
        assert!(alert.is_sample());
        assert!(alert.display_name.as_deref().unwrap().contains("h\0i"));
        assert_eq!(alert.facts().source_ip.as_deref(), Some("2001:db8::7"));
        assert_eq!(alert.facts().user.as_deref(), Some("o'neil|=]\n@contoso.com"));
        assert_eq!(alert.facts().process_id, Some(944));
        assert_eq!((alert.tactics(), alert.status), (vec![], Status::Unknown));
    });
    event("alert_flat_minimal", |event| {
        let alert = event.alert.as_deref().unwrap();
        assert_eq!((event.severity, event.time, event.when()), (Severity::Low, None, Timestamp::UNIX_EPOCH));
        assert!(alert.subscription_id().is_some());
        assert_eq!((alert.resource_group(), alert.resource_name()), (None, None));
        assert!(alert.entities().list.is_empty());
    });
    alert("alert_flat_incident", |alert| assert!(alert.is_incident));
}

#[test]
fn entities_with_repeated_dangling_and_cyclic_references() {
    alert("alert_flat_entities", |alert| {
        let facts = alert.facts();
        assert_eq!(facts.source_ip, None, "the alert is about outbound traffic");
        assert_eq!(facts.destination_ip.as_deref(), Some("198.51.100.9"));
        assert_eq!(facts.domain_name.as_deref(), Some("bad.example"));
        let list = &alert.entities().list;
        assert_eq!(list[0].kind, "ip", "the nested definition that the reference means");
        assert_eq!(list[0].fields["Address"], "10.0.0.9");
        let malware = list.iter().find(|entity| entity.kind == "malware").unwrap();
        assert_eq!(malware.fields["Self"]["$ref"], "8");
        assert_eq!(malware.fields["Files"][0]["Name"], "a.bin");
        assert_eq!(malware.fields["Files"][1]["$ref"], "404");
        let pod = list.iter().find(|entity| entity.kind == "k8s-pod").unwrap();
        assert_eq!(pod.fields["Next"]["Name"], "loop-b");
        assert_eq!(pod.fields["Next"]["Next"]["$ref"], "6");
    });
}

#[test]
fn alerts_of_the_other_shapes() {
    alert("alert_arm_2022", |alert| {
        assert_eq!(alert.shape, AlertShape::Arm);
        assert_eq!(alert.system_alert_id.as_deref(), Some("2518298467986649999_0a1b2c3d-1111-4222-8333-444455556666"));
        assert_eq!(alert.status, Status::New);
        assert!(alert.is_incident);
        assert_eq!(alert.product_component_name.as_deref(), Some("Databases"));
        assert_eq!(alert.techniques(), ["T1059", "T1059.001"]);
        assert_eq!(alert.resource_name(), Some("vm-demo"));
        assert_eq!(alert.facts().source_ip.as_deref(), Some("192.0.2.1"));
    });
    alert("alert_arm_2019", |alert| {
        assert_eq!(alert.system_alert_id.as_deref(), Some("25_F144EE95-A3E5-42DA-A279-967D115809AA"));
        assert_eq!(alert.alert_type.as_deref(), Some("ThreatIntelligence"));
        assert_eq!(alert.status, Status::Dismissed);
        assert_eq!(alert.severity_text.as_deref(), Some("High"));
        assert_eq!(alert.time_generated, time("2018-05-01T19:50:47.083633Z"));
        assert_eq!(alert.remediation_steps(), ["verify", "run a scan"]);
        assert_eq!(alert.resource_name(), Some("vm-demo"));
    });
    alert("alert_log_analytics", |alert| {
        assert_eq!(alert.shape, AlertShape::LogAnalytics);
        assert!(!alert.is_incident);
        assert_eq!(alert.compromised_entity, None);
        assert_eq!(alert.status, Status::InProgress);
        assert_eq!(alert.extended_property("resource Type").as_deref(), Some("Virtual Machine"));
        assert_eq!(alert.facts().host.as_deref(), Some("vm1"));
        assert_eq!(alert.entities().list.len(), 2);
        assert_eq!(alert.remediation_steps(), ["one", "two"]);
        assert_eq!(alert.techniques(), ["T1110"]);
        assert_eq!(alert.tactics().len(), 2);
        assert_eq!(alert.end_time, time("2026-01-11T23:30:00Z"));
    });
    alert("alert_sentinel", |alert| {
        assert_eq!(alert.shape, AlertShape::Sentinel);
        assert_eq!(
            alert.tactics().iter().map(|tactic| tactic.name).collect::<Vec<_>>(),
            ["Persistence", "Lateral Movement"]
        );
        assert_eq!(alert.resource_name(), Some("vm-demo"));
        assert!(alert.extended_property("query").is_some());
    });
    alert("alert_graph_v2", |alert| {
        assert_eq!(alert.shape, AlertShape::GraphV2);
        assert_eq!(alert.status, Status::InProgress);
        assert_eq!(alert.resource_name(), Some("vm-demo2"));
        assert_eq!(alert.compromised_entity.as_deref(), Some("dev.example"));
        let facts = alert.facts();
        assert_eq!(facts.destination_ip.as_deref(), Some("198.51.100.1"));
        assert_eq!(facts.source_ip.as_deref(), Some("203.0.113.1"));
        assert_eq!(facts.user.as_deref(), Some("DOM\\u"));
        assert_eq!((facts.process_id, facts.process_name.as_deref()), (Some(4780), Some("evil.exe")));
        assert_eq!(facts.file_hash.as_deref(), Some("c".repeat(64).as_str()));
        assert_eq!(alert.entities().list[0].kind, "host");
        assert_eq!(alert.entities().list[5].kind, "azure-resource");
    });
    alert("alert_graph_v1", |alert| {
        assert_eq!(alert.shape, AlertShape::GraphV1);
        assert_eq!(alert.status, Status::New);
        assert_eq!(alert.product_name.as_deref(), Some("ASC"));
        assert_eq!(alert.subscription_id(), Some("11111111-2222-3333-4444-555555555555"));
        let facts = alert.facts();
        assert_eq!(facts.host.as_deref(), Some("HOST1"));
        assert_eq!(facts.user.as_deref(), Some("WG\\bob"));
        assert_eq!((facts.source_ip.as_deref(), facts.destination_port), (Some("203.0.113.5"), Some(22)));
        assert_eq!(facts.file_hash.as_deref(), Some("d".repeat(64).as_str()));
    });
}

#[test]
fn shared_samples_are_of_the_kind_their_index_says() {
    let Some(folder) = support::shared("samples") else { return };
    // The first prefix that fits.
    let kinds = [
        ("activitylog_", RecordKind::ActivityLog),
        ("arg_attackpath", RecordKind::AttackPath),
        ("arm_assessment", RecordKind::Recommendation),
        ("arm_securescore", RecordKind::SecureScore),
        ("arm_subassessment", RecordKind::Finding),
        ("chronicle_list_regulatory", RecordKind::Compliance),
        ("eh_assessment", RecordKind::Recommendation),
        ("eh_compliance", RecordKind::Compliance),
        ("eh_securescore_control", RecordKind::SecureScoreControl),
        ("eh_subassessment", RecordKind::Finding),
        ("entra_", RecordKind::EntraLog),
        ("eventhub_envelope_activity", RecordKind::ActivityLog),
        ("graph_signin", RecordKind::EntraLog),
        ("keyvault_", RecordKind::ResourceLog),
        ("rest2019p_assessments", RecordKind::Recommendation),
        ("rest2020_assessment", RecordKind::Recommendation),
        ("rest_compliance", RecordKind::Compliance),
        ("rest_iot", RecordKind::IotAlert),
        ("rest_securescore_controls", RecordKind::SecureScoreControl),
        ("rest_securescores", RecordKind::SecureScore),
        ("rest_subassessments", RecordKind::Finding),
        ("sentinel_incident", RecordKind::Incident),
        ("xdr_", RecordKind::XdrLog),
        ("", RecordKind::Alert),
    ];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.ends_with(".json") || name.contains("schema") || name.starts_with("sentinel_rest_entities_by_kind") {
            continue;
        }
        let expected = kinds.iter().find(|(prefix, _)| name.starts_with(prefix)).unwrap().1;
        decoded(fs::read(&path).unwrap(), |out| {
            assert!(out.undecodable.is_empty() && !out.events.is_empty(), "{name}: {:?}", out.undecodable);
            for event in &out.events {
                assert_eq!(event.kind, expected, "{name}");
                if let Some(alert) = &event.alert {
                    assert!(event.key.is_some() && event.title.is_some() && event.time.is_some(), "{name}");
                    std::hint::black_box((alert.facts(), alert.entities(), alert.remediation_steps()));
                }
            }
        });
    }
}
