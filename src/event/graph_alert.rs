//! Alerts of Microsoft Graph: `alerts_v2`, and the retired `/security/alerts`.

use std::borrow::Cow;
use std::sync::OnceLock;

use serde_json::value::RawValue;

use super::fields::Fields;
use super::key::Key;
use super::texts::Texts;
use super::{Alert, AlertShape, Status, alert, json};

/// Reads an alert of one of Graph's two shapes; `record` is its text.
pub(super) fn read<'a>(shape: AlertShape, record: &'a str, top: &Fields<'a>, texts: &'a Texts) -> Alert<'a> {
    let is_v1 = shape == AlertShape::GraphV1;
    let entities = top.container(Key::Evidence, texts);
    let status_text = top.text(Key::Status);
    let category = top.token(Key::Category).or_else(|| top.token(Key::Categories)).and_then(alert::list_or_text);
    let vendor = top.inner(Key::VendorInformation, texts);
    let [source, component, name] =
        [Key::ServiceSource, Key::DetectionSource, Key::ProductName].map(|key| top.text(key));
    let is_defender_for_cloud =
        !is_v1 && is_defender_for_cloud(source.as_deref(), component.as_deref(), name.as_deref());
    // Defender for Cloud's own id is the one that continuous export has too. What other products call an alert is unique only among theirs.
    let ids = if is_defender_for_cloud { [Key::ProviderAlertId, Key::Id] } else { [Key::Id, Key::ProviderAlertId] };
    let product = name.or(source);
    let mut alert = Alert {
        shape,
        is_defender_for_cloud,
        system_alert_id: top.first(&ids),
        // The old shape keeps the detection's key in `category`, and no tactic.
        alert_type: if is_v1 { category.clone() } else { top.first(&[Key::DetectorId, Key::AlertPolicyId]) },
        display_name: top.text(Key::Title),
        description: top.text(Key::Description),
        vendor_name: if is_v1 {
            vendor.text(Key::Vendor).or_else(|| top.text(Key::VendorInformationVendor))
        } else {
            Some(Cow::Borrowed("Microsoft"))
        },
        product_name: if is_v1 {
            vendor.text(Key::Provider).or_else(|| top.text(Key::VendorInformationProvider))
        } else {
            product
        },
        product_component_name: component,
        severity_text: top.text(Key::Severity),
        status: status_text.as_deref().map_or(Status::Unknown, Status::from_text),
        status_text,
        intent: if is_v1 { None } else { category },
        start_time: top.time(&[Key::FirstActivityDateTime, Key::EventDateTime]),
        end_time: top.time(&[Key::LastActivityDateTime]),
        time_generated: top.time(&[Key::CreatedDateTime]),
        processing_end_time: top.time(&[Key::LastUpdateDateTime, Key::LastModifiedDateTime]),
        compromised_entity: None,
        resource_id: None,
        alert_uri: top.text(Key::AlertWebUrl).or_else(|| top.token(Key::SourceMaterials).and_then(first_text)),
        correlation_key: None,
        is_incident: false,
        workspace_id: None,
        remediation: top.token(Key::RecommendedActions),
        extended_properties: top
            .container(Key::AdditionalData, texts)
            .or_else(|| top.container(Key::CustomDetails, texts)),
        entities,
        techniques_raw: top.container(Key::MitreTechniques, texts),
        sub_techniques_raw: None,
        subscription: top.text(Key::AzureSubscriptionId),
        states: is_v1.then_some(record),
        facts: OnceLock::new(),
        entity_tree: OnceLock::new(),
    };
    alert.resource_id = entities.and_then(|list| resource(list, texts));
    alert.compromised_entity = entities.and_then(first_name).or_else(|| {
        let facts = alert.facts();
        facts.host.clone().or_else(|| facts.user.clone()).or_else(|| facts.file_name.clone())
    });
    alert
}

/// Graph's word for Defender for Cloud as the source of an alert.
const SOURCE: &str = "microsoftDefenderForCloud";

/// The plans of Defender for Cloud, as Graph names them after `microsoftDefenderFor`; other products begin so too.
const PLANS: [&str; 12] = [
    "Cloud",
    "Servers",
    "Storage",
    "DNS",
    "Databases",
    "Containers",
    "Network",
    "AppService",
    "KeyVault",
    "ResourceManager",
    "ApiManagement",
    "AIServices",
];

