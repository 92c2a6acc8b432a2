//! The members of one object that some rule asks for, found in one pass whatever the casing of the keys.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::key::Key;
use super::texts::Texts;
use super::{json, parse_time};

/// How many members of an alert have a key.
const TYPICAL: usize = 32;

/// The members of one object that have a [`Key`], as JSON tokens. Of members with the same key the last one counts.
pub(super) struct Fields<'a> {
    tokens: Vec<&'a RawValue>,
    /// By key: one more than the place among the tokens, 0 for none.
    places: [u8; Key::COUNT],
    /// How many members the object has, of any name.
    pub(super) members: usize,
}

impl<'a> Fields<'a> {
    /// No members at all.
    pub(super) const NONE: Self = Self { tokens: Vec::new(), places: [0; Key::COUNT], members: 0 };

    /// Reads an object; anything else has no members.
    pub(super) fn of(text: &'a str) -> Self {
        serde_json::from_str(text).unwrap_or(Self::NONE)
    }

    /// The member's token, unless it is `null`.
    pub(super) fn token(&self, key: Key) -> Option<&'a RawValue> {
        let place = usize::from(self.places[key as usize]).checked_sub(1)?;
        self.tokens.get(place).copied().filter(|raw| raw.get() != "null")
    }

    fn put(&mut self, key: Key, token: &'a RawValue) {
        match self.places[key as usize] {
            0 => {
                self.tokens.push(token);
                // There are fewer keys than a byte can count.
                self.places[key as usize] = u8::try_from(self.tokens.len()).unwrap_or_default();
            }
            place => self.tokens[usize::from(place) - 1] = token,
        }
    }

    /// Whether the member is there and not `null`.
    pub(super) fn has(&self, key: Key) -> bool {
        self.token(key).is_some()
    }

    /// The member as text (see [`json::scalar`]); of an object `{value, localizedValue}`, its value.
    pub(super) fn text(&self, key: Key) -> Option<Cow<'a, str>> {
        let raw = self.token(key)?;
        match raw.get().as_bytes() {
            [b'{', ..] => json::scalar(Self::of(raw.get()).token(Key::Value)?),
            _ => json::scalar(raw),
        }
    }

    /// The first of these members that has text.
    pub(super) fn first(&self, keys: &[Key]) -> Option<Cow<'a, str>> {
        keys.iter().find_map(|&key| self.text(key))
    }

    /// The first of these members that is a time.
    pub(super) fn time(&self, keys: &[Key]) -> Option<Timestamp> {
        keys.iter().find_map(|&key| parse_time(&self.text(key)?))
    }

    /// The member as a container, opened where it is JSON inside a string.
    pub(super) fn container(&self, key: Key, texts: &'a Texts) -> Option<&'a RawValue> {
        json::container(self.token(key)?, texts)
    }

    /// The members of an object that is a member of this one.
    pub(super) fn inner(&self, key: Key, texts: &'a Texts) -> Self {
        self.container(key, texts).map_or(Self::NONE, |raw| Self::of(raw.get()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Fields { tokens: Vec::with_capacity(TYPICAL), ..Fields::NONE };
                while let Some(Named(key)) = map.next_key()? {
                    fields.members += 1;
                    match key {
                        Some(key) => fields.put(key, map.next_value()?),
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// A key as it is read.
struct Named(Option<Key>);

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = Named;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, name: &str) -> Result<Named, E> {
                Ok(Named(Key::named(name)))
            }
        }

        deserializer.deserialize_str(Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_match_in_any_case_and_the_last_duplicate_counts() {
        let fields = Fields::of(r#"{"SYSTEMALERTID":"a","other":{"id":[]},"systemAlertId":"b\n","SeVerItY":null}"#);
        assert_eq!(fields.text(Key::SystemAlertId).as_deref(), Some("b\n"));
        assert!(!fields.has(Key::Severity));
        assert_eq!(fields.members, 4);
    }

    #[test]
    fn texts_of_every_type() {
        let fields =
            Fields::of(r#"{"a":1,"Level":4,"Status":{"value":"Active"},"Title":"<null>","Id":true,"Name":" "}"#);
        assert_eq!(fields.text(Key::Level).as_deref(), Some("4"));
        assert_eq!(fields.text(Key::Status).as_deref(), Some("Active"));
        assert_eq!(fields.text(Key::Id).as_deref(), Some("true"));
        assert_eq!(fields.text(Key::Title), None);
        assert_eq!(fields.text(Key::Name), None);
        assert_eq!(Fields::of("[1]").members, 0);
    }
}
