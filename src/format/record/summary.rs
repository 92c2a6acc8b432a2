//! A record as names and values, for formats that are a list of such pairs: each kind has its names, in an order that never changes.
//!
//! Names are ASCII letters in `camelCase`, unique within a kind, and mean the same wherever they occur. Values are never empty. What every
//! kind has (title, signature, severity, resource, link, time, description, remediation) is not repeated here.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::event::{
    Alert, AttackPath, Compliance, ComplianceLevel, Event, Finding, Incident, Log, Metric, Posture, Recommendation,
    RecordKind, Score, SecureScore, SecureScoreControl, Tactic,
};
use crate::format::alert;

type Value<'e> = Option<Cow<'e, str>>;

/// Names, and how each value is had from a record.
macro_rules! fields {
    ($list:ident of $record:ident: $($name:literal = |$of:ident| $value:expr,)*) => {
        const $list: &[(&str, for<'e, 'a> fn(&'e $record<'a>) -> Value<'e>)] = &[$(($name, |$of| $value)),*];
    };
}

fields! { EXPORT of Event:
    "action" = |event| event.enrichment().and_then(|enrichment| text(&enrichment.action_text)),
    "snapshot" = |event| event.is_snapshot().then_some(Cow::Borrowed("true")),
}

fields! { ALERT of Alert:
    "state" = |alert| filled(alert::status(alert)),
    "compromisedEntity" = |alert| text(&alert.compromised_entity),
    "tactics" = |alert| owned(alert::intent_list(alert)),
    "techniques" = |alert| owned(alert::technique_list(alert)),
    "product" = |alert| text(&alert.product_name),
    "component" = |alert| text(&alert.product_component_name),
    "started" = |alert| time(alert.start_time),
    "ended" = |alert| time(alert.end_time),
}

fields! { RECOMMENDATION of Recommendation:
    "state" = |it| text(&it.status_text),
    "cause" = |it| text(&it.cause),
    "riskLevel" = |it| text(&it.risk_level),
    "assessmentKey" = |it| text(&it.assessment_key),
    "resourceName" = |it| text(&it.resource.name),
    "resourceType" = |it| owned(it.resource.full_type().unwrap_or_default()),
    "resourceSource" = |it| text(&it.resource.source),
    "categories" = |it| list(&it.categories),
    "threats" = |it| list(&it.threats),
    "tactics" = |it| tactics(&it.tactics()),
    "techniques" = |it| list(&it.techniques),
    "userImpact" = |it| text(&it.user_impact),
    "implementationEffort" = |it| text(&it.implementation_effort),
    "assessmentType" = |it| text(&it.assessment_type),
    "riskFactors" = |it| list(&it.risk_factors),
    "statusChanged" = |it| time(it.status_changed),
    "firstEvaluated" = |it| time(it.first_evaluated),
    "nativeResourceId" = |it| text(&it.resource.native_id).filter(|id| Some(id) != it.resource.id.as_ref()),
    "tenantId" = |it| text(&it.tenant_id),
    "stateDescription" = |it| text(&it.status_description),
}

fields! { FINDING of Finding:
    "state" = |it| text(&it.status_text),
    "cause" = |it| text(&it.cause),
    "ruleId" = |it| text(&it.rule_id),
    "cves" = |it| list(&it.vulnerability.cves),
    "cvssScore" = |it| number(it.vulnerability.cvss.as_ref().map(|cvss| cvss.base)),
    "cvssVector" = |it| it.vulnerability.cvss.as_ref().and_then(|cvss| text(&cvss.vector)),
    "patchable" = |it| flag(it.vulnerability.patchable),
    "publicExploit" = |it| flag(it.vulnerability.has_exploit),
    "software" = |it| text(&it.vulnerability.software),
    "fixedVersion" = |it| text(&it.vulnerability.fixed_version),
    "repository" = |it| text(&it.vulnerability.repository),
    "imageDigest" = |it| text(&it.vulnerability.image_digest),
    "published" = |it| time(it.vulnerability.published),
    "assessmentKey" = |it| text(&it.assessment_key),
    "findingId" = |it| text(&it.finding_id),
    "resourceName" = |it| text(&it.resource.name),
    "resourceType" = |it| owned(it.resource.full_type().unwrap_or_default()),
    "resourceSource" = |it| text(&it.resource.source),
    "findingCategory" = |it| text(&it.category),
    "assessedType" = |it| text(&it.vulnerability.assessed_text),
    "affectedNodes" = |it| some(it.vulnerability.affected_nodes.len()),
    "nativeResourceId" = |it| text(&it.resource.native_id).filter(|id| Some(id) != it.resource.id.as_ref()),
    "tenantId" = |it| text(&it.tenant_id),
    "stateDescription" = |it| text(&it.status_description),
    "threat" = |it| text(&it.vulnerability.threat),
    "impact" = |it| text(&it.impact),
}

fields! { SCORE of SecureScore:
    "score" = |it| number(it.score.current),
    "maxScore" = |it| number(it.score.max),
    "percentage" = |it| share(it.score),
    "weight" = |it| count(it.weight),
    "scoreName" = |it| text(&it.name),
}

fields! { CONTROL of SecureScoreControl:
    "score" = |it| number(it.score.current),
    "maxScore" = |it| number(it.score.max),
    "percentage" = |it| share(it.score),
    "weight" = |it| count(it.weight),
    "healthyResources" = |it| count(it.healthy),
    "unhealthyResources" = |it| count(it.unhealthy),
    "notApplicableResources" = |it| count(it.not_applicable),
    "controlName" = |it| text(&it.name),
    "scoreName" = |it| text(&it.score_name),
}

fields! { COMPLIANCE of Compliance:
    "state" = |it| text(&it.state_text),
    "standard" = |it| text(&it.standard),
    "control" = |it| text(&it.control),
    "assessmentKey" = |it| text(&it.assessment_key),
    "complianceLevel" = |it| Some(Cow::Borrowed(level(it.level))),
    "passed" = |it| count(it.passed),
    "failed" = |it| count(it.failed),
    "skipped" = |it| count(it.skipped),
    "unsupported" = |it| count(it.unsupported),
    "assessmentType" = |it| text(&it.assessment_type),
}

fields! { ATTACK_PATH of AttackPath:
    "riskLevel" = |it| text(&it.risk_level),
    "potentialImpact" = |it| text(&it.potential_impact),
    "pathType" = |it| text(&it.path_type),
    "entryPoint" = |it| filled(it.entry_point.as_ref().and_then(|end| end.label()).unwrap_or_default()),
    "entryPointType" = |it| it.entry_point.as_ref().and_then(|end| text(&end.kind)),
    "target" = |it| filled(it.target.as_ref().and_then(|end| end.label()).unwrap_or_default()),
    "targetType" = |it| it.target.as_ref().and_then(|end| text(&end.kind)),
    "steps" = |it| some(it.steps.unwrap_or_default()),
    "riskFactors" = |it| list(&it.risk_factors),
    "tactics" = |it| tactics(&it.tactics()),
    "resources" = |it| list(&it.resources),
    "partial" = |it| flag(it.is_partial),
    "pathId" = |it| text(&it.path_id),
}

fields! { INCIDENT of Incident:
    "state" = |it| text(&it.status_text),
    "number" = |it| text(&it.number),
    "classification" = |it| text(&it.classification),
    "owner" = |it| text(&it.owner),
    "alerts" = |it| count(it.alerts),
    "tactics" = |it| tactics(&it.tactics()),
    "created" = |it| time(it.created),
    "updated" = |it| time(it.updated),
}

fields! { LOG of Log:
    "category" = |it| text(&it.category),
    "operation" = |it| text(&it.operation),
    "operationName" = |it| text(&it.operation_display),
    "actionType" = |it| text(&it.action),
    "result" = |it| text(&it.result_type),
    "resultSignature" = |it| text(&it.result_signature),
    "level" = |it| text(&it.level),
    "user" = |it| text(&it.identity.name),
    "userId" = |it| text(&it.identity.id),
    "application" = |it| text(&it.identity.app).filter(|app| Some(app) != it.identity.name.as_ref()),
    "role" = |it| text(&it.identity.role),
    "callerIp" = |it| text(&it.caller_ip),
    "correlationId" = |it| text(&it.correlation_id),
    "tenantId" = |it| text(&it.tenant_id),
    "location" = |it| text(&it.location),
    "durationMs" = |it| count(it.duration_ms),
    "timeGrain" = |it| metric(it).and_then(|metric| text(&metric.time_grain)),
    "count" = |it| metric(it).and_then(|metric| number(metric.count)),
    "total" = |it| metric(it).and_then(|metric| number(metric.total)),
    "minimum" = |it| metric(it).and_then(|metric| number(metric.minimum)),
    "maximum" = |it| metric(it).and_then(|metric| number(metric.maximum)),
    "average" = |it| metric(it).and_then(|metric| number(metric.average)),
    "resultDescription" = |it| text(&it.result_description),
}

/// The names that [`summary`] may give for a kind, in its order.
#[must_use]
pub fn names(kind: RecordKind) -> Vec<&'static str> {
    fn of<F>(fields: &[(&'static str, F)]) -> Vec<&'static str> {
        fields.iter().map(|(name, _)| *name).collect()
    }
    let own = match kind {
        RecordKind::Alert => return of(ALERT),
        RecordKind::ActivityLog
        | RecordKind::EntraLog
        | RecordKind::ResourceLog
        | RecordKind::XdrLog
        | RecordKind::MonitorAlert => return of(LOG),
        RecordKind::IotAlert => of(ALERT),
        RecordKind::Recommendation => of(RECOMMENDATION),
        RecordKind::Finding => of(FINDING),
        RecordKind::SecureScore => of(SCORE),
        RecordKind::SecureScoreControl => of(CONTROL),
        RecordKind::Compliance => of(COMPLIANCE),
        RecordKind::AttackPath => of(ATTACK_PATH),
        RecordKind::Incident => of(INCIDENT),
        RecordKind::Unknown => Vec::new(),
    };
    own.into_iter().chain(of(EXPORT)).collect()
}

/// The record's names and values in the order of [`names`]; those without a value are left out.
#[must_use]
pub fn summary<'e>(event: &'e Event<'_>) -> Vec<(&'static str, Cow<'e, str>)> {
    let mut pairs = Vec::new();
    if let Some(alert) = event.any_alert() {
        extend(&mut pairs, ALERT, alert);
    } else if let Some(log) = event.log() {
        extend(&mut pairs, LOG, log);
    } else if let Some(incident) = event.incident() {
        extend(&mut pairs, INCIDENT, incident);
    }
    match event.posture() {
        Some(Posture::Recommendation(recommendation)) => extend(&mut pairs, RECOMMENDATION, recommendation),
        Some(Posture::Finding(finding)) => extend(&mut pairs, FINDING, finding),
        Some(Posture::SecureScore(score)) => extend(&mut pairs, SCORE, score),
        Some(Posture::SecureScoreControl(control)) => extend(&mut pairs, CONTROL, control),
        Some(Posture::Compliance(compliance)) => extend(&mut pairs, COMPLIANCE, compliance),
        Some(Posture::AttackPath(path)) => extend(&mut pairs, ATTACK_PATH, path),
        None => {}
    }
    extend(&mut pairs, EXPORT, event);
    pairs
}

fn extend<'e, R>(
    pairs: &mut Vec<(&'static str, Cow<'e, str>)>,
    fields: &[(&'static str, impl Fn(&'e R) -> Value<'e>)],
    record: &'e R,
) {
    pairs.extend(fields.iter().filter_map(|(name, value)| Some((*name, value(record)?))));
}

fn filled(text: &str) -> Value<'_> {
    (!crate::format::text::trim(text).is_empty()).then_some(Cow::Borrowed(text))
}

fn owned(text: Cow<'_, str>) -> Value<'_> {
    (!crate::format::text::trim(&text).is_empty()).then_some(text)
}

fn text<'e>(text: &'e Option<Cow<'_, str>>) -> Value<'e> {
    filled(text.as_deref()?)
}

fn list<'e>(list: &'e [Cow<'_, str>]) -> Value<'e> {
    match list {
        [] => None,
        [only] => filled(only),
        many => owned(Cow::Owned(many.join(", "))),
    }
}

fn tactics<'e>(tactics: &[Tactic]) -> Value<'e> {
    let names: Vec<&str> = tactics.iter().map(|tactic| tactic.name).collect();
    owned(Cow::Owned(names.join(", ")))
}

fn time<'e>(time: Option<Timestamp>) -> Value<'e> {
    time.filter(alert::is_plausible).map(|time| Cow::Owned(time.to_string()))
}

fn number<'e>(number: Option<f64>) -> Value<'e> {
    number.map(|number| Cow::Owned(number.to_string()))
}

/// A share to four decimals, as the records have it; one that had to be computed has more.
fn share<'e>(score: Score) -> Value<'e> {
    number(score.percentage.map(|share| (share * 10_000.0).round() / 10_000.0))
}

fn count<'e>(count: Option<u64>) -> Value<'e> {
    count.map(|count| Cow::Owned(count.to_string()))
}

/// A number that says nothing when it is nought.
fn some<'e>(count: usize) -> Value<'e> {
    (count > 0).then(|| Cow::Owned(count.to_string()))
}

fn flag<'e>(flag: Option<bool>) -> Value<'e> {
    flag.map(|flag| Cow::Borrowed(if flag { "true" } else { "false" }))
}

const fn level(level: ComplianceLevel) -> &'static str {
    match level {
        ComplianceLevel::Standard => "standard",
        ComplianceLevel::Control => "control",
        ComplianceLevel::Assessment => "assessment",
    }
}

const fn metric<'e, 'a>(log: &'e Log<'a>) -> Option<&'e Metric<'a>> {
    log.metric.as_ref()
}
