//! Circuit breaker: what was unwell a moment ago is not asked again by every batch.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Cause;

/// Failures in a row that open the circuit.
const FAILURES: u32 = 5;
/// How long the circuit stays open the first time; it doubles with each failed probe.
const COOL_DOWN: Duration = Duration::from_secs(30);
/// How long it stays open at most, unless the destination itself asked for longer.
const LONGEST_COOL_DOWN: Duration = Duration::from_secs(5 * 60);

/// Circuit breaker of one destination, shared by all deliveries to it.
#[derive(Debug, Default)]
pub struct Breaker {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    circuit: Circuit,
    /// Failures in a row while closed.
    failures: u32,
    /// While not closed: until when deliveries are turned away.
    until: Option<Instant>,
    cool_down: Duration,
    cause: Cause,
    last_reason: Option<String>,
}

/// The state of a [`Breaker`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Circuit {
    /// Deliveries pass.
    #[default]
    Closed,
    /// Deliveries are turned away until the cool-down is over.
    Open,
    /// One delivery passes to see whether the destination is well again; the others are turned away.
    HalfOpen,
}

impl fmt::Display for Circuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        })
    }
}

/// What a failure did to the circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is still closed.
    StillClosed,
    /// It was closed and is open now: the moment for a word in the log.
    Opened,
    /// A probe failed, and it is open for longer.
    OpenAgain,
    /// It was open before: a late word of an older delivery.
    StillOpen,
}

/// A delivery was turned away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnedAway {
    /// Who must change something.
    pub cause: Cause,
    /// Why the circuit is open.
    pub reason: String,
    /// When asking again makes sense.
    pub wait: Duration,
}

impl Breaker {
    /// Lets a delivery pass, or turns it away. After the cool-down one delivery passes; should it vanish without a word, the next one
    /// passes another cool-down later.
    ///
    /// # Errors
    /// When the circuit is open.
    pub fn admit(&self) -> Result<(), TurnedAway> {
        let mut inner = self.lock();
        let Some(until) = inner.until else { return Ok(()) };
        let now = Instant::now();
        if now < until {
            let reason = inner.last_reason.clone().unwrap_or_default();
            return Err(TurnedAway { cause: inner.cause, reason, wait: until - now });
        }
        inner.circuit = Circuit::HalfOpen;
        inner.until = Some(now + inner.cool_down);
        Ok(())
    }

    /// Whether a delivery would be turned away now.
    #[must_use]
    pub fn turns_away(&self) -> bool {
        self.lock().until.is_some_and(|until| Instant::now() < until)
    }

    /// Notes that the destination answered as it should; says whether this closed the circuit.
    pub fn succeeded(&self) -> bool {
        let mut inner = self.lock();
        inner.failures = 0;
        if inner.circuit == Circuit::Closed {
            return false;
        }
        *inner = Inner { last_reason: inner.last_reason.take(), ..Inner::default() };
        true
    }

    /// Notes a failure that may pass. The fifth in a row opens the circuit, and so does one of the delivery that passed to probe.
    pub fn failed(&self, reason: &str) -> Effect {
        let mut inner = self.lock();
        inner.cause = Cause::Unwell;
        inner.last_reason = Some(reason.to_owned());
        inner.failures = inner.failures.saturating_add(1);
        if inner.circuit == Circuit::Closed && inner.failures < FAILURES {
            return Effect::StillClosed;
        }
        inner.open(Duration::ZERO)
    }

    /// Opens the circuit at once, for at least `hold`.
    pub fn trip(&self, cause: Cause, reason: &str, hold: Duration) -> Effect {
        let mut inner = self.lock();
        inner.cause = cause;
        inner.last_reason = Some(reason.to_owned());
        inner.open(hold)
    }

    /// The state, for the status page.
    #[must_use]
    pub fn state(&self) -> Circuit {
        self.lock().circuit
    }

    /// The latest failure, also of a circuit that has closed since.
    #[must_use]
    pub fn last_reason(&self) -> Option<String> {
        self.lock().last_reason.clone()
    }

