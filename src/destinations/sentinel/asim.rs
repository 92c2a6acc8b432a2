//! A row of `ASimAlertEventLogs`: an alert in the AlertEvent schema, version 0.1, of the Advanced Security Information Model.
//!
//! Facts: [AlertEvent](https://learn.microsoft.com/azure/sentinel/normalization-schema-alert),
//! [common fields](https://learn.microsoft.com/azure/sentinel/normalization-common-fields).

use std::borrow::Cow;

use super::columns::{ASIM_COLUMNS, REST, TRUNCATED};
use super::fit::{self, Fit};
use super::mended;
use super::row::{self, Value};
use crate::destinations::RenderError;
use crate::event::{Alert, Event, Severity, Status};
use crate::format::alert::{is_plausible, time};
use crate::format::severity::word;

/// What [`REST`] takes besides the record, at most.
const NOTES: usize = 1_024;

/// Appends the row of an alert.
///
/// # Errors
/// When the event is no alert.
pub(super) fn write(event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
    let Some(alert) = event.alert.as_deref() else {
        return Err(RenderError("the AlertEvent schema has room for alerts only".to_owned()));
    };
    let value = |column: &&'static str| Some((*column, value(event, alert, column)?));
    let values: Vec<(&'static str, Value<'_>)> = ASIM_COLUMNS.iter().filter_map(value).collect();
    let raw = mended(event.raw);
    row::write(out, &values, |row, mut shortened, room| {
        let mut record = Vec::new();
        if fit::push(&mut record, &raw, room.field - NOTES) != Fit::Whole {
            shortened.push(REST);
        }
        row.group(REST, |rest| {
            rest.text("ForwarderEventId", &event.id.to_string());
            rest.text("ForwarderVersion", env!("CARGO_PKG_VERSION"));
            if !shortened.is_empty() {
                rest.text(TRUNCATED, &shortened.join(","));
            }
            rest.member("Record").extend_from_slice(&record);
        });
    });
    Ok(())
}

fn value<'e>(event: &'e Event<'_>, alert: &'e Alert<'_>, column: &str) -> Option<Value<'e>> {
    let text = |text: &'e Option<Cow<'_, str>>| text.as_deref().map(Value::text);
    let facts = alert.facts();
    let start = || alert.start_time.filter(is_plausible).unwrap_or_else(|| time(event));
    match column {
        "TimeGenerated" => Some(Value::Time(event.taken)),
        "EventCount" => Some(Value::Number(1)),
        "EventStartTime" => Some(Value::Time(start())),
        "EventEndTime" => Some(Value::Time(alert.end_time.filter(is_plausible).unwrap_or_else(start))),
        "EventType" => Some(Value::text("Alert")),
        "EventSubType" => Some(Value::text(sub_type(event.severity))),
        "EventUid" => text(&alert.system_alert_id).or_else(|| Some(Value::text(event.id.to_string()))),
        "EventOriginalType" => text(&alert.alert_type),
        "EventMessage" => alert.description_filled().map(Value::Text),
        "EventSeverity" => Some(Value::text(severity(event.severity))),
        "EventOriginalSeverity" => text(&alert.severity_text),
        "EventVendor" => Some(Value::text("Microsoft")),
        "EventProduct" => Some(Value::text(product(alert))),
        "EventSchema" => Some(Value::text("AlertEvent")),
        "EventSchemaVersion" => Some(Value::text("0.1")),
        "EventReportUrl" => text(&alert.alert_uri),
        "AlertName" => text(&alert.display_name),
        "AlertStatus" => Some(Value::text(match alert.status {
            Status::Resolved | Status::Dismissed => "Closed",
            Status::Unknown | Status::New | Status::InProgress => "Active",
        })),
        "AlertOriginalStatus" => text(&alert.status_text),
        // Defender for Cloud calls an alert dismissed that somebody took for a false positive.
        "AlertVerdict" => {
            let dismissed = alert.status == Status::Dismissed;
            Some(Value::text(if dismissed { "False Positive" } else { "Unknown" }))
        }
        "AttackTactics" => list(alert.tactics().iter().map(|tactic| tactic.name.into()), ", "),
        "AttackTechniques" => list(alert.techniques().into_iter(), ", "),
        "AttackRemediationSteps" => list(alert.remediation_steps().into_iter().map(Cow::Owned), "\n"),
        "DvcId" => text(&alert.resource_id),
        "DvcIdType" => alert.resource_id.as_ref().map(|_| Value::text("AzureResourceId")),
        "DvcHostname" => text(&facts.host),
        "DvcScopeId" => alert.subscription_id().map(Value::text),
        "Username" => text(&facts.user),
        "UsernameType" => facts.user.as_deref().map(username_type).map(Value::text),
        "UserId" => text(&facts.user_id),
        "UserIdType" => facts.user_id.as_deref().map(|id| Value::text(if is_sid(id) { "SID" } else { "GUID" })),
        "ProcessId" => facts.process_id.map(|id| Value::text(id.to_string())),
        "ProcessName" => text(&facts.process_name),
        "ProcessCommandLine" => text(&facts.command_line),
        "FileName" => text(&facts.file_name),
        "FilePath" => file_path(facts.file_path.as_deref()?, facts.file_name.as_deref()).map(Value::Text),
        "FileSHA256" => hash(&facts.file_hash, 64),
        "FileSHA1" => hash(&facts.file_hash, 40),
        "FileMD5" => hash(&facts.file_hash, 32),
        "Url" => text(&facts.url),
        _ => None,
    }
}

