//! A security alert, in whichever shape it came.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::OnceLock;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::fields::Fields;
use super::key::Key;
use super::tactics::{self, Tactic};
use super::texts::Texts;
use super::{Entities, Facts, Status, facts, json, remediation};

/// The shape an alert arrived in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertShape {
    /// Continuous export: flat, `PascalCase`.
    Flat,
    /// Azure Resource Manager: `{id,name,type,properties{}}`, `camelCase`; REST versions 2015 to 2022.
    Arm,
    /// A row of Log Analytics' `SecurityAlert` table: bags are JSON inside strings.
    LogAnalytics,
    /// Microsoft Graph `alerts_v2`.
    GraphV2,
    /// Microsoft Graph's retired `/security/alerts`.
    GraphV1,
    /// Microsoft Sentinel's `entities` of kind `SecurityAlert`.
    Sentinel,
}

/// A security alert: the fields that some destination maps. Everything else stays in [`super::Event::raw`].
///
/// Texts are unescaped JSON strings, borrowed where they hold no escape. Empty strings and `null` are absent.
#[derive(Clone, Debug)]
pub struct Alert<'a> {
    /// The shape it came in.
    pub shape: AlertShape,
    /// Whether Defender for Cloud itself raised it, by its product name or by Graph's sources: not a partner's alert that it passes on, nor
    /// one of another Microsoft product.
    pub is_defender_for_cloud: bool,
    /// `SystemAlertId`, ARM `systemAlertId` else `name`; Graph `providerAlertId` of Defender for Cloud's own alerts, which is the same, and
    /// `id` of all others.
    pub system_alert_id: Option<Cow<'a, str>>,
    /// `AlertType`: the detection's key; Graph `detectorId`, else `alertPolicyId`.
    pub alert_type: Option<Cow<'a, str>>,
    /// `AlertDisplayName`; Graph `title`.
    pub display_name: Option<Cow<'a, str>>,
    /// `Description`.
    pub description: Option<Cow<'a, str>>,
    /// `VendorName`.
    pub vendor_name: Option<Cow<'a, str>>,
    /// `ProductName`.
    pub product_name: Option<Cow<'a, str>>,
    /// `ProductComponentName`: the Defender plan; at the top level or in the extended properties.
    pub product_component_name: Option<Cow<'a, str>>,
    /// The severity's text as it came.
    pub severity_text: Option<Cow<'a, str>>,
    /// Normalised status.
    pub status: Status,
    /// The status' text as it came.
    pub status_text: Option<Cow<'a, str>>,
    /// `Intent` as it came: one tactic, a comma list, or a JSON list; Graph `category`. See [`Alert::tactics`].
    pub intent: Option<Cow<'a, str>>,
    /// `StartTimeUtc`: first activity.
    pub start_time: Option<Timestamp>,
    /// `EndTimeUtc`: last activity. May be later than the processing time.
    pub end_time: Option<Timestamp>,
    /// `TimeGenerated`.
    pub time_generated: Option<Timestamp>,
    /// `ProcessingEndTime`.
    pub processing_end_time: Option<Timestamp>,
    /// `CompromisedEntity`: display name of the main resource.
    pub compromised_entity: Option<Cow<'a, str>>,
    /// The Azure resource id, as written; absent for resources outside Azure.
    pub resource_id: Option<Cow<'a, str>>,
    /// `AlertUri`, `AlertLink`, Graph `alertWebUrl`.
    pub alert_uri: Option<Cow<'a, str>>,
    /// `CorrelationKey`.
    pub correlation_key: Option<Cow<'a, str>>,
    /// `IsIncident`: a compound alert.
    pub is_incident: bool,
    /// `WorkspaceId`.
    pub workspace_id: Option<Cow<'a, str>>,
    /// `RemediationSteps` as it came. See [`Alert::remediation_steps`].
    pub remediation: Option<&'a RawValue>,
    /// `ExtendedProperties`: an object; JSON text of one is opened already. Anything else is as it came.
    pub extended_properties: Option<&'a RawValue>,
    /// `Entities` (Graph: `evidence`): a list; JSON text of one is opened already. Anything else is as it came.
    pub entities: Option<&'a RawValue>,
    /// `Techniques` as it came: a list, or JSON text or a comma list of one.
    pub techniques_raw: Option<&'a RawValue>,
    /// `SubTechniques` as it came.
    pub sub_techniques_raw: Option<&'a RawValue>,
    /// Subscription that the alert names besides its resource id.
    pub(super) subscription: Option<Cow<'a, str>>,
    /// The whole record, for the shape that keeps its entities in several lists ([`AlertShape::GraphV1`]).
    pub(super) states: Option<&'a str>,
    /// Memo of [`Alert::facts`].
    pub(super) facts: OnceLock<Facts<'a>>,
    /// Memo of [`Alert::entities`].
    pub(super) entity_tree: OnceLock<Entities>,
}

