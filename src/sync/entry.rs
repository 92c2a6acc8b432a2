//! An incident in the ledger, and the alerts that it holds.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::hand::Hand;
use super::join::Matched;
use super::ledger::Memory;
use super::rules::{Agreed, Case, Part};
use super::status::{AlertStatus, Classification, IncidentStatus};

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
    pub(super) matched: Option<Matched>,
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

impl Entry {
    /// Whether something of its alerts' states may matter: it is open, or as we closed it, or it was closed and not every alert is settled. What
    /// was not found of an incident that was closed before `since` is given up: it is of a subscription that is not listed, or too old.
    pub(super) fn is_watched(&self, since: Timestamp) -> bool {
        let unsettled = |member: &Member| {
            let is_hopeful = member.alert.is_some() || self.modified >= since;
            is_hopeful && member.agreed.is_none_or(|agreed| agreed.incident != IncidentStatus::Closed)
        };
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
