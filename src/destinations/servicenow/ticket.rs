//! What a ticket says of an alert, and of other matters.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::key::key;
use super::matter::{self, Standing};
use super::said::{Said, glide};
use crate::destinations::RenderError;
use crate::event::{Alert, Event};
use crate::format::alert::{intent_list, is_plausible, or_empty, resource, signature, technique_list, title};
use crate::format::severity::word;
use crate::format::text::{self, Room};

/// Longest `short_description`.
const TITLE_CHARS: usize = 160;
/// Longest `description` on an instance that nobody changed.
const BODY_CHARS: usize = 4000;
/// Longest fact within it, and longest text of the alert, so that neither crowds out the rest.
const FACT_CHARS: usize = 300;
const TEXT_CHARS: usize = 1500;

/// An alert or another matter as its ticket is told of it; what a conversation with the instance carries along.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Report {
    /// Id of the event.
    pub(super) event: String,
    /// Key of the alert or matter.
    pub(super) key: String,
    /// What the event says of the alert's state.
    pub(super) said: Said,
    /// `[MDC][High] Suspicious process executed - vm-web-01`.
    pub(super) short_description: String,
    /// The facts, one a line, then the alert's own text and what to do.
    pub(super) description: String,
    /// How the matter stands, where it is no alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) matter: Option<Standing>,
}

impl Report {
    /// What the event says.
    ///
    /// # Errors
    /// When it is no matter for a ticket.
    pub(super) fn of(event: &Event<'_>) -> Result<Self, RenderError> {
        let Some(alert) = event.alert.as_deref() else { return matter::report(event) };
        Ok(Self {
            event: event.id.to_string(),
            key: key(event),
            said: Said::of(event, alert),
            short_description: short_description(event, alert),
            description: description(event, alert),
            matter: None,
        })
    }

    /// What a work note says of this state.
    pub(super) fn note(&self) -> String {
        let Self { said, event, matter, .. } = self;
        let status = matter.as_ref().map_or(said.status.name(), |standing| &standing.word);
        let (severity, time) = (word(said.severity), said.glide_time());
        format!("Defender for Cloud: status {status}, severity {severity}, as of {time} GMT. Event {event}.")
    }
}

fn short_description(event: &Event<'_>, alert: &Alert<'_>) -> String {
    let about = [or_empty(&alert.compromised_entity), alert.resource_name().unwrap_or_default()];
    headline(event, title(event), about.into_iter().map(text::trim).find(|about| !about.is_empty()).unwrap_or_default())
}

/// `[MDC][High] Title - what it is about`.
pub(super) fn headline(event: &Event<'_>, title: &str, about: &str) -> String {
    let mut line = format!("[MDC][{}] {}", word(event.severity), text::trim(title));
    if !about.is_empty() {
        line.push_str(" - ");
        line.push_str(about);
    }
    shortened(&line, TITLE_CHARS)
}

fn description(event: &Event<'_>, alert: &Alert<'_>) -> String {
    let facts = alert.facts();
    let time = |time: Option<Timestamp>| time.filter(is_plausible).map(|time| glide(time) + " GMT").unwrap_or_default();
    let (techniques, tactics) = (technique_list(alert), intent_list(alert));
    let (first, last) = (time(alert.start_time), time(alert.end_time));
    let id = event.id.to_string();
    let named = [
        ("Event id", id.as_str()),
        ("Severity", word(event.severity)),
        ("Alert type", signature(event)),
        ("Affected", or_empty(&alert.compromised_entity)),
        ("Resource", resource(event)),
        ("Tactics", &tactics),
        ("Techniques", &techniques),
        ("Source address", or_empty(&facts.source_ip)),
        ("Destination address", or_empty(&facts.destination_ip)),
        ("User", or_empty(&facts.user)),
        ("Process", or_empty(&facts.command_line)),
        ("File", or_empty(&facts.file_name)),
        ("First activity", &first),
        ("Last activity", &last),
        ("Product", or_empty(&alert.product_name)),
        ("Alert id", or_empty(&alert.system_alert_id)),
        ("Link", or_empty(&alert.alert_uri)),
        ("Sample", if alert.is_sample() { "yes: this alert is simulated" } else { "" }),
    ];
    body(named, &alert.description_filled().unwrap_or_default(), &alert.remediation_steps())
}

/// The facts that there are, one a line, then what the matter is and what to do.
pub(super) fn body<'f>(facts: impl IntoIterator<Item = (&'f str, &'f str)>, told: &str, steps: &[String]) -> String {
    let mut lines = String::new();
    for (name, value) in facts {
        let value = text::trim(value);
        if !value.is_empty() {
            lines.push_str(name);
            lines.push_str(": ");
            lines.push_str(&shortened(value, FACT_CHARS));
            lines.push('\n');
        }
    }
    let told = text::trim(told);
    if !told.is_empty() {
        lines.push('\n');
        push_paragraphs(&mut lines, told, TEXT_CHARS);
        lines.push('\n');
    }
    for (number, step) in steps.iter().enumerate() {
        lines.push_str(if number == 0 { "\nWhat to do:\n- " } else { "- " });
        lines.push_str(text::trim(step));
        lines.push('\n');
    }
    let mut short = String::new();
    push_paragraphs(&mut short, lines.trim_end(), BODY_CHARS);
    short
}

/// One line of at most so many characters.
pub(super) fn shortened(line: &str, chars: usize) -> String {
    let mut out = Vec::new();
    text::push(&mut out, line, Room::chars(chars), |c| text::breaks_line(c).then_some(" "));
    into_text(out)
}

/// The same, but line feeds stay.
fn push_paragraphs(to: &mut String, lines: &str, chars: usize) {
    let mut out = Vec::new();
    text::push(&mut out, lines, Room::chars(chars), |c| (c != '\n' && text::breaks_line(c)).then_some(" "));
    to.push_str(&into_text(out));
}

/// What was put together of whole characters.
fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}
