//! Delays between attempts.

use std::time::Duration;

/// How often, and after which delays, a run is tried again within one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries of one run in a row, the first included; at least 1.
    pub attempts: u32,
    /// Upper bound of the first delay; it doubles with each try.
    pub base: Duration,
    /// Upper bound of every delay.
    pub cap: Duration,
}

impl Default for RetryPolicy {
    /// Four tries within some seconds; what needs longer is the outbox's business.
    fn default() -> Self {
        Self { attempts: 4, base: Duration::from_millis(500), cap: Duration::from_secs(10) }
    }
}

/// The longest time that a destination can ask us to wait (reference: destinations-itsm.md section 0).
pub const HINT_CAP: Duration = Duration::from_secs(15 * 60);

impl RetryPolicy {
    /// The delay after the `failed`-th try in a row failed (counted from 1), or nothing when that was the last. Full jitter: anything
    /// between zero and the exponential bound, so that many senders do not return together; but never shorter than `hint`.
    #[must_use]
    pub fn delay(&self, failed: u32, hint: Option<Duration>) -> Option<Duration> {
        if failed >= self.attempts {
            return None;
        }
        let bound = self.base.saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1))).min(self.cap);
        Some(bound.mul_f64(fastrand::f64()).max(hint.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy =
        RetryPolicy { attempts: 40, base: Duration::from_secs(1), cap: Duration::from_secs(30) };

    #[test]
    fn delays_lie_below_a_bound_that_doubles_up_to_the_cap() {
        for (failed, bound) in [(1, 1), (2, 2), (3, 4), (6, 30), (39, 30)] {
            let longest = (0..200).filter_map(|_| POLICY.delay(failed, None)).max().unwrap();
            assert!(longest <= Duration::from_secs(bound), "{failed}: {longest:?}");
            assert!(longest > Duration::from_secs(bound) / 2, "{failed}: {longest:?} is no full jitter");
        }
    }

    #[test]
    fn a_hint_is_a_lower_bound() {
        let hint = Duration::from_secs(120);
        assert_eq!(POLICY.delay(1, Some(hint)), Some(hint));
    }

    #[test]
    fn tries_end() {
        assert!(POLICY.delay(39, None).is_some());
        assert_eq!(POLICY.delay(40, None), None);
        assert_eq!(RetryPolicy { attempts: 0, ..POLICY }.delay(1, None), None);
    }
}
