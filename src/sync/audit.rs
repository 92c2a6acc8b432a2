//! The audit record of a change: who changed what, why, when, and with what result. Ids and states only, no content of an alert.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::incident::Incident;
use super::join::Matched;
use super::ledger::Wrote;
use super::status::{AlertStatus, IncidentStatus};
use crate::event::EventId;

/// A change, as it is claimed before it is made; with its result, as it is recorded afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When it was claimed.
    pub at: Timestamp,
    /// The identity that changes: its kind, and its client id where the settings name one.
    pub who: String,
    /// The run that claimed it.
    pub run: String,
    /// What is changed: `alert` or `incident`.
    pub what: String,
    /// Its id in Resource Manager.
    pub id: String,
    /// Its status before.
    pub from: String,
    /// Its status after.
    pub to: String,
    /// Why, in words.
    pub why: String,
    /// The incident that an alert follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// The ticket that an alert follows: instance and number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The classification that the incident has or gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<String>,
    /// By which name alert and incident, or alert and ticket, were found to be of one matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched: Option<Matched>,
    /// The version of the incident before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// What became of it; only in the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

/// It was answered.
pub(super) const DONE: &str = "done";
/// There was no answer, and a look at the thing showed the new state.
pub(super) const FOUND: &str = "done; found so afterwards, since there was no answer or the run broke off";

/// The run broke off, and it cannot be seen any more what it did.
pub(super) const UNCLEAR: &str = "not known: the run broke off, and somebody has changed or deleted it since";

impl Record {
    /// What tells this change from every other.
    #[must_use]
    pub fn mark(&self) -> String {
        EventId::of(format!("{}\n{}\n{}\n{}", self.run, self.at, self.id, self.to).as_bytes()).to_string()
    }

    /// Its name in the store, the same whoever writes it: `audit/2026/11/23/20261123T071502.123Z-sync-<mark>.json`.
    #[must_use]
    pub fn path(&self) -> String {
        let time = self.at.strftime("%Y%m%dT%H%M%S.%3fZ");
        format!("audit/{}/{time}-sync-{}.json", self.at.strftime("%Y/%m/%d"), self.mark())
    }

    /// Logs the change: `status changed`, or that it would be.
    pub fn log(&self, said: &'static str) {
        tracing::info!(
            what = self.what,
            id = self.id,
            from = self.from,
            to = self.to,
            why = self.why,
            incident = self.incident,
            ticket = self.ticket,
            matched = self.matched.map(|matched| matched.to_string()),
            result = self.result,
            "{said}"
        );
    }

    /// What an incident is told when this change closes it. The mark shows later whose closing it was.
    #[must_use]
    pub fn comment(&self) -> String {
        format!("Closed by Defender Relay: {}. Change {}.", self.why, self.mark())
    }

    /// Whether an incident shows that this change of it has happened.
    #[must_use]
    pub fn is_done(&self, incident: &Incident) -> bool {
        let is_told = incident.status != IncidentStatus::Closed || incident.comment.contains(&self.mark());
        self.what == "incident" && self.to == incident.status.name() && is_told
    }

    /// The change of an alert that it is, if it is one.
    #[must_use]
    pub fn alert_change(&self) -> Option<Wrote> {
        let (from, to) = (AlertStatus::parse(&self.from)?, AlertStatus::parse(&self.to)?);
        (self.what == "alert").then_some(Wrote { from, to, at: self.at })
    }
}
