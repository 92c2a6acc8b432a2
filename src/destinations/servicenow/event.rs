//! Events of Event Management, which keeps one alert per `message_key` by itself.
//!
//! It takes an older word about an alert like any other. So a look at what its alerts know comes first, where the user may read them.

mod story;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;

use self::story::Story;
use super::desk::then;
use super::instance::{self, Instance, result};
use super::said::{Said, glide};
use super::ticket::shortened;
use super::{Destination, Selection};
use crate::batch::{Limits, Records};
use crate::destinations::RenderError;
use crate::event::Event;
use crate::format::alert::time;
use crate::format::json::Object;
use crate::format::severity::SeverityMap;
use crate::format::{record, text};
use crate::parcel::{HttpParcel, Parcel, Reply, Verdict};
use crate::settings::{Section, SettingsError};
use crate::transport::{HttpOptions, Transport};

/// Longest `source`, `node`, `resource`, `type`, `metric_name`.
const COLUMN_CHARS: usize = 100;
/// Longest `description` on an instance that nobody changed.
const BODY_CHARS: usize = 4000;
/// Most events of a request; the look before it names as many keys in its address.
const EVENTS: usize = 50;
/// Severity that clears an alert.
const CLEAR: &str = "0";
/// `resolution_state` of an event that opens an alert, and of one that ends it.
const OPEN: &str = "New";
const END: &str = "Closing";

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
        Limits { records: EVENTS, bytes: 1_000_000, ..Limits::ANY }
    }

    fn takes(&self, event: &Event<'_>) -> bool {
        self.selection.takes(event)
    }

    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let Story { said, key, class, node, resource, metric, told, info } = match event.alert.as_deref() {
            Some(alert) => Story::of_alert(event, alert),
            None => Story::of_matter(event)?,
        };
        let severity = self.severities.number(event.severity).to_string();
        let (severity, resolution) = if said.is_over() { (CLEAR, END) } else { (severity.as_str(), OPEN) };
        // Without any time of its own, the event happened when it was seen.
        let time_of_event = if said.time.as_second() > 0 { said.glide_time() } else { glide(time(event)) };
        let title = record::title(event);
        let column = |value: &str| shortened(text::trim(value), COLUMN_CHARS);
        let mut record = Object::open(out);
        record.text("source", &self.source);
        record.text("event_class", &column(&class));
        record.text("node", &column(&node));
        record.text("resource", &column(&resource));
        record.text("type", &column(&record::signature(event)));
        record.text("metric_name", &column(&metric));
        record.text("message_key", &key);
        record.text("severity", severity);
        record.text("resolution_state", resolution);
        record.text("time_of_event", &time_of_event);
        record.text("description", &shortened(&format!("{}: {}", text::trim(&title), text::trim(&told)), BODY_CHARS));
        record.text("additional_info", &info);
        record.close();
        Ok(())
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        let parsed = records.iter().filter_map(|(_, record)| serde_json::from_slice(record).ok());
        let mut events: Vec<Told> = parsed.collect();
        // Within a request an older word goes before a newer one, whatever order they came in.
        events.sort_by_cached_key(Told::said);
        self.look(events)
    }

    fn judge(&self, sent: &Parcel, reply: &Reply, records: usize) -> Verdict {
        let Parcel::Http(parcel) = sent else { return Verdict::by_status(reply) };
        match Stage::deserialize(&parcel.memo) {
            Ok(Stage::Look { events }) => self.looked(events, reply),
            Ok(Stage::Send { count }) => counted(reply, count, records),
            Err(_) => probed(reply, records),
        }
    }

    /// Proves address, trust, credential and the right to read events.
    fn probe(&self) -> Option<Parcel> {
        Some(Parcel::Http(self.instance.probe("em_event", "sys_id")))
    }
}

/// Where a conversation about a request of events stands.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// The instance was asked what it knows of these.
    Look {
        /// Those to be sent.
        events: Vec<Told>,
    },
    /// Events were sent.
    Send {
        /// How many.
        count: usize,
    },
}

