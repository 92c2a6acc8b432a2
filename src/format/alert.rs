//! What the line formats say of an alert, in the words they share.

use std::borrow::Cow;

use crate::event::{Alert, Event, Status};

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
fn first<'e, const N: usize>(texts: [Option<&'e str>; N]) -> &'e str {
    texts.into_iter().flatten().find(|text| !super::text::trim(text).is_empty()).unwrap_or_default()
}

/// The text, empty for none.
#[must_use]
pub fn or_empty<'e>(text: &'e Option<Cow<'_, str>>) -> &'e str {
    text.as_deref().unwrap_or_default()
}