    /// A panic elsewhere leaves the plain values behind this lock usable.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Opens; what is open already is only ever held longer, never for another cool-down: those are late words of older deliveries.
    fn open(&mut self, hold: Duration) -> Effect {
        let now = Instant::now();
        let effect = match self.circuit {
            Circuit::Closed => {
                self.cool_down = COOL_DOWN;
                Effect::Opened
            }
            Circuit::HalfOpen => {
                self.cool_down = (self.cool_down * 2).min(LONGEST_COOL_DOWN);
                Effect::OpenAgain
            }
            Circuit::Open => {
                self.until = self.until.max(Some(now + hold));
                return Effect::StillOpen;
            }
        };
        self.circuit = Circuit::Open;
        self.until = Some(now + self.cool_down.max(hold));
        effect
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn the_fifth_failure_in_a_row_opens() {
        let breaker = Breaker::default();
        for _ in 0..4 {
            assert_eq!(breaker.failed("HTTP 503"), Effect::StillClosed);
        }
        assert!(!breaker.succeeded());
        for _ in 0..4 {
            assert_eq!(breaker.failed("HTTP 503"), Effect::StillClosed);
        }
        assert_eq!(breaker.admit(), Ok(()));
        assert_eq!(breaker.failed("HTTP 502"), Effect::Opened);
        assert_eq!(breaker.state(), Circuit::Open);
        assert_eq!(
            breaker.admit(),
            Err(TurnedAway { cause: Cause::Unwell, reason: "HTTP 502".into(), wait: 30 * SECOND })
        );
    }

    #[tokio::test(start_paused = true)]
    async fn one_delivery_probes_and_its_success_closes() {
        let breaker = Breaker::default();
        assert_eq!(breaker.trip(Cause::Unwell, "HTTP 401", Duration::ZERO), Effect::Opened);
        advance(30 * SECOND).await;
        assert_eq!(breaker.admit(), Ok(()));
        assert_eq!(breaker.state(), Circuit::HalfOpen);
        assert!(breaker.admit().is_err(), "only one probes");
        assert!(breaker.succeeded());
        assert_eq!((breaker.state(), breaker.admit()), (Circuit::Closed, Ok(())));
        assert_eq!(breaker.last_reason().as_deref(), Some("HTTP 401"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_cool_down_doubles_up_to_five_minutes() {
        let breaker = Breaker::default();
        assert_eq!(breaker.trip(Cause::Unwell, "down", Duration::ZERO), Effect::Opened);
        for seconds in [30, 60, 120, 240, 300, 300] {
            let turned_away = breaker.admit().unwrap_err();
            assert_eq!(turned_away.wait, seconds * SECOND);
            advance(turned_away.wait).await;
            assert_eq!(breaker.admit(), Ok(()));
            assert_eq!(breaker.failed("down"), Effect::OpenAgain, "a failed probe opens at once");
            assert_eq!(breaker.state(), Circuit::Open);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn late_failures_of_older_deliveries_do_not_lengthen_the_cool_down() {
        let breaker = Breaker::default();
        assert_eq!(breaker.trip(Cause::Unwell, "down", Duration::ZERO), Effect::Opened);
        assert_eq!(breaker.failed("down"), Effect::StillOpen);
        assert_eq!(breaker.trip(Cause::Unwell, "down", SECOND), Effect::StillOpen);
        assert_eq!(breaker.admit().unwrap_err().wait, 30 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hold_longer_than_the_cool_down_counts() {
        let breaker = Breaker::default();
        assert_eq!(breaker.trip(Cause::Unwell, "HTTP 429", 600 * SECOND), Effect::Opened);
        assert_eq!(breaker.admit().unwrap_err().wait, 600 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_vanishes_does_not_block_for_ever() {
        let breaker = Breaker::default();
        assert_eq!(breaker.trip(Cause::Unwell, "down", Duration::ZERO), Effect::Opened);
        advance(30 * SECOND).await;
        assert_eq!(breaker.admit(), Ok(()));
        assert!(breaker.admit().is_err());
        advance(30 * SECOND).await;
        assert_eq!(breaker.admit(), Ok(()));
    }
}
