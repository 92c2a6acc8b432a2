//! What a run has to tell.

use jiff::Timestamp;

use super::audit::Record;

/// Most failures that are told in one line.
const TOLD: usize = 5;

/// What a run has to tell.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What was changed, or, in a rehearsal, would be.
    pub changes: Vec<Record>,
    /// What stays as it is though the sides differ: what it is, and why.
    pub left: Vec<(String, String)>,
    /// What went wrong and needs somebody to mend it, or another run.
    pub failures: Vec<String>,
    /// What the services were too busy for.
    pub delays: Vec<String>,
    /// Incidents that were read because they are new or were changed.
    pub incidents: usize,
    /// Alerts that were read.
    pub alerts: usize,
    /// Closed tickets that were read because they are new or were changed.
    pub tickets: usize,
    /// The service asked to be left alone until then: nothing was done.
    pub waits_until: Option<Timestamp>,
    /// Another run is at work, and does what there is to do.
    pub overtaken: bool,
}

impl Report {
    /// Everything that went wrong, in one line; nothing where nothing did.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        let all: Vec<&str> = self.failures.iter().chain(&self.delays).map(String::as_str).collect();
        let more = all.len().saturating_sub(TOLD);
        let told = all[..all.len() - more].join("; ");
        match (all.is_empty(), more) {
            (true, _) => None,
            (false, 0) => Some(told),
            (false, more) => Some(format!("{told}; and {more} more")),
        }
    }
}
