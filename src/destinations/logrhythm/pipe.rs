//! The line that an Open Collector hands to a System Monitor agent: `|beatname=…|fullyqualifiedbeatname=…|…|original_message={…}`.
//!
//! The base rule of the log source type *Syslog - Open Collector* finds fields in a fixed order, and a `|` ends a value: in values it
//! becomes `/`. `original_message` is last and may hold any.

use super::name::BeatName;
use super::schema::{Fields, SHORTENED, Value, original};
use crate::event::Event;
use crate::format::line::{self, Draft};
use crate::format::text::{self, Room, push_number};

/// The order of the base rule, of the fields that we have.
const ORDER: [&str; 33] = [
    "time",
    "object",
    "objectname",
    "objecttype",
    "hash",
    "policy",
    "result",
    "url",
    "responsecode",
    "subject",
    "command",
    "reason",
    "action",
    "status",
    "process",
    "processid",
    "milliseconds",
    "session",
    "severity",
    "vmid",
    "vendorinfo",
    "threatname",
    "threatid",
    "cve",
    "sip",
    "dip",
    "dname",
    "serialnumber",
    "login",
    "protname",
    "sport",
    "dport",
    "tag1",
];

/// What goes, in this order, when the fields alone are too long. Ids, time, severity, `vmid` and `vendorinfo` never go.
pub(super) const DROP_ORDER: [&str; 26] = [
    "command",
    "url",
    "threatname",
    "reason",
    "cve",
    "milliseconds",
    "policy",
    "objectname",
    "objecttype",
    "process",
    "processid",
    "action",
    "hash",
    "responsecode",
    "tag1",
    "protname",
    "sport",
    "dport",
    "threatid",
    "subject",
    "dname",
    "login",
    "dip",
    "sip",
    "result",
    "status",
];

/// What the fields may take at least: four texts that never go (session, object, vmid, vendorinfo), an eighth each, and 256 bytes for the rest.
const FIELDS_BYTES: usize = 512;

const ORIGINAL: &[u8] = b"|original_message=";

/// What the mark of a shortened record takes.
const MARK_BYTES: usize = "|tag2=".len() + SHORTENED.len();

/// Appends the event as one line of at most `max` bytes, which must be at least 640. Fields have half of it; the record has the rest, and
/// loses members by meaning where that is not enough.
pub(super) fn push(out: &mut Vec<u8>, event: &Event<'_>, name: &BeatName, max: usize) {
    let start = out.len();
    let fields = Fields::of(event);
    line::fit(out, FIELDS_BYTES.max(max / 2), &DROP_ORDER, |out, draft| {
        push_pair(out, "beatname", name.beat(), Room::bytes(usize::MAX));
        push_pair(out, "fullyqualifiedbeatname", &name.whole, Room::bytes(usize::MAX));
        push_fields(out, &fields, draft);
    });
    let left = (start + max).saturating_sub(out.len() + ORIGINAL.len());
    let mark = if event.raw.len() > left { MARK_BYTES } else { 0 };
    let (record, dropped) = original(event, left.saturating_sub(mark));
    if !dropped.is_empty() {
        push_pair(out, "tag2", SHORTENED, Room::bytes(MARK_BYTES));
    }
    out.extend_from_slice(ORIGINAL);
    out.extend_from_slice(&record);
}

fn push_fields(out: &mut Vec<u8>, fields: &Fields<'_>, draft: Draft) {
    for name in ORDER.iter().filter(|name| !draft.omitted.contains(name)) {
        match fields.get(name) {
            Some(Value::Text(text)) => push_pair(out, name, text, Room::bytes(draft.share)),
            Some(Value::Number(number)) => {
                push_name(out, name);
                push_number(out, *number);
            }
            None => {}
        }
    }
}

fn push_pair(out: &mut Vec<u8>, name: &str, value: &str, room: Room) {
    push_name(out, name);
    text::push(out, value, room, |c| (c == '|').then_some("/"));
}

fn push_name(out: &mut Vec<u8>, name: &str) {
    out.push(b'|');
    out.extend_from_slice(name.as_bytes());
    out.push(b'=');
}
