//! Secure scores and their controls (`Microsoft.Security/secureScores`, `…/secureScoreControls`).

use std::borrow::Cow;

use super::bag::Bag;
use super::posture::named_after;

/// So many points of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// The points there are.
    pub current: Option<f64>,
    /// The points there could be.
    pub max: Option<f64>,
    /// The share, 0 to 1; computed where the record has none.
    pub percentage: Option<f64>,
}

impl Score {
    fn read(score: &Bag<'_>) -> Self {
        let (current, max) = (score.number("current"), score.number("max"));
        let share = || Some(current? / max.filter(|max| *max > 0.0)?);
        Self { current, max, percentage: score.number("percentage").or_else(share) }
    }
}

/// A secure score of a subscription.
#[derive(Debug)]
pub struct SecureScore<'a> {
    /// `name`: `ascScore`, or the id of a custom initiative.
    pub name: Option<Cow<'a, str>>,
    /// `displayName`.
    pub display_name: Option<Cow<'a, str>>,
    /// `score`.
    pub score: Score,
    /// `weight`: how much it counts where several subscriptions are taken together.
    pub weight: Option<u64>,
}

impl<'a> SecureScore<'a> {
    pub(super) fn read(top: &Bag<'a>) -> Self {
        let own = top.properties();
        Self {
            name: top.text("name"),
            display_name: own.text("displayName"),
            score: Score::read(&own.inner("score")),
            weight: own.count("weight"),
        }
    }
}

/// A control of a secure score: a group of recommendations that earn points together.
#[derive(Debug)]
pub struct SecureScoreControl<'a> {
    /// `name`: the control's GUID.
    pub name: Option<Cow<'a, str>>,
    /// The name of the score that it belongs to, from the id.
    pub score_name: Option<Cow<'a, str>>,
    /// `displayName`.
    pub display_name: Option<Cow<'a, str>>,
    /// `score`.
    pub score: Score,
    /// `weight`.
    pub weight: Option<u64>,
    /// `healthyResourceCount`.
    pub healthy: Option<u64>,
    /// `unhealthyResourceCount`.
    pub unhealthy: Option<u64>,
    /// `notApplicableResourceCount`.
    pub not_applicable: Option<u64>,
    /// The keys of the recommendations in it, from its `definition`; empty where that is not there.
    pub assessment_keys: Vec<Cow<'a, str>>,
}

impl<'a> SecureScoreControl<'a> {
    pub(super) fn read(top: &Bag<'a>) -> Self {
        let own = top.properties();
        let definition = own.inner("definition").properties();
        let assessments = definition.list("assessmentDefinitions");
        let id = top.text("id");
        Self {
            name: top.text("name"),
            score_name: id.as_ref().and_then(|id| named_after(id, "secureScores")),
            display_name: own.text("displayName").or_else(|| definition.text("displayName")),
            score: Score::read(&own.inner("score")),
            weight: own.count("weight"),
            healthy: own.count("healthyResourceCount"),
            unhealthy: own.count("unhealthyResourceCount"),
            not_applicable: own.count("notApplicableResourceCount"),
            assessment_keys: assessments.iter().filter_map(|id| named_after(id, "assessmentMetadata")).collect(),
        }
    }
}
