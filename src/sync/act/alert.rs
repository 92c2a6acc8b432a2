//! Changing an alert.

use bytes::Bytes;
use http::Method;
use tokio::time::Instant;

use super::{Outcome, PATIENCE, REST, SENDINGS};
use crate::api::ApiError;
use crate::sync::audit::{DONE, Record};
use crate::sync::gather::{ADMIN, ALERTS, place};
use crate::sync::ids::AlertId;
use crate::sync::join::Matched;
use crate::sync::ledger::later;
use crate::sync::rules::{Step, Why};
use crate::sync::run::{Run, Stop};
use crate::sync::status::{AlertStatus, Classification};

/// A change of an alert that was decided.
pub(in crate::sync) struct Order<'a> {
    pub(in crate::sync) id: &'a AlertId,
    pub(in crate::sync) from: AlertStatus,
    pub(in crate::sync) to: AlertStatus,
    pub(in crate::sync) why: Why,
    pub(in crate::sync) incident: Option<String>,
    pub(in crate::sync) ticket: Option<String>,
    pub(in crate::sync) classification: Option<Classification>,
    pub(in crate::sync) matched: Option<Matched>,
}

impl Run<'_> {
    /// Changes an alert because of its incident, if both still say so.
    pub(in crate::sync) async fn change_part(
        &mut self,
        key: &str,
        part: usize,
        to: AlertStatus,
        why: Why,
    ) -> Result<Outcome, Stop> {
        if self.look_at_incident(key, false).await?.is_none() {
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
    pub(in crate::sync) async fn change_alert(&mut self, order: &Order<'_>) -> Result<Outcome, Stop> {
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
                self.failed(&what, &error, ADMIN);
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
        Ok(self.unanswered(&what))
    }

    /// Notes that an alert has the status that this run gave it.
    fn observe_change(&mut self, key: &str, to: AlertStatus) {
        let now = self.now();
        self.ledger.content.observe(key, to, &self.id, now);
        self.states.insert(key.to_owned(), to);
        self.ledger.content.remember(&self.states);
    }
}
