//! Records as rows of tables, for receivers that have typed columns: one table for each kind of record that is no alert, with the same names
//! wherever it is made. Alerts have a table of each receiver's own, [`Table::Alerts`].
//!
//! Names are ASCII letters and digits in `PascalCase`, unique within a table, and mean the same in every table. None is among the reserved
//! names of [Azure Monitor](https://learn.microsoft.com/azure/azure-monitor/logs/create-custom-table) (`Title`, `Type`, `TenantId`, ...).

mod columns;
mod log;
mod posture;

use std::borrow::Cow;

use jiff::Timestamp;

use crate::event::{Event, RecordKind};

/// A table of records of one kind, or of kinds that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Alerts, incidents, and what is of no known kind. Its columns are the receiver's own.
    Alerts,
    /// Recommendations.
    Recommendations,
    /// Findings.
    Findings,
    /// Secure scores and their controls.
    SecureScores,
    /// Regulatory compliance: standards, controls, assessments.
    Compliance,
    /// Attack paths.
    AttackPaths,
    /// Logs of Azure Monitor, Microsoft Entra and Defender XDR, metrics, and Azure Monitor's alerts.
    Logs,
}

impl Table {
    /// Every table; each stands at its [`Table::group`].
    pub const ALL: [Self; 7] = [
        Self::Alerts,
        Self::Recommendations,
        Self::Findings,
        Self::SecureScores,
        Self::Compliance,
        Self::AttackPaths,
        Self::Logs,
    ];

    /// Where a record of that kind belongs.
    #[must_use]
    pub const fn of(kind: RecordKind) -> Self {
        match kind {
            RecordKind::Alert | RecordKind::IotAlert | RecordKind::Incident | RecordKind::Unknown => Self::Alerts,
            RecordKind::Recommendation => Self::Recommendations,
            RecordKind::Finding => Self::Findings,
            RecordKind::SecureScore | RecordKind::SecureScoreControl => Self::SecureScores,
            RecordKind::Compliance => Self::Compliance,
            RecordKind::AttackPath => Self::AttackPaths,
            RecordKind::ActivityLog
            | RecordKind::EntraLog
            | RecordKind::ResourceLog
            | RecordKind::XdrLog
            | RecordKind::MonitorAlert => Self::Logs,
        }
    }

    /// Its name, as `SecureScores`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alerts => "Alerts",
            Self::Recommendations => "Recommendations",
            Self::Findings => "Findings",
            Self::SecureScores => "SecureScores",
            Self::Compliance => "Compliance",
            Self::AttackPaths => "AttackPaths",
            Self::Logs => "Logs",
        }
    }

    /// Its number, for [`Destination::group`](crate::destinations::Destination::group).
    #[must_use]
    pub const fn group(self) -> u16 {
        self as u16
    }

    /// Its columns: those that every table has, then its own. [`Table::Alerts`] has none.
    pub fn columns(self) -> impl Iterator<Item = &'static Column> + Clone {
        let (every, own) = match self {
            Self::Alerts => (&[][..], &[][..]),
            Self::Recommendations => (columns::EVERY, posture::RECOMMENDATIONS),
            Self::Findings => (columns::EVERY, posture::FINDINGS),
            Self::SecureScores => (columns::EVERY, posture::SECURE_SCORES),
            Self::Compliance => (columns::EVERY, posture::COMPLIANCE),
            Self::AttackPaths => (columns::EVERY, posture::ATTACK_PATHS),
            Self::Logs => (columns::EVERY, log::LOGS),
        };
        every.iter().chain(own)
    }
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds, for the page of a destination and for column descriptions.
    pub about: &'static str,
    /// Where its values come from.
    pub cell: Cell,
}

/// Where a column's values come from; the column's type follows.
#[derive(Clone, Copy, Debug)]
pub enum Cell {
    /// A text.
    Text(for<'e> fn(&'e Event<'_>) -> Option<Cow<'e, str>>),
    /// A time.
    Time(fn(&Event<'_>) -> Option<Timestamp>),
    /// A whole number.
    Number(fn(&Event<'_>) -> Option<i64>),
    /// Any finite number.
    Real(fn(&Event<'_>) -> Option<f64>),
    /// Yes or no.
    Flag(fn(&Event<'_>) -> Option<bool>),
    /// The whole record as JSON, where the receiver has a type for that.
    Record,
    /// The names of this row's columns that were shortened; after all others.
    Shortened,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_has_its_table() {
        for (place, table) in Table::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(table.group()), place);
            assert!(RecordKind::ALL.into_iter().any(|kind| Table::of(kind) == table));
        }
    }

    #[test]
    fn names_are_legal_everywhere_and_unique() {
        let reserved = ["id", "TenantId", "Type", "UniqueId", "Title"];
        for table in Table::ALL {
            let mut names = BTreeSet::new();
            for Column { name, about, .. } in table.columns() {
                assert!(names.insert(name.to_ascii_lowercase()), "{name} of {table:?} stands twice");
                assert!(name.len() <= 45 && name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{name}");
                assert!(name.starts_with(|c: char| c.is_ascii_uppercase()), "{name}");
                assert!(!reserved.iter().any(|word| word.eq_ignore_ascii_case(name)), "{name}");
                assert!(!about.contains(['"', '\\', '\n', '|']), "{name}: quoted in KQL and in a table");
            }
            assert!(names.len() < 60, "{table:?} has {} columns, and a push semantic model 75 at most", names.len());
        }
    }
}
