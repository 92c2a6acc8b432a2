//! One run: read both sides, decide, change, remember.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use jiff::Timestamp;
use tokio::time::Instant;

use super::act::Outcome;
use super::audit::{FOUND, Record, UNCLEAR};
use super::hand::{HOUR, Held};
use super::join::Index;
use super::ledger::{Ended, Ledger, NAME};
use super::report::Report;
use super::rules::{Step, decide};
use super::settings::Wishes;
use super::status::AlertStatus;
use crate::api::{Api, ApiError};
use crate::deliver::Outlet;
use crate::state::{Document, Store, StoreError, WriteError};

/// How often a thing that somebody else changes at the same time is looked at again.
const LOOKS: usize = 3;

/// Why a run ends before it is through. What it claimed and remembered so far is in the store.
#[derive(Debug)]
pub(super) enum Stop {
    /// Another run wrote the ledger: it does what there is to do.
    Overtaken,
    /// The store failed.
    Store(StoreError),
}

impl From<WriteError> for Stop {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Overtaken(_) => Self::Overtaken,
            WriteError::Store(error) => Self::Store(error),
        }
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) wishes: &'a Wishes,
    pub(super) api: &'a Api,
    pub(super) store: &'a Store,
    /// Who changes, for the audit.
    pub(super) who: &'a str,
    /// The destinations whose tickets close alerts.
    pub(super) desks: &'a [&'a Outlet],
    /// What tells this run from others.
    pub(super) id: String,
    pub(super) start: Timestamp,
    pub(super) begun: Instant,
    pub(super) deadline: Instant,
    /// Closed incidents that were changed before that are over, whatever was not found of them.
    pub(super) since: Timestamp,
    pub(super) ledger: Document<Ledger>,
    /// Whether it only tells what it would do: nothing is changed, and nothing written.
    pub(super) rehearses: bool,
    /// The destinations that are asked for no more tickets in this run.
    pub(super) silent: BTreeSet<String>,
    /// How alerts stand, by key, as far as they were read in this run.
    pub(super) states: BTreeMap<String, AlertStatus>,
    pub(super) index: Index,
    pub(super) report: Report,
}

