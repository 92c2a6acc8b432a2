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
