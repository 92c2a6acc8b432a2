//! Microsoft Sentinel, or any Log Analytics workspace, through the Logs Ingestion API of Azure Monitor.
//!
//! Facts: [Logs Ingestion API](https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview) (2026-08-13),
//! [limits](https://learn.microsoft.com/azure/azure-monitor/fundamentals/service-limits#logs-ingestion-api).

mod asim;
mod columns;
mod fit;
mod row;
mod table;
mod typed;

use std::borrow::Cow;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use url::Url;

use super::{Destination, Kind, Rehearsal, RenderError};
use crate::batch::{Limits, Pace, Records};
use crate::cloud::{Audience, Service};
use crate::event::{Event, mend_surrogates};
use crate::format::table::Table;
use crate::parcel::{Auth, Gzip, HttpParcel, Parcel, Reply, Verdict};
use crate::settings::{Section, Setting, SettingsError};
use crate::transport::{HTTP_SETTINGS, HttpOptions, Transport};

/// Sentinel's row in the catalogue.
pub(super) const KIND: Kind = Kind {
    name: "sentinel",
    title: "Microsoft Sentinel (Logs Ingestion API)",
    arrives: "A row of a custom table for its kind, such as `DefenderForCloudAlerts_CL`, or of `ASimAlertEventLogs`",
    settings: &[SETTINGS, HTTP_SETTINGS],
    events: "*, !activity_log, !entra_log, !resource_log, !xdr_log",
    snapshots: true,
    open: |section| Sentinel::open(section).map(|sentinel| Box::new(sentinel) as Box<dyn Destination>),
    rehearsal: Rehearsal {
        settings: &[("ENDPOINT", "{http}/sentinel"), ("RULE_ID", "dcr-00000000000000000000000000000000")],
        replies: &[("/sentinel", 204, "")],
    },
    create: None,
};

const SETTINGS: &[Setting] = &[
    Setting::required(
        "ENDPOINT",
        "Where to post to: logsIngestion endpoint of the data collection rule, or of a data collection endpoint: \
         https://soc-x1y2.westeurope-1.ingest.monitor.azure.com.",
    ),
    Setting::required("RULE_ID", "Immutable id of the data collection rule: dcr- and 32 hexadecimal digits."),
    Setting::default(
        "SCHEMA",
        "alerts",
        "Which rows: alerts (every record, for the custom tables) or asim (alerts only, for ASimAlertEventLogs).",
    ),
    Setting::default(
        "TABLES",
        "per_type",
        "Where records go that are no alerts: per_type (a stream and a table for each kind) or one (with the alerts, in \
         DefenderForCloudAlerts_CL).",
    ),
    Setting::optional(
        "STREAM",
        "Input stream of the data collection rule for alerts; without it, Custom-DefenderForCloudAlerts, or \
         Custom-DefenderForCloudAsim with SCHEMA=asim.",
    ),
    Setting::default("GZIP", "true", "Whether requests are compressed. It saves traffic; limits count without it."),
];

/// Which table's rows are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Schema {
    Alerts,
    Asim,
}

impl Schema {
    const fn stream(self) -> &'static str {
        match self {
            Self::Alerts => "Custom-DefenderForCloudAlerts",
            Self::Asim => "Custom-DefenderForCloudAsim",
        }
    }
}

/// The stream of a table that holds no alerts.
const fn stream(table: Table) -> &'static str {
    match table {
        Table::Alerts => Schema::Alerts.stream(),
        Table::Recommendations => "Custom-DefenderForCloudRecommendations",
        Table::Findings => "Custom-DefenderForCloudFindings",
        Table::SecureScores => "Custom-DefenderForCloudSecureScores",
        Table::Compliance => "Custom-DefenderForCloudCompliance",
        Table::AttackPaths => "Custom-DefenderForCloudAttackPaths",
        Table::Logs => "Custom-AzureLogs",
    }
}

/// An opened Sentinel destination.
#[derive(Debug)]
struct Sentinel {
    transport: Transport,
    /// Of the streams, by group; only that of alerts, where all records go there.
    urls: Vec<Url>,
    audience: Arc<Audience>,
    schema: Schema,
    gzip: Gzip,
}

