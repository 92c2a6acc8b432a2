//! Makes a JSON record smaller by meaning: white space goes first, then whole members in a fixed order, then everything but a
//! summary. What comes out is always one JSON object on one line; JSON is never cut.

use std::borrow::Cow;
use std::cmp::Reverse;

use super::alert::{record_id, resource, signature, status, title};
use super::json::write_text;
use super::members::members;
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

/// Appends what `write` makes of the record, in at most `max` bytes: of the whole record, else of what is left after members were dropped,
/// whose names `write` gets and should write down. `max` must be at least 2,048, and `write` may make little more than twice of what it gets.
///
/// # Errors
/// Those of `write`.
pub fn fit<E>(
    out: &mut Vec<u8>,
    event: &Event<'_>,
    max: usize,
    write: impl Fn(&mut Vec<u8>, &str, &[String]) -> Result<(), E>,
) -> Result<(), E> {
    let start = out.len();
    write(out, event.raw, &[])?;
    let mut room = max - NAMES_BYTES - 128;
    while out.len() - start > max && room >= 64 {
        out.truncate(start);
        let mut record = Vec::new();
        let dropped = push(&mut record, event, room);
        write(out, &String::from_utf8_lossy(&record), &dropped)?;
        room /= 2;
    }
    Ok(())
}

/// Most bytes that [`push_names`] appends.
const NAMES_BYTES: usize = 512;

/// The names of dropped members as a JSON list: as many as have room in 512 bytes, and `…` for the others.
#[must_use]
pub fn names(dropped: &[String]) -> String {
    let mut out = Vec::new();
    push_names(&mut out, dropped);
    String::from_utf8_lossy(&out).into_owned()
}

fn push_names(out: &mut Vec<u8>, dropped: &[String]) {
    const LONGEST: usize = 64;
    const REST: &[u8] = ",\"…\"".as_bytes();
    let end = out.len() + NAMES_BYTES - REST.len() - 1;
    out.push(b'[');
    for (place, name) in dropped.iter().enumerate() {
        let start = out.len();
        if place > 0 {
            out.push(b',');
        }
        write_text(out, &name[..name.floor_char_boundary(LONGEST)]);
        if out.len() > end {
            out.truncate(start);
            out.extend_from_slice(REST);
            break;
        }
    }
    out.push(b']');
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
    quoted: &'a str,
    name: Cow<'a, str>,
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
        let members = members(json)?.into_iter();
        let leaf = |member: super::members::Member<'a>| {
            let super::members::Member { quoted, name, value } = member;
            Member { quoted, name, value: Value::Raw(value), goes: false }
        };
        Some(Self { members: members.map(leaf).collect() })
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
            dropped.push(member.name.clone().into_owned());
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
    fn names_of_dropped_members_are_a_bounded_list() {
        let list = |names: &[&str]| {
            let mut out = Vec::new();
            push_names(&mut out, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
            assert!(out.len() <= NAMES_BYTES, "{} bytes", out.len());
            serde_json::from_slice::<Vec<String>>(&out).unwrap()
        };
        assert_eq!(list(&["Entities", "a\"b"]), ["Entities", "a\"b"]);
        assert_eq!(list(&[]), Vec::<String>::new());
        let many = list(&["\u{1}".repeat(1000).as_str(), "Entities", &"é".repeat(99), "last", &"\u{1}".repeat(99)]);
        assert_eq!(many.iter().map(String::len).collect::<Vec<_>>(), [64, 8, 64, 4, 3]);
        assert_eq!(many[4], "…");
    }

    #[test]
    fn strings_keep_their_spaces_and_quotes() {
        assert_eq!(compact("{ \"a b\" :\t\"c\\\" d\\\\\" ,\n\"e\": 1 }"), "{\"a b\":\"c\\\" d\\\\\",\"e\":1}");
    }
}
