//! Making a change: look again, claim, change, record.
//!
//! A run can break off between any two of these. Without a claim nothing was changed. With one, the next look shows whether the change has
//! happened: if so it is recorded then, if not it is made, once more the same.

mod alert;
mod incident;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::audit::Record;
use super::gather::{INCIDENTS, RESPONDER, is_gone, members, place};
use super::hand::Held;
use super::ids::AlertId;
use super::incident::Incident;
use super::ledger::Ended;
use super::rules::{Change, Step, Why};
use super::run::{Run, Stop};
use super::status::{AlertStatus, Classification};
use crate::api::ApiError;

/// Longest time between a claim and its change: well within the time for which other runs respect the claim.
pub(super) const PATIENCE: Duration = Duration::from_secs(45);

/// How often a change is sent whose answer does not come, while looks show that it was not made.
pub(super) const SENDINGS: usize = 3;

/// How long a thing is left alone whose change was refused.
pub(super) const REST: Duration = Duration::from_secs(600);

pub(super) use self::alert::Order;

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was made.
    Done,
    /// It is not made now.
    Left,
    /// Things are not as they were when it was decided: decide again.
    Again,
    /// The incident is not there any more.
    Gone,
}

impl Run<'_> {
    /// Tells what would be done.
    pub(super) fn rehearse(&mut self, key: &str, step: Step, why: Why) {
        let Some(entry) = self.ledger.content.incidents.get(key).cloned() else { return };
        let incident = place(&entry).map(|(workspace, name)| workspace.incident(&name)).unwrap_or_default();
        let blank = self.blank(why);
        let record = match step {
            Step::Alert { part, to } => {
                let Some(member) = entry.members.get(part) else { return };
                let alert = member.alert.clone().unwrap_or_default();
                let id = self.index.get(&alert).map_or(alert.clone(), AlertId::to_string);
                let from = self.states.get(&alert).map(AlertStatus::to_string).unwrap_or_default();
                let classification = entry.classification.map(|it| it.name().to_owned());
                let matched = member.matched;
                Record {
                    what: "alert".into(),
                    id,
                    from,
                    to: to.to_string(),
                    incident: Some(incident),
                    classification,
                    matched,
                    ..blank
                }
            }
            Step::Incident(change) => Record {
                what: "incident".into(),
                id: incident,
                from: entry.status.to_string(),
                to: change.to().to_string(),
                classification: self.classification(change).map(|it| it.name().to_owned()),
                ..blank
            },
        };
        self.tell(record, Ok(()));
    }

    /// Tells of a change that would be made, or why it would not be yet.
    pub(super) fn tell(&mut self, record: Record, held: Result<(), Held>) {
        match held {
            Ok(()) => {
                self.count(record.at);
                self.report.changes.push(record);
            }
            Err(held) => self.held(&format!("{} {}", record.what, record.id), held),
        }
    }

    pub(super) fn blank(&self, why: Why) -> Record {
        Record {
            at: self.now(),
            who: self.who.to_owned(),
            run: self.id.clone(),
            what: String::new(),
            id: String::new(),
            from: String::new(),
            to: String::new(),
            why: why.to_string(),
            incident: None,
            ticket: None,
            classification: None,
            matched: None,
            etag: None,
            result: None,
        }
    }

    /// No answer came to a change, however often it was sent: the next run looks what became of it.
    pub(super) fn unanswered(&mut self, what: &str) -> Outcome {
        self.failed(what, &ApiError::Unwell { reason: "there is no answer to the change".to_owned(), after: None }, "");
        Outcome::Left
    }

    /// What a closed incident is told.
    pub(super) fn classification(&self, change: Change) -> Option<Classification> {
        match change {
            Change::Close { dismissed: true } => Some(Classification::FalsePositive),
            Change::Close { dismissed: false } => Some(self.wishes.classification),
            Change::Activate | Change::Reopen { .. } => None,
        }
    }

    /// Reads an incident anew, and its alerts where it has changed, or in any case where `with_alerts` says so. Nothing where that fails or it is
    /// gone, which the ledger shows.
    pub(super) async fn look_at_incident(&mut self, key: &str, with_alerts: bool) -> Result<Option<Incident>, Stop> {
        let Some((workspace, name)) = self.ledger.content.incidents.get(key).and_then(place) else {
            self.ledger.content.incidents.remove(key);
            return Ok(None);
        };
        let url = self.api.url(&workspace.incident(&name), &[("api-version", INCIDENTS)]);
        let answer: Result<Box<RawValue>, ApiError> = self.api.get(url, &[], self.deadline).await;
        let read = answer.and_then(|answer| Incident::parse(answer.get()));
        let mut incident = match read {
            Ok(incident) => incident,
            Err(error) if is_gone(&error) => {
                self.forget(key).await?;
                return Ok(None);
            }
            Err(error) => {
                self.failed(&format!("incident {name}"), &error, RESPONDER);
                return Ok(None);
            }
        };
        // Under another name it would be noted as another one.
        incident.name = name.to_string();
        self.note(&workspace, &incident).await?;
        if with_alerts || self.ledger.content.incidents.get(key).is_some_and(|entry| entry.unread) {
            match members(self.api, &workspace, &name, self.deadline).await {
                Ok((members, others)) => self.take_members(key, members, others),
                Err(error) => {
                    self.failed(&format!("alerts of incident {name}"), &error, RESPONDER);
                    return Ok(None);
                }
            }
        }
        // An old copy, whatever it says, is nothing to write back.
        let is_present = self.ledger.content.incidents.get(key).is_some_and(|entry| entry.etag == incident.etag);
        Ok(is_present.then_some(incident))
    }

    /// Forgets an incident that is not there any more. What became of a change of it that was claimed cannot be seen now, and is recorded so.
    async fn forget(&mut self, key: &str) -> Result<(), Stop> {
        let gone = self.ledger.content.incidents.remove(key);
        let claim = gone.and_then(|entry| entry.hand.claim);
        self.ended(claim.map(|record| Ended { record, happened: false })).await
    }

    pub(super) fn outcome_of_look(&self, key: &str) -> Outcome {
        if self.ledger.content.incidents.contains_key(key) { Outcome::Left } else { Outcome::Gone }
    }

    pub(super) fn count(&mut self, at: Timestamp) {
        self.ledger.content.changes.push_back(at);
    }

    pub(super) fn uncount(&mut self, at: Timestamp) {
        let changes = &mut self.ledger.content.changes;
        if let Some(place) = changes.iter().rposition(|other| *other == at) {
            changes.remove(place);
        }
    }
}
