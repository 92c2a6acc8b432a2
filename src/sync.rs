//! Two-way status: Sentinel's incidents and Defender for Cloud's alerts, each told what became of the other. So may the tickets that people
//! close in ServiceNow.
//!
//! `rules` decides, and is pure. `ledger` is what lasts between runs. Everything else reads and writes around them.

mod act;
mod audit;
mod entry;
mod gather;
mod hand;
mod ids;
mod incident;
mod join;
mod ledger;
mod pages;
mod report;
mod rules;
mod run;
mod settings;
mod status;
mod tickets;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

pub use audit::Record;
pub use join::Matched;
pub use report::Report;
pub use settings::{Mode, SETTINGS};

use self::hand::HOUR;
use self::ledger::{Ledger, NAME, later};
use self::run::{Run, Stop};
use self::settings::Wishes;
use crate::api::Api;
use crate::batch::Pace;
use crate::cloud::Service;
use crate::deliver::Outlet;
use crate::deliver::token::Identity;
use crate::settings::{Fault, Section, SettingsError};
use crate::state::{Store, StoreError};

/// Longest time of a run, far below the function's time-out.
pub const BUDGET: Duration = Duration::from_secs(150);

/// Requests to Resource Manager: it lets an identity read 250 times at once in a subscription, and 25 times a second from then on.
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling>
const PACES: &[Pace] = &[Pace { parcels: 1200, records: usize::MAX, per: Duration::from_secs(60) }];

/// The opened synchronisation.
#[derive(Debug)]
pub struct Sync {
    wishes: Wishes,
    api: Api,
    who: String,
    /// What this process told in dry-run mode already, and what it remembers between its dry runs, which write nothing.
    rehearsal: Mutex<Rehearsal>,
}

#[derive(Debug, Default)]
struct Rehearsal {
    ledger: Option<Ledger>,
    told: BTreeSet<String>,
}

/// How the synchronisation does, for `status`.
#[derive(Clone, Debug)]
pub struct Standing {
    /// When the last run ended.
    pub last_run: Option<Timestamp>,
    /// What went wrong in it.
    pub last_error: Option<String>,
    /// Changes in the last hour.
    pub changes_this_hour: usize,
    /// Until when the services asked to be left alone.
    pub waits_until: Option<Timestamp>,
    /// Incidents that are watched for changes of their alerts.
    pub watched: usize,
}

impl Sync {
    /// Reads the settings; none when nobody wants a synchronisation. Contacts nobody.
    ///
    /// # Errors
    /// Every faulty setting.
    pub fn open(section: &Section<'_>, identity: &Arc<Identity>) -> Result<Option<Self>, SettingsError> {
        let wishes = Wishes::read(section);
        let api = Api::open(Service::Arm, section.cloud(), wishes.root.clone(), identity, PACES)
            .map_err(|problem| {
                if !section.is_faulty("URL") {
                    section.fault("URL", &problem);
                }
            })
            .ok();
        let who = identity.who();
        let opened = api.map(|api| Self { wishes, api, who, rehearsal: Mutex::default() });
        section.finish(opened.filter(|sync| sync.wishes.is_wanted()))
    }

