//! `defender-relay replay`: dead letters back into the outbox.

use std::process::ExitCode;

use clap::Args;

use crate::local::console::Console;
use crate::settings::Values;

/// Puts dead letters back into the outbox
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    settings: super::SettingsFile,
}

const HELP: &str = "\
Examples:
  defender-relay replay --dry-run";

pub(super) async fn run(args: &ReplayArgs, environment: &Values, _console: &Console) -> anyhow::Result<ExitCode> {
    let sources = args.settings.read(environment)?;
    crate::app::check(&sources.values)?;
    Ok(ExitCode::SUCCESS)
}
