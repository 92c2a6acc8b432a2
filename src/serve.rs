//! The custom handler's server: what the Functions host talks to.
//!
//! `GET /` is answered at once, before anything slow, because the host polls it for readiness. Each invocation runs in a task of its
//! own: a panic there is a 500 for that invocation and nothing else, and a host that hangs up does not stop a delivery half-way.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use futures::TryStreamExt as _;
use tokio::net::TcpListener;

use crate::app::App;
use crate::functions::{self, ROUTES};
use crate::graph::Graph;
use crate::host::InvocationReply;
use crate::settings::{FAULTY_SETTINGS, Fault, SettingsError, Values};
use crate::telemetry;

/// Largest invocation that is taken. A batch is at most `maxEventBatchSize` events of at most 1 MiB, a third larger as base64.
const BODY_LIMIT: usize = 512 << 20;

/// Port for runs by hand, when the host gave none.
const FALLBACK_PORT: u16 = 8080;

/// What answers invocations.
#[derive(Clone, Debug)]
enum Service {
    Ready(Arc<App>),
    /// The configuration is faulty. Every invocation fails, so that the host keeps the events and brings them again once it is mended.
    Faulty(Arc<str>),
}

/// Serves the custom-handler protocol on `127.0.0.1:$FUNCTIONS_CUSTOMHANDLER_PORT` until SIGTERM or Ctrl-C. What keeps it from doing
/// so is logged and told by the exit code: 2 for an impossible port, 1 for one that is taken.
///
/// A faulty configuration is no reason to stay away: see the type `Service`.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(values: Values) -> anyhow::Result<ExitCode> {
    telemetry::start(values.get("LOG_LEVEL"));
    let Ok(port) = port(&values).inspect_err(report_faults) else { return Ok(ExitCode::from(FAULTY_SETTINGS)) };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(listener) = TcpListener::bind(address).await.inspect_err(|error| {
        tracing::error!(%address, %error, "cannot listen");
    }) else {
        return Ok(ExitCode::FAILURE);
    };
    let service = open(&values);
    drop(values);
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
    axum::serve(listener, router(service)).with_graceful_shutdown(stopped()).await?;
    tracing::info!("stopped by a signal, all invocations answered");
    // Not 0: the host takes 0 for a wish to stay away and never starts the handler again.
    Ok(ExitCode::from(143))
}

fn port(values: &Values) -> Result<u16, SettingsError> {
    const NAME: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";
    let Some(text) = values.get(NAME) else { return Ok(FALLBACK_PORT) };
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => {
            let problem = "must be a port number between 1 and 65535".to_owned();
            Err(SettingsError { faults: vec![Fault { setting: NAME.to_owned(), problem }] })
        }
    }
}

fn open(values: &Values) -> Service {
    match App::open(values) {
        Ok(app) => {
            for instance in &app.instances {
                let destination = instance.outlet.name.as_str();
                tracing::info!(destination, kind = instance.kind.name, "destination opened");
                for warning in instance.outlet.destination.warnings() {
                    tracing::warn!(destination, warning);
                }
            }
            if let Some(warning) = app.store.warning() {
                tracing::warn!(setting = "STATE__URL", warning);
            }
            for warning in app.graph.iter().flat_map(Graph::warnings) {
                tracing::warn!(warning);
            }
            Service::Ready(Arc::new(app))
        }
        Err(error) => {
            report_faults(&error);
            Service::Faulty(error.to_string().into())
        }
    }
}

fn report_faults(error: &SettingsError) {
    for fault in &error.faults {
        tracing::error!(setting = fault.setting, problem = fault.problem, "configuration fault");
    }
}

fn router(service: Service) -> Router {
    Router::new()
        .route("/", any(|| async { "defender-relay" }))
        .route("/{function}", post(invoke).fallback(not_a_post))
        .fallback(no_such_function)
        .with_state(service)
}

/// The router over an opened program, for tests and benchmarks that need no process.
pub fn router_of(app: Arc<App>) -> Router {
    router(Service::Ready(app))
}

async fn invoke(State(service): State<Service>, Path(function): Path<String>, request: Request) -> Response {
    let invocation_id = request.headers().get("x-azure-functions-invocationid");
    let invocation_id = invocation_id.and_then(|value| value.to_str().ok()).map(str::to_owned);
    // Read first, whatever the answer will be: a caller that cannot finish its request sees a broken connection instead of a reply.
    let body = match read(request.into_body()).await {
        Ok(body) => body,
        Err(error) => {
            tracing::error!(function, invocation_id, %error, "the invocation could not be read");
            return failed();
        }
    };
    if !ROUTES.contains(&function.as_str()) {
        return no_such_function().await;
    }
    let app = match service {
        Service::Ready(app) => app,
        Service::Faulty(faults) => {
            tracing::error!(function, invocation_id, "invocation refused, the configuration is faulty: {faults}");
            return failed();
        }
    };
    match tokio::spawn(run(app, function.clone(), body)).await {
        Ok(Some(Ok(reply))) => answer(StatusCode::OK, &reply),
        Ok(Some(Err(error))) => {
            tracing::error!(function, invocation_id, %error, "invocation failed; the host must bring it again");
            failed()
        }
        Ok(None) => no_such_function().await,
        Err(_) => {
            tracing::error!(function, invocation_id, "invocation failed by a bug; the host must bring it again");
            failed()
        }
    }
}

/// The whole body in one buffer, into which its pieces go as they come: collected first and joined then, they would be there twice.
async fn read(body: Body) -> Result<Bytes, axum::Error> {
    let length = usize::try_from(body.size_hint().lower()).unwrap_or(BODY_LIMIT).min(BODY_LIMIT);
    let mut whole = Vec::with_capacity(length);
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.try_next().await? {
        if whole.len() + piece.len() > BODY_LIMIT {
            return Err(axum::Error::new(format!("longer than {BODY_LIMIT} bytes")));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.into())
}

async fn run(app: Arc<App>, function: String, body: Bytes) -> Option<Result<InvocationReply, functions::Failed>> {
    functions::run(app, &function, body).await
}

fn answer(status: StatusCode, reply: &InvocationReply) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], Body::from(reply.to_json())).into_response()
}

fn failed() -> Response {
    answer(StatusCode::INTERNAL_SERVER_ERROR, &InvocationReply::default())
}

async fn no_such_function() -> Response {
    let problem = format!("no such function; there are {}", ROUTES.join(", "));
    answer(StatusCode::NOT_FOUND, &InvocationReply::success(vec![problem]))
}

async fn not_a_post() -> Response {
    answer(StatusCode::METHOD_NOT_ALLOWED, &InvocationReply::success(vec!["functions are called by POST".to_owned()]))
}

/// Completes on SIGTERM or Ctrl-C. The host sends neither (it kills), platforms and people do.
async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
