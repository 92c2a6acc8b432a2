//! A recommendation: one assessment of one resource (`Microsoft.Security/assessments`).

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::assessed::AssessedResource;
use super::bag::Bag;
use super::posture::{Health, absolute, named_after};
use super::tactics::Tactic;
use super::{html, tactics};

/// A recommendation. Records of plain REST lists have no `metadata`; what comes from it is absent there.
///
/// Shape: `id`, `name`, `properties{displayName, status{}, resourceDetails{}, metadata{}, links{}, risk{}, additionalData{}}`, in any casing.
#[derive(Debug)]
pub struct Recommendation<'a> {
    /// The assessment's key, the same for all resources: the GUID that ends the record's id, else `name`.
    pub assessment_key: Option<Cow<'a, str>>,
    /// `displayName`.
    pub display_name: Option<Cow<'a, str>>,
    /// `status.code`.
    pub status: Health,
    /// `status.code` as it came.
    pub status_text: Option<Cow<'a, str>>,
    /// `status.cause`: why it is so, as `OffByPolicy`, `Exempt`.
    pub cause: Option<Cow<'a, str>>,
    /// `status.description`.
    pub status_description: Option<Cow<'a, str>>,
    /// `status.statusChangeDate`.
    pub status_changed: Option<Timestamp>,
    /// `status.firstEvaluationDate`.
    pub first_evaluated: Option<Timestamp>,
    /// `resourceDetails`: what was assessed. The id is the record's own scope where the block says none.
    pub resource: AssessedResource<'a>,
    /// `metadata.severity` as it came, else `status.severity`.
    pub severity_text: Option<Cow<'a, str>>,
    /// `metadata.description`: what the matter is.
    pub description: Option<Cow<'a, str>>,
    /// `metadata.remediationDescription` as it came: HTML. See [`Recommendation::remediation_steps`].
    pub remediation: Option<Cow<'a, str>>,
    /// `metadata.assessmentType`: `BuiltIn`, `CustomPolicy`, `CustomerManaged`, `VerifiedPartner`, ...
    pub assessment_type: Option<Cow<'a, str>>,
    /// `metadata.policyDefinitionId`.
    pub policy_definition_id: Option<Cow<'a, str>>,
    /// `metadata.categories`: `Compute`, `Networking`, `Data`, `IdentityAndAccess`, ...
    pub categories: Vec<Cow<'a, str>>,
    /// `metadata.threats`: `accountBreach`, `dataExfiltration`, ..., in the record's casing.
    pub threats: Vec<Cow<'a, str>>,
    /// `metadata.userImpact`: `Low`, `Moderate`, `High`.
    pub user_impact: Option<Cow<'a, str>>,
    /// `metadata.implementationEffort`: `Low`, `Moderate`, `High`.
    pub implementation_effort: Option<Cow<'a, str>>,
    /// `metadata.preview`.
    pub is_preview: bool,
    /// `metadata.tactics` as they came. See [`Recommendation::tactics`].
    pub tactic_names: Vec<Cow<'a, str>>,
    /// `metadata.techniques`: ids of MITRE ATT&CK, or their names.
    pub techniques: Vec<Cow<'a, str>>,
    /// The recommendation in the portal (`links.azurePortal` or `links.azurePortalUri`), with `https://`.
    pub link: Option<Cow<'a, str>>,
    /// `risk.level`: `Critical`, `High`, `Medium`, `Low`, `None`; API version 2025-05-04.
    pub risk_level: Option<Cow<'a, str>>,
    /// `risk.riskFactors`.
    pub risk_factors: Vec<Cow<'a, str>>,
    /// `risk.attackPathsReferences`: ids of attack paths through the resource.
    pub attack_paths: Vec<Cow<'a, str>>,
    /// `additionalData` in order: names as written, values opened where they are JSON inside a string.
    pub additional_data: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// `tenantId`.
    pub tenant_id: Option<Cow<'a, str>>,
}

impl<'a> Recommendation<'a> {
    pub(super) fn read(top: &Bag<'a>) -> Self {
        let own = top.properties();
        let [status, metadata, links, risk] = ["status", "metadata", "links", "risk"].map(|name| own.inner(name));
        let id = top.text("id");
        let status_text = status.text("code").or_else(|| own.text("status"));
        Self {
            assessment_key: id.as_ref().and_then(|id| named_after(id, "assessments")).or_else(|| top.text("name")),
            display_name: own.text("displayName").or_else(|| metadata.text("displayName")),
            status: status_text.as_deref().map(Health::from_text).unwrap_or_default(),
            status_text,
            cause: status.text("cause"),
            status_description: status.text("description"),
            status_changed: status.time(&["statusChangeDate"]),
            first_evaluated: status.time(&["firstEvaluationDate"]),
            resource: AssessedResource::read(&own.inner("resourceDetails"), id.as_ref()),
            severity_text: metadata.text("severity").or_else(|| status.text("severity")),
            description: metadata.text("description").or_else(|| own.text("description")),
            remediation: metadata.text("remediationDescription").or_else(|| own.text("remediation")),
            assessment_type: metadata.text("assessmentType"),
            policy_definition_id: metadata.text("policyDefinitionId"),
            categories: metadata.list("categories"),
            threats: metadata.list("threats"),
            user_impact: metadata.text("userImpact"),
            implementation_effort: metadata.text("implementationEffort"),
            is_preview: metadata.flag("preview").unwrap_or_default(),
            tactic_names: metadata.list("tactics"),
            techniques: metadata.list("techniques"),
            link: links.first(&["azurePortal", "azurePortalUri"]).map(absolute),
            risk_level: risk.text("level").or_else(|| own.text("riskLevel")),
            risk_factors: risk.list("riskFactors"),
            attack_paths: risk.list("attackPathsReferences"),
            additional_data: own.inner("additionalData").entries(),
            tenant_id: top.text("tenantId"),
        }
    }

    /// What to do, one step a line, without HTML.
    #[must_use]
    pub fn remediation_steps(&self) -> Vec<String> {
        self.remediation.as_deref().map(html::lines).unwrap_or_default()
    }

    /// The tactics of MITRE ATT&CK, in order, each once.
    #[must_use]
    pub fn tactics(&self) -> Vec<Tactic> {
        tactics::parse(&self.tactic_names.join(","))
    }
}
