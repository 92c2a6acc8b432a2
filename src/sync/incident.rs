//! A Sentinel incident as the API gives it, and what is sent back: a PUT replaces the whole, so everything that was read goes back as it came,
//! but for what is meant to change. Incidents API, version 2025-09-01.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::value::{RawValue, to_raw_value};

use super::rules::Change;
use super::status::{Classification, IncidentStatus};
use crate::api::ApiError;

type Members = BTreeMap<String, Box<RawValue>>;

/// What a closing needs to be told.
const CLOSING: [&str; 3] = ["classification", "classificationReason", "classificationComment"];

/// An incident.
#[derive(Clone, Debug)]
pub struct Incident {
    /// Its name.
    pub(super) name: String,
    /// Its version; without one it cannot be changed safely.
    pub(super) etag: String,
    /// Its status.
    pub(super) status: IncidentStatus,
    /// Why it was closed.
    pub(super) classification: Option<Classification>,
    /// What was said when it was closed.
    pub(super) comment: String,
    /// When it was changed last.
    pub(super) modified: Timestamp,
    whole: Members,
    properties: Members,
}

impl Incident {
    /// Reads an incident.
    ///
    /// # Errors
    /// When it lacks what is needed.
    pub fn parse(json: &str) -> Result<Self, ApiError> {
        let strange = |what: &str| ApiError::Strange(format!("an incident of Sentinel without {what}"));
        let whole: Members = serde_json::from_str(json).map_err(|_| strange("its members"))?;
        let properties: Members = whole
            .get("properties")
            .and_then(|properties| serde_json::from_str(properties.get()).ok())
            .ok_or_else(|| strange("properties"))?;
        let status = text(&properties, "status");
        let modified = ["lastModifiedTimeUtc", "createdTimeUtc"]
            .iter()
            .find_map(|name| crate::event::parse_time(&text(&properties, name)))
            .ok_or_else(|| strange("the time of its last change"))?;
        let etag = text(&whole, "etag");
        if etag.is_empty() {
            return Err(strange("an etag"));
        }
        Ok(Self {
            name: text(&whole, "name"),
            etag,
            status: IncidentStatus::parse(&status).ok_or_else(|| strange("a status that we know"))?,
            classification: Classification::parse(&text(&properties, "classification")),
            comment: text(&properties, "classificationComment"),
            modified,
            whole,
            properties,
        })
    }

    /// The body that changes it so, and nothing else. The `etag` in it makes the service refuse it when somebody was faster.
    ///
    /// # Errors
    /// When it cannot be written, which no JSON does.
    pub fn changed(&self, change: Change, classification: Classification, comment: &str) -> Result<Bytes, ApiError> {
        let strange = |error: serde_json::Error| ApiError::Strange(error.to_string());
        let mut properties = self.properties.clone();
        let mut set = |name: &str, value: &str| {
            to_raw_value(value).map(|value| drop(properties.insert(name.to_owned(), value))).map_err(strange)
        };
        set("status", change.to().name())?;
        if matches!(change, Change::Close { .. }) {
            set("classification", classification.name())?;
            set("classificationComment", comment)?;
            if let Some(reason) = classification.reason() {
                set("classificationReason", reason)?;
            } else {
                properties.remove("classificationReason");
            }
        } else {
            // They tell of a closing that is no more.
            CLOSING.iter().for_each(|name| drop(properties.remove(*name)));
        }
        let mut whole = self.whole.clone();
        whole.insert("properties".to_owned(), to_raw_value(&properties).map_err(strange)?);
        serde_json::to_vec(&whole).map(Bytes::from).map_err(strange)
    }
}

/// The text of that member; empty where there is none.
fn text(members: &Members, name: &str) -> String {
    members.get(name).and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn incident(properties: &Value) -> Incident {
        let whole =
            json!({"id": "/x", "name": "7", "etag": "\"e\"", "type": "t", "properties": properties, "new": [1]});
        Incident::parse(&whole.to_string()).unwrap()
    }

    fn open() -> Value {
        json!({"title": "T", "severity": "High", "status": "New", "lastModifiedTimeUtc": "2026-11-22T09:55:00.1234567Z",
            "owner": {"assignedTo": "A"}, "labels": [{"labelName": "l"}], "description": "D", "unknown": {"n": 1}})
    }

    #[test]
    fn everything_that_was_read_goes_back() {
        let body = incident(&open())
            .changed(Change::Close { dismissed: false }, Classification::Undetermined, "said")
            .unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let mut wanted = open();
        wanted["status"] = json!("Closed");
        wanted["classification"] = json!("Undetermined");
        wanted["classificationComment"] = json!("said");
        assert_eq!(
            body,
            json!({"id": "/x", "name": "7", "etag": "\"e\"", "type": "t", "properties": wanted, "new": [1]})
        );
    }

    #[test]
    fn numbers_keep_their_digits() {
        let text = r#"{"name":"7","etag":"e","properties":{"status":"New","createdTimeUtc":"2026-11-22T09:55:00Z","n":1.10e400}}"#;
        let body = Incident::parse(text).unwrap().changed(Change::Activate, Classification::Undetermined, "").unwrap();
        assert!(String::from_utf8(body.to_vec()).unwrap().contains("\"n\":1.10e400"));
    }

    #[test]
    fn a_reopened_incident_tells_no_more_why_it_was_closed() {
        let mut closed = open();
        closed["status"] = json!("Closed");
        closed["classification"] = json!("FalsePositive");
        closed["classificationReason"] = json!("InaccurateData");
        closed["classificationComment"] = json!("said");
        let closed = incident(&closed);
        assert_eq!((closed.classification, closed.comment.as_str()), (Some(Classification::FalsePositive), "said"));
        let change = Change::Reopen { to: IncidentStatus::New };
        let body: Value =
            serde_json::from_slice(&closed.changed(change, Classification::Undetermined, "").unwrap()).unwrap();
        assert_eq!(body["properties"], open());
    }

    #[test]
    fn reasons_go_with_their_classification() {
        for (classification, reason) in [
            (Classification::TruePositive, json!("SuspiciousActivity")),
            (Classification::BenignPositive, json!("SuspiciousButExpected")),
            (Classification::FalsePositive, json!("InaccurateData")),
            (Classification::Undetermined, Value::Null),
        ] {
            let mut before = open();
            before["classificationReason"] = json!("left over");
            let body = incident(&before).changed(Change::Close { dismissed: true }, classification, "").unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["properties"].get("classificationReason").cloned().unwrap_or_default(), reason);
        }
    }

    #[test]
    fn what_cannot_be_changed_safely_is_refused() {
        let good = json!({"name": "7", "etag": "e", "properties": open()});
        for (path, what) in [
            ("/etag", "etag"),
            ("/properties/status", "status"),
            ("/properties/lastModifiedTimeUtc", "time"),
            ("/properties", "properties"),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(path).unwrap() = json!(7);
            let error = Incident::parse(&bad.to_string()).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        assert!(Incident::parse("[]").is_err());
    }
}
