//! A finding: one sub-assessment of a recommendation (`Microsoft.Security/assessments/subAssessments`).

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::assessed::AssessedResource;
use super::bag::Bag;
use super::html;
use super::posture::{Health, named_after};
use super::vulnerability::Vulnerability;

/// A finding of a scanner: a vulnerability of a machine, image or database, a rule of a baseline, ...
///
/// Shape: `id`, `name`, `properties{id, displayName, status{}, resourceDetails{}, additionalData{}, …}`; continuous export writes it in
/// `PascalCase` with `$type` beside the members, REST in `camelCase`. `N/A` stands for nothing.
#[derive(Debug)]
pub struct Finding<'a> {
    /// The GUID that ends the record's id, else `name`.
    pub finding_id: Option<Cow<'a, str>>,
    /// The key of the recommendation it belongs to.
    pub assessment_key: Option<Cow<'a, str>>,
    /// `properties.id`: the scanner's own id of the rule (`VA2064`, `D260AR`, `41508`), or the finding's GUID once more.
    pub rule_id: Option<Cow<'a, str>>,
    /// `displayName`.
    pub display_name: Option<Cow<'a, str>>,
    /// `status.code`.
    pub status: Health,
    /// `status.code` as it came.
    pub status_text: Option<Cow<'a, str>>,
    /// `status.cause`.
    pub cause: Option<Cow<'a, str>>,
    /// `status.description`.
    pub status_description: Option<Cow<'a, str>>,
    /// `status.severity` as it came.
    pub severity_text: Option<Cow<'a, str>>,
    /// `description`.
    pub description: Option<Cow<'a, str>>,
    /// `remediation` as it came; may hold HTML. See [`Finding::remediation_steps`].
    pub remediation: Option<Cow<'a, str>>,
    /// `impact`: what may come of it.
    pub impact: Option<Cow<'a, str>>,
    /// `category`, as `SurfaceAreaReduction`.
    pub category: Option<Cow<'a, str>>,
    /// `timeGenerated`: when it was found.
    pub time_generated: Option<Timestamp>,
    /// `resourceDetails`: what was assessed. The id is the record's own scope where the block says none.
    pub resource: AssessedResource<'a>,
    /// What the scanner says of it, by `additionalData.assessedResourceType`.
    pub vulnerability: Vulnerability<'a>,
    /// `additionalData` in order: names as written, values opened where they are JSON inside a string.
    pub additional_data: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// `tenantId`.
    pub tenant_id: Option<Cow<'a, str>>,
}

impl<'a> Finding<'a> {
    pub(super) fn read(top: &Bag<'a>) -> Self {
        let own = top.properties();
        let status = own.inner("status");
        let id = top.text("id");
        let after = |segment| id.as_ref().and_then(|id| named_after(id, segment));
        let status_text = status.text("code").or_else(|| own.text("status"));
        let additional = own.inner("additionalData");
        Self {
            finding_id: after("subAssessments").or_else(|| top.text("name")),
            assessment_key: after("assessments"),
            rule_id: own.text("id").filter(|own| Some(own) != id.as_ref()),
            display_name: own.text("displayName"),
            status: status_text.as_deref().map(Health::from_text).unwrap_or_default(),
            status_text,
            cause: status.text("cause"),
            status_description: status.text("description"),
            severity_text: status.text("severity").or_else(|| own.text("severity")),
            description: own.text("description"),
            remediation: own.text("remediation"),
            impact: own.text("impact"),
            category: own.text("category"),
            time_generated: own.time(&["timeGenerated"]),
            resource: AssessedResource::read(&own.inner("resourceDetails"), id.as_ref()),
            vulnerability: Vulnerability::read(&additional, own.text("displayName").as_deref()),
            additional_data: additional.entries(),
            tenant_id: top.text("tenantId"),
        }
    }

    /// What to do, one step a line, without HTML.
    #[must_use]
    pub fn remediation_steps(&self) -> Vec<String> {
        self.remediation.as_deref().map(html::lines).unwrap_or_default()
    }
}
