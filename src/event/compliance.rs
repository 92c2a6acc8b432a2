//! Regulatory compliance: standards, their controls, the assessments of those (`Microsoft.Security/regulatoryComplianceStandards/…`).

use std::borrow::Cow;

use super::Outcome;
use super::bag::Bag;
use super::posture::{absolute, named_after};

/// Which of the three a compliance record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ComplianceLevel {
    /// A standard; its counts are of controls. From REST only.
    Standard,
    /// A control of a standard; its counts are of assessments. From REST only.
    Control,
    /// An assessment of a control; its counts are of resources. The one that continuous export sends.
    Assessment,
}

/// `state` of a compliance record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ComplianceState {
    /// Absent or not understood.
    #[default]
    Unknown,
    /// `Passed`.
    Passed,
    /// `Failed`.
    Failed,
    /// `Skipped`.
    Skipped,
    /// `Unsupported`: nothing is assessed automatically.
    Unsupported,
}

impl ComplianceState {
    /// The state that a record's text means, without regard to case.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let is = |name: &str| text.trim().eq_ignore_ascii_case(name);
        if is("Passed") {
            Self::Passed
        } else if is("Failed") {
            Self::Failed
        } else if is("Skipped") {
            Self::Skipped
        } else if is("Unsupported") {
            Self::Unsupported
        } else {
            Self::Unknown
        }
    }

    /// What it means for whoever follows the matter up.
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Failed => Outcome::Open,
            Self::Passed | Self::Skipped | Self::Unsupported => Outcome::Closed,
            Self::Unknown => Outcome::Informational,
        }
    }
}

/// A regulatory compliance standard, control or assessment.
#[derive(Debug)]
pub struct Compliance<'a> {
    /// Which of the three it is.
    pub level: ComplianceLevel,
    /// The standard, as `PCI-DSS-3.2`; from the id, where alone it is.
    pub standard: Option<Cow<'a, str>>,
    /// The control, as `1.1`.
    pub control: Option<Cow<'a, str>>,
    /// The key of the recommendation that is assessed.
    pub assessment_key: Option<Cow<'a, str>>,
    /// `description`: the title of the control or assessment.
    pub description: Option<Cow<'a, str>>,
    /// `state`.
    pub state: ComplianceState,
    /// `state` as it came.
    pub state_text: Option<Cow<'a, str>>,
    /// How many passed, of what [`ComplianceLevel`] says; so for the other counts.
    pub passed: Option<u64>,
    /// How many failed.
    pub failed: Option<u64>,
    /// How many were skipped.
    pub skipped: Option<u64>,
    /// How many are not supported.
    pub unsupported: Option<u64>,
    /// `assessmentType`.
    pub assessment_type: Option<Cow<'a, str>>,
    /// `assessmentDetailsLink`, with `https://`.
    pub link: Option<Cow<'a, str>>,
}

impl<'a> Compliance<'a> {
    pub(super) fn read(top: &Bag<'a>) -> Self {
        let own = top.properties();
        let id = top.text("id");
        let after = |segment| id.as_ref().and_then(|id| named_after(id, segment));
        let kind = top.text("type").unwrap_or_default().to_ascii_lowercase();
        let is_last = |name: &str| kind.trim_end_matches('s').ends_with(name);
        let [standard, control, assessment_key] =
            ["regulatoryComplianceStandards", "regulatoryComplianceControls", "regulatoryComplianceAssessments"]
                .map(after);
        let level = if is_last("regulatorycomplianceassessment") || assessment_key.is_some() {
            ComplianceLevel::Assessment
        } else if is_last("regulatorycompliancecontrol") || control.is_some() {
            ComplianceLevel::Control
        } else {
            ComplianceLevel::Standard
        };
        let counted = match level {
            ComplianceLevel::Standard => "Controls",
            ComplianceLevel::Control => "Assessments",
            ComplianceLevel::Assessment => "Resources",
        };
        let [passed, failed, skipped, unsupported] =
            ["passed", "failed", "skipped", "unsupported"].map(|word| own.count(&format!("{word}{counted}")));
        let name = |wanted| if level == wanted { top.text("name") } else { None };
        let state_text = own.text("state");
        Self {
            level,
            standard: standard.or_else(|| name(ComplianceLevel::Standard)),
            control: control.or_else(|| name(ComplianceLevel::Control)),
            assessment_key: assessment_key.or_else(|| name(ComplianceLevel::Assessment)),
            description: own.first(&["description", "displayName"]),
            state: state_text.as_deref().map(ComplianceState::from_text).unwrap_or_default(),
            state_text,
            passed,
            failed,
            skipped,
            unsupported,
            assessment_type: own.text("assessmentType"),
            link: own.text("assessmentDetailsLink").map(absolute),
        }
    }
}
