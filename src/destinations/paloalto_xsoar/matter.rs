//! The incident that a recommendation, a finding or an attack path becomes.

use std::borrow::Cow;

use super::incident::{Story, headline, steps, told};
use crate::destinations::RenderError;
use crate::event::{Event, Health, Outcome, Status};
use crate::format::matter::Matter;
use crate::format::{record, text};

/// Labels that only such incidents have.
pub(super) mod label {
    /// Kind of the record, as `EVENTS` names it.
    pub(in super::super) const KIND: &str = "Kind";
    /// `true` where the record is part of the weekly full state, else `false`: on an update, only what has a value replaces what was there.
    pub(in super::super) const SNAPSHOT: &str = "Snapshot";
}

/// Status of what is no longer there.
const DELETED: &str = "Deleted";
/// Statuses of what has no word of its own: attack paths.
const OPEN: &str = "Active";

/// What the incident says.
///
/// # Errors
/// When the record opens and closes nothing.
pub(super) fn story<'e>(event: &'e Event<'_>) -> Result<Story<'e>, RenderError> {
    let matter = Matter::of(event).ok_or_else(|| RenderError("the record opens and closes nothing".to_owned()))?;
    let word = text::trim(record::state(event));
    Ok(Story {
        id: format!("{}-{}", matter.word, matter.id),
        status: if word.is_empty() { OPEN } else { word }.into(),
        state_time: matter.changed,
        is_over: !matter.is_open,
        name: headline(&record::title(event), text::trim(record::resource_name(event))),
        occurred: matter.changed,
        details: details(event),
        labels: labels(event, &matter),
    })
}

/// Which status of an alert a word for how a matter stands is like.
pub(super) fn status(word: &str) -> Status {
    match Health::from_text(word).outcome() {
        Outcome::Open => Status::New,
        Outcome::Closed => Status::Resolved,
        Outcome::Informational if word == DELETED => Status::Resolved,
        Outcome::Informational => Status::from_text(word),
    }
}

fn details(event: &Event<'_>) -> String {
    let further = [
        ("Resource", record::resource(event)),
        ("Remediation", &steps(&record::remediation(event))),
        ("Link", record::link(event)),
    ];
    told(&record::description(event), &further)
}

fn labels<'e>(event: &'e Event<'_>, matter: &Matter) -> Vec<(Cow<'static, str>, Cow<'e, str>)> {
    let own: [(&str, Cow<'e, str>); 5] = [
        (label::KIND, event.kind.name().into()),
        ("RecordId", record::record_id(event).into()),
        ("ResourceId", record::resource(event).into()),
        ("Link", record::link(event).into()),
        (label::SNAPSHOT, if matter.is_snapshot { "true" } else { "false" }.into()),
    ];
    let own = own.into_iter().map(|(kind, value)| (Cow::Borrowed(kind), value));
    let further = record::summary(event).into_iter().filter(|(name, _)| !["snapshot", "state"].contains(name));
    own.chain(further.map(|(name, value)| (Cow::Owned(capital(name)), value))).collect()
}

fn capital(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}
