//! The configured destinations: what `DESTINATIONS` names, opened with the settings of each.

use std::sync::Arc;

use super::{GENERAL_SETTINGS, SECTIONS, collect, unresolved};
use crate::cloud::Cloud;
use crate::deliver::token::Identity;
use crate::deliver::{Outlet, courier};
use crate::destinations::{self, Kind, RenderError};
use crate::event::Event;
use crate::redaction::{REDACTION_SETTINGS, Redaction};
use crate::route::{self, Decision, Route, Subject, Withheld};
use crate::settings::{Fault, Section, SettingsError, Values, setting_prefix};
use crate::telemetry::Counters;
use crate::transport::TlsOptions;

/// One configured destination.
#[derive(Debug)]
pub struct Instance {
    /// The destination, the way to it, and its breaker.
    pub outlet: Outlet,
    /// What kind it is.
    pub kind: &'static Kind,
    /// Which events it gets.
    pub route: Route,
    /// What is taken out of them before it sees them, if anything.
    pub redaction: Option<Redaction>,
    /// What it did so far.
    pub counters: Counters,
}

impl Instance {
    /// Whether the event goes to this destination: by the user's choice, which is about the whole event, and because what the destination
    /// may see of it says something there.
    #[must_use]
    pub fn decide(&self, subject: &Subject<'_, '_>) -> Decision {
        match self.route.decide(subject) {
            decision
                if decision.takes() && !self.shown(subject.event(), |event| self.outlet.destination.takes(event)) =>
            {
                Decision::Withholds(Withheld::Silent)
            }
            decision => decision,
        }
    }

    /// Appends the record that this destination gets of the event.
    ///
    /// # Errors
    /// When the event can never be expressed there; `out` may hold a partial record.
    pub fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        self.shown(event, |event| self.outlet.destination.render(event, out))
    }

    /// What `look` says of the event as this destination may see it.
    fn shown<T>(&self, event: &Event<'_>, look: impl FnOnce(&Event<'_>) -> T) -> T {
        match &self.redaction {
            None => look(event),
            Some(redaction) => redaction.of(event, look),
        }
    }

    /// Whether an event of this kind can go to this destination at all: what is withheld by a finer choice is no stray.
    #[must_use]
    pub fn has_use_for(&self, event: &Event<'_>) -> bool {
        self.route.takes_kind(event.kind) && self.shown(event, |event| self.outlet.destination.takes(event))
    }
}
/// Opens every destination that `DESTINATIONS` names.
///
/// # Errors
/// Every fault of every destination.
pub fn open_destinations(values: &Values) -> Result<Vec<Instance>, SettingsError> {
    open_for(values, &Arc::new(Identity::choose(values)))
}

pub(super) fn open_for(values: &Values, identity: &Arc<Identity>) -> Result<Vec<Instance>, SettingsError> {
    let section = Section::new("", vec![GENERAL_SETTINGS], values);
    section.choice("LOG_LEVEL", &[("info", ()), ("error", ()), ("warn", ()), ("debug", ())]);
    section.choice("AZURE_CLOUD", Cloud::WORDS);
    let mut faults = Vec::new();
    let mut instances = Vec::new();
    let mut prefixes: Vec<String> = SECTIONS.iter().map(|(name, _)| (*name).to_owned()).collect();
    // Faults name an entry by its place: what stands there may be anything, a secret pasted into the wrong setting too.
    let list = section.string("DESTINATIONS");
    let mut entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).peekable();
    if !list.is_empty() && entries.peek().is_none() {
        section.fault("DESTINATIONS", "names no destination, so nothing would ever be sent");
    }
    for (number, entry) in (1..).zip(entries) {
        let fault = |problem: &str| section.fault("DESTINATIONS", &format!("entry {number}: {problem}"));
        let (name, kind_name) = name_and_kind(entry);
        if !is_legal_name(name) {
            fault(
                "no legal name; lower-case letters, digits, and single `-` and `_` between them, at most 40, beginning with a letter",
            );
            continue;
        }
        let prefix = setting_prefix(name);
        if prefixes.contains(&prefix) {
            fault(&format!("its settings would begin with {prefix}__, which is taken"));
            continue;
        }
        prefixes.push(prefix);
        match destinations::kind(kind_name) {
            Some(kind) => instances.extend(collect(open_instance(name, kind, values, identity), &mut faults)),
            None => {
                let known: Vec<&str> = destinations::CATALOG.iter().map(|kind| kind.name).collect();
                fault(&format!("no kind of destination; known: {}", known.join(", ")));
            }
        }
    }
    if let Err(error) = section.finish(()) {
        faults.splice(0..0, error.faults);
    }
    if faults.is_empty() { Ok(instances) } else { Err(SettingsError { faults }) }
}

