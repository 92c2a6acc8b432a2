//! What the fields of LogRhythm's schema say of an event.
//!
//! Names and types are those of the webhook beat's source-defined parser (`Send-LrSdpWebhook` of LogRhythm.Tools): one flat object of
//! texts and 32-bit integers.

use std::borrow::Cow;

use crate::event::{Alert, Event, Log, Posture, Severity};
use crate::format::alert::{intent_list, or_empty, status, technique_list};
use crate::format::line::said;
use crate::format::record::{
    category, link, outcome, record_id, resource, resource_name, signature, state, time, title,
};
use crate::format::severity::word;
use crate::format::shrink;
use crate::format::text::{self, Room};

/// Longest text of a field in bytes, so that one wild value drives out nothing else. No limit is published.
const TEXT_ROOM: Room = Room::bytes(2048);

/// The mark by which rules find these logs.
const TAG: &str = "Microsoft Defender for Cloud";

/// What `tag2` says when `original_message` is not the whole record.
pub(super) const SHORTENED: &str = "original_message shortened";

/// A value; texts are on one line and never empty.
#[derive(Debug)]
pub(super) enum Value<'e> {
    Text(Cow<'e, str>),
    Number(i32),
}

/// The fields that the event has, besides `original_message` and the beat's own.
#[derive(Debug, Default)]
pub(super) struct Fields<'e>(pub(super) Vec<(&'static str, Value<'e>)>);

impl<'e> Fields<'e> {
    pub(super) fn of(event: &'e Event<'_>) -> Self {
        let mut fields = Self(Vec::with_capacity(24));
        fields.text("time", time(event).to_string());
        fields.text("vendorinfo", title(event));
        fields.text("vmid", signature(event));
        if event.severity != Severity::Unknown {
            fields.text("severity", word(event.severity));
        }
        match event.any_alert() {
            Some(alert) => {
                fields.text("status", status(alert));
                fields.text("subject", intent_list(alert));
            }
            None => {
                fields.text("status", state(event));
                fields.text("subject", category(event));
            }
        }
        fields.text("session", record_id(event));
        fields.text("serialnumber", event.id.to_string());
        fields.text("object", resource(event));
        match event.any_alert() {
            Some(alert) => fields.alert(event, alert),
            None => fields.record(event),
        }
        fields.text("tag1", TAG);
        fields
    }

    fn alert(&mut self, event: &'e Event<'_>, alert: &'e Alert<'_>) {
        let facts = alert.facts();
        let entity = or_empty(&alert.compromised_entity);
        self.text("objectname", entity);
        self.text("objecttype", alert.extended_property("resourceType").unwrap_or_default());
        self.text("threatname", title(event));
        self.text("threatid", technique_list(alert));
        self.text("url", or_empty(&alert.alert_uri));
        self.text("sip", or_empty(&facts.source_ip));
        self.text("dip", or_empty(&facts.destination_ip));
        self.number("sport", facts.source_port);
        self.number("dport", facts.destination_port);
        self.text("protname", or_empty(&facts.protocol));
        self.text("dname", if entity.is_empty() { or_empty(&facts.host) } else { entity });
        self.text("login", or_empty(&facts.user));
        self.text("hash", or_empty(&facts.file_hash));
        self.text("process", or_empty(&facts.process_name));
        self.number("processid", facts.process_id);
        self.text("command", or_empty(&facts.command_line));
        self.text("action", alert.extended_property("ActionTaken").unwrap_or_default());
    }

    /// What there is of a record that is no alert.
    fn record(&mut self, event: &'e Event<'_>) {
        self.text("objectname", resource_name(event));
        self.text("dname", said::host(event));
        self.text("url", link(event));
        self.text("action", said::action(event));
        self.text("result", outcome(event));
        self.text("reason", said::reason(event));
        self.text("policy", said::assessment_key(event));
        self.text("threatid", said::techniques(event));
        if let Some(log) = event.log() {
            self.log(log);
        }
        match event.posture() {
            Some(Posture::Recommendation(it)) => self.text("objecttype", it.resource.full_type().unwrap_or_default()),
            Some(Posture::Finding(it)) => {
                self.text("objecttype", it.resource.full_type().unwrap_or_default());
                self.text("cve", it.vulnerability.cves.join(", "));
            }
            _ => {}
        }
    }

    fn log(&mut self, log: &'e Log<'_>) {
        self.text("sip", or_empty(&log.caller_ip));
        self.text("login", or_empty(&log.identity.name));
        self.text("responsecode", or_empty(&log.result_signature));
        self.number("milliseconds", log.duration_ms);
    }

    /// The value of that name.
    pub(super) fn get(&self, name: &str) -> Option<&Value<'e>> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// A text, if there is one.
    fn text(&mut self, name: &'static str, value: impl Into<Cow<'e, str>>) {
        let value = one_line(value.into());
        if !value.is_empty() {
            self.0.push((name, Value::Text(value)));
        }
    }

    /// A number, if there is one and it is one of LogRhythm's.
    fn number(&mut self, name: &'static str, value: Option<impl TryInto<i32>>) {
        if let Some(number) = value.and_then(|value| value.try_into().ok()) {
            self.0.push((name, Value::Number(number)));
        }
    }
}

/// The text trimmed, shortened, and without line breaks: what the collector hands on is one line.
fn one_line(value: Cow<'_, str>) -> Cow<'_, str> {
    let trimmed = text::trim(&value);
    if trimmed.len() == value.len() && value.len() <= TEXT_ROOM.bytes && !value.contains(text::breaks_line) {
        return value;
    }
    let mut out = Vec::new();
    text::push(&mut out, trimmed, TEXT_ROOM, |c| text::breaks_line(c).then_some(" "));
    Cow::Owned(String::from_utf8(out).unwrap_or_default())
}

/// The record on one line, or what of it fits into `max` bytes (at least 64); with the names of what was left out.
pub(super) fn original(event: &Event<'_>, max: usize) -> (Vec<u8>, Vec<String>) {
    let mut record = Vec::with_capacity(event.raw.len().min(max));
    if event.raw.len() <= max {
        shrink::push_one_line(&mut record, event.raw);
        return (record, Vec::new());
    }
    let dropped = shrink::push(&mut record, event, max);
    (record, dropped)
}
