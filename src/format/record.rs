//! What every renderer wants to know of a record of any kind: the sibling of [`super::alert`], which knows more of alerts alone.
//!
//! | | alert | recommendation, finding | secure score, control | compliance | attack path | log, metric, monitor alert |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | [`signature`] | alert type | `recommendation:<assessment key>`, `finding:<rule id>` | `secure_score`, `secure_score_control:<control>` | `compliance:<standard>/<control>/<assessment key>` | `attack_path:<path type>` | `<category>:<operation>`; of a row of Defender XDR its `ActionType` for the operation |
//! | [`category`] | `alert` | `recommendation`, `finding` | `secure_score`, `secure_score_control` | `compliance` | `attack_path` | the log's category |
//! | [`outcome`] | `open`, `closed` | `open`, `closed` | none | `open`, `closed` | `open`, `closed` | `succeeded`, `failed`, `started`; of a monitor alert `open`, `closed` |
//! | [`state`] | `New`, `Resolved`, … | `Unhealthy`, `Healthy`, …, `Deleted` | `Deleted` | `Failed`, `Passed`, …, `Deleted` | `Deleted` | the result as it came |
//! | [`link`] | `AlertUri` | the portal | none | the portal | none | none |
//! | [`summary()`] | [`summary::names`] of the kind, in that order, those that have a value |||||||
//!
//! Incidents, and alerts of Defender for IoT, are as alerts; an incident has its kind for a signature. What is not recognised has its kind for
//! everything.
//!
//! The severity is [`Event::severity`], whatever the kind; whether a ticket is to be opened or closed is [`Event::outcome`]; the typed views
//! themselves are [`Event::posture`], [`Event::log`], [`Event::incident`] and [`Event::any_alert`]. All of it is read from the record when
//! first asked for and at most once.

pub mod summary;

use std::borrow::Cow;

use jiff::Timestamp;

use super::alert;
use crate::event::{Action, Event, LogResult, Outcome, Posture, RecordKind, segment_after};

pub use summary::summary;

/// When it happened, for receivers that file by it: the record's own time where that is plausible, else when it was first seen.
///
/// The own time is: of an alert when it was generated, of a recommendation when its status changed, of a finding when it was found, of a log
/// when it was logged. Scores, compliance records and attack paths have none.
#[must_use]
pub fn time(event: &Event<'_>) -> Timestamp {
    alert::time(event)
}

/// What kind of thing happened, the same for all records of it: see the table above. Never empty.
///
/// In the casing of the record; compare without regard to case, since the activity log writes one operation in two casings.
#[must_use]
pub fn signature<'e>(event: &'e Event<'_>) -> Cow<'e, str> {
    let kind = event.kind.name();
    let with = |detail: Option<&str>| match detail.map(str::trim).filter(|detail| !detail.is_empty()) {
        Some(detail) => Cow::Owned(format!("{kind}:{detail}")),
        None => Cow::Borrowed(kind),
    };
    if let Some(alert) = event.any_alert() {
        let named = alert.alert_type.as_deref().filter(|name| !name.trim().is_empty());
        return Cow::Borrowed(named.unwrap_or(kind));
    }
    if let Some(log) = event.log() {
        let category = log.category.as_deref().unwrap_or(kind);
        return match log.action.as_deref().or(log.operation.as_deref()) {
            Some(operation) => Cow::Owned(format!("{category}:{operation}")),
            None => Cow::Borrowed(category),
        };
    }
    match event.posture() {
        Some(Posture::Recommendation(recommendation)) => with(recommendation.assessment_key.as_deref()),
        Some(Posture::Finding(finding)) => with(finding.rule_id.as_deref().or(finding.finding_id.as_deref())),
        Some(Posture::SecureScoreControl(control)) => with(control.name.as_deref()),
        Some(Posture::Compliance(compliance)) => {
            let parts = [&compliance.standard, &compliance.control, &compliance.assessment_key];
            let path: Vec<&str> = parts.into_iter().flatten().map(AsRef::as_ref).collect();
            with(Some(&path.join("/")))
        }
        Some(Posture::AttackPath(path)) => with(path.path_type.as_deref()),
        Some(Posture::SecureScore(_)) | None => Cow::Borrowed(kind),
    }
}

