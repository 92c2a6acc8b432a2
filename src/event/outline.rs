//! What routes ask of a record besides what every event says: the members that any kind of record may have.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::json::{self, members, mend_surrogates};
use super::{Event, RecordKind, Status};

/// The members that decide where a record goes. Read from the raw record, with keys in any case; what is not there is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// `securityEventDataEnrichment.isSnapshot`: the record is of the weekly full state, not of a change.
    pub is_snapshot: bool,
    /// `securityEventDataEnrichment.action`, as written: `Insert`, `Write`, `Delete`.
    pub action: String,
    /// The category of a log record.
    pub category: String,
    /// `operationName` of a log record.
    pub operation: String,
    /// An alert's status; a recommendation's or finding's `status.code`; a compliance record's `state`; a log's result.
    pub status: String,
    /// The subscription, where a record names it besides its resource id.
    pub subscription: String,
    /// `tags` of the record, or of its `properties`; values that are no scalars are left out.
    pub tags: Vec<(String, String)>,
}

/// The blocks that tell how a record came: the second and third are older duplicates of the first.
const ENRICHMENTS: [&str; 3] =
    ["securityEventDataEnrichment", "assessmentEventDataEnrichment", "subAssessmentEventDataEnrichment"];

impl Outline {
    /// Reads the record of an event: one pass over its bytes.
    #[must_use]
    pub fn of(event: &Event<'_>) -> Self {
        let mended = mend_surrogates(event.raw);
        let top = Members::of(mended.as_deref().unwrap_or(event.raw));
        let bag = top.object("properties");
        let enrichment = ENRICHMENTS.iter().map(|name| top.object(name).or(bag.object(name)));
        let enrichment = enrichment.reduce(Members::or).unwrap_or_default();
        let text = |found: Option<Cow<'_, str>>| found.map(Cow::into_owned).unwrap_or_default();
        let is_log = event.kind.is_log();
        let status = match &event.alert {
            Some(alert) if alert.status != Status::Unknown => Some(Cow::Borrowed(alert.status.name())),
            Some(alert) => alert.status_text.clone(),
            None if is_log => top
                .text("resultType")
                .or_else(|| top.text("status"))
                .or_else(|| top.text("resultSignature"))
                .or_else(|| bag.text("status")),
            None => bag
                .object("status")
                .text("code")
                .or_else(|| bag.text("state"))
                .or_else(|| bag.text("status"))
                .or_else(|| top.text("status")),
        };
        Self {
            is_snapshot: enrichment.text("isSnapshot").is_some_and(|text| text.trim().eq_ignore_ascii_case("true")),
            action: text(enrichment.text("action")),
            category: if is_log { text(top.text("category")) } else { String::new() },
            operation: if is_log { text(top.text("operationName")) } else { String::new() },
            status: text(status),
            subscription: text(top.text("subscriptionId").or_else(|| bag.text("subscriptionId"))),
            tags: top.object("tags").or(bag.object("tags")).scalars(),
        }
    }
}

impl RecordKind {
    /// Whether records of this kind are logs, which have a category and an operation.
    #[must_use]
    pub const fn is_log(self) -> bool {
        matches!(self, Self::ActivityLog | Self::EntraLog | Self::ResourceLog | Self::XdrLog)
    }
}

/// The members of one object; none where it is none.
#[derive(Default)]
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    fn of(text: &'a str) -> Self {
        Self(members(text))
    }

    /// This one, else the other where this one is empty.
    fn or(self, other: Self) -> Self {
        if self.0.is_empty() { other } else { self }
    }

    /// The last member of that name, in any case.
    fn token(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rfind(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, raw)| *raw)
    }

    fn object(&self, name: &str) -> Self {
        self.token(name).filter(|raw| raw.get().starts_with('{')).map_or_else(Self::default, |raw| Self::of(raw.get()))
    }

    /// The member as text; of an object `{value, localizedValue}`, its value.
    fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        let raw = self.token(name)?;
        match raw.get().as_bytes() {
            [b'{', ..] => json::scalar(Self::of(raw.get()).token("value")?),
            _ => json::scalar(raw),
        }
    }

    fn scalars(&self) -> Vec<(String, String)> {
        let scalars = self.0.iter().filter_map(|(key, raw)| Some((key.as_ref().to_owned(), json::scalar(raw)?)));
        scalars.map(|(key, value)| (key, value.into_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::event::decode::{Decoded, Texts, decode};

    fn outline(record: &str) -> Outline {
        let (texts, mut decoded) = (Texts::default(), Decoded::default());
        decode(record.as_bytes(), Timestamp::UNIX_EPOCH, &texts, &mut decoded);
        Outline::of(&decoded.events[0])
    }

    #[test]
    fn snapshots_are_told_in_every_spelling() {
        for flag in [
            r#""securityEventDataEnrichment":{"isSnapshot":true}"#,
            r#""SecurityEventDataEnrichment":{"IsSnapshot":"True"}"#,
            r#""subAssessmentEventDataEnrichment":{"isSnapshot":true}"#,
            r#""properties":{"securityEventDataEnrichment":{"isSnapshot":true}}"#,
        ] {
            let record = format!(r#"{{"type":"Microsoft.Security/assessments",{flag}}}"#);
            assert!(outline(&record).is_snapshot, "{record}");
            assert!(!outline(&record.replace("true", "false").replace("True", "no")).is_snapshot);
        }
        assert!(!outline(r#"{"type":"Microsoft.Security/assessments","isSnapshot":true}"#).is_snapshot);
    }

    #[test]
    fn recommendations_say_their_state_and_tags() {
        let record = r#"{"type":"Microsoft.Security/assessments","tags":{"Env":"prod","n":1,"x":null},
            "properties":{"status":{"code":"Unhealthy"}},"securityEventDataEnrichment":{"action":"Delete"}}"#;
        let outline = outline(record);
        assert_eq!((outline.status.as_str(), outline.action.as_str()), ("Unhealthy", "Delete"));
        assert_eq!(outline.tags, [("Env".to_owned(), "prod".to_owned()), ("n".to_owned(), "1".to_owned())]);
        assert_eq!(outline.category, "");
    }

    #[test]
    fn logs_say_their_category_in_both_shapes() {
        let record = r#"{"time":"2024-01-01T00:00:00Z","category":"AuditLogs","operationName":"Add user","resultType":"Success"}"#;
        let hub = outline(record);
        assert_eq!(
            (hub.category.as_str(), hub.operation.as_str(), hub.status.as_str()),
            ("AuditLogs", "Add user", "Success")
        );
        let record = r#"{"eventTimestamp":"2024-01-01T00:00:00Z","category":{"value":"Administrative"},
            "operationName":{"value":"write"},"status":{"value":"Failed"}}"#;
        let rest = outline(record);
        assert_eq!(
            (rest.category.as_str(), rest.operation.as_str(), rest.status.as_str()),
            ("Administrative", "write", "Failed")
        );
    }
}
