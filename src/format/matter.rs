//! Matters that people follow up until they are settled: what recommendations, findings and attack paths say to destinations with tickets.
//!
//! An alert is a matter as well, with a life of its own; those destinations read it from [`Alert`](crate::event::Alert) itself.

use jiff::Timestamp;

use super::{alert::is_plausible, record};
use crate::event::{Event, EventId, Outcome, Posture, RecordKind};

/// What a record says of a matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matter {
    /// What its tickets are called after: `rec`, `finding`, `path`.
    pub word: &'static str,
    /// The same for every record about the matter: the hash of its id in lower case, since ids of resources come in any case; without an id,
    /// that of the record.
    pub id: EventId,
    /// Whether there is something to do; else it is settled, or gone.
    pub is_open: bool,
    /// When it came to stand so, by which an older word is told from a newer one: when the status of a recommendation changed, when a
    /// finding was made. Attack paths have no such time, nor have some shapes of the others; then when the record came into the hub, which
    /// a redelivery does not change.
    pub changed: Timestamp,
    /// Whether this is the weekly full state, which says once more what was said before.
    pub is_snapshot: bool,
}

impl Matter {
    /// The matter that the record is about; none where it is about something else, or does not say how that stands.
    #[must_use]
    pub fn of(event: &Event<'_>) -> Option<Self> {
        let word = match event.kind {
            RecordKind::Recommendation => "rec",
            RecordKind::Finding => "finding",
            RecordKind::AttackPath => "path",
            _ => return None,
        };
        let own = match event.posture() {
            Some(Posture::Recommendation(recommendation)) => recommendation.status_changed,
            Some(Posture::Finding(finding)) => finding.time_generated,
            _ => None,
        };
        let is_open = match event.outcome() {
            Outcome::Open => true,
            Outcome::Closed => false,
            Outcome::Informational => return None,
        };
        Some(Self {
            word,
            id: record::key(event).map_or(event.id, |key| EventId::of(key.as_bytes())),
            is_open,
            changed: own.filter(is_plausible).unwrap_or(event.seen),
            is_snapshot: event.is_snapshot(),
        })
    }
}

/// A name of [`record::summary()`] as words with this between them: `assessmentKey` as `assessment_key`, `assessment key`.
#[must_use]
pub fn words(name: &str, between: char) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            words.push(between);
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::event::decode::{Decoded, Texts, decode};
    use crate::event::parse_time;

    const ID: &str = "/subscriptions/s/providers/Microsoft.Security/assessments/K";

    fn matter(record: &Value) -> Option<Matter> {
        let (body, texts, mut decoded) = (record.to_string(), Texts::default(), Decoded::default());
        let seen = parse_time("2026-02-06T00:00:00Z").unwrap();
        decode(body.as_bytes(), seen, &texts, &mut decoded);
        Matter::of(&decoded.events[0])
    }

    fn recommendation(code: &str, action: &str, changed: &str) -> Value {
        json!({"id": ID, "type": "Microsoft.Security/assessments",
            "properties": {"status": {"code": code, "statusChangeDate": changed, "firstEvaluationDate": "2020-01-01"}},
            "securityEventDataEnrichment": {"action": action}})
    }

    #[test]
    fn health_and_deletion_decide_what_there_is_to_do() {
        for (code, action, open) in [
            ("Unhealthy", "Write", Some(true)),
            ("unhealthy", "Insert", Some(true)),
            ("Healthy", "Write", Some(false)),
            ("NotApplicable", "Write", Some(false)),
            ("Unhealthy", "Delete", Some(false)),
            ("", "Write", None),
        ] {
            let stands = matter(&recommendation(code, action, "2026-02-03T00:00:00Z")).map(|matter| matter.is_open);
            assert_eq!(stands, open, "{code} {action}");
        }
        let path = json!({"id": "/p", "type": "Microsoft.Security/attackPaths", "properties": {"displayName": "P"}});
        assert_eq!(matter(&path).map(|matter| (matter.word, matter.is_open)), Some(("path", true)));
        let score = json!({"id": "/s", "type": "Microsoft.Security/secureScores", "properties": {}});
        assert_eq!(matter(&score), None);
    }

    #[test]
    fn it_is_dated_by_its_own_change_or_by_when_it_was_seen() {
        let changed = |time: &str| matter(&recommendation("Healthy", "Write", time)).unwrap().changed.to_string();
        assert_eq!(changed("2026-02-03T00:00:00Z"), "2026-02-03T00:00:00Z");
        for none in ["", "0001-01-01T00:00:00Z"] {
            assert_eq!(changed(none), "2026-02-06T00:00:00Z", "the first evaluation does not move");
        }
    }

    #[test]
    fn an_id_means_one_matter_whatever_its_case() {
        let mut record = recommendation("Healthy", "Write", "");
        let id = matter(&record).unwrap().id;
        record["id"] = json!(ID.to_uppercase());
        assert_eq!(matter(&record).unwrap().id, id);
        record["id"] = json!("/subscriptions/s/providers/Microsoft.Security/assessments/K2");
        assert_ne!(matter(&record).unwrap().id, id);
    }

    #[test]
    fn names_become_words() {
        assert_eq!((words("assessmentKey", '_').as_str(), words("state", ' ').as_str()), ("assessment_key", "state"));
    }
}
