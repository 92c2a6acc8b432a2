//! Reading both sides: incidents that were changed, the alerts that they hold, and how those stand in Defender for Cloud.

use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use super::entry::{Entry, Member};
use super::ids::{AlertId, IncidentName, WorkspaceId};
use super::incident::Incident;
use super::ledger::{key, later};
use super::pages::{Ask, Page, all};
use super::run::{Run, Stop};
use super::status::AlertStatus;
use super::{join, run};
use crate::api::{Api, ApiError};

/// Versions of the APIs.
pub(super) const ALERTS: &str = "2022-01-01";
pub(super) const INCIDENTS: &str = "2025-09-01";

/// Incidents on a page.
const PAGE: &str = "200";

/// Most pages of a list in one run.
const MOST_PAGES: usize = 100;

/// Most incidents whose alerts are read at once.
const LANES: usize = 4;

/// What is asked of somebody when the service refuses.
pub(super) const RESPONDER: &str = "the identity needs the role Microsoft Sentinel Responder on the workspace";
pub(super) const ADMIN: &str = "the identity needs the role Security Admin on the subscription";

/// The names that Sentinel gives to Defender for Cloud's alerts.
const PRODUCTS: [&str; 2] = ["Azure Security Center", "Microsoft Defender for Cloud"];

impl Run<'_> {
    /// Reads the incidents of every workspace that were changed since the last run, and their alerts.
    pub(super) async fn read_incidents(&mut self) -> Result<(), Stop> {
        for workspace in &self.wishes.workspaces {
            if let Err(error) = self.read_workspace(workspace).await? {
                self.failed(&format!("workspace {}", workspace.name()), &error, RESPONDER);
            }
        }
        self.read_members().await
    }

    /// Reads in the order of changes. Each page is asked for from the last change of the page before: what is changed meanwhile moves to the
    /// end, and nothing slips through between two pages. Only within one moment the service's own link leads on; and where the service does
    /// not keep the order: then nothing counts as read before the last page is.
    async fn read_workspace(&mut self, workspace: &WorkspaceId) -> Result<Result<(), ApiError>, Stop> {
        let now = self.now();
        let read = self.ledger.content.read_until(&workspace.key(), now);
        let begin = match read {
            Some(read) => earlier(read, self.wishes.overlap),
            None => earlier(now, self.wishes.lookback),
        };
        let (mut from, mut latest, mut in_order) = (floor(begin), floor(begin), true);
        let mut next = Some(changed_since(self.api, workspace, from));
        for _ in 0..MOST_PAGES {
            let Some(url) = next.take() else { break };
            let page = match Page::read(self.api, Ask::Get, url.clone(), self.deadline).await {
                Ok(page) => page,
                Err(error) => return Ok(Err(error)),
            };
            let mut before = Timestamp::MIN;
            for row in &page.value {
                let Some(modified) = self.take_incident(workspace, row).await? else { continue };
                in_order &= before <= modified;
                before = modified;
                latest = latest.max(modified.min(now));
            }
            let link = match page.next(self.api, &url) {
                Ok(link) => link,
                Err(error) => return Ok(Err(error)),
            };
            if in_order || link.is_none() {
                self.ledger.content.cursors.insert(workspace.key(), read.map_or(latest, |read| latest.max(read)));
            }
            next = link.map(|link| {
                let moved = in_order && floor(latest) > from;
                from = floor(latest);
                if moved { changed_since(self.api, workspace, from) } else { link }
            });
        }
        Ok(Ok(()))
    }

    /// Notes an incident; returns when it was changed, if it can be read.
    async fn take_incident(&mut self, workspace: &WorkspaceId, row: &RawValue) -> Result<Option<Timestamp>, Stop> {
        let incident = match Incident::parse(row.get()) {
            Ok(incident) if IncidentName::parse(&incident.name).is_some() => incident,
            Ok(_) => {
                tracing::warn!(
                    workspace = workspace.name(),
                    "an incident has a name that cannot be part of an address; it is left alone"
                );
                return Ok(None);
            }
            Err(error) => {
                tracing::warn!(workspace = workspace.name(), %error, "an incident cannot be read; it is left alone");
                return Ok(None);
            }
        };
        let known = self.ledger.content.incidents.get(&key(workspace, &incident.name));
        self.report.incidents += usize::from(known.is_none_or(|entry| entry.etag != incident.etag));
        self.note(workspace, &incident).await?;
        Ok(Some(incident.modified))
    }

    /// Notes an incident, and records a claimed change of it that came to its end.
    pub(super) async fn note(&mut self, workspace: &WorkspaceId, incident: &Incident) -> Result<(), Stop> {
        let now = self.now();
        let ended = self.ledger.content.note(workspace, incident, &self.id, now);
        self.ended(ended).await
    }

    /// Reads the alerts of every incident whose alerts were not read since it changed. What cannot be read now is read next time.
    async fn read_members(&mut self) -> Result<(), Stop> {
        let unread: Vec<(String, Entry)> = self
            .ledger
            .content
            .incidents
            .iter()
            .filter(|(_, entry)| entry.unread)
            .map(|(key, entry)| (key.clone(), entry.clone()))
            .collect();
        let (api, deadline) = (self.api, self.deadline);
        let mut answers = stream::iter(unread)
            .map(|(key, entry)| async move {
                let read = match place(&entry) {
                    Some((workspace, name)) => members(api, &workspace, &name, deadline).await,
                    None => Err(ApiError::Strange("the ledger holds an incident of no workspace".to_owned())),
                };
                (key, read)
            })
            .buffered(LANES);
        let mut results = Vec::new();
        while let Some((key, read)) = answers.next().await {
            // An unwell service, or the end of the time: what is left is read next time.
            let ends = matches!(read, Err(ApiError::Unwell { .. }));
            results.push((key, read));
            if ends {
                break;
            }
        }
        drop(answers);
        for (key, read) in results {
            match read {
                Ok((members, others)) => self.take_members(&key, members, others),
                // Either the incident is gone, or its alerts alone are refused.
                Err(error) if is_gone(&error) => drop(self.look_at_incident(&key, true).await?),
                Err(error) => {
                    let name = key.rsplit('/').next().unwrap_or_default();
                    self.failed(&format!("alerts of incident {name}"), &error, RESPONDER);
                }
            }
        }
        Ok(())
    }

    /// Takes the alerts of an incident, as far as they can be found among those of Defender for Cloud.
    pub(super) fn take_members(&mut self, key: &str, members: Vec<Member>, others: u32) {
        if let Some(entry) = self.ledger.content.incidents.get_mut(key) {
            entry.take_members(members, others);
            find(entry, &self.index);
        }
    }

    /// Reads how the alerts stand, where something depends on it.
    pub(super) async fn read_alerts(&mut self) -> Result<(), Stop> {
        let ledger = &self.ledger.content;
        let is_needed = ledger.incidents.values().any(|entry| entry.is_watched(self.since))
            || ledger.alerts.values().any(|memory| memory.hand.claim.is_some())
            || ledger.tickets.values().any(|ticket| !ticket.done);
        if !is_needed {
            return Ok(());
        }
        for subscription in &self.wishes.subscriptions {
            let url = alerts(self.api, subscription);
            match all(self.api, Ask::Get, url, MOST_PAGES, self.deadline).await {
                Ok(list) => {
                    if list.cut {
                        tracing::warn!(
                            subscription,
                            pages = MOST_PAGES,
                            "the subscription has more alerts than are read in one run"
                        );
                    }
                    for row in list.items {
                        self.take_alert(subscription, &row).await?;
                    }
                }
                Err(error) => self.failed(&format!("alerts of subscription {subscription}"), &error, ADMIN),
            }
        }
        let since = self.since;
        for entry in self.ledger.content.incidents.values_mut().filter(|entry| entry.is_watched(since)) {
            find(entry, &self.index);
        }
        self.ledger.content.remember(&self.states);
        Ok(())
    }

    async fn take_alert(&mut self, subscription: &str, row: &RawValue) -> Result<(), Stop> {
        let row = serde_json::from_str::<Row>(row.get()).ok();
        let id = row.as_ref().and_then(|row| AlertId::parse(&row.id));
        let (Some(row), Some(id)) = (row, id.filter(|id| id.subscription() == subscription)) else {
            tracing::warn!(
                subscription,
                "an alert cannot be read, or has an id that is none of an alert of its subscription; it is left alone"
            );
            return Ok(());
        };
        self.report.alerts += 1;
        let status = AlertStatus::parse(&row.properties.status);
        let key = id.key();
        self.index.add(id, row.properties.system_alert_id.as_deref().unwrap_or_default());
        if let Some(status) = status {
            self.observe(&key, status).await?;
        }
        Ok(())
    }

    /// Takes the status of an alert as it was read just now, and records a claimed change of it that came to its end.
    pub(super) async fn observe(&mut self, key: &str, status: AlertStatus) -> Result<Option<AlertStatus>, Stop> {
        let now = self.now();
        let observed = self.ledger.content.observe(key, status, &self.id, now);
        match observed.status {
            Some(status) => self.states.insert(key.to_owned(), status),
            None => self.states.remove(key),
        };
        self.ended(observed.ended).await?;
        Ok(observed.status)
    }

    /// Reads one alert anew; nothing where it is gone, or its status cannot be gone by.
    pub(super) async fn look_at_alert(&mut self, id: &AlertId) -> Result<Result<Option<AlertStatus>, ApiError>, Stop> {
        let url = self.api.url(&id.to_string(), &[("api-version", ALERTS)]);
        let row: Row = match self.api.get(url, &[], self.deadline).await {
            Ok(row) => row,
            Err(error) if is_gone(&error) => {
                self.states.remove(&id.key());
                return Ok(Ok(None));
            }
            Err(error) => return Ok(Err(error)),
        };
        match AlertStatus::parse(&row.properties.status) {
            Some(status) => Ok(Ok(self.observe(&id.key(), status).await?)),
            None => {
                self.states.remove(&id.key());
                Ok(Ok(None))
            }
        }
    }

    /// Notes that something could not be read or changed. What passes by itself is only a delay.
    pub(super) fn failed(&mut self, what: &str, error: &ApiError, role: &str) {
        match error {
            ApiError::Unwell { reason, after } => {
                if let Some(after) = after {
                    let until = later(self.now(), *after);
                    let not_before = &mut self.ledger.content.not_before;
                    *not_before = Some(not_before.map_or(until, |before| before.max(until)));
                }
                tracing::warn!(what, reason, "synchronisation is delayed");
                self.report.delays.push(format!("{what}: {reason}"));
            }
            error => {
                let role = if run::is_missing_right(error) { format!(": {role}") } else { String::new() };
                tracing::error!(what, %error, role, "synchronisation failed");
                self.report.failures.push(format!("{what}: {error}{role}"));
            }
        }
    }
}

