//! The members of one object, for the many names that few rules ask for; see [`super::fields`] for the few that every record is asked for.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::texts::Texts;
use super::{json, parse_time};

/// The members of one object. Names match in any case; of members with the same name the last one counts.
#[derive(Clone)]
pub(super) struct Bag<'a> {
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
    texts: &'a Texts,
}

impl<'a> Bag<'a> {
    /// Reads an object; anything else has no members.
    pub(super) fn of(text: &'a str, texts: &'a Texts) -> Self {
        Self { members: json::members(text), texts }
    }

    /// Whether there are no members.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The member's token, unless it is `null`.
    pub(super) fn token(&self, name: &str) -> Option<&'a RawValue> {
        let (_, raw) = self.members.iter().rfind(|(own, _)| own.eq_ignore_ascii_case(name))?;
        Some(*raw).filter(|raw| raw.get() != "null")
    }

    /// The member as text; of an object `{value, localizedValue}`, its value. What stands for "nothing" is absent: blank texts, `<null>`,
    /// `N/A`.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        let raw = self.token(name)?;
        let text = match raw.get().as_bytes() {
            [b'{', ..] => json::scalar(Bag::of(raw.get(), self.texts).token("value")?),
            _ => json::scalar(raw),
        };
        text.filter(|text| !text.trim().eq_ignore_ascii_case("N/A"))
    }

    /// The first of these members that has text.
    pub(super) fn first(&self, names: &[&str]) -> Option<Cow<'a, str>> {
        names.iter().find_map(|name| self.text(name))
    }

    /// The first of these members that is a time.
    pub(super) fn time(&self, names: &[&str]) -> Option<Timestamp> {
        names.iter().find_map(|name| parse_time(&self.text(name)?))
    }

    /// A number, whether it came as one or as text.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.text(name)?.trim().parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// A number of things; `12.0` is twelve.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        let text = self.text(name)?;
        let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        fraction.bytes().all(|digit| digit == b'0').then(|| whole.parse().ok()).flatten()
    }

    /// A truth value, whether it came as one or as text in any case.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        let text = self.text(name)?;
        let is = |word: &str| text.trim().eq_ignore_ascii_case(word);
        if is("true") { Some(true) } else { is("false").then_some(false) }
    }

    /// The member as a container, opened where it is JSON inside a string.
    pub(super) fn container(&self, name: &str) -> Option<&'a RawValue> {
        let raw = json::container(self.token(name)?, self.texts)?;
        raw.get().starts_with(['{', '[']).then_some(raw)
    }

    /// The members of an object that is a member of this one.
    pub(super) fn inner(&self, name: &str) -> Self {
        self.opened(self.container(name))
    }

    /// The members of a container that was taken from this one.
    pub(super) fn opened(&self, container: Option<&'a RawValue>) -> Self {
        Self::of(container.map_or("{}", RawValue::get), self.texts)
    }

    /// A record's `properties`; where it has none, the record itself.
    pub(super) fn properties(&self) -> Self {
        let own = self.inner("properties");
        if own.is_empty() { self.clone() } else { own }
    }

    /// The texts of a list; of an object in it, its id or name, else its first text. Of a map, its names. One text that is neither is a list
    /// of one.
    pub(super) fn list(&self, name: &str) -> Vec<Cow<'a, str>> {
        let Some(list) = self.container(name) else { return self.text(name).into_iter().collect() };
        let Some(items) = self.items(list) else {
            return self.opened(Some(list)).entries().into_iter().map(|(name, _)| name).collect();
        };
        let text_of = |raw: &'a RawValue| match raw.get().as_bytes() {
            [b'{', ..] => {
                let object = self.opened(Some(raw));
                let named = object.first(&["id", "name", "displayName", "title", "value"]);
                named.or_else(|| object.entries().into_iter().find_map(|(_, raw)| json::scalar(raw)))
            }
            _ => json::scalar(raw),
        };
        items.into_iter().filter_map(text_of).collect()
    }

    /// The objects of a list that is a member of this one; of a single object, that one.
    pub(super) fn objects(&self, name: &str) -> Vec<Self> {
        let Some(list) = self.container(name) else { return Vec::new() };
        let found = self.items(list).unwrap_or_else(|| vec![list]);
        let objects = found.into_iter().filter_map(|raw| json::container(raw, self.texts));
        objects.filter(|raw| raw.get().starts_with('{')).map(|raw| self.opened(Some(raw))).collect()
    }

    /// How many elements the list has that is a member of this one.
    pub(super) fn length(&self, name: &str) -> Option<usize> {
        self.items(self.container(name)?).map(|items| items.len())
    }

    /// The elements of a list, also of one that names its .NET type: `{"$type":"…","$values":[…]}`. None of any other object.
    fn items(&self, list: &'a RawValue) -> Option<Vec<&'a RawValue>> {
        match list.get().starts_with('[') {
            true => serde_json::from_str(list.get()).ok(),
            false => self.items(self.opened(Some(list)).token("$values")?),
        }
    }

    /// The members that are objects, with their names as written.
    pub(super) fn objects_by_name(self) -> Vec<(Cow<'a, str>, Self)> {
        let texts = self.texts;
        let objects = self.entries().into_iter().filter(|(_, raw)| raw.get().starts_with('{'));
        objects.map(|(name, raw)| (name, Self::of(raw.get(), texts))).collect()
    }

    /// Every member that has a value: its name as it is written, and its value, opened where it is JSON inside a string. The .NET type
    /// (`$type`) is no member.
    pub(super) fn entries(self) -> Vec<(Cow<'a, str>, &'a RawValue)> {
        let texts = self.texts;
        let said = self.members.into_iter().filter(|(name, raw)| raw.get() != "null" && name != "$type");
        said.map(|(name, raw)| (name, json::container(raw, texts).unwrap_or(raw))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_every_form() {
        let texts = Texts::default();
        let bag = Bag::of(
            r#"{"A":1,"a":"2.50","N":"12.0","F":"False","t":true,"gone":null,"na":"N/A","o":{"Value":"v"},"l":["x",{"id":"y"},null,3],
                "j":"{\"K\":[\"z\"]}","s":"one","e":""}"#,
            &texts,
        );
        assert_eq!((bag.text("A").as_deref(), bag.number("a")), (Some("2.50"), Some(2.5)));
        assert_eq!((bag.count("n"), bag.count("a"), bag.count("gone")), (Some(12), None, None));
        assert_eq!((bag.flag("f"), bag.flag("T"), bag.flag("s")), (Some(false), Some(true), None));
        assert_eq!((bag.text("na"), bag.text("e"), bag.text("gone")), (None, None, None));
        assert_eq!(bag.first(&["gone", "o"]).as_deref(), Some("v"));
        assert_eq!(bag.list("l"), ["x", "y", "3"]);
        assert_eq!((bag.list("s"), bag.list("e")), (vec!["one".into()], Vec::<Cow<'_, str>>::new()));
        assert_eq!(bag.inner("J").list("k"), ["z"]);
        assert!(bag.inner("s").is_empty());
        assert_eq!(bag.entries().len(), 11);
        let typed = Bag::of(
            r#"{"$type":"t","l":{"$type":"List","$values":["x",{"$type":"y","Link":"z"}]},"m":{"$type":"t","Initial Access":["T1"]}}"#,
            &texts,
        );
        assert_eq!(
            (typed.list("l"), typed.length("l"), typed.objects("l").len()),
            (vec!["x".into(), "z".into()], Some(2), 1)
        );
        assert_eq!(
            (typed.list("m"), typed.length("m"), typed.objects("m").len()),
            (vec!["Initial Access".into()], None, 1)
        );
        assert_eq!(typed.entries().len(), 2);
        assert!(Bag::of("[1]", &texts).is_empty());
    }
}
