//! Function `sync`: status between Sentinel and Defender for Cloud.

use jiff::Timestamp;

use super::Failed;
use crate::app::App;
use crate::host::InvocationReply;
use crate::sync::{Mode, Report};

/// Does nothing where it is not configured. What needs a human fails the invocation, so that somebody sees it; the timer tries again anyway.
pub(super) async fn run(app: &App, now: Timestamp) -> Result<InvocationReply, Failed> {
    let wanted = app.sync.as_ref().filter(|sync| sync.mode() != Mode::Off);
    let Some(sync) = wanted else {
        return Ok(InvocationReply::success(vec!["not configured".to_owned()]));
    };
    let desks = sync.desks(app.instances.iter().map(|instance| &instance.outlet));
    let rehearses = sync.mode() == Mode::DryRun;
    let report = match rehearses {
        false => sync.run(&app.store, &desks, now).await,
        true => sync.rehearse_again(&app.store, &desks, now).await,
    };
    let report = report.map_err(|error| Failed(error.to_string()))?;
    if rehearses {
        report.changes.iter().for_each(|record| record.log("status would be changed"));
    }
    let line = in_words(&report, rehearses);
    tracing::info!(
        changes = report.changes.len(),
        left = report.left.len(),
        incidents = report.incidents,
        alerts = report.alerts,
        tickets = report.tickets,
        overtaken = report.overtaken,
        dry_run = rehearses,
        "synchronisation"
    );
    match report.failures.is_empty() {
        true => Ok(InvocationReply::success(vec![line])),
        false => Err(Failed(report.error().unwrap_or_default())),
    }
}

fn in_words(report: &Report, rehearses: bool) -> String {
    if report.overtaken {
        return "another run is at work".to_owned();
    }
    if let Some(until) = report.waits_until {
        return format!("the service asked to be left alone until {until:.0}");
    }
    let changes = if rehearses { "would be changed" } else { "changed" };
    format!("{} {changes}, {} left as they are", report.changes.len(), report.left.len())
}
