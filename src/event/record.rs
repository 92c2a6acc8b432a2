//! Which kind a record is of, and what the kinds have in common.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::details::Details;
use super::fields::Fields;
use super::key::Key;
use super::texts::Texts;
use super::{Alert, AlertShape, Event, EventId, RecordKind, Severity, alert, graph_alert};

/// The event that a record is. `view` is the record's text as far as types read it (see `decode`), `raw` its bytes.
pub(super) fn event<'a>(
    raw: &'a str,
    view: &'a str,
    fields: &Fields<'a>,
    seen: Timestamp,
    texts: &'a Texts,
) -> Event<'a> {
    retell(EventId::of(raw.as_bytes()), recognise(fields), raw, view, fields, seen, texts)
}

/// The event of that id, kind and shape, as this text tells it.
pub(super) fn retell<'a>(
    id: EventId,
    (kind, shape): (RecordKind, Option<AlertShape>),
    raw: &'a str,
    view: &'a str,
    fields: &Fields<'a>,
    seen: Timestamp,
    texts: &'a Texts,
) -> Event<'a> {
    let about = match shape {
        Some(shape @ (AlertShape::GraphV2 | AlertShape::GraphV1)) => {
            About::alert(graph_alert::read(shape, view, fields, texts))
        }
        Some(shape) => About::alert(alert::read(shape, fields, texts)),
        None => About::record(kind, fields, texts),
    };
    let About { key, title, resource, time, severity, alert } = about;
    let details = Details::of(view, texts);
    Event { id, kind, raw, key, title, resource, time, seen, taken: seen, severity, alert, details }
}

/// The kind of a record, in the order of tests that the reference prescribes; alerts with their shape.
fn recognise(fields: &Fields<'_>) -> (RecordKind, Option<AlertShape>) {
    let alert = |shape| (RecordKind::Alert, Some(shape));
    match resource_kind(fields) {
        Some(RecordKind::Alert) => return alert(AlertShape::Arm),
        Some(kind) => return (kind, None),
        None => {}
    }
    if is_sentinel_alert(fields) {
        return alert(AlertShape::Sentinel);
    }
    let any = |keys: &[Key]| keys.iter().any(|&key| fields.has(key));
    if fields.has(Key::SystemAlertId) && any(&[Key::AlertType, Key::AlertDisplayName, Key::AlertName]) {
        return alert(flat_shape(fields));
    }
    let odata = fields.text(Key::ODataType).unwrap_or_default();
    let odata_is = |name: &str| odata.eq_ignore_ascii_case(name);
    if odata_is("#microsoft.graph.security.alert")
        || (fields.has(Key::DetectionSource) && fields.has(Key::ServiceSource))
    {
        return alert(AlertShape::GraphV2);
    }
    if odata_is("#microsoft.graph.alert") || any(&[Key::VendorInformation, Key::VendorInformationProvider]) {
        return alert(AlertShape::GraphV1);
    }
    if odata_is("#microsoft.graph.security.incident") {
        return (RecordKind::Incident, None);
    }
    if let Some(kind) = log_kind(fields) {
        return (kind, None);
    }
    if fields.text(Key::SchemaId).is_some_and(|id| id.eq_ignore_ascii_case("azureMonitorCommonAlertSchema")) {
        return (RecordKind::MonitorAlert, None);
    }
    // From here on more is accepted than the reference lists: nothing is dropped for a missing field.
    let product = fields.text(Key::ProductName).unwrap_or_default();
    let is_defender = alert::is_our_product(&product);
    let is_microsoft = is_defender
        || fields.text(Key::VendorName).is_some_and(|vendor| vendor.trim().eq_ignore_ascii_case("Microsoft"));
    let is_named = any(&[Key::AlertType, Key::AlertDisplayName, Key::AlertName]);
    if is_defender || (is_named && (is_microsoft || any(&[Key::Severity, Key::AlertSeverity]))) {
        return alert(flat_shape(fields));
    }
    if odata_is("#microsoft.graph.signIn")
        || (fields.has(Key::UserPrincipalName) && fields.has(Key::ConditionalAccessStatus))
    {
        return (RecordKind::EntraLog, None);
    }
    (RecordKind::Unknown, None)
}

/// Whether a record says itself what it is, so that a list in it belongs to it.
pub(super) fn names_its_type(fields: &Fields<'_>) -> bool {
    recognise(fields).0 != RecordKind::Unknown
}

