//! Making a change: look again, claim, change, record.
//!
//! A run can break off between any two of these. Without a claim nothing was changed. With one, the next look shows whether the change has
//! happened: if so it is recorded then, if not it is made, once more the same.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::audit::{DONE, Record};
use super::gather::{ALERTS, INCIDENTS, is_gone, members, place};
use super::ids::AlertId;
use super::incident::Incident;
use super::join::Matched;
use super::ledger::{Held, later};
use super::rules::{Change, Step, Why};
use super::run::{Run, Stop};
use super::status::{AlertStatus, Classification};
use crate::api::ApiError;

/// Longest time between a claim and its change: well within the time for which other runs respect the claim.
const PATIENCE: Duration = Duration::from_secs(45);

/// How often a change is sent whose answer does not come, while looks show that it was not made.
const SENDINGS: usize = 3;

/// How long a thing is left alone whose change was refused.
const REST: Duration = Duration::from_secs(600);

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

/// A change of an alert that was decided.
pub(super) struct Order<'a> {
    pub(super) id: &'a AlertId,
    pub(super) from: AlertStatus,
    pub(super) to: AlertStatus,
    pub(super) why: Why,
    pub(super) incident: Option<String>,
    pub(super) ticket: Option<String>,
    pub(super) classification: Option<Classification>,
    pub(super) matched: Option<Matched>,
}

