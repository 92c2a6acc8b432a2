//! [CloudEvents 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md) in structured mode: attributes and
//! the record in one JSON object.

use std::borrow::Cow;

use super::json::Object;
use super::record;
use crate::event::{Event, RecordKind, Severity, segment_after};

/// The media type of a structured event.
pub const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// Where an event comes from when neither the settings nor the record say.
const NOWHERE: &str = "/providers/Microsoft.Security";

/// The first instant that RFC 3339 can write, 0001-01-01T00:00:00Z, in seconds since 1970.
const FIRST_SECOND: i64 = -62_135_596_800;

/// What the settings decide of an event's attributes.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Reverse domain name before the record kind in `type`: `{prefix}.alert.v1`.
    pub type_prefix: String,
    /// `source` of every event; by default the subscription that the record is about, or the tenant of a log.
    pub source: Option<String>,
}

impl Envelope {
    /// Appends the event: `id` is the event id, `type` `{prefix}.{kind}.v1`, `subject` the alert or the resource, `data` the record's own
    /// bytes; `severity` and `outcome` are extension attributes, so that brokers can filter without opening `data`.
    pub fn write(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        let mut object = Object::open(out);
        object.text("specversion", "1.0");
        object.text("id", &event.id.to_string());
        match &self.source {
            Some(source) => object.text("source", source),
            None => object.text("source", &source(event)),
        }
        object.text("type", &format!("{}.{}.v1", self.type_prefix, event.kind.name()));
        let subject = printable(subject(event));
        object.optional("subject", Some(&*subject).filter(|subject| !subject.is_empty()));
        if event.when().as_second() >= FIRST_SECOND {
            object.text("time", &event.when().to_string());
        }
        if event.severity != Severity::Unknown {
            object.text("severity", event.severity.name());
        }
        object.optional("outcome", Some(record::outcome(event)).filter(|outcome| !outcome.is_empty()));
        object.text("datacontenttype", "application/json");
        object.json("data", event.raw);
        object.close();
    }
}

/// What the event is about: of an alert or an incident itself, of any other record its resource, else its own id.
fn subject<'e>(event: &'e Event<'_>) -> &'e str {
    let own = event.key.as_deref().unwrap_or_default();
    match event.kind {
        RecordKind::Alert | RecordKind::IotAlert | RecordKind::Incident => own,
        _ => Some(record::resource(event)).filter(|resource| !resource.is_empty()).unwrap_or(own),
    }
}

/// The subscription that the event is about, else the tenant of a log; ids of characters that may stand in a URI, so in practice GUIDs.
fn source(event: &Event<'_>) -> Cow<'static, str> {
    let legal = |id: &&str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let tenant = || {
        let of_log = || event.log().and_then(|log| log.tenant_id.as_deref());
        segment_after(record::resource(event), "tenants").or_else(of_log).filter(legal)
    };
    match record::subscription(event).filter(legal) {
        Some(subscription) => format!("/subscriptions/{subscription}").into(),
        None => tenant().map_or(NOWHERE.into(), |tenant| format!("/tenants/{tenant}").into()),
    }
}

/// Without the control characters that no CloudEvents attribute may hold (section "Type System", String).
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::event::{EventId, RecordKind};

    fn write(resource: Option<&'static str>, key: Option<&'static str>, time: &str) -> Value {
        let event = Event {
            id: EventId::of(b"x"),
            kind: RecordKind::ActivityLog,
            raw: "{\"a\" : 1}",
            key: key.map(Into::into),
            title: None,
            resource: resource.map(Into::into),
            time: Some(time.parse().unwrap()),
            seen: "2026-02-06T00:00:00Z".parse().unwrap(),
            taken: "2026-02-06T00:00:00Z".parse().unwrap(),
            severity: Severity::Unknown,
            alert: None,
            details: Default::default(),
        };
        let mut out = Vec::new();
        Envelope { type_prefix: "org.example".to_owned(), source: None }.write(&event, &mut out);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn the_source_is_the_subscription_where_it_is_fit_for_a_uri() {
        let source = |resource| write(resource, None, "2026-02-05T00:00:00Z")["source"].as_str().unwrap().to_owned();
        assert_eq!(source(Some("/SUBSCRIPTIONS/7d3c-1/RESOURCEGROUPS/x")), "/subscriptions/7d3c-1");
        assert_eq!(source(Some("/tenants/t-1/providers/x")), "/tenants/t-1");
        for other in [None, Some("/tenants/a b"), Some("/subscriptions/"), Some("/subscriptions/a b/x")] {
            assert_eq!(source(other), "/providers/Microsoft.Security", "{other:?}");
        }
    }

    #[test]
    fn attributes_hold_no_control_characters_and_no_time_that_rfc_3339_cannot_write() {
        let event = write(None, Some("a\r\n\u{85}b"), "-000001-01-01T00:00:00Z");
        assert_eq!(event["subject"], "ab");
        assert_eq!(event.get("time"), None);
        assert_eq!(write(None, Some("\n"), "2026-02-05T00:00:00Z").get("subject"), None);
    }

    #[test]
    fn the_subject_is_the_resource_and_without_one_the_records_id() {
        let subject = |resource, key| write(resource, key, "2026-02-05T00:00:00Z")["subject"].clone();
        assert_eq!(subject(Some("/subscriptions/a/r"), Some("k")), "/subscriptions/a/r");
        assert_eq!(subject(None, Some("k")), "k");
        assert_eq!(subject(None, None), Value::Null);
    }

    #[test]
    fn attribute_names_are_lower_case_letters_and_digits() {
        let event = write(None, Some("k"), "2026-02-05T00:00:00Z");
        let legal = |name: &String| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        assert!(event.as_object().unwrap().keys().all(legal), "{event}");
        assert_eq!(event["type"], "org.example.activity_log.v1");
    }
}
