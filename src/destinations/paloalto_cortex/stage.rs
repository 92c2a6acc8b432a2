//! Where a conversation stands, and what of a run is for the collector when the API gets the rest.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::batch::Records;
use crate::parcel::HttpParcel;

/// Where a conversation stands; travels in [`HttpParcel::memo`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "lowercase")]
pub(super) enum Stage {
    /// Lines were sent to the collector.
    Lines {
        /// How often in a row it answered them with 500.
        refusals: u32,
    },
    /// Alerts were sent to the API.
    Alerts {
        /// What is left for the collector.
        rest: Option<Rest>,
    },
    /// The API took its alerts; the lines of the same run were sent to the collector.
    Rest {
        /// Which records of the run they are.
        places: Vec<usize>,
    },
    /// The key was sent to be validated.
    Validate,
}

impl Stage {
    pub(super) const fn lines() -> Self {
        Self::Lines { refusals: 0 }
    }

    pub(super) fn memo(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    pub(super) fn of(parcel: &HttpParcel) -> Self {
        Self::deserialize(&parcel.memo).unwrap_or(Self::lines())
    }
}

/// Those records of a run that are for the collector.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Rest {
    /// Their lines.
    pub(super) lines: String,
    /// Their indices in the run.
    pub(super) places: Vec<usize>,
}

impl Rest {
    pub(super) fn of(records: Records<'_>) -> Option<Self> {
        let mut rest = Self { lines: String::new(), places: Vec::new() };
        for (place, (_, line)) in records.iter().enumerate().filter(|(_, (_, record))| is_line(record)) {
            rest.lines.push_str(&String::from_utf8_lossy(line));
            rest.places.push(place);
        }
        (!rest.places.is_empty()).then_some(rest)
    }
}

/// Whether a record is for the collector: its lines end in a line feed, alerts for the API hold none.
pub(super) fn is_line(record: &[u8]) -> bool {
    record.ends_with(b"\n")
}
