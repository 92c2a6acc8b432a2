//! What one run leaves for the next: how far incidents were read, in which states pairs were settled, what was changed and when. One document
//! in the store, `cursors/sync.json`.
//!
//! A change is claimed here before it is made, and the claim stays until its audit record is written. So whatever breaks off in between, the
//! next run finds out what happened.

use std::collections::{BTreeMap, VecDeque, btree_map};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::audit::Record;
use super::ids::WorkspaceId;
use super::incident::Incident;
use super::rules::{Agreed, Case, Part};
use super::status::{AlertStatus, Classification, IncidentStatus};

/// Its name in the store.
pub(super) const NAME: &str = "cursors/sync.json";

/// Span in which changes are counted against the caps.
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// How long another run's claim is respected: it makes its change, and waits for the answer, in far less.
pub(super) const LEASE: Duration = Duration::from_secs(120);

/// How long after a change the state before it may be an old copy: only then is it taken for somebody's change back.
pub(super) const SETTLING: Duration = Duration::from_secs(15 * 60);

/// How far the clocks of two machines may differ.
pub(super) const SKEW: Duration = Duration::from_secs(5 * 60);

/// Most changes of one alert or incident in an hour. What is changed back and forth more often than that rests for an hour.
pub(super) const FLIPS: usize = 3;

/// Most incidents, alerts and tickets that are remembered.
const MOST_INCIDENTS: usize = 2000;
const MOST_ALERTS: usize = 5000;
const MOST_TICKETS: usize = 2000;

/// How long after its last change a closed incident is remembered; an open one three times as long.
const MEMORY: Duration = Duration::from_secs(30 * 24 * 3600);

/// The document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Ledger {
    /// By workspace, and by ServiceNow instance: the latest change that was read.
    pub(super) cursors: BTreeMap<String, Timestamp>,
    /// The incidents that were read.
    pub(super) incidents: BTreeMap<String, Entry>,
    /// The alerts that were changed, by id.
    pub(super) alerts: BTreeMap<String, Memory>,
    /// The closed tickets that were read, by instance and `sys_id`.
    pub(super) tickets: BTreeMap<String, Ticket>,
    /// When something was changed in the last hour.
    pub(super) changes: VecDeque<Timestamp>,
    /// Until when the service asked to be left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_before: Option<Timestamp>,
    /// When the last run ended.
    pub(super) last_run: Option<Timestamp>,
    /// What went wrong in it.
    pub(super) last_error: Option<String>,
}

/// An incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The workspace's id, as the settings have it.
    pub(super) workspace: String,
    /// Its name there.
    pub(super) name: String,
    /// Its status.
    pub(super) status: IncidentStatus,
    /// Why it was closed, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) classification: Option<Classification>,
    /// Its version.
    pub(super) etag: String,
    /// When it was changed last.
    pub(super) modified: Timestamp,
    /// Its status when its alerts were read, for this version or an earlier one.
    #[serde(default)]
    pub(super) read: Option<IncidentStatus>,
    /// Whether its alerts are to be read: never, or not since it changed.
    #[serde(default)]
    pub(super) unread: bool,
    /// How many alerts of other products it holds.
    #[serde(default)]
    pub(super) others: u32,
    /// Its Defender for Cloud alerts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) members: Vec<Member>,
    /// The version in which this program closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) closed_by_us: Option<String>,
    /// What this program does to it.
    #[serde(flatten)]
    pub(super) hand: Hand,
}

/// An alert of an incident.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Member {
    /// `systemAlertId`, in lower case.
    pub(super) id: String,
    /// Other names by which it may be known, in lower case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) aliases: Vec<String>,
    /// The id of a resource that its link names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<String>,
    /// The alert in Defender for Cloud, once it was found; in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) alert: Option<String>,
    /// By which name it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) matched: Option<super::join::Matched>,
    /// When the pair was last settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) agreed: Option<Agreed>,
    /// Its status when it was last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) known: Option<AlertStatus>,
    /// Whether it came when the incident was closed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) late: bool,
}

/// An alert that was changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    /// The last change, while nobody made another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) wrote: Option<Wrote>,
    /// What this program does to it.
    #[serde(flatten)]
    pub(super) hand: Hand,
}

/// A change of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrote {
    /// Status before.
    pub(super) from: AlertStatus,
    /// Status after.
    pub(super) to: AlertStatus,
    /// When.
    pub(super) at: Timestamp,
}

