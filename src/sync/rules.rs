//! What one incident and its alerts ask of each other. Nothing here reads a clock or a network: the same case has always the same answer.
//!
//! Each pair of an incident and one of its alerts remembers the states in which both were last seen to agree, or to be left alone. A side that
//! differs from that was changed since by somebody else; what this program itself changed is remembered at once, so that it never looks like
//! somebody's change. Of two sides that differ, the one that changed is followed; of a pair that was never seen before, the one that is further
//! on. What a person closed is never opened again; what a person opened again is not closed again until something changes.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::status::{AlertStatus, Classification, Direction, IncidentStatus};

/// The states of a pair when it was last settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Agreed {
    /// Of the incident.
    pub(super) incident: IncidentStatus,
    /// Of the alert.
    pub(super) alert: AlertStatus,
}

/// An incident as it is now, with the Defender for Cloud alerts that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Case {
    /// Its status.
    pub(super) status: IncidentStatus,
    /// Why it was closed, if it is.
    pub(super) classification: Option<Classification>,
    /// Whether it is as this program closed it: nobody changed it since.
    pub(super) closed_by_us: bool,
    /// How many alerts of other products it holds.
    pub(super) others: u32,
    /// Its Defender for Cloud alerts.
    pub(super) parts: Vec<Part>,
}

/// An alert of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Its status now; nothing where it is not found, or where it may not be changed.
    pub(super) now: Option<AlertStatus>,
    /// Whether it is in the state that this program brought about: nobody changed it since.
    pub(super) ours: bool,
    /// When the pair was last settled.
    pub(super) agreed: Option<Agreed>,
    /// Whether it came to the incident only when that was closed.
    pub(super) late: bool,
}

/// What is to be done now, at most one of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The alert of that number changes.
    Alert {
        /// Which part.
        part: usize,
        /// Its new status.
        to: AlertStatus,
    },
    /// The incident changes.
    Incident(Change),
}

/// A change of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is closed.
    Close {
        /// Whether every alert was dismissed, as false positives are.
        dismissed: bool,
    },
    /// Somebody works on it.
    Activate,
    /// It is opened again.
    Reopen {
        /// As what.
        to: IncidentStatus,
    },
}

impl Change {
    /// The status that it brings about.
    #[must_use]
    pub const fn to(self) -> IncidentStatus {
        match self {
            Self::Close { .. } => IncidentStatus::Closed,
            Self::Activate => IncidentStatus::Active,
            Self::Reopen { to } => to,
        }
    }
}

/// Why something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The incident was closed, so.
    IncidentClosed(Option<Classification>),
    /// Somebody works on the incident.
    IncidentActive,
    /// The incident was opened again, and the alert is as we closed it.
    IncidentReopened,
    /// So many alerts, all that the incident holds, are closed.
    AlertsClosed(usize),
    /// Somebody works on one of the alerts.
    AlertInProgress,
    /// An alert was opened again, and the incident is as we closed it.
    AlertReopened,
    /// A person closed the alert's ticket.
    TicketClosed,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IncidentClosed(Some(classification)) => {
                write!(f, "the incident was closed as {}", classification.name())
            }
            Self::IncidentClosed(None) => f.write_str("the incident was closed"),
            Self::IncidentActive => f.write_str("the incident is being worked on"),
            Self::IncidentReopened => f.write_str("the incident was opened again, and nobody else closed the alert"),
            Self::AlertsClosed(1) => f.write_str("its alert is closed"),
            Self::AlertsClosed(count) => write!(f, "all {count} alerts are closed"),
            Self::AlertInProgress => f.write_str("an alert is being worked on"),
            Self::AlertReopened => f.write_str("an alert was opened again, and nobody else closed the incident"),
            Self::TicketClosed => f.write_str("its ticket was closed by a person"),
        }
    }
}

