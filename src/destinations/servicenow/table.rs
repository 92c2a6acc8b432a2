//! Tickets through the Table API: each alert is a conversation that looks before it writes.
//!
//! The API has no upsert, no conditional create and no `If-Match`. So every delivery begins with a look for the alert's ticket by
//! `correlation_id`, a creation is followed by another look, and what was found decides. Whatever breaks off in between, the next delivery
//! looks again. What was said last is remembered in the ticket itself, in `correlation_display` (see [`Said`](super::said::Said)).

mod change;
mod row;
mod talk;

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use serde_json::{Map, Value, json};

use self::change::{Change, decide};
use self::row::{Row, rows};
use self::talk::{Doubt, Otherwise, Stage, Talk};
use super::impact::ImpactMap;
use super::instance::{Instance, name, result, status, verdict};
use super::key::of_ticket;
use super::states::{States, fixed_columns};
use super::ticket::Report;
use super::{Destination, Selection};
use crate::batch::{Limits, Records};
use crate::destinations::RenderError;
use crate::event::Event;
use crate::parcel::{Failure, Parcel, Reply, Verdict};
use crate::settings::{Section, SettingsError};
use crate::transport::{HttpOptions, Transport};

/// Column names and their new values.
type Columns = Map<String, Value>;

/// Most rows of a look: one, unless creators met.
const ROWS: &str = "10";

/// How long a creation that may yet happen is given before it is looked for.
const SETTLING: Duration = Duration::from_secs(1);

/// Why tickets cannot be kept apart.
const COLUMNS: &str = "the table does not keep correlation_id and correlation_display: it lacks these columns, or the user may not read \
                       or write them; check TABLE and field rules";

/// The opened destination.
#[derive(Debug)]
pub(super) struct Tickets {
    transport: Transport,
    instance: Instance,
    table: String,
    selection: Selection,
    impacts: ImpactMap,
    states: States,
    fixed: BTreeMap<String, String>,
    lanes: usize,
}

