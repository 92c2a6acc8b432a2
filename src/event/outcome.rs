//! What a record means for whoever follows the matter up: open it, close it, or nothing.

use super::{Action, Event, RecordKind, Status};

/// What a record means for a ticket about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The matter is open: an alert that nobody settled, an unhealthy resource, a failed requirement, an attack path.
    Open,
    /// The matter is settled: a resolved or dismissed alert, a resource that is healthy or no longer assessed, a requirement that is met or
    /// skipped, anything that was deleted.
    Closed,
    /// There is nothing to open or close: scores, logs, and what does not say.
    #[default]
    Informational,
}

impl Outcome {
    /// Its name: `open`, `closed`, `informational`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Informational => "informational",
        }
    }
}

impl Event<'_> {
    /// What the record means for a ticket about it. A deletion (`action: Delete`) closes, whatever the last state was.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if let Some(posture) = self.posture() {
            let is_deleted = self.enrichment().is_some_and(|enrichment| enrichment.action == Action::Delete);
            return if is_deleted { Outcome::Closed } else { posture.state() };
        }
        match self.kind {
            RecordKind::Alert | RecordKind::IotAlert | RecordKind::Incident => match self.status() {
                Status::Resolved | Status::Dismissed => Outcome::Closed,
                Status::Unknown | Status::New | Status::InProgress => Outcome::Open,
            },
            RecordKind::MonitorAlert => {
                let condition = self.log().and_then(|log| log.result_type.as_deref()).unwrap_or_default();
                let is = |word: &str| condition.trim().eq_ignore_ascii_case(word);
                match (is("Fired"), is("Resolved")) {
                    (true, _) => Outcome::Open,
                    (_, true) => Outcome::Closed,
                    _ => Outcome::Informational,
                }
            }
            _ => Outcome::Informational,
        }
    }
}
