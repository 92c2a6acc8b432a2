//! The structured data and the JSON message of one event.

use crate::event::{Event, Severity};
use crate::format::alert::{or_empty, record_id, resource, signature, title};
use crate::format::severity::word;
use crate::format::shrink;
use crate::format::syslog::StructuredData;
use crate::format::text::Room;

/// Longest parameters. The JSON has the texts in full; what is here serves to find and to sort.
const ID_ROOM: Room = Room::bytes(128);
const RESOURCE_ROOM: Room = Room::bytes(512);
const TEXT_ROOM: Room = Room { chars: 256, bytes: 512 };
const DROPPED_ROOM: Room = Room::bytes(100);

/// What ` truncated="true" dropped="..."` may take.
const TRUNCATED_BYTES: usize = 30 + DROPPED_ROOM.bytes;

/// Below this much room for the record, parameters that the record repeats are left out.
const RECORD_BYTES: usize = 512;

/// How much the structured data says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    /// Everything.
    Full,
    /// Without the free text.
    Short,
    /// Ids only.
    Ids,
}

/// Appends structured data and message: the record as it came, or what of it fits into `max` bytes.
///
/// A record that is shortened is marked `truncated="true"`, with the names of the dropped members in `dropped`. `max` must be at
/// least 640.
pub(super) fn push(out: &mut Vec<u8>, event: &Event<'_>, sd_id: &str, max: usize) {
    let start = out.len();
    open(out, event, sd_id, Detail::Full).close();
    out.push(b' ');
    if out.len() - start + event.raw.len() <= max {
        shrink::push_one_line(out, event.raw);
        return;
    }

    let left = |out: &Vec<u8>| (start + max).saturating_sub(out.len() + TRUNCATED_BYTES + "] ".len());
    out.truncate(start);
    let _ = open(out, event, sd_id, Detail::Short);
    if left(out) < RECORD_BYTES {
        out.truncate(start);
        let _ = open(out, event, sd_id, Detail::Ids);
    }
    let mut record = Vec::new();
    let dropped = shrink::push(&mut record, event, left(out));
    let mut data = StructuredData::reopen(out);
    if !dropped.is_empty() {
        data.param("truncated", "true", Room::bytes(4));
        data.param("dropped", &dropped.join(","), DROPPED_ROOM);
    }
    data.close();
    out.push(b' ');
    out.extend_from_slice(&record);
}

/// Opens the element and appends its parameters.
fn open<'o>(out: &'o mut Vec<u8>, event: &Event<'_>, sd_id: &str, detail: Detail) -> StructuredData<'o> {
    let hex = event.id.hex();
    let mut data = StructuredData::open(out, sd_id);
    data.param(if event.alert.is_some() { "alertId" } else { "recordId" }, record_id(event), ID_ROOM);
    data.param("eventId", std::str::from_utf8(&hex).unwrap_or_default(), ID_ROOM);
    if detail == Detail::Ids {
        return data;
    }
    data.param("type", signature(event), ID_ROOM);
    if event.severity != Severity::Unknown {
        data.param("severity", word(event.severity), ID_ROOM);
    }
    data.param("resource", resource(event), RESOURCE_ROOM);
    if detail == Detail::Full {
        match &event.alert {
            Some(alert) => data.param("desc", or_empty(&alert.description), TEXT_ROOM),
            None => data.param("title", title(event), TEXT_ROOM),
        }
    }
    data
}
