//! An HTTP receiver: any request is taken, and answered as the destination's rehearsal says.

use std::io::Read;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use flate2::read::MultiGzDecoder;
use http::{HeaderValue, StatusCode, header};
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;

use super::Arrival;
use crate::destinations::Kind;
use crate::local::payload::Payload;

/// Serves until dropped.
pub(super) async fn serve(listener: TcpListener, kind: &'static Kind, to: UnboundedSender<Arrival>) {
    let take = move |request: Request| {
        let to = to.clone();
        async move { take(request, kind, &to).await }
    };
    let router = axum::Router::new().fallback(take);
    let _ = axum::serve(listener, router).await;
}

async fn take(request: Request, kind: &'static Kind, to: &UnboundedSender<Arrival>) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return answer(StatusCode::BAD_REQUEST, "{}");
    };
    let gzip = parts.headers.get(header::CONTENT_ENCODING).is_some_and(|value| value == "gzip");
    let body = if gzip {
        let mut plain = Vec::new();
        if MultiGzDecoder::new(&body[..]).read_to_end(&mut plain).is_err() {
            return answer(StatusCode::BAD_REQUEST, "{}");
        }
        plain
    } else {
        body.to_vec()
    };
    let (status, text) = kind.rehearsal.answer(parts.uri.path());
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let payload = Payload::Http {
        method: parts.method.to_string(),
        target,
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body,
    };
    // Nobody listens any more only when the run is over.
    let _ = to.send(Arrival { destination: kind.name, payload });
    answer(StatusCode::from_u16(status).unwrap_or(StatusCode::OK), text)
}

fn answer(status: StatusCode, body: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
