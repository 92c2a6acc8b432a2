//! How the incident of an alert is searched for.

use serde::{Deserialize, Serialize};

use super::Xsoar;
use super::incident::fact;
use super::row::{MIRROR_ID, Row};
use crate::format::json::Object;
use crate::parcel::HttpParcel;

/// Where the incident of an alert is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum MatchBy {
    /// `dbotMirrorId`, which every incident has; some versions drop it from new ones.
    Mirror,
    /// `mdcalertid`, a custom field.
    Field,
}

impl MatchBy {
    /// The name in queries.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Mirror => MIRROR_ID,
            Self::Field => fact::ALERT_ID,
        }
    }

    /// The incident's own value.
    pub(super) fn value(self, row: &Row<'_>) -> Option<String> {
        match self {
            Self::Mirror => row.text(MIRROR_ID),
            Self::Field => row.field(fact::ALERT_ID),
        }
    }
}

/// Where it is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Matching {
    /// At first.
    pub(super) first: MatchBy,
    /// Where nothing was found.
    second: Option<MatchBy>,
}

impl Matching {
    /// The words of `MATCH_BY`.
    pub(super) const WORDS: &[(&str, Self)] = &[
        ("both", Self { first: MatchBy::Mirror, second: Some(MatchBy::Field) }),
        (MIRROR_ID, Self { first: MatchBy::Mirror, second: None }),
        (fact::ALERT_ID, Self { first: MatchBy::Field, second: None }),
    ];

    /// Where to look after this.
    pub(super) fn after(self, by: MatchBy) -> Option<MatchBy> {
        self.second.filter(|_| by == self.first)
    }

    /// Where this incident can be found again.
    pub(super) fn holding(self, row: &Row<'_>) -> Option<MatchBy> {
        [Some(self.first), self.second].into_iter().flatten().find(|by| by.value(row).is_some())
    }
}

/// A search that finds nothing.
pub(super) fn probe(xsoar: &Xsoar) -> HttpParcel {
    let query = query(xsoar.matching.first, "mdc-probe", 1, xsoar.lookback_days);
    xsoar.access.post(&xsoar.access.search, query)
}

/// The body of a search. The value is made of letters, digits, `-`, `_` and `.` alone, so between quotes it is nothing but itself.
pub(super) fn query(by: MatchBy, value: &str, size: u8, days: u32) -> Vec<u8> {
    let mut body = Vec::new();
    let mut object = Object::open(&mut body);
    object.group("filter", |filter| {
        filter.text("query", &format!("{}:\"{value}\"", by.name()));
        filter.json("size", &size.to_string());
        filter.group("period", |period| {
            period.text("by", "day");
            period.json("fromValue", &days.to_string());
        });
    });
    object.close();
    body
}
