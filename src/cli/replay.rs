//! `defender-relay replay`: dead letters back into the outbox.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use futures::StreamExt;
use jiff::Timestamp;

use crate::event::{RecordKind, parse_time};
use crate::local::console::Console;
use crate::local::{settings_file, table};
use crate::outbox::{Filter, Outbox, OutboxError};
use crate::settings::{Values, parse_duration};

/// Puts dead letters back into the outbox, from where the next `redeliver` sends them
///
/// Mend first what made the destination refuse them. Without filters all of them are meant; --dry-run shows which. Of the settings only
/// STATE__URL is needed; without it, the store that `local` left in the current folder is meant.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct ReplayArgs {
    /// Only those of this destination, by its name; _undecodable for pieces that are no record
    #[arg(long, short)]
    destination: Option<String>,
    /// Only those seen at this time or later: 2026-08-21T09:00:00Z, or 24h for the last 24 hours
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Only those seen before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// Only those whose reason contains this text, in any case
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only those of this record kind, such as alert or recommendation
    #[arg(long, value_parser = record_kind)]
    kind: Option<RecordKind>,
    /// At most so many, oldest first within a destination
    #[arg(long)]
    limit: Option<usize>,
    /// Show what would be replayed, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    settings: super::SettingsFile,
}

const HELP: &str = "\
Examples:
  defender-relay replay --dry-run
  defender-relay replay --destination splunk --since 7d --reason 'HTTP 400'

Exit codes:
  0  done, or nothing to do
  1  the store failed, or something among the dead letters cannot be read
  2  faulty settings or command line";

/// A point in time, or a span of time before now.
fn time(text: &str) -> Result<Timestamp, String> {
    let ago = parse_duration(text).and_then(|span| Timestamp::now().checked_sub(span).ok());
    ago.or_else(|| parse_time(text))
        .ok_or_else(|| "must be a time like 2026-08-21T09:00:00Z, or a span like 24h".to_owned())
}

pub(super) async fn run(args: &ReplayArgs, environment: &Values, console: &Console) -> anyhow::Result<ExitCode> {
    let here = std::env::current_dir()?;
    let mut sources = args.settings.read(environment)?;
    if settings_file::has_local_store(&here) {
        sources = sources.with_local_store(&here)?;
    }
    let store = crate::app::open_store(&sources.values)?;
    console.note(&format!("store {store}"));
    let outbox = Outbox::new(store.into());
    let filter = Filter {
        destination: args.destination.clone(),
        since: args.since,
        until: args.until,
        reason: args.reason.clone(),
        kind: args.kind.map(|kind| kind.name().to_owned()),
        limit: args.limit,
    };
    console.progress("looking for dead letters");
    let (rows, unreadable) = list(&outbox, &filter).await.context("the store failed")?;
    console.progress("");
    for reason in &unreadable {
        console.warn(reason);
    }
    if rows.is_empty() {
        console.print("no dead letters match");
        return Ok(if unreadable.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let cells: Vec<Vec<String>> = rows
        .into_iter()
        .map(|((destination, kind, reason), group)| {
            vec![destination, kind, group.count.to_string(), group.oldest, group.newest, reason]
        })
        .collect();
    console.print(&table::text(&["destination", "kind", "letters", "oldest", "newest", "reason"], &cells));
    console.progress(if args.dry_run { "counting" } else { "replaying" });
    let report = outbox.replay(&filter, Timestamp::now(), args.dry_run).await.context("the store failed")?;
    console.progress("");
    if args.dry_run {
        console.print(&format!("{} would be replayed; nothing was changed (--dry-run)", report.matched));
    } else {
        console.print(&format!("{} replayed, {} parked already", report.replayed, report.already_parked));
    }
    if let Some(error) = &report.stopped {
        console.warn(&format!("stopped early, repeat the command: {error}"));
    }
    let good = report.stopped.is_none() && report.unreadable.is_empty();
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How many letters share a destination, a kind and a reason, and when the first and last of them were seen.
struct Group {
    count: usize,
    oldest: String,
    newest: String,
}

type Groups = BTreeMap<(String, String, String), Group>;

async fn list(outbox: &Outbox, filter: &Filter) -> anyhow::Result<(Groups, Vec<String>)> {
    let (mut groups, mut unreadable) = (Groups::new(), Vec::new());
    let mut dead = outbox.dead(filter);
    while let Some(found) = dead.next().await {
        let letter = match found {
            Ok((_, letter)) => letter,
            Err(error @ OutboxError::Unreadable { .. }) => {
                unreadable.push(error.to_string());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let seen = format!("{:.0}", letter.seen);
        let group = groups.entry((letter.destination, letter.kind, letter.reason)).or_insert_with(|| Group {
            count: 0,
            oldest: seen.clone(),
            newest: seen.clone(),
        });
        group.count += 1;
        group.oldest = seen.clone().min(std::mem::take(&mut group.oldest));
        group.newest = seen.max(std::mem::take(&mut group.newest));
    }
    Ok((groups, unreadable))
}

/// A record kind as people write it.
fn record_kind(text: &str) -> Result<RecordKind, String> {
    RecordKind::from_name(text)
        .ok_or_else(|| format!("known kinds are {}", RecordKind::ALL.map(RecordKind::name).join(", ")))
}
