//! What continuous export says about the export of a record: why it came, and whether it is part of a weekly snapshot.

use std::borrow::Cow;

use super::bag::Bag;

/// The block `securityEventDataEnrichment`, which all records of continuous export but alerts have. Recommendations and findings carry it
/// a second time under an older name (`assessmentEventDataEnrichment`, `SubAssessmentEventDataEnrichment`), which is read where the first
/// says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enrichment<'a> {
    /// What happened to the thing that the record describes.
    pub action: Action,
    /// The action as it came.
    pub action_text: Option<Cow<'a, str>>,
    /// Whether this is the weekly full state and not a change. Snapshots come in bursts of thousands of records.
    pub is_snapshot: bool,
    /// The version of the REST API whose shape the record has.
    pub api_version: Option<Cow<'a, str>>,
    /// `interval`, as `00:00:00`; seen with regulatory compliance only.
    pub interval: Option<Cow<'a, str>>,
}

/// What happened to the thing that a record describes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Action {
    /// It is new.
    Insert,
    /// It was written: new or changed.
    Write,
    /// It no longer exists; the record still holds its last state.
    Delete,
    /// A word that is not known, or none.
    #[default]
    Other,
}

impl Action {
    /// The action that a record's text means, without regard to case.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let is = |name: &str| text.trim().eq_ignore_ascii_case(name);
        if is("Insert") {
            Self::Insert
        } else if is("Write") || is("Update") {
            Self::Write
        } else if is("Delete") {
            Self::Delete
        } else {
            Self::Other
        }
    }
}

const NAMES: [&str; 3] =
    ["securityEventDataEnrichment", "assessmentEventDataEnrichment", "subAssessmentEventDataEnrichment"];

/// The enrichment of a record; none where it has no such block.
pub(super) fn read<'a>(top: &Bag<'a>) -> Option<Enrichment<'a>> {
    let blocks: Vec<Bag<'a>> = NAMES.iter().map(|name| top.inner(name)).filter(|block| !block.is_empty()).collect();
    if blocks.is_empty() {
        return None;
    }
    let text = |name: &str| blocks.iter().find_map(|block| block.text(name));
    let action_text = text("action");
    Some(Enrichment {
        action: action_text.as_deref().map(Action::from_text).unwrap_or_default(),
        action_text,
        is_snapshot: blocks.iter().find_map(|block| block.flag("isSnapshot")).unwrap_or_default(),
        api_version: text("apiVersion"),
        interval: text("interval"),
    })
}
