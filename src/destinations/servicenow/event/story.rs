//! What an event says of an alert, and of other matters.

use std::borrow::Cow;

use super::super::key::{self, key};
use super::super::matter;
use super::super::said::Said;
use super::super::ticket::shortened;
use crate::destinations::RenderError;
use crate::event::{Alert, Event};
use crate::format::alert::{intent_list, or_empty, resource, status, technique_list, title};
use crate::format::json::Object;
use crate::format::severity::word;
use crate::format::{record, text};

/// Longest value in `additional_info`: a look brings those of a whole request back.
const INFO_CHARS: usize = 500;

/// What an event says by the kind of its record.
pub(super) struct Story<'e> {
    pub(super) said: Said,
    pub(super) key: String,
    pub(super) class: Cow<'e, str>,
    pub(super) node: Cow<'e, str>,
    pub(super) resource: Cow<'e, str>,
    pub(super) metric: Cow<'e, str>,
    pub(super) told: Cow<'e, str>,
    /// `additional_info`.
    pub(super) info: String,
}

impl<'e> Story<'e> {
    pub(super) fn of_alert(event: &'e Event<'_>, alert: &'e Alert<'_>) -> Self {
        let said = Said::of(event, alert);
        let facts = alert.facts();
        let node =
            [or_empty(&facts.host), or_empty(&alert.compromised_entity), alert.resource_name().unwrap_or_default()];
        let node = node.into_iter().map(text::trim).find(|node| !node.is_empty()).unwrap_or_default();
        Self {
            said,
            key: key(event),
            class: or_empty(&alert.product_name).into(),
            node: node.to_owned().into(),
            resource: alert.resource_name().unwrap_or_default().into(),
            metric: intent_list(alert),
            told: alert.description_filled().unwrap_or_default(),
            info: additional_info(event, alert, &said),
        }
    }

    pub(super) fn of_matter(event: &'e Event<'_>) -> Result<Self, RenderError> {
        let matter = matter::of(event)?;
        let said = Said::of_matter(event, &matter);
        let resource = text::trim(record::resource_name(event));
        Ok(Self {
            said,
            key: key::of_matter(&matter),
            class: "Microsoft Defender for Cloud".into(),
            node: resource.into(),
            resource: resource.into(),
            metric: event.kind.name().into(),
            told: record::description(event),
            info: further_info(event, &said),
        })
    }
}

/// An object as text, since every value of an event is one; of texts, so that event rules can read each.
fn additional_info(event: &Event<'_>, alert: &Alert<'_>, said: &Said) -> String {
    let facts = alert.facts();
    let (id, techniques, tactics) = (event.id.to_string(), technique_list(alert), intent_list(alert));
    let steps = alert.remediation_steps().join("\n");
    let said = said.to_string();
    let named = [
        ("event_id", id.as_str()),
        ("state", &said),
        ("alert_id", or_empty(&alert.system_alert_id)),
        ("title", title(event)),
        ("severity", word(event.severity)),
        ("status", status(alert)),
        ("resource_id", resource(event)),
        ("subscription_id", alert.subscription_id().unwrap_or_default()),
        ("compromised_entity", or_empty(&alert.compromised_entity)),
        ("tactics", &tactics),
        ("techniques", &techniques),
        ("source_ip", or_empty(&facts.source_ip)),
        ("destination_ip", or_empty(&facts.destination_ip)),
        ("user", or_empty(&facts.user)),
        ("command_line", or_empty(&facts.command_line)),
        ("remediation", &steps),
        ("link", or_empty(&alert.alert_uri)),
    ];
    object(named)
}

/// The same of a matter that is no alert.
fn further_info(event: &Event<'_>, said: &Said) -> String {
    let (id, said) = (event.id.to_string(), said.to_string());
    let (title, steps) = (record::title(event), record::remediation(event).join("\n"));
    let named = [
        ("event_id", id.as_str()),
        ("state", &said),
        ("kind", event.kind.name()),
        ("title", &title),
        ("severity", word(event.severity)),
        ("status", matter::status(event)),
        ("resource_id", record::resource(event)),
        ("record_id", record::record_id(event)),
        ("remediation", &steps),
        ("link", record::link(event)),
    ];
    let further: Vec<(String, Cow<'_, str>)> = matter::values(event, '_').collect();
    let further = further.iter().map(|(name, value)| (name.as_str(), value.as_ref()));
    object(named.into_iter().chain(further))
}

/// A JSON object of those that have a value.
fn object<'v>(named: impl IntoIterator<Item = (&'v str, &'v str)>) -> String {
    let mut out = Vec::new();
    let mut info = Object::open(&mut out);
    for (name, value) in named.into_iter().filter(|(_, value)| !value.is_empty()) {
        info.text(name, &shortened(value, INFO_CHARS));
    }
    info.close();
    String::from_utf8(out).unwrap_or_default()
}
