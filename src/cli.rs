//! What the user asked for on the command line.

mod check;
mod create;
mod preview;
mod replay;
pub mod settings;
mod sync;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};

use crate::local::console::{Console, Loudness};
use crate::local::settings_file::Sources;
use crate::local::{self, Options};
use crate::settings::{FAULTY_SETTINGS, SettingsError, Values};

const EXIT_CODES: &str = "\
Exit codes:
  0    done; every event was delivered, every check passed
  1    failed, or not everything was delivered
  2    faulty settings or command line: one message lists all faults, nothing was started
  143  serve only: stopped by a signal";

/// Streams Microsoft Defender for Cloud alerts to the systems where security teams work.
///
/// Without a command it serves the Azure Functions host as a custom handler. To see what it does, without any account and any settings, run
/// `defender-relay local`.
#[derive(Debug, Parser)]
#[command(name = "defender-relay", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the Azure Functions host (what runs without a command)
    ///
    /// Listens on 127.0.0.1 at the port in FUNCTIONS_CUSTOMHANDLER_PORT, else 8080, until SIGTERM or Ctrl-C. Reads its settings from the
    /// environment only. With faulty settings it starts all the same and fails every invocation, so that the host keeps the events.
    #[command(after_help = SERVE_HELP)]
    Serve,
    Local(LocalArgs),
    Preview(preview::PreviewArgs),
    Check(check::CheckArgs),
    Create(create::CreateArgs),
    Settings(settings::SettingsArgs),
    Replay(replay::ReplayArgs),
    Sync(sync::SyncArgs),
}

const SERVE_HELP: &str = "\
Exit codes:
  1    the port cannot be used
  2    faulty command line
  143  stopped by a signal; never 0, which the host takes for a wish to stay away";

/// Runs the relay on this machine, with sample alerts and receivers of its own
///
/// Plays the Azure Functions host: reads host.json and the functions, starts this program as the handler, and posts events to it in the
/// host's exact shape, with the host's batches, retries and timers.
///
/// Without settings, receivers on this machine play every destination, and you see what each vendor would get. With DESTINATIONS in the
/// environment or in local.settings.json, the events go to your own destinations.
#[derive(Debug, Args)]
#[command(after_help = LOCAL_HELP)]
struct LocalArgs {
    /// Files or folders with events, or - for standard input; the built-in samples when there are none
    ///
    /// A file of NDJSON holds one event per line; any other file is one event, as it is.
    paths: Vec<PathBuf>,
    /// Go on: take events at POST / on its own port, run the timers, serve /api/<function>, until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// Its own port, with --watch; 0 takes any free one
    #[arg(long, default_value_t = 7071)]
    port: u16,
    /// Folder of host.json; else the nearest one from here upwards, else the built-in copy
    #[arg(long)]
    root: Option<PathBuf>,
    /// Function that takes the events; else `alerts`. `logs` has samples of its own: raw Azure Monitor logs
    #[arg(long)]
    function: Option<String>,
    /// Send bodies with their length, as `func start` does, instead of in chunks, as in Azure
    #[arg(long)]
    sized: bool,
    #[command(flatten)]
    settings: SettingsFile,
    #[command(flatten)]
    loudness: LoudnessArgs,
}

const LOCAL_HELP: &str = "\
Examples:
  defender-relay local                       samples to every destination, on this machine
  defender-relay local alert.json --verbose  your own alert, whole payloads, the handler's log
  defender-relay local --watch --port 8080   then, from another terminal:
      curl --data-binary @alert.json http://127.0.0.1:8080/
  defender-relay local --settings my.json    to your own destinations
  defender-relay local --function logs       samples of raw Azure Monitor logs

Exit codes:
  0  every event was delivered to every destination that takes it
  1  something failed, waits in the store, or was dead-lettered
  2  faulty settings or command line: one message lists all faults, nothing was started";

/// Which settings file is read.
#[derive(Debug, Args)]
struct SettingsFile {
    /// Settings file; else local.settings.json in the current folder. The environment wins over the file
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct LoudnessArgs {
    /// Print payloads in full, and every line of the handler's log
    #[arg(long, short, conflicts_with = "quiet")]
    verbose: bool,
    /// Print the summary and errors only
    #[arg(long, short)]
    quiet: bool,
}

impl SettingsFile {
    fn read(&self, environment: &Values) -> anyhow::Result<Sources> {
        let here = std::env::current_dir()?;
        Ok(Sources::read(environment, self.settings.as_deref(), &here)?)
    }
}

impl LoudnessArgs {
    fn loudness(&self) -> Loudness {
        match (self.quiet, self.verbose) {
            (true, _) => Loudness::Quiet,
            (_, true) => Loudness::Verbose,
            _ => Loudness::Normal,
        }
    }
}

/// Does what the command line `args` asks for, with the settings of `environment`; says what went wrong on standard error.
pub async fn run(args: impl IntoIterator<Item = OsString>, environment: Values) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(message) => {
            // A closed pipe is no reason to fail: help piped into `head` has been read.
            let _ = message.print();
            return ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(FAULTY_SETTINGS));
        }
    };
    let console = |loudness| Arc::new(Console::new(loudness, environment.get("NO_COLOR").is_some()));
    let done = match cli.command {
        None | Some(Command::Serve) => Box::pin(crate::serve::serve(environment.clone())).await,
        Some(Command::Local(args)) => run_local(args, &environment, &console).await,
        Some(Command::Preview(args)) => preview::run(&args, &environment, &console(Loudness::Normal)),
        Some(Command::Check(args)) => check::run(&args, &environment, &console(Loudness::Normal)).await,
        Some(Command::Create(args)) => create::run(&args, &environment, &console(Loudness::Normal)).await,
        Some(Command::Settings(args)) => settings::run(&args, &console(Loudness::Normal)),
        Some(Command::Replay(args)) => replay::run(&args, &environment, &console(Loudness::Normal)).await,
        Some(Command::Sync(args)) => sync::run(&args, &environment, &console(Loudness::Normal)).await,
    };
    done.unwrap_or_else(|error| {
        console(Loudness::Normal).warn(&format!("defender-relay: {error:#}"));
        match error.downcast_ref::<SettingsError>() {
            Some(_) => ExitCode::from(FAULTY_SETTINGS),
            None => ExitCode::FAILURE,
        }
    })
}

async fn run_local(
    args: LocalArgs,
    environment: &Values,
    console: &impl Fn(Loudness) -> Arc<Console>,
) -> anyhow::Result<ExitCode> {
    let console = console(args.loudness.loudness());
    let mut sources = args.settings.read(environment)?;
    if sources.own {
        sources = sources.with_local_store(&std::env::current_dir()?)?;
    }
    console.note(&match (&sources.file, sources.own) {
        (Some(file), true) => format!("settings of the environment and {}", file.display()),
        (None, true) => "settings of the environment".to_owned(),
        (_, false) => "no DESTINATIONS in the settings, so every destination is played on this machine".to_owned(),
    });
    let LocalArgs { paths, watch, port, root, function, sized, .. } = args;
    let options = Options { paths, watch, port, root, function, sized };
    Box::pin(local::run(&options, &sources, &console)).await
}
