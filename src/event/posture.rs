//! Records about the state of resources: what is not an alert and not a log.

use std::borrow::Cow;

use super::attack_path::AttackPath;
use super::bag::Bag;
use super::compliance::Compliance;
use super::finding::Finding;
use super::recommendation::Recommendation;
use super::secure_score::{SecureScore, SecureScoreControl};
use super::{Outcome, RecordKind};

/// A record about the state of a resource, typed.
#[derive(Debug)]
pub enum Posture<'a> {
    /// A recommendation (assessment).
    Recommendation(Recommendation<'a>),
    /// A finding (sub-assessment).
    Finding(Finding<'a>),
    /// A secure score.
    SecureScore(SecureScore<'a>),
    /// A control of a secure score.
    SecureScoreControl(SecureScoreControl<'a>),
    /// A regulatory compliance standard, control or assessment.
    Compliance(Compliance<'a>),
    /// An attack path.
    AttackPath(AttackPath<'a>),
}

impl<'a> Posture<'a> {
    /// The typed view of a record; none of a kind that is not about posture.
    pub(super) fn read(kind: RecordKind, top: &Bag<'a>) -> Option<Self> {
        Some(match kind {
            RecordKind::Recommendation => Self::Recommendation(Recommendation::read(top)),
            RecordKind::Finding => Self::Finding(Finding::read(top)),
            RecordKind::SecureScore => Self::SecureScore(SecureScore::read(top)),
            RecordKind::SecureScoreControl => Self::SecureScoreControl(SecureScoreControl::read(top)),
            RecordKind::Compliance => Self::Compliance(Compliance::read(top)),
            RecordKind::AttackPath => Self::AttackPath(AttackPath::read(top)),
            _ => return None,
        })
    }

    /// What the record's own state means, whatever happened to it. [`super::Event::outcome`] minds a deletion too.
    #[must_use]
    pub fn state(&self) -> Outcome {
        match self {
            Self::Recommendation(recommendation) => recommendation.status.outcome(),
            Self::Finding(finding) => finding.status.outcome(),
            Self::Compliance(compliance) => compliance.state.outcome(),
            Self::SecureScore(_) | Self::SecureScoreControl(_) => Outcome::Informational,
            // A path that is reported is there.
            Self::AttackPath(_) => Outcome::Open,
        }
    }
}

/// The state of a resource as an assessment or sub-assessment sees it (`status.code`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Health {
    /// Absent or not understood.
    #[default]
    Unknown,
    /// `Healthy`.
    Healthy,
    /// `Unhealthy`.
    Unhealthy,
    /// `NotApplicable`: off by policy, exempt, not supported, ...
    NotApplicable,
}

impl Health {
    /// The state that a record's text means, without regard to case.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let is = |name: &str| text.trim().eq_ignore_ascii_case(name);
        if is("Healthy") {
            Self::Healthy
        } else if is("Unhealthy") {
            Self::Unhealthy
        } else if is("NotApplicable") || is("Not Applicable") {
            Self::NotApplicable
        } else {
            Self::Unknown
        }
    }

    /// What it means for whoever follows the matter up.
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Unhealthy => Outcome::Open,
            Self::Healthy | Self::NotApplicable => Outcome::Closed,
            Self::Unknown => Outcome::Informational,
        }
    }
}

/// A link with its scheme: the export leaves `https://` out of `links.azurePortal`. A path without a host stays as it is.
pub(super) fn absolute(link: Cow<'_, str>) -> Cow<'_, str> {
    let trimmed = link.trim();
    let has_scheme = trimmed.find("://").is_some_and(|at| trimmed[..at].bytes().all(|byte| byte.is_ascii_alphabetic()));
    match trimmed.strip_prefix("//") {
        Some(rest) => Cow::Owned(format!("https://{rest}")),
        None if has_scheme || trimmed.starts_with('/') => link,
        None => Cow::Owned(format!("https://{trimmed}")),
    }
}

/// The name that follows `segment` in a resource id, the last time it occurs, without regard to case.
pub(super) fn named_after<'a>(id: &Cow<'a, str>, segment: &str) -> Option<Cow<'a, str>> {
    let span = |id: &str| {
        let lower = id.to_ascii_lowercase();
        let start = lower.rfind(&format!("/{}/", segment.to_ascii_lowercase()))? + segment.len() + 2;
        let end = id[start..].find('/').map_or(id.len(), |length| start + length);
        (start < end).then_some(start..end)
    };
    let span = span(id)?;
    Some(match id {
        Cow::Borrowed(id) => Cow::Borrowed(&id[span]),
        Cow::Owned(id) => Cow::Owned(id[span].to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_get_the_scheme_that_is_missing() {
        for (link, expected) in [
            ("portal.azure.com/#blade/x?u=https://y", "https://portal.azure.com/#blade/x?u=https://y"),
            (" portal.azure.com/#x ", "https://portal.azure.com/#x"),
            ("https://portal.azure.com/#x", "https://portal.azure.com/#x"),
            ("HTTP://portal.example", "HTTP://portal.example"),
            ("//portal.azure.us/#x", "https://portal.azure.us/#x"),
            ("/subscriptions/s", "/subscriptions/s"),
        ] {
            assert_eq!(absolute(link.into()), expected);
        }
    }

    #[test]
    fn names_in_ids_are_found_in_any_case_and_the_last_counts() {
        let id = Cow::Borrowed("/a/Assessments/1/x/ASSESSMENTS/2/subassessments/3");
        assert_eq!(named_after(&id, "assessments").as_deref(), Some("2"));
        assert_eq!(named_after(&id, "subAssessments").as_deref(), Some("3"));
        for none in ["/a/assessments/", "assessments/1", ""] {
            assert_eq!(named_after(&Cow::Owned(none.to_owned()), "assessments"), None, "{none}");
        }
    }
}
