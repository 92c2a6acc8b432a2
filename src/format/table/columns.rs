//! The columns that the tables of all kinds have.

use std::borrow::Cow;

use jiff::Timestamp;

use super::{Cell, Column};
use crate::event::Severity;
use crate::format::alert::is_plausible;
use crate::format::record;
use crate::format::severity::word;

/// In order, before those of the kind.
pub(super) const EVERY: &[Column] = &[
    Column {
        name: "RecordKind",
        about: "`recommendation`, `secure_score`, ...: the words of `EVENTS`",
        cell: Cell::Text(|event| Some(event.kind.name().into())),
    },
    Column {
        name: "RecordKey",
        about: "the record's own id in lower case, else the event id. The same for every state of one thing",
        cell: Cell::Text(|event| Some(record::key(event).unwrap_or_else(|| event.id.to_string()).into())),
    },
    Column {
        name: "RecordTime",
        about: "the record's own time; scores, compliance and attack paths have none",
        cell: Cell::Time(|event| plausible(event.time)),
    },
    Column {
        name: "SeenTime",
        about: "when the event hub took the record: the later of two states of one thing is the newer",
        cell: Cell::Time(|event| Some(event.seen)),
    },
    Column {
        name: "Action",
        about: "`Insert`, `Write`, `Delete`: what happened to the thing, as continuous export says",
        cell: Cell::Text(|event| borrowed(&event.enrichment()?.action_text)),
    },
    Column {
        name: "IsSnapshot",
        about: "whether it is of the weekly full state and no change, as continuous export says",
        cell: Cell::Flag(|event| event.enrichment().map(|enrichment| enrichment.is_snapshot)),
    },
    Column {
        name: "State",
        about: "how it stands or ended, in the record's own word: `Unhealthy`, `Failed`, `Succeeded`; `Deleted` where the thing is gone",
        cell: Cell::Text(|event| text(record::state(event))),
    },
    Column {
        name: "Outcome",
        about: "`open` or `closed`; of logs `succeeded`, `failed`, `started`",
        cell: Cell::Text(|event| text(record::outcome(event))),
    },
    Column {
        name: "Severity",
        about: "`Informational`, `Low`, `Medium`, `High` or `Critical`; empty where the record has none",
        cell: Cell::Text(|event| (event.severity != Severity::Unknown).then(|| word(event.severity).into())),
    },
    Column {
        name: "SeverityRank",
        about: "0 for none, 1 for informational, to 5 for critical: to sort by",
        cell: Cell::Number(|event| Some(event.severity as i64)),
    },
    Column {
        name: "DisplayName",
        about: "what a person would call it",
        cell: Cell::Text(|event| Some(record::title(event))),
    },
    Column {
        name: "Description",
        about: "what the matter is, in the record's own sentences",
        cell: Cell::Text(|event| some(record::description(event))),
    },
    Column {
        name: "Remediation",
        about: "what to do, one step a line, without HTML",
        cell: Cell::Text(|event| some(record::remediation(event).join("\n").into())),
    },
    Column {
        name: "ResourceId",
        about: "the resource that it is about, as written",
        cell: Cell::Text(|event| text(record::resource(event))),
    },
    Column {
        name: "ResourceName",
        about: "what a person would call the resource",
        cell: Cell::Text(|event| text(record::resource_name(event))),
    },
    Column {
        name: "ResourceType",
        about: "type of the resource, as `Microsoft.Compute/virtualMachines`",
        cell: Cell::Text(|event| record::resource_type(event).map(Cow::Owned)),
    },
    Column {
        name: "ResourceGroup",
        about: "resource group of the resource",
        cell: Cell::Text(|event| record::resource_group(event).map(Cow::Borrowed)),
    },
    Column {
        name: "SubscriptionId",
        about: "subscription of the resource, else of the record's id",
        cell: Cell::Text(|event| record::subscription(event).map(Cow::Borrowed)),
    },
    Column {
        name: "Link",
        about: "where to look at it in the portal",
        cell: Cell::Text(|event| text(record::link(event))),
    },
];

pub(super) fn some(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    (!text.is_empty()).then_some(text)
}

pub(super) fn text(text: &str) -> Option<Cow<'_, str>> {
    some(text.into())
}

pub(super) fn borrowed<'e>(text: &'e Option<Cow<'_, str>>) -> Option<Cow<'e, str>> {
    text.as_deref().map(Cow::Borrowed)
}

/// The texts, with commas between them.
pub(super) fn list<'e>(texts: &'e [Cow<'_, str>]) -> Option<Cow<'e, str>> {
    match texts {
        [only] => text(only),
        many => some(many.join(", ").into()),
    }
}

/// Counts beyond what a column holds are none.
pub(super) fn count(count: Option<u64>) -> Option<i64> {
    i64::try_from(count?).ok()
}

pub(super) fn plausible(time: Option<Timestamp>) -> Option<Timestamp> {
    time.filter(is_plausible)
}

impl Column {
    /// A column of a kind's own.
    pub(super) const fn new(name: &'static str, cell: Cell, about: &'static str) -> Self {
        Self { name, about, cell }
    }
}
