//! Makes a JSON record smaller by meaning: white space goes first, then whole members in a fixed order, then everything but a
//! summary. What comes out is always one JSON object on one line; JSON is never cut.

use std::cmp::Reverse;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::alert::{record_id, resource, signature, status, title};
use super::severity::word;
use super::text::{self, Room};
use crate::event::Event;

/// Members that go first, in this order, without regard to case; of a record with `properties`, those inside it too.
pub const DROP_ORDER: [&str; 12] = [
    "entities",
    "evidence",
    "extendedLinks",
    "remediationSteps",
    "recommendedActions",
    "extendedProperties",
    "supportingEvidence",
    "additionalData",
    "resourceIdentifiers",
    "metadata",
    "comments",
    "description",
];

/// Members that stay as long as anything of the record stays, without regard to case. Every other one goes after [`DROP_ORDER`],
/// the largest first.
pub const KEPT: [&str; 26] = [
    "id",
    "name",
    "type",
    "kind",
    "properties",
    "systemAlertId",
    "alertType",
    "alertDisplayName",
    "displayName",
    "title",
    "severity",
    "alertSeverity",
    "status",
    "timeGenerated",
    "timeGeneratedUtc",
    "startTimeUtc",
    "endTimeUtc",
    "createdDateTime",
    "time",
    "azureResourceId",
    "resourceId",
    "compromisedEntity",
    "intent",
    "category",
    "operationName",
    "productName",
];

/// Appends JSON text on one line: line breaks and tabs between tokens become spaces. Inside strings JSON holds none.
pub fn push_one_line(out: &mut Vec<u8>, json: &str) {
    out.extend(json.bytes().map(|byte| if byte < b' ' { b' ' } else { byte }));
}

/// Appends the event's record, or what of it fits into `max` bytes, and names the members that were dropped: none when everything
/// is there, `*` when only a summary is. `max` must be at least 64.
pub fn push(out: &mut Vec<u8>, event: &Event<'_>, max: usize) -> Vec<String> {
    let compact = compact(event.raw);
    if compact.len() <= max {
        out.extend_from_slice(compact.as_bytes());
        return Vec::new();
    }
    if let Some(mut tree) = Tree::parse(&compact) {
        let dropped = tree.shrink(max);
        if tree.size() <= max {
            tree.push(out);
            return dropped;
        }
    }
    push_summary(out, event, max);
    vec!["*".to_owned()]
}

/// The JSON text without white space between tokens.
#[must_use]
pub fn compact(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    json.chars()
        .filter(|&c| {
            if in_string {
                in_string = escaped || c != '"';
                escaped = !escaped && c == '\\';
                true
            } else {
                in_string = c == '"';
                !matches!(c, ' ' | '\t' | '\r' | '\n')
            }
        })
        .collect()
}

/// The members of an object; those of its `properties` stand by themselves.
struct Tree<'a> {
    members: Vec<Member<'a>>,
}

struct Member<'a> {
    /// The name with its quotes, as JSON.
    quoted: String,
    name: String,
    value: Value<'a>,
    /// Whether it is to be dropped.
    goes: bool,
}

enum Value<'a> {
    Raw(&'a str),
    Tree(Tree<'a>),
}

impl<'a> Tree<'a> {
    fn parse(json: &'a str) -> Option<Self> {
        let mut tree = Self::parse_flat(json)?;
        for member in &mut tree.members {
            if let Value::Raw(raw) = member.value
                && member.name.eq_ignore_ascii_case("properties")
                && let Some(inner) = Self::parse_flat(raw)
            {
                member.value = Value::Tree(inner);
            }
        }
        Some(tree)
    }

    fn parse_flat(json: &'a str) -> Option<Self> {
        let Pairs(pairs) = serde_json::from_str(json).ok()?;
        let member = |(name, value): (String, &'a RawValue)| {
            let quoted = serde_json::to_string(&name).ok()?;
            Some(Member { quoted, name, value: Value::Raw(value.get()), goes: false })
        };
        Some(Self { members: pairs.into_iter().map(member).collect::<Option<_>>()? })
    }

    /// How many bytes [`Tree::push`] appends.
    fn size(&self) -> usize {
        2 + self.members.len().saturating_sub(1) + self.members.iter().map(Member::size).sum::<usize>()
    }

    fn push(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (index, member) in self.members.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(member.quoted.as_bytes());
            out.push(b':');
            match &member.value {
                Value::Raw(raw) => out.extend_from_slice(raw.as_bytes()),
                Value::Tree(inner) => inner.push(out),
            }
        }
        out.push(b'}');
    }

    /// Drops members until the rest fits or only [`KEPT`] are left; returns their names.
    fn shrink(&mut self, max: usize) -> Vec<String> {
        let mut size = self.size();
        let leaves = self.leaves().into_iter();
        let mut candidates: Vec<_> =
            leaves.filter_map(|member| Some((member.rank()?, Reverse(member.size()), member))).collect();
        candidates.sort_by_key(|&(rank, size, _)| (rank, size));
        let mut dropped = Vec::new();
        for (_, Reverse(bytes), member) in candidates {
            if size <= max {
                break;
            }
            // Without its comma, which an only member does not have.
            size -= bytes;
            member.goes = true;
            dropped.push(member.name.clone());
        }
        self.sweep();
        dropped
    }

    /// The members that stand by themselves.
    fn leaves(&mut self) -> Vec<&mut Member<'a>> {
        let mut leaves = Vec::new();
        for member in &mut self.members {
            match member {
                Member { value: Value::Tree(inner), .. } => leaves.extend(&mut inner.members),
                leaf => leaves.push(leaf),
            }
        }
        leaves
    }

    /// Takes out the members that go, all at once: a record may have a hundred thousand.
    fn sweep(&mut self) {
        self.members.retain_mut(|member| {
            if let Value::Tree(inner) = &mut member.value {
                inner.sweep();
            }
            !member.goes
        });
    }
}