/// Whether a product name is one of Defender for Cloud's, the present or the older one.
pub(super) fn is_our_product(name: &str) -> bool {
    ["Microsoft Defender for Cloud", "Azure Security Center"].iter().any(|own| name.trim().eq_ignore_ascii_case(own))
}

/// Reads an alert of every shape but Graph's.
pub(super) fn read<'a>(shape: AlertShape, top: &Fields<'a>, texts: &'a Texts) -> Alert<'a> {
    let bag = matches!(shape, AlertShape::Arm | AlertShape::Sentinel).then(|| top.inner(Key::Properties, texts));
    // A record that names its type but has no `properties` is flat.
    let (shape, own) = match &bag {
        Some(bag) if bag.members > 0 => (shape, bag),
        Some(_) => (AlertShape::Flat, top),
        None => (shape, top),
    };
    let is_row = shape == AlertShape::LogAnalytics;
    let status_text = own.first(&[Key::Status, Key::State]);
    let tactics = own.token(Key::Tactics).and_then(list_or_text);
    let name = if own.members == top.members { None } else { top.text(Key::Name) };
    let extended_properties =
        own.container(Key::ExtendedProperties, texts).or_else(|| own.container(Key::AdditionalData, texts));
    let product_name = own.first(&[Key::ProductName, Key::ProviderName]);
    let mut alert = Alert {
        shape,
        is_defender_for_cloud: product_name.as_deref().is_some_and(is_our_product),
        system_alert_id: own.text(Key::SystemAlertId).or_else(|| own.text(Key::ProviderAlertId)).or(name),
        alert_type: own.first(if is_row { &[Key::AlertType] } else { &[Key::AlertType, Key::AlertName] }),
        display_name: own.first(&[Key::AlertDisplayName, Key::DisplayName, Key::FriendlyName, Key::AlertName]),
        description: own.text(Key::Description),
        vendor_name: own.text(Key::VendorName),
        product_name,
        product_component_name: own.text(Key::ProductComponentName),
        severity_text: own.first(&[Key::Severity, Key::AlertSeverity, Key::ReportedSeverity]),
        status: status_text.as_deref().map_or(Status::Unknown, Status::from_text),
        status_text,
        intent: tactics.or_else(|| own.token(Key::Intent).and_then(list_or_text)),
        start_time: own.time(&[Key::StartTimeUtc, Key::StartTime]),
        end_time: own.time(&[Key::EndTimeUtc, Key::EndTime]),
        // API versions until 2019 know the time of detection and of the report only.
        time_generated: own.time(&[Key::TimeGenerated, Key::TimeGeneratedUtc, Key::DetectedTimeUtc]),
        processing_end_time: own.time(&[Key::ProcessingEndTime, Key::ProcessingEndTimeUtc, Key::ReportedTimeUtc]),
        compromised_entity: own.text(Key::CompromisedEntity),
        resource_id: own
            .text(Key::AzureResourceId)
            .or_else(|| own.container(Key::ResourceIdentifiers, texts).and_then(first_identifier))
            .or_else(|| own.first(&[Key::ResourceId, Key::AssociatedResource])),
        alert_uri: own.first(&[Key::AlertUri, Key::AlertLink]),
        correlation_key: own.text(Key::Correlation),
        is_incident: own.text(Key::IsIncident).is_some_and(|text| text.trim().eq_ignore_ascii_case("true")),
        workspace_id: own.first(if is_row { &[Key::WorkspaceId, Key::TenantId] } else { &[Key::WorkspaceId] }),
        remediation: own.container(Key::RemediationSteps, texts).or_else(|| own.token(Key::RemediationSteps)),
        extended_properties,
        entities: own.container(Key::Entities, texts),
        techniques_raw: own.container(Key::Techniques, texts),
        sub_techniques_raw: own.container(Key::SubTechniques, texts),
        subscription: own.text(Key::AzureResourceSubscriptionId).or_else(|| subscription_in(&top.text(Key::Id)?)),
        states: None,
        facts: OnceLock::new(),
        entity_tree: OnceLock::new(),
    };
    if alert.product_component_name.is_none() {
        alert.product_component_name = alert.extended_property("ProductComponentName");
    }
    alert
}

/// A list as its JSON text, a scalar as its text.
pub(super) fn list_or_text(raw: &RawValue) -> Option<Cow<'_, str>> {
    match raw.get().as_bytes() {
        [b'[', inner @ .., _] => (!inner.trim_ascii().is_empty()).then_some(Cow::Borrowed(raw.get())),
        _ => json::scalar(raw),
    }
}

