//! The HEC envelope around one record: the record's own bytes, and what Splunk should know at index time.

use jiff::Timestamp;

use crate::destinations::RenderError;
use crate::event::{Event, RecordKind, Severity};
use crate::format::json::{Object, write_text};
use crate::settings::Section;

/// Most bytes of one indexed field: they are stored for every event, beside the event that holds the whole text.
const FIELD_BYTES: usize = 1024;

/// Times that the sources mean. .NET writes the years 1 and 9999 for "not set", and Splunk would file the event under them.
const PLAUSIBLE_SECONDS: std::ops::Range<i64> = 0..4_102_444_800;

/// Writes envelopes. What is the same in all of a kind's envelopes is written once, when the destination opens.
#[derive(Debug)]
pub(super) struct Envelope {
    /// By [`RecordKind`]: from behind the time to before the record.
    middles: Vec<Vec<u8>>,
    max_bytes: usize,
}

impl Envelope {
    pub(super) fn from_section(section: &Section<'_>) -> Self {
        let (host, source) = (section.string("HOST"), section.string("SOURCE"));
        let (alerts, index) = (section.string("SOURCETYPE"), section.text("INDEX"));
        let middle = |kind: RecordKind| {
            let sourcetype = match kind {
                RecordKind::Alert => alerts.clone(),
                other => format!("azure:defender:{}", other.name()),
            };
            let index = index.as_ref().map(|index| ("index", index));
            let members = [("host", &host), ("source", &source), ("sourcetype", &sourcetype)];
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
        write_fields(event, out);
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

fn time(event: &Event<'_>) -> Timestamp {
    let time = event.when();
    if PLAUSIBLE_SECONDS.contains(&time.as_second()) { time } else { event.seen }
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

/// Appends the indexed fields: the event id, and for alerts those of Splunk's CIM data model "Alerts". Absent values have no field.
fn write_fields(event: &Event<'_>, out: &mut Vec<u8>) {
    let mut fields = Object::open(out);
    let id = event.id.hex();
    fields.text("event_id", std::str::from_utf8(&id).unwrap_or_default());
    let Some(alert) = event.alert.as_deref() else {
        if event.severity != Severity::Unknown {
            fields.text("severity", event.severity.name());
        }
        return fields.close();
    };
    let facts = alert.facts();
    let target = alert.compromised_entity.as_deref().or(alert.resource_name()).or(facts.host.as_deref());
    fields.optional("alert_id", alert.system_alert_id.as_deref().or(event.key.as_deref()).map(short));
    fields.text("severity", event.severity.name());
    fields.optional("signature_id", alert.alert_type.as_deref().map(short));
    fields.optional("signature", alert.display_name.as_deref().map(short));
    fields.optional("dest", target.map(short));
    fields.optional("src", facts.source_ip.as_deref().map(short));
    fields.optional("user", facts.user.as_deref().map(short));
    fields.text("type", "alert");
    fields.optional("app", alert.product_name.as_deref().map(short));
    match alert.techniques().as_slice() {
        [] => {}
        [one] => fields.text("mitre_technique_id", short(one)),
        several => {
            let several: Vec<&str> = several.iter().map(|technique| short(technique)).collect();
            fields.texts("mitre_technique_id", &several);
        }
    }
    fields.optional("vendor_account", alert.subscription_id().map(short));
    fields.close();
}

/// The beginning of a text, cut between characters.
fn short(text: &str) -> &str {
    &text[..text.floor_char_boundary(FIELD_BYTES)]
}