impl Sentinel {
    fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let audience = Audience::of(Service::Monitor, section.cloud());
        let schema = section.choice("SCHEMA", &[("alerts", Schema::Alerts), ("asim", Schema::Asim)]);
        let per_type = section.choice("TABLES", &[("per_type", true), ("one", false)]);
        let alerts = url(section, &audience, schema);
        let others = &Table::ALL[1..];
        let others = others.iter().filter(|_| per_type && schema == Schema::Alerts);
        let urls = iter::once(alerts.clone()).chain(others.map(|table| sibling(&alerts, stream(*table)))).collect();
        let sentinel = Self {
            transport: Transport::Http(HttpOptions::from_section(section)),
            urls,
            audience: Arc::new(audience),
            schema,
            gzip: if section.flag("GZIP") { Gzip::Large } else { Gzip::Never },
        };
        section.finish(sentinel)
    }

    /// The table whose rows an event becomes.
    fn table(&self, event: &Event<'_>) -> Table {
        if self.urls.len() > 1 { Table::of(event.kind) } else { Table::Alerts }
    }

    /// The stream that was asked for, unless it is that of alerts.
    fn lacking(&self, sent: &Parcel) -> Option<&'static str> {
        let Parcel::Http(parcel) = sent else { return None };
        let group = self.urls.iter().position(|url| *url == parcel.url)?;
        Table::ALL.get(group).filter(|table| **table != Table::Alerts).map(|table| stream(*table))
    }

    fn post(&self, group: u16, body: Bytes) -> Parcel {
        let url = self.urls.get(usize::from(group)).unwrap_or(&self.urls[0]).clone();
        let post = HttpParcel::post(url, "application/json", body);
        Parcel::Http(HttpParcel { gzip: self.gzip, auth: Auth::Entra(Arc::clone(&self.audience)), ..post })
    }
}

impl Destination for Sentinel {
    fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Rows are independent of each other and carry their own times, so their order does not matter.
    fn limits(&self) -> Limits {
        // Of a rule, which other processes may share.
        const PACE: &[Pace] = &[Pace { parcels: 12_000, records: usize::MAX, per: Duration::from_secs(60) }];
        // Each record ends in a comma, the last of which becomes the closing bracket.
        Limits { records: usize::MAX, bytes: row::REQUEST_BYTES - 1, lanes: 4, pace: PACE }
    }

    fn takes(&self, event: &Event<'_>) -> bool {
        self.schema == Schema::Alerts || event.alert.is_some()
    }

    fn group(&self, event: &Event<'_>) -> u16 {
        self.table(event).group()
    }

    /// Appends one row and a comma.
    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        match (self.schema, self.table(event)) {
            (Schema::Asim, _) => asim::write(event, out)?,
            (Schema::Alerts, Table::Alerts) => table::write(event, out),
            (Schema::Alerts, table) => typed::write(event, table, out),
        }
        out.push(b',');
        Ok(())
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        let rows = records.joined();
        let mut body = Vec::with_capacity(rows.len() + 1);
        body.push(b'[');
        body.extend_from_slice(rows.strip_suffix(b",").unwrap_or(&rows));
        body.push(b']');
        self.post(records.group(), body.into())
    }

    fn judge(&self, sent: &Parcel, reply: &Reply, records: usize) -> Verdict {
        let Reply::Http { status, body, .. } = reply else { return Verdict::by_status(reply) };
        let code = error_code(body);
        let mend = |what: &str| Verdict::Misconfigured { reason: format!("HTTP {}{code}: {what}", status.as_u16()) };
        match status.as_u16() {
            204 => Verdict::Accepted,
            200..=299 => {
                mend("Azure Monitor answers 204, so this is something else; check ENDPOINT and the proxies before it")
            }
            400 if is_about_setup(&code) => match self.lacking(sent) {
                Some(stream) => mend(&lacks(stream)),
                None => mend("check RULE_ID and STREAM"),
            },
            400 => Verdict::Rejected { reason: format!("HTTP 400{code}") },
            401 => mend(
                "the token is not taken here; check AZURE_CLOUD, and that the app's identity is of the rule's tenant",
            ),
            403 => mend(
                "give the app's identity the role Monitoring Metrics Publisher on the data collection rule; it takes up to 30 minutes to work",
            ),
            // Azure Monitor is said to answer 404 to what is too large, too. Small requests tell which it is.
            404 if records > 1 && is_large(sent) => Verdict::Split { reason: format!("HTTP 404{code}") },
            404 => match self.lacking(sent) {
                Some(stream) => mend(&lacks(stream)),
                None => mend("no such rule or stream here; check ENDPOINT, RULE_ID and STREAM"),
            },
            _ => Verdict::by_status(reply),
        }
    }

    /// No rows at all: proves address, identity, role, rule and the stream of alerts.
    fn probe(&self) -> Option<Parcel> {
        Some(self.post(0, Bytes::from_static(b"[]")))
    }
}

