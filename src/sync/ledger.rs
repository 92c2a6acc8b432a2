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

/// How long after a change the state before it is taken for an old copy, not for somebody's change back.
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
    pub cursors: BTreeMap<String, Timestamp>,
    /// The incidents that were read.
    pub incidents: BTreeMap<String, Entry>,
    /// The alerts that were changed, by id.
    pub alerts: BTreeMap<String, Memory>,
    /// The closed tickets that were read, by instance and `sys_id`.
    pub tickets: BTreeMap<String, Ticket>,
    /// When something was changed in the last hour.
    pub changes: VecDeque<Timestamp>,
    /// Until when the service asked to be left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// When the last run ended.
    pub last_run: Option<Timestamp>,
    /// What went wrong in it.
    pub last_error: Option<String>,
}

/// An incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The workspace's id, as the settings have it.
    pub workspace: String,
    /// Its name there.
    pub name: String,
    /// Its status.
    pub status: IncidentStatus,
    /// Why it was closed, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<Classification>,
    /// Its version.
    pub etag: String,
    /// When it was changed last.
    pub modified: Timestamp,
    /// Its status when its alerts were read, for this version or an earlier one.
    #[serde(default)]
    pub read: Option<IncidentStatus>,
    /// Whether its alerts are to be read: never, or not since it changed.
    #[serde(default)]
    pub unread: bool,
    /// How many alerts of other products it holds.
    #[serde(default)]
    pub others: u32,
    /// Its Defender for Cloud alerts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
    /// The version in which this program closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_by_us: Option<String>,
    /// What this program does to it.
    #[serde(flatten)]
    pub hand: Hand,
}

/// An alert of an incident.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Member {
    /// `systemAlertId`, in lower case.
    pub id: String,
    /// Other names by which it may be known, in lower case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The id of a resource that its link names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The alert in Defender for Cloud, once it was found; in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// By which name it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched: Option<super::join::Matched>,
    /// When the pair was last settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreed: Option<Agreed>,
    /// Its status when it was last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<AlertStatus>,
    /// Whether it came when the incident was closed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
}

/// An alert that was changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    /// The last change, while nobody made another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrote: Option<Wrote>,
    /// What this program does to it.
    #[serde(flatten)]
    pub hand: Hand,
}

/// A change of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrote {
    /// Status before.
    pub from: AlertStatus,
    /// Status after.
    pub to: AlertStatus,
    /// When.
    pub at: Timestamp,
}

/// A closed ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ticket {
    /// Name of the destination that keeps it.
    pub desk: String,
    /// What people call it.
    pub number: String,
    /// `systemAlertId` of its alert, in lower case.
    pub alert: String,
    /// Whether it was closed as a false positive.
    pub dismisses: bool,
    /// When it was changed last.
    pub changed: Timestamp,
    /// Whether there is nothing more to do because of that.
    pub done: bool,
}

/// What this program does to one thing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Hand {
    /// A change that is being made, or was when a run broke off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<Record>,
    /// When it was changed in the last hour.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<Timestamp>,
    /// Until when it is left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rests_until: Option<Timestamp>,
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
    /// The status to go by.
    pub status: AlertStatus,
    /// A change that was claimed and has happened, but was never recorded.
    pub found: Option<Record>,
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
    /// Takes the status of an alert as it was read just now.
    pub(super) fn observe(&mut self, alert: &str, status: AlertStatus, now: Timestamp) -> Observed {
        let mut observed = Observed { status, found: None };
        if let Some(memory) = self.alerts.get_mut(alert) {
            let claimed = memory.hand.claim.as_ref().and_then(|claim| Some((claim.alert_change()?, claim.clone())));
            match (claimed, memory.wrote) {
                (Some((wrote, record)), _) if wrote.to == status => {
                    memory.wrote = Some(wrote);
                    observed.found = Some(record);
                }
                // It did not happen, or has yet to; or somebody changed it after it happened.
                (Some((wrote, _)), _) if wrote.from != status => memory.wrote = None,
                (Some(_), _) | (None, None) => {}
                (None, Some(wrote)) if wrote.to == status => {}
                (None, Some(wrote)) if wrote.from == status && now < later(wrote.at, SETTLING) => {
                    observed.status = wrote.to;
                }
                (None, Some(_)) => memory.wrote = None,
            }
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

    /// Takes an incident as it was read just now; returns a change that was claimed and has happened, but was never recorded.
    pub(super) fn note(&mut self, workspace: &WorkspaceId, incident: &Incident, now: Timestamp) -> Option<Record> {
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
        if incident.etag == entry.etag || modified < entry.modified {
            return None;
        }
        entry.unread = true;
        let claim = entry.hand.claim.clone().filter(|claim| claim.is_done(incident));
        if claim.is_some() {
            entry.changed_by_us(incident.etag.clone(), incident.status, modified);
        }
        (entry.status, entry.classification) = (incident.status, incident.classification);
        (entry.etag, entry.modified) = (incident.etag.clone(), modified);
        claim
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
