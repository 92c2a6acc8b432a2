//! What Defender for Cloud said last about an alert or another matter: the memory by which an older word is told from a newer one.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{Alert, Event, Severity, Status};
use crate::format::alert::is_plausible;
use crate::format::matter::Matter;
use crate::format::severity::word;

/// What the text begins with; a person reads it as the source of the ticket.
const PREFIX: &str = "Defender for Cloud ";

/// A state of an alert. A later time is newer; at the same time, a status further on, since a change of status need not change the times;
/// with the same status, a higher severity.
///
/// As text, `Defender for Cloud 2026-02-03T04:09:10.123456700Z 3-Resolved 4-High`, it fits into `correlation_display` (100 characters), and
/// texts compare like states, so that a transform script needs no parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) struct Said {
    /// The latest of an alert's own times; of another matter, since when it stands so.
    pub(super) time: Timestamp,
    /// Its status.
    pub(super) status: Status,
    /// Its severity.
    pub(super) severity: Severity,
}

impl Said {
    /// The state that an alert tells. One without any time is older than all others; the time of its arrival would change with each
    /// redelivery.
    pub(super) fn of(event: &Event<'_>, alert: &Alert<'_>) -> Self {
        let times = [alert.processing_end_time, alert.end_time, alert.time_generated];
        let latest = times.into_iter().flatten().filter(is_plausible).max();
        let time = latest.or(alert.start_time.filter(is_plausible)).unwrap_or(Timestamp::UNIX_EPOCH);
        Self { time, status: alert.status, severity: event.severity }
    }

    /// The state that a record tells of a matter other than an alert: open ones are new, settled ones are resolved.
    pub(super) const fn of_matter(event: &Event<'_>, matter: &Matter) -> Self {
        let status = if matter.is_open { Status::New } else { Status::Resolved };
        Self { time: matter.changed, status, severity: event.severity }
    }

    /// Whether both say that it stands the same, whenever they said it.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.status, self.severity) == (other.status, other.severity)
    }

    /// Whether the alert is resolved or dismissed.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.status, Status::Resolved | Status::Dismissed)
    }

    /// Whether somebody should look at the alert.
    pub(super) const fn is_active(&self) -> bool {
        matches!(self.status, Status::New | Status::InProgress)
    }

    /// The same, with what it does not say taken from what was said before.
    pub(super) fn after(mut self, before: &Self) -> Self {
        if self.status == Status::Unknown {
            self.status = before.status;
        }
        if self.severity == Severity::Unknown {
            self.severity = before.severity;
        }
        self
    }

    /// The time as ServiceNow writes it: GMT, without zone.
    pub(super) fn glide_time(&self) -> String {
        glide(self.time)
    }
}

/// A time as ServiceNow writes it: `yyyy-MM-dd HH:mm:ss` in GMT.
pub(super) fn glide(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

impl Ord for Said {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |said: &Self| (said.time, said.status as u8, said.severity);
        rank(self).cmp(&rank(other))
    }
}

impl PartialOrd for Said {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, status, severity } = *self;
        let (stage, grade) = (status as u8, severity as u8);
        write!(f, "{PREFIX}{time:.9} {stage}-{} {grade}-{}", status.name(), word(severity))
    }
}

impl From<Said> for String {
    fn from(said: Said) -> Self {
        said.to_string()
    }
}

impl TryFrom<String> for Said {
    type Error = NotOurs;

    fn try_from(text: String) -> Result<Self, NotOurs> {
        text.parse()
    }
}

/// Somebody else wrote the text.
#[derive(Debug, thiserror::Error)]
#[error("not a state of an alert")]
pub(super) struct NotOurs;

impl FromStr for Said {
    type Err = NotOurs;

    fn from_str(text: &str) -> Result<Self, NotOurs> {
        let mut words = text.strip_prefix(PREFIX).ok_or(NotOurs)?.split_whitespace();
        let time = words.next().and_then(|word| word.parse().ok()).ok_or(NotOurs)?;
        let mut name = || words.next().and_then(|word| word.split_once('-')).map(|(_, name)| name).ok_or(NotOurs);
        Ok(Self { time, status: Status::from_text(name()?), severity: Severity::from_text(name()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::parse_time;

    fn said(time: &str, status: Status, severity: Severity) -> Said {
        Said { time: parse_time(time).unwrap(), status, severity }
    }

    #[test]
    fn the_text_is_read_back_and_sorts_like_the_state() {
        let mut all = Vec::new();
        for time in ["1970-01-01T00:00:00Z", "2026-02-03T04:09:10.123Z", "2026-02-03T04:09:10.1234567Z", "2099-12-31"] {
            for status in [Status::Unknown, Status::New, Status::InProgress, Status::Resolved, Status::Dismissed] {
                all.extend(Severity::ALL.map(|severity| said(time, status, severity)));
            }
        }
        let texts: Vec<String> = all.iter().map(Said::to_string).collect();
        assert!(all.is_sorted() && texts.is_sorted());
        for (state, text) in all.iter().zip(&texts) {
            assert_eq!(text.parse::<Said>().unwrap(), *state);
            assert!(text.len() <= 100, "{text}");
        }
        assert_eq!(texts[33], "Defender for Cloud 2026-02-03T04:09:10.123000000Z 0-Unknown 3-Medium");
    }

    #[test]
    fn texts_of_others_are_no_state() {
        for text in ["", "Defender for Cloud", "Defender for Cloud soon 1-New 4-High", "ACME 2026-02-03T04:09:10Z"] {
            assert!(text.parse::<Said>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_said_stays() {
        let before = said("2026-02-03", Status::Resolved, Severity::High);
        let after = said("2026-02-04", Status::Unknown, Severity::Unknown).after(&before);
        assert_eq!(after, said("2026-02-04", Status::Resolved, Severity::High));
    }
}
