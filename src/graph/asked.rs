//! How often Graph was asked lately, by whichever process: a new one must not begin with a whole budget of its own.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Pages within [`SPAN`]. Graph allows 150 requests a minute for each app and tenant; the rest is for repeats, which are not counted here,
/// and for whoever asks at the same time.
const PAGES: u32 = 110;

/// A minute, and one step of the count.
const SPAN: i64 = 60 + STEP;

/// Seconds that are counted together.
const STEP: i64 = 5;

/// Pages that were read, by the second that their step began in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked(BTreeMap<i64, u32>);

impl Asked {
    /// Counts one page.
    pub(super) fn count(&mut self, now: Timestamp) {
        let step = now.as_second().div_euclid(STEP) * STEP;
        // What lies ahead was counted by a clock that was wrong.
        self.0.retain(|at, _| (step - SPAN..=step).contains(at));
        *self.0.entry(step).or_default() += 1;
    }

    /// Whether no more pages may be asked for at `now`.
    pub(super) fn is_spent(&self, now: Timestamp) -> bool {
        let now = now.as_second();
        self.0.range(now - SPAN + 1..=now).map(|(_, count)| *count).sum::<u32>() >= PAGES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks as fast as it may for so long; the seconds at which it asked.
    fn run(asked: &mut Asked, from: i64, seconds: i64) -> Vec<i64> {
        let mut at = Vec::new();
        for second in from..from + seconds {
            let now = Timestamp::from_second(second).unwrap();
            while !asked.is_spent(now) {
                asked.count(now);
                at.push(second);
            }
        }
        at
    }

    #[test]
    fn no_minute_holds_more_than_its_share_whoever_asks() {
        let mut asked = Asked::default();
        let mut at = run(&mut asked, 1000, 100);
        let text = serde_json::to_string(&asked).unwrap();
        at.extend(run(&mut serde_json::from_str(&text).unwrap(), 1100, 200));
        for begin in 1000..1300 {
            let within = at.iter().filter(|at| (begin..begin + 60).contains(*at)).count();
            assert!(within <= PAGES as usize, "{within} pages from second {begin} on");
        }
        assert!(at.len() >= 4 * PAGES as usize, "it does not stand still: {}", at.len());
    }

    #[test]
    fn what_is_spent_comes_back_after_a_minute() {
        let mut asked = Asked::default();
        let second = |second| Timestamp::from_second(second).unwrap();
        (0..PAGES).for_each(|_| asked.count(second(1002)));
        assert!(asked.is_spent(second(1002)) && asked.is_spent(second(1064)));
        assert!(!asked.is_spent(second(1065)));
        assert!(!asked.is_spent(second(900)), "a clock that went back waits for nothing");
    }
}