/// What a person would call the record: its display name or title, else its operation, else its signature. Never empty.
#[must_use]
pub fn title<'e>(event: &'e Event<'_>) -> Cow<'e, str> {
    let of_alert = event.any_alert().and_then(|alert| alert.display_name.as_deref());
    // Every record of Defender XDR is published; its category says more.
    let is_row = event.kind == RecordKind::XdrLog;
    let of_log = event.log().and_then(|log| {
        let last = if is_row { &log.category } else { &log.operation };
        [&log.operation_display, &log.action, last].into_iter().find_map(|text| text.as_deref())
    });
    let named = [of_alert, of_log, event.title.as_deref()];
    let found = named.into_iter().flatten().find(|text| !super::text::trim(text).is_empty());
    found.map_or_else(|| signature(event), Cow::Borrowed)
}

/// The class of the record in one word: a log's own category, else the name of the kind. Never empty.
#[must_use]
pub fn category<'e>(event: &'e Event<'_>) -> &'e str {
    event.log().and_then(|log| log.category.as_deref()).unwrap_or(event.kind.name())
}

/// How it stands or ended, in a word of ours: `open`, `closed`, and of logs `succeeded`, `failed`, `started`; empty for none of these.
#[must_use]
pub fn outcome(event: &Event<'_>) -> &'static str {
    match (event.outcome(), event.log().map(|log| log.result)) {
        (Outcome::Informational, None | Some(LogResult::Unknown)) => "",
        (Outcome::Informational, Some(result)) => result.name(),
        (outcome, _) => outcome.name(),
    }
}

/// How it stands or ended, in the record's own word: `Unhealthy`, `Failed`, `New`, `Succeeded`, `50126`; `Deleted` where the thing no longer
/// exists; empty for none.
#[must_use]
pub fn state<'e>(event: &'e Event<'_>) -> &'e str {
    if event.enrichment().is_some_and(|enrichment| enrichment.action == Action::Delete) {
        return "Deleted";
    }
    if let Some(alert) = event.any_alert() {
        return alert::status(alert);
    }
    if let Some(log) = event.log() {
        return alert::or_empty(&log.result_type);
    }
    if let Some(incident) = event.incident() {
        return alert::or_empty(&incident.status_text);
    }
    match event.posture() {
        Some(Posture::Recommendation(recommendation)) => alert::or_empty(&recommendation.status_text),
        Some(Posture::Finding(finding)) => alert::or_empty(&finding.status_text),
        Some(Posture::Compliance(compliance)) => alert::or_empty(&compliance.state_text),
        Some(Posture::SecureScore(_) | Posture::SecureScoreControl(_) | Posture::AttackPath(_)) | None => "",
    }
}

/// The record's own id as it came; empty for none. Of a log that has no id it is what belongs together (the correlation id).
#[must_use]
pub fn record_id<'e>(event: &'e Event<'_>) -> &'e str {
    alert::record_id(event)
}

/// What all records about the same thing have in common: the record's id in lower case, for tickets and other things that are found again.
/// Ids of resources come in any casing. None where the record has no id.
#[must_use]
pub fn key(event: &Event<'_>) -> Option<String> {
    let id = super::text::trim(record_id(event));
    (!id.is_empty()).then(|| id.to_lowercase())
}

/// The resource that the record is about, as written; empty for none.
#[must_use]
pub fn resource<'e>(event: &'e Event<'_>) -> &'e str {
    alert::resource(event)
}

/// What a person would call the resource: its name as the record has it, else the last segment of its id (of a subscription its GUID); empty for
/// none.
#[must_use]
pub fn resource_name<'e>(event: &'e Event<'_>) -> &'e str {
    let assessed = match event.posture() {
        Some(Posture::Recommendation(recommendation)) => recommendation.resource.name.as_deref(),
        Some(Posture::Finding(finding)) => finding.resource.name.as_deref(),
        Some(Posture::AttackPath(path)) => path.target.as_ref().and_then(|end| end.name.as_deref()),
        _ => event.any_alert().and_then(|alert| alert.compromised_entity.as_deref()),
    };
    assessed.unwrap_or_else(|| {
        let id = resource(event).trim_end_matches('/');
        id.rsplit_once('/').map(|(_, name)| name).unwrap_or_default()
    })
}

/// The subscription of the resource, else the one that the record's id or an alert names; none outside Azure.
#[must_use]
pub fn subscription<'e>(event: &'e Event<'_>) -> Option<&'e str> {
    let named = event.any_alert().and_then(|alert| alert.subscription_id());
    named.or_else(|| [resource(event), record_id(event)].into_iter().find_map(|id| segment_after(id, "subscriptions")))
}

/// The resource's group, as written; none at subscription level.
#[must_use]
pub fn resource_group<'e>(event: &'e Event<'_>) -> Option<&'e str> {
    segment_after(resource(event), "resourceGroups")
}

/// The resource's type, as written (`Microsoft.Compute/virtualMachines`): from its id, else as a recommendation or finding names it.
#[must_use]
pub fn resource_type(event: &Event<'_>) -> Option<String> {
    let assessed = || match event.posture()? {
        Posture::Recommendation(recommendation) => recommendation.resource.full_type(),
        Posture::Finding(finding) => finding.resource.full_type(),
        _ => None,
    };
    crate::event::resource_type(resource(event)).or_else(|| assessed().map(Cow::into_owned))
}

/// Where a person can look at it, with `https://`; empty for none.
#[must_use]
pub fn link<'e>(event: &'e Event<'_>) -> &'e str {
    let of_posture = match event.posture() {
        Some(Posture::Recommendation(recommendation)) => recommendation.link.as_deref(),
        Some(Posture::Compliance(compliance)) => compliance.link.as_deref(),
        _ => None,
    };
    let of_alert = || event.any_alert().and_then(|alert| alert.alert_uri.as_deref());
    let of_incident = || event.incident().and_then(|incident| incident.link.as_deref());
    of_posture.or_else(of_alert).or_else(of_incident).unwrap_or_default()
}

/// What the matter is, in the record's own sentences, which may be several lines; empty for none.
#[must_use]
pub fn description<'e>(event: &'e Event<'_>) -> Cow<'e, str> {
    if let Some(alert) = event.any_alert() {
        return alert.description_filled().unwrap_or_default();
    }
    let of_posture = match event.posture() {
        Some(Posture::Recommendation(recommendation)) => {
            recommendation.description.as_deref().or(recommendation.status_description.as_deref())
        }
        Some(Posture::Finding(finding)) => finding.description.as_deref().or(finding.status_description.as_deref()),
        Some(Posture::Compliance(compliance)) => compliance.description.as_deref(),
        Some(Posture::AttackPath(path)) => path.description.as_deref(),
        Some(Posture::SecureScore(_) | Posture::SecureScoreControl(_)) | None => None,
    };
    let of_log = || event.log().and_then(|log| log.description.as_deref().or(log.result_description.as_deref()));
    let of_incident = || event.incident().and_then(|incident| incident.description.as_deref());
    Cow::Borrowed(of_posture.or_else(of_log).or_else(of_incident).unwrap_or_default())
}

/// What to do about it, one step each, without line breaks and HTML; empty for none.
#[must_use]
pub fn remediation(event: &Event<'_>) -> Vec<String> {
    if let Some(alert) = event.any_alert() {
        return alert.remediation_steps();
    }
    match event.posture() {
        Some(Posture::Recommendation(recommendation)) => recommendation.remediation_steps(),
        Some(Posture::Finding(finding)) => finding.remediation_steps(),
        Some(Posture::AttackPath(path)) => path.remediation_steps(),
        _ => Vec::new(),
    }
}

/// Whether records of that kind are about the state of resources: recommendations, findings, scores, compliance, attack paths.
#[must_use]
pub const fn is_posture(kind: RecordKind) -> bool {
    matches!(
        kind,
        RecordKind::Recommendation
            | RecordKind::Finding
            | RecordKind::SecureScore
            | RecordKind::SecureScoreControl
            | RecordKind::Compliance
            | RecordKind::AttackPath
    )
}

/// Whether records of that kind are logs: of Azure Monitor, Microsoft Entra or Defender XDR. Monitor alerts are not.
#[must_use]
pub const fn is_log(kind: RecordKind) -> bool {
    matches!(kind, RecordKind::ActivityLog | RecordKind::EntraLog | RecordKind::ResourceLog | RecordKind::XdrLog)
}
