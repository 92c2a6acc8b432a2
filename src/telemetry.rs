//! Logs and counters. One JSON object per line: info to stdout, warnings and errors to stderr, as the Functions host expects.
//!
//! No alert content and no secret is ever logged; a panic is logged by its place in the program, not by its text, which may quote data.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt;

/// Starts logging at `level` (`error`, `warn`, `info`, `debug`); libraries log from `warn` on. A second call does nothing.
pub fn start(level: Option<&str>) {
    let level = level.unwrap_or("info");
    let filter = EnvFilter::try_new(format!("warn,defender_relay={level}"))
        .unwrap_or_else(|_| EnvFilter::new("warn,defender_relay=info"));
    let writer = io::stderr.with_max_level(Level::WARN).or_else(io::stdout);
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(writer)
        .try_init();
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, "a bug: the program panicked; this invocation fails, the others go on");
        }));
    }
}

/// What one destination did since the process started.
#[derive(Debug, Default)]
pub struct Counters {
    delivered: AtomicU64,
    parked: AtomicU64,
    dead: AtomicU64,
    filtered: AtomicU64,
    unfiltered: AtomicU64,
}

/// What became of a number of events at one destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Count {
    /// Acknowledged by the destination.
    pub delivered: u64,
    /// Parked for redelivery.
    pub parked: u64,
    /// Buried as dead letters.
    pub dead: u64,
    /// Withheld by the settings that choose events.
    pub filtered: u64,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, more: Self) {
        self.delivered += more.delivered;
        self.parked += more.parked;
        self.dead += more.dead;
        self.filtered += more.filtered;
    }
}

impl Counters {
    /// Adds what one batch brought.
    pub fn add(&self, count: Count) {
        let pairs = [
            (&self.delivered, count.delivered),
            (&self.parked, count.parked),
            (&self.dead, count.dead),
            (&self.filtered, count.filtered),
        ];
        for (counter, more) in pairs {
            counter.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Counts events that a destination got because its filter could not be evaluated on them. The sum, whenever it has doubled: what is
    /// said then fills no log, even where a filter fails on every event.
    pub fn add_unfiltered(&self, more: u64) -> Option<u64> {
        let before = self.unfiltered.fetch_add(more, Ordering::Relaxed);
        let sum = before.saturating_add(more);
        (sum.checked_ilog2() != before.checked_ilog2()).then_some(sum)
    }

    /// The sums so far.
    #[must_use]
    pub fn read(&self) -> Count {
        Count {
            delivered: self.delivered.load(Ordering::Relaxed),
            parked: self.parked.load(Ordering::Relaxed),
            dead: self.dead.load(Ordering::Relaxed),
            filtered: self.filtered.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_filters_fail_on_is_told_when_it_has_doubled() {
        let counters = Counters::default();
        let told: Vec<u64> =
            [1, 1, 1, 1, 1, 1, 1, 1, 0, 5, 100].iter().filter_map(|more| counters.add_unfiltered(*more)).collect();
        assert_eq!(told, [1, 2, 4, 8, 113]);
    }
}
