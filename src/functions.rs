//! One handler per trigger folder; the folder's name is the route.

mod graph;
mod hub;
mod redeliver;
mod replay;
mod status;
mod sync;

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::app::App;
use crate::host::InvocationReply;

/// The functions that this program serves: one folder under `function-triggers/` each.
pub const ROUTES: &[&str] = &["alerts", "graph", "logs", "redeliver", "replay", "status", "sync"];

/// The invocation failed: the host must bring it again. The text is for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failed(pub String);

/// Runs the function of that name; nothing when there is none.
pub async fn run(app: Arc<App>, function: &str, body: Bytes) -> Option<Result<InvocationReply, Failed>> {
    let now = Timestamp::now();
    Some(match function {
        "alerts" | "logs" => hub::run(&app, function, body, now).await,
        "graph" => graph::run(&app, now).await,
        "sync" => sync::run(&app, now).await,
        "redeliver" => redeliver::run(&app, now).await,
        "replay" => Ok(replay::run(&app, &body, now).await),
        "status" => Ok(status::run(&app, now).await),
        _ => return None,
    })
}

/// The members of a `json!({…})`.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => Map::from_iter([("value".to_owned(), other)]),
    }
}
