//! Tickets through the Table API: each alert is a conversation that looks before it writes.
//!
//! The API has no upsert, no conditional create and no `If-Match`. So every delivery begins with a look for the alert's ticket by
//! `correlation_id`, a creation is followed by another look, and what was found decides. Whatever breaks off in between, the next delivery
//! looks again. What was said last is remembered in the ticket itself, in `correlation_display` (see [`Said`](super::said::Said)).

use http::{Method, StatusCode};
use serde_json::json;

use super::Destination;
use super::change::{Change, decide};
use super::desk::{Columns, Desk, columns, then};
use super::instance::{self, result, status, verdict};
use super::key::of_ticket;
use super::row::{COLUMNS, FIELDS, Row, probed, rows};
use super::talk::{Doubt, Otherwise, Stage, Talk};
use crate::batch::{Limits, Records};
use crate::destinations::RenderError;
use crate::event::Event;
use crate::parcel::{Failure, HttpParcel, Parcel, Reply, Verdict};
use crate::settings::{Section, SettingsError};
use crate::transport::Transport;

/// The opened destination.
#[derive(Debug)]
pub(super) struct Tickets {
    desk: Desk,
}

impl Tickets {
    pub(super) fn open(section: &Section<'_>) -> Result<Self, SettingsError> {
        section.finish(Self { desk: Desk::from_section(section) })
    }

    /// Asks for the alert's tickets.
    fn look(&self, talk: Talk, doubt: Option<Doubt>) -> Verdict {
        then(self.desk.look(&talk.at(Stage::Look { doubt })))
    }

    /// Writes these columns: of a new ticket, or of the one with that id.
    fn write(&self, talk: Talk, sys_id: Option<&str>, columns: &Columns, stage: Stage) -> Verdict {
        let query = [("sysparm_fields", FIELDS), ("sysparm_exclude_reference_link", "true")];
        let (method, path) = match sys_id {
            None => (Method::POST, self.desk.path()),
            Some(sys_id) => (Method::PATCH, format!("{}/{sys_id}", self.desk.path())),
        };
        let url = self.desk.instance.at(&path, &query);
        let parcel = self.desk.instance.request(method, url, json!(columns).to_string().into_bytes());
        then(Parcel::Http(HttpParcel { memo: json!(talk.at(stage)), ..parcel }))
    }

    /// A new ticket always begins as that of a new alert; what more there is to say is then a change like any other.
    fn create(&self, talk: Talk) -> Verdict {
        let mut new = self.desk.new_ticket(&talk, &talk.begun());
        if let Some(parent) = &talk.parent {
            let column = if self.desk.table == "incident" { "parent_incident" } else { "parent" };
            let note = format!("The ticket before this one is closed. {}", talk.report.note());
            new.extend(columns([(column, parent), ("work_notes", &note)]));
        }
        self.write(talk, None, &new, Stage::Create)
    }

    /// Decides by what a look found.
    fn looked(&self, talk: Talk, doubt: Option<Doubt>, reply: &Reply) -> Verdict {
        let key = of_ticket(&talk.report.key, talk.number);
        let found = match rows(reply, &key) {
            Ok(found) => found,
            Err(verdict) => return verdict,
        };
        let Some((ticket, others)) = found.split_first() else { return self.nothing_there(talk, doubt) };
        if let Some(state) = self.desk.states.canceled.as_ref().filter(|_| !talk.leaves_duplicates)
            && let Some(duplicate) = others.iter().find(|row| row.is_spare())
        {
            let note = format!("Canceled: a duplicate of {}, which was created at the same time.", ticket.number());
            let columns = columns([("state", state.as_str()), ("work_notes", &note)]);
            return self.write(talk, Some(&duplicate.sys_id), &columns, Stage::Cancel);
        }
        match decide(ticket, &talk.report, talk.number, &self.desk.states, &self.desk.impacts) {
            Change::Nothing => Verdict::Accepted,
            Change::Follow => self.look(talk.next(&ticket.sys_id), None),
            Change::Write { columns, otherwise } => {
                self.write(talk, Some(&ticket.sys_id), &columns, Stage::Change { otherwise })
            }
        }
    }