/// The first Azure resource among the resource identifiers.
fn first_identifier(list: &RawValue) -> Option<Cow<'_, str>> {
    let identifiers: Vec<&RawValue> = serde_json::from_str(list.get()).ok()?;
    identifiers.iter().find_map(|raw| Fields::of(raw.get()).first(&[Key::AzureResourceId, Key::ResourceId]))
}

fn subscription_in(id: &str) -> Option<Cow<'static, str>> {
    segment_after(id, "subscriptions").map(|found| Cow::Owned(found.to_owned()))
}

/// The segment that follows the named one in a resource id, without regard to case: the subscription after `subscriptions`.
#[must_use]
pub fn segment_after<'t>(id: &'t str, name: &str) -> Option<&'t str> {
    let mut segments = id.split('/').skip_while(|segment| !segment.eq_ignore_ascii_case(name));
    segments.nth(1).filter(|segment| !segment.is_empty())
}

/// The type that a resource id ends in, as written: `Microsoft.Compute/virtualMachines`.
#[must_use]
pub fn resource_type(id: &str) -> Option<String> {
    let start = id.to_ascii_lowercase().rfind("/providers/")? + "/providers/".len();
    let mut segments = id[start..].split('/');
    let provider = segments.next().filter(|name| !name.is_empty())?;
    let types: Vec<&str> = segments.step_by(2).collect();
    (!types.is_empty()).then(|| format!("{provider}/{}", types.join("/")))
}

impl<'a> Alert<'a> {
    /// The tactics of the kill chain, in order, each once.
    #[must_use]
    pub fn tactics(&self) -> Vec<Tactic> {
        self.intent.as_deref().map(tactics::parse).unwrap_or_default()
    }

