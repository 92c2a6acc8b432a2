//! The settings of routes, as each kind of destination has them.

use std::sync::LazyLock;

use crate::destinations::{CATALOG, Kind};
use crate::settings::Setting;

/// The settings that every destination has, with the defaults of this kind.
#[must_use]
pub fn settings(kind: &Kind) -> &'static [Setting] {
    DECLARED.iter().find(|(name, _)| *name == kind.name).map_or(&[], |(_, settings)| settings)
}

static DECLARED: LazyLock<Vec<(&str, [Setting; 6])>> =
    LazyLock::new(|| CATALOG.iter().map(|kind| (kind.name, declare(kind.events, kind.snapshots))).collect());

const fn declare(events: &'static str, snapshots: bool) -> [Setting; 6] {
    [
        Setting::optional(
            "MIN_SEVERITY",
            "Least severity that is sent: informational, low, medium, high or critical. Events without a severity are always sent.",
        ),
        Setting::default(
            "EVENTS",
            events,
            "Comma-separated record kinds that are sent, or * for all; `!kind` takes one out of *.",
        ),
        Setting::default(
            "SAMPLES",
            "keep",
            "Sample alerts of Defender for Cloud: keep, tag (the title begins with `[SAMPLE ALERT]`) or drop.",
        ),
        Setting::default(
            "SNAPSHOTS",
            if snapshots { "true" } else { "false" },
            "Whether records of the weekly snapshots are sent too, or only changes.",
        ),
        Setting::default(
            "LOG_CATEGORIES",
            "*",
            "Comma-separated categories of log records that are sent, or * for all; `!category` takes one out of *. Other records, and logs \
             without a category, are always sent.",
        ),
        Setting::optional(
            "FILTER",
            "Which of these events are sent: a CEL expression, such as `severity_level >= 4 || 'Exfiltration' in tactics`. See docs/filters.md.",
        ),
    ]
}
