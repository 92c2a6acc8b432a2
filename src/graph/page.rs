//! One page of alerts: the few members that reading needs, and each alert's own bytes.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::{self, ApiError};
use crate::event::{EventId, members, parse_time, scalar};

/// A page, as Graph sends it.
#[derive(Debug, Deserialize)]
pub struct Page<'a> {
    #[serde(borrow)]
    value: Vec<&'a RawValue>,
    /// Where the next page is; the last one has none.
    #[serde(rename = "@odata.nextLink", default)]
    pub next: Option<String>,
}

impl<'a> Page<'a> {
    /// The page in an answer's body.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(body: &'a [u8]) -> Result<Self, ApiError> {
        api::parse(body)
    }

    /// Its alerts.
    #[must_use]
    pub fn items(&self) -> Vec<Item<'a>> {
        self.value.iter().map(|raw| Item::of(raw)).collect()
    }
}

/// One alert of a page, or whatever stands in its place.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    /// Its bytes, as they came.
    pub raw: &'a str,
    /// This version of this alert: a hash of `id` and `lastUpdateDateTime`; of everything, where one of them is missing.
    pub version: EventId,
    /// When it was changed last, by Graph's clock.
    pub changed: Option<Timestamp>,
    pub(super) source: Option<Cow<'a, str>>,
    pub(super) component: Option<Cow<'a, str>>,
    pub(super) product: Option<Cow<'a, str>>,
}

impl<'a> Item<'a> {
    /// Looks at an alert.
    pub(super) fn of(raw: &'a RawValue) -> Self {
        let members = members(raw.get());
        let text = |name: &str| members.iter().find(|(key, _)| key == name).and_then(|(_, value)| scalar(value));
        let changed = text("lastUpdateDateTime");
        let version = match text("id").zip(changed.as_deref()) {
            Some((id, changed)) => EventId::of(format!("{id}\0{changed}").as_bytes()),
            None => EventId::of(raw.get().as_bytes()),
        };
        Self {
            raw: raw.get(),
            version,
            changed: changed.as_deref().and_then(parse_time),
            source: text("serviceSource"),
            component: text("detectionSource"),
            product: text("productName"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(body: &str) -> Vec<String> {
        Page::parse(body.as_bytes()).unwrap().items().iter().map(|item| item.version.to_string()).collect()
    }

    #[test]
    fn a_version_is_an_id_and_a_time() {
        let page = r#"{"value":[{"id":"a","lastUpdateDateTime":"2026-11-23T07:00:00Z","x":1},
            {"id":"a","lastUpdateDateTime":"2026-11-23T07:00:00Z","x":2},{"id":"a","lastUpdateDateTime":"2026-11-23T07:00:01Z"},
            {"id":"b","lastUpdateDateTime":"2026-11-23T07:00:00Z"},{"id":"a"},{"id":"a","y":1},7,null,"x"]}"#;
        let versions = versions(page);
        assert_eq!(versions[0], versions[1]);
        let mut others = versions[1..].to_vec();
        others.sort_unstable();
        others.dedup();
        assert_eq!(others.len(), versions.len() - 1);
    }

    #[test]
    fn bytes_stay_what_they_were() {
        let page = Page::parse(br#" {"@odata.nextLink":"n","value":[ {"id" : "\ud800", "n":1.0} ],"z":{}} "#).unwrap();
        assert_eq!((page.items()[0].raw, page.next.as_deref()), (r#"{"id" : "\ud800", "n":1.0}"#, Some("n")));
        for bad in ["", "[]", "{}", r#"{"value":{}}"#, r#"{"value":[{]}"#] {
            assert!(matches!(Page::parse(bad.as_bytes()), Err(ApiError::Strange(_))), "{bad}");
        }
    }
}
