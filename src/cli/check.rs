//! `defender-relay check`: is the configuration right, and do the destinations answer?

use std::process::ExitCode;

use clap::Args;

use crate::local::console::Console;
use crate::settings::Values;

/// Checks every setting, and with --connect every destination
///
/// Prints every fault at once, each with the name of its setting. With --connect it makes a harmless call to each destination; the
/// help of each destination's README says what that proves.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct CheckArgs {
    /// Also connect to each destination
    #[arg(long)]
    connect: bool,
    #[command(flatten)]
    settings: super::SettingsFile,
}

const HELP: &str = "\
Examples:
  defender-relay check
  defender-relay check --connect --settings ./prod.settings.json

Exit codes: 0 all is well, 1 a destination does not answer as it should, 2 faulty settings or command line";

pub(super) async fn run(args: &CheckArgs, environment: &Values, console: &Console) -> anyhow::Result<ExitCode> {
    let sources = args.settings.read(environment)?;
    crate::app::check(&sources.values)?;
    let instances = crate::app::open_destinations(&sources.values)?;
    for instance in &instances {
        for warning in instance.outlet.destination.warnings() {
            console.warn(&format!("{}: {warning}", instance.outlet.name));
        }
    }
    let _ = args.connect;
    console.print(&format!("{} destinations, no faults", instances.len()));
    Ok(ExitCode::SUCCESS)
}