/// Whether an envelope has objects or lists besides the list of its records.
pub(super) fn has_content_beside_list(envelope: &str) -> bool {
    let members: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(envelope).unwrap_or_default();
    members.iter().any(|(name, value)| {
        !name.eq_ignore_ascii_case("records")
            && !name.eq_ignore_ascii_case("value")
            && value.get().starts_with(['{', '['])
            && value.get()[1..value.get().len() - 1].trim_ascii() != ""
    })
}

/// The kind that the resource type says; where there is no type, the type in the resource id.
fn resource_kind(fields: &Fields<'_>) -> Option<RecordKind> {
    if let Some(name) = fields.text(Key::Type) {
        return kind_of_type(&name.to_ascii_lowercase());
    }
    let id = fields.text(Key::Id)?.to_ascii_lowercase();
    let (_, path) = id.rsplit_once("/providers/microsoft.security/")?;
    let types: Vec<&str> = path.split('/').step_by(2).collect();
    kind_of_type(&format!("microsoft.security/{}", types.join("/")))
}

/// The kind of a lower-case resource type.
fn kind_of_type(name: &str) -> Option<RecordKind> {
    if name == "microsoft.securityinsights/incidents" {
        return Some(RecordKind::Incident);
    }
    let path = name.strip_prefix("microsoft.security/")?;
    let last = path.rsplit('/').next().unwrap_or(path);
    match path {
        "assessments" => Some(RecordKind::Recommendation),
        "assessments/subassessments" | "subassessments" => Some(RecordKind::Finding),
        "securescores" => Some(RecordKind::SecureScore),
        "securescores/securescorecontrols" | "securescorecontrols" => Some(RecordKind::SecureScoreControl),
        "attackpaths" | "attackpath" => Some(RecordKind::AttackPath),
        "locations/alerts" | "alerts" => Some(RecordKind::Alert),
        _ => match last.strip_suffix('s').unwrap_or(last) {
            "regulatorycomplianceassessment" | "regulatorycompliancecontrol" | "regulatorycompliancestandard" => {
                Some(RecordKind::Compliance)
            }
            "iotalert" => Some(RecordKind::IotAlert),
            _ => None,
        },
    }
}

fn is_sentinel_alert(fields: &Fields<'_>) -> bool {
    let is = |key, name: &str| fields.text(key).is_some_and(|text| text.eq_ignore_ascii_case(name));
    is(Key::Kind, "SecurityAlert")
        && (is(Key::Type, "Microsoft.SecurityInsights/entities") || fields.has(Key::Properties))
}

/// A row of the `SecurityAlert` table keeps its bags as text and has columns that the export has not.
fn flat_shape(fields: &Fields<'_>) -> AlertShape {
    let bags_are_text = fields.token(Key::Entities).is_some_and(|raw| raw.get().starts_with('"'));
    let has_columns =
        [Key::AlertName, Key::AlertSeverity, Key::TenantId, Key::ProviderName].iter().any(|&key| fields.has(key));
    let is_table = fields.text(Key::Type).is_some_and(|name| name.eq_ignore_ascii_case("SecurityAlert"));
    if is_table || (bags_are_text && has_columns) { AlertShape::LogAnalytics } else { AlertShape::Flat }
}

/// Categories of the activity log; the last three are its older ones.
const ACTIVITY: [&str; 11] = [
    "Administrative",
    "Security",
    "ServiceHealth",
    "Alert",
    "Autoscale",
    "Recommendation",
    "Policy",
    "ResourceHealth",
    "Write",
    "Delete",
    "Action",
];

/// Categories of Microsoft Entra's logs.
const ENTRA: [&str; 12] = [
    "SignInLogs",
    "NonInteractiveUserSignInLogs",
    "ServicePrincipalSignInLogs",
    "ManagedIdentitySignInLogs",
    "ADFSSignInLogs",
    "AuditLogs",
    "ProvisioningLogs",
    "RiskyUsers",
    "UserRiskEvents",
    "RiskyServicePrincipals",
    "ServicePrincipalRiskEvents",
    "MicrosoftGraphActivityLogs",
];

