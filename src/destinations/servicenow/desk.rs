//! What tickets need, whichever way they are written: settings, the look that comes first, and the columns of a new one.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use serde_json::{Map, Value, json};

use super::Selection;
use super::impact::ImpactMap;
use super::instance::{Instance, name};
use super::key::of_ticket;
use super::row::FIELDS;
use super::said::Said;
use super::states::{States, fixed_columns};
use super::talk::{Doubt, Stage, Talk};
use super::ticket::Report;
use crate::batch::{Limits, Records};
use crate::destinations::RenderError;
use crate::event::Event;
use crate::parcel::{HttpParcel, Parcel, Verdict};
use crate::settings::Section;
use crate::transport::{HttpOptions, Transport};

/// Column names and their new values.
pub(super) type Columns = Map<String, Value>;

/// Most rows of a look: one, unless creators met.
const ROWS: &str = "10";

/// How long a creation that may yet happen is given before it is looked for.
pub(super) const SETTLING: Duration = Duration::from_secs(1);

/// Settings of ticket modes, read.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) transport: Transport,
    pub(super) instance: Instance,
    /// Where the tickets are.
    pub(super) table: String,
    pub(super) selection: Selection,
    pub(super) impacts: ImpactMap,
    pub(super) states: States,
    fixed: BTreeMap<String, String>,
    lanes: usize,
}

impl Desk {
    pub(super) fn from_section(section: &Section<'_>) -> Self {
        let table = name(section, "TABLE");
        Self {
            transport: Transport::Http(HttpOptions::from_section(section)),
            instance: Instance::from_section(section),
            selection: Selection::from_section(section),
            impacts: ImpactMap::from_section(section),
            states: States::from_section(section, &table),
            fixed: fixed_columns(section),
            lanes: section.number("CONCURRENCY", 1..=4),
            table,
        }
    }

    /// The API takes one record per request. Few at once: instances limit how many requests a user has under way.
    pub(super) const fn limits(&self) -> Limits {
        Limits { records: 1, lanes: self.lanes, ..Limits::ANY }
    }

    /// Appends what a conversation needs to know of the event.
    pub(super) fn render(event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        serde_json::to_writer(out, &Report::of(event)?).map_err(|error| RenderError(error.to_string()))
    }

    /// The beginning of the conversation about a record.
    pub(super) fn open_talk(&self, records: Records<'_>) -> Parcel {
        let report = records.iter().next().and_then(|(_, record)| serde_json::from_slice(record).ok());
        match report {
            Some(report) => self.look(&Talk::about(report)),
            // Never called with an empty run, or with what `render` did not write.
            None => self.probe(),
        }
    }

    /// Reads at most one ticket.
    pub(super) fn probe(&self) -> Parcel {
        Parcel::Http(self.instance.probe(&self.table, "sys_id,correlation_id,correlation_display"))
    }

    /// The path of the tickets. Version 2: an empty result is 200 there, and 404 means what it says.
    pub(super) fn path(&self) -> String {
        format!("/api/now/v2/table/{}", self.table)
    }

    /// Asks for the tickets with this key, the oldest first.
    pub(super) fn look(&self, talk: &Talk) -> Parcel {
        // The key holds nothing that this language understands; see `key`.
        let key = of_ticket(&talk.report.key, talk.number);
        let query = format!("correlation_id={key}^ORDERBYsys_created_on^ORDERBYsys_id");
        let parameters = [
            ("sysparm_query", query.as_str()),
            ("sysparm_limit", ROWS),
            ("sysparm_fields", FIELDS),
            ("sysparm_display_value", "false"),
            ("sysparm_exclude_reference_link", "true"),
            ("sysparm_no_count", "true"),
        ];
        let url = self.instance.at(&self.path(), &parameters);
        let delay = matches!(talk.stage, Stage::Look { doubt: Some(Doubt::Unanswered { .. }) }).then_some(SETTLING);
        let parcel = self.instance.request(Method::GET, url, Vec::new());
        Parcel::Http(HttpParcel { delay, memo: json!(talk), ..parcel })
    }

    /// The columns of a new ticket that remembers `said`.
    pub(super) fn new_ticket(&self, talk: &Talk, said: &Said) -> Columns {
        let Talk { report, number, .. } = talk;
        let (impact, urgency) = self.impacts.of(said.severity);
        let mut new: Columns = self.fixed.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        new.extend(columns([
            ("correlation_id", &of_ticket(&report.key, *number)),
            ("correlation_display", &said.to_string()),
            ("short_description", &report.short_description),
            ("description", &report.description),
            ("impact", &impact),
            ("urgency", &urgency),
        ]));
        new
    }
}

/// Columns of these names and values.
pub(super) fn columns<const N: usize>(pairs: [(&str, &str); N]) -> Columns {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

/// A conversation goes on with this.
pub(super) fn then(parcel: Parcel) -> Verdict {
    Verdict::Then(Box::new(parcel))
}
