//! Eventhouse and Azure Data Explorer: the addresses, the table's definition in KQL, and what replies mean.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::Value;
use url::Url;

use super::columns::kusto_type;
use super::table::Table;
use super::{Refusal, required};
use crate::batch::Limits;
use crate::cloud::{Audience, Service};
use crate::format::json::Object;
use crate::format::table::Column;
use crate::parcel::{Auth, Gzip, HttpParcel, Reply, Verdict, retry_after};
use crate::settings::Section;

/// Streaming ingestion is for small requests: 4 MB before compression.
pub(super) const LIMITS: Limits = Limits { records: 10_000, bytes: 4_000_000, ..Limits::ANY };

/// Parts of error codes and exceptions that tell of a faulty setup, not of a faulty record.
/// [Ingestion error codes](https://learn.microsoft.com/azure/data-explorer/error-codes).
const SETUP: &[&str] = &[
    "AccessDenied",
    "EntityName",
    "FormatNotSupported",
    "IdentityToken",
    "Mapping",
    "NotExist",
    "NotFound",
    "StreamingIngestion",
    "TableName",
];

/// The request that carries rows, and the probe: asks for the table by its name.
pub(super) fn requests(section: &Section<'_>, tables: &[Table]) -> (Vec<HttpParcel>, HttpParcel) {
    let audience = Audience::of(Service::Kusto, section.cloud());
    let cluster = cluster(section, &audience);
    let database = required(section, "DATABASE");
    if database.chars().any(char::is_control) || matches!(database.as_str(), "." | "..") {
        section.fault("DATABASE", "must be the name of a database");
    }
    let request = |path: &[&str], body: Bytes| {
        let mut url = cluster.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["v1", "rest"]).extend(path);
        }
        let mut parcel = HttpParcel::post(url, "application/json", body);
        parcel.headers.push((HeaderName::from_static("x-ms-app"), HeaderValue::from_static("defender-relay")));
        parcel.auth = Auth::Entra(Arc::new(audience.clone()));
        parcel
    };
    let mapping = mapping(section);
    let rows = |table: &Table| {
        let mut rows = HttpParcel { gzip: Gzip::Large, ..request(&["ingest", &database, &table.name], Bytes::new()) };
        rows.url.query_pairs_mut().append_pair("streamFormat", "MultiJSON").append_pair("mappingName", &mapping);
        rows
    };
    let mut question = Vec::new();
    let mut object = Object::open(&mut question);
    object.text("db", &database);
    object.text("csl", &format!(".show tables | where TableName == '{}' | project TableName", tables[0].name));
    object.close();
    (tables.iter().map(rows).collect(), request(&["mgmt"], question.into()))
}

fn cluster(section: &Section<'_>, audience: &Audience) -> Url {
    required(section, "CLUSTER_URL");
    let url = section.url("CLUSTER_URL");
    if section.is_faulty("CLUSTER_URL") {
        return url;
    }
    if url.host_str().is_some_and(|host| host.starts_with("ingest-")) {
        section
            .fault("CLUSTER_URL", "must be the query URI, without `ingest-`: rows are streamed to the engine itself");
    } else if !audience.hosts.admit(&url)
        || url.path() != "/" && !crate::cloud::is_loopback(&url)
        || url.query().is_some()
    {
        let problem = format!(
            "must be https://{} with AZURE_CLOUD={}, without path and query: its tokens go nowhere else",
            audience.hosts,
            section.cloud().name()
        );
        section.fault("CLUSTER_URL", &problem);
    }
    url
}

/// The name of the ingestion mapping.
pub(super) fn mapping(section: &Section<'_>) -> String {
    let name = section.string("MAPPING");
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) {
        section.fault("MAPPING", "must be letters, digits, `-`, `_` and `.`");
    }
    name
}

/// The KQL commands that make the tables with what their columns mean, their mappings, and let them take streams. To run them again does no
/// harm.
pub(super) fn definition(tables: &[Table], mapping: &str) -> String {
    let mut commands = String::from("// One command at a time, in the KQL database that DATABASE names.\n");
    tables.iter().for_each(|table| commands.push_str(&commands_for(table, mapping)));
    commands
}

fn commands_for(table: &Table, mapping: &str) -> String {
    let name = &table.name; // letters, digits, spaces, hyphens: no character that KQL escapes
    let list = |line: fn(&Column) -> String| table.columns.iter().map(|column| line(column)).collect::<Vec<_>>();
    let columns = list(|Column { name, cell, .. }| format!("    ['{name}']: {}", kusto_type(*cell))).join(",\n");
    let meanings = list(|Column { name, about, .. }| format!("    ['{name}']: \"{about}\"")).join(",\n");
    let paths =
        list(|Column { name, .. }| format!(r#"'  {{"column": "{name}", "Properties": {{"Path": "$.{name}"}}}}"#));
    let paths = paths.join(",'\n");
    format!(
        "
.create-merge table ['{name}'] (
{columns}
)

.create-or-alter table ['{name}'] ingestion json mapping '{mapping}'
'['
{paths}'
']'

.alter table ['{name}'] policy streamingingestion enable

.alter-merge table ['{name}'] column-docstrings (
{meanings}
)
"
    )
}

/// What a reply to `records` rows means; the probe has none.
pub(super) fn judge(reply: &Reply, records: usize) -> Verdict {
    let Reply::Http { status, headers, body } = reply else { return Verdict::by_status(reply) };
    let refusal = Refusal::of(*status, body);
    let told = [refusal.member("code"), refusal.member("@type")];
    let names = |part: &str| told.iter().any(|told| told.contains(part));
    match status.as_u16() {
        200 if records == 0 && is_empty(body) => {
            refusal.mend("there is no such table; run the commands of eventhouse.kql")
        }
        401 => refusal.mend("the token is not accepted; check AZURE_CLOUD, CLUSTER_URL and the app's identity"),
        403 => refusal.mend("the app's identity may not; it needs the role ingestor, and monitor for the probe"),
        404 => refusal.mend("there is no such cluster, database or table; check CLUSTER_URL, DATABASE and TABLE, and run the commands of eventhouse.kql, which make \
             the tables of all kinds"),
        400 if refusal.error.get("@permanent") == Some(&Value::Bool(false)) => {
            Verdict::Retry { after: retry_after(headers), reason: refusal.named() }
        }
        400 if SETUP.iter().any(|part| names(part)) => refusal.mend(
            "the database is not set up for the rows; run the commands of eventhouse.kql, and check TABLE and MAPPING",
        ),
        400 if names("TooLarge") => Verdict::Split { reason: refusal.named() },
        400 => Verdict::Rejected { reason: refusal.named() },
        _ => Verdict::by_status(reply),
    }
}

/// Whether an answer in Kusto's form (version 1) holds a table without rows.
fn is_empty(body: &[u8]) -> bool {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    answer["Tables"][0]["Rows"].as_array().is_some_and(Vec::is_empty)
}