/// A closed ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ticket {
    /// Name of the destination that keeps it.
    pub(super) desk: String,
    /// What people call it.
    pub(super) number: String,
    /// `systemAlertId` of its alert, in lower case.
    pub(super) alert: String,
    /// Whether it was closed as a false positive.
    pub(super) dismisses: bool,
    /// When it was changed last.
    pub(super) changed: Timestamp,
    /// Whether there is nothing more to do because of that.
    pub(super) done: bool,
}

/// What this program does to one thing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Hand {
    /// A change that is being made, or was when a run broke off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<Record>,
    /// When it was changed in the last hour.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) writes: Vec<Timestamp>,
    /// Until when it is left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rests_until: Option<Timestamp>,
}

/// Why a change is not made now, though it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Held {
    /// Another run makes it.
    #[error("another run is changing it")]
    Claimed,
    /// It was changed back and forth too often, as was found now.
    #[error("it was changed {FLIPS} times within an hour; it is left alone for an hour")]
    Flapping,
    /// It is left alone, after too many changes or a refusal.
    #[error("it is left alone until {0:.0}")]
    Resting(Timestamp),
    /// As much was changed in the last hour as may be.
    #[error("SYNC__MAX_CHANGES_PER_HOUR is reached; it waits")]
    Cap,
}

/// What becomes of an observation of an alert.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Observed {
    /// The status to go by; nothing while it cannot be told whether this is an old copy.
    pub(super) status: Option<AlertStatus>,
    /// A claimed change that came to an end unrecorded.
    pub(super) ended: Option<Ended>,
}

/// The end of a claimed change that was not recorded yet.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ended {
    /// The change.
    pub(super) record: Record,
    /// Whether it was made. Otherwise the run broke off, and somebody changed the thing before anybody looked.
    pub(super) happened: bool,
}

impl Hand {
    /// Claims a change.
    pub(super) fn claim(&mut self, record: Record) {
        self.writes.push(record.at);
        self.claim = Some(record);
    }

    /// Takes a claim back, since nothing was changed.
    pub(super) fn release(&mut self) {
        if let Some(record) = self.claim.take() {
            self.writes.retain(|at| *at != record.at);
        }
    }

    fn held(&mut self, run: &str, now: Timestamp) -> Result<(), Held> {
        if self.claim.as_ref().is_some_and(|claim| claim.run != run && now < later(claim.at, LEASE)) {
            return Err(Held::Claimed);
        }
        if let Some(until) = self.rests_until.filter(|until| now < *until) {
            return Err(Held::Resting(until));
        }
        self.writes.retain(|at| now < later(*at, HOUR));
        // A claim that broke off is the same change.
        let again = usize::from(self.claim.is_some());
        if self.writes.len() >= FLIPS + again {
            self.rests_until = Some(later(now, HOUR));
            return Err(Held::Flapping);
        }
        Ok(())
    }
}

impl Entry {
    /// Whether something of its alerts' states may matter: it is open, or as we closed it, or it was closed and not every alert is settled.
    #[must_use]
    pub(super) fn is_watched(&self) -> bool {
        let unsettled = |member: &Member| member.agreed.is_none_or(|agreed| agreed.incident != IncidentStatus::Closed);
        !self.members.is_empty()
            && (self.status != IncidentStatus::Closed
                || self.closed_by_us.as_ref() == Some(&self.etag)
                || self.members.iter().any(unsettled))
    }

    /// The incident as a case for the rules.
    #[must_use]
    pub(super) fn case(&self, alerts: &BTreeMap<String, Memory>, states: &BTreeMap<String, AlertStatus>) -> Case {
        let part = |member: &Member| {
            let now = member.alert.as_ref().and_then(|alert| states.get(alert)).copied();
            let memory = member.alert.as_ref().and_then(|alert| alerts.get(alert));
            let wrote = memory.and_then(|memory| memory.wrote).map(|wrote| wrote.to);
            Part { now, ours: now.is_some() && wrote == now, agreed: member.agreed, late: member.late }
        };
        Case {
            status: self.status,
            classification: self.classification,
            closed_by_us: self.closed_by_us.as_ref() == Some(&self.etag),
            others: self.others,
            parts: self.members.iter().map(part).collect(),
        }
    }

