//! The tables that rows go to: their names, their columns, and how an event becomes a row.

use std::io::Write as _;

use super::columns::of_table;
use crate::event::Event;
use crate::format::json::{Object, write_text};
use crate::format::shrink;
use crate::format::table::{Cell, Column, Table as Kind};
use crate::format::text::ELLIPSIS;
use crate::settings::Section;

/// Most characters of one text: Power BI refuses a request with a longer one. Counted in UTF-16 units, as .NET counts them.
const TEXT_UNITS: usize = 4_000;
/// Most bytes of [`Cell::Record`]: an Eventhouse takes 1 MiB in a dynamic column.
const RECORD_BYTES: usize = 1_000_000;

/// A table, and those of the columns that are sent.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<&'static Column>,
}

/// The tables that rows go to, by the group of their records: that of alerts first, and alone where it takes all records.
///
/// Reads `TABLE`, `TABLES` and `COLUMNS`; of all columns those that `has` admits.
pub(super) fn from_section(section: &Section<'_>, has: fn(&Column) -> bool) -> Vec<Table> {
    let per_type = section.choice("TABLES", &[("per_type", true), ("one", false)]);
    let other = |kind: &Kind| Table {
        name: kind.name().to_owned(),
        columns: of_table(*kind).into_iter().filter(|column| has(column)).collect(),
    };
    let mut tables = vec![Table::of_alerts(section, has)];
    tables.extend(Kind::ALL[1..].iter().filter(|_| per_type).map(other));
    if tables[1..].iter().any(|other| other.name.eq_ignore_ascii_case(&tables[0].name)) {
        section.fault("TABLE", "is the name of the table of another kind; choose another, or set TABLES=one");
    }
    tables
}

impl Table {
    fn of_alerts(section: &Section<'_>, has: fn(&Column) -> bool) -> Self {
        let name = section.string("TABLE");
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ');
        if name.is_empty() || name.len() > 100 || !name.chars().all(legal) {
            section.fault("TABLE", "must be up to 100 letters, digits, spaces, `-` and `_`");
        }
        let all = of_table(Kind::Alerts).into_iter().filter(|column| has(column));
        let chosen = section.string("COLUMNS");
        let chosen: Vec<&str> = chosen.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if chosen == ["*"] {
            return Self { name, columns: all.collect() };
        }
        let is = |column: &Column, name: &&str| column.name.eq_ignore_ascii_case(name);
        let unknown = |name: &&str| !all.clone().any(|column| is(column, name));
        if chosen.is_empty() || chosen.iter().any(unknown) {
            let known: Vec<&str> = all.clone().map(|column| column.name).collect();
            section.fault("COLUMNS", &format!("must be * or some of {}", known.join(", ")));
        }
        Self { name, columns: all.filter(|column| chosen.iter().any(|name| is(column, name))).collect() }
    }

    /// Whether rows have that column.
    pub(super) fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }

    /// Appends the event's row: every column, `null` where there is no value.
    pub(super) fn write(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        let mut row = Object::open(out);
        let mut shortened = Vec::new();
        for Column { name, cell, .. } in &self.columns {
            let out = row.member(name);
            let whole = match cell {
                Cell::Text(text) => write_short(out, text(event).as_deref()),
                Cell::Shortened => write_short(out, Some(&shortened.join(", "))),
                Cell::Record if event.raw.len() > RECORD_BYTES => shrink::push(out, event, RECORD_BYTES).is_empty(),
                Cell::Record => write_value(out, Some(event.raw)),
                Cell::Time(time) => write_value(out, time(event).map(|time| format!("\"{time:.3}\""))),
                Cell::Number(number) => write_value(out, number(event)),
                Cell::Real(number) => write_value(out, number(event)),
                Cell::Flag(flag) => write_value(out, flag(event)),
            };
            if !whole {
                shortened.push(*name);
            }
        }
        row.close();
    }
}

/// Appends what prints as JSON, else `null`; it is always whole.
fn write_value(out: &mut Vec<u8>, value: Option<impl std::fmt::Display>) -> bool {
    // Writing to a Vec cannot fail.
    let _ = match value {
        Some(value) => write!(out, "{value}"),
        None => write!(out, "null"),
    };
    true
}

/// Appends a text, with an ellipsis in place of what does not fit, or `null` for none; tells whether it is whole.
fn write_short(out: &mut Vec<u8>, text: Option<&str>) -> bool {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return write_value(out, None::<&str>) };
    let Some(end) = cut(text) else {
        write_text(out, text);
        return true;
    };
    write_text(out, &text[..end]);
    out.pop(); // the closing quote
    let _ = write!(out, "{ELLIPSIS}\"");
    false
}

/// Where to cut so that the beginning and the ellipsis fit; nothing when the whole text fits.
fn cut(text: &str) -> Option<usize> {
    // No character has more UTF-16 units than bytes.
    if text.len() <= TEXT_UNITS {
        return None;
    }
    let (mut units, mut end) = (0, 0);
    for (at, c) in text.char_indices() {
        if units < TEXT_UNITS {
            end = at;
        }
        units += c.len_utf16();
        if units > TEXT_UNITS {
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fit_as_net_counts_them_and_are_cut_between_characters() {
        for (character, units) in [("a", 1), ("é", 1), ("…", 1), ("🦀", 2), ("\u{0}", 1)] {
            let fits = character.repeat(TEXT_UNITS / units);
            assert_eq!(cut(&fits), None, "{character}");
            let mut out = Vec::new();
            assert!(!write_short(&mut out, Some(&format!("{fits}{character}"))));
            let short: String = serde_json::from_slice(&out).unwrap();
            let kept = short.strip_suffix(ELLIPSIS).unwrap();
            assert_eq!(kept, character.repeat((TEXT_UNITS - 1) / units));
            assert!(short.encode_utf16().count() <= TEXT_UNITS);
        }
    }

    #[test]
    fn nothing_is_null() {
        for none in [None, Some("")] {
            let mut out = Vec::new();
            assert!(write_short(&mut out, none));
            assert_eq!(out, b"null");
        }
    }
}