impl Member<'_> {
    /// When it goes, counted from 0; `None` for one that stays.
    fn rank(&self) -> Option<usize> {
        let is = |name: &&str| self.name.eq_ignore_ascii_case(name);
        if KEPT.iter().any(is) {
            return None;
        }
        Some(DROP_ORDER.iter().position(is).unwrap_or(DROP_ORDER.len()))
    }

    fn size(&self) -> usize {
        self.quoted.len()
            + 1
            + match &self.value {
                Value::Raw(raw) => raw.len(),
                Value::Tree(tree) => tree.size(),
            }
    }
}

/// An object's members in order, repeated names included.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }
        deserializer.deserialize_map(PairsVisitor).map(Self)
    }
}

/// The event in a few words, with the member names of Defender for Cloud's export where it is an alert.
fn push_summary(out: &mut Vec<u8>, event: &Event<'_>, max: usize) {
    let hex = event.id.hex();
    let time = event.when().to_string();
    let eid = std::str::from_utf8(&hex).unwrap_or_default();
    let (severity, state) = (word(event.severity), event.alert.as_ref().map_or("", |alert| status(alert)));
    let alert = [
        ("eventId", eid),
        ("SystemAlertId", record_id(event)),
        ("AlertType", signature(event)),
        ("AlertDisplayName", title(event)),
        ("Severity", severity),
        ("Status", state),
        ("TimeGenerated", time.as_str()),
        ("AzureResourceId", resource(event)),
    ];
    let other = [
        ("eventId", eid),
        ("id", record_id(event)),
        ("kind", signature(event)),
        ("title", title(event)),
        ("severity", severity),
        ("time", time.as_str()),
        ("resourceId", resource(event)),
        ("", ""),
    ];
    let end = out.len() + max;
    let share = Room::bytes((max / 6).max(hex.len()));
    out.push(b'{');
    for (name, value) in if event.alert.is_some() { alert } else { other } {
        let start = out.len();
        let value = text::trim(value);
        if value.is_empty() {
            continue;
        }
        if out.last() != Some(&b'{') {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":\"");
        text::push(out, value, share, escape_json);
        out.push(b'"');
        if out.len() + 1 > end {
            out.truncate(start);
        }
    }
    out.push(b'}');
}

fn escape_json(c: char) -> Option<&'static str> {
    match c {
        '"' => Some("\\\""),
        '\\' => Some("\\\\"),
        c if text::breaks_line(c) => Some(" "),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::samples::{examples, recommendation};

    fn shrunk(event: &Event<'_>, max: usize) -> (serde_json::Value, Vec<String>) {
        let mut out = Vec::new();
        let dropped = push(&mut out, event, max);
        assert!(out.len() <= max, "{} of {max} bytes", out.len());
        (serde_json::from_slice(&out).unwrap(), dropped)
    }

    #[test]
    fn white_space_between_tokens_goes_first() {
        let event = recommendation();
        let (record, dropped) = shrunk(&event, event.raw.len() - 1);
        assert_eq!(record, serde_json::from_str::<serde_json::Value>(event.raw).unwrap());
        assert!(dropped.is_empty());
    }

    #[test]
    fn members_of_properties_go_before_ids() {
        let (record, dropped) = shrunk(&recommendation(), 500);
        assert_eq!(dropped, ["metadata", "resourceDetails"]);
        assert_eq!(record["properties"]["status"]["code"], "Unhealthy");
        assert_eq!(record["name"], "4ab6e3c5-74dd-8b35-9ab9-f61b30875b27");
    }

    #[test]
    fn every_limit_is_kept_and_every_result_is_json_with_the_event_id_at_the_end() {
        let [a, _] = examples();
        for max in 64..a.event.raw.len() {
            let (record, dropped) = shrunk(&a.event, max);
            assert!(!dropped.is_empty());
            if dropped == ["*"] {
                assert_eq!(record["eventId"], a.event.id.to_string());
            } else {
                assert_eq!(record["Severity"], "High");
            }
        }
    }

    #[test]
    fn strings_keep_their_spaces_and_quotes() {
        assert_eq!(compact("{ \"a b\" :\t\"c\\\" d\\\\\" ,\n\"e\": 1 }"), "{\"a b\":\"c\\\" d\\\\\",\"e\":1}");
    }
}