    /// Ids of MITRE ATT&CK techniques and sub-techniques (`T1059`, `T1059.001`), in order, each once.
    ///
    /// From the fields of that name, else from the extended property `Techniques`; never guessed from the alert type.
    #[must_use]
    pub fn techniques(&self) -> Vec<Cow<'_, str>> {
        let named = [self.techniques_raw, self.sub_techniques_raw];
        let mut found: Vec<_> = named.into_iter().flatten().flat_map(|raw| texts_in(raw.get())).collect();
        if found.is_empty() {
            found = ["Techniques", "SubTechniques"]
                .into_iter()
                .filter_map(|key| self.extended_property(key))
                .flat_map(|text| {
                    texts_in(&text).into_iter().map(|item| Cow::Owned(item.into_owned())).collect::<Vec<_>>()
                })
                .collect();
        }
        let mut seen = BTreeSet::new();
        found.retain(|technique| is_technique(technique) && seen.insert(technique.clone()));
        found
    }

    /// The steps to take, one text each, without line breaks; links as `text: address`. Understands every form that the sources
    /// use: lists, one text of several lines, JSON inside texts.
    #[must_use]
    pub fn remediation_steps(&self) -> Vec<String> {
        self.remediation.map(|raw| remediation::steps(raw.get())).unwrap_or_default()
    }

    /// An extended property as text, whatever the case of its key and with or without the spaces in it; an object or a list as
    /// its JSON text. Absent where blank.
    #[must_use]
    pub fn extended_property(&self, key: &str) -> Option<Cow<'a, str>> {
        property_in(&self.properties(), key)
    }

    /// The extended properties in order, keys as written, values as JSON tokens; empty where there are none.
    #[must_use]
    pub fn properties(&self) -> Vec<(Cow<'a, str>, &'a RawValue)> {
        self.extended_properties.map(|raw| json::members(raw.get())).unwrap_or_default()
    }

    /// What line formats want to know of the entities; computed on first use.
    pub fn facts(&self) -> &Facts<'a> {
        self.facts.get_or_init(|| match (self.states, self.entities) {
            (Some(record), _) => facts::of_states(record, self.is_outbound()),
            (None, Some(list)) => facts::of_entities(list.get(), self.is_outbound()),
            (None, None) => Facts::default(),
        })
    }

    /// The entities as a tree with references resolved; computed on first use.
    pub fn entities(&self) -> &Entities {
        self.entity_tree.get_or_init(|| self.entities.map(|raw| Entities::of(raw.get())).unwrap_or_default())
    }

    /// The GUID that is, or ends, the alert's id (`<19 digits>_<guid>`).
    #[must_use]
    pub fn alert_guid(&self) -> Option<&str> {
        let id = self.system_alert_id.as_deref()?;
        let tail = id.get(id.len().checked_sub(36)?..)?;
        let is_guid = tail.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
        is_guid.then_some(tail)
    }

    /// The subscription of the resource, else of the alert.
    #[must_use]
    pub fn subscription_id(&self) -> Option<&str> {
        let of_resource = self.resource_id.as_deref().and_then(|id| segment_after(id, "subscriptions"));
        of_resource.or(self.subscription.as_deref())
    }

    /// The resource group, as written; absent at subscription level.
    #[must_use]
    pub fn resource_group(&self) -> Option<&str> {
        segment_after(self.resource_id.as_deref()?, "resourceGroups")
    }

    /// The resource's own name: the last segment of its id; absent at subscription level.
    #[must_use]
    pub fn resource_name(&self) -> Option<&str> {
        let id = self.resource_id.as_deref()?.trim_end_matches('/');
        let (rest, name) = id.rsplit_once('/')?;
        let above = rest.rsplit('/').next()?;
        let is_container = ["subscriptions", "resourceGroups"].iter().any(|level| above.eq_ignore_ascii_case(level));
        (!is_container && !name.is_empty()).then_some(name)
    }

    /// The resource's type, as written: `Microsoft.Compute/virtualMachines`.
    #[must_use]
    pub fn resource_type(&self) -> Option<String> {
        resource_type(self.resource_id.as_deref()?)
    }

    /// The description with its `%{Key}` placeholders filled from the extended properties; unknown ones stay, as do those after the
    /// first 100 and values that would make the whole more than 64 KiB longer.
    #[must_use]
    pub fn description_filled(&self) -> Option<Cow<'_, str>> {
        const PLACEHOLDERS: usize = 100;
        let text = self.description.as_deref()?;
        let mut filled = String::new();
        let mut rest = text;
        let mut allowance = 65_536_usize;
        let mut properties = None;
        for _ in 0..PLACEHOLDERS {
            let Some(start) = rest.find("%{") else { break };
            let Some(length) = rest[start..].find('}') else { break };
            let (before, from) = rest.split_at(start);
            let (placeholder, after) = from.split_at(length + 1);
            filled.push_str(before);
            let value = property_in(properties.get_or_insert_with(|| self.properties()), &placeholder[2..length]);
            match value.and_then(|value| Some((allowance.checked_sub(value.len())?, value))) {
                Some((left, value)) => {
                    allowance = left;
                    filled.push_str(&value);
                }
                None => filled.push_str(placeholder),
            }
            rest = after;
        }
        if filled.is_empty() && rest.len() == text.len() {
            return Some(Cow::Borrowed(text));
        }
        Some(Cow::Owned(filled + rest))
    }

    /// Whether this is one of Defender for Cloud's simulated alerts.
    #[must_use]
    pub fn is_sample(&self) -> bool {
        let starts = |text: &Option<Cow<'_, str>>, prefix: &str| {
            text.as_deref()
                .and_then(|text| text.get(..prefix.len()))
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        starts(&self.alert_type, "SIMULATED_") || starts(&self.display_name, "[SAMPLE ALERT]")
    }

    /// Whether the alert is about traffic that leaves the resource, so that `ip` entities are its destinations.
    #[must_use]
    pub fn is_outbound(&self) -> bool {
        let Some(name) = self.alert_type.as_deref() else { return false };
        let name = name.to_ascii_lowercase();
        let name = name.strip_prefix("simulated_").unwrap_or(&name);
        name.contains("outgoing") || name.starts_with("network_communicationwithc2") || name.starts_with("azuredns_")
    }
}

/// The last property of that name, without regard to case and spaces, as text.
fn property_in<'a>(properties: &[(Cow<'a, str>, &'a RawValue)], key: &str) -> Option<Cow<'a, str>> {
    let letters = |text: &str| {
        text.bytes().filter(|byte| *byte != b' ').map(|byte| byte.to_ascii_lowercase()).collect::<Vec<_>>()
    };
    let key = letters(key);
    let (_, raw) = properties.iter().rfind(|(name, _)| letters(name) == key)?;
    match raw.get().as_bytes() {
        [b'{' | b'[', ..] => Some(Cow::Borrowed(raw.get())),
        _ => json::scalar(raw),
    }
}

/// The texts of a JSON list, of a JSON string with a list or a comma list in it, or of a bare comma list.
fn texts_in(text: &str) -> Vec<Cow<'_, str>> {
    let text = text.trim();
    if text.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
        return items.into_iter().filter_map(json::scalar).collect();
    }
    if text.starts_with('"') {
        let inner: String = serde_json::from_str(text).unwrap_or_default();
        return texts_in(&inner).into_iter().map(|item| Cow::Owned(item.into_owned())).collect();
    }
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Cow::Borrowed).collect()
}

/// Whether a text is a technique's id: `T` and four digits, perhaps a point and three more.
fn is_technique(text: &str) -> bool {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    text.strip_prefix(['T', 't']).is_some_and(|number| match number.split_once('.') {
        Some((technique, sub)) => digits(technique, 4) && digits(sub, 3),
        None => digits(number, 4),
    })
}
