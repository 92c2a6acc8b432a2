//! Alerts of shapes and sizes that no fixture has, in every destination: they render, stay bounded, and lose nothing that fits.

use defender_relay::destinations::CATALOG;
use defender_relay::event::Event;
use defender_relay::event::decode::{Decoded, Texts, decode};
use defender_relay::event::parse_time;
use defender_relay::transport::Transport;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::contract::{open, render, variants};
use crate::judges;
use crate::support::handler::alert;

const SEEN: &str = "2026-11-20T10:00:00Z";

/// Runs `check` on the only event of a body.
fn with_event<T>(body: &str, check: impl FnOnce(&Event<'_>) -> T) -> T {
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    decode(body.as_bytes(), parse_time(SEEN).unwrap(), &texts, &mut decoded);
    assert!(decoded.undecodable.is_empty(), "{:?}", decoded.undecodable.iter().map(|u| &u.reason).collect::<Vec<_>>());
    let [event] = decoded.events.as_slice() else { panic!("{} events", decoded.events.len()) };
    check(event)
}

/// What one kind of destination makes of an alert.
fn rendered(kind: &str, settings: &[(&str, &str)], alert: &Value) -> String {
    let kind = defender_relay::destinations::kind(kind).unwrap();
    let destination = open(kind, settings).outlet.destination;
    with_event(&alert.to_string(), |event| String::from_utf8(render(&*destination, event)).unwrap())
}

fn cef(alert: &Value) -> String {
    rendered("arcsight", &[], alert)
}

fn leef(alert: &Value) -> String {
    rendered("qradar", &[], alert)
}

/// Renders everywhere; lines keep their limit and JSON is one value that grows with its source and no faster.
fn renders_everywhere(name: &str, body: &str) {
    with_event(body, |event| {
        for instance in CATALOG.iter().flat_map(variants).filter(|instance| instance.outlet.destination.takes(event)) {
            let destination = &*instance.outlet.destination;
            let record = render(destination, event);
            let context = format!("{} of {name}: {} bytes of {}", instance.kind.name, record.len(), body.len());
            match destination.transport() {
                Transport::Syslog(_) => assert!(record.len() <= 8000, "{context}"),
                Transport::Http(_) => {
                    // Raw values: serde would refuse what JSON's grammar allows, lone surrogates.
                    // What separates a record from the next one comes at its end.
                    let json = record.strip_suffix(b",").unwrap_or(&record);
                    let one: Result<&RawValue, _> = serde_json::from_slice(json);
                    let is_form = record.starts_with(b"datatext=");
                    assert!(one.is_ok() || is_form, "{context}: {one:?}");
                    assert!(record.len() <= 100_000 + 12 * body.len(), "{context}");
                }
            }
        }
    });
}

fn with(name: &str, value: Value) -> Value {
    let mut alert = alert("unseen");
    alert[name] = value;
    alert
}

/// An entity of each kind that refers to another, ten thousand times over.
fn crowd() -> Value {
    let of = |n: usize| {
        let (own, last) = (n.to_string(), (n.saturating_sub(4)).to_string());
        match n % 4 {
            0 => {
                json!({"$id": own, "Type": "process", "ProcessId": "0x1", "CommandLine": "c", "ParentProcess": {"$ref": last}})
            }
            1 => {
                json!({"$id": own, "Type": "ip", "Address": format!("10.{}.{}.{}", n / 65_536, n / 256 % 256, n % 256)})
            }
            2 => json!({"$id": own, "Type": "dns", "DomainName": "d", "HostIpAddress": {"$ref": (n - 1).to_string()}}),
            _ => json!({"$ref": (n - 1).to_string()}),
        }
    };
    (0..10_000).map(of).collect()
}

#[test]
fn crowds_stay_cheap_and_bounded() {
    let many = |item: &dyn Fn(usize) -> Value, count| (0..count).map(item).collect::<Value>();
    let large = json!({"$id": "1", "Type": "host", "Tags": many(&|n| json!({"n": n}), 20_000)});
    let mut shared = vec![large];
    shared.extend((0..10_000).map(|_| json!({"Type": "host", "Host": {"$ref": "1"}})));
    let members: Map<String, Value> = (0..50_000).map(|n| (format!("unknown{n}"), json!(n))).collect();
    let mut unknown = alert("unseen");
    unknown.as_object_mut().unwrap().extend(members);
    let mut template = with("Description", "%{Key} %{none} ".repeat(50_000).into());
    template["ExtendedProperties"] = json!({"Key": "v".repeat(60_000), "Other": "w".repeat(300_000)});
    let cases = [
        ("ten thousand entities", with("Entities", crowd())),
        ("ten thousand references to one large entity", with("Entities", shared.into())),
        ("fifty thousand members", unknown),
        ("a hundred thousand placeholders", template),
        ("sixty thousand techniques", {
            with("Techniques", many(&|n| json!(format!("T{:04}.{:03}", n / 1000, n % 1000)), 60_000))
        }),
        ("a megabyte of description", with("Description", "long \u{1f512}\r\n".repeat(90_000).into())),
        ("five kilobytes of id", with("SystemAlertId", "0123456789".repeat(500).into())),
        ("ladders that lead to ladders", {
            let ladder = |n: usize| {
                let end = json!({"$ref": (n + 1).to_string()});
                let rungs = (0..50).fold(end, |inner, _| json!([{"Host": inner}]));
                json!({"$id": n.to_string(), "Type": "strange", "Host": rungs})
            };
            with("Entities", many(&ladder, 20))
        }),
        ("a key of a megabyte", json!({"SystemAlertId": "a", "AlertType": "b", "k".repeat(1_000_000): 1})),
    ];
    for (name, alert) in cases {
        renders_everywhere(name, &alert.to_string());
    }
}

#[test]
fn the_process_that_is_nobodys_parent_is_found_in_a_crowd() {
    // The last process of the chain; every other one is the parent of the next.
    let line = cef(&with(
        "Entities",
        json!([
            {"$id": "1", "Type": "process", "CommandLine": "first", "ProcessId": "1"},
            {"$id": "2", "Type": "process", "CommandLine": "second", "ProcessId": "2", "ParentProcess": {"$ref": "1"}},
            {"$id": "1", "Type": "process", "CommandLine": "same id", "ProcessId": "3", "ParentProcess": {"$ref": "2"}},
            {"$id": "4", "Type": "ip", "Address": "192.0.2.9"},
            {"$id": "5", "Type": "dns", "HostIpAddress": {"$ref": "4"}},
            {"$id": "6", "Type": "ip", "Address": "198.51.100.7"},
        ]),
    ));
    assert!(line.contains(" cs6=same id ") && line.contains(" dpid=3 "), "{line}");
    assert!(line.contains(" src=198.51.100.7 "), "the host that asked is no source: {line}");
}

#[test]
fn anything_may_stand_anywhere() {
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(""),
        json!([]),
        json!({}),
        json!([[], [null], {"a": 1}]),
        json!({"Type": {"Type": []}}),
        json!("[1,"),
        json!("{\"Type\":\"ip\"}"),
        json!("\u{202e}\u{5d0}\u{feff}"),
        json!("%{"),
    ];
    let base = alert("unseen");
    let fields: Vec<String> = base.as_object().unwrap().keys().cloned().collect();
    for value in &values {
        let mut everywhere = base.clone();
        for field in fields.iter().filter(|field| !matches!(field.as_str(), "SystemAlertId" | "AlertType")) {
            everywhere[field] = value.clone();
            renders_everywhere(field, &with(field, value.clone()).to_string());
        }
        renders_everywhere("everywhere", &everywhere.to_string());
    }
    renders_everywhere("nothing", "{}");
    renders_everywhere("an id and a type", r#"{"SystemAlertId":"a","AlertType":"b"}"#);
}

#[test]
fn unpaired_surrogates_travel_as_they_came() {
    let text = r#"a\ud800b\uDFFF\ud83d"#;
    let body = format!(
        r#"{{"SystemAlertId":"{text}","AlertType":"{text}","AlertDisplayName":"{text}","Description":"{text}","{text}":1,
        "ExtendedProperties":{{"{text}":"{text}"}},"Entities":[{{"Type":"account","Name":"{text}"}}],"RemediationSteps":["{text}"]}}"#
    );
    renders_everywhere("surrogates", &body);
    let splunk = open(defender_relay::destinations::kind("splunk").unwrap(), &[]).outlet.destination;
    let record = with_event(&body, |event| String::from_utf8(render(&*splunk, event)).unwrap());
    assert!(record.contains(&format!(r#""event":{body},"#)), "{record}");
}

#[test]
fn addresses_with_brackets_and_ports_are_addresses() {
    let of = |address: &str| cef(&with("Entities", json!([{"Type": "ip", "Address": address}])));
    for (address, written) in [
        ("192.0.2.1:443", Some(" src=192.0.2.1 ")),
        ("[2001:db8::1]", Some(" c6a2=2001:db8::1 c6a2Label=Source IPv6 Address ")),
        ("[2001:db8::1]:443", Some(" c6a2=2001:db8::1 c6a2Label=Source IPv6 Address ")),
        ("::ffff:192.0.2.1", Some(" src=192.0.2.1 ")),
        ("2001:DB8:0::1", Some(" c6a2=2001:db8::1 c6a2Label=Source IPv6 Address ")),
        ("1::", Some(" c6a2=1:: c6a2Label=Source IPv6 Address ")),
        ("00.00.00.00", None),
        ("0.0.0.0:80", None),
        ("192.0.2.1:http", None),
        ("192.0.2.0/24", None),
        ("host:80", None),
        ("[", None),
    ] {
        let line = of(address);
        match written {
            Some(written) => assert!(line.contains(written), "{address}: {line}"),
            None => assert!(!line.contains(" src=") && !line.contains("c6a2"), "{address}: {line}"),
        }
    }
}

#[test]
fn times_that_nobody_means_are_replaced_or_left_out() {
    for unset in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59Z"] {
        let mut alert = alert("unseen");
        for time in ["TimeGenerated", "ProcessingEndTime", "StartTimeUtc", "EndTimeUtc"] {
            alert[time] = unset.into();
        }
        let line = cef(&alert);
        assert!(line.starts_with("<130>Nov 20 10:00:00 "), "{line}");
        assert!(line.contains("|rt=1795168800000 "), "{line}");
        assert!(!line.contains(" start=") && !line.contains(" end="), "{line}");
        assert!(leef(&alert).contains("devTime=1795168800000^"));
        assert!(rendered("syslog", &[], &alert).contains(">1 2026-11-20T10:00:00.000000Z "));
    }
}

#[test]
fn what_was_done_is_act_in_cef() {
    for key in ["ActionTaken", "Action Taken", "action taken"] {
        let line = cef(&with("ExtendedProperties", json!({ key: "Blocked" })));
        assert!(line.contains(" act=Blocked "), "{line}");
    }
}

#[test]
fn alert_types_that_no_header_can_hold() {
    for (alert_type, in_cef, in_leef, msgid) in [
        ("a|b\tc", "a\\|b c", "a/b c", "a|b_c"),
        ("K8S.Ω Größe", "K8S.Ω Größe", "K8S.Ω Größe", "K8S.__Gr__e"),
        ("\r\n ", "alert", "alert", "alert"),
        ("a=b^c\\", "a=b^c\\\\", "a=b^c\\", "a=b^c\\"),
    ] {
        let alert = with("AlertType", alert_type.into());
        assert_eq!(cef(&alert).split("|1.0|").nth(1).unwrap().find(in_cef), Some(0), "{alert_type:?}");
        assert_eq!(leef(&alert).split('|').nth(4), Some(in_leef));
        assert_eq!(rendered("syslog", &[], &alert).split(' ').nth(5), Some(msgid));
    }
}

#[test]
fn graph_speaks_graphs_words() {
    const SOURCES: [&str; 12] = [
        "microsoftDefenderForCloud",
        "microsoftDefenderForServers",
        "microsoftDefenderForStorage",
        "microsoftDefenderForDNS",
        "microsoftDefenderForDatabases",
        "microsoftDefenderForContainers",
        "microsoftDefenderForNetwork",
        "microsoftDefenderForAppService",
        "microsoftDefenderForKeyVault",
        "microsoftDefenderForResourceManager",
        "microsoftDefenderForApiManagement",
        "microsoftDefenderForAIServices",
    ];
    for (severity, status, written) in [
        ("Informational", "New", ("informational", "new")),
        ("LOW", "Active", ("low", "new")),
        ("Medium", "InProgress", ("medium", "inProgress")),
        ("High", "Resolved", ("high", "resolved")),
        ("Critical", "Dismissed", ("high", "resolved")),
        ("100", "whatever", ("unknown", "unknown")),
    ] {
        for alert_type in
            ["VM_x", "K8S.NODE_x", "SIMULATED_Storage.Blob_x", "KV_x", "AzureDNS_x", "ARM_x", "AI.Azure_x", "x"]
        {
            let mut alert = with("Severity", severity.into());
            alert["Status"] = status.into();
            alert["AlertType"] = alert_type.into();
            let graph: Value = serde_json::from_str(&rendered("webhook", &[("BODY", "graph")], &alert)).unwrap();
            assert_eq!((graph["severity"].as_str().unwrap(), graph["status"].as_str().unwrap()), written);
            assert_eq!(graph["classification"], "unknown");
            assert_eq!(graph["serviceSource"], "microsoftDefenderForCloud");
            assert!(SOURCES.contains(&graph["detectionSource"].as_str().unwrap()), "{graph}");
        }
    }
}

/// The producer's keys of the CEF dictionary that an alert may use, with the characters that their values may have.
const CEF_KEYS: [(&str, usize); 41] = [
    ("rt", 13),
    ("start", 13),
    ("end", 13),
    ("externalId", 40),
    ("cat", 1023),
    ("dvchost", 100),
    ("dhost", 1023),
    ("src", 15),
    ("dst", 15),
    ("c6a2", 39),
    ("c6a2Label", 1023),
    ("c6a3", 39),
    ("c6a3Label", 1023),
    ("spt", 5),
    ("dpt", 5),
    ("proto", 31),
    ("duser", 1023),
    ("duid", 1023),
    ("destinationDnsDomain", 255),
    ("fname", 1023),
    ("filePath", 1023),
    ("fileHash", 255),
    ("dproc", 1023),
    ("dpid", 10),
    ("act", 63),
    ("cs1", 4000),
    ("cs1Label", 1023),
    ("cs2", 4000),
    ("cs2Label", 1023),
    ("cs3", 4000),
    ("cs3Label", 1023),
    ("cs4", 4000),
    ("cs4Label", 1023),
    ("cs5", 4000),
    ("cs5Label", 1023),
    ("cs6", 4000),
    ("cs6Label", 1023),
    ("request", 1023),
    ("msg", 1023),
    ("reason", 1023),
    ("outcome", 63),
];

#[test]
fn every_cef_key_is_in_the_dictionary_and_every_value_as_long_as_it_may_be() {
    let mut alert: Value = serde_json::from_str(&judges::alert_of(&"\u{1f512}x=".repeat(2000))).unwrap();
    alert["ExtendedProperties"]["ActionTaken"] = "y".repeat(200).into();
    alert["StartTimeUtc"] = "2026-02-03T04:05:06Z".into();
    let entities = alert["Entities"].as_array_mut().unwrap();
    entities.push(json!({"Type": "ip", "Address": "2001:db8:1111:2222:3333:4444:5555:6666"}));
    entities.push(
        json!({"Type": "network-connection", "SourceAddress": "2001:db8::1", "DestinationAddress": "203.0.113.9",
        "SourcePort": 65535, "DestinationPort": "443", "Protocol": "p".repeat(100)}),
    );
    entities.push(json!({"Type": "dns", "DomainName": "d".repeat(1000)}));
    let mut longest = 0;
    for (version, header) in [("0", "none"), ("1", "rfc3164")] {
        let settings = [("MAX_MESSAGE_BYTES", "1000000"), ("CEF_VERSION", version), ("HEADER", header)];
        let line = rendered("arcsight", &settings, &alert);
        let (name, _, pairs) = judges::parse_cef(&line);
        assert_eq!(name.chars().count(), 512);
        let class_id = line.split('|').nth(4).unwrap();
        assert_eq!(class_id.chars().count(), 1023);
        for (key, value) in &pairs {
            let known = CEF_KEYS.iter().find(|(known, _)| known == key);
            let (_, max) = known.unwrap_or_else(|| panic!("{key} is not in the dictionary"));
            // In CEF:1 an address of either family stands in src and dst.
            let max = if version == "1" && matches!(key.as_str(), "src" | "dst") { &39 } else { max };
            assert!(value.chars().count() <= *max, "{key} has {} characters", value.chars().count());
            longest += usize::from(value.chars().count() == *max);
        }
        assert_eq!(pairs["proto"].chars().count(), 31);
        assert_eq!(pairs["act"].chars().count(), 63);
        assert_eq!(pairs["destinationDnsDomain"].chars().count(), 255);
        assert_eq!(pairs["msg"].chars().count(), 1023);
    }
    assert!(longest > 20, "only {longest} values are as long as they may be");
}

#[test]
fn every_leef_key_is_ibms_or_ours() {
    let mut alert: Value = serde_json::from_str(&judges::alert_of("a^b\tc|d=e")).unwrap();
    alert["Entities"].as_array_mut().unwrap().push(json!({"Type": "network-connection", "SourceAddress": "192.0.2.1",
        "DestinationAddress": "2001:db8::1", "SourcePort": "1", "DestinationPort": 2, "Protocol": "TCP"}));
    const IBM: [&str; 11] =
        ["cat", "devTime", "sev", "src", "dst", "srcPort", "dstPort", "proto", "usrName", "resource", "url"];
    const OURS: [&str; 12] = [
        "alertId",
        "eventId",
        "alertName",
        "azureResourceId",
        "alertStatus",
        "mitreTechniques",
        "fileName",
        "fileHash",
        "processName",
        "commandLine",
        "desc",
        "recordId",
    ];
    for (settings, delimiter) in [
        (vec![("HEADER", "none")], '^'),
        (vec![("HEADER", "none"), ("LEEF_VERSION", "1.0")], '\t'),
        (vec![("HEADER", "none"), ("DELIMITER", "x7E")], '~'),
    ] {
        let line = rendered("qradar", &settings, &alert);
        let (header, pairs) = judges::parse_leef(&line, delimiter);
        assert_eq!(header[4], "a^b c/d=e");
        assert!(pairs.keys().all(|key| IBM.contains(key) || OURS.contains(key)), "{pairs:?}");
        assert!(IBM.iter().all(|key| pairs.contains_key(key)), "{pairs:?}");
        assert_eq!(pairs["dst"], "2001:db8::1");
        let inside = if delimiter == '^' { "a b c|d=e" } else { "a^b c|d=e" };
        assert_eq!(pairs["resource"], inside);
    }
}