impl Tickets {
    pub(super) fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        let table = name(section, "TABLE");
        let tickets = Self {
            transport: Transport::Http(HttpOptions::from_section(section)),
            instance: Instance::from_section(section),
            selection: Selection::from_section(section),
            impacts: ImpactMap::from_section(section),
            states: States::from_section(section, &table),
            fixed: fixed_columns(section),
            lanes: section.number("CONCURRENCY", 1..=4),
            table,
        };
        section.finish(tickets)
    }

    fn path(&self) -> String {
        // Version 2: an empty result is 200 there, and 404 means what it says.
        format!("/api/now/v2/table/{}", self.table)
    }

    fn parcel(
        &self,
        talk: &Talk,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Columns>,
    ) -> Parcel {
        let body = body.map(|columns| json!(columns).to_string().into_bytes()).unwrap_or_default();
        let mut parcel = self.instance.request(method, self.instance.at(path, query), body);
        parcel.delay = match talk.stage {
            Stage::Look { doubt: Some(Doubt::Unanswered { .. }) } => Some(SETTLING),
            _ => None,
        };
        parcel.memo = json!(talk);
        Parcel::Http(parcel)
    }

    /// Asks for the tickets with this key, the oldest first.
    fn look(&self, talk: &Talk) -> Parcel {
        // The key holds nothing that this language understands; see `key`.
        let key = of_ticket(&talk.report.key, talk.number);
        let query = format!("correlation_id={key}^ORDERBYsys_created_on^ORDERBYsys_id");
        let parameters = [
            ("sysparm_query", query.as_str()),
            ("sysparm_limit", ROWS),
            ("sysparm_fields", row::FIELDS),
            ("sysparm_display_value", "false"),
            ("sysparm_exclude_reference_link", "true"),
            ("sysparm_no_count", "true"),
        ];
        self.parcel(talk, Method::GET, &self.path(), &parameters, None)
    }

    /// A new ticket always begins as that of a new alert; what more there is to say is then a change like any other.
    fn create(&self, talk: Talk) -> Verdict {
        let Talk { report, number, parent, .. } = &talk;
        let (impact, urgency) = self.impacts.of(report.said.severity);
        let mut columns: Columns = self.fixed.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        columns.extend(
            [
                ("correlation_id", of_ticket(&report.key, *number)),
                ("correlation_display", talk.begun().to_string()),
                ("short_description", report.short_description.clone()),
                ("description", report.description.clone()),
                ("impact", impact),
                ("urgency", urgency),
            ]
            .map(|(name, value)| (name.to_owned(), json!(value))),
        );
        if let Some(parent) = parent {
            let column = if self.table == "incident" { "parent_incident" } else { "parent" };
            columns.insert(column.to_owned(), json!(parent));
            columns.insert(
                "work_notes".to_owned(),
                json!(format!("The ticket before this one is closed. {}", report.note())),
            );
        }
        let query = [("sysparm_fields", row::FIELDS), ("sysparm_exclude_reference_link", "true")];
        let talk = talk.at(Stage::Create);
        then(self.parcel(&talk, Method::POST, &self.path(), &query, Some(&columns)))
    }

    fn write(&self, talk: Talk, sys_id: &str, columns: &Columns, stage: Stage) -> Verdict {
        let query = [("sysparm_fields", row::FIELDS), ("sysparm_exclude_reference_link", "true")];
        let talk = talk.at(stage);
        then(self.parcel(&talk, Method::PATCH, &format!("{}/{sys_id}", self.path()), &query, Some(columns)))
    }

    /// Decides by what a look found.
    fn looked(&self, talk: Talk, doubt: Option<Doubt>, reply: &Reply) -> Verdict {
        let key = of_ticket(&talk.report.key, talk.number);
        let found = match rows(reply, &key) {
            Ok(found) => found,
            Err(verdict) => return verdict,
        };
        let Some((ticket, others)) = found.split_first() else { return self.nothing_there(talk, doubt) };
        if let Some(state) = self.states.canceled.as_ref().filter(|_| !talk.leaves_duplicates)
            && let Some(duplicate) = others.iter().find(|row| row.is_spare())
        {
            let note = format!("Canceled: a duplicate of {}, which was created at the same time.", ticket.number());
            let columns = columns([("state", state.as_str()), ("work_notes", &note)]);
            return self.write(talk, &duplicate.sys_id, &columns, Stage::Cancel);
        }
        match decide(ticket, &talk.report, talk.number, &self.states, &self.impacts) {
            Change::Nothing => Verdict::Accepted,
            Change::Follow => then(self.look(&talk.next(&ticket.sys_id))),
            Change::Write { columns, otherwise } => {
                self.write(talk, &ticket.sys_id, &columns, Stage::Change { otherwise })
            }
        }
    }

    fn nothing_there(&self, talk: Talk, doubt: Option<Doubt>) -> Verdict {
        match doubt {
            // The next try begins with a look: should the request take effect yet, it finds the ticket.
            Some(Doubt::Unanswered { reason }) => Verdict::Retry { after: None, reason },
            Some(Doubt::Created) => Verdict::Misconfigured {
                reason: "the user cannot find the ticket that it has just created; give it the right to read the table"
                    .to_owned(),
            },
            // The ticket before this one is closed, and the alert is not active again: there is nothing to follow up.
            None if talk.number > 1 && !talk.report.said.is_active() => Verdict::Accepted,
            None => self.create(talk),
        }
    }

    /// Looks once more after a creation: to find what an unanswered request did, or that somebody else created one too.
    fn created(&self, talk: Talk, reply: &Reply) -> Verdict {
        let unanswered = |talk: Talk, reason: String| {
            then(self.look(&talk.at(Stage::Look { doubt: Some(Doubt::Unanswered { reason }) })))
        };
        match (status(reply), reply) {
            (Some(status), _) if status.is_success() => match result::<Row>(reply) {
                Ok(row) if row.is_kept(&of_ticket(&talk.report.key, talk.number), &talk.begun()) => {
                    then(self.look(&talk.at(Stage::Look { doubt: Some(Doubt::Created) })))
                }
                Ok(row) => self.orphaned(talk, &row),
                Err(_) => unanswered(talk, format!("HTTP {status} without the new ticket")),
            },
            (Some(status), _) if status.is_server_error() || status.as_u16() == 408 => {
                unanswered(talk, format!("HTTP {status} when creating the ticket"))
            }
            (None, Reply::Failed { failure: Failure::Network | Failure::Deadline, detail }) => {
                unanswered(talk, detail.clone())
            }
            (Some(status), _) if status.as_u16() == 403 => Verdict::Misconfigured {
                reason: format!(
                    "{}; or a business rule or data policy wants further columns, see FIELDS",
                    reason(verdict(reply))
                ),
            },
            _ => verdict(reply),
        }
    }

    /// A ticket came about that nobody could find again: it is withdrawn before anything else is tried.
    fn orphaned(&self, talk: Talk, row: &Row) -> Verdict {
        match &self.states.canceled {
            Some(state) if row.has_id() => {
                let note = format!("Canceled by Defender Relay: {COLUMNS}.");
                let columns = columns([("state", state.as_str()), ("work_notes", &note)]);
                self.write(talk, &row.sys_id, &columns, Stage::Withdraw)
            }
            _ => Verdict::Misconfigured { reason: COLUMNS.to_owned() },
        }
    }

    /// A change was sent. `otherwise` is what to send where the instance refuses it.
    fn changed(&self, talk: Talk, sys_id: &str, otherwise: Otherwise, reply: &Reply) -> Verdict {
        let refused = status(reply).is_some_and(|status| matches!(status.as_u16(), 400 | 403));
        match (refused, otherwise) {
            (true, Otherwise::Leave) => Verdict::Accepted,
            (true, Otherwise::Write { columns }) => {
                self.write(talk, sys_id, &columns, Stage::Change { otherwise: Otherwise::Fail })
            }
            (false, _) if status(reply).is_some_and(|status| status.as_u16() == 404) => {
                Verdict::Retry { after: None, reason: "the ticket is gone, or the user may not write to it".to_owned() }
            }
            _ => match result::<Row>(reply) {
                Ok(row) if row.said().is_some() => Verdict::Accepted,
                Ok(_) => Verdict::Misconfigured { reason: COLUMNS.to_owned() },
                Err(verdict) => verdict,
            },
        }
    }
}

