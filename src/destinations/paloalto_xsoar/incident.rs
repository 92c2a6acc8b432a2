//! The incident that an alert or another matter becomes: the body that creates it.

use std::borrow::Cow;

use jiff::Timestamp;

use super::labels::Labels;
use super::matter;
use super::row::MIRROR_ID;
use super::severity::Levels;
use crate::destinations::RenderError;
use crate::event::{Alert, Event, EventId, RecordKind, Status};
use crate::format::alert::{intent_list, is_plausible, record_id, resource, status, technique_list, time, title};
use crate::format::json::Object;
use crate::format::severity::word;
use crate::format::shrink;
use crate::format::text::{self, Room};
use crate::settings::Section;

/// What an incident says of its alert or other matter, in custom fields and, for servers without those, in labels of the same names.
pub(super) mod fact {
    /// The alert's id, in the form that searches use.
    pub(in super::super) const ALERT_ID: &str = "mdcalertid";
    /// Id of the event that the state came with.
    pub(in super::super) const EVENT_ID: &str = "mdceventid";
    /// The alert's severity, in Defender for Cloud's words.
    pub(in super::super) const SEVERITY: &str = "mdcseverity";
    /// The alert's status, or the word for how another matter stands.
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
pub(super) const FACT_BYTES: usize = 1000;
/// Longest id of an alert that is searched for as it is.
const PLAIN_BYTES: usize = 128;

/// Writes incidents.
#[derive(Debug)]
pub(super) struct Incidents {
    alert_type: String,
    recommendation_type: String,
    finding_type: String,
    attack_path_type: String,
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
            alert_type: section.string("INCIDENT_TYPE"),
            recommendation_type: section.string("RECOMMENDATION_TYPE"),
            finding_type: section.string("FINDING_TYPE"),
            attack_path_type: section.string("ATTACK_PATH_TYPE"),
            owner: section.text("OWNER"),
            playbook: section.text("PLAYBOOK"),
            investigate: section.flag("CREATE_INVESTIGATION"),
            closes,
            custom_fields_key,
            levels: Levels::from_section(section),
        }
    }

    /// The type of the incident that a record of that kind becomes.
    fn kind(&self, kind: RecordKind) -> &str {
        match kind {
            RecordKind::Recommendation => &self.recommendation_type,
            RecordKind::Finding => &self.finding_type,
            RecordKind::AttackPath => &self.attack_path_type,
            _ => &self.alert_type,
        }
    }

    /// Appends the body of the request that creates the incident.
    pub(super) fn write(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let story = match event.alert.as_deref() {
            Some(alert) => Story::of_alert(event, alert),
            None => matter::story(event)?,
        };
        let id = &story.id;
        let state_time = story.state_time.to_string();
        let event_id = event.id.to_string();
        let facts = [
            (fact::ALERT_ID, &**id),
            (fact::STATUS, &*story.status),
            (fact::STATE_TIME, &*state_time),
            (fact::SEVERITY, word(event.severity)),
            (fact::EVENT_ID, &*event_id),
        ];
        // Nothing is left to investigate of what is over before XSOAR hears of it.
        let over = self.closes && story.is_over;
        let mut incident = Object::open(out);
        incident.text("name", &story.name);
        incident.text("type", self.kind(event.kind));
        incident.json("severity", self.levels.number(event.severity));
        incident.text("occurred", &story.occurred.to_string());
        incident.text("details", &story.details);
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
        story.labels.iter().for_each(|(kind, value)| labels.push(kind, value));
        labels.push("ShortenedFields", &dropped);
        labels.close();
        incident.text("rawJSON", &record);
        incident.close();
        Ok(())
    }
}

/// What an incident says by the kind of its record.
pub(super) struct Story<'e> {
    /// What its incident is found by.
    pub(super) id: String,
    pub(super) status: Cow<'e, str>,
    pub(super) state_time: Timestamp,
    pub(super) is_over: bool,
    pub(super) name: String,
    pub(super) occurred: Timestamp,
    pub(super) details: String,
    /// Labels besides the facts.
    pub(super) labels: Vec<(Cow<'static, str>, Cow<'e, str>)>,
}

