//! What the line formats say of records that are no alerts, besides what [`crate::format::record`] says of every record.

use std::borrow::Cow;

use crate::event::{Event, LogResult, Posture, RecordKind};
use crate::format::alert::or_empty;
use crate::format::record;
use crate::format::shrink;
use crate::format::text;

/// The resource's name where the resource is a thing in Azure; empty for a subscription, a resource group, a tenant or the workspace of an
/// incident, which a receiver must not take for a host.
#[must_use]
pub fn host<'e>(event: &'e Event<'_>) -> &'e str {
    const PROVIDERS: &str = "/providers/";
    let id = record::resource(event);
    let below = id.to_ascii_lowercase().rfind(PROVIDERS).map(|at| &id[at + PROVIDERS.len()..]);
    // Provider, type, name.
    let is_thing = below.is_some_and(|below| below.split('/').filter(|segment| !segment.is_empty()).count() >= 3);
    if is_thing && event.kind != RecordKind::Incident { record::resource_name(event) } else { "" }
}

/// What was done: of a log its operation (of a row of Defender XDR its action type), else what continuous export says was done to the record
/// (`Insert`, `Write`, `Delete`); empty for none.
#[must_use]
pub fn action<'e>(event: &'e Event<'_>) -> &'e str {
    let of_log = event.log().and_then(|log| log.action.as_deref().or(log.operation.as_deref()));
    let of_export = || event.enrichment().and_then(|enrichment| enrichment.action_text.as_deref());
    of_log.or_else(of_export).unwrap_or_default()
}

/// Why it is so or ended so: a cause, the result's description, else a failure's code; empty for none.
#[must_use]
pub fn reason<'e>(event: &'e Event<'_>) -> &'e str {
    let of_log = || {
        let log = event.log()?;
        let code = || log.result_signature.as_deref().filter(|_| log.result == LogResult::Failed);
        log.result_description.as_deref().or_else(code)
    };
    let of_posture = match event.posture() {
        Some(Posture::Recommendation(it)) => it.cause.as_deref().or(it.status_description.as_deref()),
        Some(Posture::Finding(it)) => it.cause.as_deref().or(it.status_description.as_deref()),
        _ => None,
    };
    of_posture.or_else(of_log).unwrap_or_default()
}

/// The key of the recommendation that the record is of or belongs to; empty for none.
#[must_use]
pub fn assessment_key<'e>(event: &'e Event<'_>) -> &'e str {
    match event.posture() {
        Some(Posture::Recommendation(it)) => or_empty(&it.assessment_key),
        Some(Posture::Finding(it)) => or_empty(&it.assessment_key),
        Some(Posture::Compliance(it)) => or_empty(&it.assessment_key),
        _ => "",
    }
}

/// The MITRE ATT&CK techniques of a recommendation, as `T1110,T1078`; empty for none.
#[must_use]
pub fn techniques(event: &Event<'_>) -> String {
    match event.posture() {
        Some(Posture::Recommendation(it)) => it.techniques.join(","),
        _ => String::new(),
    }
}

/// What a log says of its own service (`properties`), as JSON without white space; empty for none and for `{}`.
#[must_use]
pub fn properties(event: &Event<'_>) -> String {
    let properties = event.log().and_then(|log| log.properties).map(|json| shrink::compact(json.get()));
    properties.filter(|json| !matches!(json.as_str(), "{}" | "[]")).unwrap_or_default()
}

/// A value of a summary under its name.
pub type Pair<'e> = (&'static str, Cow<'e, str>);

/// The description, unless the title or the summary says as much; empty for none.
#[must_use]
pub fn description<'e>(event: &'e Event<'_>, summary: &[Pair<'_>]) -> Cow<'e, str> {
    let description = record::description(event);
    let is_said = summary.iter().any(|(_, value)| *value == description) || record::title(event) == description;
    if is_said { Cow::Borrowed("") } else { description }
}

/// The summary in one text, `name=value; name=value`, with the description last.
#[must_use]
pub fn message(event: &Event<'_>) -> String {
    let summary = record::summary(event);
    let description = ("description", description(event, &summary));
    let mut message = String::new();
    for (name, value) in summary.iter().chain([&description]) {
        let value = text::trim(value);
        if value.is_empty() {
            continue;
        }
        if !message.is_empty() {
            message.push_str("; ");
        }
        message.push_str(name);
        message.push('=');
        message.push_str(value);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::samples::of_every_kind;

    #[test]
    fn subscriptions_tenants_and_workspaces_are_no_hosts() {
        let hosts: Vec<(&str, String)> =
            of_every_kind().iter().map(|(name, event)| (*name, host(event).to_owned())).collect();
        let host = |wanted: &str| hosts.iter().find(|(name, _)| *name == wanted).unwrap().1.as_str();
        for none in
            ["secure_score_export", "compliance_assessment", "entra_log_sign_in", "incident_sentinel", "unknown"]
        {
            assert_eq!(host(none), "", "{none}");
        }
        assert_eq!(host("finding_sql"), "db1");
        assert_eq!(host("activity_log_hub"), "VM-DEMO");
    }
}
