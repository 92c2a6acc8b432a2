//! The stand-in for the Functions host: it invokes functions, judges their replies, and retries as their policies say.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::console::Console;
use super::handler::Handler;
use super::invocation::{self, Attempt, HOST_VERSION, HttpRequest, HubEvent, Partition};
use super::reply::{self, Success};
use super::script_root::{Function, Trigger};

/// Size of one chunk of a chunked body.
const CHUNK: usize = 64 * 1024;

/// The stand-in for the Functions host.
#[derive(Debug)]
pub struct Host {
    client: reqwest::Client,
    handler: Handler,
    timeout: Option<Duration>,
    sized: bool,
    console: Arc<Console>,
}

/// How an invocation went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// This attempt failed; the retry policy decides.
    #[error("{0}")]
    Attempt(String),
    /// The handler is gone for good, and the host with it.
    #[error("{0}")]
    Gone(String),
}

impl Host {
    /// A host over a started handler. `timeout` is `functionTimeout`; `sized` bodies are what `func start` sends, chunked ones what
    /// arrives in Azure.
    #[must_use]
    pub fn new(
        client: reqwest::Client,
        handler: Handler,
        timeout: Option<Duration>,
        sized: bool,
        console: Arc<Console>,
    ) -> Self {
        Self { client, handler, timeout, sized, console }
    }

    /// How often the handler was started again.
    #[must_use]
    pub fn restarts(&self) -> usize {
        self.handler.restarts()
    }

    /// Invokes a function once.
    ///
    /// # Errors
    /// When the host would count the invocation as failed.
    pub async fn invoke(&self, function: &str, body: Vec<u8>) -> Result<Success, Failure> {
        self.handler.ready().await.map_err(|gone| Failure::Gone(format!("{gone:#}")))?;
        let body = if self.sized { body.into() } else { chunked(body) };
        let mut request = self
            .client
            .post(self.handler.url(function))
            .header("Content-Type", "application/json; charset=utf-8")
            .header("X-Azure-Functions-HostVersion", HOST_VERSION)
            .header("X-Azure-Functions-InvocationId", invocation::guid())
            .header("User-Agent", format!("Azure-Functions-Host/{HOST_VERSION}"))
            .body(body);
        if let Some(timeout) = self.timeout {
            request = request.timeout(timeout);
        }
        let failed = |error: reqwest::Error| {
            Failure::Attempt(match (error.is_timeout(), self.timeout) {
                (true, Some(timeout)) => {
                    format!("no reply within functionTimeout ({timeout:?}); the host would kill the handler")
                }
                _ => "the connection to the handler broke".to_owned(),
            })
        };
        let reply = request.send().await.map_err(failed)?;
        let status = reply.status().as_u16();
        let content_type = reply.headers().get("content-type").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = reply.bytes().await.map_err(failed)?;
        let success = reply::judge(status, content_type.as_deref(), &body).map_err(Failure::Attempt)?;
        for line in &success.logs {
            self.console.handler_line(&format!("[{function}] {line}"), false);
        }
        Ok(success)
    }

    /// Invokes an event hub function with one batch until it succeeds or its retries are used up; whether it succeeded.
    ///
    /// # Errors
    /// When the handler is gone for good.
    pub async fn deliver(&self, function: &Function, events: &[HubEvent]) -> anyhow::Result<bool> {
        let Trigger::EventHub { data_type, hub, consumer_group } = &function.trigger else { return Ok(false) };
        let partition = Partition { hub: hub.clone(), consumer_group: consumer_group.clone() };
        let mut attempt = function.retry.map(|policy| Attempt { policy, retry: 0, failure: None });
        loop {
            let now = Timestamp::now();
            let result = match invocation::event_hub(
                &function.name,
                &function.binding,
                *data_type,
                &partition,
                events,
                attempt.as_ref(),
                now,
            ) {
                Ok(body) => self.invoke(&function.name, body).await,
                Err(error) => Err(Failure::Attempt(format!("{error:#}"))),
            };
            let failure = match result {
                Ok(_) => return Ok(true),
                Err(Failure::Gone(reason)) => anyhow::bail!("{reason}"),
                Err(Failure::Attempt(failure)) => failure,
            };
            let count = events.len();
            let wait = attempt.as_mut().and_then(|attempt| {
                attempt.retry = attempt.retry.saturating_add(1);
                attempt.failure = Some(failure.clone());
                attempt.policy.before(attempt.retry, fastrand::f64())
            });
            let Some(wait) = wait else {
                self.console
                    .warn(&format!("invocation of {} failed: {failure}; {count} events are lost", function.name));
                return Ok(false);
            };
            self.console.warn(&format!(
                "invocation of {} failed: {failure}; again in {:.1} s (Ctrl-C stops)",
                function.name,
                wait.as_secs_f64()
            ));
            tokio::time::sleep(wait).await;
        }
    }