/// What to do where the rule does not know the stream of a kind; alerts go on without it.
fn lacks(stream: &str) -> String {
    format!("the rule has no stream {stream}; update it from dcr.json and add its table, or set TABLES=one")
}

/// The URL of another stream of the same rule.
fn sibling(alerts: &Url, stream: &str) -> Url {
    let mut url = alerts.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop().push(stream);
    }
    url
}

/// The URL of the stream for alerts.
fn url(section: &Section<'_>, audience: &Audience, schema: Schema) -> Url {
    const PATH: &str = "/dataCollectionRules";
    let mut url = section.url("ENDPOINT");
    if section.text("ENDPOINT").is_some() && !audience.hosts.admit(&url) {
        let cloud = section.cloud().name();
        let problem = format!("must be at {} for AZURE_CLOUD={cloud}: a token goes nowhere else", audience.hosts);
        section.fault("ENDPOINT", &problem);
    }
    if url.query().is_some() || url.path().contains(PATH) {
        section.fault("ENDPOINT", "must end at the host; rule and stream have settings of their own");
    }
    let rule = section.string("RULE_ID");
    let is_rule = |digits: &str| digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !rule.is_empty() && !rule.strip_prefix("dcr-").is_some_and(is_rule) {
        section
            .fault("RULE_ID", "must be dcr- and 32 hexadecimal digits: the immutable id, not the name or resource id");
    }
    let stream = section.text("STREAM").unwrap_or_else(|| schema.stream().to_owned());
    let is_stream = |name: &str| {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        !name.is_empty() && name.bytes().all(legal)
    };
    if !["Custom-", "Microsoft-"].iter().any(|prefix| stream.strip_prefix(prefix).is_some_and(is_stream)) {
        section.fault("STREAM", "must be Custom- or Microsoft- and letters, digits, underscores or hyphens");
    }
    url.set_path(&format!("{}{PATH}/{rule}/streams/{stream}", url.path().trim_end_matches('/')));
    url.set_query(Some("api-version=2023-01-01"));
    url
}

/// The error's own code, as ` InvalidStream`; empty where there is none.
fn error_code(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Answer {
        error: Error,
    }
    #[derive(Deserialize)]
    struct Error {
        code: String,
    }
    let Ok(answer) = serde_json::from_slice::<Answer>(body) else { return String::new() };
    let letters = answer.error.code.chars().filter(char::is_ascii_alphanumeric).take(60);
    letters.fold(String::new(), |mut code, letter| {
        if code.is_empty() {
            code.push(' ');
        }
        code.push(letter);
        code
    })
}

/// Whether the error is about the address of the request, not about its rows.
fn is_about_setup(code: &str) -> bool {
    ["Stream", "Dcr", "DataCollection", "ApiVersion"].iter().any(|word| code.contains(word))
}

/// Whether a request could be too large for a limit below the documented one.
fn is_large(sent: &Parcel) -> bool {
    const LARGE: usize = 262_144;
    matches!(sent, Parcel::Http(parcel) if parcel.body.len() > LARGE)
}

/// The record without halves of surrogate pairs, which JSON can write and a column cannot hold: one would spoil the request.
fn mended(raw: &str) -> Cow<'_, str> {
    mend_surrogates(raw).map_or(Cow::Borrowed(raw), Cow::Owned)
}

/// The segment that follows the named one in a resource id.
fn segment<'t>(id: &'t str, name: &str) -> Option<&'t str> {
    let mut segments = id.split('/').skip_while(|segment| !segment.eq_ignore_ascii_case(name));
    segments.nth(1).filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests;
