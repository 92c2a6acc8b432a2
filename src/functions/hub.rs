//! The functions of an event hub: `alerts` takes what continuous export sends, `logs` takes raw Azure Monitor logs.
//!
//! Both take whatever comes: a record is known by what it says of itself, not by the hub that it came through.

use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;

use super::Failed;
use crate::app::App;
use crate::host::{Bodies, Invocation, InvocationReply};

/// Relays the batch. An invocation that is not what the host sends is treated as one event body, and so ends as a dead letter:
/// answering 500 would bring the same bytes back for ever.
pub(super) async fn run(app: &App, function: &str, body: Bytes, now: Timestamp) -> Result<InvocationReply, Failed> {
    let started = Instant::now();
    let (bodies, partition, retry_count) = match Invocation::parse(&body) {
        Ok(invocation) => (invocation.bodies(), invocation.partition(), invocation.retry_count()),
        Err(error) => {
            tracing::error!(function, %error, bytes = body.len(), "not an invocation; taking it as one event body");
            (Bodies::single(&body, None), None, 0)
        }
    };
    drop(body); // decoded into `bodies`; up to hundreds of MB that the delivery does without
    let tally = app.relay(&bodies, now).await.map_err(|error| Failed(error.to_string()))?;
    tracing::info!(
        function,
        partition,
        retry_count,
        bodies = bodies.len(),
        events = tally.events,
        undecodable = tally.undecodable,
        delivered = tally.destinations.iter().map(|(_, count)| count.delivered).sum::<u64>(),
        parked = tally.destinations.iter().map(|(_, count)| count.parked).sum::<u64>(),
        dead = tally.destinations.iter().map(|(_, count)| count.dead).sum::<u64>(),
        filtered = tally.destinations.iter().map(|(_, count)| count.filtered).sum::<u64>(),
        elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "batch relayed"
    );
    Ok(InvocationReply::success(tally.lines()))
}
