//! `defender-relay sync`: one run of the synchronisation, or what it would change.

use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use crate::app;
use crate::local::console::{Console, visible};
use crate::settings::{SettingsError, Values};
use crate::sync::{Mode, Record, Report};

/// Tells Sentinel and Defender for Cloud of each other's status, once; with --dry-run it only shows what would change, and why
///
/// Does what the function `sync` does: reads the incidents of SYNC__WORKSPACES and the alerts of SYNC__SUBSCRIPTIONS, begins where the last run
/// ended, and obeys SYNC__MODE. With --dry-run it changes nothing and writes nothing, and works with SYNC__MODE off too. Asks with the app's
/// identity, or with that of `az login` on your machine.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct SyncArgs {
    /// Show what would be changed and why; change nothing, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Show also what stays as it is though the sides differ, and why
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    settings: super::SettingsFile,
}

const HELP: &str = "\
Examples:
  defender-relay sync --dry-run --verbose
  defender-relay sync --settings ./prod.settings.json

Exit codes:
  0  done, or shown
  1  something could not be read or changed, or the store failed
  2  faulty settings or command line";

pub(super) async fn run(args: &SyncArgs, environment: &Values, console: &Console) -> anyhow::Result<ExitCode> {
    let sources = args.settings.read(environment)?;
    let app::Checked { instances, sync, .. } = app::check(&sources.values)?;
    let sync = sync.filter(|sync| args.dry_run || sync.mode() != Mode::Off).ok_or_else(|| {
        let problem = if args.dry_run { "names no workspace" } else { "is off; set it, or use --dry-run" };
        SettingsError::of(if args.dry_run { "SYNC__WORKSPACES" } else { "SYNC__MODE" }, problem)
    })?;
    let store = app::open_store(&sources.values)?;
    let desks = sync.desks(instances.iter().map(|instance| &instance.outlet));
    let rehearses = args.dry_run || sync.mode() == Mode::DryRun;
    console.progress("reading incidents and alerts");
    let now = Timestamp::now();
    let report = match rehearses {
        true => sync.rehearse(&store, &desks, now).await,
        false => sync.run(&store, &desks, now).await,
    };
    console.progress("");
    let report = report?;
    show(console, &report, rehearses, args.verbose);
    let good = report.error().is_none() && report.waits_until.is_none();
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(console: &Console, report: &Report, rehearses: bool, verbose: bool) {
    for record in &report.changes {
        console.print(&visible(&in_words(record)));
    }
    if verbose {
        for (what, why) in &report.left {
            console.print(&visible(&format!("{what}: {why}")));
        }
    }
    for problem in report.failures.iter().chain(&report.delays) {
        console.warn(&visible(problem));
    }
    if let Some(until) = report.waits_until {
        console.warn(&format!("the service asked to be left alone until {until:.0}"));
    } else if report.overtaken {
        console.print("another run is at work; it does what there is to do");
    } else {
        let (changes, left) = (report.changes.len(), report.left.len());
        let done = if rehearses { "would be changed; nothing was" } else { "changed" };
        let hint = if left > 0 && !verbose { " (--verbose shows why)" } else { "" };
        console.print(&format!("{changes} {done}, {left} left as they are{hint}"));
    }
}

/// A change in a few lines.
fn in_words(record: &Record) -> String {
    let mut text = format!("{} {}\n  {} -> {}: {}", record.what, record.id, record.from, record.to, record.why);
    if let Some(classification) = record.classification.as_ref().filter(|_| record.what == "incident") {
        text.push_str(&format!(", classification {classification}"));
    }
    for (name, value) in [("incident", &record.incident), ("ticket", &record.ticket)] {
        if let Some(value) = value {
            text.push_str(&format!("\n  {name} {value}"));
        }
    }
    if let Some(matched) = record.matched {
        text.push_str(&format!("\n  found by {matched}"));
    }
    if let Some(result) = &record.result {
        text.push_str(&format!("\n  {result}"));
    }
    text
}