impl Run<'_> {
    /// Tells what would be done.
    pub(super) fn rehearse(&mut self, key: &str, step: Step, why: Why) {
        let Some(entry) = self.ledger.content.incidents.get(key).cloned() else { return };
        let incident = place(&entry).map(|(workspace, name)| workspace.incident(&name)).unwrap_or_default();
        let (blank, now, cap) = (self.blank(why), self.now(), self.wishes.cap);
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
        let held = match step {
            Step::Alert { .. } => {
                self.ledger.content.may_change_alert(&record.id.to_ascii_lowercase(), &self.id, now, cap)
            }
            Step::Incident(_) => self.ledger.content.may_change_incident(key, &self.id, now, cap),
        };
        self.tell(record, held);
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

    /// What a closed incident is told.
    fn classification(&self, change: Change) -> Option<Classification> {
        match change {
            Change::Close { dismissed: true } => Some(Classification::FalsePositive),
            Change::Close { dismissed: false } => Some(self.wishes.classification),
            Change::Activate | Change::Reopen { .. } => None,
        }
    }

    /// Changes an alert because of its incident, if both still say so.
    pub(super) async fn change_part(
        &mut self,
        key: &str,
        part: usize,
        to: AlertStatus,
        why: Why,
    ) -> Result<Outcome, Stop> {
        if self.look_at_incident(key, true).await?.is_none() {
            return Ok(self.outcome_of_look(key));
        }
        let Some(entry) = self.ledger.content.incidents.get(key).cloned() else { return Ok(Outcome::Gone) };
        let Some(member) = entry.members.get(part) else { return Ok(Outcome::Again) };
        let Some(id) = member.alert.as_ref().and_then(|alert| self.index.get(alert)).cloned() else {
            return Ok(Outcome::Again);
        };
        let what = format!("alert {id}");
        let from = match self.look_at_alert(&id).await? {
            Ok(Some(status)) => status,
            Ok(None) => {
                self.left(&what, "it is gone, or was changed back a moment ago");
                return Ok(Outcome::Left);
            }
            Err(error) => {
                self.failed(&what, &error, "");
                return Ok(Outcome::Left);
            }
        };
        let step = Step::Alert { part, to };
        if !self.decide(key).is_some_and(|decision| decision.steps.iter().any(|(other, _)| *other == step)) {
            return Ok(Outcome::Again);
        }
        let incident = place(&entry).map(|(workspace, name)| workspace.incident(&name));
        let (classification, matched) = (entry.classification, member.matched);
        let order = Order { id: &id, from, to, why, incident, ticket: None, classification, matched };
        let outcome = self.change_alert(&order).await?;
        if outcome == Outcome::Done
            && let Some(entry) = self.ledger.content.incidents.get_mut(key)
        {
            entry.settle([part], &self.states);
        }
        Ok(outcome)
    }

    /// Changes an alert that was looked at just now.
    pub(super) async fn change_alert(&mut self, order: &Order<'_>) -> Result<Outcome, Stop> {
        let Order { id, from, to, .. } = order;
        let (key, now) = (id.key(), self.now());
        let what = format!("alert {id}");
        if !self.wishes.subscriptions.contains(id.subscription()) || !self.wishes.direction.changes_alerts() {
            self.left(&what, "its subscription is not one of SYNC__SUBSCRIPTIONS");
            return Ok(Outcome::Left);
        }
        if let Err(held) = self.ledger.content.may_change_alert(&key, &self.id, now, self.wishes.cap) {
            self.held(&what, held);
            return Ok(Outcome::Left);
        }
        let record = Record {
            what: "alert".into(),
            id: id.to_string(),
            from: from.to_string(),
            to: to.to_string(),
            incident: order.incident.clone(),
            ticket: order.ticket.clone(),
            classification: order.classification.map(|it| it.name().to_owned()),
            matched: order.matched,
            ..self.blank(order.why)
        };
        self.count(now);
        let hand = &mut self.ledger.content.alerts.entry(key.clone()).or_default().hand;
        hand.release();
        hand.claim(record.clone());
        self.write().await?;
        let until = self.deadline.min(Instant::now() + PATIENCE);
        let url = self.api.url(&format!("{id}/{}", to.action()), &[("api-version", ALERTS)]);
        for _ in 0..SENDINGS {
            let error = match self.api.change(Method::POST, url.clone(), Bytes::new(), until).await {
                Ok(_) => {
                    self.observe_change(&key, *to);
                    self.record(record, DONE).await?;
                    return Ok(Outcome::Done);
                }
                Err(error) => error,
            };
            if !matches!(error, ApiError::Unwell { .. }) {
                let rests = later(self.now(), REST);
                if let Some(memory) = self.ledger.content.alerts.get_mut(&key) {
                    memory.hand.release();
                    memory.hand.rests_until = Some(rests);
                }
                self.uncount(now);
                self.failed(&what, &error, "the identity needs the role Security Admin on the subscription");
                return Ok(Outcome::Left);
            }
            // No answer: a look tells whether it was done, and records it if so.
            match self.look_at_alert(id).await? {
                Ok(Some(status)) if status == *to => return Ok(Outcome::Done),
                Ok(Some(status)) if status == *from && Instant::now() < until => {}
                Ok(_) | Err(_) => {
                    self.failed(&what, &error, "");
                    return Ok(Outcome::Left);
                }
            }
        }
        self.failed(
            &what,
            &ApiError::Unwell { reason: "there is no answer to the change".to_owned(), after: None },
            "",
        );
        Ok(Outcome::Left)
    }

    /// Notes that an alert has the status that this run gave it.
    fn observe_change(&mut self, key: &str, to: AlertStatus) {
        let now = self.now();
        self.ledger.content.observe(key, to, &self.id, now);
        self.states.insert(key.to_owned(), to);
        self.ledger.content.remember(&self.states);
    }

    /// Changes an incident because of its alerts, if all of them still say so.
    pub(super) async fn change_incident(&mut self, key: &str, change: Change, why: Why) -> Result<Outcome, Stop> {
        let Some(incident) = self.look_at_incident(key, true).await? else { return Ok(self.outcome_of_look(key)) };
        let Some(entry) = self.ledger.content.incidents.get(key).cloned() else { return Ok(Outcome::Gone) };
        let Some((workspace, name)) = place(&entry) else { return Ok(Outcome::Gone) };
        let what = format!("incident {name}");
        let path = workspace.incident(&name);
        for alert in entry.members.iter().filter_map(|member| member.alert.as_ref()) {
            let Some(id) = self.index.get(alert).cloned() else { continue };
            if let Err(error) = self.look_at_alert(&id).await? {
                self.failed(&what, &error, "");
                return Ok(Outcome::Left);
            }
        }
        let step = Step::Incident(change);
        if !self.decide(key).is_some_and(|decision| decision.steps.iter().any(|(other, _)| *other == step)) {
            return Ok(Outcome::Again);
        }
        let now = self.now();
        if let Err(held) = self.ledger.content.may_change_incident(key, &self.id, now, self.wishes.cap) {
            self.held(&what, held);
            return Ok(Outcome::Left);
        }
        let classification = self.classification(change);
        let record = Record {
            what: "incident".into(),
            id: path.clone(),
            from: entry.status.to_string(),
            to: change.to().to_string(),
            classification: classification.map(|it| it.name().to_owned()),
            etag: Some(incident.etag.clone()),
            ..self.blank(why)
        };
        let body =
            match incident.changed(change, classification.unwrap_or(self.wishes.classification), &record.comment()) {
                Ok(body) => body,
                Err(error) => {
                    self.failed(&what, &error, "");
                    return Ok(Outcome::Left);
                }
            };
        self.count(now);
        self.ledger.content.remember(&self.states);
        if let Some(entry) = self.ledger.content.incidents.get_mut(key) {
            entry.hand.release();
            entry.hand.claim(record.clone());
        }
        self.write().await?;
        let until = self.deadline.min(Instant::now() + PATIENCE);
        let url = self.api.url(&path, &[("api-version", INCIDENTS)]);
        for _ in 0..SENDINGS {
            let error = match self.api.change(Method::PUT, url.clone(), body.clone(), until).await {
                Ok(answer) => {
                    self.take_answer(key, &answer, change, &record).await?;
                    return Ok(Outcome::Done);
                }
                Err(error) => error,
            };
            match &error {
                ApiError::Unwell { .. } => {
                    // A look tells whether it was done, and records it if so.
                    if self.look_at_incident(key, true).await?.is_none() {
                        return Ok(self.outcome_of_look(key));
                    }
                    let Some(entry) = self.ledger.content.incidents.get(key) else { return Ok(Outcome::Gone) };
                    if entry.hand.claim.is_none() {
                        return Ok(Outcome::Done);
                    }
                    if entry.etag != incident.etag {
                        self.take_back(key, now);
                        return Ok(Outcome::Again);
                    }
                    if Instant::now() >= until {
                        break;
                    }
                }
                ApiError::Refused { status, .. } if is_conflict(*status) => {
                    self.take_back(key, now);
                    return Ok(Outcome::Again);
                }
                _ => {
                    self.take_back(key, now);
                    let rests = later(self.now(), REST);
                    if let Some(entry) = self.ledger.content.incidents.get_mut(key) {
                        entry.hand.rests_until = Some(rests);
                    }
                    self.failed(
                        &what,
                        &error,
                        "the identity needs the role Microsoft Sentinel Responder on the workspace",
                    );
                    return Ok(Outcome::Left);
                }
            }
        }
        self.failed(
            &what,
            &ApiError::Unwell { reason: "there is no answer to the change".to_owned(), after: None },
            "",
        );
        Ok(Outcome::Left)
    }

    /// Takes the answer to a change: the incident as it is now. Where that cannot be read, a look tells.
    async fn take_answer(&mut self, key: &str, answer: &[u8], change: Change, record: &Record) -> Result<(), Stop> {
        let text = std::str::from_utf8(answer).unwrap_or_default();
        match (Incident::parse(text), self.ledger.content.incidents.get_mut(key)) {
            (Ok(incident), Some(entry)) if incident.status == change.to() => {
                entry.changed_by_us(
                    incident.etag,
                    incident.status,
                    incident.modified.min(later(record.at, super::ledger::SKEW)),
                );
                entry.classification = incident.classification;
                entry.read = Some(entry.status);
                self.record(record.clone(), DONE).await
            }
            _ => self.look_at_incident(key, true).await.map(drop),
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
                self.ledger.content.incidents.remove(key);
                return Ok(None);
            }
            Err(error) => {
                self.failed(&format!("incident {name}"), &error, "");
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
                    self.failed(&format!("incident {name}"), &error, "");
                    return Ok(None);
                }
            }
        }
        // An old copy, whatever it says, is nothing to write back.
        let is_present = self.ledger.content.incidents.get(key).is_some_and(|entry| entry.etag == incident.etag);
        Ok(is_present.then_some(incident))
    }

    fn outcome_of_look(&self, key: &str) -> Outcome {
        if self.ledger.content.incidents.contains_key(key) { Outcome::Left } else { Outcome::Gone }
    }

    fn count(&mut self, at: Timestamp) {
        self.ledger.content.changes.push_back(at);
    }

    fn uncount(&mut self, at: Timestamp) {
        let changes = &mut self.ledger.content.changes;
        if let Some(place) = changes.iter().rposition(|other| *other == at) {
            changes.remove(place);
        }
    }

    /// Takes the claim of a change of an incident back: it was not made.
    fn take_back(&mut self, key: &str, at: Timestamp) {
        if let Some(entry) = self.ledger.content.incidents.get_mut(key) {
            entry.hand.release();
        }
        self.uncount(at);
    }
}

/// Whether somebody else was faster: a stale etag is answered with either.
fn is_conflict(status: StatusCode) -> bool {
    matches!(status, StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED)
}