/// The kind of an Azure Monitor record. Some resource logs have no `operationName`, some stored records no `time`.
fn log_kind(fields: &Fields<'_>) -> Option<RecordKind> {
    let has_time = fields.has(Key::Time) || fields.has(Key::EventTimestamp);
    if fields.has(Key::MetricName) && has_time {
        return Some(RecordKind::ResourceLog);
    }
    let Some(category) = fields.text(Key::Category) else {
        // Some services leave the category out; what they say they did, to what and when, is enough of a log.
        let is_log = has_time && fields.has(Key::ResourceId) && fields.has(Key::OperationName);
        return is_log.then_some(RecordKind::ResourceLog);
    };
    let is_one_of = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(category.trim()));
    let is_log = if fields.has(Key::OperationName) {
        has_time || fields.has(Key::CorrelationId)
    } else {
        has_time && fields.has(Key::ResourceId)
    };
    if !is_log {
        return None;
    }
    let is_object = fields.token(Key::Category).is_some_and(|raw| raw.get().starts_with('{'));
    let operation = fields.text(Key::OperationName).unwrap_or_default().to_ascii_lowercase();
    if category.get(..16).is_some_and(|start| start.eq_ignore_ascii_case("AdvancedHunting-")) {
        Some(RecordKind::XdrLog)
    } else if is_object || operation.starts_with("microsoft.security/locations/alerts/") || is_one_of(&ACTIVITY) {
        Some(RecordKind::ActivityLog)
    } else if is_one_of(&ENTRA) || is_of_entra(fields) {
        Some(RecordKind::EntraLog)
    } else {
        Some(RecordKind::ResourceLog)
    }
}

/// Whether the resource is a tenant's directory, whose categories grow in number.
fn is_of_entra(fields: &Fields<'_>) -> bool {
    fields.text(Key::ResourceId).is_some_and(|id| id.to_ascii_lowercase().contains("/providers/microsoft.aadiam"))
}

/// What every kind of event says about itself.
struct About<'a> {
    key: Option<Cow<'a, str>>,
    title: Option<Cow<'a, str>>,
    resource: Option<Cow<'a, str>>,
    time: Option<Timestamp>,
    severity: Severity,
    alert: Option<Box<Alert<'a>>>,
}

impl<'a> About<'a> {
    fn alert(alert: Alert<'a>) -> Self {
        Self {
            key: alert.system_alert_id.clone(),
            title: alert.display_name.clone().or_else(|| alert.alert_type.clone()),
            resource: alert.resource_id.clone(),
            time: alert.time_generated.or(alert.processing_end_time).or(alert.end_time).or(alert.start_time),
            severity: alert.severity_text.as_deref().map_or(Severity::Unknown, Severity::from_text),
            alert: Some(Box::new(alert)),
        }
    }

    fn record(kind: RecordKind, fields: &Fields<'a>, texts: &'a Texts) -> Self {
        match kind {
            RecordKind::ActivityLog | RecordKind::EntraLog | RecordKind::ResourceLog | RecordKind::XdrLog => {
                Self::log(fields, texts)
            }
            RecordKind::MonitorAlert => Self::monitor_alert(fields, texts),
            _ => Self::resource(fields, texts),
        }
    }

    /// Records of Azure Resource Manager's shape, and whatever is not recognised.
    fn resource(top: &Fields<'a>, texts: &'a Texts) -> Self {
        let bag = top.inner(Key::Properties, texts);
        let [status, metadata, details, risk] =
            [Key::Status, Key::Metadata, Key::ResourceDetails, Key::Risk].map(|key| bag.inner(key, texts));
        let severities = [
            metadata.text(Key::Severity),
            status.text(Key::Severity),
            bag.first(&[Key::Severity, Key::ReportedSeverity, Key::RiskLevel, Key::PotentialImpact]),
            top.first(&[Key::Severity, Key::RiskLevel]),
            risk.text(Key::Level),
        ];
        let key = top.text(Key::Id);
        let titles = [Key::AlertDisplayName, Key::DisplayName, Key::Title, Key::AlertType, Key::Description];
        let times = [
            Key::TimeGenerated,
            Key::TimeGeneratedUtc,
            Key::StartTimeUtc,
            Key::CreatedTimeUtc,
            Key::CreatedTimeUtcSnake,
            Key::LastUpdateDateTime,
            Key::CreatedDateTime,
            Key::Time,
            Key::Timestamp,
        ];
        Self {
            title: bag
                .first(&titles)
                .or_else(|| metadata.text(Key::DisplayName))
                .or_else(|| top.first(&titles))
                .or_else(|| top.first(&[Key::OperationName, Key::Name])),
            resource: details
                .first(&[Key::Id, Key::ResourceId])
                .or_else(|| top.first(&[Key::AzureResourceId, Key::ResourceId]))
                .or_else(|| key.as_ref().and_then(scope)),
            time: bag
                .time(&times)
                .or_else(|| top.time(&times))
                .or_else(|| status.time(&[Key::StatusChangeDate, Key::FirstEvaluationDate])),
            severity: severities
                .iter()
                .flatten()
                .map(|text| Severity::from_text(text))
                .find(|&severity| severity != Severity::Unknown)
                .unwrap_or_default(),
            key,
            alert: None,
        }
    }

