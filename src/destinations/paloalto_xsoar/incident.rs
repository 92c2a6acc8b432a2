//! The incident that an alert becomes: the body that creates it.

use std::borrow::Cow;

use jiff::Timestamp;

use super::row::MIRROR_ID;
use super::severity::Levels;
use crate::destinations::RenderError;
use crate::event::{Alert, Event, EventId, Status};
use crate::format::alert::{intent_list, is_plausible, record_id, resource, status, technique_list, time, title};
use crate::format::json::{Object, write_text};
use crate::format::severity::word;
use crate::format::shrink;
use crate::format::text::{self, Room};
use crate::settings::Section;

/// What an incident says of its alert, in custom fields and, for servers without those, in labels of the same names.
pub(super) mod fact {
    /// The alert's id, in the form that searches use.
    pub(in super::super) const ALERT_ID: &str = "mdcalertid";
    /// Id of the event that the state came with.
    pub(in super::super) const EVENT_ID: &str = "mdceventid";
    /// The alert's severity, in Defender for Cloud's words.
    pub(in super::super) const SEVERITY: &str = "mdcseverity";
    /// The alert's status.
    pub(in super::super) const STATUS: &str = "mdcstatus";
    /// When the alert took that status, or changed otherwise.
    pub(in super::super) const STATE_TIME: &str = "mdcstatetime";
}

/// Most bytes of the record in an incident. Searches return two whole incidents, of which 1 MiB is read, and XSOAR may write a character as
/// six.
const RECORD_BYTES: usize = 64 * 1024;
/// Most bytes of the text for people.
const DETAILS_BYTES: usize = 16 * 1024;
/// Most bytes of the title in an incident's name.
const TITLE_BYTES: usize = 150;
/// Most bytes of the entity in an incident's name.
const ENTITY_BYTES: usize = 100;
/// Most bytes of a custom field or label.
const FACT_BYTES: usize = 1000;
/// Longest id of an alert that is searched for as it is.
const PLAIN_BYTES: usize = 128;

/// Writes incidents.
#[derive(Debug)]
pub(super) struct Incidents {
    kind: String,
    owner: Option<String>,
    playbook: Option<String>,
    investigate: bool,
    closes: bool,
    custom_fields_key: &'static str,
    levels: Levels,
}

impl Incidents {
    /// Reads what the settings say of new incidents. `closes` is whether alerts that are over close theirs.
    pub(super) fn from_section(section: &Section<'_>, custom_fields_key: &'static str, closes: bool) -> Self {
        Self {
            kind: section.string("INCIDENT_TYPE"),
            owner: section.text("OWNER"),
            playbook: section.text("PLAYBOOK"),
            investigate: section.flag("CREATE_INVESTIGATION"),
            closes,
            custom_fields_key,
            levels: Levels::from_section(section),
        }
    }

    /// Appends the body of the request that creates the incident.
    pub(super) fn write(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let alert =
            event.alert.as_deref().ok_or_else(|| RenderError("only an alert becomes an incident".to_owned()))?;
        let id = alert_id(event);
        let state_time = state_time(event, alert).to_string();
        let event_id = event.id.to_string();
        let facts = [
            (fact::ALERT_ID, &*id),
            (fact::STATUS, status(alert)),
            (fact::STATE_TIME, &*state_time),
            (fact::SEVERITY, word(event.severity)),
            (fact::EVENT_ID, &*event_id),
        ];
        // Nothing is left to investigate of an alert that is over before XSOAR hears of it.
        let over = self.closes && matches!(alert.status, Status::Resolved | Status::Dismissed);
        let mut incident = Object::open(out);
        incident.text("name", &name(event, alert));
        incident.text("type", &self.kind);
        incident.json("severity", self.levels.number(event.severity));
        incident.text("occurred", &alert.start_time.filter(is_plausible).unwrap_or_else(|| time(event)).to_string());
        incident.text("details", &details(event, alert));
        incident.json("createInvestigation", if self.investigate && !over { "true" } else { "false" });
        incident.optional("owner", self.owner.as_deref());
        incident.optional("playbookId", self.playbook.as_deref());
        incident.text(MIRROR_ID, &format!("mdc-{id}"));
        incident.group(self.custom_fields_key, |fields| {
            facts.iter().for_each(|(name, value)| fields.text(name, &line(value, FACT_BYTES)));
        });
        let (record, dropped) = record(event);
        let dropped = dropped.join(", ");
        let mut labels = Labels::open(incident.member("labels"));
        facts.iter().for_each(|(kind, value)| labels.push(kind, value));
        label(event, alert, &mut labels);
        labels.push("ShortenedFields", &dropped);
        labels.close();
        incident.text("rawJSON", &record);
        incident.close();
        Ok(())
    }
}

/// The alert's id as XSOAR keeps and finds it: lower case, since ids of alerts are compared without regard to case. What is not short and
/// plain is hashed, so that a search holds no character with a meaning in XSOAR's query language. An alert without an id goes by that of
/// its event.
fn alert_id(event: &Event<'_>) -> String {
    let key = text::trim(event.key.as_deref().unwrap_or_default()).to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    match key.len() {
        0 => event.id.to_string(),
        1..=PLAIN_BYTES if key.bytes().all(plain) => key,
        _ => EventId::of(key.as_bytes()).to_string(),
    }
}