/// Finds the members of an incident that were not found before.
fn find(entry: &mut Entry, index: &join::Index) {
    for member in entry.members.iter_mut().filter(|member| member.alert.is_none()) {
        if let Some((alert, matched)) = index.find(member) {
            tracing::debug!(incident = entry.name, alert, %matched, "alert of an incident found");
            (member.alert, member.matched) = (Some(alert.to_owned()), Some(matched));
        }
    }
}

/// The workspace and name of an incident.
pub(super) fn place(entry: &Entry) -> Option<(WorkspaceId, IncidentName)> {
    Some((WorkspaceId::parse(&entry.workspace)?, IncidentName::parse(&entry.name)?))
}

/// The alerts that an incident holds: those of Defender for Cloud, and how many others.
pub(super) async fn members(
    api: &Api,
    workspace: &WorkspaceId,
    name: &IncidentName,
    deadline: tokio::time::Instant,
) -> Result<(Vec<Member>, u32), ApiError> {
    let url = api.url(&format!("{}/alerts", workspace.incident(name)), &[("api-version", INCIDENTS)]);
    let list = all(api, Ask::Post, url, MOST_PAGES, deadline).await?;
    let (mut members, mut others) = (Vec::<Member>::new(), u32::from(list.cut));
    for row in list.items {
        match serde_json::from_str::<Entity>(row.get()).ok().and_then(Entity::member) {
            Some(member) if members.iter().any(|known| known.id == member.id) => {}
            Some(member) => members.push(member),
            // What cannot be read is nothing of ours to close the incident for.
            None => others += 1,
        }
    }
    Ok((members, others))
}

