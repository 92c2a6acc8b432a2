//! Push semantic models: the addresses, the model's definition, and what replies mean.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::columns::power_bi_type;
use super::table::Table;
use super::{Refusal, required};
use crate::batch::{Limits, Pace};
use crate::cloud::{Audience, Cloud, Service};
use crate::destinations::Order;
use crate::format::table::Column;
use crate::parcel::{Auth, HttpParcel, Reply, Verdict};
use crate::settings::{Section, SettingsError};
use crate::transport::{HttpOptions, Transport};

/// Limits of the service: 10,000 rows and 16 MB a request (10 bytes are the envelope's), 5 requests at once, 120 requests a minute,
/// 1,000,000 rows an hour. The last two count for a model; we take less than half of them, since `alerts` and `redeliver` run in
/// processes of their own.
pub(super) const LIMITS: Limits = Limits {
    records: 10_000,
    bytes: 16_000_000 - 10,
    lanes: 1,
    pace: &[
        Pace { parcels: 50, records: usize::MAX, per: Duration::from_secs(60) },
        Pace { parcels: usize::MAX, records: 490_000, per: Duration::from_secs(3600) },
    ],
};

/// Name of the model in the workspace.
const MODEL: &str = "Defender for Cloud";
/// Midnight after 2027-10-31, UTC, in seconds since 1970.
const SUNSET_SECONDS: i64 = 1_825_027_200;

/// The request that carries rows, and the probe.
pub(super) fn requests(section: &Section<'_>, tables: &[Table]) -> (Vec<HttpParcel>, HttpParcel) {
    let api = Api::from_section(section);
    let dataset = guid(section, "DATASET");
    let rows = |table: &Table| api.post(&["datasets", &dataset, "tables", &table.name, "rows"], Bytes::new());
    let probe = HttpParcel { auth: api.auth(), ..HttpParcel::get(api.below(&["datasets", &dataset])) };
    (tables.iter().map(rows).collect(), probe)
}