    /// Invokes a timer function once; a failure is said, for the next tick tries again.
    ///
    /// # Errors
    /// When the handler is gone for good.
    pub async fn tick(&self, function: &Function) -> anyhow::Result<()> {
        let body = invocation::timer(&function.name, &function.binding, Timestamp::now())?;
        match self.invoke(&function.name, body).await {
            Ok(_) => Ok(()),
            Err(Failure::Gone(reason)) => anyhow::bail!("{reason}"),
            Err(Failure::Attempt(failure)) => {
                self.console.warn(&format!("invocation of {} failed: {failure}", function.name));
                Ok(())
            }
        }
    }

    /// Invokes an HTTP function once.
    ///
    /// # Errors
    /// When the host would count the invocation as failed.
    pub async fn request(&self, function: &Function, request: &HttpRequest) -> Result<Success, Failure> {
        let body = invocation::http(&function.name, &function.binding, request, Timestamp::now())
            .map_err(|error| Failure::Attempt(error.to_string()))?;
        self.invoke(&function.name, body).await
    }

    /// Asks the function `status`.
    ///
    /// # Errors
    /// When it fails, or answers something else.
    pub async fn status(&self) -> anyhow::Result<Status> {
        let request =
            HttpRequest { method: "GET".into(), url: "http://localhost/api/status".into(), ..HttpRequest::default() };
        let body = invocation::http("status", "req", &request, Timestamp::now())?;
        let success = self.invoke("status", body).await?;
        let body = success.outputs.get("res").and_then(|res| res.get("body")).cloned().unwrap_or(Value::Null);
        let body = match body {
            Value::String(text) => serde_json::from_str(&text)?,
            body => body,
        };
        Ok(serde_json::from_value(body)?)
    }
}

/// What the function `status` says; only what the summary needs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Each destination's counts.
    pub destinations: Vec<DestinationStatus>,
    /// Pieces that were no record.
    pub undecodable: UndecodableStatus,
    /// Records that were decoded since the handler started.
    pub events: u64,
    /// Letters that waited in the store when the run began; the function does not say it.
    #[serde(skip)]
    pub waiting_before: u64,
}

/// One destination's counts: the first four since the handler started, `waiting` in the store.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DestinationStatus {
    /// Instance name.
    pub name: String,
    /// Kind's title.
    pub title: String,
    /// Acknowledged by the destination.
    pub delivered: u64,
    /// Put into the store for later.
    pub parked: u64,
    /// Buried with a reason.
    pub dead: u64,
    /// Not meant for this destination.
    pub filtered: u64,
    /// Parked letters in the store now.
    pub waiting: u64,
    /// Dead letters in the store now.
    pub buried: u64,
}

/// Counts of pieces that were no record.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct UndecodableStatus {
    /// Buried since the handler started.
    pub dead: u64,
    /// Replayed, and not buried again yet.
    pub waiting: u64,
    /// Dead letters in the store now.
    pub buried: u64,
}

impl Status {
    /// Letters that wait in the store.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.undecodable.waiting + self.destinations.iter().map(|destination| destination.waiting).sum::<u64>()
    }

    /// Whether nothing waits and nothing died.
    #[must_use]
    pub fn all_delivered(&self) -> bool {
        let dead: u64 = self.destinations.iter().map(|destination| destination.dead).sum();
        self.waiting() == 0 && self.undecodable.dead + dead == 0
    }

    /// The same, with as many dead letters as came into the store since `before`: a handler that was restarted does not remember those
    /// that it buried.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut since = Self { waiting_before: before.waiting(), ..self.clone() };
        for destination in &mut since.destinations {
            let earlier = before.destinations.iter().find(|earlier| earlier.name == destination.name);
            let buried = destination.buried.saturating_sub(earlier.map_or(0, |earlier| earlier.buried));
            destination.dead = destination.dead.max(buried);
        }
        let buried = since.undecodable.buried.saturating_sub(before.undecodable.buried);
        since.undecodable.dead = since.undecodable.dead.max(buried);
        since
    }
}

/// The body in chunks, as a host in Azure sends it.
fn chunked(body: Vec<u8>) -> reqwest::Body {
    let body = Bytes::from(body);
    let starts = (0..body.len()).step_by(CHUNK);
    let chunks = starts.map(move |start| Ok::<_, std::io::Error>(body.slice(start..body.len().min(start + CHUNK))));
    reqwest::Body::wrap_stream(futures::stream::iter(chunks))
}
