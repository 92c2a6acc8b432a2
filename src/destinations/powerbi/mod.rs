//! Power BI: rows of a push semantic model, or of its successor, a Microsoft Fabric Eventhouse (also Azure Data Explorer).
//!
//! Facts: [push semantic models](https://learn.microsoft.com/rest/api/power-bi/push-datasets), their
//! [limits](https://learn.microsoft.com/power-bi/developer/embedded/push-datasets-limitations) and their
//! [end](https://learn.microsoft.com/power-bi/connect-data/service-real-time-streaming);
//! [streaming ingestion](https://learn.microsoft.com/kusto/api/rest/streaming-ingest) of Kusto.

mod columns;
mod eventhouse;
mod push;
mod table;

use http::StatusCode;
use serde_json::Value;

use self::columns::power_bi_type;
use self::table::Table;
use super::{Create, Destination, Kind, Rehearsal, RenderError};
use crate::batch::{Limits, Records};
use crate::event::Event;
use crate::format::table::Table as Kinds;
use crate::parcel::{HttpParcel, Parcel, Reply, Verdict};
use crate::settings::{Section, Setting, SettingsError};
use crate::transport::{HTTP_SETTINGS, HttpOptions, Transport};

/// Power BI's row in the catalogue.
pub(super) const KIND: Kind = Kind {
    name: "powerbi",
    title: "Power BI and Fabric Eventhouse",
    arrives: "A row per record, in a table for its kind: of a Power BI push semantic model, or of a Fabric Eventhouse (Azure Data Explorer)",
    settings: &[SETTINGS, HTTP_SETTINGS],
    events: "*, !activity_log, !entra_log, !resource_log, !xdr_log",
    snapshots: true,
    open: |section| PowerBi::open(section).map(|power_bi| Box::new(power_bi) as Box<dyn Destination>),
    rehearsal: Rehearsal {
        settings: &[
            ("API_URL", "{http}/powerbi"),
            ("WORKSPACE", "3d9b93c6-7b6d-4801-a491-1738910904fd"),
            ("DATASET", "a0a9cc52-1a3c-4a6f-8f7e-2b6a5f1d9e10"),
        ],
        replies: &[("/powerbi", 200, "{}")],
    },
    create: Some(Create { define, order }),
};

const SETTINGS: &[Setting] = &[
    Setting::default(
        "MODE",
        "push",
        "push: a Power BI push semantic model; eventhouse: a Fabric Eventhouse or an Azure Data Explorer cluster.",
    ),
    Setting::optional("WORKSPACE", "push: id (GUID) of the workspace. My workspace cannot be used."),
    Setting::optional(
        "DATASET",
        "push: id (GUID) of the semantic model; `defender-relay create powerbi` makes it and tells the id.",
    ),
    Setting::optional(
        "API_URL",
        "push: base URL of the Power BI REST API; without it, that of AZURE_CLOUD, such as https://api.powerbi.com.",
    ),
    Setting::optional(
        "CLUSTER_URL",
        "eventhouse: query URI, such as https://trd-0123456789.z1.kusto.fabric.microsoft.com; not the ingestion URI.",
    ),
    Setting::optional("DATABASE", "eventhouse: name of the KQL database."),
    Setting::default("MAPPING", "DefenderRelay", "eventhouse: name of the tables' JSON ingestion mapping."),
    Setting::default(
        "TABLES",
        "per_type",
        "Where records go that are no alerts: per_type (a table for each kind) or one (with the alerts, in TABLE).",
    ),
    Setting::default("TABLE", "Alerts", "Name of the table of alerts."),
    Setting::default(
        "COLUMNS",
        "*",
        "Columns of the table of alerts that are sent, comma-separated, or * for all: for a table that lacks some of them.",
    ),
    Setting::default("MAX_ROWS", "10_000", "Most rows of one request, between 1 and 10_000."),
];

/// Which service takes the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Push,
    Eventhouse,
}

impl Mode {
    const WORDS: &[(&str, Self)] = &[("push", Self::Push), ("eventhouse", Self::Eventhouse)];

    fn from_section(section: &Section<'_>) -> Self {
        section.choice("MODE", Self::WORDS)
    }

    fn tables(self, section: &Section<'_>) -> Vec<Table> {
        match self {
            Self::Push => table::from_section(section, |column| power_bi_type(column.cell).is_some()),
            Self::Eventhouse => table::from_section(section, |_| true),
        }
    }
}