impl Destination for Tickets {
    fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The API takes one record per request. Few at once: instances limit how many requests a user has under way.
    fn limits(&self) -> Limits {
        Limits { records: 1, lanes: self.lanes, ..Limits::ANY }
    }

    fn takes(&self, event: &Event<'_>) -> bool {
        self.selection.takes(event)
    }

    fn render(&self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        serde_json::to_writer(out, &Report::of(event)?).map_err(|error| RenderError(error.to_string()))
    }

    fn pack(&self, records: Records<'_>) -> Parcel {
        let report = records.iter().next().and_then(|(_, record)| serde_json::from_slice(record).ok());
        match report {
            Some(report) => self.look(&Talk::about(report)),
            // Never called with an empty run or with what `render` did not write.
            None => Parcel::Http(self.instance.probe(&self.table, row::FIELDS)),
        }
    }

    fn judge(&self, sent: &Parcel, reply: &Reply, records: usize) -> Verdict {
        let Parcel::Http(parcel) = sent else { return Verdict::by_status(reply) };
        let Ok(talk) = serde_json::from_value::<Talk>(parcel.memo.clone()) else {
            let probed = rows_of_any_key(reply);
            let lost = || Verdict::Retry { after: None, reason: "the record of this conversation was lost".to_owned() };
            return if records == 0 { probed } else { lost() };
        };
        let sys_id = parcel.url.path().rsplit('/').next().unwrap_or_default();
        match talk.stage.clone() {
            Stage::Look { doubt } => self.looked(talk, doubt, reply),
            Stage::Create => self.created(talk, reply),
            Stage::Change { otherwise } => self.changed(talk, sys_id, otherwise, reply),
            Stage::Cancel => match verdict(reply) {
                Verdict::Accepted => then(self.look(&talk.at(Stage::Look { doubt: None }))),
                Verdict::Misconfigured { .. } | Verdict::Rejected { .. } => {
                    let talk = Talk { leaves_duplicates: true, ..talk };
                    then(self.look(&talk.at(Stage::Look { doubt: None })))
                }
                verdict => verdict,
            },
            Stage::Withdraw => Verdict::Misconfigured { reason: COLUMNS.to_owned() },
        }
    }

    /// Proves address, trust, credential, the right to read, and, where the table is not empty, the columns that are needed.
    fn probe(&self) -> Option<Parcel> {
        Some(Parcel::Http(self.instance.probe(&self.table, "sys_id,correlation_id,correlation_display")))
    }

    fn warnings(&self) -> Vec<String> {
        self.states.warnings()
    }
}

fn rows_of_any_key(reply: &Reply) -> Verdict {
    match result::<Vec<Row>>(reply) {
        Ok(rows) if rows.iter().all(Row::has_columns) => Verdict::Accepted,
        Ok(_) => Verdict::Misconfigured { reason: COLUMNS.to_owned() },
        Err(verdict) => verdict,
    }
}

fn then(parcel: Parcel) -> Verdict {
    Verdict::Then(Box::new(parcel))
}

fn reason(verdict: Verdict) -> String {
    match verdict {
        Verdict::Misconfigured { reason }
        | Verdict::Rejected { reason }
        | Verdict::Retry { reason, .. }
        | Verdict::Split { reason } => reason,
        Verdict::Accepted | Verdict::Partial { .. } | Verdict::Then(_) => String::new(),
    }
}

fn columns<const N: usize>(pairs: [(&str, &str); N]) -> Columns {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

#[cfg(test)]
mod tests;