    /// Records of Azure Monitor, in the shape of event hubs or of REST.
    fn log(top: &Fields<'a>, texts: &'a Texts) -> Self {
        let bag = top.inner(Key::Properties, texts);
        let operation = top.token(Key::OperationName).filter(|raw| raw.get().starts_with('{'));
        let localized = operation.and_then(|raw| Fields::of(raw.get()).text(Key::LocalizedValue));
        let title = localized.or_else(|| bag.text(Key::Title));
        let severity = bag
            .first(&[Key::Severity, Key::AlertSeverity, Key::RiskLevel])
            .map_or(Severity::Unknown, |text| Severity::from_text(&text));
        let times = [Key::EventTimestamp, Key::Time, Key::CreatedDateTime, Key::Timestamp];
        Self {
            key: top
                .first(&[Key::EventDataId, Key::Id])
                .or_else(|| bag.text(Key::AlertId))
                .or_else(|| top.text(Key::CorrelationId)),
            title: title
                .or_else(|| top.first(&[Key::OperationName, Key::MetricName, Key::Category, Key::UserPrincipalName])),
            resource: top
                .first(&[Key::ResourceId, Key::ResourceUri])
                .or_else(|| bag.first(&[Key::AzureResourceId, Key::ResourceId])),
            time: top.time(&times).or_else(|| bag.time(&times)),
            severity: if severity == Severity::Unknown { level(top) } else { severity },
            alert: None,
        }
    }

    /// Azure Monitor's common alert schema: what matters is in `data.essentials`.
    fn monitor_alert(top: &Fields<'a>, texts: &'a Texts) -> Self {
        let essentials = top.inner(Key::Data, texts).inner(Key::Essentials, texts);
        let targets = essentials.token(Key::AlertTargetIds).map_or("[]", RawValue::get);
        let targets: Vec<Cow<'a, str>> = serde_json::from_str(targets).unwrap_or_default();
        Self {
            key: essentials.text(Key::AlertId),
            title: essentials.text(Key::AlertRule),
            resource: targets.into_iter().next(),
            time: essentials.time(&[Key::FiredDateTime]),
            severity: match essentials.text(Key::Severity).as_deref().map(str::trim) {
                Some("Sev0") => Severity::Critical,
                Some("Sev1") => Severity::High,
                Some("Sev2") => Severity::Medium,
                Some("Sev3") => Severity::Low,
                Some("Sev4") => Severity::Informational,
                _ => Severity::Unknown,
            },
            alert: None,
        }
    }
}

/// A log record's `level`: a word, or the number of the same level in Windows' event tracing.
fn level(fields: &Fields<'_>) -> Severity {
    let Some(level) = fields.text(Key::Level) else { return Severity::Unknown };
    match level.trim().to_ascii_lowercase().as_str() {
        "critical" | "1" => Severity::Critical,
        "error" | "2" => Severity::High,
        "warning" | "3" => Severity::Medium,
        "information" | "4" | "verbose" | "5" => Severity::Informational,
        other => Severity::from_text(other),
    }
}

/// The resource that a `Microsoft.Security` record is attached to: its id up to that provider.
pub(super) fn scope<'a>(id: &Cow<'a, str>) -> Option<Cow<'a, str>> {
    let end = id.to_ascii_lowercase().rfind("/providers/microsoft.security")?;
    let scope = match id {
        Cow::Borrowed(id) => Cow::Borrowed(&id[..end]),
        Cow::Owned(id) => Cow::Owned(id[..end].to_owned()),
    };
    (!scope.is_empty()).then_some(scope)
}