    /// Settles these members in the states of now.
    pub(super) fn settle(&mut self, parts: impl IntoIterator<Item = usize>, states: &BTreeMap<String, AlertStatus>) {
        let incident = self.status;
        for number in parts {
            let Some(member) = self.members.get_mut(number) else { continue };
            if let Some(alert) = member.alert.as_ref().and_then(|alert| states.get(alert)).copied() {
                member.agreed = Some(Agreed { incident, alert });
            }
        }
    }

    /// Notes that this program changed the incident, which has this version now; every pair is settled by that.
    pub(super) fn changed_by_us(&mut self, etag: String, status: IncidentStatus, modified: Timestamp) {
        for member in &mut self.members {
            let alert = member.known.or(member.agreed.map(|agreed| agreed.alert));
            member.agreed = alert.map(|alert| Agreed { incident: status, alert });
        }
        self.closed_by_us = (status == IncidentStatus::Closed).then(|| etag.clone());
        (self.etag, self.status, self.modified) = (etag, status, modified.max(self.modified));
    }

    /// Takes its alerts as they were read: what is known of them stays.
    pub(super) fn take_members(&mut self, members: Vec<Member>, others: u32) {
        let came_late = self.read == Some(IncidentStatus::Closed) && self.status == IncidentStatus::Closed;
        let mut before = std::mem::take(&mut self.members);
        self.members = members
            .into_iter()
            .map(|member| match before.iter().position(|old| old.id == member.id) {
                Some(at) => {
                    let Member { alert, matched, agreed, known, late, .. } = before.swap_remove(at);
                    Member { alert, matched, agreed, known, late, ..member }
                }
                None => Member { late: came_late, ..member },
            })
            .collect();
        (self.others, self.read, self.unread) = (others, Some(self.status), false);
    }
}

impl Ledger {
    /// Takes the status of an alert as `run` has read it just now.
    pub(super) fn observe(&mut self, alert: &str, status: AlertStatus, run: &str, now: Timestamp) -> Observed {
        let mut observed = Observed { status: Some(status), ended: None };
        let Some(memory) = self.alerts.get_mut(alert) else { return observed };
        if let Some(claim) = memory.hand.claim.clone() {
            let change = claim.alert_change();
            let happened = change.is_some_and(|change| change.to == status);
            let is_own = claim.run == run;
            // Of a run that broke off, nobody knows whether it was that or a person who did the same.
            memory.wrote = change.filter(|_| happened && is_own);
            if happened {
                observed.ended = Some(Ended { record: claim, happened });
            } else if !is_own && now >= later(claim.at, LEASE) {
                let is_as_before = change.is_some_and(|change| change.from == status);
                observed.ended = (!is_as_before).then_some(Ended { record: claim, happened });
                memory.hand.release();
            }
            return observed;
        }
        match memory.wrote {
            Some(wrote) if wrote.to == status => {}
            Some(wrote) if wrote.from == status && now < later(wrote.at, SETTLING) => observed.status = None,
            _ => memory.wrote = None,
        }
        observed
    }

    /// Keeps what is known of the alerts with the incidents that hold them.
    pub(super) fn remember(&mut self, states: &BTreeMap<String, AlertStatus>) {
        for member in self.incidents.values_mut().flat_map(|entry| &mut entry.members) {
            let state = member.alert.as_ref().and_then(|alert| states.get(alert));
            member.known = state.copied().or(member.known);
        }
    }

    /// Takes an incident as `run` has read it just now; returns a claimed change that came to an end unrecorded.
    pub(super) fn note(
        &mut self,
        workspace: &WorkspaceId,
        incident: &Incident,
        run: &str,
        now: Timestamp,
    ) -> Option<Ended> {
        // A time from the future would make every later change look old.
        let modified = incident.modified.min(later(now, SKEW));
        let entry = match self.incidents.entry(key(workspace, &incident.name)) {
            btree_map::Entry::Vacant(vacant) => {
                vacant.insert(Entry {
                    workspace: workspace.to_string(),
                    name: incident.name.clone(),
                    status: incident.status,
                    classification: incident.classification,
                    etag: incident.etag.clone(),
                    modified,
                    read: None,
                    unread: true,
                    others: 0,
                    members: Vec::new(),
                    closed_by_us: None,
                    hand: Hand::default(),
                });
                return None;
            }
            btree_map::Entry::Occupied(occupied) => occupied.into_mut(),
        };
        if modified < entry.modified {
            return None;
        }
        let is_old = |claim: &Record| claim.run != run && now >= later(claim.at, LEASE);
        if incident.etag == entry.etag {
            // It was never made.
            if entry.hand.claim.as_ref().is_some_and(is_old) {
                entry.hand.release();
            }
            return None;
        }
        entry.unread = true;
        let ended = entry.hand.claim.clone().map(|record| Ended { happened: record.is_done(incident), record });
        let ended = ended.filter(|ended| ended.happened || is_old(&ended.record));
        match &ended {
            Some(Ended { happened: true, .. }) => entry.changed_by_us(incident.etag.clone(), incident.status, modified),
            Some(_) => entry.hand.release(),
            None => {}
        }
        (entry.status, entry.classification) = (incident.status, incident.classification);
        (entry.etag, entry.modified) = (incident.etag.clone(), modified);
        ended
    }

