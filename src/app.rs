//! The opened program: destinations, outbox, limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::cloud::Cloud;
use crate::deliver::retry::RetryPolicy;
use crate::deliver::token::Identity;
use crate::deliver::{Outlet, courier};
use crate::destinations::{self, Kind, RenderError};
use crate::event::Event;
use crate::graph::{self, Graph};
use crate::outbox::Outbox;
use crate::redaction::{REDACTION_SETTINGS, Redaction};
use crate::route::{self, Decision, Route, Subject, Withheld};
use crate::settings::{Fault, Section, Setting, SettingsError, UNRESOLVED, Values, is_unresolved, setting_prefix};
use crate::state::{self, Store};
use crate::sync::{self, Sync};
use crate::telemetry::Counters;
use crate::transport::TlsOptions;

/// Settings that belong to no section.
pub const GENERAL_SETTINGS: &[Setting] = &[
    Setting::required(
        "DESTINATIONS",
        "Comma-separated destinations, each `name` or `name=kind`: `splunk, soc-syslog=syslog`. A name's settings begin with it in \
         upper case: `SOC_SYSLOG__ADDRESS`.",
    ),
    Setting::default(
        "AZURE_CLOUD",
        "public",
        "The Azure cloud of every Microsoft service that is called: public, usgov or china; AzureCloud, AzureUSGovernment and AzureChinaCloud \
         are understood too.",
    ),
    Setting::default("LOG_LEVEL", "info", "How much is logged: error, warn, info or debug."),
];

/// Settings of delivery, read as `DELIVERY__…`.
pub const DELIVERY_SETTINGS: &[Setting] = &[
    Setting::default(
        "BUDGET",
        "45s",
        "Longest time that one invocation spends on delivering, before it parks what is left. Keep it far below `functionTimeout`.",
    ),
    Setting::default("ATTEMPTS", "5", "How often one request is tried within an invocation."),
    Setting::default("BACKOFF", "500ms", "First delay between attempts; it doubles, with full jitter."),
    Setting::default("BACKOFF_MAX", "10s", "Longest delay between attempts."),
    Setting::default(
        "MAX_AGE",
        "24h",
        "How long a parked event is tried again before it is buried as a dead letter, from the first failure on.",
    ),
];

/// Settings that are not a destination's: section name and what it holds. The section `""` has no prefix.
pub const SECTIONS: &[(&str, &[Setting])] = &[
    ("", GENERAL_SETTINGS),
    ("STATE", state::SETTINGS),
    ("DELIVERY", DELIVERY_SETTINGS),
    ("GRAPH", graph::SETTINGS),
    ("SYNC", sync::SETTINGS),
];

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

/// How long and how often delivery tries.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Longest time of one invocation.
    pub budget: Duration,
    /// Attempts and delays.
    pub retry: RetryPolicy,
    /// Age at which a parked event is buried.
    pub max_age: Duration,
}

/// The opened program.
#[derive(Debug)]
pub struct App {
    /// The destinations, in the order of `DESTINATIONS`.
    pub instances: Vec<Instance>,
    /// What lasts.
    pub store: Arc<Store>,
    /// Parked and dead letters in it.
    pub outbox: Outbox,
    /// Limits of delivery.
    pub delivery: Delivery,
    /// Alerts from Microsoft Graph, if wanted.
    pub graph: Option<Graph>,
    /// Status between Sentinel and Defender for Cloud, if wanted.
    pub sync: Option<Sync>,
    /// Records decoded since the process started.
    pub events: AtomicU64,
    /// Pieces buried as undecodable since the process started.
    pub undecodable: AtomicU64,
}

impl App {
    /// Opens everything, without touching the network. Creates the store's folder, where it is one, once no setting is faulty.
    ///
    /// # Errors
    /// Every configuration fault, each naming its setting.
    pub fn open(values: &Values) -> Result<Self, SettingsError> {
        let Checked { instances, delivery, graph, sync } = check(values)?;
        let store = Arc::new(open_store(values)?);
        let outbox = Outbox::new(Arc::clone(&store));
        Ok(Self {
            instances,
            store,
            outbox,
            delivery,
            graph,
            sync,
            events: AtomicU64::new(0),
            undecodable: AtomicU64::new(0),
        })
    }

