//! `defender-relay create`: makes on the other side what a destination writes to.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::app;
use crate::deliver::courier;
use crate::deliver::token::Identity;
use crate::destinations::Order;
use crate::local::console::{Console, visible};
use crate::parcel::Parcel;
use crate::settings::{Fault, Section, SettingsError, Values, setting_prefix};

/// Longest time for the answer, the token included.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes what a destination writes to: the Power BI semantic model, once, before the first delivery
///
/// Asks with the app's identity, or with that of `az login` on your machine, and prints the setting that names what was made. Where a person
/// has to make it, as the table of a Fabric Eventhouse, it prints what to run there. Most destinations need nothing made.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct CreateArgs {
    /// The destination, by its name in DESTINATIONS or by its kind
    destination: String,
    /// Only print what would be made; needs no identity
    #[arg(long)]
    print: bool,
    /// Make another one although a setting names one already; the new one is empty
    #[arg(long, conflicts_with = "print")]
    again: bool,
    #[command(flatten)]
    settings: super::SettingsFile,
}

const HELP: &str = "\
Examples:
  defender-relay create powerbi --print > dataset.json
  POWERBI__WORKSPACE=3d9b93c6-7b6d-4801-a491-1738910904fd defender-relay create powerbi
  POWERBI__MODE=eventhouse defender-relay create powerbi

Exit codes:
  0  made, or printed, or there is nothing to make
  1  it could not be made
  2  faulty settings or command line, or it is there already: nothing was asked for";

pub(super) async fn run(args: &CreateArgs, environment: &Values, console: &Console) -> anyhow::Result<ExitCode> {
    let sources = args.settings.read(environment)?;
    let name = args.destination.to_ascii_lowercase();
    let (kind, section) = app::section_of(&name, &sources.values)?;
    let Some(create) = &kind.create else {
        console.note(&format!("{name}: there is nothing to create for {}", kind.title));
        return Ok(ExitCode::SUCCESS);
    };
    let definition = (create.define)(&section)?;
    if args.print {
        console.print(definition.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let Some(order) = (create.order)(&section)? else {
        console.note("a person has to make it: run this there, then start the relay");
        console.print(definition.trim_end());
        return Ok(ExitCode::SUCCESS);
    };
    may_be_made(&order, &section, args.again, Timestamp::now())?;
    console.progress("asking");
    let answer = place(&order, &section, &sources.values).await;
    console.progress("");
    match answer? {
        Ok(made) => {
            console.note("made; set this, then run `defender-relay check --connect`:");
            console.print(&format!("{}__{}={made}", setting_prefix(&name), order.names));
            Ok(ExitCode::SUCCESS)
        }
        Err(reason) => bail!("{name}: {}", visible(&reason)),
    }
}

/// Whether it is wanted, and still to be had.
fn may_be_made(order: &Order, section: &Section<'_>, again: bool, now: Timestamp) -> anyhow::Result<()> {
    if !again && section.text(order.names).is_some() {
        section.fault(order.names, "names one already; with --again another one is made, empty and beside the first");
        section.finish(())?;
    }
    let (end, instead) = order.sunset;
    if now >= end {
        bail!("{}: {instead}", section.name());
    }
    Ok(())
}

/// Sends the order once: an answer that got lost shall not make a second one.
async fn place(order: &Order, section: &Section<'_>, values: &Values) -> anyhow::Result<Result<String, String>> {
    let courier = courier::open(&order.transport, &Arc::new(Identity::choose(values))).map_err(|problems| {
        let prefix = setting_prefix(section.name());
        let fault = |(key, problem)| Fault { setting: format!("{prefix}__{key}"), problem };
        SettingsError { faults: problems.into_iter().map(fault).collect() }
    })?;
    let reply = courier.send(&Parcel::Http(order.parcel.clone()), Instant::now() + PATIENCE).await;
    Ok((order.outcome)(&reply))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(settings: &[(&str, &str)], again: bool, now: &str) -> Option<String> {
        let values = Values::new(
            [("POWERBI__WORKSPACE", "3d9b93c6-7b6d-4801-a491-1738910904fd")]
                .iter()
                .chain(settings)
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let (kind, section) = app::section_of("powerbi", &values).unwrap();
        let order = (kind.create.as_ref().unwrap().order)(&section).unwrap().unwrap();
        may_be_made(&order, &section, again, now.parse().unwrap()).err().map(|error| error.to_string())
    }

    #[test]
    fn nothing_is_made_after_the_sunset() {
        assert_eq!(refused(&[], false, "2027-10-31T23:59:59Z"), None);
        let reason = refused(&[], false, "2027-11-01T00:00:00Z").unwrap();
        assert!(reason.contains("2027-10-31") && reason.contains("MODE=eventhouse"), "{reason}");
    }

    #[test]
    fn a_second_one_is_only_made_on_demand() {
        let named = [("POWERBI__DATASET", "a0a9cc52-1a3c-4a6f-8f7e-2b6a5f1d9e10")];
        let reason = refused(&named, false, "2026-11-23T00:00:00Z").unwrap();
        assert!(reason.contains("POWERBI__DATASET") && reason.contains("--again"), "{reason}");
        assert_eq!(refused(&named, true, "2026-11-23T00:00:00Z"), None);
    }
}
