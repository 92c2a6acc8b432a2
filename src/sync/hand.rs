//! What this program does to one alert or incident: the change that it claims, and how much is too much.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::audit::Record;
use super::ledger::later;

/// Span in which changes are counted against the caps.
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// How long another run's claim is respected: it makes its change, and waits for the answer, in far less.
pub(super) const LEASE: Duration = Duration::from_secs(120);

/// Most changes of one alert or incident in an hour. What is changed back and forth more often than that rests for an hour.
pub(super) const FLIPS: usize = 3;

/// What this program does to one thing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Hand {
    /// A change that is being made, or was when a run broke off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<Record>,
    /// When it was changed in the last hour.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) writes: Vec<Timestamp>,
    /// Until when it is left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rests_until: Option<Timestamp>,
}

/// Why a change is not made now, though it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Held {
    /// Another run makes it.
    #[error("another run is changing it")]
    Claimed,
    /// It was changed back and forth too often, as was found now.
    #[error("it was changed {FLIPS} times within an hour; it is left alone for an hour")]
    Flapping,
    /// It is left alone, after too many changes or a refusal.
    #[error("it is left alone until {0:.0}")]
    Resting(Timestamp),
    /// As much was changed in the last hour as may be.
    #[error("SYNC__MAX_CHANGES_PER_HOUR is reached; it waits")]
    Cap,
}

impl Hand {
    /// Claims a change.
    pub(super) fn claim(&mut self, record: Record) {
        self.writes.push(record.at);
        self.claim = Some(record);
    }

    /// Takes a claim back, since nothing was changed.
    pub(super) fn release(&mut self) {
        if let Some(record) = self.claim.take() {
            self.writes.retain(|at| *at != record.at);
        }
    }

    /// Whether a change may be made now, the caps aside.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn held(&mut self, run: &str, now: Timestamp) -> Result<(), Held> {
        if self.claim.as_ref().is_some_and(|claim| claim.run != run && now < later(claim.at, LEASE)) {
            return Err(Held::Claimed);
        }
        if let Some(until) = self.rests_until.filter(|until| now < *until) {
            return Err(Held::Resting(until));
        }
        self.writes.retain(|at| now < later(*at, HOUR));
        // A claim that broke off is the same change.
        let again = usize::from(self.claim.is_some());
        if self.writes.len() >= FLIPS + again {
            self.rests_until = Some(later(now, HOUR));
            return Err(Held::Flapping);
        }
        Ok(())
    }
}
