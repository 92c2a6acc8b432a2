//! Function `graph`: alerts of the whole tenant from Microsoft Graph.
//!
//! One run goes on with the walk that the [cursor](Cursor) is at: page by page, each handed to the relay, and noted in the cursor once all
//! its alerts are delivered, parked or dead. A run that is broken off leaves at most one page to be read again. A run that finds the
//! cursor moved by another stops.

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use tokio::time::Instant;

use super::Failed;
use crate::api::ApiError;
use crate::app::App;
use crate::graph::{CURSOR, Cursor, Graph, Page, Step, explained};
use crate::host::{Bodies, InvocationReply};
use crate::relay::Tally;
use crate::state::{Document, WriteError};

/// No page is asked for later than this in a run. What it brings still needs the delivery budget; both stay below `functionTimeout`.
const READING: Duration = Duration::from_secs(90);

/// Longest time for the last page's answer beyond that.
const LAST: Duration = Duration::from_secs(30);

/// Why a run is at its end.
enum End {
    /// Everything is read.
    Done,
    /// The next run goes on: time is up, or the minute's share of requests is spent.
    Later,
    /// Another run owns the cursor.
    Overtaken,
    /// Graph wants to be left alone for so long.
    Throttled(Duration, String),
    /// Something must be mended, or passes.
    Failed(String),
}

/// What a run did.
#[derive(Default)]
struct Done {
    pages: u64,
    tally: Tally,
}

/// Does nothing where it is not configured.
pub(super) async fn run(app: &App, now: Timestamp) -> Result<InvocationReply, Failed> {
    let Some(graph) = &app.graph else {
        return Ok(InvocationReply::success(vec!["not configured".to_owned()]));
    };
    let started = Instant::now();
    let mut document =
        app.store.document::<Cursor>(CURSOR).await.map_err(|error| Failed(format!("the cursor: {error}")))?;
    if let Some(rest) = document.content.rest(now) {
        let line = format!("Microsoft Graph asked to be left alone for another {} s", rest.as_secs());
        return Ok(InvocationReply::success(vec![line]));
    }
    let mut done = Done::default();
    let end = read(app, graph, &mut document, started, &mut done).await;
    tracing::info!(
        function = "graph",
        pages = done.pages,
        events = done.tally.events,
        watermark = document.content.watermark.map(tracing::field::display),
        at_end = matches!(end, End::Done),
        elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "alerts read from Microsoft Graph"
    );
    let mut lines = done.tally.lines();
    lines.push(match end {
        End::Done => "everything is read".to_owned(),
        End::Later => "there is more; the next run goes on".to_owned(),
        End::Overtaken => "another run has moved the cursor; it goes on".to_owned(),
        End::Throttled(wait, reason) => {
            tracing::warn!(seconds = wait.as_secs(), "Microsoft Graph asked to be left alone");
            document.content.not_before = Timestamp::now().saturating_add(wait).ok();
            document.content.last_error = Some(format!("Microsoft Graph: {reason}"));
            note(app, &mut document).await;
            format!("Microsoft Graph asked to be left alone for {} s", wait.as_secs())
        }
        End::Failed(problem) => {
            document.content.last_error = Some(problem.clone());
            note(app, &mut document).await;
            return Err(Failed(problem));
        }
    });
    Ok(InvocationReply::success(lines))
}

async fn read(app: &App, graph: &Graph, document: &mut Document<Cursor>, started: Instant, done: &mut Done) -> End {
    let mut begun_anew = false;
    loop {
        let now = Timestamp::now();
        if document.content.is_spent(now) || started.elapsed() >= READING {
            return End::Later;
        }
        let cursor = &mut document.content;
        let walk = cursor.walk(now, graph.spans, graph.condition());
        let answer = match graph.read(walk, started + READING + LAST).await {
            Ok(answer) => answer,
            Err(ApiError::Unwell { after: Some(wait), reason }) => return End::Throttled(wait, reason),
            Err(ApiError::Refused { status, .. }) if is_odd(status) && walk.next.is_some() && !begun_anew => {
                tracing::warn!(%status, "a link to a page is not valid any more; reading begins anew");
                (cursor.walk, begun_anew) = (None, true);
                continue;
            }
            Err(ApiError::Refused { status: StatusCode::BAD_REQUEST, .. }) if cursor.refuse(now) => {
                tracing::warn!("Microsoft Graph refuses the condition on serviceSource; alerts are chosen here");
                continue;
            }
            Err(error) => {
                if matches!(error, ApiError::Refused { status: StatusCode::BAD_REQUEST, .. }) {
                    cursor.acquit();
                }
                cursor.failed(matches!(error, ApiError::Strange(_)));
                return End::Failed(format!("Microsoft Graph: {}", explained(&error)));
            }
        };
        let page = match Page::parse(&answer.body) {
            Ok(page) => page,
            Err(error) => {
                cursor.failed(true);
                return End::Failed(format!("Microsoft Graph: {error}"));
            }
        };
        if cursor.begins_too_late(answer.date, graph.spans) {
            tracing::warn!("reading had begun later than Microsoft Graph's clock allows; it begins anew");
            continue;
        }
        let items = page.items();
        let fresh = graph.fresh(cursor, &items);
        done.pages += 1;
        if !fresh.is_empty() {
            let bodies = Bodies::of(fresh.iter().map(|item| item.raw.as_bytes()));
            match app.relay(&bodies, now).await {
                Ok(tally) => done.tally += tally,
                Err(error) => return End::Failed(error.to_string()),
            }
        }
        let step = cursor.handled(&items, page.next, now, answer.date, graph.spans);
        match app.store.replace(CURSOR, document).await {
            Ok(()) => {}
            Err(WriteError::Overtaken(_)) => return End::Overtaken,
            Err(error) => return End::Failed(format!("the cursor: {error}")),
        }
        match step {
            Ok(Step::More) => {}
            Ok(Step::Done) => return End::Done,
            Err(endless) => return End::Failed(format!("Microsoft Graph: {endless}")),
        }
    }
}

/// Whether a link may have been refused for its age. A lack of rights says nothing of the link.
fn is_odd(status: StatusCode) -> bool {
    status.is_client_error() && status != StatusCode::UNAUTHORIZED && status != StatusCode::FORBIDDEN
}

/// Writes down how a run ended. Whoever was faster has something newer to say, and a store that fails is the lesser trouble.
async fn note(app: &App, document: &mut Document<Cursor>) {
    if let Err(WriteError::Store(error)) = app.store.replace(CURSOR, document).await {
        tracing::warn!(%error, "the cursor could not be written");
    }
}
