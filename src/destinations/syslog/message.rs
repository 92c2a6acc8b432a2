//! The structured data and the JSON message of one event.

use crate::event::{Event, Severity};
use crate::format::alert::or_empty;
use crate::format::record::{category, link, outcome, record_id, resource, signature, state, title};
use crate::format::severity::word;
use crate::format::shrink;
use crate::format::syslog::StructuredData;
use crate::format::text::Room;

/// Longest parameters. The JSON has the texts in full; what is here serves to find and to sort.
const WORD_ROOM: Room = Room::bytes(128);
const ID_ROOM: Room = Room::bytes(512);
const SHORT_ID_ROOM: Room = Room::bytes(128);
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
    let id_room = if detail == Detail::Ids { SHORT_ID_ROOM } else { ID_ROOM };
    data.param(if event.any_alert().is_some() { "alertId" } else { "recordId" }, record_id(event), id_room);
    data.param("eventId", std::str::from_utf8(&hex).unwrap_or_default(), WORD_ROOM);
    if detail == Detail::Ids {
        return data;
    }
    data.param("type", &signature(event), WORD_ROOM);
    if event.severity != Severity::Unknown {
        data.param("severity", word(event.severity), WORD_ROOM);
    }
    data.param("resource", resource(event), RESOURCE_ROOM);
    match (event.any_alert(), detail) {
        (Some(alert), Detail::Full) => {
            data.param("desc", &alert.description_filled().unwrap_or_default(), TEXT_ROOM);
        }
        (None, Detail::Full) => {
            push_record(&mut data, event);
            data.param("link", link(event), RESOURCE_ROOM);
            data.param("title", &title(event), TEXT_ROOM);
        }
        (None, Detail::Short) => push_record(&mut data, event),
        _ => {}
    }
    data
}

/// What serves to find and to sort records that are no alerts.
fn push_record(data: &mut StructuredData<'_>, event: &Event<'_>) {
    data.param("category", category(event), WORD_ROOM);
    data.param("outcome", outcome(event), WORD_ROOM);
    data.param("state", state(event), WORD_ROOM);
    if let Some(log) = event.log() {
        data.param("callerIp", or_empty(&log.caller_ip), WORD_ROOM);
        data.param("user", or_empty(&log.identity.name), WORD_ROOM);
        data.param("correlationId", or_empty(&log.correlation_id), WORD_ROOM);
    }
}
