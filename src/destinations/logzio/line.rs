//! One record as one line of JSON: its members as they came, and what Logz.io needs besides.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::destinations::RenderError;
use crate::event::{Event, parse_time};
use crate::format::alert::is_plausible;
use crate::format::json::write_text;
use crate::format::members::{self, Member, members};
use crate::format::record::{is_log, time};
use crate::format::{shrink, syslog};

/// Most bytes of a line, its line feed included (Logz.io, "Limitations": 500,000).
pub(super) const MAX_BYTES: usize = 500_000;

/// A member of that name competes with the type in the request's query: Logz.io's pages disagree about which one wins.
const TYPE: &str = "type";
const TIMESTAMP: &str = "@timestamp";

/// Members that become text, without regard to case: each alert brings field names of its own there.
const MANY_FIELDS: [&str; 2] = ["entities", "extendedProperties"];
/// The member of logs that is a number in some and a word in others.
const LEVEL: &str = "level";

/// How lines are written.
#[derive(Debug)]
pub(super) struct Line {
    /// Whether [`MANY_FIELDS`] become text; of logs everything that is now an object and then a text, and [`LEVEL`].
    pub(super) stringify: bool,
}

impl Line {
    /// Appends the record's members, `@timestamp`, `eventId` and a line feed. Of a record that is too long members are dropped, and named
    /// in `droppedFields`.
    pub(super) fn push(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        shrink::fit(out, event, MAX_BYTES, |out, record, dropped| self.push_members(event, record, dropped, out))
    }

    fn push_members(
        &self,
        event: &Event<'_>,
        json: &str,
        dropped: &[String],
        out: &mut Vec<u8>,
    ) -> Result<(), RenderError> {
        let members = members(json).ok_or_else(|| RenderError("the record is no JSON object".to_owned()))?;
        let (timestamp, id) = (quoted(when(event, &members)), format!("\"{}\"", event.id));
        let names = shrink::names(dropped);
        let added = [(TIMESTAMP, &*timestamp), ("eventId", &*id), ("droppedFields", &*names)];
        let added = if dropped.is_empty() { &added[..2] } else { &added };
        let is_log = is_log(event.kind);
        members::push(out, &members, &[TYPE], added, |out, member| match is_log {
            true => self.push_of_log(out, member),
            false => self.push_value(out, member),
        });
        out.push(b'\n');
        Ok(())
    }

    /// Each category of logs has names of its own in `properties`, and `identity` and others are objects in one and texts in the next.
    fn push_of_log(&self, out: &mut Vec<u8>, Member { name, value, .. }: &Member<'_>) {
        let is_text = value.starts_with('"') || *value == "null";
        if self.stringify && (value.starts_with(['{', '[']) || (name.eq_ignore_ascii_case(LEVEL) && !is_text)) {
            return write_text(out, &minified(value));
        }
        out.extend_from_slice(minified(value).as_bytes());
    }

    fn push_value(&self, out: &mut Vec<u8>, member: &Member<'_>) {
        let Member { name, value, .. } = member;
        let is_container = value.starts_with(['{', '[']);
        if self.stringify && is_container && MANY_FIELDS.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            return write_text(out, &minified(value));
        }
        // Alerts of the resource manager have their members there.
        if self.stringify
            && name.eq_ignore_ascii_case("properties")
            && let Some(inner) = members(value)
        {
            return members::push(out, &inner, &[], &[], |out, member| self.push_value(out, member));
        }
        out.extend_from_slice(minified(value).as_bytes());
    }
}

/// The value on one line: as it came, and where it holds line breaks without white space between its tokens.
fn minified(value: &str) -> Cow<'_, str> {
    match value.bytes().any(|byte| byte < b' ') {
        true => shrink::compact(value).into(),
        false => value.into(),
    }
}

/// The event's time; of a record without a time that we know, the `@timestamp` that it has already.
fn when(event: &Event<'_>, members: &[Member<'_>]) -> Timestamp {
    let own = || {
        let member = members.iter().find(|member| member.name == TIMESTAMP)?;
        parse_time(&serde_json::from_str::<String>(member.value).ok()?).filter(is_plausible)
    };
    match event.time {
        Some(_) => time(event),
        None => own().unwrap_or_else(|| time(event)),
    }
}

/// The time as JSON text: ISO 8601 with milliseconds, in UTC.
fn quoted(time: Timestamp) -> String {
    let mut text = vec![b'"'];
    syslog::push_rfc3339(&mut text, time, 3);
    text.push(b'"');
    String::from_utf8_lossy(&text).into_owned()
}
