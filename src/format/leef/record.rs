//! One event as a LEEF line, within a number of bytes.

use super::{Attributes, Version, push_header};
use crate::event::{Alert, Event};
use crate::format::alert::{intents, or_empty, status, technique_list};
use crate::format::line::{self, said};
use crate::format::record::{
    category, link, outcome, record_id, resource, resource_name, signature, summary, time, title,
};
use crate::format::severity::SeverityMap;

/// What goes, in this order, when a line is too long; `desc` is first shortened, and what a record's summary has beyond these keys has only
/// what room they leave. Ids, time and severity never go.
pub const DROP_ORDER: [&str; 17] = [
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
    "role",
    "usrName",
    "dst",
    "src",
    "resource",
    "outcome",
    "cat",
];

/// Names of a summary whose values stand under keys of LEEF's own: `cat`, `usrName`, `role`, `src`, `resource`.
const SAID: [&str; 5] = ["category", "user", "role", "callerIp", "resourceName"];

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
    // Four texts that can be long never go beside the EventID (record id, name, resource, status); the rest takes about 200 bytes.
    line::fit(out, max, &DROP_ORDER, |out, draft| {
        push_header(out, style.version, &signature(event), draft.share);
        let mut attributes = Attributes::new(out, style.version, draft);
        let severity = style.severity.number(event.severity);
        match event.any_alert() {
            Some(alert) => push_alert(&mut attributes, event, alert, severity),
            None => push_record(&mut attributes, event, severity),
        }
    });
}

fn push_alert(attributes: &mut Attributes<'_>, event: &Event<'_>, alert: &Alert<'_>, severity: u8) {
    let facts = alert.facts();
    attributes.text("cat", intents(alert).next().unwrap_or_default(), max::WORD);
    push_time_and_severity(attributes, event, severity);
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
    attributes.text("alertName", &title(event), max::NAME);
    attributes.text("azureResourceId", resource(event), max::ID);
    attributes.text("alertStatus", status(alert), max::WORD);
    attributes.text("mitreTechniques", &technique_list(alert), max::LONG);
    attributes.text("fileName", or_empty(&facts.file_name), max::NAME);
    attributes.text("fileHash", or_empty(&facts.file_hash), max::WORD);
    attributes.text("processName", or_empty(&facts.process_name), max::NAME);
    attributes.text("commandLine", or_empty(&facts.command_line), max::LONG);
    attributes.text_in_rest("desc", &alert.description_filled().unwrap_or_default());
}

/// Every record that is no alert: what it is, of what, how it stands; its summary, name by name; the properties of a log.
fn push_record(attributes: &mut Attributes<'_>, event: &Event<'_>, severity: u8) {
    attributes.text("cat", category(event), max::WORD);
    push_time_and_severity(attributes, event, severity);
    if let Some(log) = event.log() {
        attributes.address("src", or_empty(&log.caller_ip));
        attributes.text("usrName", or_empty(&log.identity.name), max::USER);
        attributes.text("role", or_empty(&log.identity.role), max::WORD);
    }
    attributes.text("resource", resource_name(event), max::NAME);
    attributes.text("url", link(event), max::LONG);
    attributes.text("recordId", record_id(event), max::ID);
    push_event_id(attributes, event);
    attributes.text("recordName", &title(event), max::NAME);
    attributes.text("azureResourceId", resource(event), max::ID);
    attributes.text("outcome", outcome(event), max::WORD);
    let summary = summary(event);
    for (name, value) in summary.iter().filter(|(name, _)| !SAID.contains(name)) {
        attributes.text_if_room(name, value, max::LONG);
    }
    attributes.text_in_rest("desc", &said::description(event, &summary));
    attributes.text_in_rest("properties", &said::properties(event));
}

fn push_time_and_severity(attributes: &mut Attributes<'_>, event: &Event<'_>, severity: u8) {
    attributes.time("devTime", time(event));
    attributes.integer("sev", severity);
}

fn push_event_id(attributes: &mut Attributes<'_>, event: &Event<'_>) {
    let hex = event.id.hex();
    attributes.text("eventId", std::str::from_utf8(&hex).unwrap_or_default(), hex.len());
}