/// Why something is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhyNot {
    /// The incident holds alerts of other products, which may still be open.
    OtherProducts,
    /// The status of an alert is not known.
    Unknown,
    /// The alert came to the incident when that was closed.
    Late,
    /// Somebody opened the alert again.
    AlertReopened,
    /// The alert was closed by somebody else.
    AlertNotOurs,
    /// The incident was closed by a person, or changed since we closed it.
    IncidentNotOurs,
    /// The incident was opened again by a person.
    IncidentReopened,
    /// `SYNC__DIRECTION` does not ask for it.
    Direction,
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherProducts => "stays open: it holds alerts of other products",
            Self::Unknown => {
                "is left alone: not found among the alerts of SYNC__SUBSCRIPTIONS, or not without doubt, or its status is not clear yet"
            }
            Self::Late => "is left alone: it came to the incident after that was closed",
            Self::AlertReopened => "is left alone: somebody opened it again",
            Self::AlertNotOurs => "stays closed: somebody else closed it",
            Self::IncidentNotOurs => "stays closed: a person closed it, or changed it since",
            Self::IncidentReopened => "stays open: a person opened it again",
            Self::Direction => "is left alone: SYNC__DIRECTION does not ask for it",
        })
    }
}

/// The answer to a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Decision {
    /// What is to be done, and why. After each the case is another.
    pub(super) steps: Vec<(Step, Why)>,
    /// The parts that are settled in their present states.
    pub(super) settled: Vec<usize>,
    /// What is left as it is though the sides differ, and why: a part, or the incident.
    pub(super) left: Vec<(Option<usize>, WhyNot)>,
}

/// Decides a case.
#[must_use]
pub(super) fn decide(case: &Case, direction: Direction) -> Decision {
    let mut decision = Decision::default();
    for (number, part) in case.parts.iter().enumerate() {
        let Some(now) = part.now else {
            decision.left.push((Some(number), WhyNot::Unknown));
            continue;
        };
        match alert(case, part, now) {
            Ok(Some((to, why))) if direction.changes_alerts() => {
                decision.steps.push((Step::Alert { part: number, to }, why));
            }
            Ok(Some(_)) => decision.left.push((Some(number), WhyNot::Direction)),
            Ok(None) => {}
            Err(why) => decision.left.push((Some(number), why)),
        }
    }
    // What the incident asks of its alerts comes first; what they ask of it is another case then.
    if decision.steps.is_empty() {
        match incident(case) {
            Ok(Some((change, why))) if direction.changes_incidents() => {
                decision.steps.push((Step::Incident(change), why));
            }
            Ok(Some(_)) => decision.left.push((None, WhyNot::Direction)),
            Ok(None) => {}
            Err(why) => decision.left.push((None, why)),
        }
    }
    let changes_incident = decision.steps.iter().any(|(step, _)| matches!(step, Step::Incident(_)));
    let awaits = case.status != IncidentStatus::Closed && awaits_unknown(case);
    let changes = |number: usize| {
        decision.steps.iter().any(|(step, _)| matches!(step, Step::Alert { part, .. } if *part == number))
    };
    // A change of an incident settles its parts when it is done. Until then they must show that it is owed.
    let is_settled = |number: usize, part: &Part| {
        !(part.now.is_none() || changes_incident || changes(number) || awaits && part.is_over())
    };
    decision.settled = case
        .parts
        .iter()
        .enumerate()
        .filter(|(number, part)| is_settled(*number, part))
        .map(|(number, _)| number)
        .collect();
    decision
}

impl Part {
    fn is_over(&self) -> bool {
        self.now.is_some_and(AlertStatus::is_over)
    }

    /// Whether the alert was closed when the pair was settled.
    fn was_over(&self) -> bool {
        self.agreed.is_some_and(|agreed| agreed.alert.is_over())
    }

    /// Whether the incident was closed then.
    fn was_in_closed(&self) -> bool {
        self.agreed.is_some_and(|agreed| agreed.incident == IncidentStatus::Closed)
    }
}

