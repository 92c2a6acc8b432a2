//! The columns of records about the state of resources.

use std::borrow::Cow;

use super::Cell::{Flag, Number, Real, Text, Time};
use super::Column;
use super::columns::{borrowed, count, list, plausible, some, text};
use crate::event::{
    AssessedResource, AttackPath, Compliance, ComplianceLevel, Event, Finding, PathEnd, Posture, Recommendation, Score,
    Tactic, Vulnerability,
};

/// Of recommendations.
pub(super) const RECOMMENDATIONS: &[Column] = &[
    Column::new("AssessmentKey", Text(assessment_key), "the recommendation's key, the same for all resources"),
    Column::new(
        "Cause",
        Text(|event| borrowed(&recommendation(event)?.cause)),
        "why it is so, as `OffByPolicy`, `Exempt`",
    ),
    Column::new(
        "StateDescription",
        Text(|event| borrowed(&recommendation(event)?.status_description)),
        "the same in a sentence",
    ),
    Column::new(
        "StateChangedTime",
        Time(|event| plausible(recommendation(event)?.status_changed)),
        "when the state changed",
    ),
    Column::new(
        "FirstEvaluatedTime",
        Time(|event| plausible(recommendation(event)?.first_evaluated)),
        "when it was first assessed",
    ),
    Column::new("RiskLevel", Text(|event| borrowed(&recommendation(event)?.risk_level)), "the risk in its environment"),
    Column::new(
        "RiskFactors",
        Text(|event| list(&recommendation(event)?.risk_factors)),
        "why the risk is so, as a list",
    ),
    Column::new(
        "ResourceSource",
        Text(resource_source),
        "where the resource is: `Azure`, `Aws`, `Gcp`, `OnPremise`, ...",
    ),
    Column::new("NativeResourceId", Text(native_id), "the resource's id where it is, such as an ARN"),
    Column::new(
        "Categories",
        Text(|event| list(&recommendation(event)?.categories)),
        "`Compute`, `Networking`, `Data`, ... as a list",
    ),
    Column::new("Threats", Text(|event| list(&recommendation(event)?.threats)), "what it protects against, as a list"),
    Column::new("Tactics", Text(|event| tactics(&recommendation(event)?.tactics())), "MITRE ATT&CK tactics, as a list"),
    Column::new(
        "Techniques",
        Text(|event| list(&recommendation(event)?.techniques)),
        "MITRE ATT&CK techniques, as a list",
    ),
    Column::new(
        "UserImpact",
        Text(|event| borrowed(&recommendation(event)?.user_impact)),
        "what mending it means for users: `Low`, `Moderate`, `High`",
    ),
    Column::new(
        "ImplementationEffort",
        Text(|event| borrowed(&recommendation(event)?.implementation_effort)),
        "what mending it costs: `Low`, `Moderate`, `High`",
    ),
    Column::new(
        "AssessmentType",
        Text(|event| borrowed(&recommendation(event)?.assessment_type)),
        "`BuiltIn`, `CustomPolicy`, `CustomerManaged`, ...",
    ),
    Column::new(
        "IsPreview",
        Flag(|event| Some(recommendation(event)?.is_preview)),
        "whether the recommendation is in preview",
    ),
    Column::new("EntraTenantId", Text(tenant), "the Microsoft Entra tenant"),
];

/// Of findings.
pub(super) const FINDINGS: &[Column] = &[
    Column::new("AssessmentKey", Text(assessment_key), "the key of the recommendation that it belongs to"),
    Column::new("FindingId", Text(|event| borrowed(&finding(event)?.finding_id)), "the finding's own GUID"),
    Column::new(
        "RuleId",
        Text(|event| borrowed(&finding(event)?.rule_id)),
        "the scanner's id of the rule, as `VA2064`",
    ),
    Column::new("Cause", Text(|event| borrowed(&finding(event)?.cause)), "why it is so, as `OffByPolicy`, `Exempt`"),
    Column::new(
        "StateDescription",
        Text(|event| borrowed(&finding(event)?.status_description)),
        "the same in a sentence",
    ),
    Column::new("Category", Text(|event| borrowed(&finding(event)?.category)), "as `SurfaceAreaReduction`"),
    Column::new("Impact", Text(|event| borrowed(&finding(event)?.impact)), "what may come of it"),
    Column::new(
        "Threat",
        Text(|event| borrowed(&vulnerability(event)?.threat)),
        "what may happen, as the scanner says",
    ),
    Column::new("Cves", Text(|event| list(&vulnerability(event)?.cves)), "ids of the CVEs, as a list"),
    Column::new(
        "CvssScore",
        Real(|event| Some(vulnerability(event)?.cvss.as_ref()?.base)),
        "base score of CVSS, by the newest version that rates it",
    ),
    Column::new("CvssVector", Text(|event| borrowed(&vulnerability(event)?.cvss.as_ref()?.vector)), "its vector"),
    Column::new("IsPatchable", Flag(|event| vulnerability(event)?.patchable), "whether there is a patch"),
    Column::new("HasExploit", Flag(|event| vulnerability(event)?.has_exploit), "whether there is a public exploit"),
    Column::new(
        "PublishedTime",
        Time(|event| plausible(vulnerability(event)?.published)),
        "when the vulnerability was published",
    ),
    Column::new("Software", Text(|event| borrowed(&vulnerability(event)?.software)), "the package or product"),
    Column::new(
        "FixedVersion",
        Text(|event| borrowed(&vulnerability(event)?.fixed_version)),
        "the version that mends it",
    ),
    Column::new("Repository", Text(|event| borrowed(&vulnerability(event)?.repository)), "the image's repository"),
    Column::new("ImageDigest", Text(|event| borrowed(&vulnerability(event)?.image_digest)), "the image's digest"),
    Column::new(
        "AffectedNodes",
        Text(|event| list(&vulnerability(event)?.affected_nodes)),
        "resource ids of the nodes, as a list",
    ),
    Column::new(
        "AssessedType",
        Text(|event| borrowed(&vulnerability(event)?.assessed_text)),
        "which kind of finding it is, as `ServerVulnerability`",
    ),
    Column::new(
        "ResourceSource",
        Text(resource_source),
        "where the resource is: `Azure`, `Aws`, `Gcp`, `OnPremise`, ...",
    ),
    Column::new("NativeResourceId", Text(native_id), "the resource's id where it is, such as an ARN"),
    Column::new("EntraTenantId", Text(tenant), "the Microsoft Entra tenant"),
];