    /// What may be done.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.wishes.mode
    }

    /// Of the destinations those whose closed tickets close alerts.
    #[must_use]
    pub fn desks<'a>(&self, outlets: impl Iterator<Item = &'a Outlet>) -> Vec<&'a Outlet> {
        outlets.filter(|outlet| self.wishes.desks.contains(&outlet.name)).collect()
    }

    /// What is wrong with `SYNC__SERVICENOW`, given the destinations that there are.
    #[must_use]
    pub fn desk_faults(&self, outlets: &[&Outlet]) -> Vec<Fault> {
        let problem = |name: &String| match outlets.iter().find(|outlet| outlet.name == *name) {
            Some(outlet) if outlet.destination.tickets().is_some() => None,
            Some(_) => Some(format!(
                "{name:?} keeps no tickets; it must be a `servicenow` destination of MODE table or import"
            )),
            None => Some("names something that is not in DESTINATIONS".to_owned()),
        };
        let faults = self.wishes.desks.iter().filter_map(problem);
        faults.map(|problem| Fault { setting: "SYNC__SERVICENOW".to_owned(), problem }).collect()
    }

    /// Runs once: changes what is to be changed. `desks` are those of [`Sync::desks`].
    ///
    /// # Errors
    /// When the store fails. All else is in the report.
    pub async fn run(&self, store: &Store, desks: &[&Outlet], now: Timestamp) -> Result<Report, StoreError> {
        let ledger = store.document(NAME).await?;
        let mut run = self.begin(store, desks, ledger, now, false);
        let result = run.go().await;
        finish(run, result).map(|(report, _)| report)
    }

    /// Runs once and tells what would be changed. Changes nothing and writes nothing; begins with what the last run left.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn rehearse(&self, store: &Store, desks: &[&Outlet], now: Timestamp) -> Result<Report, StoreError> {
        let ledger = store.document(NAME).await?;
        let mut run = self.begin(store, desks, ledger, now, true);
        let result = run.go().await;
        finish(run, result).map(|(report, _)| report)
    }

    /// Rehearses as the function does in dry-run mode: of changes, the report holds those that this process did not tell before.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn rehearse_again(&self, store: &Store, desks: &[&Outlet], now: Timestamp) -> Result<Report, StoreError> {
        let mut ledger = store.document::<Ledger>(NAME).await?;
        if let Some(kept) = self.rehearsal().ledger.take() {
            ledger.content = Ledger { changes: ledger.content.changes.clone(), ..kept };
        }
        let mut run = self.begin(store, desks, ledger, now, true);
        let result = run.go().await;
        let (mut report, ledger) = finish(run, result)?;
        let mut rehearsal = self.rehearsal();
        rehearsal.ledger = Some(ledger);
        let present: BTreeSet<String> =
            report.changes.iter().map(|record| format!("{} {}", record.id, record.to)).collect();
        report.changes.retain(|record| !rehearsal.told.contains(&format!("{} {}", record.id, record.to)));
        rehearsal.told = present;
        Ok(report)
    }

    /// Closed incidents that were changed before that are over, whatever was not found of them.
    fn since(&self, now: Timestamp) -> Timestamp {
        now.saturating_sub(self.wishes.lookback).unwrap_or(Timestamp::MIN)
    }

    fn rehearsal(&self) -> std::sync::MutexGuard<'_, Rehearsal> {
        self.rehearsal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin<'a>(
        &'a self,
        store: &'a Store,
        desks: &'a [&'a Outlet],
        ledger: crate::state::Document<Ledger>,
        start: Timestamp,
        rehearses: bool,
    ) -> Run<'a> {
        let begun = Instant::now();
        Run {
            wishes: &self.wishes,
            api: &self.api,
            store,
            who: &self.who,
            desks,
            id: format!("{:016x}", fastrand::u64(..)),
            start,
            begun,
            deadline: begun + BUDGET,
            since: self.since(start),
            ledger,
            rehearses,
            silent: BTreeSet::new(),
            states: BTreeMap::new(),
            index: join::Index::default(),
            report: Report::default(),
        }
    }

    /// How it does, as the last run left it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn standing(&self, store: &Store, now: Timestamp) -> Result<Standing, StoreError> {
        let ledger: Ledger = store.document(NAME).await?.content;
        Ok(Standing {
            last_run: ledger.last_run,
            changes_this_hour: ledger.changes.iter().filter(|at| now < later(**at, HOUR)).count(),
            waits_until: ledger.not_before.filter(|until| now < *until),
            watched: ledger.incidents.values().filter(|entry| entry.is_watched(self.since(now))).count(),
            last_error: ledger.last_error,
        })
    }

    /// Asks each workspace and each subscription for something harmless: what was asked, and what came of it.
    pub async fn probe(&self, deadline: Instant) -> Vec<(String, Result<(), String>)> {
        let mut answers = Vec::new();
        for workspace in &self.wishes.workspaces {
            let query = [("api-version", gather::INCIDENTS), ("$top", "1")];
            let answer = self.api.get::<pages::Page>(self.api.url(&workspace.incidents(), &query), &[], deadline).await;
            answers.push((format!("workspace {}", workspace.name()), told(answer.map(drop), gather::RESPONDER)));
        }
        for subscription in &self.wishes.subscriptions {
            let answer = self.api.get::<pages::Page>(gather::alerts(&self.api, subscription), &[], deadline).await;
            answers.push((format!("subscription {subscription}"), told(answer.map(drop), gather::ADMIN)));
        }
        answers
    }
}

/// A probe's answer in words.
fn told(answer: Result<(), crate::api::ApiError>, needs: &str) -> Result<(), String> {
    answer.map_err(|error| if run::is_missing_right(&error) { format!("{error}; {needs}") } else { error.to_string() })
}

/// What came of a run.
fn finish(run: Run<'_>, result: Result<(), Stop>) -> Result<(Report, Ledger), StoreError> {
    let mut report = run.report;
    match result {
        Ok(()) => {}
        Err(Stop::Overtaken) => report.overtaken = true,
        Err(Stop::Store(error)) => return Err(error),
    }
    Ok((report, run.ledger.content))
}
