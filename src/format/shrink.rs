//! Makes a JSON record smaller by meaning: white space goes first, then whole members in a fixed order, then everything but a
//! summary. What comes out is always one JSON object on one line; JSON is never cut.

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
fn compact(json: &str) -> String {
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
            Some(Member { quoted, name, value: Value::Raw(value.get()) })
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
        let mut candidates = self.candidates();
        candidates.sort_by_key(|candidate| (candidate.rank, std::cmp::Reverse(candidate.size)));
        let mut size = self.size();
        let mut going = Vec::new();
        for candidate in candidates {
            if size <= max {
                break;
            }
            // Without its comma, which an only member does not have.
            size -= candidate.size;
            going.push(candidate);
        }
        let dropped = going.iter().map(|candidate| candidate.name.clone()).collect();
        let mut places: Vec<Place> = going.into_iter().map(|candidate| candidate.place).collect();
        // From the back, so that the places of the others stay right; inner places before their outer one.
        places.sort_by(|a, b| b.cmp(a));
        for place in places {
            self.remove(place);
        }
        dropped
    }

    fn candidates(&self) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for (outer, member) in self.members.iter().enumerate() {
            if let Value::Tree(inner) = &member.value {
                for (index, member) in inner.members.iter().enumerate() {
                    candidates.extend(Candidate::new(member, (outer, Some(index))));
                }
            } else {
                candidates.extend(Candidate::new(member, (outer, None)));
            }
        }
        candidates
    }

    fn remove(&mut self, (outer, inner): Place) {
        match (inner, &mut self.members[outer].value) {
            (Some(index), Value::Tree(tree)) => {
                tree.members.remove(index);
            }
            _ => {
                self.members.remove(outer);
            }
        }
    }
}

impl Member<'_> {
    fn size(&self) -> usize {
        self.quoted.len()
            + 1
            + match &self.value {
                Value::Raw(raw) => raw.len(),
                Value::Tree(tree) => tree.size(),
            }
    }
}

/// Index of the member, and within it for a member of `properties`.
type Place = (usize, Option<usize>);

/// A member that may go.
struct Candidate {
    place: Place,
    name: String,
    rank: usize,
    size: usize,
}

impl Candidate {
    fn new(member: &Member<'_>, place: Place) -> Option<Self> {
        let is = |name: &&str| member.name.eq_ignore_ascii_case(name);
        if KEPT.iter().any(|name| is(name)) {
            return None;
        }
        let rank = DROP_ORDER.iter().position(|name| is(&name)).unwrap_or(DROP_ORDER.len());
        Some(Self { place, name: member.name.clone(), rank, size: member.size() })
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