    /// The configured destination of that name.
    #[must_use]
    pub fn instance(&self, name: &str) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.outlet.name == name)
    }

    pub(crate) fn count(counter: &AtomicU64, more: usize) {
        counter.fetch_add(more as u64, Ordering::Relaxed);
    }
}

/// Keeps the value, or its faults.
fn collect<T>(result: Result<T, SettingsError>, faults: &mut Vec<Fault>) -> Option<T> {
    result.map_err(|error| faults.extend(error.faults)).ok()
}

/// Faults of settings without a section that hold an unresolved Key Vault reference.
fn unresolved(names: &[&str], values: &Values) -> Vec<Fault> {
    let unresolved = names.iter().filter(|name| values.get(name).is_some_and(is_unresolved));
    unresolved.map(|name| Fault { setting: (*name).to_owned(), problem: UNRESOLVED.to_owned() }).collect()
}

/// What the settings say, without the store.
#[derive(Debug)]
pub struct Checked {
    /// The destinations.
    pub instances: Vec<Instance>,
    /// Limits of delivery.
    pub delivery: Delivery,
    /// Alerts from Microsoft Graph, if wanted.
    pub graph: Option<Graph>,
    /// Status between Sentinel and Defender for Cloud, if wanted.
    pub sync: Option<Sync>,
}

/// Checks the whole configuration: connects to nothing, creates nothing.
///
/// # Errors
/// Every configuration fault.
pub fn check(values: &Values) -> Result<Checked, SettingsError> {
    let mut faults = Vec::new();
    // One for all, so that those who talk to the same service share its token.
    let identity = Arc::new(Identity::choose(values));
    let instances = collect(open_for(values, &identity), &mut faults);
    let store = collect(Store::check(&state_section(values)), &mut faults);
    faults.extend(unresolved(&Identity::SETTINGS, values));
    let delivery = collect(open_delivery(values), &mut faults);
    let graph = collect(Graph::open(&Section::new("GRAPH", vec![graph::SETTINGS], values), &identity), &mut faults);
    let sync = collect(Sync::open(&Section::new("SYNC", vec![sync::SETTINGS], values), &identity), &mut faults);
    if let (Some(instances), Some(Some(sync))) = (&instances, &sync) {
        let outlets: Vec<&Outlet> = instances.iter().map(|instance| &instance.outlet).collect();
        faults.extend(sync.desk_faults(&outlets));
    }
    match (instances, store, delivery, graph, sync) {
        (Some(instances), Some(()), Some(delivery), Some(graph), Some(sync)) if faults.is_empty() => {
            Ok(Checked { instances, delivery, graph, sync })
        }
        _ => Err(SettingsError { faults }),
    }
}

/// Opens the store alone.
///
/// # Errors
/// When `STATE__URL` is missing, or names no store that can be opened.
pub fn open_store(values: &Values) -> Result<Store, SettingsError> {
    Store::open(&state_section(values), &Arc::new(Identity::choose(values)))
}

fn state_section(values: &Values) -> Section<'_> {
    Section::new("STATE", vec![state::SETTINGS], values)
}

fn open_delivery(values: &Values) -> Result<Delivery, SettingsError> {
    let section = Section::new("DELIVERY", vec![DELIVERY_SETTINGS], values);
    let second = Duration::from_secs(1);
    let retry = RetryPolicy {
        attempts: section.number("ATTEMPTS", 1..=20),
        base: section.duration("BACKOFF", Duration::from_millis(1)..=second * 60),
        cap: section.duration("BACKOFF_MAX", Duration::from_millis(1)..=second * 120),
    };
    let budget = section.duration("BUDGET", second..=second * 600);
    let max_age = section.duration("MAX_AGE", second..=second * 86_400 * 30);
    section.finish(Delivery { budget, retry, max_age })
}