impl Run<'_> {
    /// The present time.
    pub(super) fn now(&self) -> Timestamp {
        super::ledger::later(self.start, self.begun.elapsed())
    }

    /// Goes through. What went wrong with single things is in the report.
    pub(super) async fn go(&mut self) -> Result<(), Stop> {
        let now = self.now();
        if let Some(until) = self.ledger.content.not_before.filter(|until| now < *until) {
            self.report.waits_until = Some(until);
            return Ok(());
        }
        self.ledger.content.not_before = None;
        let keys: Vec<String> = self.wishes.workspaces.iter().map(super::ids::WorkspaceId::key).collect();
        let window = self.wishes.lookback.max(self.wishes.overlap) + HOUR;
        let forgotten = self.ledger.content.expire(now, window, &keys);
        if forgotten > 0 {
            tracing::warn!(forgotten, "the ledger is full: what was changed the longest time ago is forgotten");
        }
        self.read_incidents().await?;
        self.look_after_claims().await?;
        self.read_tickets().await;
        self.read_alerts().await?;
        self.follow_tickets().await?;
        for key in self.order() {
            // Somebody asked for patience: the rest is as good later.
            if self.ledger.content.not_before.is_some() {
                break;
            }
            if Instant::now() >= self.deadline {
                self.report.delays.push("there was not enough time; the next run goes on".to_owned());
                break;
            }
            self.work_on(&key).await?;
        }
        self.ledger.content.last_run = Some(self.now());
        self.ledger.content.last_error = self.report.error();
        self.write().await
    }

    /// Looks what became of changes of incidents that a run claimed and never recorded: nothing else may bring those incidents up again.
    async fn look_after_claims(&mut self) -> Result<(), Stop> {
        let claimed = self.ledger.content.incidents.iter().filter(|(_, entry)| entry.hand.claim.is_some());
        let keys: Vec<String> = claimed.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.look_at_incident(&key, true).await?;
        }
        Ok(())
    }

    /// The incidents, the change that is waiting longest first.
    fn order(&self) -> Vec<String> {
        let watched =
            self.ledger.content.incidents.iter().filter(|(_, entry)| entry.is_watched(self.since) && !entry.unread);
        let mut order: Vec<_> = watched.map(|(key, entry)| (entry.modified, key.clone())).collect();
        order.sort();
        order.into_iter().map(|(_, key)| key).collect()
    }

    /// Does what an incident and its alerts ask of each other.
    async fn work_on(&mut self, key: &str) -> Result<(), Stop> {
        // What is held back does not hold back the rest of the incident.
        let mut held = Vec::new();
        let mut looks = 0;
        loop {
            let Some(decision) = self.decide(key) else { return Ok(()) };
            let next = decision.steps.iter().find(|(step, _)| !held.contains(step)).copied();
            let Some((step, why)) = next else {
                self.settle(key, &decision);
                return Ok(());
            };
            if let Some((what, reason)) = self.holds(key, step) {
                // Told before anything is asked for in vain.
                self.held(&what, reason);
                held.push(step);
                continue;
            }
            if self.rehearses {
                self.rehearse(key, step, why);
                held.push(step);
                continue;
            }
            let outcome = match step {
                Step::Alert { part, to } => self.change_part(key, part, to, why).await?,
                Step::Incident(change) => self.change_incident(key, change, why).await?,
            };
            match outcome {
                Outcome::Done => looks = 0,
                Outcome::Left => held.push(step),
                Outcome::Again if looks < LOOKS => looks += 1,
                Outcome::Again => {
                    let name = key.rsplit('/').next().unwrap_or_default();
                    self.left(
                        &format!("incident {name}"),
                        "it is changed by others all the time; the next run looks again",
                    );
                    held.push(step);
                }
                Outcome::Gone => {
                    self.ledger.content.incidents.remove(key);
                    return Ok(());
                }
            }
        }
    }

    /// Whether a step is held back, of what, and why.
    fn holds(&mut self, key: &str, step: Step) -> Option<(String, Held)> {
        let (now, cap) = (self.now(), self.wishes.cap);
        let ledger = &mut self.ledger.content;
        match step {
            Step::Alert { part, .. } => {
                let alert = ledger.incidents.get(key)?.members.get(part)?.alert.clone()?;
                let held = ledger.may_change_alert(&alert, &self.id, now, cap).err()?;
                Some((format!("alert {alert}"), held))
            }
            Step::Incident(_) => {
                let held = ledger.may_change_incident(key, &self.id, now, cap).err()?;
                Some((format!("incident {}", ledger.incidents.get(key)?.name), held))
            }
        }
    }

    /// What is to be done about an incident, as far as is known now.
    pub(super) fn decide(&self, key: &str) -> Option<super::rules::Decision> {
        let ledger = &self.ledger.content;
        let entry = ledger.incidents.get(key)?;
        Some(decide(&entry.case(&ledger.alerts, &self.states), self.wishes.direction))
    }

    fn settle(&mut self, key: &str, decision: &super::rules::Decision) {
        if let Some(entry) = self.ledger.content.incidents.get_mut(key) {
            entry.settle(decision.settled.iter().copied(), &self.states);
            for (part, why) in &decision.left {
                let member = part.and_then(|part| entry.members.get(part));
                let what = match member {
                    Some(member) => {
                        format!("incident {}, alert {}", entry.name, member.alert.as_ref().unwrap_or(&member.id))
                    }
                    None => format!("incident {}", entry.name),
                };
                self.report.left.push((what, why.to_string()));
            }
        }
    }

    /// Notes that something is not changed now.
    pub(super) fn left(&mut self, what: &str, why: &str) {
        tracing::info!(what, why, "left for now");
        self.report.left.push((what.to_owned(), why.to_owned()));
    }

    /// Notes that a change is held back.
    pub(super) fn held(&mut self, what: &str, held: Held) {
        match held {
            Held::Flapping => tracing::warn!(what, reason = %held, "status goes back and forth"),
            Held::Claimed | Held::Resting(_) | Held::Cap => {}
        }
        self.left(what, &held.to_string());
    }

    /// Writes the ledger.
    pub(super) async fn write(&mut self) -> Result<(), Stop> {
        if self.rehearses {
            return Ok(());
        }
        Ok(self.store.replace(NAME, &mut self.ledger).await?)
    }

    /// Records a claimed change, of this run or another, that is found to have come to an end.
    pub(super) async fn ended(&mut self, ended: Option<Ended>) -> Result<(), Stop> {
        match ended {
            Some(Ended { record, happened }) if !self.rehearses => {
                self.record(record, if happened { FOUND } else { UNCLEAR }).await
            }
            _ => Ok(()),
        }
    }

    /// Writes the audit record of a change, then lets go of its claim: in this order, so that no change goes without.
    pub(super) async fn record(&mut self, record: Record, result: &str) -> Result<(), Stop> {
        let record = Record { result: Some(result.to_owned()), ..record };
        self.store.record(&record.path(), &record).await?;
        record.log("status changed");
        let is_this = |claim: &Option<Record>| claim.as_ref().is_some_and(|claim| claim.mark() == record.mark());
        let ledger = &mut self.ledger.content;
        let alerts = ledger.alerts.values_mut().map(|memory| &mut memory.hand);
        let incidents = ledger.incidents.values_mut().map(|entry| &mut entry.hand);
        alerts.chain(incidents).filter(|hand| is_this(&hand.claim)).for_each(|hand| hand.claim = None);
        self.report.changes.push(record);
        Ok(())
    }
}

/// Whether the service says that the identity lacks a right, or that the thing is not there, which is what some say instead.
pub(super) fn is_missing_right(error: &ApiError) -> bool {
    let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND];
    matches!(error, ApiError::Refused { status, .. } if refused.contains(status))
}
