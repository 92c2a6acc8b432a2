//! Rows of an import set: the transform map of the instance makes tickets of them, and coalesces on the key in one step, so that creators
//! that meet leave one ticket.
//!
//! A look comes first here too: a transform map takes an older word like any other.

use http::Method;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::Destination;
use super::change::{Change, decide};
use super::desk::{Columns, Desk, then};
use super::instance::{clean, is_name, name, result};
use super::key::of_ticket;
use super::row::{probed, rows};
use super::talk::{Otherwise, Stage, Talk};
use crate::batch::{Limits, Records};
use crate::destinations::RenderError;
use crate::event::Event;
use crate::parcel::{HttpParcel, Parcel, Reply, Verdict};
use crate::settings::{Section, SettingsError};
use crate::transport::Transport;

/// The opened destination.
#[derive(Debug)]
pub(super) struct Rows {
    desk: Desk,
    url: Url,
    prefix: String,
}

impl Rows {
    pub(super) fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let desk = Desk::from_section(section);
        let staging = name(section, "STAGING_TABLE");
        let url = desk.instance.at(&format!("/api/now/import/{staging}"), &[]);
        section.finish(Self { desk, url, prefix: prefix(section) })
    }

    /// Sends a row, one per request: only then the transformation runs before the answer, and the answer says what became of it.
    fn send(&self, talk: Talk, columns: Columns) -> Verdict {
        let row: Columns = columns.into_iter().map(|(name, value)| (format!("{}{name}", self.prefix), value)).collect();
        let parcel = self.desk.instance.request(Method::POST, self.url.clone(), json!(row).to_string().into_bytes());
        then(Parcel::Http(HttpParcel { memo: json!(talk.at(Stage::Create)), ..parcel }))
    }

    /// Decides by what a look found.
    fn looked(&self, talk: Talk, reply: &Reply) -> Verdict {
        let found = match rows(reply, &of_ticket(&talk.report.key, talk.number)) {
            Ok(found) => found,
            Err(verdict) => return verdict,
        };
        let said = talk.report.said;
        let Some(ticket) = found.first() else {
            if !talk.makes_ticket() {
                return Verdict::Accepted;
            }
            let mut new = self.desk.new_ticket(&talk, &said);
            if let Some(state) = self.desk.states.of(&said) {
                new.extend(self.desk.states.move_to(state, &said));
            }
            return self.send(talk, new);
        };
        match decide(ticket, &talk.report, talk.number, &self.desk.states, &self.desk.impacts) {
            Change::Nothing | Change::Write { otherwise: Otherwise::Leave, .. } => Verdict::Accepted,
            Change::Follow => then(self.desk.look(&talk.next(&ticket.sys_id))),
            Change::Write { mut columns, .. } => {
                // Journals take every text that comes, also when a row is sent twice.
                columns.remove("work_notes");
                columns.insert("correlation_id".to_owned(), json!(of_ticket(&talk.report.key, talk.number)));
                columns.insert("short_description".to_owned(), json!(talk.report.short_description));
                self.send(talk, columns)
            }
        }
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
        &self.desk.transport
    }

    fn limits(&self) -> Limits {
        self.desk.limits()
    }

    fn takes(&self, event: &Event<'_>) -> bool {
        self.desk.selection.takes(event)
    }

    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        Desk::render(event, out)
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        self.desk.open_talk(records)
    }

    fn judge(&self, sent: &Parcel, reply: &Reply, records: usize) -> Verdict {
        let Parcel::Http(parcel) = sent else { return Verdict::by_status(reply) };
        match Talk::of(parcel) {
            None => probed(reply, records),
            Some(talk) if matches!(talk.stage, Stage::Look { .. }) => self.looked(talk, reply),
            Some(_) => transformed(reply),
        }
    }

    fn tickets(&self) -> Option<&dyn super::super::Tickets> {
        Some(&self.desk)
    }

    /// Proves address, trust, credential and the right to read tickets; not that the staging table exists, which only a row could.
    fn probe(&self) -> Option<Parcel> {
        Some(self.desk.probe())
    }

    fn warnings(&self) -> Vec<String> {
        self.desk.states.warnings()
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

/// The status of the reply is 200 or 201 even where the transformation failed; each row's own says more.
fn transformed(reply: &Reply) -> Verdict {
    let outcomes: Vec<Outcome> = match result(reply) {
        Ok(outcomes) => outcomes,
        Err(verdict) => return verdict,
    };
    match outcomes.iter().find(|outcome| !outcome.is_good()) {
        Some(bad) => Verdict::Rejected { reason: bad.reason() },
        None if outcomes.is_empty() => Verdict::Misconfigured {
            reason: "the row was not transformed: STAGING_TABLE has no active transform map".to_owned(),
        },
        None => Verdict::Accepted,
    }
}

#[cfg(test)]
mod tests;