/// An event, or an alert that the instance made of it: their members have the same names.
#[derive(Clone, Serialize, Deserialize)]
struct Told {
    #[serde(default)]
    message_key: String,
    /// JSON as text.
    #[serde(default)]
    additional_info: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Told {
    /// What was said of the alert or matter; nothing where somebody else wrote it.
    fn info(&self) -> Option<Info> {
        serde_json::from_str(&self.additional_info).ok()
    }

    fn said(&self) -> Option<Said> {
        self.info().map(|info| info.state)
    }

    fn is_about(&self, other: &Self) -> bool {
        self.message_key.eq_ignore_ascii_case(&other.message_key)
    }

    /// Whether it says nothing that `last` did not.
    fn repeats(&self, last: Option<Said>) -> bool {
        let same = |info: Info| info.snapshot.is_some() && last.is_some_and(|last| info.state.is_same(&last));
        self.info().is_some_and(same)
    }

    /// Whether it ends what nobody heard of, and is no alert: of those there are too many to be told.
    fn is_idle(&self) -> bool {
        self.info().is_some_and(|info| info.kind.is_some() && info.state.is_over())
    }

    /// The event that would have come before this one, which ends an alert.
    fn beginning(&self, severities: &SeverityMap) -> Option<Self> {
        let said = self.said().filter(Said::is_over)?;
        let mut beginning = self.clone();
        beginning.rest.insert("severity".to_owned(), json!(severities.number(said.severity).to_string()));
        beginning.rest.insert("resolution_state".to_owned(), json!(OPEN));
        Some(beginning)
    }
}

/// What is read back of `additional_info`.
#[derive(Deserialize)]
struct Info {
    state: Said,
    /// Kind of the record, where that is no alert.
    kind: Option<String>,
    /// There is one where the record is part of the weekly full state.
    snapshot: Option<String>,
}

/// What of these events to send to an instance that knows these alerts: what is newer. An end without a beginning would leave nothing behind
/// that an older word could be compared with; so it gets one.
fn news(events: Vec<Told>, known: &[Told], severities: &SeverityMap) -> Vec<Told> {
    let mut news: Vec<Told> = Vec::with_capacity(events.len());
    for event in events {
        let same: Vec<&Told> = known.iter().chain(&news).filter(|other| other.is_about(&event)).collect();
        if same.is_empty() && event.is_idle() {
            continue;
        }
        let beginning = if same.is_empty() { event.beginning(severities) } else { None };
        let last = same.iter().filter_map(|other| other.said()).max();
        if same.is_empty() || last < event.said() && !event.repeats(last) {
            news.extend(beginning);
            news.push(event);
        }
    }
    news
}

impl Events {
    /// Asks for the alerts with these keys, which hold nothing that the language of queries understands; see `key`.
    fn look(&self, events: Vec<Told>) -> Parcel {
        let keys: Vec<&str> = events.iter().map(|event| event.message_key.as_str()).collect();
        let query = format!("message_keyIN{}", keys.join(","));
        let parameters = [
            ("sysparm_query", query.as_str()),
            ("sysparm_limit", "1000"),
            ("sysparm_fields", "message_key,additional_info"),
            ("sysparm_no_count", "true"),
        ];
        let url = self.instance.at("/api/now/v2/table/em_alert", &parameters);
        let parcel = self.instance.request(Method::GET, url, Vec::new());
        Parcel::Http(HttpParcel { memo: json!(Stage::Look { events }), ..parcel })
    }

    /// Sends what the instance does not know yet; everything, where it may not be asked: the role for sending events reads no alerts.
    fn looked(&self, events: Vec<Told>, reply: &Reply) -> Verdict {
        let events = match (result::<Vec<Told>>(reply), instance::status(reply).map(|status| status.as_u16())) {
            (Ok(known), _) => news(events, &known, &self.severities),
            (Err(_), Some(200..=299 | 400 | 403 | 404)) => events,
            (Err(verdict), _) => return verdict,
        };
        if events.is_empty() {
            return Verdict::Accepted;
        }
        let parcel =
            self.instance.request(Method::POST, self.url.clone(), json!({ "records": events }).to_string().into());
        then(Parcel::Http(HttpParcel { memo: json!(Stage::Send { count: events.len() }), ..parcel }))
    }
}

/// The answer counts what was taken and does not say which. Sending again is safe, as `message_key` makes one of both: so halves show which
/// event it is.
fn counted(reply: &Reply, count: usize, records: usize) -> Verdict {
    let answer: Value = match result(reply) {
        Ok(answer) => answer,
        Err(verdict) => return verdict,
    };
    let retry = |reason: &str| Verdict::Retry { after: None, reason: reason.to_owned() };
    match inserted(&answer) {
        Some(inserted) if inserted >= count => Verdict::Accepted,
        Some(inserted) if records > 1 => {
            Verdict::Split { reason: format!("the instance took {inserted} of {count} events") }
        }
        Some(_) => retry("the instance did not take the event"),
        None => retry("the instance does not say how many events it took; check that Event Management is installed"),
    }
}

/// The number in `{"Default Bulk Endpoint":"3 events were inserted"}`.
fn inserted(answer: &Value) -> Option<usize> {
    let texts = answer.as_object()?.values().filter_map(Value::as_str);
    texts.filter_map(|text| text.split_whitespace().next()?.parse().ok()).next()
}

/// What a reply says outside of a conversation.
fn probed(reply: &Reply, records: usize) -> Verdict {
    match result::<Value>(reply) {
        Ok(_) if records > 0 => {
            Verdict::Retry { after: None, reason: "the conversation about the events was lost".to_owned() }
        }
        Ok(_) => Verdict::Accepted,
        Err(verdict) => verdict,
    }
}

#[cfg(test)]
mod tests;