/// Of secure scores and their controls.
pub(super) const SECURE_SCORES: &[Column] = &[
    Column::new("ScoreName", Text(score_name), "the score: `ascScore`, or the id of an initiative"),
    Column::new("ControlName", Text(control_name), "the control's GUID; empty for a whole score"),
    Column::new("CurrentScore", Real(|event| score(event)?.current), "the points there are"),
    Column::new("MaxScore", Real(|event| score(event)?.max), "the points there could be"),
    Column::new("Percentage", Real(|event| score(event)?.percentage), "the share, 0 to 1"),
    Column::new("Weight", Number(weight), "how much it counts where several subscriptions are taken together"),
    Column::new("HealthyResources", Number(|event| count(control(event)?.healthy)), "of a control"),
    Column::new("UnhealthyResources", Number(|event| count(control(event)?.unhealthy)), "of a control"),
    Column::new("NotApplicableResources", Number(|event| count(control(event)?.not_applicable)), "of a control"),
];

/// Of regulatory compliance.
pub(super) const COMPLIANCE: &[Column] = &[
    Column::new("Level", Text(level), "`assessment`; from REST also `standard` and `control`"),
    Column::new("Standard", Text(|event| borrowed(&compliance(event)?.standard)), "the standard, as `PCI-DSS-3.2`"),
    Column::new("Control", Text(|event| borrowed(&compliance(event)?.control)), "the control, as `1.1`"),
    Column::new("AssessmentKey", Text(assessment_key), "the key of the recommendation that is assessed"),
    Column::new(
        "Passed",
        Number(|event| count(compliance(event)?.passed)),
        "how many passed: resources, of a control assessments, of a standard controls",
    ),
    Column::new("Failed", Number(|event| count(compliance(event)?.failed)), "how many failed"),
    Column::new("Skipped", Number(|event| count(compliance(event)?.skipped)), "how many were skipped"),
    Column::new(
        "Unsupported",
        Number(|event| count(compliance(event)?.unsupported)),
        "how many are not assessed automatically",
    ),
    Column::new("AssessmentType", Text(|event| borrowed(&compliance(event)?.assessment_type)), "`assessmentType`"),
];

/// Of attack paths.
pub(super) const ATTACK_PATHS: &[Column] = &[
    Column::new("PathId", Text(|event| borrowed(&path(event)?.path_id)), "the path's own id"),
    Column::new("PathType", Text(|event| borrowed(&path(event)?.path_type)), "which kind of path it is"),
    Column::new("RiskLevel", Text(|event| borrowed(&path(event)?.risk_level)), "`riskLevel`"),
    Column::new(
        "PotentialImpact",
        Text(|event| borrowed(&path(event)?.potential_impact)),
        "a severity, or a word such as `DataExposure`",
    ),
    Column::new("RiskFactors", Text(|event| list(&path(event)?.risk_factors)), "as a list"),
    Column::new(
        "EntryPoint",
        Text(|event| label(path(event)?.entry_point.as_ref()?)),
        "where the path begins: name, else id",
    ),
    Column::new("EntryPointType", Text(|event| borrowed(&path(event)?.entry_point.as_ref()?.kind)), "its type"),
    Column::new("EntryPointId", Text(|event| borrowed(&path(event)?.entry_point.as_ref()?.id)), "its id"),
    Column::new("Target", Text(|event| label(path(event)?.target.as_ref()?)), "what the path leads to: name, else id"),
    Column::new("TargetType", Text(|event| borrowed(&path(event)?.target.as_ref()?.kind)), "its type"),
    Column::new("TargetId", Text(|event| borrowed(&path(event)?.target.as_ref()?.id)), "its id"),
    Column::new("Steps", Number(|event| i64::try_from(path(event)?.steps?).ok()), "how many steps it has"),
    Column::new(
        "Resources",
        Text(|event| list(&path(event)?.resources)),
        "ids of the Azure resources on it, in order, as a list",
    ),
    Column::new("Tactics", Text(|event| tactics(&path(event)?.tactics())), "MITRE ATT&CK tactics, as a list"),
    Column::new("IsPartial", Flag(|event| path(event)?.is_partial), "whether it is only a part of a path"),
];

