//! What holds for any input at all.

mod decoding {
    use defender_relay::event::decode::{Decoded, Texts, decode};
    use jiff::Timestamp;
    use proptest::prelude::*;
    use serde_json::Value;

    /// Every byte that matters is in exactly one piece: pieces of an unwrapped body follow each other, and only what holds
    /// records together lies between.
    fn account(body: &[u8], out: &Decoded<'_>) -> Result<(), TestCaseError> {
        let within = |piece: &[u8]| {
            let start = piece
                .as_ptr()
                .addr()
                .checked_sub(body.as_ptr().addr())
                .filter(|start| start + piece.len() <= body.len())?;
            Some((start, start + piece.len()))
        };
        let mut ranges: Vec<_> = out.undecodable.iter().filter_map(|piece| within(piece.raw)).collect();
        // Valid pieces of a body with faults are read from a copy; they are found by their text.
        ranges.extend(out.events.iter().filter_map(|event| within(event.raw.as_bytes())));
        ranges.sort_unstable();
        for pair in ranges.windows(2) {
            prop_assert!(pair[0].1 <= pair[1].0, "pieces overlap: {ranges:?}");
        }
        if std::str::from_utf8(body).is_ok() && !body.contains(&b'"') {
            let mut at = 0;
            for (start, end) in ranges.into_iter().chain([(body.len(), body.len())]) {
                let gap = std::str::from_utf8(&body[at..start]).unwrap_or("?");
                prop_assert!(gap.chars().all(|c| " \t\r\n,[]\u{feff}".contains(c)), "lost {gap:?}");
                at = end;
            }
        }
        Ok(())
    }

    fn check(body: &[u8]) -> Result<(), TestCaseError> {
        let texts = Texts::default();
        let mut out = Decoded::default();
        decode(body, Timestamp::UNIX_EPOCH, &texts, &mut out);
        prop_assert!(!(out.events.is_empty() && out.undecodable.is_empty()), "nothing accounts for the body");
        for event in &out.events {
            prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(event.raw).is_ok(), "not valid JSON");
            if let Some(alert) = &event.alert {
                std::hint::black_box((alert.facts(), alert.entities(), alert.tactics(), alert.techniques()));
                std::hint::black_box((alert.remediation_steps(), alert.description_filled(), alert.resource_type()));
            }
        }
        account(body, &out)
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            prop_oneof![Just("%{a}"), Just("[1"), Just("{}"), Just("0x1"), Just("/subscriptions/"), Just("T1059")]
                .prop_map(Value::from),
        ];
        let key = prop_oneof![
            4 => prop::sample::select(vec![
                "SystemAlertId", "AlertType", "AlertDisplayName", "Severity", "Entities", "ExtendedProperties", "RemediationSteps",
                "properties", "type", "id", "records", "value", "category", "operationName", "time", "evidence", "@odata.type",
                "vendorInformation", "$id", "$ref", "Intent", "Techniques", "AzureResourceId", "Description", "ResourceIdentifiers",
            ]).prop_map(str::to_owned),
            1 => any::<String>(),
        ];
        leaf.prop_recursive(5, 64, 8, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((key.clone(), inner.clone()), 0..8)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
                inner.prop_map(|value| Value::from(value.to_string())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_bytes(body in prop::collection::vec(any::<u8>(), 0..200)) {
            check(&body)?;
        }

        #[test]
        fn any_text_of_json_letters(body in "[\\[\\]{}:,\"\\\\ua01d \n\u{feff}]{0,60}") {
            check(body.as_bytes())?;
        }

        #[test]
        fn any_text_in_an_envelope(text in "[\\[\\]{}:,\"\\\\ua01d \n\u{feff}]{0,60}") {
            check(format!("{{\"records\":[{text}").as_bytes())?;
            check(format!("{{\"records\":[{{\"a\":1}},{text}").as_bytes())?;
        }

        #[test]
        fn damage_in_an_envelope_costs_no_other_record(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let records: Vec<String> = (0..5).map(|n| format!("{{\"n\":{n},\"text\":\"[x]\"}}")).collect();
            let mut body = format!("{{\"records\":[{}]}}", records.join(",")).into_bytes();
            let start = body.windows(records[3].len()).position(|window| window == records[3].as_bytes()).unwrap_or_default();
            let at = start + at.index(records[3].len());
            body[at] = byte;
            check(&body)?;
            let texts = Texts::default();
            let mut out = Decoded::default();
            decode(&body, Timestamp::UNIX_EPOCH, &texts, &mut out);
            let found: Vec<&str> = out.events.iter().map(|event| event.raw).collect();
            prop_assert_eq!(&found[..3], &records[..3]);
            // A bracket that ends the list in the place of a record ends the list.
            if !(at == start && byte == b']') {
                prop_assert_eq!(found.last(), Some(&records[4].as_str()));
            }
        }

        #[test]
        fn any_json(value in json()) {
            check(value.to_string().as_bytes())?;
            check(serde_json::to_string_pretty(&value).unwrap_or_default().as_bytes())?;
        }

        #[test]
        fn any_record_comes_back_as_it_was(members in prop::collection::btree_map(any::<String>(), any::<String>(), 1..5), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let record = serde_json::to_string(&members).unwrap_or_default();
            let texts = Texts::default();
            let mut out = Decoded::default();
            decode(record.as_bytes(), Timestamp::UNIX_EPOCH, &texts, &mut out);
            prop_assert_eq!(out.events.len(), 1);
            prop_assert_eq!(out.events[0].raw, record.as_str());
            let mut damaged = record.into_bytes();
            let at = at.index(damaged.len());
            damaged[at] = byte;
            check(&damaged)?;
        }
    }
}

