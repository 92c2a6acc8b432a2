//! A security alert, in whichever shape it came.

use std::borrow::Cow;
use std::sync::OnceLock;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::{Entities, Facts, Status};

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
#[derive(Debug)]
pub struct Alert<'a> {
    /// The shape it came in.
    pub shape: AlertShape,
    /// `SystemAlertId`, ARM `systemAlertId` else `name`, Graph `id`.
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
    /// `ExtendedProperties` as it came: an object, or JSON text of one.
    pub extended_properties: Option<&'a RawValue>,
    /// `Entities` (Graph: `evidence`) as it came: a list, or JSON text of one.
    pub entities: Option<&'a RawValue>,
    /// `Techniques` as it came: a list, or JSON text or a comma list of one.
    pub techniques_raw: Option<&'a RawValue>,
    /// `SubTechniques` as it came.
    pub sub_techniques_raw: Option<&'a RawValue>,
    /// Memo of [`Alert::facts`].
    pub(super) facts: OnceLock<Facts<'a>>,
    /// Memo of [`Alert::entities`].
    pub(super) entity_tree: OnceLock<Entities>,
}

// STUB, discarded when the event module lands.
/// A tactic of MITRE ATT&CK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tactic {
    /// Name, as in `Initial Access`.
    pub name: &'static str,
    /// Id, as in `TA0001`.
    pub id: &'static str,
}

impl<'a> Alert<'a> {
    /// Stub.
    pub fn facts(&self) -> &Facts<'a> {
        self.facts.get_or_init(Facts::default)
    }

    /// Stub.
    #[must_use]
    pub fn tactics(&self) -> Vec<Tactic> {
        Vec::new()
    }

    /// Stub.
    #[must_use]
    pub fn techniques(&self) -> Vec<Cow<'_, str>> {
        self.techniques_raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    /// Stub.
    #[must_use]
    pub fn extended_property(&self, key: &str) -> Option<Cow<'_, str>> {
        let all: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(self.extended_properties?.get()).ok()?;
        all.get(key)?.as_str().map(|text| Cow::Owned(text.to_owned()))
    }

    /// Stub.
    #[must_use]
    pub fn entities(&self) -> &Entities {
        self.entity_tree.get_or_init(Entities::default)
    }

    /// Stub.
    #[must_use]
    pub fn remediation_steps(&self) -> Vec<String> {
        Vec::new()
    }

    /// Stub.
    #[must_use]
    pub fn subscription_id(&self) -> Option<&str> {
        self.resource_id.as_deref()?.split('/').nth(2)
    }

    /// Stub.
    #[must_use]
    pub fn resource_name(&self) -> Option<&str> {
        self.resource_id.as_deref()?.rsplit('/').next()
    }

    /// Stub.
    #[must_use]
    pub fn alert_guid(&self) -> Option<&str> {
        let id = self.system_alert_id.as_deref()?;
        let tail = id.rsplit('_').next()?;
        (tail.len() == 36).then_some(tail)
    }

    /// Stub.
    #[cfg(test)]
    pub(crate) fn blank() -> Self {
        Self {
            shape: AlertShape::Flat,
            system_alert_id: None,
            alert_type: None,
            display_name: None,
            description: None,
            vendor_name: None,
            product_name: None,
            product_component_name: None,
            severity_text: None,
            status: Status::Unknown,
            status_text: None,
            intent: None,
            start_time: None,
            end_time: None,
            time_generated: None,
            processing_end_time: None,
            compromised_entity: None,
            resource_id: None,
            alert_uri: None,
            correlation_key: None,
            is_incident: false,
            workspace_id: None,
            remediation: None,
            extended_properties: None,
            entities: None,
            techniques_raw: None,
            sub_techniques_raw: None,
            facts: OnceLock::new(),
            entity_tree: OnceLock::new(),
        }
    }

    /// Stub.
    #[cfg(test)]
    pub(crate) fn with_facts(self, facts: Facts<'a>) -> Self {
        let _ = self.facts.set(facts);
        self
    }
}