/// Defender for Cloud's severity is its confidence: high means that a resource was probably compromised, anything less that something
/// suspicious was seen.
const fn sub_type(severity: Severity) -> &'static str {
    match severity {
        Severity::High | Severity::Critical => "Threat",
        _ => "Suspicious Activity",
    }
}

/// The four severities that ASIM knows.
const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => word(Severity::High),
        Severity::Unknown => word(Severity::Informational),
        known => word(known),
    }
}

/// The product without its vendor; all names of Defender for Cloud are one.
fn product<'e>(alert: &'e Alert<'_>) -> &'e str {
    const OWN: [&str; 5] =
        ["", "ASC", "Azure Security Center", "Microsoft Defender for Cloud", "microsoftDefenderForCloud"];
    let name = alert.product_name.as_deref().unwrap_or_default().trim();
    if OWN.contains(&name) { "Defender for Cloud" } else { name.strip_prefix("Microsoft ").unwrap_or(name) }
}

fn list<'e>(items: impl Iterator<Item = Cow<'e, str>>, separator: &str) -> Option<Value<'e>> {
    let items: Vec<Cow<'e, str>> = items.collect();
    (!items.is_empty()).then(|| Value::text(items.join(separator)))
}

fn username_type(name: &str) -> &'static str {
    if name.contains('\\') {
        "Windows"
    } else if name.contains('@') {
        "UPN"
    } else {
        "Simple"
    }
}

fn is_sid(id: &str) -> bool {
    id.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("S-1-"))
}

/// A directory and a name as one path, in the directory's own manner.
fn file_path<'e>(directory: &'e str, name: Option<&str>) -> Option<Cow<'e, str>> {
    let separator = if directory.contains('\\') { '\\' } else { '/' };
    Some(match name {
        Some(name) if !directory.ends_with(name) => {
            Cow::Owned(format!("{}{separator}{name}", directory.trim_end_matches(separator)))
        }
        _ => Cow::Borrowed(directory),
    })
}

/// The hash, if it has so many digits.
fn hash<'e>(hash: &'e Option<Cow<'_, str>>, digits: usize) -> Option<Value<'e>> {
    let hash = hash.as_deref().filter(|hash| hash.len() == digits)?;
    hash.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| Value::text(hash))
}