mod rendering {
    use defender_relay::destinations::{CATALOG, Kind};
    use defender_relay::event::Event;
    use defender_relay::event::decode::{Decoded, Texts, decode};
    use jiff::Timestamp;
    use proptest::prelude::*;
    use serde_json::value::RawValue;
    use serde_json::{Map, Value, json};

    use crate::contract::{open, render, variants};
    use crate::judges;

    /// What stands where a text, a number, a list or an object is expected.
    fn anything() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "\\PC{0,40}".prop_map(Value::from),
            "[\\x00-\\x7f]{0,60}".prop_map(Value::from),
            prop::sample::select(vec![
                "",
                " ",
                "<null>",
                "0x1e99b",
                "-1",
                "65536",
                "true",
                "0001-01-01T00:00:00Z",
                "9999-12-31T23:59:59.9999999Z",
                "2026-02-03T04:05:06.1234567Z",
                "::ffff:192.0.2.1",
                "[2001:db8::1]:443",
                "192.0.2.1:80",
                "%{a}",
                "%{Techniques}%{",
                "T1059.001",
                "[\"T1059\"]",
                "{\"a\":",
                "High",
                "\u{202e}\u{5d0}",
                "\u{feff}",
                "\u{2028}",
                "/subscriptions/7d3c/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v",
            ])
            .prop_map(Value::from),
        ];
        let leaf = prop_oneof![
            4 => text,
            1 => any::<i64>().prop_map(Value::from),
            1 => any::<f64>().prop_map(Value::from),
            1 => any::<bool>().prop_map(Value::from),
            1 => Just(Value::Null),
        ];
        let key = prop::sample::select(vec![
            "$id",
            "$ref",
            "Type",
            "Name",
            "HostName",
            "Address",
            "NTDomain",
            "UPNSuffix",
            "Sid",
            "Directory",
            "FileHashes",
            "Algorithm",
            "Value",
            "ProcessId",
            "CommandLine",
            "ImageFile",
            "ParentProcess",
            "SourceAddress",
            "DestinationPort",
            "Host",
            "Account",
            "Location",
            "a",
            "Techniques",
            "ActionTaken",
            "AzureResourceId",
            "AadTenantId",
            "@odata.type",
        ]);
        leaf.prop_recursive(4, 48, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((key.clone(), inner.clone()), 0..7)
                    .prop_map(|members| members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
                inner.prop_map(|value| Value::from(value.to_string())),
            ]
        })
    }

    fn entity() -> impl Strategy<Value = Value> {
        let kinds = vec![
            "ip",
            "host",
            "account",
            "process",
            "file",
            "filehash",
            "network-connection",
            "dns",
            "url",
            "malware",
            "azure-resource",
            "K8s-Pod",
            "container",
            "registry-value",
            "blob",
            "host-logon-session",
            "",
            "strange",
        ];
        (prop::sample::select(kinds), anything()).prop_map(|(kind, value)| {
            let mut entity = match value {
                Value::Object(members) => members,
                other => Map::from_iter([("Address".to_owned(), other)]),
            };
            entity.insert("Type".to_owned(), kind.into());
            Value::Object(entity)
        })
    }

    /// An alert of the flat shape; every member but the two that make it one may be anything.
    fn alert() -> impl Strategy<Value = Value> {
        let members = prop::sample::select(vec![
            "AlertDisplayName",
            "Description",
            "Severity",
            "Status",
            "Intent",
            "StartTimeUtc",
            "EndTimeUtc",
            "TimeGenerated",
            "ProcessingEndTime",
            "CompromisedEntity",
            "AzureResourceId",
            "AlertUri",
            "ExtendedProperties",
            "RemediationSteps",
            "Techniques",
            "ResourceIdentifiers",
            "ProductName",
            "IsIncident",
            "WorkspaceId",
            "CorrelationKey",
            "extendedLinks",
        ]);
        let members = prop::collection::btree_map(members, anything(), 0..14);
        let entities = prop_oneof![prop::collection::vec(entity(), 0..5).prop_map(Value::from), anything()];
        let text = || prop_oneof!["[!-~]{1,60}", "\\PC{1,40}"];
        (text(), text(), members, entities).prop_map(|(id, alert_type, members, entities)| {
            let mut alert = json!({"SystemAlertId": id, "AlertType": alert_type, "Entities": entities});
            members.into_iter().for_each(|(name, value)| alert[name] = value);
            alert
        })
    }

    /// A record of another kind, or of none that is known.
    fn other() -> impl Strategy<Value = Value> {
        let kinds = prop::sample::select(vec![
            "Microsoft.Security/assessments",
            "Microsoft.Security/assessments/subAssessments",
            "Microsoft.Security/secureScores",
            "Microsoft.Security/regulatoryComplianceStandards/regulatoryComplianceControls/regulatoryComplianceAssessments",
            "Microsoft.Security/attackPaths",
            "Microsoft.Security/Locations/alerts",
            "strange",
        ]);
        (kinds, "\\PC{1,40}", anything(), anything()).prop_map(|(kind, name, properties, time)| {
            json!({"id": format!("/subscriptions/s/providers/{kind}/{name}"), "name": name, "type": kind, "properties": properties,
                "operationName": time, "time": time})
        })
    }

    /// The member of an object, as it is written.
    fn member<'r>(record: &'r [u8], name: &str) -> Result<&'r str, TestCaseError> {
        let members: std::collections::BTreeMap<String, &RawValue> =
            serde_json::from_slice(record).map_err(|error| TestCaseError::fail(error.to_string()))?;
        members.get(name).map(|value| value.get()).ok_or_else(|| TestCaseError::fail(format!("no {name}")))
    }

    fn kind(name: &str) -> &'static Kind {
        defender_relay::destinations::kind(name).unwrap()
    }

    fn check(event: &Event<'_>) -> Result<(), TestCaseError> {
        for instance in CATALOG.iter().flat_map(variants).filter(|instance| instance.outlet.destination.takes(event)) {
            let record = render(&*instance.outlet.destination, event);
            // An entity of two bytes becomes an evidence of about 300.
            prop_assert!(
                record.len() <= 65_536 + 200 * event.raw.len(),
                "{}: {} bytes",
                instance.kind.name,
                record.len()
            );
        }
        let of = |name, settings: &[(&str, &str)]| render(&*open(kind(name), settings).outlet.destination, event);
        let (envelope, cloudevent) = (of("splunk", &[]), of("webhook", &[("BODY", "cloudevents")]));
        prop_assert_eq!(member(&envelope, "event")?, event.raw);
        prop_assert_eq!(member(&cloudevent, "data")?, event.raw);
        prop_assert_eq!(of("webhook", &[("BODY", "raw")]), event.raw.as_bytes());
        let graph = of("webhook", &[("BODY", "graph")]);
        if event.alert.is_none() {
            prop_assert_eq!(graph, event.raw.as_bytes());
        } else {
            let graph: Value =
                serde_json::from_slice(&graph).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert!(graph["evidence"].is_array());
        }
        for way in &judges::ways() {
            judges::check(way, event);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_record_renders_everywhere_and_reads_back(record in prop_oneof![3 => alert(), 1 => other()]) {
            let body = record.to_string();
            let (texts, mut decoded) = (Texts::default(), Decoded::default());
            decode(body.as_bytes(), Timestamp::UNIX_EPOCH, &texts, &mut decoded);
            prop_assert_eq!(decoded.events.len(), 1);
            prop_assert_eq!(decoded.events[0].raw, body.as_str());
            check(&decoded.events[0])?;
        }
    }
}
