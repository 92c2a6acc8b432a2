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
    let product = top.text(Key::ProductName).or_else(|| top.text(Key::ServiceSource));
    let mut alert = Alert {
        shape,
        system_alert_id: top.first(&[Key::Id, Key::ProviderAlertId]),
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
        product_component_name: top.text(Key::DetectionSource),
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
