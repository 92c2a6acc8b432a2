//! The `alerts_v2` shape of Microsoft Graph, from an alert of any shape, for receivers that were written against Graph.
//!
//! Property names: [alert resource type](https://learn.microsoft.com/en-us/graph/api/resources/security-alert). What Graph has no place
//! for (compromised entity, resource id, extended properties) goes to `additionalData`.

mod evidence;

use serde_json::Value;

use crate::event::{Alert, AlertShape, Event, Severity, Status};
use crate::format::json::Object;

/// Appends the record in Graph's shape. An alert that came from Graph, and a record that is no alert, keep their own bytes.
pub fn write(event: &Event<'_>, out: &mut Vec<u8>) {
    match event.alert.as_deref() {
        Some(alert) if alert.shape != AlertShape::GraphV2 => write_alert(event, alert, out),
        _ => out.extend_from_slice(event.raw.as_bytes()),
    }
}

fn write_alert(event: &Event<'_>, alert: &Alert<'_>, out: &mut Vec<u8>) {
    let event_id = event.id.to_string();
    let created = alert.time_generated.or(event.time).map(|time| time.to_string());
    let mut object = Object::open(out);
    object.text("@odata.type", "#microsoft.graph.security.alert");
    object.text("id", alert.system_alert_id.as_deref().unwrap_or(&event_id));
    object.optional("providerAlertId", alert.system_alert_id.as_deref());
    object.optional("tenantId", tenant(event.raw).as_deref());
    object.text("status", status(alert.status));
    object.text("severity", severity(event.severity));
    object.text("classification", "unknown");
    object.text("determination", "unknown");
    object.text("serviceSource", "microsoftDefenderForCloud");
    object.text("detectionSource", detection_source(alert));
    object.optional("productName", alert.product_name.as_deref());
    object.optional("detectorId", alert.alert_type.as_deref());
    object.optional("title", alert.display_name.as_deref());
    object.optional("description", alert.description_filled().as_deref());
    let steps = alert.remediation_steps();
    if !steps.is_empty() {
        object.text("recommendedActions", &steps.join("\n"));
    }
    let categories: Vec<String> = alert.tactics().iter().map(|tactic| category(tactic.name)).collect();
    object.optional("category", categories.first().map(String::as_str));
    object.texts("categories", &categories);
    object.texts("mitreTechniques", &alert.techniques());
    object.optional("threatDisplayName", malware(alert));
    object.optional("alertWebUrl", alert.alert_uri.as_deref());
    object.optional("createdDateTime", created.as_deref());
    let updated = alert.processing_end_time.map(|time| time.to_string());
    object.optional("lastUpdateDateTime", updated.as_deref().or(created.as_deref()));
    object.optional("firstActivityDateTime", alert.start_time.map(|time| time.to_string()).as_deref());
    object.optional("lastActivityDateTime", alert.end_time.map(|time| time.to_string()).as_deref());
    object.texts::<&str>("systemTags", &[]);
    object.json("comments", "[]");
    evidence::write(alert, created.as_deref(), object.member("evidence"));
    object.group("additionalData", |more| additional_data(alert, &event_id, more));
    object.close();
}

/// What Graph's alert has no property for; names as in Defender for Cloud's REST API.
fn additional_data(alert: &Alert<'_>, event_id: &str, more: &mut Object<'_>) {
    more.text("eventId", event_id);
    more.optional("compromisedEntity", alert.compromised_entity.as_deref());
    more.optional("azureResourceId", alert.resource_id.as_deref());
    more.optional("vendorName", alert.vendor_name.as_deref());
    more.optional("productComponentName", alert.product_component_name.as_deref());
    more.optional("severity", alert.severity_text.as_deref());
    more.optional("status", alert.status_text.as_deref());
    more.optional("intent", alert.intent.as_deref());
    more.optional("correlationKey", alert.correlation_key.as_deref());
    more.optional("workspaceId", alert.workspace_id.as_deref());
    more.json("isIncident", if alert.is_incident { "true" } else { "false" });
    if let Some(properties) = alert.extended_properties {
        more.json("extendedProperties", properties.get());
    }
}

/// The Entra tenant among the alert's resource identifiers, which are at the top (flat) or under `properties` (ARM).
fn tenant(raw: &str) -> Option<String> {
    let record: Value = serde_json::from_str(raw).ok()?;
    let identifiers = member(&record, "resourceIdentifiers")
        .or_else(|| member(member(&record, "properties")?, "resourceIdentifiers"))?;
    let tenants = |name| identifiers.as_array()?.iter().find_map(|one| member(one, name)?.as_str());
    tenants("aadTenantId").or_else(|| tenants("azureResourceTenantId")).map(str::to_owned)
}

fn malware<'a>(alert: &'a Alert<'_>) -> Option<&'a str> {
    let malware = alert.entities().list.iter().find(|entity| entity.kind == "malware")?;
    malware.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("name"))?.1.as_str()
}

fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// A tactic's name as Graph writes it: `Command and Control` is `CommandAndControl`.
fn category(tactic: &str) -> String {
    let capitalised =
        |word: &str| word.get(..1).map(str::to_ascii_uppercase).unwrap_or_default() + word.get(1..).unwrap_or_default();
    tactic.split(' ').map(capitalised).collect()
}

/// Graph has no `critical`, and calls a dismissed alert resolved.
const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "high",
        other => other.name(),
    }
}

const fn status(status: Status) -> &'static str {
    match status {
        Status::Unknown => "unknown",
        Status::New => "new",
        Status::InProgress => "inProgress",
        Status::Resolved | Status::Dismissed => "resolved",
    }
}

/// The plan that raised the alert, told from the prefix of its type: the only hint that all shapes carry.
fn detection_source(alert: &Alert<'_>) -> &'static str {
    const PREFIXES: [(&str, &str); 14] = [
        ("vm_", "microsoftDefenderForServers"),
        ("k8s", "microsoftDefenderForContainers"),
        ("arm_", "microsoftDefenderForResourceManager"),
        ("storage.", "microsoftDefenderForStorage"),
        ("sql.", "microsoftDefenderForDatabases"),
        ("sql_", "microsoftDefenderForDatabases"),
        ("cosmosdb_", "microsoftDefenderForDatabases"),
        ("appservices_", "microsoftDefenderForAppService"),
        ("kv_", "microsoftDefenderForKeyVault"),
        ("azuredns_", "microsoftDefenderForDNS"),
        ("network_", "microsoftDefenderForNetwork"),
        ("api_", "microsoftDefenderForApiManagement"),
        ("ai.", "microsoftDefenderForAIServices"),
        ("ai_", "microsoftDefenderForAIServices"),
    ];
    let kind = alert.alert_type.as_deref().unwrap_or_default().to_ascii_lowercase();
    let kind = kind.strip_prefix("simulated_").unwrap_or(&kind);
    let source = PREFIXES.iter().find(|(prefix, _)| kind.starts_with(prefix)).map(|(_, source)| *source);
    source.unwrap_or("microsoftDefenderForCloud")
}
