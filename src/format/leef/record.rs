//! One event as a LEEF line, within a number of bytes.

use super::{Attributes, Version, push_header};
use crate::event::{Alert, Event};
use crate::format::alert::{intents, or_empty, record_id, resource, signature, status, technique_list, time, title};
use crate::format::severity::SeverityMap;

/// What goes, in this order, when a line is too long; `desc` is first shortened. Ids, time and severity never go.
pub const DROP_ORDER: [&str; 15] = [
    "desc",
    "commandLine",
    "url",
    "fileHash",
    "fileName",
    "processName",
    "mitreTechniques",
    "proto",
    "srcPort",
    "dstPort",
    "usrName",
    "dst",
    "src",
    "resource",
    "cat",
];

/// Longest texts in characters. LEEF itself limits `usrName` only; the others keep one wild value from driving out the rest.
mod max {
    pub(super) const USER: usize = 255;
    pub(super) const NAME: usize = 512;
    pub(super) const WORD: usize = 255;
    pub(super) const ID: usize = 1024;
    pub(super) const LONG: usize = 1024;
}

/// How lines are written.
#[derive(Clone, Debug)]
pub struct Style {
    /// LEEF 1.0, or 2.0 with its delimiter.
    pub version: Version,
    /// The attribute `sev`.
    pub severity: SeverityMap,
}

/// Appends the event as one line of at most `max` bytes; `max` must be at least 640.
///
/// A line that is too long loses keys in [`DROP_ORDER`]; when that does not help, every text is shortened.
pub fn push(out: &mut Vec<u8>, event: &Event<'_>, style: &Style, max: usize) {
    let start = out.len();
    for dropped in 0..=DROP_ORDER.len() {
        let draft = Draft { style, end: start + max, omitted: &DROP_ORDER[..dropped], share: usize::MAX };
        draft.push(out, event);
        if out.len() <= start + max {
            return;
        }
        out.truncate(start);
    }
    // Four texts remain beside the EventID (record id, name, resource, status); the rest takes about 200 bytes.
    Draft { style, end: start + max, omitted: &DROP_ORDER, share: max / 8 }.push(out, event);
}

/// One try at a line.
struct Draft<'s> {
    style: &'s Style,
    /// Where in the buffer the line should end.
    end: usize,
    omitted: &'static [&'static str],
    share: usize,
}

impl Draft<'_> {
    fn push(&self, out: &mut Vec<u8>, event: &Event<'_>) {
        push_header(out, self.style.version, signature(event), self.share);
        let mut attributes = Attributes::new(out, self.style.version, self.omitted, self.share);
        match &event.alert {
            Some(alert) => self.push_alert(&mut attributes, event, alert),
            None => self.push_record(&mut attributes, event),
        }
    }

    fn push_alert(&self, attributes: &mut Attributes<'_>, event: &Event<'_>, alert: &Alert<'_>) {
        let facts = alert.facts();
        attributes.text("cat", intents(alert).next().unwrap_or_default(), max::WORD);
        self.push_time_and_severity(attributes, event);
        attributes.address("src", or_empty(&facts.source_ip));
        attributes.address("dst", or_empty(&facts.destination_ip));
        if let Some(port) = facts.source_port {
            attributes.integer("srcPort", port);
        }
        if let Some(port) = facts.destination_port {
            attributes.integer("dstPort", port);
        }
        attributes.text("proto", or_empty(&facts.protocol), max::WORD);
        attributes.text("usrName", or_empty(&facts.user), max::USER);
        attributes.text("resource", or_empty(&alert.compromised_entity), max::NAME);
        attributes.text("url", or_empty(&alert.alert_uri), max::LONG);
        attributes.text("alertId", record_id(event), max::ID);
        push_event_id(attributes, event);
        attributes.text("alertName", title(event), max::NAME);
        attributes.text("azureResourceId", resource(event), max::ID);
        attributes.text("alertStatus", status(alert), max::WORD);
        attributes.text("mitreTechniques", &technique_list(alert), max::LONG);
        attributes.text("fileName", or_empty(&facts.file_name), max::NAME);
        attributes.text("fileHash", or_empty(&facts.file_hash), max::WORD);
        attributes.text("processName", or_empty(&facts.process_name), max::NAME);
        attributes.text("commandLine", or_empty(&facts.command_line), max::LONG);
        let left = self.end.saturating_sub(attributes.out.len());
        attributes.text_in_bytes("desc", &alert.description_filled().unwrap_or_default(), left);
    }

    /// Every record that is no alert: what it is, of what, when; the whole of it travels by the syslog destination in JSON.
    fn push_record(&self, attributes: &mut Attributes<'_>, event: &Event<'_>) {
        attributes.text("cat", event.kind.name(), max::WORD);
        self.push_time_and_severity(attributes, event);
        attributes.text("recordId", record_id(event), max::ID);
        push_event_id(attributes, event);
        attributes.text("recordName", title(event), max::NAME);
        attributes.text("azureResourceId", resource(event), max::ID);
    }

    fn push_time_and_severity(&self, attributes: &mut Attributes<'_>, event: &Event<'_>) {
        attributes.time("devTime", time(event));
        attributes.integer("sev", self.style.severity.number(event.severity));
    }
}

fn push_event_id(attributes: &mut Attributes<'_>, event: &Event<'_>) {
    let hex = event.id.hex();
    attributes.text("eventId", std::str::from_utf8(&hex).unwrap_or_default(), hex.len());
}