    fn nothing_there(&self, talk: Talk, doubt: Option<Doubt>) -> Verdict {
        match doubt {
            // The next try begins with a look: should the request take effect yet, it finds the ticket.
            Some(Doubt::Unanswered { reason }) => Verdict::Retry { after: None, reason },
            Some(Doubt::Refused { reason, blames_alert: true }) => Verdict::Rejected { reason },
            Some(Doubt::Refused { reason, blames_alert: false }) => Verdict::Misconfigured { reason },
            Some(Doubt::Created) => Verdict::Misconfigured {
                reason: "the user cannot find the ticket that it has just created; give it the right to read the table"
                    .to_owned(),
            },
            None if talk.makes_ticket() => self.create(talk),
            None => Verdict::Accepted,
        }
    }

    /// Looks once more after a creation: to find what an unanswered request did, or that somebody else created one too.
    fn created(&self, talk: Talk, reply: &Reply) -> Verdict {
        let unanswered = |talk: Talk, reason: String| self.look(talk.created(), Some(Doubt::Unanswered { reason }));
        match (status(reply), reply) {
            (Some(status), _) if status.is_success() => match result::<Row>(reply) {
                Ok(row) if row.is_kept(&of_ticket(&talk.report.key, talk.number), &talk.begun()) => {
                    self.look(talk.created(), Some(Doubt::Created))
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
            (Some(status), _) if matches!(status.as_u16(), 400 | 403 | 409) => {
                let told = verdict(reply);
                let blames_alert = matches!(told, Verdict::Rejected { .. });
                let more = "; or a business rule or data policy wants further columns, see FIELDS";
                let more = if status == StatusCode::FORBIDDEN { more } else { "" };
                let reason = format!("{}{more}", reason(told));
                self.look(talk, Some(Doubt::Refused { reason, blames_alert }))
            }
            _ => verdict(reply),
        }
    }

    /// A ticket came about that nobody could find again: it is withdrawn before anything else is tried.
    fn orphaned(&self, talk: Talk, row: &Row) -> Verdict {
        match &self.desk.states.canceled {
            Some(state) if row.has_id() => {
                let note = format!("Canceled by Defender Relay: {COLUMNS}.");
                let columns = columns([("state", state.as_str()), ("work_notes", &note)]);
                self.write(talk, Some(&row.sys_id), &columns, Stage::Withdraw)
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
                self.write(talk, Some(sys_id), &columns, Stage::Change { otherwise: Otherwise::Fail })
            }
            // Not the user's roles but this ticket: the next alert shall not wait for that.
            (true, Otherwise::Fail) if instance::names_a_rule(reply) => Verdict::Rejected {
                reason: format!("a rule for this ticket lets no change pass: {}", reason(verdict(reply))),
            },
            (false, _) if status(reply).is_some_and(|status| status.as_u16() == 404) => {
                Verdict::Retry { after: None, reason: "the ticket is gone, or the user may not write to it".to_owned() }
            }
            _ => match result::<Row>(reply) {
                // A creator that met another may have changed what that one canceled.
                Ok(row) if row.said().is_some() && talk.is_creator => {
                    self.look(Talk { is_creator: false, ..talk }, Some(Doubt::Created))
                }
                Ok(row) if row.said().is_some() => Verdict::Accepted,
                Ok(_) => Verdict::Misconfigured { reason: COLUMNS.to_owned() },
                Err(verdict) => verdict,
            },
        }
    }
}

impl Destination for Tickets {
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
        let Some(talk) = Talk::of(parcel) else { return probed(reply, records) };
        let sys_id = parcel.url.path().rsplit('/').next().unwrap_or_default();
        match talk.stage.clone() {
            Stage::Look { doubt } => self.looked(talk, doubt, reply),
            Stage::Create => self.created(talk, reply),
            Stage::Change { otherwise } => self.changed(talk, sys_id, otherwise, reply),
            Stage::Cancel => match verdict(reply) {
                Verdict::Accepted => self.look(talk, None),
                Verdict::Misconfigured { .. } | Verdict::Rejected { .. } => {
                    self.look(Talk { leaves_duplicates: true, ..talk }, None)
                }
                verdict => verdict,
            },
            Stage::Withdraw => Verdict::Misconfigured { reason: COLUMNS.to_owned() },
        }
    }

    fn tickets(&self) -> Option<&dyn super::super::Tickets> {
        Some(&self.desk)
    }

    /// Proves address, trust, credential, the right to read, and, where the table is not empty, the columns that are needed.
    fn probe(&self) -> Option<Parcel> {
        Some(self.desk.probe())
    }

    fn warnings(&self) -> Vec<String> {
        self.desk.states.warnings()
    }
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

#[cfg(test)]
mod tests;
