//! Rows of an import set: the transform map of the instance makes tickets of them, and coalesces on the key in one step.

use std::collections::BTreeMap;

use http::Method;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::impact::ImpactMap;
use super::instance::{Instance, clean, is_name, name, result};
use super::states::{States, fixed_columns};
use super::ticket::Report;
use super::{Destination, Selection};
use crate::batch::{Limits, Records};
use crate::destinations::RenderError;
use crate::event::{Event, Status};
use crate::format::json::Object;
use crate::parcel::{Parcel, Reply, Verdict};
use crate::settings::{Section, SettingsError};
use crate::transport::{HttpOptions, Transport};

/// A table that everybody may read one row of.
const PROBED_TABLE: &str = "sys_user";

/// The opened destination.
#[derive(Debug)]
pub(super) struct Rows {
    transport: Transport,
    instance: Instance,
    url: Url,
    prefix: String,
    selection: Selection,
    impacts: ImpactMap,
    states: States,
    fixed: BTreeMap<String, String>,
    lanes: usize,
}

impl Rows {
    pub(super) fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let instance = Instance::from_section(section);
        let staging = name(section, "STAGING_TABLE");
        let rows = Self {
            transport: Transport::Http(HttpOptions::from_section(section)),
            url: instance.at(&format!("/api/now/import/{staging}"), &[]),
            instance,
            prefix: prefix(section),
            selection: Selection::from_section(section),
            impacts: ImpactMap::from_section(section),
            states: States::from_section(section, &name(section, "TABLE")),
            fixed: fixed_columns(section),
            lanes: section.number("CONCURRENCY", 1..=4),
        };
        section.finish(rows)
    }
}

fn prefix(section: &Section<'_>) -> String {
    let prefix = section.string("COLUMN_PREFIX");
    if prefix == "none" {
        return String::new();
    }
    if !is_name(&prefix) {
        section.fault("COLUMN_PREFIX", "must be lower-case letters, digits and underscores, or none");
    }
    prefix
}

impl Destination for Rows {
    fn transport(&self) -> &Transport {
        &self.transport
    }

    /// One row per request: only then the transformation runs before the answer, and the answer says what became of the row.
    fn limits(&self) -> Limits {
        Limits { records: 1, lanes: self.lanes, ..Limits::ANY }
    }

    fn takes(&self, event: &Event<'_>) -> bool {
        self.selection.takes(event)
    }

    /// Texts only: the import mangles everything else.
    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let report = Report::of(event)?;
        let (impact, urgency) = self.impacts.of(report.said.severity);
        let state = match report.said.status {
            Status::InProgress => self.states.in_progress.as_deref(),
            Status::Resolved | Status::Dismissed => self.states.resolved.as_deref(),
            Status::New | Status::Unknown => None,
        };
        let closing = self.states.closing.as_ref().filter(|_| state.is_some() && report.said.is_over());
        let said = report.said.to_string();
        let own = [
            ("correlation_id", Some(report.key.as_str())),
            ("correlation_display", Some(said.as_str())),
            ("short_description", Some(report.short_description.as_str())),
            ("description", Some(report.description.as_str())),
            ("impact", Some(impact.as_str())),
            ("urgency", Some(urgency.as_str())),
            ("state", state),
            ("close_code", closing.map(|(code, _)| code.as_str())),
            ("close_notes", closing.map(|(_, notes)| notes.as_str())),
        ];
        let fixed = self.fixed.iter().map(|(column, value)| (column.as_str(), Some(value.as_str())));
        let mut row = Object::open(out);
        for (column, value) in own.into_iter().chain(fixed) {
            row.optional(&format!("{}{column}", self.prefix), value);
        }
        row.close();
        Ok(())
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        Parcel::Http(self.instance.request(Method::POST, self.url.clone(), records.joined().into()))
    }

    /// The status is 200 or 201 even where the transformation failed; each row's own says more.
    fn judge(&self, _sent: &Parcel, reply: &Reply, records: usize) -> Verdict {
        if records == 0 {
            return result::<Value>(reply).map_or_else(|verdict| verdict, |_| Verdict::Accepted);
        }
        let outcomes: Vec<Outcome> = match result(reply) {
            Ok(outcomes) => outcomes,
            Err(verdict) => return verdict,
        };
        if outcomes.is_empty() {
            let reason = "the row was not transformed: STAGING_TABLE has no active transform map";
            return Verdict::Misconfigured { reason: reason.to_owned() };
        }
        match outcomes.iter().find(|outcome| !outcome.is_good()) {
            None => Verdict::Accepted,
            Some(bad) => Verdict::Rejected { reason: bad.reason() },
        }
    }

    /// Proves address, trust and credential; not that the staging table exists, which only a row could.
    fn probe(&self) -> Option<Parcel> {
        Some(Parcel::Http(self.instance.probe(PROBED_TABLE, "sys_id")))
    }

    fn warnings(&self) -> Vec<String> {
        self.states.warnings()
    }
}

/// What a transform map made of the row.
#[derive(Debug, Deserialize)]
struct Outcome {
    #[serde(default)]
    status: String,
    #[serde(default)]
    error_message: Option<String>,
}

impl Outcome {
    /// Ignored and skipped are good: nothing differed, or a script knows something newer.
    fn is_good(&self) -> bool {
        matches!(self.status.as_str(), "inserted" | "updated" | "ignored" | "skipped")
    }

    fn reason(&self) -> String {
        let message = clean(self.error_message.as_deref().unwrap_or_default());
        let colon = if message.is_empty() { "" } else { ": " };
        format!("the transform map answered {}{colon}{message}", clean(&self.status))
    }
}

#[cfg(test)]
mod tests;
