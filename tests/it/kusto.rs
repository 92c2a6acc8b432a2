//! `powerbi` in its mode `eventhouse` through the real courier, against a small server that is as strict as Kusto's documents: the table and
//! the mapping of `eventhouse.kql`, streaming ingestion of MultiJSON, whole requests taken or refused.

use std::collections::{BTreeMap, VecDeque};
use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::OffsetDateTime;
use defender_relay::batch::{Rendered, Span};
use defender_relay::deliver::retry::RetryPolicy;
use defender_relay::deliver::token::Identity;
use defender_relay::deliver::{Fate, Outlet, courier, deliver, probe};
use defender_relay::destinations;
use defender_relay::event::decode::{Decoded, Texts, decode};
use defender_relay::parcel::Verdict;
use defender_relay::settings::{Section, Values};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::contract;

const KQL: &str = include_str!("../../src/destinations/powerbi/eventhouse.kql");
const POLICY: RetryPolicy =
    RetryPolicy { attempts: 4, base: Duration::from_millis(20), cap: Duration::from_millis(100) };

/// A database with the tables of `eventhouse.kql`.
#[derive(Default)]
struct Kusto {
    /// Table, column and type.
    tables: BTreeMap<String, BTreeMap<String, String>>,
    rows: Mutex<Vec<Value>>,
    requests: Mutex<usize>,
    /// What the next requests are answered, whatever they hold.
    answers: Mutex<VecDeque<(u16, Value)>>,
    /// A row with this key is refused.
    refused: Mutex<Option<String>>,
    violations: Mutex<Vec<String>>,
}

impl Kusto {
    /// Starts it; itself, and its address.
    async fn start() -> (Arc<Self>, String) {
        let column = |line: &str| {
            let (name, kind) = line.trim().trim_end_matches(',').split_once(": ").unwrap();
            (name.trim_matches(['[', ']', '\'']).to_owned(), kind.to_owned())
        };
        let table = |text: &str| {
            let (name, columns) = text.split_once("'] (\n").unwrap();
            (name.to_owned(), columns.split_once("\n)").unwrap().0.lines().map(column).collect())
        };
        let tables = KQL.split(".create-merge table ['").skip(1).map(table).collect();
        let kusto = Arc::new(Self { tables, ..Self::default() });
        let app = Router::new().fallback(serve).with_state(Arc::clone(&kusto));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (kusto, address)
    }

    fn answer(&self, status: u16, body: Value) {
        self.answers.lock().unwrap().push_back((status, body));
    }

    /// The rows of a request, or why it is refused.
    fn rows_of(&self, table: &str, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Vec<Value>, String> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if uri.query() != Some("streamFormat=MultiJSON&mappingName=DefenderRelay") {
            return Err(format!("query {:?}", uri.query()));
        }
        let mut text = Vec::new();
        match header("content-encoding") {
            "gzip" => drop(flate2::read::GzDecoder::new(body).read_to_end(&mut text).map_err(|e| e.to_string())?),
            "" => text.extend_from_slice(body),
            other => return Err(format!("content encoding {other}")),
        }
        if text.len() > 4_000_000 {
            return Err(format!("{} bytes", text.len()));
        }
        let rows: Vec<Value> = serde_json::Deserializer::from_slice(&text)
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?;
        let columns = self.tables.get(table).ok_or("no such table")?;
        rows.iter().try_for_each(|row| Self::check(columns, row))?;
        Ok(rows)
    }

    fn check(columns: &BTreeMap<String, String>, row: &Value) -> Result<(), String> {
        let row = row.as_object().ok_or("a row is no object")?;
        if !row.keys().eq(columns.keys()) {
            return Err(format!("columns {:?}", row.keys().collect::<Vec<_>>()));
        }
        for (name, value) in row {
            let fits = match columns[name].as_str() {
                "string" => value.as_str().is_some_and(|text| text.len() < 1 << 20),
                "datetime" => value.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok()),
                "long" => value.is_i64(),
                "real" => value.is_number(),
                "bool" => value.is_boolean(),
                "dynamic" => value.to_string().len() < 1 << 20,
                other => return Err(format!("type {other}")),
            };
            if !fits && !value.is_null() {
                return Err(format!("{name} is no {}", columns[name]));
            }
        }
        Ok(())
    }
}

