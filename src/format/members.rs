//! The members of a record's JSON object, for formats that rename some and add others: names and values are copied, never re-serialised.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::json::Object;

/// One member of an object, as it stands in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// The name with its quotes and escapes.
    pub quoted: &'a str,
    /// The name itself; what cannot be unescaped (half of a surrogate pair) stands as it is written.
    pub name: Cow<'a, str>,
    /// The value, as JSON.
    pub value: &'a str,
}

impl<'a> Member<'a> {
    fn new(quoted: &'a str, value: &'a str) -> Self {
        let written = quoted.trim_matches('"');
        let name = match written.contains('\\') {
            true => serde_json::from_str(quoted).map_or(Cow::Borrowed(written), Cow::Owned),
            false => Cow::Borrowed(written),
        };
        Self { quoted, name, value }
    }
}

/// The members of the object in `json`, in order, repeated names included; `None` where it is no object.
#[must_use]
pub fn members(json: &str) -> Option<Vec<Member<'_>>> {
    let Pairs(pairs) = serde_json::from_str(json).ok()?;
    Some(pairs.into_iter().map(|(name, value)| Member::new(name.get(), value.get())).collect())
}

/// Appends an object of `members`, whose values `write` writes, and of `added`: names and JSON values.
///
/// No name comes twice, and none of `reserved` comes at all: a member whose name is taken, there, by `added` or by a member before it,
/// gets an underscore at its end (`type_`), and a number where that is taken too (`type_2`). A member that says the same as one of `added`
/// is left to that.
pub fn push(
    out: &mut Vec<u8>,
    members: &[Member<'_>],
    reserved: &[&str],
    added: &[(&str, &str)],
    mut write: impl FnMut(&mut Vec<u8>, &Member<'_>),
) {
    let mut taken: HashSet<Cow<'_, str>> =
        reserved.iter().chain(added.iter().map(|(name, _)| name)).map(|name| Cow::Borrowed(*name)).collect();
    let mut repeats: HashMap<&str, usize> = HashMap::new();
    let mut object = Object::open(out);
    for member in members {
        if added.iter().any(|(name, value)| *name == member.name && *value == member.value) {
            continue;
        }
        let mut name = member.name.clone();
        while taken.contains(&name) {
            let repeat = repeats.entry(&member.name).and_modify(|repeat| *repeat += 1).or_insert(1);
            name = match repeat {
                1 => format!("{}_", member.name),
                repeat => format!("{}_{repeat}", member.name),
            }
            .into();
        }
        write(object.member(&name), member);
        taken.insert(name);
    }
    for (name, value) in added {
        object.json(name, value);
    }
    object.close();
}

/// An object's names and values in order, repeated names included.
struct Pairs<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(PairsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(json: &str, reserved: &[&str], added: &[(&str, &str)]) -> String {
        let mut out = Vec::new();
        push(&mut out, &members(json).unwrap(), reserved, added, |out, member| {
            out.extend_from_slice(member.value.as_bytes());
        });
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_copied_as_they_are_written() {
        let json = r#"{"a":1.50,"b":[1, {"c":"\u00fc"}],"ü":"\ud83d"}"#;
        assert_eq!(pushed(json, &[], &[]), json);
        assert_eq!(pushed("{ }", &[], &[("x", "1")]), r#"{"x":1}"#);
    }

    #[test]
    fn a_name_that_is_taken_gets_an_underscore_and_then_a_number() {
        let json = r#"{"type":1,"type_":2,"id":3,"id":4,"id_3":0,"\u0069d":5,"\u0069d":6,"x":6}"#;
        assert_eq!(
            pushed(json, &["type"], &[("x", "7")]),
            r#"{"type_":1,"type__":2,"id":3,"id_":4,"id_3":0,"id_2":5,"id_4":6,"x_":6,"x":7}"#
        );
        assert_eq!(pushed(r#"{"x":7,"y":8}"#, &[], &[("x", "7")]), r#"{"y":8,"x":7}"#);
    }

    #[test]
    fn a_hundred_thousand_repeats_cost_no_more_than_their_number() {
        let json = format!("{{{}}}", vec!["\"a\":1"; 100_000].join(","));
        assert!(pushed(&json, &[], &[]).len() < 2 * json.len() + 200_000);
    }

    #[test]
    fn a_name_with_half_a_surrogate_pair_is_a_name() {
        assert_eq!(pushed(r#"{"\ud800":1}"#, &[], &[]), r#"{"\\ud800":1}"#);
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        assert_eq!(members("[1]"), None);
        assert_eq!(members("{\"a\":"), None);
        assert_eq!(members("{}"), Some(Vec::new()));
    }
}