/// The two parts of an entry of `DESTINATIONS`.
fn name_and_kind(entry: &str) -> (&str, &str) {
    entry.split_once('=').map_or((entry, entry), |(name, kind)| (name.trim(), kind.trim()))
}

/// The kind of the destination of that name, and its settings, unread: by the entry in `DESTINATIONS`, else the kind of that name.
///
/// # Errors
/// When there is neither; an unknown cloud; an unresolved setting of the identity.
pub fn section_of<'v>(name: &str, values: &'v Values) -> Result<(&'static Kind, Section<'v>), SettingsError> {
    let general = Section::new("", vec![GENERAL_SETTINGS], values);
    general.choice("AZURE_CLOUD", Cloud::WORDS);
    let list = values.get("DESTINATIONS").unwrap_or_default();
    let listed = list.split(',').map(|entry| name_and_kind(entry.trim())).find(|(listed, _)| *listed == name);
    let kind = destinations::kind(listed.map_or(name, |(_, kind)| kind));
    let mut faults = unresolved(&Identity::SETTINGS, values);
    faults.extend(general.finish(()).err().into_iter().flat_map(|error| error.faults));
    if kind.is_none() {
        let kinds: Vec<&str> = destinations::CATALOG.iter().map(|kind| kind.name).collect();
        let problem = format!("there is no {name:?} in DESTINATIONS; kinds are {}", kinds.join(", "));
        faults.push(Fault { setting: "DESTINATION".to_owned(), problem });
    }
    match kind {
        Some(kind) if faults.is_empty() => Ok((kind, instance_section(name, kind, values))),
        _ => Err(SettingsError { faults }),
    }
}

fn instance_section<'v>(name: &str, kind: &'static Kind, values: &'v Values) -> Section<'v> {
    let mut declared = kind.settings.to_vec();
    declared.extend([route::settings(kind), REDACTION_SETTINGS]);
    Section::new(name, declared, values)
}

/// A name becomes a folder in the store, a prefix of settings and a log field. Two signs in a row or one at the end would make
/// `SOC__EU__URL` a setting of `soc` as well as of `soc--eu`.
fn is_legal_name(name: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9'));
    name.len() <= 40 && name.starts_with(|first: char| first.is_ascii_lowercase()) && name.split(['-', '_']).all(word)
}

fn open_instance(
    name: &str,
    kind: &'static Kind,
    values: &Values,
    identity: &Arc<Identity>,
) -> Result<Instance, SettingsError> {
    let section = instance_section(name, kind, values);
    let route = Route::from_section(&section);
    let redaction = Redaction::from_section(&section);
    let mut faults = Vec::new();
    let destination = collect((kind.open)(&section), &mut faults);
    let way = match &destination {
        Some(destination) => courier::open(destination.transport(), identity).map(Some),
        None => courier::check(&TlsOptions::from_section(&section)).map(|()| None),
    };
    let courier = way.unwrap_or_else(|problems| {
        problems.iter().for_each(|(key, problem)| section.fault(key, problem));
        None
    });
    // The sections' faults come once: `open` has already reported those noted before it finished.
    if let Err(error) = section.finish(()) {
        faults.extend(error.faults);
    }
    let mut seen = Vec::new();
    faults.retain(|fault| {
        !seen.contains(fault) && {
            seen.push(fault.clone());
            true
        }
    });
    match (destination, courier) {
        (Some(destination), Some(courier)) if faults.is_empty() => {
            let outlet = Outlet::new(name, destination, courier);
            Ok(Instance { outlet, kind, route, redaction, counters: Counters::default() })
        }
        _ => Err(SettingsError { faults }),
    }
}