/// An alert as Sentinel has it.
#[derive(Deserialize)]
struct Entity {
    #[serde(default)]
    properties: EntityProperties,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct EntityProperties {
    product_name: Option<String>,
    system_alert_id: Option<String>,
    provider_alert_id: Option<String>,
    vendor_original_id: Option<String>,
    alert_link: Option<String>,
}

impl Entity {
    /// Nothing for what is no alert of Defender for Cloud, or has no name.
    fn member(self) -> Option<Member> {
        let EntityProperties { product_name, system_alert_id, provider_alert_id, vendor_original_id, alert_link } =
            self.properties;
        let product = product_name?;
        if !PRODUCTS.iter().any(|ours| ours.eq_ignore_ascii_case(product.trim())) {
            return None;
        }
        let name = |text: String| (!text.is_empty() && text.len() <= 260).then(|| text.to_ascii_lowercase());
        let aliases: Vec<String> =
            [provider_alert_id, vendor_original_id].into_iter().flatten().filter_map(name).collect();
        let id = system_alert_id.and_then(name).or_else(|| aliases.first().cloned())?;
        let link = alert_link.and_then(|link| join::linked(&link)).filter(|link| link.len() <= 600);
        Some(Member { id, aliases, link, ..Member::default() })
    }
}

/// An alert as Defender for Cloud has it.
#[derive(Deserialize)]
struct Row {
    id: String,
    properties: RowProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RowProperties {
    #[serde(default)]
    status: String,
    system_alert_id: Option<String>,
}

/// The address of the incidents that were changed at that time or later, the oldest change first.
pub(super) fn changed_since(api: &Api, workspace: &WorkspaceId, from: Timestamp) -> Url {
    let filter = format!("properties/lastModifiedTimeUtc ge {from:.3}");
    let query = [
        ("api-version", INCIDENTS),
        ("$filter", filter.as_str()),
        ("$orderby", "properties/lastModifiedTimeUtc asc"),
        ("$top", PAGE),
    ];
    api.url(&workspace.incidents(), &query)
}

/// The address of the alerts of a subscription.
pub(super) fn alerts(api: &Api, subscription: &str) -> Url {
    api.url(&format!("/subscriptions/{subscription}/providers/Microsoft.Security/alerts"), &[("api-version", ALERTS)])
}

/// Whether the thing is not there.
pub(super) fn is_gone(error: &ApiError) -> bool {
    matches!(error, ApiError::Refused { status, .. } if matches!(status.as_u16(), 404 | 410))
}

fn earlier(time: Timestamp, by: std::time::Duration) -> Timestamp {
    time.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

/// The whole milliseconds of a time: what a filter can say.
fn floor(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_nanosecond().div_euclid(1_000_000).try_into().unwrap_or(0)).unwrap_or(time)
}