/// An opened destination.
#[derive(Debug)]
struct PowerBi {
    transport: Transport,
    mode: Mode,
    /// By group; only that of alerts, where all records go there.
    tables: Vec<Table>,
    limits: Limits,
    /// The requests that carry rows of each table, but for the rows.
    rows: Vec<HttpParcel>,
    probe: HttpParcel,
}

impl PowerBi {
    fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let mode = Mode::from_section(section);
        let tables = mode.tables(section);
        let (rows, probe) = match mode {
            Mode::Push => push::requests(section, &tables),
            Mode::Eventhouse => eventhouse::requests(section, &tables),
        };
        let limits = match mode {
            Mode::Push => push::LIMITS,
            Mode::Eventhouse => eventhouse::LIMITS,
        };
        let power_bi = Self {
            transport: Transport::Http(HttpOptions::from_section(section)),
            mode,
            tables,
            limits: Limits { records: section.number("MAX_ROWS", 1..=limits.records), ..limits },
            rows,
            probe,
        };
        section.finish(power_bi)
    }
}

impl Destination for PowerBi {
    fn transport(&self) -> &Transport {
        &self.transport
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn group(&self, event: &Event<'_>) -> u16 {
        if self.tables.len() > 1 { Kinds::of(event.kind).group() } else { 0 }
    }

    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        self.tables[usize::from(self.group(event))].write(event, out);
        out.push(match self.mode {
            Mode::Push => b',',
            Mode::Eventhouse => b'\n',
        });
        Ok(())
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        let body = match self.mode {
            Mode::Push => push::body(&records.joined()),
            Mode::Eventhouse => records.joined(),
        };
        Parcel::Http(HttpParcel { body, ..self.rows[usize::from(records.group())].clone() })
    }

    fn judge(&self, _sent: &Parcel, reply: &Reply, records: usize) -> Verdict {
        match self.mode {
            Mode::Push => push::judge(reply, records),
            Mode::Eventhouse => eventhouse::judge(reply, records),
        }
    }

    /// push: proves the identity, the workspace and the model, and that the model takes rows; not the names of its table and columns.
    /// eventhouse: proves the identity, the database and the table of alerts; not the mapping, nor that the identity may write.
    fn probe(&self) -> Option<Parcel> {
        Some(Parcel::Http(self.probe.clone()))
    }

    fn warnings(&self) -> Vec<String> {
        let lacks = |name: &&str| !self.tables[0].has(name);
        let keys: Vec<&str> = ["AlertKey", "EventId"].into_iter().filter(lacks).collect();
        match keys.as_slice() {
            [] => Vec::new(),
            keys => vec![format!(
                "COLUMNS leaves out {}: rows that arrive twice cannot be told from others",
                keys.join(" and ")
            )],
        }
    }
}

fn define(section: &Section<'_>) -> Result<String, SettingsError> {
    let mode = Mode::from_section(section);
    let tables = mode.tables(section);
    let definition = match mode {
        Mode::Push => push::definition(&tables),
        Mode::Eventhouse => eventhouse::definition(&tables, &eventhouse::mapping(section)),
    };
    section.finish(definition)
}

fn order(section: &Section<'_>) -> Result<Option<super::Order>, SettingsError> {
    match Mode::from_section(section) {
        Mode::Push => push::order(section).map(Some),
        Mode::Eventhouse => section.finish(None),
    }
}

/// A setting that the mode cannot do without. Where `MODE` itself is faulty, nobody knows what is needed.
fn required(section: &Section<'_>, key: &str) -> String {
    section.text(key).unwrap_or_else(|| {
        if !section.is_faulty(key) && !section.is_faulty("MODE") {
            section.fault(key, &format!("is required with MODE={}", section.string("MODE").to_ascii_lowercase()));
        }
        String::new()
    })
}

/// What a service says when it refuses: the status, and the error's code where it gives one.
struct Refusal {
    status: StatusCode,
    /// `error`, where the body has one: `{"code":…,"message":…}`.
    error: Value,
}

impl Refusal {
    fn of(status: StatusCode, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        Self { status, error: body["error"].clone() }
    }

    fn member(&self, name: &str) -> &str {
        self.error.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// For a reason: `HTTP 404 ItemNotFound`. The message beside the code may quote an alert and stays out.
    fn named(&self) -> String {
        let legal = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        let code: String = self.member("code").chars().take_while(legal).take(80).collect();
        format!("HTTP {} {code}", self.status.as_u16()).trim_end().to_owned()
    }

    fn mend(&self, what: &str) -> Verdict {
        Verdict::Misconfigured { reason: format!("{}: {what}", self.named()) }
    }
}

#[cfg(test)]
mod tests;