async fn serve(
    State(kusto): State<Arc<Kusto>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let reply = |status: u16, body: Value| (StatusCode::from_u16(status).unwrap(), body.to_string());
    let violated = |what: String| {
        kusto.violations.lock().unwrap().push(what);
        reply(400, error("BadRequest_SyntaxError", true))
    };
    *kusto.requests.lock().unwrap() += 1;
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|given| given == value);
    if !is("authorization", "Bearer token for https://kusto.kusto.windows.net/.default") {
        return reply(401, Value::Null);
    }
    if method != Method::POST || !is("content-type", "application/json") || !is("x-ms-app", "defender-relay") {
        return violated(format!("{method} {headers:?}"));
    }
    if let Some((status, body)) = kusto.answers.lock().unwrap().pop_front() {
        return reply(status, body);
    }
    if let Some(table) = uri.path().strip_prefix("/v1/rest/ingest/SOC%20lake/") {
        return match kusto.rows_of(table, &uri, &headers, &body) {
            Ok(rows) => {
                let refused = kusto.refused.lock().unwrap();
                if refused.as_deref().is_some_and(|key| rows.iter().any(|row| row["AlertKey"] == key)) {
                    return reply(400, error("BadRequest_UnexpectedCharacterInInputStream", true));
                }
                kusto.rows.lock().unwrap().extend(rows);
                reply(200, json!({"Tables": []}))
            }
            Err(what) => violated(what),
        };
    }
    match uri.path() {
        "/v1/rest/mgmt" => {
            let question: Value = serde_json::from_slice(&body).unwrap();
            let csl = question["csl"].as_str().unwrap();
            if question["db"] != "SOC lake" || !csl.starts_with(".show tables") {
                return violated(question.to_string());
            }
            let rows = if csl.contains("'Alerts'") { json!([["Alerts"]]) } else { json!([]) };
            reply(
                200,
                json!({"Tables": [{"TableName": "Table_0", "Columns": [{"ColumnName": "TableName"}], "Rows": rows}]}),
            )
        }
        _ => reply(404, error("BadRequest_EntityNotFound", true)),
    }
}

fn error(code: &str, permanent: bool) -> Value {
    json!({"error": {"code": code, "message": "in words", "@type": "Kusto.DataNode.Exceptions.E", "@permanent": permanent}})
}

/// Gives a token that names its scope.
#[derive(Debug)]
struct Scopes;

#[async_trait::async_trait]
impl TokenCredential for Scopes {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let expires = OffsetDateTime::now_utc() + Duration::from_secs(3600);
        Ok(AccessToken::new(format!("token for {}", scopes[0]), expires))
    }
}

fn open(address: &str, more: &[(&str, &str)]) -> Outlet {
    let kind = destinations::kind("powerbi").unwrap();
    let sound = [("MODE", "eventhouse"), ("CLUSTER_URL", address), ("DATABASE", "SOC lake")];
    let values =
        Values::new(more.iter().chain(&sound).map(|(key, value)| (format!("POWERBI__{key}"), (*value).to_owned())));
    let destination = (kind.open)(&Section::new("powerbi", kind.settings.to_vec(), &values)).unwrap();
    let identity = Arc::new(Identity::of(Arc::new(Scopes)));
    let courier = courier::open(destination.transport(), &identity).unwrap();
    Outlet::new("powerbi", destination, courier)
}

