//! What an alert's word changes in its ticket.

use serde_json::json;

use super::desk::{Columns, columns};
use super::impact::ImpactMap;
use super::row::Row;
use super::said::Said;
use super::states::States;
use super::talk::Otherwise;
use super::ticket::Report;
use crate::event::Status;

/// Most tickets of one alert. Each is one more look for every later word about it.
const MOST_TICKETS: u32 = 9;

/// What is to be done with a ticket.
#[derive(PartialEq, Eq)]
pub(super) enum Change {
    /// It knows this, or something newer.
    Nothing,
    /// It is closed, and the alert went on after that: its next ticket is the one to change.
    Follow,
    /// These columns change, and no others.
    Write {
        /// The columns.
        columns: Columns,
        /// What to do where the instance refuses.
        otherwise: Otherwise,
    },
}

/// Compares what the alert says with what its `number`-th ticket remembers. Only what differs between the two is written: what people
/// changed in the ticket since stays as it is.
pub(super) fn decide(ticket: &Row, report: &Report, number: u32, states: &States, impacts: &ImpactMap) -> Change {
    let before = ticket.said();
    let said = before.map_or(report.said, |before| report.said.after(&before));
    let repeats = report.matter.as_ref().is_some_and(|standing| standing.is_snapshot);
    if before.is_some_and(|before| said <= before || repeats && said.is_same(&before)) {
        return Change::Nothing;
    }
    let was_over = before.is_some_and(|before| before.is_over());
    let mut change = columns([("correlation_display", &said.to_string())]);
    let report = Report { said, ..report.clone() };
    let is_news = before.is_none_or(|before| !before.is_same(&said));
    if is_news {
        change.insert("work_notes".to_owned(), json!(report.note()));
    }
    if ticket.is_closed() {
        return match was_over && number < MOST_TICKETS {
            true => Change::Follow,
            false => Change::Write { columns: change, otherwise: Otherwise::Leave },
        };
    }
    if before.is_some_and(|before| before.severity != said.severity) {
        let (impact, urgency) = impacts.of(said.severity);
        change.insert("impact".to_owned(), json!(impact));
        change.insert("urgency".to_owned(), json!(urgency));
    }
    let status_is_news = before.is_none_or(|before| before.status != said.status);
    let moved = if status_is_news { state(ticket, &said, was_over, states) } else { None };
    let Some(state) = moved else { return Change::Write { columns: change, otherwise: Otherwise::Fail } };
    let mut without = change.clone();
    let note =
        format!("{} This instance refused state {state} from Defender Relay: please set it by hand.", report.note());
    without.insert("work_notes".to_owned(), json!(note));
    change.extend(states.move_to(state, &said));
    Change::Write { columns: change, otherwise: Otherwise::Write { columns: without } }
}

/// The state that the ticket moves to, if any.
fn state<'s>(ticket: &Row, said: &Said, was_over: bool, states: &'s States) -> Option<&'s str> {
    // Active again: out of the resolved state, where the ticket got there.
    let returns = said.status == Status::New && was_over && states.resolved.as_deref() == Some(&ticket.state);
    let wanted = if returns { states.in_progress.as_deref() } else { states.of(said) };
    wanted.filter(|state| *state != ticket.state)
}
