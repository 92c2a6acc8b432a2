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
use super::entry::Entry;
use super::hand::{HOUR, Hand, Held, LEASE};
use super::ids::WorkspaceId;
use super::incident::Incident;
use super::status::{AlertStatus, IncidentStatus};

/// Its name in the store.
pub(super) const NAME: &str = "cursors/sync.json";

/// How long after a change the state before it may be an old copy: only then is it taken for somebody's change back.
pub(super) const SETTLING: Duration = Duration::from_secs(15 * 60);

/// How far the clocks of two machines may differ.
pub(super) const SKEW: Duration = Duration::from_secs(5 * 60);

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
    /// By ServiceNow destination: until when it asked to be left alone.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) rests: BTreeMap<String, Timestamp>,
    /// When the last run ended.
    pub(super) last_run: Option<Timestamp>,
    /// What went wrong in it.
    pub(super) last_error: Option<String>,
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

impl Ledger {
    /// How far that list was read, never beyond the present. Nothing where it never was, or where a run of a wrong clock says so: then nobody
    /// knows.
    pub(super) fn read_until(&self, list: &str, now: Timestamp) -> Option<Timestamp> {
        self.cursors.get(list).filter(|cursor| **cursor <= later(now, SKEW)).map(|cursor| now.min(*cursor))
    }

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
