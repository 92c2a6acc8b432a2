//! One event as a CEF line, within a number of bytes.

use super::{Extension, Version, key, push_header};
use crate::event::{Alert, Event, Log};
use crate::format::alert::{intent_list, is_plausible, or_empty, status, technique_list};
use crate::format::line::{self, said};
use crate::format::record::{category, link, outcome, record_id, resource, signature, state, time, title};
use crate::format::severity::SeverityMap;

/// What goes, in this order, when a line is too long; `msg` is first shortened. Ids and the event's time never go.
pub const DROP_ORDER: [&str; 31] = [
    "msg",
    "cs6",
    "request",
    "filePath",
    "fileHash",
    "fname",
    "dproc",
    "dpid",
    "destinationDnsDomain",
    "reason",
    "sourceServiceName",
    "spriv",
    "cn1",
    "suid",
    "duid",
    "act",
    "proto",
    "spt",
    "dpt",
    "cs3",
    "cat",
    "suser",
    "duser",
    "dst",
    "src",
    "dhost",
    "dvchost",
    "outcome",
    "cs2",
    "end",
    "start",
];

/// How lines are written.
#[derive(Clone, Debug)]
pub struct Style {
    /// CEF:0 or CEF:1.
    pub version: Version,
    /// The header's severity.
    pub severity: SeverityMap,
}

/// Appends the event as one line of at most `max` bytes; `max` must be at least 640.
///
/// A line that is too long loses keys in [`DROP_ORDER`]; when that does not help, every text is shortened.
pub fn push(out: &mut Vec<u8>, event: &Event<'_>, style: &Style, max: usize) {
    // Five texts that can be long never go (signature, title, external id, resource, record id); the rest takes about 200 bytes.
    let alert = event.any_alert();
    let rest = match alert {
        Some(_) => (String::new(), String::new()),
        None => (said::message(event), said::properties(event)),
    };
    line::fit(out, max, &DROP_ORDER, |out, draft| {
        let &Style { version, ref severity } = style;
        push_header(out, version, &signature(event), &title(event), severity.number(event.severity), draft.share);
        let mut extension = Extension::new(out, version, draft);
        match alert {
            Some(alert) => push_alert(&mut extension, event, alert),
            None => push_record(&mut extension, event, &rest),
        }
    });
}

fn push_alert(extension: &mut Extension<'_>, event: &Event<'_>, alert: &Alert<'_>) {
    let facts = alert.facts();
    extension.time(key::RT, time(event));
    for (key, time) in [(key::START, alert.start_time), (key::END, alert.end_time)] {
        if let Some(time) = time.filter(is_plausible) {
            extension.time(key, time);
        }
    }
    extension.text(key::EXTERNAL_ID, external_id(alert));
    extension.text(key::CAT, &intent_list(alert));
    extension.text(key::DVCHOST, "defender-for-cloud");
    extension.text(key::DHOST, or_empty(&alert.compromised_entity));
    extension.address(key::SRC, or_empty(&facts.source_ip));
    extension.address(key::DST, or_empty(&facts.destination_ip));
    if let Some(port) = facts.source_port {
        extension.integer(key::SPT, port);
    }
    if let Some(port) = facts.destination_port {
        extension.integer(key::DPT, port);
    }
    extension.text(key::PROTO, or_empty(&facts.protocol));
    extension.text(key::DUSER, or_empty(&facts.user));
    extension.text(key::DUID, or_empty(&facts.user_id));
    extension.text(key::DNS_DOMAIN, or_empty(&facts.domain_name));
    extension.text(key::FNAME, or_empty(&facts.file_name));
    extension.text(key::FILE_PATH, or_empty(&facts.file_path));
    extension.text(key::FILE_HASH, or_empty(&facts.file_hash));
    extension.text(key::DPROC, or_empty(&facts.process_name));
    if let Some(id) = facts.process_id {
        extension.integer(key::DPID, id);
    }
    extension.text(key::ACT, &alert.extended_property("ActionTaken").unwrap_or_default());
    extension.labelled(key::CS1, "AzureResourceId", resource(event));
    extension.labelled(key::CS2, "AlertStatus", status(alert));
    extension.labelled(key::CS3, "MitreTechniques", &technique_list(alert));
    extension.labelled(key::CS4, "SystemAlertId", record_id(event));
    push_event_id(extension, event);
    extension.labelled(key::CS6, "CommandLine", or_empty(&facts.command_line));
    extension.text(key::REQUEST, or_empty(&alert.alert_uri));
    extension.text_in_rest(key::MSG, &alert.description_filled().unwrap_or_default());
}

/// Every record that is no alert: what it is, of what, how it stands; all that its summary says in `msg`; a log's properties in `cs3`.
fn push_record(extension: &mut Extension<'_>, event: &Event<'_>, (message, properties): &(String, String)) {
    let log = event.log();
    extension.time(key::RT, time(event));
    extension.text(key::EXTERNAL_ID, Some(record_id(event)).filter(is_short).unwrap_or_default());
    extension.text(key::CAT, category(event));
    extension.text(key::DVCHOST, "defender-for-cloud");
    extension.text(key::DHOST, said::host(event));
    if let Some(log) = log {
        push_caller(extension, log);
    }
    extension.text(key::ACT, said::action(event));
    extension.text(key::OUTCOME, outcome(event));
    extension.text(key::REASON, said::reason(event));
    extension.labelled(key::CS1, "AzureResourceId", resource(event));
    extension.labelled(key::CS2, "State", state(event));
    extension.labelled(key::CS3, "MitreTechniques", &said::techniques(event));
    extension.labelled(key::CS4, "RecordId", record_id(event));
    push_event_id(extension, event);
    extension.labelled(key::CS6, "AssessmentKey", said::assessment_key(event));
    if let Some(log) = log {
        extension.labelled(key::CS6, "CorrelationId", or_empty(&log.correlation_id));
        let duration = log.duration_ms.map(|duration| duration.to_string());
        extension.labelled(key::CN1, "DurationMs", &duration.unwrap_or_default());
    }
    extension.text(key::REQUEST, link(event));
    extension.text_in_rest(key::MSG, message);
    extension.labelled_in_rest(key::CS3, "Properties", properties);
}

/// Who did it, from where, through what.
fn push_caller(extension: &mut Extension<'_>, log: &Log<'_>) {
    extension.address(key::SRC, or_empty(&log.caller_ip));
    extension.text(key::SUSER, or_empty(&log.identity.name));
    extension.text(key::SUID, or_empty(&log.identity.id));
    extension.text(key::SPRIV, or_empty(&log.identity.role));
    extension.text(key::SOURCE_SERVICE_NAME, or_empty(&log.identity.app));
}

fn push_event_id(extension: &mut Extension<'_>, event: &Event<'_>) {
    let hex = event.id.hex();
    extension.labelled(key::CS5, "EventId", std::str::from_utf8(&hex).unwrap_or_default());
}

/// The GUID part of the alert's id, or the id when it is short enough as it is: `externalId` holds 40 characters, an alert's full id
/// may have 56. The full id is in `cs4`.
fn external_id<'a>(alert: &'a Alert<'_>) -> &'a str {
    alert.alert_guid().filter(is_short).or(alert.system_alert_id.as_deref().filter(is_short)).unwrap_or_default()
}

/// Whether `externalId` holds all of the id.
fn is_short(id: &&str) -> bool {
    id.chars().count() <= key::EXTERNAL_ID.1
}
