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
    let lag_s = lag_s(&bodies, now);
    drop(body); // decoded into `bodies`; up to hundreds of MB that the delivery does without
    let tally = app.relay(&bodies, now).await.map_err(|error| Failed(error.to_string()))?;
    tracing::info!(
        function,
        partition,
        retry_count,
        lag_s,
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

/// How long the batch's oldest event lay in the hub, in seconds; nothing where the host does not say. The hub's clock may run ahead of ours.
fn lag_s(bodies: &Bodies, now: Timestamp) -> Option<u64> {
    let oldest = bodies.iter().filter_map(|body| body.enqueued).min()?;
    Some(u64::try_from(now.duration_since(oldest).as_secs()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_is_that_of_the_oldest_event() {
        let batch = |times: &str| {
            let times = serde_json::to_string(times).unwrap();
            let body =
                format!(r#"{{"Data":{{"events":"[{{}},{{}}]"}},"Metadata":{{"EnqueuedTimeUtcArray":{times}}}}}"#);
            Invocation::parse(body.as_bytes()).unwrap().bodies()
        };
        let now = "2026-11-23T10:00:00Z".parse().unwrap();
        let lag = |times| lag_s(&batch(times), now);
        assert_eq!(lag(r#"["2026-11-23T09:59:59.9","2026-11-23T09:58:30.5"]"#), Some(89));
        assert_eq!(lag(r#"["2026-11-23T09:59:00",null]"#), Some(60));
        assert_eq!(lag(r#"["2026-11-23T10:00:05","2026-11-23T10:00:04"]"#), Some(0), "the hub's clock runs ahead");
        assert_eq!(lag("[null,null]"), None);
    }
}
