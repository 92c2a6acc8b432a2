//! What tickets and events say of matters that are no alerts: recommendations, findings, attack paths.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::key;
use super::said::Said;
use super::ticket::{Report, body, headline};
use crate::destinations::RenderError;
use crate::event::{Event, RecordKind};
use crate::format::matter::{Matter, words};
use crate::format::severity::word;
use crate::format::{record, text};

/// How a matter stands, besides what [`Said`] keeps.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// The record's own word, as `Unhealthy`.
    pub(super) word: String,
    /// Whether it is part of the weekly full state.
    pub(super) is_snapshot: bool,
}

impl Standing {
    fn of(event: &Event<'_>, matter: &Matter) -> Self {
        Self { word: status(event).to_owned(), is_snapshot: matter.is_snapshot }
    }
}

/// The matter of the event.
///
/// # Errors
/// When there is none that a ticket could be about.
pub(super) fn of(event: &Event<'_>) -> Result<Matter, RenderError> {
    Matter::of(event).ok_or_else(|| RenderError("the record opens and closes nothing".to_owned()))
}

/// The matter as a ticket is told of it.
pub(super) fn report(event: &Event<'_>) -> Result<Report, RenderError> {
    let matter = of(event)?;
    Ok(Report {
        event: event.id.to_string(),
        key: key::of_matter(&matter),
        said: Said::of_matter(event, &matter),
        short_description: headline(event, &record::title(event), text::trim(record::resource_name(event))),
        description: description(event),
        matter: Some(Standing::of(event, &matter)),
    })
}

/// The record's own word for how the matter stands; attack paths have none but for their end.
pub(super) fn status<'e>(event: &'e Event<'_>) -> &'e str {
    let word = text::trim(record::state(event));
    if word.is_empty() { record::outcome(event) } else { word }
}

/// The record's further values by their names.
pub(super) fn values<'e>(event: &'e Event<'_>, between: char) -> impl Iterator<Item = (String, Cow<'e, str>)> {
    record::summary(event)
        .into_iter()
        .filter(|(name, _)| *name != "state")
        .map(move |(name, value)| (words(name, between), value))
}

fn description(event: &Event<'_>) -> String {
    let id = event.id.to_string();
    let kind = match event.kind {
        RecordKind::Recommendation => "recommendation",
        RecordKind::Finding => "finding",
        _ => "attack path",
    };
    let named = [
        ("Event id", id.as_str()),
        ("Severity", word(event.severity)),
        ("Kind", kind),
        ("State", status(event)),
        ("Resource", record::resource(event)),
        ("Record id", record::record_id(event)),
        ("Link", record::link(event)),
    ];
    let further: Vec<(String, Cow<'_, str>)> =
        values(event, ' ').map(|(name, value)| (capital(&name), value)).collect();
    let further = further.iter().map(|(name, value)| (name.as_str(), value.as_ref()));
    body(named.into_iter().chain(further), &record::description(event), &record::remediation(event))
}

fn capital(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}
