//! Which versions of alerts were handled lately.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::EventId;

/// Versions that are remembered at most. The document stays near 1 MB.
const ROOM: usize = 20_000;

/// Handled versions, each with the second that it was changed in. Beyond its room it forgets the oldest: those come again rather than being
/// missed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen(BTreeMap<String, i64>);

impl Seen {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn holds(&self, version: EventId) -> bool {
        self.0.contains_key(&version.to_string())
    }

    /// Remembers a version; whether it is new.
    pub(super) fn insert(&mut self, version: EventId, changed: Timestamp) -> bool {
        self.0.insert(version.to_string(), changed.as_second()).is_none()
    }

    /// Forgets what was changed before that time.
    pub(super) fn forget_before(&mut self, time: Timestamp) {
        self.0.retain(|_, changed| *changed >= time.as_second());
    }

    /// Forgets the oldest, where there are more than there is room for; whether that was so.
    pub(super) fn fit(&mut self) -> bool {
        self.fit_in(ROOM)
    }

    fn fit_in(&mut self, room: usize) -> bool {
        let Some(over) = self.0.len().checked_sub(room).filter(|over| *over > 0) else { return false };
        let mut times: Vec<(i64, String)> = self.0.iter().map(|(version, time)| (*time, version.clone())).collect();
        times.sort_unstable();
        for (_, version) in &times[..over] {
            self.0.remove(version);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_first() {
        let version = |number: i64| EventId::of(&number.to_le_bytes());
        let mut seen = Seen::default();
        for number in 0..10 {
            assert!(seen.insert(version(number), Timestamp::from_second(number).unwrap()));
        }
        assert!(!seen.insert(version(3), Timestamp::from_second(3).unwrap()));
        assert!(!seen.fit_in(10) && seen.fit_in(6));
        let held: Vec<i64> = (0..10).filter(|number| seen.holds(version(*number))).collect();
        assert_eq!(held, [4, 5, 6, 7, 8, 9]);
        seen.forget_before(Timestamp::from_second(8).unwrap());
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn a_full_memory_is_a_small_document() {
        let mut seen = Seen::default();
        for number in 0..ROOM + 5 {
            seen.insert(EventId::of(&number.to_le_bytes()), Timestamp::from_second(1_795_000_000).unwrap());
        }
        assert!(seen.fit());
        assert!(serde_json::to_vec_pretty(&seen).unwrap().len() < 1_200_000);
    }
}
