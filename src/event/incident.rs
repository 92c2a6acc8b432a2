//! An incident: several alerts that one story tells. Of Microsoft Sentinel (ARM, or the dump of its Python SDK) or Microsoft Graph.

use std::borrow::Cow;

use jiff::Timestamp;

use super::Status;
use super::bag::Bag;
use super::posture::absolute;
use super::tactics::{self, Tactic};

/// An incident. Defender for Cloud's own compound alerts are alerts ([`super::Alert::is_incident`]).
#[derive(Debug)]
pub struct Incident<'a> {
    /// `incidentNumber`, or Graph's `id`.
    pub number: Option<Cow<'a, str>>,
    /// `title`, or Graph's `displayName`.
    pub title: Option<Cow<'a, str>>,
    /// `description`.
    pub description: Option<Cow<'a, str>>,
    /// `severity` as it came.
    pub severity_text: Option<Cow<'a, str>>,
    /// The status, normalised.
    pub status: Status,
    /// `status` as it came.
    pub status_text: Option<Cow<'a, str>>,
    /// `classification`, as `TruePositive`.
    pub classification: Option<Cow<'a, str>>,
    /// Who works on it.
    pub owner: Option<Cow<'a, str>>,
    /// `createdTimeUtc`, `createdDateTime`.
    pub created: Option<Timestamp>,
    /// `lastModifiedTimeUtc`, `lastUpdateDateTime`.
    pub updated: Option<Timestamp>,
    /// How many alerts it has.
    pub alerts: Option<u64>,
    /// `additionalData.tactics` as they came. See [`Incident::tactics`].
    pub tactic_names: Vec<Cow<'a, str>>,
    /// The incident in its portal.
    pub link: Option<Cow<'a, str>>,
}

impl<'a> Incident<'a> {
    pub(super) fn read(top: &Bag<'a>) -> Self {
        let own = top.properties();
        let owner = own.inner("owner");
        let additional = ["additionalData", "additional_data"].map(|name| own.inner(name));
        let status_text = own.text("status");
        let tactics = additional.iter().map(|bag| bag.list("tactics")).find(|list| !list.is_empty());
        Self {
            number: own.first(&["incidentNumber", "incident_number"]).or_else(|| top.text("id")),
            title: own.first(&["title", "displayName"]),
            description: own.text("description"),
            severity_text: own.text("severity"),
            status: status_text.as_deref().map(Status::from_text).unwrap_or_default(),
            status_text,
            classification: own.text("classification"),
            owner: owner
                .first(&["userPrincipalName", "user_principal_name", "assignedTo", "assigned_to", "email"])
                .or_else(|| own.text("assignedTo")),
            created: own.time(&["createdTimeUtc", "created_time_utc", "createdDateTime"]),
            updated: own.time(&["lastModifiedTimeUtc", "last_modified_time_utc", "lastUpdateDateTime"]),
            alerts: additional.iter().find_map(|bag| bag.count("alertsCount").or_else(|| bag.count("alerts_count"))),
            tactic_names: tactics.unwrap_or_default(),
            link: own.first(&["incidentUrl", "incident_url", "incidentWebUrl"]).map(absolute),
        }
    }

    /// The tactics of MITRE ATT&CK, in order, each once.
    #[must_use]
    pub fn tactics(&self) -> Vec<Tactic> {
        tactics::parse(&self.tactic_names.join(","))
    }
}
