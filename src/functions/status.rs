//! Function `status`: what is configured, what was done since the process started, what is parked and what is dead.

use std::sync::atomic::Ordering;

use serde_json::{Map, Value, json};

use super::Failed;
use crate::app::App;
use crate::host::{HttpAnswer, InvocationReply};
use crate::outbox::UNDECODABLE;

/// Reports as JSON. Counters are this process' own; `waiting` and `buried` are counts of the store, shared by all instances.
pub(super) async fn run(app: &App) -> Result<InvocationReply, Failed> {
    let counts = app.outbox.counts().await.map_err(|error| Failed(error.to_string()))?;
    let stored = |name: &str| counts.destinations.get(name).copied().unwrap_or_default();
    let destinations: Vec<Value> = app
        .instances
        .iter()
        .map(|instance| {
            let done = instance.counters.read();
            let store = stored(&instance.outlet.name);
            json!({
                "name": instance.outlet.name,
                "kind": instance.kind.name,
                "title": instance.kind.title,
                "delivered": done.delivered,
                "parked": done.parked,
                "dead": done.dead,
                "filtered": done.filtered,
                "waiting": store.parked,
                "buried": store.dead,
                "oldest_waiting": store.oldest_parked.map(|time| time.to_string()),
                "counts_cut": store.cut,
                "breaker": instance.outlet.breaker.state().to_string(),
                "last_failure": instance.outlet.breaker.last_reason(),
            })
        })
        .collect();
    let mut body = Map::new();
    body.insert("version".into(), env!("CARGO_PKG_VERSION").into());
    body.insert("events".into(), app.events.load(Ordering::Relaxed).into());
    body.insert("destinations".into(), destinations.into());
    body.insert(
        "undecodable".into(),
        json!({
            "dead": app.undecodable.load(Ordering::Relaxed),
            "waiting": stored(UNDECODABLE).parked,
            "buried": stored(UNDECODABLE).dead,
        }),
    );
    Ok(InvocationReply::http(HttpAnswer { status: 200, body }))
}
