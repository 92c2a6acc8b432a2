//! Which events go to which destination.
//!
//! A [`Route`] is one destination's settings about that, a [`Subject`] an event as routes look at it. What a route withholds is a choice
//! of the settings, and is only counted.

mod categories;
mod declared;
mod filter;
mod kinds;
mod subject;

use std::fmt;

use crate::event::{Event, RecordKind, Severity};
use crate::settings::Section;

use categories::Categories;
pub use declared::settings;
pub use filter::{FUNCTIONS, Filter, Unfiltered, VARIABLES};
pub use subject::Subject;

/// One destination's choice of events.
#[derive(Debug)]
pub struct Route {
    kinds: Vec<RecordKind>,
    min_severity: Severity,
    samples: Samples,
    snapshots: bool,
    categories: Categories,
    filter: Option<Filter>,
}

/// What becomes of sample alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Samples {
    Keep,
    Tag,
    Drop,
}

/// Whether an event goes to a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes there.
    Takes,
    /// It goes there because the filter could not be evaluated on it: an event is never lost for a mistake in a filter.
    TakesUnfiltered(Unfiltered),
    /// It does not.
    Withholds(Withheld),
}

impl Decision {
    /// Whether the event goes there.
    #[must_use]
    pub const fn takes(&self) -> bool {
        !matches!(self, Self::Withholds(_))
    }
}

/// Why an event does not go to a destination: the first setting that withholds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// `EVENTS` does not name the kind.
    Kind(RecordKind),
    /// The severity is below `MIN_SEVERITY`.
    Severity {
        /// The event's.
        is: Severity,
        /// The least that goes.
        least: Severity,
    },
    /// A sample alert, and `SAMPLES` drops those.
    Sample,
    /// Of a weekly snapshot, and `SNAPSHOTS` is false.
    Snapshot,
    /// `LOG_CATEGORIES` does not name the category.
    Category(String),
    /// `FILTER` is false.
    Filter,
    /// The event says nothing to this kind of destination, whatever the settings.
    Silent,
}

impl Withheld {
    /// Key of the setting that withholds the event; none where the destination itself has no use for it.
    #[must_use]
    pub const fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Kind(_) => Some("EVENTS"),
            Self::Severity { .. } => Some("MIN_SEVERITY"),
            Self::Sample => Some("SAMPLES"),
            Self::Snapshot => Some("SNAPSHOTS"),
            Self::Category(_) => Some("LOG_CATEGORIES"),
            Self::Filter => Some("FILTER"),
            Self::Silent => None,
        }
    }
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => write!(f, "{} is not among the kinds that are sent", kind.name()),
            Self::Severity { is, least } => write!(f, "{} is below {}", is.name(), least.name()),
            Self::Sample => f.write_str("it is a sample alert"),
            Self::Snapshot => f.write_str("it is of a weekly snapshot"),
            Self::Category(category) => write!(f, "the category {category} is not among those that are sent"),
            Self::Filter => f.write_str("the expression is false for it"),
            Self::Silent => f.write_str("it says nothing to this destination"),
        }
    }
}

impl Route {
    /// Reads the [`settings`] of the kind.
    #[must_use]
    pub fn from_section(section: &Section<'_>) -> Self {
        let min_severity = match section.text("MIN_SEVERITY") {
            None => Severity::Unknown,
            Some(text) => match Severity::from_text(&text) {
                Severity::Unknown => {
                    section.fault("MIN_SEVERITY", "must be informational, low, medium, high or critical");
                    Severity::Unknown
                }
                severity => severity,
            },
        };
        let samples = [("keep", Samples::Keep), ("tag", Samples::Tag), ("drop", Samples::Drop)];
        Self {
            kinds: kinds::read(section),
            min_severity,
            samples: section.choice("SAMPLES", &samples),
            snapshots: section.flag("SNAPSHOTS"),
            categories: Categories::read(section),
            filter: section.text("FILTER").and_then(|source| match Filter::compile(&source) {
                Ok(filter) => Some(filter),
                Err(problems) => {
                    problems.iter().for_each(|problem| section.fault("FILTER", problem));
                    None
                }
            }),
        }
    }

    /// Whether the event goes to this destination, by its settings: the cheap ones first, the filter last. An event without a severity
    /// passes any minimum: a missing field is no reason to withhold an alert.
    #[must_use]
    pub fn decide(&self, subject: &Subject<'_, '_>) -> Decision {
        let event = subject.event();
        if !self.takes_kind(event.kind) {
            return Decision::Withholds(Withheld::Kind(event.kind));
        }
        if event.severity != Severity::Unknown && event.severity < self.min_severity {
            return Decision::Withholds(Withheld::Severity { is: event.severity, least: self.min_severity });
        }
        if self.samples == Samples::Drop && event.is_sample() {
            return Decision::Withholds(Withheld::Sample);
        }
        if !self.snapshots && subject.outline().is_snapshot {
            return Decision::Withholds(Withheld::Snapshot);
        }
        if event.kind.is_log() && !self.categories.take_all() {
            let category = &subject.outline().category;
            if !self.categories.take(category) {
                return Decision::Withholds(Withheld::Category(category.clone()));
            }
        }
        match self.filter.as_ref().map(|filter| filter.admits(subject)) {
            None | Some(Ok(true)) => Decision::Takes,
            Some(Ok(false)) => Decision::Withholds(Withheld::Filter),
            Some(Err(reason)) => Decision::TakesUnfiltered(reason),
        }
    }

    /// Whether records of this kind go to this destination at some severity.
    #[must_use]
    pub fn takes_kind(&self, kind: RecordKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether the destination gets the event under a title that marks it as a sample.
    #[must_use]
    pub fn marks(&self, event: &Event<'_>) -> bool {
        self.samples == Samples::Tag && event.is_sample()
    }
}
