//! The states of both sides, and which of one side stands for which of the other.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Status of a Defender for Cloud alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AlertStatus {
    /// Nobody works on it.
    Active,
    /// Somebody works on it.
    InProgress,
    /// Closed after it was handled.
    Resolved,
    /// Closed as a false positive.
    Dismissed,
}

impl AlertStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Active, Self::InProgress, Self::Resolved, Self::Dismissed];

    /// The status of that name, in any case; nothing for a name that we do not know: such an alert is left alone.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(text))
    }

    /// What the API calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::InProgress => "InProgress",
            Self::Resolved => "Resolved",
            Self::Dismissed => "Dismissed",
        }
    }

    /// The action that brings it about (alerts API, 2022-01-01).
    #[must_use]
    pub const fn action(self) -> &'static str {
        match self {
            Self::Active => "activate",
            Self::InProgress => "inProgress",
            Self::Resolved => "resolve",
            Self::Dismissed => "dismiss",
        }
    }

    /// Whether the alert is closed.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Resolved | Self::Dismissed)
    }
}

impl fmt::Display for AlertStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Status of a Sentinel incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum IncidentStatus {
    /// Nobody works on it.
    New,
    /// Somebody works on it.
    Active,
    /// Closed.
    Closed,
}

impl IncidentStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::New, Self::Active, Self::Closed];

    /// The status of that name, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(text))
    }

    /// What the API calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "New",
            Self::Active => "Active",
            Self::Closed => "Closed",
        }
    }
}

impl fmt::Display for IncidentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why an incident was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Classification {
    /// Nobody said.
    Undetermined,
    /// It was an attack.
    TruePositive,
    /// It was what it seemed, and expected.
    BenignPositive,
    /// It was not what it seemed.
    FalsePositive,
}

impl Classification {
    const ALL: [Self; 4] = [Self::Undetermined, Self::TruePositive, Self::BenignPositive, Self::FalsePositive];

    /// The classification of that name, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|classification| classification.name().eq_ignore_ascii_case(text))
    }

    /// What the API calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Undetermined => "Undetermined",
            Self::TruePositive => "TruePositive",
            Self::BenignPositive => "BenignPositive",
            Self::FalsePositive => "FalsePositive",
        }
    }

    /// The reason that goes with it (`classificationReason`), where we choose it.
    #[must_use]
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Undetermined => None,
            Self::TruePositive => Some("SuspiciousActivity"),
            Self::BenignPositive => Some("SuspiciousButExpected"),
            Self::FalsePositive => Some("InaccurateData"),
        }
    }

    /// What becomes of the alerts of an incident that was closed so: only a false positive is dismissed.
    #[must_use]
    pub const fn closes_as(this: Option<Self>) -> AlertStatus {
        match this {
            Some(Self::FalsePositive) => AlertStatus::Dismissed,
            Some(Self::Undetermined | Self::TruePositive | Self::BenignPositive) | None => AlertStatus::Resolved,
        }
    }
}

/// Which side is told of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// Each of the other.
    Both,
    /// Alerts follow incidents and tickets.
    ToDefender,
    /// Incidents follow alerts.
    ToSentinel,
}

impl Direction {
    /// Whether alerts may be changed.
    #[must_use]
    pub(super) const fn changes_alerts(self) -> bool {
        matches!(self, Self::Both | Self::ToDefender)
    }

    /// Whether incidents may be changed.
    #[must_use]
    pub(super) const fn changes_incidents(self) -> bool {
        matches!(self, Self::Both | Self::ToSentinel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case() {
        for status in AlertStatus::ALL {
            assert_eq!(AlertStatus::parse(&status.name().to_uppercase()), Some(status));
        }
        for status in IncidentStatus::ALL {
            assert_eq!(IncidentStatus::parse(status.name()), Some(status));
        }
        assert_eq!(AlertStatus::parse("New"), None);
        assert_eq!(IncidentStatus::parse("Resolved"), None);
    }

    #[test]
    fn only_a_false_positive_is_dismissed() {
        let closes = Classification::ALL.map(|it| Classification::closes_as(Some(it)));
        use AlertStatus::{Dismissed, Resolved};
        assert_eq!(closes, [Resolved, Resolved, Resolved, Dismissed]);
        assert_eq!(Classification::closes_as(None), Resolved);
    }
}