impl<'e> Story<'e> {
    fn of_alert(event: &'e Event<'_>, alert: &'e Alert<'_>) -> Self {
        Self {
            id: alert_id(event),
            status: status(alert).into(),
            state_time: state_time(event, alert),
            is_over: matches!(alert.status, Status::Resolved | Status::Dismissed),
            name: name(event, alert),
            occurred: alert.start_time.filter(is_plausible).unwrap_or_else(|| time(event)),
            details: details(event, alert),
            labels: labels(event, alert),
        }
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

fn name(event: &Event<'_>, alert: &Alert<'_>) -> String {
    let entity = [alert.compromised_entity.as_deref(), alert.resource_name(), alert.facts().host.as_deref()]
        .into_iter()
        .flatten()
        .map(text::trim)
        .find(|entity| !entity.is_empty());
    headline(title(event), entity.unwrap_or_default())
}

/// `[MDC] Suspicious process - vm-web-01`.
pub(super) fn headline(title: &str, entity: &str) -> String {
    let title = line(title, TITLE_BYTES);
    match entity {
        "" => format!("[MDC] {title}"),
        entity => format!("[MDC] {title} - {}", line(entity, ENTITY_BYTES)),
    }
}

/// The alert for people: what happened, where, what to do.
fn details(event: &Event<'_>, alert: &Alert<'_>) -> String {
    let further = [
        ("Resource", resource(event)),
        ("Tactics", &intent_list(alert)),
        ("Techniques", &technique_list(alert)),
        ("Remediation", &steps(&alert.remediation_steps())),
        ("Alert", alert.alert_uri.as_deref().unwrap_or_default()),
    ];
    told(&alert.description_filled().unwrap_or_default(), &further)
}

/// A list of what to do, which begins with a line break.
pub(super) fn steps(steps: &[String]) -> String {
    steps.iter().map(|step| format!("\n- {step}")).collect()
}

/// A description, and paragraphs under their heads, for people.
pub(super) fn told(description: &str, further: &[(&str, &str)]) -> String {
    let mut told = description.to_owned();
    for (head, body) in further.iter().filter(|(_, body)| !text::trim(body).is_empty()) {
        let space = if body.starts_with('\n') { "" } else { " " };
        told.push_str(&format!("\n\n{head}:{space}{body}"));
    }
    let mut out = Vec::new();
    let escape = |c| (c != '\n' && text::breaks_line(c)).then_some(" ");
    text::push(&mut out, text::trim(&told), Room::bytes(DETAILS_BYTES), escape);
    String::from_utf8_lossy(&out).into_owned()
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

/// The labels besides the facts.
fn labels<'e>(event: &'e Event<'_>, alert: &'e Alert<'_>) -> Vec<(Cow<'static, str>, Cow<'e, str>)> {
    let facts = alert.facts();
    let own = |value: &'e Option<Cow<'_, str>>| Cow::Borrowed(value.as_deref().unwrap_or_default());
    let fact = |value: &Option<Cow<'_, str>>| Cow::Owned(value.as_deref().unwrap_or_default().to_owned());
    let labels = [
        ("SystemAlertId", record_id(event).into()),
        ("AlertType", own(&alert.alert_type)),
        ("AlertUri", own(&alert.alert_uri)),
        ("Product", own(&alert.product_name)),
        ("ProductComponent", own(&alert.product_component_name)),
        ("CompromisedEntity", own(&alert.compromised_entity)),
        ("ResourceId", resource(event).into()),
        ("SubscriptionId", alert.subscription_id().unwrap_or_default().into()),
        ("Tactics", intent_list(alert)),
        ("Techniques", technique_list(alert)),
        ("SourceIP", fact(&facts.source_ip)),
        ("DestinationIP", fact(&facts.destination_ip)),
        ("Host", fact(&facts.host)),
        ("User", fact(&facts.user)),
        ("Process", fact(&facts.process_name)),
        ("File", fact(&facts.file_name)),
        ("FileHash", fact(&facts.file_hash)),
        ("Url", fact(&facts.url)),
        ("Domain", fact(&facts.domain_name)),
        ("Sample", if alert.is_sample() { "true".into() } else { "".into() }),
    ];
    labels.into_iter().map(|(kind, value)| (kind.into(), value)).collect()
}

/// One line of text with room for so many bytes.
pub(super) fn line(value: &str, bytes: usize) -> String {
    let mut out = Vec::new();
    text::push(&mut out, text::trim(value), Room::bytes(bytes), |c| text::breaks_line(c).then_some(" "));
    String::from_utf8_lossy(&out).into_owned()
}