fn recommendation<'e, 'a>(event: &'e Event<'a>) -> Option<&'e Recommendation<'a>> {
    match event.posture()? {
        Posture::Recommendation(recommendation) => Some(recommendation),
        _ => None,
    }
}

fn finding<'e, 'a>(event: &'e Event<'a>) -> Option<&'e Finding<'a>> {
    match event.posture()? {
        Posture::Finding(finding) => Some(finding),
        _ => None,
    }
}

fn vulnerability<'e, 'a>(event: &'e Event<'a>) -> Option<&'e Vulnerability<'a>> {
    finding(event).map(|finding| &finding.vulnerability)
}

fn control<'e, 'a>(event: &'e Event<'a>) -> Option<&'e crate::event::SecureScoreControl<'a>> {
    match event.posture()? {
        Posture::SecureScoreControl(control) => Some(control),
        _ => None,
    }
}

fn compliance<'e, 'a>(event: &'e Event<'a>) -> Option<&'e Compliance<'a>> {
    match event.posture()? {
        Posture::Compliance(compliance) => Some(compliance),
        _ => None,
    }
}

fn path<'e, 'a>(event: &'e Event<'a>) -> Option<&'e AttackPath<'a>> {
    match event.posture()? {
        Posture::AttackPath(path) => Some(path),
        _ => None,
    }
}

/// Of a recommendation or finding.
fn resource<'e, 'a>(event: &'e Event<'a>) -> Option<&'e AssessedResource<'a>> {
    match event.posture()? {
        Posture::Recommendation(recommendation) => Some(&recommendation.resource),
        Posture::Finding(finding) => Some(&finding.resource),
        _ => None,
    }
}

fn resource_source<'e>(event: &'e Event<'_>) -> Option<Cow<'e, str>> {
    borrowed(&resource(event)?.source)
}

fn native_id<'e>(event: &'e Event<'_>) -> Option<Cow<'e, str>> {
    borrowed(&resource(event)?.native_id)
}

fn assessment_key<'e>(event: &'e Event<'_>) -> Option<Cow<'e, str>> {
    match event.posture()? {
        Posture::Recommendation(recommendation) => borrowed(&recommendation.assessment_key),
        Posture::Finding(finding) => borrowed(&finding.assessment_key),
        Posture::Compliance(compliance) => borrowed(&compliance.assessment_key),
        _ => None,
    }
}

fn tenant<'e>(event: &'e Event<'_>) -> Option<Cow<'e, str>> {
    match event.posture()? {
        Posture::Recommendation(recommendation) => borrowed(&recommendation.tenant_id),
        Posture::Finding(finding) => borrowed(&finding.tenant_id),
        _ => None,
    }
}

/// Of a whole score or a control; to six decimals, since a share that had to be computed has more than it means.
fn score(event: &Event<'_>) -> Option<Score> {
    let score = match event.posture()? {
        Posture::SecureScore(score) => score.score,
        Posture::SecureScoreControl(control) => control.score,
        _ => return None,
    };
    Some(Score { percentage: score.percentage.map(|share| (share * 1e6).round() / 1e6), ..score })
}

fn weight(event: &Event<'_>) -> Option<i64> {
    match event.posture()? {
        Posture::SecureScore(score) => count(score.weight),
        Posture::SecureScoreControl(control) => count(control.weight),
        _ => None,
    }
}

fn score_name<'e>(event: &'e Event<'_>) -> Option<Cow<'e, str>> {
    match event.posture()? {
        Posture::SecureScore(score) => borrowed(&score.name),
        Posture::SecureScoreControl(control) => borrowed(&control.score_name),
        _ => None,
    }
}

fn control_name<'e>(event: &'e Event<'_>) -> Option<Cow<'e, str>> {
    borrowed(&control(event)?.name)
}

fn level<'e>(event: &'e Event<'_>) -> Option<Cow<'e, str>> {
    text(match compliance(event)?.level {
        ComplianceLevel::Standard => "standard",
        ComplianceLevel::Control => "control",
        ComplianceLevel::Assessment => "assessment",
    })
}

fn label<'e>(end: &'e PathEnd<'_>) -> Option<Cow<'e, str>> {
    end.label().map(Cow::Borrowed)
}

fn tactics<'e>(tactics: &[Tactic]) -> Option<Cow<'e, str>> {
    let names: Vec<&str> = tactics.iter().map(|tactic| tactic.name).collect();
    some(names.join(", ").into())
}
