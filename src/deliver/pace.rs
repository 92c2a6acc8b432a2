//! Pacing: destinations that take only so many requests or records within a span of time are never asked for more.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::batch::Pace;

/// Remembers what was sent to one destination, by all invocations of this process.
#[derive(Debug)]
pub struct Pacer {
    paces: &'static [Pace],
    /// What was sent or is promised a turn: when, and how many records. The oldest first.
    sent: Mutex<VecDeque<(Instant, usize)>>,
}

impl Pacer {
    /// Nothing sent yet.
    #[must_use]
    pub fn new(paces: &'static [Pace]) -> Self {
        Self { paces, sent: Mutex::default() }
    }

    /// Takes the next turn for a parcel of so many records: when to send it, at `now` or later.
    ///
    /// # Errors
    /// How long until there may be a turn, when that is not before `deadline`; no turn is taken then.
    pub fn turn(&self, records: usize, now: Instant, deadline: Instant) -> Result<Instant, Duration> {
        if self.paces.is_empty() {
            return Ok(now);
        }
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let longest = self.paces.iter().map(|pace| pace.per).max().unwrap_or_default();
        while sent.front().is_some_and(|(at, _)| *at + longest <= now) {
            sent.pop_front();
        }
        let free = self.paces.iter().map(|pace| free_at(pace, &sent, records)).max().flatten();
        // Turns are handed out in order, so that the list stays sorted.
        let turn = free.into_iter().chain(sent.back().map(|(at, _)| *at)).fold(now, Instant::max);
        if turn >= deadline {
            return Err(turn - now);
        }
        sent.push_back((turn, records));
        Ok(turn)
    }
}

/// From when on the pace leaves room for one more parcel of so many records; always, if nothing is returned. A parcel of more records
/// than the pace allows waits until it is alone.
fn free_at(pace: &Pace, sent: &VecDeque<(Instant, usize)>, records: usize) -> Option<Instant> {
    let room = pace.records.saturating_sub(records);
    let mut sum = 0_usize;
    // Backwards from the latest: the first parcel that does not fit beside the new one must have left the window.
    sent.iter().rev().zip(1_usize..).find_map(|((at, size), count)| {
        sum = sum.saturating_add(*size);
        (count >= pace.parcels.max(1) || sum > room).then(|| *at + pace.per)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn turns(pacer: &Pacer, start: Instant, sizes: &[usize]) -> Vec<u64> {
        let far = start + 100 * MINUTE;
        sizes.iter().map(|size| (pacer.turn(*size, start, far).unwrap() - start).as_secs()).collect()
    }

    #[test]
    fn parcels_keep_their_number_in_every_window() {
        const PACES: &[Pace] = &[Pace { parcels: 2, records: usize::MAX, per: MINUTE }];
        let pacer = Pacer::new(PACES);
        let start = Instant::now();
        assert_eq!(turns(&pacer, start, &[1, 1, 1, 1, 1]), [0, 0, 60, 60, 120]);
        assert_eq!(turns(&pacer, start + 180 * Duration::from_secs(1), &[1]), [0]);
    }

    #[test]
    fn records_count_too_and_a_giant_goes_alone() {
        const PACES: &[Pace] = &[Pace { parcels: usize::MAX, records: 10, per: MINUTE }];
        let pacer = Pacer::new(PACES);
        assert_eq!(turns(&pacer, Instant::now(), &[6, 4, 1, 99, 1]), [0, 0, 60, 120, 180]);
    }

    #[test]
    fn the_strictest_pace_counts() {
        const PACES: &[Pace] = &[
            Pace { parcels: 2, records: usize::MAX, per: MINUTE },
            Pace { parcels: usize::MAX, records: 3, per: Duration::from_secs(3600) },
        ];
        assert_eq!(turns(&Pacer::new(PACES), Instant::now(), &[1, 1, 1, 1]), [0, 0, 60, 3600]);
    }

    #[test]
    fn a_turn_too_late_is_not_taken() {
        const PACES: &[Pace] = &[Pace { parcels: 1, records: usize::MAX, per: MINUTE }];
        let pacer = Pacer::new(PACES);
        let start = Instant::now();
        let soon = start + Duration::from_secs(30);
        assert_eq!(pacer.turn(1, start, soon), Ok(start));
        assert_eq!(pacer.turn(1, start, soon), Err(MINUTE));
        assert_eq!(pacer.turn(1, start, soon), Err(MINUTE), "asking costs nothing");
        assert_eq!(pacer.turn(1, start + MINUTE, start + 2 * MINUTE), Ok(start + MINUTE));
    }

    #[test]
    fn without_a_pace_nothing_waits_and_nothing_is_kept() {
        let pacer = Pacer::new(&[]);
        let now = Instant::now();
        assert!((0..1000).all(|_| pacer.turn(1, now, now) == Ok(now)));
        assert!(pacer.sent.lock().unwrap().is_empty());
    }
}
