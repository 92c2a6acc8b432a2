//! LogRhythm SIEM: the webhook beat of an Open Collector, or the syslog listener of a System Monitor agent.

mod agent;
mod beat;
mod name;
mod pipe;
mod schema;

use self::agent::Agent;
use self::beat::Beat;
use super::{Destination, Kind, Rehearsal};
use crate::format::syslog::sender;
use crate::settings::{Section, Setting, SettingsError};
use crate::transport::HTTP_SETTINGS;

/// LogRhythm's row in the catalogue.
pub(super) const KIND: Kind = Kind {
    name: "logrhythm",
    title: "LogRhythm",
    arrives: "The fields of LogRhythm's schema with the original record, through a webhook beat; or CEF over syslog",
    // What HTTP and syslog both need (time-out, certificates) is declared once.
    settings: &[SETTINGS, HTTP_SETTINGS],
    events: "*, !secure_score, !secure_score_control",
    snapshots: true,
    open,
    rehearsal: Rehearsal {
        // One request at a time, so that the first is the same in each run.
        settings: &[("URL", "{http}/webhook"), ("CONCURRENCY", "1")],
        replies: &[("/webhook", 200, "{}")],
    },
    create: None,
};

const SETTINGS: &[Setting] = &[
    Setting::default(
        "MODE",
        "webhook",
        "Who takes the logs: webhook (the webhook beat of an Open Collector) or syslog (a System Monitor agent).",
    ),
    Setting::optional("URL", "webhook: where the beat listens, such as https://oc.example:8085/webhook."),
    Setting::optional("USER", "webhook: user name for HTTP Basic, where something before the beat asks for it."),
    Setting::optional("PASSWORD", "webhook: password of USER.").secret(),
    Setting::default(
        "CONCURRENCY",
        "4",
        "webhook: requests under way at once, between 1 and 64. With more than 1 only what is said of one alert stays in order.",
    ),
    Setting::default(
        "BEAT_NAME",
        "webhookbeat_mdc",
        "Fully qualified beat name, by which LogRhythm tells the log source: the beat, an underscore, and its identifier of up to 12 \
         characters.",
    ),
    Setting::optional("ADDRESS", "syslog: where to send: tls://host:6514, tcp://host:514 or udp://host:514."),
    Setting::default(
        "FORMAT",
        "cef",
        "syslog: what a message holds: cef, or pipe (the form in which an Open Collector sends to its agent).",
    ),
    sender::HOSTNAME,
    sender::FACILITY,
    Setting::default(
        "FRAMING",
        "lf",
        "syslog: how messages are told apart on a stream: lf, or octet for octet counting.",
    ),
    Setting::optional(
        "MAX_MESSAGE_BYTES",
        "Longest syslog message, or longest original_message of a webhook, at least 1024; longer ones are shortened by meaning. When \
         not given 8000, over UDP 2048, in a webhook 64000.",
    ),
];

/// The words of `MODE`.
#[derive(Clone, Copy)]
enum Mode {
    Webhook,
    Syslog,
}

fn open(section: &Section<'_>) -> Result<Box<dyn Destination>, SettingsError> {
    let mode = section.choice("MODE", &[("webhook", Mode::Webhook), ("syslog", Mode::Syslog)]);
    let (word, own, other) = match mode {
        Mode::Webhook => ("webhook", "URL", "ADDRESS"),
        Mode::Syslog => ("syslog", "ADDRESS", "URL"),
    };
    if section.text(own).is_none() {
        section.fault(own, &format!("is required with MODE={word}"));
    }
    // Whoever set it awaits logs there.
    if section.text(other).is_some() {
        section.fault(other, &format!("has no meaning with MODE={word}"));
    }
    Ok(match mode {
        Mode::Webhook => Box::new(Beat::open(section)?),
        Mode::Syslog => Box::new(Agent::open(section)?),
    })
}

#[cfg(test)]
mod tests;
