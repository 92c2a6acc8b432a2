//! The HEC envelope around one record: the record's own bytes, and what Splunk should know at index time.

use jiff::Timestamp;

use super::fields;
use crate::destinations::RenderError;
use crate::event::{Event, RecordKind};
use crate::format::json::write_text;
use crate::format::record::{is_log, time};
use crate::settings::Section;

/// Writes envelopes. What is the same in all of a kind's envelopes is written once, when the destination opens.
#[derive(Debug)]
pub(super) struct Envelope {
    /// By [`RecordKind`]: from behind the time to before the record.
    middles: Vec<Vec<u8>>,
    max_bytes: usize,
}

impl Envelope {
    pub(super) fn from_section(section: &Section<'_>) -> Self {
        let (host, source, log_source) =
            (section.string("HOST"), section.string("SOURCE"), section.string("LOG_SOURCE"));
        let (alerts, index) = (section.string("SOURCETYPE"), section.text("INDEX"));
        let as_add_ons = section.choice("LOG_SOURCETYPES", &[("add-on", true), ("own", false)]);
        let middle = |kind: RecordKind| {
            let of_add_on = of_add_on(kind).filter(|_| as_add_ons);
            let sourcetype = match (kind, of_add_on) {
                (RecordKind::Alert, _) => alerts.clone(),
                (_, Some(sourcetype)) => sourcetype.to_owned(),
                (other, None) => format!("azure:defender:{}", other.name()),
            };
            let index = index.as_ref().map(|index| ("index", index));
            let source = if is_log(kind) { &log_source } else { &source };
            let members = [("host", &host), ("source", source), ("sourcetype", &sourcetype)];
            let mut middle = Vec::new();
            for (name, value) in members.into_iter().chain(index) {
                middle.push(b',');
                write_text(&mut middle, name);
                middle.push(b':');
                write_text(&mut middle, value);
            }
            middle.extend_from_slice(b",\"event\":");
            middle
        };
        Self {
            middles: RecordKind::ALL.map(middle).to_vec(),
            max_bytes: section.number("MAX_EVENT_BYTES", 1_000..=838_860_800),
        }
    }

    /// Appends `{"time":…,"host":…,"source":…,"sourcetype":…,"event":RECORD,"fields":{…}}` and a line feed.
    pub(super) fn write(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let start = out.len();
        out.reserve(event.raw.len() + 1024);
        out.extend_from_slice(b"{\"time\":");
        write_seconds(time(event), out);
        if let Some(middle) = self.middles.get(event.kind as usize) {
            out.extend_from_slice(middle);
        }
        if is_empty_object(event.raw) {
            // As an object it would be refused as blank (code 13); as a text it is the same event.
            write_text(out, event.raw);
        } else {
            out.extend_from_slice(event.raw.as_bytes());
        }
        out.extend_from_slice(b",\"fields\":");
        fields::write(event, out);
        out.extend_from_slice(b"}\n");
        let bytes = out.len() - start;
        if bytes > self.max_bytes {
            return Err(RenderError(format!(
                "the event takes {bytes} bytes, and MAX_EVENT_BYTES is {}",
                self.max_bytes
            )));
        }
        Ok(())
    }
}

/// The sourcetype that Splunk's own add-ons give a log from an event hub, and that their field extractions, the data models and Splunk's
/// detections know it by; its event is the record, as here.
///
/// From the [add-on for Microsoft Cloud Services](https://splunk.github.io/splunk-add-on-for-microsoft-cloud-services/) (3110), and for
/// Defender XDR from the add-on for Microsoft Security (6207).
const fn of_add_on(kind: RecordKind) -> Option<&'static str> {
    match kind {
        RecordKind::ActivityLog => Some("azure:monitor:activity"),
        RecordKind::EntraLog => Some("azure:monitor:aad"),
        RecordKind::ResourceLog => Some("azure:monitor:resource"),
        RecordKind::XdrLog => Some("ms:defender:eventhub"),
        _ => None,
    }
}

/// Appends seconds since 1970 with as many decimals as milliseconds need: `1770199202.5`. HEC counts seconds, not milliseconds.
fn write_seconds(time: Timestamp, out: &mut Vec<u8>) {
    let milliseconds = time.as_millisecond();
    out.extend_from_slice(itoa::Buffer::new().format(milliseconds.div_euclid(1000)).as_bytes());
    let fraction = milliseconds.rem_euclid(1000);
    if fraction > 0 {
        let digits = itoa::Buffer::new().format(1000 + fraction).to_owned();
        out.push(b'.');
        out.extend_from_slice(digits[1..].trim_end_matches('0').as_bytes());
    }
}