    /// Whether a change of an alert may be made now.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn may_change_alert(&mut self, alert: &str, run: &str, now: Timestamp, cap: usize) -> Result<(), Held> {
        let room = self.room(now, cap);
        let hand = &mut self.alerts.entry(alert.to_owned()).or_default().hand;
        hand.held(run, now)?;
        if room || hand.claim.is_some() { Ok(()) } else { Err(Held::Cap) }
    }

    /// Whether a change of an incident may be made now.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn may_change_incident(&mut self, key: &str, run: &str, now: Timestamp, cap: usize) -> Result<(), Held> {
        let room = self.room(now, cap);
        let Some(entry) = self.incidents.get_mut(key) else { return Err(Held::Claimed) };
        entry.hand.held(run, now)?;
        if room || entry.hand.claim.is_some() { Ok(()) } else { Err(Held::Cap) }
    }

    fn room(&mut self, now: Timestamp, cap: usize) -> bool {
        self.changes.retain(|at| now < later(*at, HOUR));
        self.changes.len() < cap
    }

    /// Forgets what is of no use any more, and the oldest of what is too much; how many of the latter.
    pub(super) fn expire(&mut self, now: Timestamp, window: Duration, workspaces: &[String]) -> usize {
        let age = |time: Timestamp| now.duration_since(time).unsigned_abs();
        let fresh = |time: Timestamp, most: Duration| time > now || age(time) <= most;
        self.changes.retain(|at| now < later(*at, HOUR));
        self.incidents.retain(|_, entry| {
            let most = match entry.status {
                _ if entry.members.is_empty() && !entry.unread => window,
                IncidentStatus::Closed => MEMORY.max(window),
                IncidentStatus::New | IncidentStatus::Active => (3 * MEMORY).max(window),
            };
            workspaces.contains(&entry.workspace.to_ascii_lowercase())
                && (fresh(entry.modified, most) || entry.hand.claim.is_some())
        });
        self.alerts.retain(|_, memory| {
            let last = memory.wrote.map(|wrote| wrote.at).into_iter().chain(memory.hand.writes.last().copied()).max();
            memory.hand.claim.is_some()
                || memory.hand.rests_until.is_some_and(|until| now < until)
                || last.is_some_and(|last| fresh(last, MEMORY))
        });
        self.tickets.retain(|_, ticket| fresh(ticket.changed, if ticket.done { window } else { MEMORY }));
        let settled =
            |entry: &Entry| (!entry.members.is_empty(), entry.status != IncidentStatus::Closed, entry.modified);
        keep(&mut self.incidents, MOST_INCIDENTS, settled)
            + keep(&mut self.alerts, MOST_ALERTS, |memory| memory.wrote.map(|wrote| wrote.at))
            + keep(&mut self.tickets, MOST_TICKETS, |ticket| (!ticket.done, ticket.changed))
    }
}

/// What an incident is called in the ledger.
#[must_use]
pub(super) fn key(workspace: &WorkspaceId, name: &str) -> String {
    format!("{}/{}", workspace.key(), name.to_ascii_lowercase())
}

/// Keeps at most so many, those that `worth` puts last; how many went.
fn keep<T, K: Ord>(all: &mut BTreeMap<String, T>, most: usize, worth: impl Fn(&T) -> K) -> usize {
    let excess = all.len().saturating_sub(most);
    if excess > 0 {
        let mut order: Vec<(K, String)> = all.iter().map(|(key, one)| (worth(one), key.clone())).collect();
        order.sort();
        for (_, key) in order.into_iter().take(excess) {
            all.remove(&key);
        }
    }
    excess
}

/// A time so long after another.
#[must_use]
pub(super) fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;
