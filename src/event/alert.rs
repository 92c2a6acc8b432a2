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
