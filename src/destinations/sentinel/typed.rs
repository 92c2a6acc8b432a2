//! A row of a custom table of its kind: `DefenderForCloudRecommendations_CL` and the others that hold no alerts.

use super::columns::REST;
#[cfg(test)]
use super::columns::TRUNCATED;
use super::mended;
use super::row::{self, Value};
use super::table::tell_shortened;
use crate::event::Event;
use crate::format::table::{Cell, Table};

/// Appends the row of an event whose table is not that of alerts: what the columns say, and the whole record in [`REST`].
pub(super) fn write(event: &Event<'_>, table: Table, out: &mut Vec<u8>) {
    let raw = mended(event.raw);
    let mut values = vec![("TimeGenerated", Value::Time(event.taken))];
    values.extend(table.columns().filter_map(|column| Some((column.name, value(event, column.cell)?))));
    values.extend([
        (REST, Value::Json(raw)),
        ("ForwarderEventId", Value::text(event.id.to_string())),
        ("ForwarderVersion", Value::text(env!("CARGO_PKG_VERSION"))),
    ]);
    row::write(out, &values, |row, shortened, _| tell_shortened(row, &shortened));
}

fn value<'e>(event: &'e Event<'_>, cell: Cell) -> Option<Value<'e>> {
    match cell {
        Cell::Text(of) => of(event).filter(|text| !text.is_empty()).map(Value::Text),
        Cell::Time(of) => of(event).map(Value::Time),
        Cell::Number(of) => of(event).map(Value::Number),
        Cell::Real(of) => of(event).map(Value::Real),
        Cell::Flag(of) => of(event).map(Value::Flag),
        Cell::Record | Cell::Shortened => None,
    }
}

/// The columns of a typed table in order, with their types as a data collection rule names them.
#[cfg(test)]
pub(super) fn columns(table: Table) -> Vec<(&'static str, &'static str)> {
    let own = table.columns().map(|column| (column.name, kind(column.cell)));
    let last =
        [(REST, "dynamic"), ("ForwarderEventId", "string"), ("ForwarderVersion", "string"), (TRUNCATED, "string")];
    [("TimeGenerated", "datetime")].into_iter().chain(own).chain(last).collect()
}

/// The type of a column, as a data collection rule names it.
#[cfg(test)]
pub(super) const fn kind(cell: Cell) -> &'static str {
    match cell {
        Cell::Text(_) | Cell::Shortened => "string",
        Cell::Time(_) => "datetime",
        Cell::Number(_) => "long",
        Cell::Real(_) => "real",
        Cell::Flag(_) => "boolean",
        Cell::Record => "dynamic",
    }
}