/// Whether Defender for Cloud raised the alert with this `serviceSource`, `detectionSource` and `productName`. The first counts, unless it
/// says nothing: Graph hides members that an enumeration was not born with (`unknownFutureValue`) from who does not ask for them.
#[must_use]
pub fn is_defender_for_cloud(source: Option<&str>, component: Option<&str>, product: Option<&str>) -> bool {
    match says(source) {
        Some(source) => source.eq_ignore_ascii_case(SOURCE),
        None => {
            let plan = |word: &str| {
                let (start, plan) = word.split_at_checked("microsoftDefenderFor".len())?;
                let is_plan = PLANS.iter().any(|known| known.eq_ignore_ascii_case(plan));
                Some(is_plan && start.eq_ignore_ascii_case("microsoftDefenderFor"))
            };
            says(component).and_then(plan).unwrap_or(false) || product.is_some_and(super::alert::is_our_product)
        }
    }
}

/// A word of an enumeration, unless it says that there is none.
#[must_use]
pub fn says(word: Option<&str>) -> Option<&str> {
    let word = word?.trim();
    let silent = ["", "unknown", "unknownFutureValue"].iter().any(|none| word.eq_ignore_ascii_case(none));
    (!silent).then_some(word)
}

/// The Azure resource in the evidence: a resource's own, else a virtual machine's.
fn resource<'a>(evidence: &'a RawValue, texts: &'a Texts) -> Option<Cow<'a, str>> {
    let items: Vec<&RawValue> = serde_json::from_str(evidence.get()).ok()?;
    let items: Vec<Fields<'a>> = items.into_iter().map(|raw| Fields::of(raw.get())).collect();
    let own = items.iter().find_map(|item| item.text(Key::ResourceId));
    own.or_else(|| items.iter().find_map(|item| item.inner(Key::VmMetadata, texts).text(Key::ResourceId)))
}

/// The name of the first piece of evidence that has one.
fn first_name(evidence: &RawValue) -> Option<Cow<'_, str>> {
    const NAMES: [&str; 8] =
        ["resourceName", "deviceDnsName", "hostName", "name", "displayName", "ipAddress", "url", "domainName"];
    let items: Vec<&RawValue> = serde_json::from_str(evidence.get()).ok()?;
    items.into_iter().find_map(|raw| {
        let members = json::members(raw.get());
        let named = |name: &str| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        NAMES.into_iter().find_map(|name| json::scalar(named(name)?.1))
    })
}

fn first_text(list: &RawValue) -> Option<Cow<'_, str>> {
    let items: Vec<&RawValue> = serde_json::from_str(list.get()).ok()?;
    items.into_iter().find_map(json::scalar)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::decode::{Decoded, decode};

    fn keys(alerts: &[serde_json::Value]) -> Vec<Option<String>> {
        let texts = Texts::default();
        let bodies: Vec<String> = alerts.iter().map(ToString::to_string).collect();
        let mut decoded = Decoded::default();
        bodies.iter().for_each(|body| decode(body.as_bytes(), jiff::Timestamp::UNIX_EPOCH, &texts, &mut decoded));
        decoded.events.iter().map(|event| event.key.as_deref().map(str::to_owned)).collect()
    }

    fn alert(id: &str, provider: Option<&str>, source: &str, component: &str) -> serde_json::Value {
        serde_json::json!({"@odata.type": "#microsoft.graph.security.alert", "id": id, "providerAlertId": provider,
            "serviceSource": source, "detectionSource": component})
    }

    #[test]
    fn an_alert_of_defender_for_cloud_has_the_key_that_export_has() {
        let own = "2517200000000000001_3f6c1a52-7b0e-4d0b-9f0e-1c2d3e4f5a6b";
        let found = keys(&[
            alert("da1", Some(own), "microsoftDefenderForCloud", "microsoftDefenderForServers"),
            alert("da1", Some(own), "unknownFutureValue", "microsoftDefenderForKeyVault"),
            alert("da1", None, "microsoftDefenderForCloud", "x"),
            serde_json::json!({"SystemAlertId": own, "AlertType": "t"}),
        ]);
        assert_eq!(found, [Some(own), Some(own), Some("da1"), Some(own)].map(|key| key.map(str::to_owned)));
    }

    #[test]
    fn alerts_of_other_products_are_never_merged_by_what_those_call_them() {
        let found = keys(&[
            alert("da1", Some("same"), "microsoftDefenderForEndpoint", "microsoftDefenderForEndpoint"),
            alert("da2", Some("same"), "microsoftSentinel", "scheduledAlerts"),
            alert("da3", Some("same"), "unknownFutureValue", "microsoftDefenderForEndpoint"),
            alert("da4", Some("same"), "microsoft365Defender", "microsoftDefenderForServers"),
        ]);
        assert_eq!(found, ["da1", "da2", "da3", "da4"].map(|key| Some(key.to_owned())));
    }
}
