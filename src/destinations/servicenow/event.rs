//! Events of Event Management, which keeps one alert per `message_key` by itself.

use http::Method;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::instance::{Instance, result};
use super::key::key;
use super::said::{Said, glide};
use super::ticket::shortened;
use super::{Destination, Selection};
use crate::batch::{Limits, Records};
use crate::destinations::RenderError;
use crate::event::{Alert, Event};
use crate::format::alert::{intent_list, or_empty, resource, signature, status, technique_list, time, title};
use crate::format::json::Object;
use crate::format::severity::{SeverityMap, word};
use crate::format::text;
use crate::parcel::{Parcel, Reply, Verdict};
use crate::settings::{Section, SettingsError};
use crate::transport::{HttpOptions, Transport};

/// Longest `source`, `node`, `resource`, `type`, `metric_name`.
const COLUMN_CHARS: usize = 100;
/// Longest `description` on an instance that nobody changed.
const BODY_CHARS: usize = 4000;
/// Longest value in `additional_info`.
const INFO_CHARS: usize = 2000;
/// Severity that clears an alert.
const CLEAR: &str = "0";

/// The opened destination.
#[derive(Debug)]
pub(super) struct Events {
    transport: Transport,
    instance: Instance,
    url: Url,
    source: String,
    selection: Selection,
    severities: SeverityMap,
}

impl Events {
    pub(super) fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let instance = Instance::from_section(section);
        let source = section.string("SOURCE");
        if source.chars().count() > COLUMN_CHARS || source.contains(text::breaks_line) {
            section.fault("SOURCE", "must be one line of at most 100 characters");
        }
        let events = Self {
            transport: Transport::Http(HttpOptions::from_section(section)),
            url: instance.at("/api/global/em/jsonv2", &[]),
            instance,
            source,
            selection: Selection::from_section(section),
            severities: SeverityMap::EM_EVENT.from_section(section, &(1..=5)),
        };
        section.finish(events)
    }
}

impl Destination for Events {
    fn transport(&self) -> &Transport {
        &self.transport
    }

    /// One request at a time: what is said of an alert must arrive in order.
    fn limits(&self) -> Limits {
        Limits { records: 100, bytes: 1_000_000, ..Limits::ANY }
    }

    fn takes(&self, event: &Event<'_>) -> bool {
        self.selection.takes(event)
    }

    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let alert = event.alert.as_deref().ok_or_else(|| RenderError("only alerts become events".to_owned()))?;
        let said = Said::of(event, alert);
        let severity = self.severities.number(event.severity).to_string();
        let (severity, resolution) = if said.is_over() { (CLEAR, "Closing") } else { (severity.as_str(), "New") };
        let facts = alert.facts();
        let node =
            [or_empty(&facts.host), or_empty(&alert.compromised_entity), alert.resource_name().unwrap_or_default()];
        let node = node.into_iter().map(text::trim).find(|node| !node.is_empty()).unwrap_or_default();
        // Without any time of its own, the event happened when it was seen.
        let time_of_event = if said.time.as_second() > 0 { said.glide_time() } else { glide(time(event)) };
        let title = text::trim(title(event));
        let told = alert.description_filled().unwrap_or_default();
        let column = |value: &str| shortened(text::trim(value), COLUMN_CHARS);
        let mut record = Object::open(out);
        record.text("source", &self.source);
        record.text("event_class", &column(or_empty(&alert.product_name)));
        record.text("node", &column(node));
        record.text("resource", &column(alert.resource_name().unwrap_or_default()));
        record.text("type", &column(signature(event)));
        record.text("metric_name", &column(&intent_list(alert)));
        record.text("message_key", &key(event));
        record.text("severity", severity);
        record.text("resolution_state", resolution);
        record.text("time_of_event", &time_of_event);
        record.text("description", &shortened(&format!("{title}: {}", text::trim(&told)), BODY_CHARS));
        record.text("additional_info", &additional_info(event, alert, &said));
        record.close();
        out.push(b'\n');
        Ok(())
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        let mut list: Vec<&[u8]> = records.iter().map(|(_, record)| record.trim_ascii_end()).collect();
        // Within a request an older word goes before a newer one, whatever order they came in.
        list.sort_by_cached_key(|record| order(record));
        let mut body = b"{\"records\":[".to_vec();
        body.extend_from_slice(&list.join(&b','));
        body.extend_from_slice(b"]}");
        Parcel::Http(self.instance.request(Method::POST, self.url.clone(), body))
    }

    /// The answer counts what was taken and does not say which. Sending again is safe, as `message_key` makes one of both: so halves show
    /// which event it is.
    fn judge(&self, _sent: &Parcel, reply: &Reply, records: usize) -> Verdict {
        let answer: Value = match result(reply) {
            Ok(answer) => answer,
            Err(verdict) => return verdict,
        };
        if records == 0 {
            return Verdict::Accepted;
        }
        match inserted(&answer) {
            Some(inserted) if inserted >= records => Verdict::Accepted,
            Some(inserted) if records > 1 => {
                Verdict::Split { reason: format!("the instance took {inserted} of {records} events") }
            }
            Some(_) => Verdict::Retry { after: None, reason: "the instance did not take the event".to_owned() },
            None => Verdict::Retry {
                after: None,
                reason: "the instance does not say how many events it took; check that Event Management is installed"
                    .to_owned(),
            },
        }
    }

    /// Proves address, trust, credential and the right to read events.
    fn probe(&self) -> Option<Parcel> {
        Some(Parcel::Http(self.instance.probe("em_event", "sys_id")))
    }
}

/// The number in `{"Default Bulk Endpoint":"3 events were inserted"}`.
fn inserted(answer: &Value) -> Option<usize> {
    let texts = answer.as_object()?.values().filter_map(Value::as_str);
    texts.filter_map(|text| text.split_whitespace().next()?.parse().ok()).next()
}

/// By what events of one request are put in order: the time, and at the same time the end after the beginning.
fn order(record: &[u8]) -> (String, bool) {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Told {
        time_of_event: String,
        resolution_state: String,
    }
    let told: Told = serde_json::from_slice(record).unwrap_or_default();
    (told.time_of_event, told.resolution_state == "Closing")
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
    let mut out = Vec::new();
    let mut info = Object::open(&mut out);
    for (name, value) in named.into_iter().filter(|(_, value)| !value.is_empty()) {
        info.text(name, &shortened(value, INFO_CHARS));
    }
    info.close();
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests;