/// Opens every destination that `DESTINATIONS` names.
///
/// # Errors
/// Every fault of every destination.
pub fn open_destinations(values: &Values) -> Result<Vec<Instance>, SettingsError> {
    open_for(values, &Arc::new(Identity::choose(values)))
}

fn open_for(values: &Values, identity: &Arc<Identity>) -> Result<Vec<Instance>, SettingsError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &[(&str, &str)] = &[
        ("DESTINATIONS", "splunk"),
        ("SPLUNK__URL", "https://splunk.example"),
        ("SPLUNK__TOKEN", "token"),
        ("STATE__URL", "memory:"),
    ];

    /// The settings with faults when `changed` is laid over sound ones, and the whole message.
    fn faults(changed: &[(&str, &str)]) -> (Vec<String>, String) {
        let values = Values::new(changed.iter().chain(SOUND).map(|(name, value)| ((*name).into(), (*value).into())));
        match App::open(&values) {
            Ok(_) => (Vec::new(), String::new()),
            Err(error) => (error.faults.iter().map(|fault| fault.setting.clone()).collect(), error.to_string()),
        }
    }

    #[test]
    fn names_are_told_apart_and_so_are_their_settings() {
        assert_eq!(faults(&[]), (vec![], String::new()));
        for (list, wrong) in [
            (" , ,", 1),
            ("splunk, splunk", 1),
            ("splunk, a-b=splunk, a_b=splunk", 3), // URL and TOKEN of the first are missing
            ("splunk, a--b=splunk", 1),
            ("splunk, a-=splunk", 1),
            ("splunk, 1a=splunk", 1),
            ("splunk, state=splunk, delivery=splunk", 2),
            ("splunk, x=, =splunk, nosuch", 3),
        ] {
            let (settings, message) = faults(&[("DESTINATIONS", list)]);
            assert_eq!(settings.len(), wrong, "{message}");
        }
    }

    #[test]
    fn no_fault_shows_a_value() {
        let names = [
            "DESTINATIONS",
            "LOG_LEVEL",
            "STATE__URL",
            "STATE__OTHER",
            "DELIVERY__BUDGET",
            "DELIVERY__ATTEMPTS",
            "SPLUNK__URL",
            "SPLUNK__OTHER",
            "SPLUNK__TIMEOUT",
            "SPLUNK__CA_CERT",
            "SPLUNK__MIN_SEVERITY",
            "SPLUNK__EVENTS",
            "SPLUNK__DROP_FIELDS",
            "SPLUNK__REDACT",
            "SPLUNK__SAMPLES",
            "SPLUNK__SNAPSHOTS",
            "SPLUNK__FILTER",
        ];
        for name in names {
            let (mut settings, message) = faults(&[(name, "Hunter2 value\"")]);
            settings.dedup(); // an expression can be wrong in two places
            assert_eq!(settings, [name]);
            assert!(!message.contains("Hunter2"), "{message}");
        }
    }

    #[test]
    fn an_unresolved_reference_is_a_fault_wherever_it_stands() {
        for name in [
            "DESTINATIONS",
            "LOG_LEVEL",
            "STATE__URL",
            "DELIVERY__BUDGET",
            "SPLUNK__TOKEN",
            "SPLUNK__INDEX",
            "SPLUNK__EVENTS",
            "SPLUNK__REDACT",
        ]
        .into_iter()
        .chain(Identity::SETTINGS)
        {
            let (settings, message) = faults(&[(name, "@microsoft.KeyVault(SecretUri=https://v.example/secrets/n)")]);
            assert_eq!(settings, [name]);
            assert!(message.contains("not resolved"), "{message}");
        }
    }

    #[test]
    fn faulty_certificates_are_named_beside_what_is_missing() {
        let bad = "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----";
        let (settings, message) = faults(&[("SPLUNK__TOKEN", ""), ("SPLUNK__CA_CERT", bad)]);
        assert_eq!(settings, ["SPLUNK__TOKEN", "SPLUNK__CA_CERT"], "{message}");
    }
}