async fn send(outlet: &Outlet, bodies: &[Vec<u8>]) -> Vec<Fate> {
    let (texts, mut decoded) = (Texts::default(), Decoded::default());
    bodies.iter().for_each(|body| decode(body, Timestamp::UNIX_EPOCH, &texts, &mut decoded));
    let (mut buffer, mut spans) = (Vec::new(), Vec::new());
    decoded.events.sort_by_key(|event| outlet.destination.group(event));
    for event in &decoded.events {
        let start = buffer.len();
        outlet.destination.render(event, &mut buffer).unwrap();
        spans.push(Span { group: outlet.destination.group(event), ..Span::of(event, start..buffer.len()) });
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    deliver(outlet, &Rendered { buffer: buffer.into(), spans }, &POLICY, deadline, Timestamp::now).await
}

/// Alerts with the keys `a0`, `a1`, ...
fn alerts(count: usize) -> Vec<Vec<u8>> {
    let alert = |number| json!({"SystemAlertId": format!("A{number}"), "AlertType": "T", "Severity": "High"});
    (0..count).map(|number| alert(number).to_string().into_bytes()).collect()
}

fn keys(kusto: &Kusto) -> Vec<String> {
    kusto.rows.lock().unwrap().iter().map(|row| row["AlertKey"].as_str().unwrap().to_owned()).collect()
}

fn nothing_violated(kusto: &Kusto) {
    assert_eq!(*kusto.violations.lock().unwrap(), [""; 0]);
}

#[tokio::test]
async fn takes_every_record() {
    let (kusto, address) = Kusto::start().await;
    let bodies: Vec<Vec<u8>> = contract::inputs().into_iter().map(|(_, body)| body).collect();
    let fates = send(&open(&address, &[]), &bodies).await;
    let odd = fates.iter().find(|fate| **fate != Fate::Delivered);
    assert_eq!(odd, None);
    nothing_violated(&kusto);
    assert_eq!(kusto.rows.lock().unwrap().len(), fates.len());
    // One of each table, and one more where the rows of one are too many bytes.
    assert!(*kusto.requests.lock().unwrap() <= kusto.tables.len() + 1, "many rows a request");
}

#[tokio::test]
async fn the_mappings_have_the_columns_of_the_tables() {
    let (kusto, _) = Kusto::start().await;
    assert_eq!(kusto.tables.len(), 7);
    for (table, columns) in &kusto.tables {
        let command = format!(".create-or-alter table ['{table}'] ingestion json mapping 'DefenderRelay'\n");
        let mapping = KQL.split_once(&command).unwrap().1.split_once("\n\n").unwrap().0;
        let json: String = mapping.lines().map(|line| line.trim_matches('\'')).collect();
        let mapping: Vec<Value> = serde_json::from_str(&json).unwrap();
        assert_eq!(mapping.len(), columns.len());
        for entry in mapping {
            let name = entry["column"].as_str().unwrap();
            assert!(columns.contains_key(name) && entry["Properties"]["Path"] == format!("$.{name}"));
        }
        assert!(KQL.contains(&format!(".alter table ['{table}'] policy streamingingestion enable\n")));
    }
}

#[tokio::test]
async fn outlasts_what_passes() {
    for (status, body) in [
        (400, error("General_TransientSchemaMismatch", false)),
        (429, json!({"error": {"code": "TooManyRequests"}})),
        (500, Value::Null),
        (503, error("ServiceUnavailable", false)),
    ] {
        let (kusto, address) = Kusto::start().await;
        kusto.answer(status, body.clone());
        let fates = send(&open(&address, &[]), &alerts(3)).await;
        assert_eq!(fates, vec![Fate::Delivered; 3], "{status} {body}");
        assert_eq!(keys(&kusto), ["a0", "a1", "a2"]);
        nothing_violated(&kusto);
    }
}

#[tokio::test]
async fn buries_the_row_at_fault_alone() {
    let (kusto, address) = Kusto::start().await;
    *kusto.refused.lock().unwrap() = Some("a2".to_owned());
    let fates = send(&open(&address, &[]), &alerts(5)).await;
    let dead: Vec<bool> = fates.iter().map(|fate| matches!(fate, Fate::Dead { .. })).collect();
    assert_eq!(dead, [false, false, true, false, false], "{fates:?}");
    assert_eq!(keys(&kusto), ["a0", "a1", "a3", "a4"]);
    nothing_violated(&kusto);
}

#[tokio::test]
async fn parks_what_the_setup_is_to_blame_for() {
    for (status, body) in [
        (400, error("BadRequest_StreamingIngestionPolicyNotEnabled", true)),
        (400, error("BadRequest_MappingReferenceWasNotFound", true)),
        (401, Value::Null),
        (403, error("Forbidden", true)),
        (404, Value::Null),
    ] {
        let (kusto, address) = Kusto::start().await;
        kusto.answer(status, body.clone());
        kusto.answer(status, body.clone());
        let fates = send(&open(&address, &[]), &alerts(3)).await;
        assert!(fates.iter().all(|fate| matches!(fate, Fate::Parked { .. })), "{status} {body}: {fates:?}");
        assert!(keys(&kusto).is_empty());
        nothing_violated(&kusto);
    }
}

#[tokio::test]
async fn halves_what_is_too_large() {
    let (kusto, address) = Kusto::start().await;
    kusto.answer(413, Value::Null);
    kusto.answer(400, error("Stream_InputStreamTooLarge", true));
    assert_eq!(send(&open(&address, &[]), &alerts(4)).await, vec![Fate::Delivered; 4]);
    assert_eq!(keys(&kusto), ["a0", "a1", "a2", "a3"]);
}

#[tokio::test]
async fn the_probe_asks_for_the_table() {
    let (kusto, address) = Kusto::start().await;
    let judged = async |more: &[(&str, &str)]| {
        probe(&open(&address, more), Instant::now() + Duration::from_secs(10)).await.unwrap()
    };
    assert!(matches!(judged(&[]).await, Verdict::Accepted));
    let verdict = judged(&[("TABLE", "Elsewhere")]).await;
    assert!(matches!(&verdict, Verdict::Misconfigured { reason } if reason.contains("no such table")), "{verdict:?}");
    assert!(keys(&kusto).is_empty());
    nothing_violated(&kusto);
}
