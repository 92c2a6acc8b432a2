//! The opened program: destinations, outbox, limits.

mod instance;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use instance::{Instance, open_destinations, section_of};

use crate::deliver::Outlet;
use crate::deliver::retry::RetryPolicy;
use crate::deliver::token::Identity;
use crate::graph::{self, Graph, Twins};
use crate::outbox::Outbox;
use crate::settings::{Fault, Section, Setting, SettingsError, UNRESOLVED, Values, is_unresolved};
use crate::state::{self, Store};
use crate::sync::{self, Sync};

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

    /// The rule for alerts that come both by export and by Microsoft Graph, where one of the two is preferred.
    #[must_use]
    pub fn twins(&self) -> Option<&Twins> {
        self.graph.as_ref()?.twins.as_ref()
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
    let instances = collect(instance::open_for(values, &identity), &mut faults);
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

#[cfg(test)]
mod tests;
