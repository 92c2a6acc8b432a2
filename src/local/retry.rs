//! The retry policy of a `function.json`, as the host applies it: in its own memory, with the same batch, until it succeeds or the
//! retries are used up.

use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::script_root::time_span;

/// What the host does when an invocation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Most retries after the first attempt; absent (`-1` in the file) when there is no limit.
    pub max_retries: Option<u32>,
    /// How long it waits between attempts.
    pub delay: Delay,
}

/// How long the host waits between attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// `fixedDelay`.
    Fixed(Duration),
    /// `exponentialBackoff`: from the first, doubling with 20 % of jitter, up to the second.
    Exponential(Duration, Duration),
}

impl RetryPolicy {
    /// `MaxRetryCount` as invocations carry it.
    #[must_use]
    pub fn max_retry_count(&self) -> i64 {
        self.max_retries.map_or(-1, i64::from)
    }

    /// The wait before retry number `retry` (from 1); `jitter` between 0 and 1. Nothing when the retries are used up.
    #[must_use]
    pub fn before(&self, retry: u32, jitter: f64) -> Option<Duration> {
        if self.max_retries.is_some_and(|most| retry > most) {
            return None;
        }
        Some(match self.delay {
            Delay::Fixed(delay) => delay,
            Delay::Exponential(least, most) if retry > 1 => {
                let grown = least.as_secs_f64() * (0.8 + 0.4 * jitter) * 2f64.powi(retry.min(64) as i32 - 2);
                Duration::try_from_secs_f64(least.as_secs_f64() + grown).unwrap_or(most).min(most)
            }
            Delay::Exponential(least, most) => least.min(most),
        })
    }
}

/// `retry` as the file holds it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RetryFile {
    strategy: String,
    max_retry_count: i64,
    delay_interval: Option<String>,
    minimum_interval: Option<String>,
    maximum_interval: Option<String>,
}

impl TryFrom<RetryFile> for RetryPolicy {
    type Error = anyhow::Error;

    fn try_from(file: RetryFile) -> anyhow::Result<Self> {
        let span = |name: &str, text: &Option<String>| {
            let text = text.as_deref().with_context(|| format!("retry needs {name}"))?;
            time_span(text).with_context(|| format!("{name} of retry is not a time like 00:00:05"))
        };
        let delay = match file.strategy.to_ascii_lowercase().as_str() {
            "fixeddelay" => Delay::Fixed(span("delayInterval", &file.delay_interval)?),
            "exponentialbackoff" => Delay::Exponential(
                span("minimumInterval", &file.minimum_interval)?,
                span("maximumInterval", &file.maximum_interval)?,
            ),
            other => bail!("retry strategy {other:?} is neither fixedDelay nor exponentialBackoff"),
        };
        let max_retries = match file.max_retry_count {
            -1 => None,
            count => Some(u32::try_from(count).context("maxRetryCount of retry is below -1 or too large")?),
        };
        Ok(Self { max_retries, delay })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> anyhow::Result<RetryPolicy> {
        serde_json::from_str::<RetryFile>(text)?.try_into()
    }

    #[test]
    fn unlimited_exponential_backoff_doubles_up_to_its_maximum() {
        let policy = policy(
            r#"{"strategy":"exponentialBackoff","maxRetryCount":-1,"minimumInterval":"00:00:05","maximumInterval":"00:01:00"}"#,
        )
        .unwrap();
        let waits: Vec<u64> = (1..=6).map(|retry| policy.before(retry, 0.5).unwrap().as_secs()).collect();
        assert_eq!(waits, [5, 10, 15, 25, 45, 60]);
        assert_eq!(policy.before(u32::MAX, 1.0), Some(Duration::from_secs(60)));
        assert_eq!(policy.max_retry_count(), -1);
    }

    #[test]
    fn fixed_delays_end_after_the_last_retry() {
        let policy = policy(r#"{"strategy":"fixedDelay","maxRetryCount":2,"delayInterval":"00:00:10"}"#).unwrap();
        assert_eq!(policy.before(2, 0.0), Some(Duration::from_secs(10)));
        assert_eq!(policy.before(3, 0.0), None);
    }

    #[test]
    fn a_missing_interval_is_refused_as_the_host_refuses_it() {
        assert!(policy(r#"{"strategy":"fixedDelay","maxRetryCount":2}"#).is_err());
        assert!(policy(r#"{"strategy":"sometimes","maxRetryCount":2}"#).is_err());
    }
}
