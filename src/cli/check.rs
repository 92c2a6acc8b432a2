//! `defender-relay check`: is the configuration right, and do the destinations answer?

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures::future::{join, join_all};
use tokio::time::Instant;

use crate::app::{self, Checked, Instance};
use crate::deliver;
use crate::graph::Graph;
use crate::local::console::{Console, visible};
use crate::outbox::Outbox;
use crate::parcel::Verdict;
use crate::settings::Values;

/// Longest time for the probe of one destination.
const PATIENCE: Duration = Duration::from_secs(30);

/// Checks every setting, and with --connect the store and every destination
///
/// Prints every fault at once, each with the name of its setting. Connects to nothing and creates nothing. With --connect it lists the store
/// (a local folder is created) and makes a harmless call to each destination; the README of each destination says what that call proves. If
/// alerts are read from Microsoft Graph, it asks for one; where status is synchronised, it asks each workspace and each subscription.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct CheckArgs {
    /// Also connect to the store and to each destination
    #[arg(long)]
    connect: bool,
    #[command(flatten)]
    settings: super::SettingsFile,
}

const HELP: &str = "\
Examples:
  defender-relay check
  defender-relay check --connect --settings ./prod.settings.json

Exit codes:
  0  no faults, and with --connect everything answered
  1  the store or a destination does not answer as it should
  2  faulty settings or command line: one message lists all faults";

pub(super) async fn run(args: &CheckArgs, environment: &Values, console: &Console) -> anyhow::Result<ExitCode> {
    let sources = args.settings.read(environment)?;
    let Checked { instances, graph, sync, .. } = app::check(&sources.values)?;
    for instance in &instances {
        for warning in instance.outlet.destination.warnings() {
            console.warn(&format!("warning: {}: {warning}", instance.outlet.name));
        }
    }
    for warning in graph.iter().flat_map(Graph::warnings) {
        console.warn(&format!("warning: {warning}"));
    }
    let mut good = true;
    if args.connect {
        let store = Arc::new(app::open_store(&sources.values)?);
        let outbox = Outbox::new(Arc::clone(&store));
        if let Some(warning) = store.warning() {
            console.warn(&format!("warning: STATE__URL: {warning}"));
        }
        console.progress(&format!("asking the store and {} destinations", instances.len()));
        let (listed, answers) = join(outbox.probe(), join_all(instances.iter().map(probe))).await;
        console.progress("");
        good &= say(console, "store", listed.map(|()| store.to_string()).map_err(|error| error.to_string()));
        for (instance, answer) in instances.iter().zip(answers) {
            good &= say(console, &instance.outlet.name, answer);
        }
        if let Some(graph) = &graph {
            let answer = graph.probe(Instant::now() + PATIENCE).await;
            good &= say(console, "Microsoft Graph", answer.map(|()| "answers as it should".to_owned()));
        }
        if let Some(sync) = &sync {
            for (what, answer) in sync.probe(Instant::now() + PATIENCE).await {
                good &= say(console, &format!("sync, {what}"), answer.map(|()| "answers as it should".to_owned()));
            }
        }
    } else {
        for instance in &instances {
            console.print(&format!("{}: settings of {} are complete", instance.outlet.name, instance.kind.title));
        }
        if graph.is_some() {
            console.print("Microsoft Graph: settings are complete");
        }
        if let Some(sync) = &sync {
            console.print(&format!("sync: settings are complete, mode {}", sync.mode().name()));
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the destination's answer to a harmless call means.
async fn probe(instance: &Instance) -> Result<String, String> {
    match deliver::probe(&instance.outlet, Instant::now() + PATIENCE).await {
        None => Ok(format!("{} has no harmless call to make; not connected", instance.kind.title)),
        Some(Verdict::Accepted | Verdict::Partial { .. } | Verdict::Then(_)) => Ok("answers as it should".to_owned()),
        Some(
            Verdict::Retry { reason, .. }
            | Verdict::Split { reason }
            | Verdict::Rejected { reason }
            | Verdict::Misconfigured { reason },
        ) => Err(reason),
    }
}

fn say(console: &Console, name: &str, answer: Result<String, String>) -> bool {
    let good = answer.is_ok();
    let (mark, text) = match answer {
        Ok(text) => (console.paint.good("ok  "), text),
        Err(text) => (console.paint.bad("FAIL"), text),
    };
    console.print(&format!("{mark} {name}: {}", visible(&text)));
    good
}
