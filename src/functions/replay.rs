//! Function `replay`: an operator puts dead letters back into the outbox, from where `redeliver` sends them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::object;
use crate::app::App;
use crate::event::{RecordKind, parse_time};
use crate::host::{HttpAnswer, HttpRequest, Invocation, InvocationReply};
use crate::outbox::{Filter, OutboxError};

/// Reads the filter from the request's JSON body, else its query, and replays. A request that is not understood is answered 400 and
/// changes nothing; a store that fails, 503: there is no host that would bring the request again, but a human who wants to read why.
pub(super) async fn run(app: &App, body: &[u8], now: Timestamp) -> InvocationReply {
    let refused = |problem: &str| reply(400, json!({"error": problem}));
    // Never the default filter in place of one that could not be read: that would replay everything.
    let Some(request) = Invocation::parse(body).ok().and_then(|invocation| invocation.http_request()) else {
        return refused("not a request as the host hands it over");
    };
    let (filter, dry_run) = match parse(&request) {
        Ok(wish) => wish,
        Err(problem) => return refused(&problem),
    };
    let report = match app.outbox.replay(&filter, now, dry_run).await {
        Ok(report) => report,
        Err(error @ OutboxError::Name) => return refused(&format!("destination: {error}")),
        Err(error) => {
            tracing::error!(%error, "replay failed");
            return reply(503, json!({"error": error.to_string()}));
        }
    };
    tracing::info!(matched = report.matched, replayed = report.replayed, dry_run, "dead letters replayed");
    reply(
        200,
        json!({
            "dry_run": dry_run,
            "matched": report.matched,
            "replayed": report.replayed,
            "already_parked": report.already_parked,
            "unreadable": report.unreadable.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "stopped": report.stopped.map(|error| error.to_string()),
        }),
    )
}

fn reply(status: u16, body: Value) -> InvocationReply {
    InvocationReply::http(HttpAnswer { status, body: object(body) })
}

fn parse(request: &HttpRequest) -> Result<(Filter, bool), String> {
    let mut wish: Map<String, Value> =
        request.query.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
    wish.remove("code"); // the function's access key
    wish.remove("clientId");
    if let Some(text) = request.body.as_deref().filter(|text| !text.trim().is_empty()) {
        let body: Map<String, Value> = serde_json::from_str(text).map_err(|_| "the body must be a JSON object")?;
        wish.extend(body);
    }
    let mut filter = Filter::default();
    let mut dry_run = false;
    for (key, value) in wish {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let time = || parse_time(&text).map(Some).ok_or(format!("{key}: must be a time like 2026-11-23T00:00:00Z"));
        match key.as_str() {
            "destination" => filter.destination = Some(text),
            "kind" => match RecordKind::from_name(&text) {
                Some(kind) => filter.kind = Some(kind.name().to_owned()),
                None => {
                    return Err(format!("kind: must be one of {}", RecordKind::ALL.map(RecordKind::name).join(", ")));
                }
            },
            "reason" => filter.reason = Some(text),
            "since" => filter.since = time()?,
            "until" => filter.until = time()?,
            "limit" => filter.limit = Some(text.parse().map_err(|_| "limit: must be a whole number")?),
            "dry_run" => dry_run = text.parse().map_err(|_| "dry_run: must be true or false")?,
            _ => {
                let known = "destination, kind, reason, since, until, limit, dry_run";
                return Err(format!("{key}: unknown; known are {known}"));
            }
        }
    }
    Ok((filter, dry_run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_wins_over_the_query_and_unknown_words_are_refused() {
        let request = HttpRequest {
            query: [("destination", "splunk"), ("code", "key")].map(|(k, v)| (k.into(), v.into())).into(),
            body: Some(r#"{"destination":"qradar","limit":5,"dry_run":true,"since":"soon"}"#.into()),
            ..HttpRequest::default()
        };
        let error = parse(&request).unwrap_err();
        assert!(error.starts_with("since"), "{error}");
        let request =
            HttpRequest { body: Some(r#"{"destination":"qradar","limit":5,"dry_run":true}"#.into()), ..request };
        let (filter, dry_run) = parse(&request).unwrap();
        assert_eq!((filter.destination.as_deref(), filter.limit, dry_run), (Some("qradar"), Some(5), true));
        let request = HttpRequest { body: Some(r#"{"destinatoin":"x"}"#.into()), ..HttpRequest::default() };
        assert!(parse(&request).is_err(), "a typo must not replay everything");
    }
}