/// Whether every alert that is known is closed, and only those that are not known keep the incident from being closed: they may be known next
/// time.
fn awaits_unknown(case: &Case) -> bool {
    let unknown = case.parts.iter().any(|part| part.now.is_none());
    unknown && case.parts.iter().all(|part| part.now.is_none_or(AlertStatus::is_over)) && closes(case)
}

/// What the incident asks of an alert.
fn alert(case: &Case, part: &Part, now: AlertStatus) -> Result<Option<(AlertStatus, Why)>, WhyNot> {
    if case.status == IncidentStatus::Closed {
        return match part.agreed {
            _ if now.is_over() => Ok(None),
            Some(_) if part.was_over() => Err(WhyNot::AlertReopened),
            Some(_) if part.was_in_closed() => Ok(None),
            None if part.late => Err(WhyNot::Late),
            _ => {
                let to = Classification::closes_as(case.classification);
                Ok(Some((to, Why::IncidentClosed(case.classification))))
            }
        };
    }
    if part.was_in_closed() && now.is_over() {
        let to = match case.status {
            IncidentStatus::Active => AlertStatus::InProgress,
            IncidentStatus::New | IncidentStatus::Closed => AlertStatus::Active,
        };
        return if part.ours { Ok(Some((to, Why::IncidentReopened))) } else { Err(WhyNot::AlertNotOurs) };
    }
    let is_news = part.agreed.is_none_or(|agreed| agreed.incident != IncidentStatus::Active);
    if case.status == IncidentStatus::Active && now == AlertStatus::Active && is_news {
        return Ok(Some((AlertStatus::InProgress, Why::IncidentActive)));
    }
    Ok(None)
}

/// What the alerts ask of their incident.
fn incident(case: &Case) -> Result<Option<(Change, Why)>, WhyNot> {
    let works = case.parts.iter().any(|part| part.now == Some(AlertStatus::InProgress));
    match case.status {
        IncidentStatus::Closed => {
            let reopened = case
                .parts
                .iter()
                .any(|part| part.was_in_closed() && part.was_over() && part.now.is_some_and(|now| !now.is_over()));
            let to = if works { IncidentStatus::Active } else { IncidentStatus::New };
            match (reopened, case.closed_by_us) {
                (true, true) => Ok(Some((Change::Reopen { to }, Why::AlertReopened))),
                (true, false) => Err(WhyNot::IncidentNotOurs),
                (false, _) => Ok(None),
            }
        }
        _ if !case.parts.is_empty() && case.parts.iter().all(Part::is_over) => {
            if !closes(case) {
                return Ok(None);
            }
            if case.parts.iter().any(Part::was_in_closed) {
                return Err(WhyNot::IncidentReopened);
            }
            if case.others > 0 {
                return Err(WhyNot::OtherProducts);
            }
            let dismissed = case.parts.iter().all(|part| part.now == Some(AlertStatus::Dismissed));
            Ok(Some((Change::Close { dismissed }, Why::AlertsClosed(case.parts.len()))))
        }
        IncidentStatus::New => {
            let begun = |part: &&Part| {
                part.now == Some(AlertStatus::InProgress)
                    && part.agreed.is_none_or(|agreed| agreed.alert != AlertStatus::InProgress)
            };
            Ok(case.parts.iter().find(begun).map(|_| (Change::Activate, Why::AlertInProgress)))
        }
        IncidentStatus::Active => Ok(None),
    }
}

/// Whether the closed alerts of an open incident are news: one was open when it was last settled, or none was ever settled.
fn closes(case: &Case) -> bool {
    case.parts.iter().all(|part| part.agreed.is_none())
        || case.parts.iter().any(|part| part.agreed.is_some_and(|agreed| !agreed.alert.is_over()) && part.is_over())
}

#[cfg(test)]
mod tests;
