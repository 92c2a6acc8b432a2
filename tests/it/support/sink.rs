//! A receiver that can misbehave: it keeps what it accepted, and answers as a script says.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;

/// What a sink does with its n-th request, counted from 0.
pub(crate) type Script = Arc<dyn Fn(usize) -> Answer + Send + Sync>;

/// One answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Keep the records and answer 200.
    Take,
    /// Keep nothing; answer this status, with `Retry-After` where given.
    Refuse(u16, Option<u32>),
    /// Keep the records, but answer 500: the sender cannot know.
    TakeAndFail,
}

/// Records by `SystemAlertId`, and how often each was taken.
pub(crate) type Taken = Arc<Mutex<BTreeMap<String, usize>>>;

/// An HTTP sink on loopback, for Splunk batches and single webhook bodies alike.
pub(crate) struct HttpSink {
    pub(crate) url: String,
    pub(crate) taken: Taken,
    pub(crate) requests: Arc<Mutex<usize>>,
}

#[derive(Clone)]
struct Shared {
    script: Script,
    taken: Taken,
    requests: Arc<Mutex<usize>>,
}

impl HttpSink {
    pub(crate) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Shared { script, taken: Taken::default(), requests: Arc::default() };
        let (taken, requests) = (shared.taken.clone(), shared.requests.clone());
        let app = Router::new().fallback(receive).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, taken, requests }
    }
}

async fn receive(State(shared): State<Shared>, request: Request) -> Response {
    let gzip = request.headers().get("content-encoding").is_some_and(|value| value == "gzip");
    let body = to_bytes(request.into_body(), 64 << 20).await.unwrap();
    let number = {
        let mut requests = shared.requests.lock().unwrap();
        *requests += 1;
        *requests - 1
    };
    let ok = r#"{"text":"Success","code":0}"#;
    match (shared.script)(number) {
        Answer::Take => {
            keep(&shared.taken, &plain(&body, gzip));
            (StatusCode::OK, ok).into_response()
        }
        Answer::TakeAndFail => {
            keep(&shared.taken, &plain(&body, gzip));
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Answer::Refuse(status, retry_after) => {
            let mut headers = HeaderMap::new();
            if let Some(seconds) = retry_after {
                headers.insert("retry-after", seconds.into());
            }
            (StatusCode::from_u16(status).unwrap(), headers, "{}").into_response()
        }
    }
}

fn plain(body: &Bytes, gzip: bool) -> Vec<u8> {
    let mut plain = Vec::new();
    if gzip {
        flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut plain).unwrap();
    } else {
        plain.extend_from_slice(body);
    }
    plain
}

/// Counts every `SystemAlertId` in a sequence of JSON values: HEC events carry it below `event`.
fn keep(taken: &Taken, body: &[u8]) {
    for value in serde_json::Deserializer::from_slice(body).into_iter::<serde_json::Value>() {
        let value = value.expect("a sink gets JSON");
        let record = if value["event"].is_object() { &value["event"] } else { &value };
        let id = record["SystemAlertId"].as_str().map_or_else(|| record.to_string(), str::to_owned);
        *taken.lock().unwrap().entry(id).or_default() += 1;
    }
}

/// A line-feed framed TCP sink: every line as it came.
pub(crate) struct LineSink {
    pub(crate) address: String,
    pub(crate) lines: Arc<Mutex<Vec<String>>>,
}

impl LineSink {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = lines.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = kept.clone();
                tokio::spawn(async move {
                    let mut reader = BufReader::new(stream).lines();
                    while let Ok(Some(line)) = reader.next_line().await {
                        kept.lock().unwrap().push(line);
                    }
                });
            }
        });
        Self { address, lines }
    }
}
