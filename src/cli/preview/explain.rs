//! `defender-relay preview --explain`: which destinations get an event, and why the others do not.

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::app::Instance;
use crate::event::decode::Decoded;
use crate::event::{Event, RecordKind};
use crate::local::console::{Console, visible};
use crate::local::table::full_name;
use crate::relay;
use crate::route::{Decision, Subject};

/// How explanations are printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    /// For reading
    Text,
    /// One document: a list of events, each with its destinations
    Json,
}

/// What becomes of one event at one destination.
struct Outcome<'i> {
    destination: &'i str,
    /// `sent`, `withheld` or `dead_letter`.
    what: &'static str,
    /// Full name of the setting that decided.
    setting: Option<String>,
    reason: Option<String>,
}

/// Prints what becomes of every event at every destination; whether each destination that takes an event can express it. `all` are the
/// configured destinations, `shown` those that were asked for.
pub(super) fn explain(
    all: &[Instance],
    shown: &dyn Fn(&Instance) -> bool,
    decoded: &Decoded<'_>,
    format: Format,
    console: &Console,
) -> bool {
    let mut good = true;
    let mut document = Vec::new();
    for event in &decoded.events {
        let subject = Subject::new(event);
        let outcomes: Vec<Outcome<'_>> =
            all.iter().filter(|instance| shown(instance)).map(|instance| outcome(instance, &subject)).collect();
        good &= outcomes.iter().all(|outcome| outcome.what != "dead_letter");
        let stray = event.kind == RecordKind::Unknown && !all.iter().any(|instance| instance.has_use_for(event));
        match format {
            Format::Text => console.print_payload(&text(event, &outcomes, stray)),
            Format::Json => document.push(object(event, &outcomes, stray)),
        }
    }
    if let Format::Json = format {
        console.print(&format!("{:#}", Value::Array(document)));
    }
    good
}

fn outcome<'i>(instance: &'i Instance, subject: &Subject<'_, '_>) -> Outcome<'i> {
    let destination = instance.outlet.name.as_str();
    let (setting, reason) = match instance.decide(subject) {
        Decision::Withholds(withheld) => {
            let setting = withheld.setting().map(|key| full_name(destination, key));
            return Outcome { destination, what: "withheld", setting, reason: Some(withheld.to_string()) };
        }
        Decision::Takes => (None, None),
        Decision::TakesUnfiltered(reason) => (Some(full_name(destination, "FILTER")), Some(reason.to_string())),
    };
    let (_, mut unfit) = relay::render(instance, &[subject.event()]);
    match unfit.next() {
        Some((_, reason)) => Outcome { destination, what: "dead_letter", setting: None, reason: Some(reason) },
        None => Outcome { destination, what: "sent", setting, reason },
    }
}

const STRAY: &str = "it is of no known type, and no destination takes unknown records: it would be a dead letter";

fn text(event: &Event<'_>, outcomes: &[Outcome<'_>], stray: bool) -> String {
    let title = event.title.as_deref().unwrap_or("without a title");
    let mut lines = vec![format!("{}, {}: {title} [{}]", event.kind.name(), event.severity.name(), event.id)];
    let width = outcomes.iter().map(|outcome| outcome.destination.len()).max().unwrap_or_default();
    for Outcome { destination, what, setting, reason } in outcomes {
        let reason = reason.as_deref().unwrap_or_default();
        let said = match (*what, setting) {
            ("sent", None) => "sent".to_owned(),
            ("sent", Some(setting)) => format!("sent, although {setting} could not be evaluated: {reason}"),
            ("withheld", Some(setting)) => format!("withheld by {setting}: {reason}"),
            ("withheld", None) => format!("withheld: {reason}"),
            _ => format!("would be a dead letter: {reason}"),
        };
        lines.push(format!("  {destination:width$}  {said}"));
    }
    lines.extend(stray.then(|| format!("  {STRAY}")));
    // One event is one paragraph, whatever is in its title.
    lines.iter().map(|line| visible(line).replace(['\n', '\t'], " ") + "\n").collect()
}

fn object(event: &Event<'_>, outcomes: &[Outcome<'_>], stray: bool) -> Value {
    let destinations = outcomes.iter().map(|Outcome { destination, what, setting, reason }| {
        let mut object = json!({ "name": destination, "outcome": what });
        for (key, value) in [("setting", setting), ("reason", reason)] {
            if let Some(value) = value {
                object[key] = Value::from(value.as_str());
            }
        }
        object
    });
    json!({
        "id": event.id.to_string(),
        "kind": event.kind.name(),
        "severity": event.severity.name(),
        "title": event.title,
        "dead_letter": stray,
        "destinations": destinations.collect::<Vec<_>>(),
    })
}
