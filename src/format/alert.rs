//! What the line formats say of an alert, in the words they share.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::event::{Alert, Event, Status};

/// Times that the sources mean: 1970 to 2099. .NET writes the years 1 and 9999 for "not set", and a receiver would file the event there.
const PLAUSIBLE_SECONDS: std::ops::Range<i64> = 0..4_102_444_800;

/// Whether a source means that time.
#[must_use]
pub fn is_plausible(time: &Timestamp) -> bool {
    PLAUSIBLE_SECONDS.contains(&time.as_second())
}

/// When the event happened, for receivers that file by it: its own time where that is plausible, else when it was first seen.
#[must_use]
pub fn time(event: &Event<'_>) -> Timestamp {
    event.time.filter(is_plausible).unwrap_or(event.seen)
}

/// The alert's intents as it names them (`InitialAccess`), whether they came as one word, a comma list or a JSON list.
pub fn intents<'e>(alert: &'e Alert<'_>) -> impl Iterator<Item = &'e str> {
    let text = alert.intent.as_deref().unwrap_or_default();
    text.split(',')
        .map(|word| word.trim_matches(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | '"')))
        .filter(|word| !word.is_empty())
}

/// All intents in one text, as `Persistence, CredentialAccess`; empty for none.
#[must_use]
pub fn intent_list<'e>(alert: &'e Alert<'_>) -> Cow<'e, str> {
    let mut intents = intents(alert);
    match (intents.next(), intents.next()) {
        (None, _) => Cow::Borrowed(""),
        (Some(only), None) => Cow::Borrowed(only),
        (Some(first), Some(second)) => {
            let mut list = format!("{first}, {second}");
            for intent in intents {
                list.push_str(", ");
                list.push_str(intent);
            }
            Cow::Owned(list)
        }
    }
}

/// The MITRE ATT&CK techniques, as `T1110,T1078`; empty for none.
#[must_use]
pub fn technique_list<'e>(alert: &'e Alert<'_>) -> Cow<'e, str> {
    let techniques = alert.techniques();
    if techniques.is_empty() {
        return alert.extended_property("Techniques").unwrap_or_default();
    }
    match <[Cow<'e, str>; 1]>::try_from(techniques) {
        Ok([only]) => only,
        Err(techniques) => Cow::Owned(techniques.join(",")),
    }
}

/// The status, normalised where it is understood, else as it came; empty for none.
#[must_use]
pub fn status<'e>(alert: &'e Alert<'_>) -> &'e str {
    match alert.status {
        Status::Unknown => alert.status_text.as_deref().unwrap_or_default(),
        status => status.name(),
    }
}

/// The key of the detection: the alert type, else the record kind's name, so that it is never empty.
#[must_use]
pub fn signature<'e>(event: &'e Event<'_>) -> &'e str {
    let alert_type = event.alert.as_ref().and_then(|alert| alert.alert_type.as_deref());
    first([alert_type, Some(event.kind.name())])
}

/// What a person would call the record: display name, title, else the signature.
#[must_use]
pub fn title<'e>(event: &'e Event<'_>) -> &'e str {
    let display_name = event.alert.as_ref().and_then(|alert| alert.display_name.as_deref());
    first([display_name, event.title.as_deref(), Some(signature(event))])
}

/// The record's own id: an alert's system alert id, else the event's key; empty for none.
#[must_use]
pub fn record_id<'e>(event: &'e Event<'_>) -> &'e str {
    let alert_id = event.alert.as_ref().and_then(|alert| alert.system_alert_id.as_deref());
    first([alert_id, event.key.as_deref()])
}

/// The Azure resource; empty for none.
#[must_use]
pub fn resource<'e>(event: &'e Event<'_>) -> &'e str {
    let resource_id = event.alert.as_ref().and_then(|alert| alert.resource_id.as_deref());
    first([resource_id, event.resource.as_deref()])
}

/// The first text that says something.
fn first<const N: usize>(texts: [Option<&str>; N]) -> &str {
    texts.into_iter().flatten().find(|text| !super::text::trim(text).is_empty()).unwrap_or_default()
}

/// The text, empty for none.
#[must_use]
pub fn or_empty<'e>(text: &'e Option<Cow<'_, str>>) -> &'e str {
    text.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::decode::{Decoded, Texts, decode};
    use crate::event::parse_time;

    fn listed(intent: &str) -> String {
        let body =
            serde_json::json!({"SystemAlertId": "x", "AlertType": "T", "AlertDisplayName": "n", "Intent": intent})
                .to_string();
        let texts = Texts::default();
        let mut decoded = Decoded::default();
        decode(body.as_bytes(), parse_time("2026-02-03T04:05:06Z").unwrap(), &texts, &mut decoded);
        intent_list(decoded.events[0].alert.as_deref().unwrap()).into_owned()
    }

    #[test]
    fn intents_come_as_a_word_a_list_or_json() {
        assert_eq!(listed("Execution"), "Execution");
        assert_eq!(listed("Persistence,CredentialAccess , Impact"), "Persistence, CredentialAccess, Impact");
        assert_eq!(listed("[\"Execution\", \"Impact\"]"), "Execution, Impact");
        assert_eq!(listed(" , "), "");
    }
}