fn is_empty_object(raw: &str) -> bool {
    let inside = raw.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    inside.is_some_and(|inside| inside.bytes().all(|byte| byte.is_ascii_whitespace()))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::KIND;
    use super::*;
    use crate::event::decode::{Decoded, Texts, decode};
    use crate::event::{EventId, Severity, parse_time};
    use crate::format::samples::{every_kind_as, of_every_kind};
    use crate::settings::Values;

    const BRUTE_FORCE: &str = include_str!("../../../tests/fixtures/events/alert_ssh_brute_force.json");
    const MALWARE: &str = include_str!("../../../tests/fixtures/events/alert_malware_blob.json");
    const EVERY_ENTITY: &str = include_str!("../../../tests/fixtures/events/alert_every_entity.json");
    const RECOMMENDATION: &str = include_str!("../../../tests/fixtures/events/recommendation_vm_ports.json");

    fn seen() -> Timestamp {
        parse_time("2026-02-06T00:00:00Z").unwrap()
    }

    fn write(settings: &[(&str, &str)], body: &str) -> Result<String, RenderError> {
        let values = Values::new(settings.iter().map(|(key, value)| (format!("S__{key}"), (*value).to_owned())));
        let envelope = Envelope::from_section(&Section::new("s", KIND.settings.to_vec(), &values));
        let (texts, mut decoded) = (Texts::default(), Decoded::default());
        decode(body.as_bytes(), seen(), &texts, &mut decoded);
        let [event] = decoded.events.as_slice() else { panic!("one record") };
        let mut out = Vec::new();
        envelope.write(event, &mut out).map(|()| String::from_utf8(out).unwrap())
    }

    fn event_at(time: Option<&str>) -> Event<'static> {
        Event {
            id: EventId::of(b"{}"),
            kind: RecordKind::Unknown,
            raw: "{}",
            key: None,
            title: None,
            resource: None,
            time: time.map(|text| text.parse().unwrap()),
            seen: seen(),
            taken: seen(),
            severity: Severity::Unknown,
            alert: None,
            details: Default::default(),
        }
    }

    #[test]
    fn envelopes_are_these() {
        let settings = [("INDEX", "security"), ("HOST", "mdc-export"), ("SOURCETYPE", "mscs:azure:security:alert")];
        insta::assert_snapshot!("splunk_brute_force", write(&settings, BRUTE_FORCE).unwrap());
        insta::assert_snapshot!("splunk_malware", write(&settings, MALWARE).unwrap());
        insta::assert_snapshot!("splunk_every_entity", write(&[], EVERY_ENTITY).unwrap());
        insta::assert_snapshot!("splunk_recommendation", write(&settings, RECOMMENDATION).unwrap());
    }

    fn write_event(settings: &[(&str, &str)], event: &Event<'_>) -> String {
        let values = Values::new(settings.iter().map(|(key, value)| (format!("S__{key}"), (*value).to_owned())));
        let envelope = Envelope::from_section(&Section::new("s", KIND.settings.to_vec(), &values));
        let mut out = Vec::new();
        envelope.write(event, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn envelopes_of_every_kind_are_these_around_the_record() {
        let around = |event: &Event<'_>| {
            let envelope = write_event(&[], event);
            let (before, rest) = envelope.split_once("\"event\":").unwrap();
            let after = rest.strip_prefix(event.raw).expect("the record to the byte");
            format!("{before}\"event\":…{after}")
        };
        insta::assert_snapshot!("splunk_every_kind", every_kind_as(around));
    }

    #[test]
    fn no_indexed_field_has_the_name_of_a_member_of_its_record() {
        // Splunk would show both values in one field. Of alerts props.conf says which `type` counts.
        for (name, event) in of_every_kind() {
            let envelope: Value = serde_json::from_str(&write_event(&[], &event)).unwrap();
            let (members, fields) = (envelope["event"].as_object().unwrap(), envelope["fields"].as_object().unwrap());
            assert!(fields.values().all(|field| field.is_string() || field.is_array()), "{name}");
            let twice: Vec<&String> =
                fields.keys().filter(|name| members.contains_key(*name) && *name != "type").collect();
            assert!(twice.is_empty(), "{name}: {twice:?}");
        }
    }

    #[test]
    fn the_readme_shows_a_real_record() {
        let record = write(&[], BRUTE_FORCE).unwrap();
        assert!(include_str!("README.md").contains(&format!("```json\n{record}```\n")), "it should show {record}");
    }

    #[test]
    fn the_record_is_copied_to_the_byte_and_the_envelope_ends_in_a_line_feed() {
        for record in [BRUTE_FORCE, MALWARE, EVERY_ENTITY, RECOMMENDATION] {
            let envelope = write(&[], record).unwrap();
            assert!(envelope.contains(record.trim()));
            assert!(envelope.ends_with("}\n"));
            let value: Value = serde_json::from_str(&envelope).unwrap();
            assert_eq!(value["event"], serde_json::from_str::<Value>(record).unwrap());
            assert!(value["fields"].as_object().unwrap().values().all(|field| !field.is_object() && !field.is_null()));
        }
    }

    #[test]
    fn time_is_in_seconds_with_no_more_decimals_than_it_needs() {
        for (time, seconds) in [
            (Some("2026-02-03T04:09:10.1234567Z"), "1770091750.123"),
            (Some("2026-02-04T10:00:02.5Z"), "1770199202.5"),
            (Some("2026-02-04T10:00:02.040Z"), "1770199202.04"),
            (Some("2026-02-04T10:00:02.0009Z"), "1770199202"),
            (Some("1970-01-01T00:00:00.007Z"), "0.007"),
            // What .NET writes for "not set".
            (Some("0001-01-01T00:00:00Z"), "1770336000"),
            (Some("9999-12-30T00:00:00Z"), "1770336000"),
            (None, "1770336000"),
        ] {
            let mut out = Vec::new();
            write_seconds(super::time(&event_at(time)), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), seconds, "{time:?}");
        }
    }

    #[test]
    fn every_kind_has_its_sourcetype_and_a_set_one_is_for_alerts() {
        for (settings, as_add_ons) in [(&[][..], true), (&[("LOG_SOURCETYPES", "own")], false)] {
            let settings = [settings, &[("SOURCETYPE", "mine")]].concat();
            let mut all = std::collections::BTreeSet::new();
            for kind in RecordKind::ALL {
                let envelope = write_event(&settings, &Event { kind, ..event_at(None) });
                let value: Value = serde_json::from_str(&envelope).unwrap();
                let own = format!("azure:defender:{}", kind.name());
                let expected = match kind {
                    RecordKind::Alert => "mine",
                    RecordKind::ActivityLog if as_add_ons => "azure:monitor:activity",
                    RecordKind::EntraLog if as_add_ons => "azure:monitor:aad",
                    RecordKind::ResourceLog if as_add_ons => "azure:monitor:resource",
                    RecordKind::XdrLog if as_add_ons => "ms:defender:eventhub",
                    _ => &own,
                };
                assert_eq!(value["sourcetype"], expected);
                let source = if is_log(kind) { "azure:monitor" } else { "azure:defender-for-cloud" };
                assert_eq!(value["source"], source, "{kind:?}");
                all.insert(expected.to_owned());
            }
            assert_eq!(all.len(), RecordKind::ALL.len(), "each its own");
        }
    }

    #[test]
    fn an_empty_record_travels_as_text_because_hec_refuses_blank_events() {
        let values = Values::default();
        let envelope = Envelope::from_section(&Section::new("s", KIND.settings.to_vec(), &values));
        let mut out = Vec::new();
        envelope.write(&event_at(None), &mut out).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&out).unwrap()["event"], "{}");
    }

    #[test]
    fn an_event_over_the_limit_is_refused_with_the_reason() {
        let big = format!(r#"{{"SystemAlertId":"a","AlertType":"b","Description":"{}"}}"#, "x".repeat(2000));
        let error = write(&[("MAX_EVENT_BYTES", "1500")], &big).unwrap_err().to_string();
        assert!(error.starts_with("the event takes 2") && error.ends_with("and MAX_EVENT_BYTES is 1500"), "{error}");
        assert!(write(&[("MAX_EVENT_BYTES", "3000")], &big).is_ok());
    }

    #[test]
    fn indexed_fields_stay_short_and_whole_characters() {
        let long = "ü".repeat(900);
        let alert = format!(r#"{{"SystemAlertId":"a","AlertType":"b","AlertDisplayName":"x{long}"}}"#);
        let value: Value = serde_json::from_str(&write(&[], &alert).unwrap()).unwrap();
        assert_eq!(value["fields"]["signature"].as_str().unwrap().len(), 1023);
        assert_eq!(value["event"]["AlertDisplayName"].as_str().unwrap().chars().count(), 901);
    }

    #[test]
    fn props_conf_knows_every_sourcetype() {
        let props = include_str!("props.conf");
        let own = RecordKind::ALL.map(|kind| format!("azure:defender:{}", kind.name()));
        let of_add_ons = RecordKind::ALL.into_iter().filter_map(of_add_on).map(str::to_owned);
        for sourcetype in own.into_iter().chain(of_add_ons) {
            let (_, stanza) = props.split_once(&format!("\n[{sourcetype}]\n")).expect(&sourcetype);
            let stanza = stanza.split_once("\n[").map_or(stanza, |(stanza, _)| stanza);
            for line in ["KV_MODE = json", "SHOULD_LINEMERGE = false", "TRUNCATE = 0"] {
                assert!(stanza.lines().any(|other| other == line), "{sourcetype}: {line}");
            }
        }
    }

    #[test]
    fn every_event_type_has_tags_and_every_tag_an_event_type() {
        let stanzas = |conf: &'static str, before: &'static str| -> Vec<&'static str> {
            let name = |line: &'static str| line.strip_prefix(before)?.strip_suffix(']');
            conf.lines().filter_map(name).collect()
        };
        let types = stanzas(include_str!("eventtypes.conf"), "[");
        assert_eq!(types, stanzas(include_str!("tags.conf"), "[eventtype="));
        assert_eq!(types.len(), 4);
    }
}
