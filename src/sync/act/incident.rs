//! Changing an incident.

use http::{Method, StatusCode};
use jiff::Timestamp;
use tokio::time::Instant;

use super::{Outcome, PATIENCE, REST, SENDINGS};
use crate::api::ApiError;
use crate::sync::audit::{DONE, Record};
use crate::sync::gather::{INCIDENTS, RESPONDER, place};
use crate::sync::incident::Incident;
use crate::sync::ledger::{SKEW, later};
use crate::sync::rules::{Change, Step, Why};
use crate::sync::run::{Run, Stop};

impl Run<'_> {
    /// Changes an incident because of its alerts, if all of them still say so.
    pub(in crate::sync) async fn change_incident(
        &mut self,
        key: &str,
        change: Change,
        why: Why,
    ) -> Result<Outcome, Stop> {
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
                    self.failed(&what, &error, RESPONDER);
                    return Ok(Outcome::Left);
                }
            }
        }
        Ok(self.unanswered(&what))
    }

    /// Takes the answer to a change: the incident as it is now. Where that cannot be read, a look tells.
    async fn take_answer(&mut self, key: &str, answer: &[u8], change: Change, record: &Record) -> Result<(), Stop> {
        let text = std::str::from_utf8(answer).unwrap_or_default();
        match (Incident::parse(text), self.ledger.content.incidents.get_mut(key)) {
            (Ok(incident), Some(entry)) if incident.status == change.to() => {
                entry.changed_by_us(incident.etag, incident.status, incident.modified.min(later(record.at, SKEW)));
                entry.classification = incident.classification;
                entry.read = Some(entry.status);
                self.record(record.clone(), DONE).await
            }
            _ => self.look_at_incident(key, true).await.map(drop),
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
