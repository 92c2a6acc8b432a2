//! Function `status`: what is configured, what was done since the process started, what is parked and what is dead.

use std::sync::atomic::Ordering;

use futures::join;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::object;
use crate::app::App;
use crate::graph::{CURSOR, Cursor};
use crate::host::{HttpAnswer, InvocationReply};
use crate::outbox::{Count, Counts, UNDECODABLE};

/// Reports as JSON. Counters are this process' own; `waiting` and `buried` are counts of the store, shared by all instances, and `null`
/// while the store cannot be asked: whoever looks then wants to read why, not an error page.
pub(super) async fn run(app: &App, now: Timestamp) -> InvocationReply {
    let (counts, graph, sync) = join!(app.outbox.counts(), graph(app), synchronisation(app, now));
    let (counts, error) = match counts {
        Ok(counts) => (Some(counts), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let stored = |name: &str| counts.as_ref().map(|counts| counts.destinations.get(name).copied().unwrap_or_default());
    let destinations: Vec<Value> = app
        .instances
        .iter()
        .map(|instance| {
            let done = instance.counters.read();
            let mut row = store_row(stored(&instance.outlet.name));
            row.extend(object(json!({
                "name": instance.outlet.name,
                "kind": instance.kind.name,
                "title": instance.kind.title,
                "delivered": done.delivered,
                "parked": done.parked,
                "dead": done.dead,
                "filtered": done.filtered,
                "breaker": instance.outlet.breaker.state().to_string(),
                "last_failure": instance.outlet.breaker.last_reason(),
            })));
            row.into()
        })
        .collect();
    let mut undecodable = store_row(stored(UNDECODABLE));
    undecodable.insert("dead".into(), app.undecodable.load(Ordering::Relaxed).into());
    let body = object(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "events": app.events.load(Ordering::Relaxed),
        "store": {"place": app.store.to_string(), "error": error},
        "destinations": destinations,
        "graph": graph,
        "sync": sync,
        "undecodable": undecodable,
        "not_configured": not_configured(app, counts.as_ref()),
    }));
    InvocationReply::http(HttpAnswer { status: 200, body })
}

/// How far reading from Microsoft Graph has come, by the cursor that all instances share.
async fn graph(app: &App) -> Value {
    if app.graph.is_none() {
        return json!({"enabled": false});
    }
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    match app.store.document::<Cursor>(CURSOR).await {
        Ok(document) => {
            let Cursor { watermark, walk, not_before, last_success, last_error, .. } = document.content;
            json!({
                "enabled": true,
                "watermark": time(watermark),
                "pages_under_way": walk.map_or(0, |walk| walk.pages),
                "not_before": time(not_before),
                "last_success": time(last_success),
                "last_error": last_error,
            })
        }
        Err(error) => json!({"enabled": true, "last_error": error.to_string()}),
    }
}

/// How the synchronisation does.
async fn synchronisation(app: &App, now: Timestamp) -> Value {
    let Some(sync) = &app.sync else { return json!({"mode": "off"}) };
    let mut row = object(json!({"mode": sync.mode().name()}));
    row.extend(match sync.standing(&app.store, now).await {
        Ok(standing) => object(json!({
            "last_run": standing.last_run.map(|time| time.to_string()),
            "last_error": standing.last_error,
            "changes_this_hour": standing.changes_this_hour,
            "waits_until": standing.waits_until.map(|time| time.to_string()),
            "watched_incidents": standing.watched,
        })),
        Err(error) => object(json!({"last_run": null, "last_error": error.to_string()})),
    });
    row.into()
}

/// Letters of destinations that were taken out of `DESTINATIONS`: nobody sends them.
fn not_configured(app: &App, counts: Option<&Counts>) -> Vec<Value> {
    let letters = counts.into_iter().flat_map(|counts| &counts.destinations);
    letters
        .filter(|(name, _)| *name != UNDECODABLE && app.instance(name).is_none())
        .map(|(name, count)| {
            let mut row = store_row(Some(*count));
            row.insert("name".into(), name.as_str().into());
            row.into()
        })
        .collect()
}

fn store_row(count: Option<Count>) -> Map<String, Value> {
    object(json!({
        "waiting": count.map(|count| count.parked),
        "buried": count.map(|count| count.dead),
        "oldest_waiting": count.and_then(|count| count.oldest_parked).map(|time| time.to_string()),
        "counts_cut": count.is_some_and(|count| count.cut),
    }))
}
