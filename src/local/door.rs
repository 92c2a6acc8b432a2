//! The local run's own port: `POST /` takes one event, `/api/<route>` starts an HTTP function.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::host::{Failure, Host};
use super::invocation::HttpRequest;
use super::script_root::{Function, Trigger};

/// Largest body that is taken: what the host's own edge takes.
const MAX_BODY: usize = 104_857_600;

/// Serves until dropped.
pub(super) async fn serve(
    listener: TcpListener,
    host: Arc<Host>,
    functions: Vec<Function>,
    events: mpsc::Sender<Vec<u8>>,
) -> anyhow::Result<()> {
    let functions: Arc<[Function]> = functions.into();
    let take = move |request: Request| {
        let (host, functions, events) = (host.clone(), functions.clone(), events.clone());
        async move { take(request, &host, &functions, &events).await }
    };
    axum::serve(listener, Router::new().fallback(take)).await.context("the port cannot be served")
}

async fn take(request: Request, host: &Host, functions: &[Function], events: &mpsc::Sender<Vec<u8>>) -> Response {
    // A web page open in a browser on this machine must not be able to send events.
    if request.headers().contains_key(header::ORIGIN) {
        return answer(StatusCode::FORBIDDEN, &json!({"error": "no requests from web pages"}));
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return answer(StatusCode::PAYLOAD_TOO_LARGE, &json!({"error": "the body is too large or broke off"}));
    };
    let path = parts.uri.path();
    if path == "/" {
        return match (parts.method.as_str(), body.is_empty()) {
            ("POST", false) => match events.send(body.into()).await {
                Ok(()) => answer(StatusCode::ACCEPTED, &json!({"accepted": 1})),
                Err(_) => answer(StatusCode::SERVICE_UNAVAILABLE, &json!({"error": "the run is ending"})),
            },
            ("POST", true) => answer(StatusCode::BAD_REQUEST, &json!({"error": "the body is the event; it is empty"})),
            _ => answer(StatusCode::OK, &json!({"POST /": "one event", "functions": routes(functions)})),
        };
    }
    let wanted = path.strip_prefix("/api/").unwrap_or_default().trim_end_matches('/');
    let found = functions.iter().find_map(|function| match &function.trigger {
        Trigger::Http { route, methods, output } if route.trim_matches('/').eq_ignore_ascii_case(wanted) => {
            Some((function, methods, output))
        }
        _ => None,
    });
    let Some((function, methods, output)) = found else {
        return answer(StatusCode::NOT_FOUND, &json!({"error": "no such function", "functions": routes(functions)}));
    };
    if !methods.is_empty() && !methods.iter().any(|method| method == parts.method.as_str()) {
        return answer(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "method not allowed", "methods": methods}));
    }
    let query = parts.uri.query().unwrap_or_default();
    let header_texts = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let authority = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let request = HttpRequest {
        method: parts.method.to_string(),
        url: format!("http://{authority}{}", parts.uri),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: header_texts.collect(),
        body: body.into(),
    };
    match host.request(function, &request).await {
        Ok(success) => output_response(output.as_ref().and_then(|name| success.outputs.get(name))),
        Err(Failure::Attempt(failure) | Failure::Gone(failure)) => {
            answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({"error": failure}))
        }
    }
}

fn routes(functions: &[Function]) -> Vec<String> {
    let route = |function: &Function| match &function.trigger {
        Trigger::Http { route, methods, .. } => Some(format!("{} /api/{route}", methods.join(", "))),
        _ => None,
    };
    functions.iter().filter_map(route).collect()
}

/// The response that an HTTP output binding stands for: `statusCode` or `status`, `headers`, `body`.
fn output_response(output: Option<&Value>) -> Response {
    let Some(output) = output else {
        return answer(StatusCode::NO_CONTENT, &Value::Null);
    };
    let status = ["statusCode", "status"].iter().find_map(|name| match output.get(name)? {
        Value::Number(number) => u16::try_from(number.as_u64()?).ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    });
    let (content_type, body) = match output.get("body") {
        None | Some(Value::Null) => (None, String::new()),
        Some(Value::String(text)) => (Some("text/plain; charset=utf-8"), text.clone()),
        Some(value) => (Some("application/json; charset=utf-8"), value.to_string()),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::OK);
    if let Some(content_type) = content_type {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    for (name, value) in output.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let value = value.as_str().and_then(|value| HeaderValue::from_str(value).ok());
        if let (Ok(name), Some(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let text = if body.is_null() { String::new() } else { format!("{body}\n") };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}