/// `{"rows":[…]}` of rows that each end in a comma.
pub(super) fn body(rows: &[u8]) -> Bytes {
    let rows = rows.strip_suffix(b",").unwrap_or(rows);
    [br#"{"rows":["#, rows, b"]}"].concat().into()
}

/// The model as `POST datasets` takes it.
pub(super) fn definition(tables: &[Table]) -> String {
    let mut all = String::new();
    for Table { name, columns } in tables {
        // Names are letters, digits, spaces, hyphens: no character that JSON escapes.
        let kind = |cell| power_bi_type(cell).unwrap_or_default();
        let column = |Column { name, cell, .. }: &&Column| {
            format!("        {{\"name\": \"{name}\", \"dataType\": \"{}\"}}", kind(*cell))
        };
        let columns = columns.iter().map(column).collect::<Vec<_>>().join(",\n");
        let comma = if all.is_empty() { "" } else { ",\n" };
        let _ =
            write!(all, "{comma}    {{\n      \"name\": \"{name}\",\n      \"columns\": [\n{columns}\n      ]\n    }}");
    }
    format!("{{\n  \"name\": \"{MODEL}\",\n  \"defaultMode\": \"Push\",\n  \"tables\": [\n{all}\n  ]\n}}\n")
}

/// The request that makes the model, with room for the newest 200,000 rows: without `basicFIFO` a table takes no more after 5,000,000
/// rows, and only 120 requests an hour from 250,000 rows on.
pub(super) fn order(section: &Section<'_>) -> Result<Order, SettingsError> {
    let tables = super::Mode::Push.tables(section);
    let mut parcel = Api::from_section(section).post(&["datasets"], definition(&tables).into());
    parcel.url.set_query(Some("defaultRetentionPolicy=basicFIFO"));
    section.finish(Order {
        transport: Transport::Http(HttpOptions::from_section(section)),
        parcel,
        names: "DATASET",
        sunset: (
            Timestamp::from_second(SUNSET_SECONDS).unwrap_or_default(),
            "Microsoft ended the creation of push semantic models on 2027-10-31; models that exist go on working. Use MODE=eventhouse",
        ),
        outcome,
    })
}

/// The id of the new model.
fn outcome(reply: &Reply) -> Result<String, String> {
    match reply {
        Reply::Http { status, body, .. } if status.is_success() => {
            let answer: Value = serde_json::from_slice(body).unwrap_or_default();
            let id = answer["id"].as_str().filter(|id| is_guid(id));
            id.map(str::to_owned).ok_or_else(|| format!("HTTP {}, but without the id of a model", status.as_u16()))
        }
        reply => match judge(reply, 0) {
            Verdict::Retry { reason, .. } => Err(format!(
                "{reason}; the model may have been made all the same: look into the workspace before you repeat this"
            )),
            Verdict::Misconfigured { reason } | Verdict::Rejected { reason } | Verdict::Split { reason } => Err(reason),
            Verdict::Accepted | Verdict::Partial { .. } | Verdict::Then(_) => Err("no answer that makes sense".into()),
        },
    }
}

/// What a reply to `records` rows means; the probe has none.
pub(super) fn judge(reply: &Reply, records: usize) -> Verdict {
    let Reply::Http { status, body, .. } = reply else { return Verdict::by_status(reply) };
    let refusal = Refusal::of(*status, body);
    match status.as_u16() {
        200 if records == 0 && takes_no_rows(body) => {
            refusal.mend("the model takes no rows; make a push semantic model with `defender-relay create`")
        }
        // Rows have the types of the columns: who complains about a column has another table than ours.
        400 | 404 if refusal.member("message").to_ascii_lowercase().contains("column") => refusal.mend(
            "the table's columns are not those that are sent; compare with `defender-relay create powerbi --print`, or name the table's \
             own in COLUMNS",
        ),
        401 => refusal.mend("the token is not accepted; check AZURE_CLOUD, API_URL and the app's identity"),
        403 => refusal.mend(
            "the app's identity may not; allow service principals in the tenant settings of Power BI, and make it Contributor of the \
             workspace",
        ),
        404 => refusal.mend("there is no such workspace, model or table; check WORKSPACE, DATASET and TABLE. A model that has only the table of alerts \
             needs TABLES=one, or EVENTS=alert"),
        _ => match Verdict::by_status(reply) {
            Verdict::Rejected { .. } => Verdict::Rejected { reason: refusal.named() },
            verdict => verdict,
        },
    }
}

/// Whether the answer to the probe says so. A model that was not made through the API refuses rows.
fn takes_no_rows(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok_and(|model| model["addRowsAPIEnabled"] == false)
}

/// The REST API of one workspace.
struct Api {
    /// Without the path of a version.
    base: Url,
    workspace: String,
    audience: Arc<Audience>,
}

impl Api {
    fn from_section(section: &Section<'_>) -> Self {
        let audience = Audience::of(Service::PowerBi, section.cloud());
        let given = section.text("API_URL").is_some();
        let base = if given { section.url("API_URL") } else { home(section.cloud()) };
        if given && !section.is_faulty("API_URL") && (!audience.hosts.admit(&base) || base.query().is_some()) {
            let problem = format!(
                "must be https://{} with AZURE_CLOUD={}, without a query: its tokens go nowhere else",
                audience.hosts,
                section.cloud().name()
            );
            section.fault("API_URL", &problem);
        }
        Self { base, workspace: guid(section, "WORKSPACE"), audience: Arc::new(audience) }
    }

    /// The address of something in the workspace.
    fn below(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["v1.0", "myorg", "groups", &self.workspace]).extend(path);
        }
        url
    }

    fn post(&self, path: &[&str], body: Bytes) -> HttpParcel {
        HttpParcel { auth: self.auth(), ..HttpParcel::post(self.below(path), "application/json", body) }
    }

    fn auth(&self) -> Auth {
        Auth::Entra(Arc::clone(&self.audience))
    }
}

/// Where the API of a cloud is.
fn home(cloud: Cloud) -> Url {
    #[expect(clippy::expect_used, reason = "literals that parse")]
    Url::parse(match cloud {
        Cloud::Public => "https://api.powerbi.com",
        Cloud::UsGovernment => "https://api.powerbigov.us",
        Cloud::China => "https://api.powerbi.cn",
    })
    .expect("literal URL parses")
}

fn guid(section: &Section<'_>, key: &str) -> String {
    let text = required(section, key).to_ascii_lowercase();
    if !text.is_empty() && !is_guid(&text) {
        section.fault(
            key,
            "must be an id such as 3d9b93c6-7b6d-4801-a491-1738910904fd; the portal's address bar shows it",
        );
    }
    text
}

fn is_guid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}
