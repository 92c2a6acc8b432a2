//! One row: values in the order of their columns, each within its column's room, the whole within what a request takes.

use std::borrow::Cow;

use jiff::Timestamp;

use super::fit::{self, Fit};
use crate::format::json::Object;
use crate::format::text::ELLIPSIS;

/// Most bytes of one request: its limit is 1 MB, counted before compression, and MB may mean a million.
pub(super) const REQUEST_BYTES: usize = 950_000;

/// Most bytes of one row, which in a request of its own stands between brackets.
const ROW_BYTES: usize = REQUEST_BYTES - 2;

/// What a column holds.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// A text as the record has it.
    Text(Cow<'a, str>),
    /// A text that says in other words what the record says.
    Word(Cow<'a, str>),
    /// A time.
    Time(Timestamp),
    /// JSON, for a dynamic column.
    Json(Cow<'a, str>),
    /// A truth.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// Any finite number.
    Real(f64),
}

impl<'a> Value<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }
}

/// How many bytes columns may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    evidence: usize,
    entities: usize,
    /// Every other column.
    pub(super) field: usize,
}

/// Azure Monitor cuts a field after 64 KB without a word.
const FIELD_BYTES: usize = 65_536;

/// Tried in turn until the row fits: the evidence goes first, then the tail of the entities, then the end of whatever is long. In the last
/// one, no row of these columns can be too large, however its texts are escaped.
const ROOMS: [Room; 6] = [
    Room { evidence: FIELD_BYTES, entities: FIELD_BYTES, field: FIELD_BYTES },
    Room { evidence: 0, entities: FIELD_BYTES, field: FIELD_BYTES },
    Room { evidence: 0, entities: 16_384, field: FIELD_BYTES },
    Room { evidence: 0, entities: 16_384, field: 16_384 },
    Room { evidence: 0, entities: 4_096, field: 4_096 },
    Room { evidence: 0, entities: 2_048, field: 2_048 },
];

impl Room {
    fn of(self, column: &str) -> usize {
        match column {
            "SupportingEvidence" => self.evidence,
            "Entities" => self.entities,
            _ => self.field,
        }
    }
}

/// Appends a row of these values; `finish` appends the columns that tell what was shortened, whose names it is given.
pub(super) fn write<'a>(
    out: &mut Vec<u8>,
    values: &[(&'static str, Value<'a>)],
    finish: impl Fn(&mut Object<'_>, Vec<&'static str>, Room),
) {
    let start = out.len();
    for room in ROOMS {
        out.truncate(start);
        let mut row = Object::open(out);
        let mut shortened = Vec::new();
        for (column, value) in values {
            if write_value(&mut row, column, value, room.of(column)) != Fit::Whole {
                shortened.push(*column);
            }
        }
        finish(&mut row, shortened, room);
        row.close();
        if out.len() - start <= ROW_BYTES {
            break;
        }
    }
}

fn write_value(row: &mut Object<'_>, name: &str, value: &Value<'_>, room: usize) -> Fit {
    match value {
        _ if room == 0 => return Fit::Nothing,
        Value::Text(text) | Value::Word(text) if text.len() > room => {
            let end = text.floor_char_boundary(room - ELLIPSIS.len_utf8());
            row.text(name, &format!("{}{ELLIPSIS}", &text[..end]));
            return Fit::Shortened;
        }
        Value::Text(text) | Value::Word(text) => row.text(name, text),
        // In ticks of .NET: columns hold no finer time.
        Value::Time(time) => row.text(name, &format!("{time:.7}")),
        Value::Flag(flag) => row.json(name, if *flag { "true" } else { "false" }),
        Value::Number(number) => row.json(name, itoa::Buffer::new().format(*number)),
        Value::Real(number) => row.json(name, &number.to_string()),
        Value::Json(json) => {
            let out = row.member(name);
            let fit = fit::push(out, json, room);
            if fit == Fit::Nothing {
                out.extend_from_slice(b"null");
            }
            return fit;
        }
    }
    Fit::Whole
}
