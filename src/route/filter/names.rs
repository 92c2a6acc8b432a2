//! Texts whose case does not matter, and how an expression's literals meet them.
//!
//! Azure compares its names without regard to case, and its services write them in several. So such variables hold one spelling, and a
//! literal that is compared with one is brought into that spelling when the expression is read.

use std::borrow::Cow;

use crate::event::{RecordKind, Severity, Status, Tactic};

/// How a text is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::route) enum Names {
    /// As it came; case matters.
    Exact,
    /// Lower case.
    Lower,
    /// Upper case.
    Upper,
    /// A record kind.
    Kind,
    /// A severity.
    Severity,
    /// A status: Defender's words for one state are one word; lower case.
    Status,
    /// A tactic of MITRE ATT&CK by its name.
    Tactic,
}

impl Names {
    /// The text in this spelling; a word that is not on a list in lower case.
    pub(in crate::route) fn spell(self, text: &str) -> String {
        self.known(text).map_or_else(|| text.to_ascii_lowercase(), Cow::into_owned)
    }

    /// The text in this spelling, or what is wrong with it.
    pub(super) fn meet(self, text: &str) -> Result<String, String> {
        let list = |names: &[&str]| names.join(", ");
        self.known(text).map(Cow::into_owned).ok_or_else(|| match self {
            Self::Kind => format!("no record kind; known: {}", list(&RecordKind::ALL.map(RecordKind::name))),
            Self::Severity => format!("no severity; known: {}", list(&Severity::ALL.map(Severity::name))),
            _ => "no tactic of MITRE ATT&CK".to_owned(),
        })
    }

    fn known(self, text: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::Exact => Some(Cow::Borrowed(text)),
            Self::Lower => Some(Cow::Owned(text.to_ascii_lowercase())),
            Self::Upper => Some(Cow::Owned(text.to_ascii_uppercase())),
            Self::Kind => RecordKind::from_name(text).map(|kind| Cow::Borrowed(kind.name())),
            Self::Severity => match Severity::from_text(text) {
                Severity::Unknown if !text.trim().eq_ignore_ascii_case("unknown") => None,
                severity => Some(Cow::Borrowed(severity.name())),
            },
            Self::Status => Some(Cow::Owned(match Status::from_text(text) {
                Status::Unknown => text.to_ascii_lowercase(),
                status => status.name().to_ascii_lowercase(),
            })),
            Self::Tactic => Tactic::from_name(text).map(|tactic| Cow::Borrowed(tactic.name)),
        }
    }

    /// How a part of a text in this spelling is spelled: the beginning of a tactic is no tactic.
    pub(super) const fn of_part(self) -> Self {
        match self {
            Self::Kind | Self::Severity | Self::Status => Self::Lower,
            Self::Tactic => Self::Exact,
            same => same,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_meet_variables_in_one_spelling() {
        for (names, text, expected) in [
            (Names::Severity, "High", Some("high")),
            (Names::Severity, "urgent", None),
            (Names::Kind, "Alerts", Some("alert")),
            (Names::Kind, "allert", None),
            (Names::Status, "Active", Some("new")),
            (Names::Status, "In Progress", Some("inprogress")),
            (Names::Status, "Unhealthy", Some("unhealthy")),
            (Names::Tactic, "InitialAccess", Some("Initial Access")),
            (Names::Tactic, "Nonsense", None),
            (Names::Upper, "t1059", Some("T1059")),
            (Names::Exact, "As Is", Some("As Is")),
        ] {
            assert_eq!(names.meet(text).ok().as_deref(), expected, "{names:?} {text}");
        }
    }
}