/// When the alert took its present state: the latest of the times that change with it.
fn state_time(event: &Event<'_>, alert: &Alert<'_>) -> Timestamp {
    let times = [alert.processing_end_time, alert.end_time, alert.time_generated];
    times.into_iter().flatten().filter(is_plausible).max().unwrap_or_else(|| time(event))
}

/// `[MDC] Suspicious process - vm-web-01`.
fn name(event: &Event<'_>, alert: &Alert<'_>) -> String {
    let entity = [alert.compromised_entity.as_deref(), alert.resource_name(), alert.facts().host.as_deref()]
        .into_iter()
        .flatten()
        .map(text::trim)
        .find(|entity| !entity.is_empty());
    let title = line(title(event), TITLE_BYTES);
    match entity {
        Some(entity) => format!("[MDC] {title} - {}", line(entity, ENTITY_BYTES)),
        None => format!("[MDC] {title}"),
    }
}

/// The alert for people: what happened, where, what to do.
fn details(event: &Event<'_>, alert: &Alert<'_>) -> String {
    let mut details = alert.description_filled().unwrap_or_default().into_owned();
    let mut add = |head: &str, body: &str| {
        if !text::trim(body).is_empty() {
            details.push_str(&format!("\n\n{head}:{body}"));
        }
    };
    add("Resource", &spaced(resource(event)));
    add("Tactics", &spaced(&intent_list(alert)));
    add("Techniques", &spaced(&technique_list(alert)));
    add("Remediation", &alert.remediation_steps().iter().map(|step| format!("\n- {step}")).collect::<String>());
    add("Alert", &spaced(alert.alert_uri.as_deref().unwrap_or_default()));
    let mut out = Vec::new();
    let escape = |c| (c != '\n' && text::breaks_line(c)).then_some(" ");
    text::push(&mut out, text::trim(&details), Room::bytes(DETAILS_BYTES), escape);
    String::from_utf8_lossy(&out).into_owned()
}

fn spaced(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" {text}") }
}

/// The record as it came, or what of it has room, with the names of what was left out.
fn record<'e>(event: &Event<'e>) -> (Cow<'e, str>, Vec<String>) {
    if event.raw.len() <= RECORD_BYTES {
        return (Cow::Borrowed(event.raw), Vec::new());
    }
    let mut out = Vec::new();
    let dropped = shrink::push(&mut out, event, RECORD_BYTES);
    (Cow::Owned(String::from_utf8_lossy(&out).into_owned()), dropped)
}

/// Adds the labels besides the facts.
fn label(event: &Event<'_>, alert: &Alert<'_>, labels: &mut Labels<'_>) {
    let facts = alert.facts();
    let text = |value: &'_ Option<Cow<'_, str>>| value.as_deref().unwrap_or_default().to_owned();
    for (kind, value) in [
        ("SystemAlertId", record_id(event).to_owned()),
        ("AlertType", text(&alert.alert_type)),
        ("AlertUri", text(&alert.alert_uri)),
        ("Product", text(&alert.product_name)),
        ("ProductComponent", text(&alert.product_component_name)),
        ("CompromisedEntity", text(&alert.compromised_entity)),
        ("ResourceId", resource(event).to_owned()),
        ("SubscriptionId", alert.subscription_id().unwrap_or_default().to_owned()),
        ("Tactics", intent_list(alert).into_owned()),
        ("Techniques", technique_list(alert).into_owned()),
        ("SourceIP", text(&facts.source_ip)),
        ("DestinationIP", text(&facts.destination_ip)),
        ("Host", text(&facts.host)),
        ("User", text(&facts.user)),
        ("Process", text(&facts.process_name)),
        ("File", text(&facts.file_name)),
        ("FileHash", text(&facts.file_hash)),
        ("Url", text(&facts.url)),
        ("Domain", text(&facts.domain_name)),
        ("Sample", if alert.is_sample() { "true".to_owned() } else { String::new() }),
    ] {
        labels.push(kind, &value);
    }
}

/// A list of labels under construction.
struct Labels<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> Labels<'o> {
    /// Opens a list at the end of `out`.
    fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'[');
        Self { out, empty: true }
    }

    /// Adds a label, unless its value is empty.
    fn push(&mut self, kind: &str, value: &str) {
        let value = line(value, FACT_BYTES);
        if value.is_empty() {
            return;
        }
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.out.extend_from_slice(b"{\"type\":");
        write_text(self.out, kind);
        self.out.extend_from_slice(b",\"value\":");
        write_text(self.out, &value);
        self.out.push(b'}');
    }

    fn close(self) {
        self.out.push(b']');
    }
}

/// One line of text with room for so many bytes.
fn line(value: &str, bytes: usize) -> String {
    let mut out = Vec::new();
    text::push(&mut out, text::trim(value), Room::bytes(bytes), |c| text::breaks_line(c).then_some(" "));
    String::from_utf8_lossy(&out).into_owned()
}
