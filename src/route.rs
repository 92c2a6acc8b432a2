//! Which events go to which destination.

use crate::event::{Event, RecordKind, Severity};
use crate::settings::{Section, Setting};

/// Settings that every destination has.
pub const ROUTE_SETTINGS: &[Setting] = &[
    Setting::optional(
        "MIN_SEVERITY",
        "Least severity that is sent: informational, low, medium, high or critical. Events without a severity are always sent.",
    ),
    Setting::default(
        "EVENTS",
        "*",
        "Comma-separated record kinds that are sent, or * for all; `!kind` takes one out of *.",
    ),
];

/// One destination's choice of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    min_severity: Severity,
    kinds: Vec<RecordKind>,
}

impl Route {
    /// Reads [`ROUTE_SETTINGS`].
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
        Self { min_severity, kinds: Self::kinds(section) }
    }

    fn kinds(section: &Section<'_>) -> Vec<RecordKind> {
        let text = section.text("EVENTS").unwrap_or_default();
        let (mut taken, mut left_out) = (Vec::new(), Vec::new());
        let mut faultless = !text.is_empty();
        for (number, name) in (1..).zip(text.split(',').map(str::trim).filter(|name| !name.is_empty())) {
            let (list, bare) = match name.strip_prefix('!') {
                Some(bare) => (&mut left_out, bare),
                None => (&mut taken, name),
            };
            match RecordKind::from_name(bare) {
                Some(kind) => list.push(kind),
                None if name == "*" || name.eq_ignore_ascii_case("all") => taken.extend(RecordKind::ALL),
                None => {
                    let known = RecordKind::ALL.map(RecordKind::name).join(", ");
                    section.fault("EVENTS", &format!("entry {number}: no record kind; known: {known}"));
                    faultless = false;
                }
            }
        }
        if taken.is_empty() && !left_out.is_empty() {
            taken.extend(RecordKind::ALL);
        }
        taken.retain(|kind| !left_out.contains(kind));
        taken.sort_unstable();
        taken.dedup();
        if taken.is_empty() && faultless {
            section.fault("EVENTS", "names no record kind, so nothing would ever be sent");
        }
        taken
    }

    /// Whether the event goes to this destination. An event without a severity passes any minimum: a missing field is no reason to
    /// withhold an alert.
    #[must_use]
    pub fn takes(&self, event: &Event<'_>) -> bool {
        self.kinds.contains(&event.kind) && (event.severity == Severity::Unknown || event.severity >= self.min_severity)
    }

    /// Whether records of this kind go to this destination at some severity.
    #[must_use]
    pub fn takes_kind(&self, kind: RecordKind) -> bool {
        self.kinds.contains(&kind)
    }
}
