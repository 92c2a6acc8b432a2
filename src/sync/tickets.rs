//! Tickets that people closed: each may close its alert, with the same caps, claims and records as any other change.

use jiff::Timestamp;
use tokio::time::Instant;

use super::act::{Order, Outcome};
use super::audit::Record;
use super::join::Matched;
use super::ledger::{self, later};
use super::rules::Why;
use super::run::{Run, Stop};
use super::status::AlertStatus;
use crate::api::ApiError;
use crate::deliver::Outlet;
use crate::deliver::retry::HINT_CAP;
use crate::destinations::{TicketPage, Tickets};
use crate::parcel::{Parcel, Verdict};

/// Most pages of tickets in one run.
const MOST_PAGES: usize = 100;

impl Run<'_> {
    /// Reads which tickets were closed since the last run.
    pub(super) async fn read_tickets(&mut self) {
        for outlet in self.desks {
            let Some(tickets) = outlet.destination.tickets() else { continue };
            let rests = &self.ledger.content.rests;
            if let Some(until) = rests.get(&outlet.name).copied().filter(|until| self.now() < *until) {
                self.silent.insert(outlet.name.clone());
                self.report
                    .delays
                    .push(format!("tickets of {}: it asked to be left alone until {until:.0}", outlet.name));
                continue;
            }
            self.ledger.content.rests.remove(&outlet.name);
            if let Err(error) = self.read_desk(outlet, tickets).await {
                self.desk_failed(&outlet.name, &error);
            }
        }
    }

    async fn read_desk(&mut self, outlet: &Outlet, tickets: &dyn Tickets) -> Result<(), ApiError> {
        let now = self.now();
        let name = format!("servicenow/{}", outlet.name);
        let back = |time: Timestamp, by| time.saturating_sub(by).unwrap_or(Timestamp::MIN);
        let read = self.ledger.content.read_until(&name, now);
        let since = match read {
            Some(read) => back(read, self.wishes.overlap),
            None => back(now, self.wishes.lookback),
        };
        let (mut skip, mut latest) = (0, since);
        let mut more = true;
        for _ in 0..MOST_PAGES {
            let page = self.ask(outlet, tickets, &tickets.ask(since, skip)).await?;
            for ticket in page.tickets.into_iter().filter(|ticket| ticket.is_closed && ticket.changed >= since) {
                latest = latest.max(ticket.changed);
                let key = format!("{}/{}", outlet.name, ticket.id);
                let known = self.ledger.content.tickets.get(&key);
                if known.is_some_and(|known| known.changed >= ticket.changed) {
                    continue;
                }
                self.report.tickets += 1;
                let noted = ledger::Ticket {
                    desk: outlet.name.clone(),
                    number: ticket.number,
                    alert: ticket.alert,
                    dismisses: self.wishes.dismissing.contains(&ticket.close_code.to_lowercase()),
                    changed: ticket.changed,
                    // Whoever closed it did so because the alert is closed.
                    done: ticket.knows_alert_is_closed,
                };
                self.ledger.content.tickets.insert(key, noted);
            }
            skip += page.rows;
            more = page.more;
            if !more {
                break;
            }
        }
        if more {
            tracing::warn!(
                destination = outlet.name,
                pages = MOST_PAGES,
                "more tickets were closed than are read in one run"
            );
        }
        let latest = latest.min(now);
        self.ledger.content.cursors.insert(name, read.map_or(latest, |read| latest.max(read)));
        Ok(())
    }

    async fn ask(&self, outlet: &Outlet, tickets: &dyn Tickets, question: &Parcel) -> Result<TicketPage, ApiError> {
        let reply = outlet.courier.send(question, self.deadline).await;
        tickets.read(&reply).map_err(|verdict| match verdict {
            Verdict::Retry { reason, after } => {
                ApiError::Unwell { reason, after: after.map(|after| after.min(HINT_CAP)) }
            }
            Verdict::Split { reason } | Verdict::Rejected { reason } | Verdict::Misconfigured { reason } => {
                ApiError::Unusable(reason)
            }
            Verdict::Accepted | Verdict::Partial { .. } | Verdict::Then(_) => {
                ApiError::Strange("an answer without a result".to_owned())
            }
        })
    }

    /// Notes that a destination gives no tickets. It is asked no more in this run, and not before it wants to be.
    fn desk_failed(&mut self, name: &str, error: &ApiError) {
        self.silent.insert(name.to_owned());
        let told = format!("tickets of {name}: {error}");
        let ApiError::Unwell { after, .. } = error else {
            tracing::error!(destination = name, %error, "tickets cannot be read");
            self.report.failures.push(told);
            return;
        };
        if let Some(after) = after {
            let until = later(self.now(), *after);
            self.ledger.content.rests.insert(name.to_owned(), until);
        }
        tracing::warn!(destination = name, %error, "tickets cannot be read now");
        self.report.delays.push(told);
    }

    /// Closes the alerts of closed tickets.
    pub(super) async fn follow_tickets(&mut self) -> Result<(), Stop> {
        let open = self.ledger.content.tickets.iter().filter(|(_, ticket)| !ticket.done);
        let mut waiting: Vec<(String, ledger::Ticket)> =
            open.map(|(key, ticket)| (key.clone(), ticket.clone())).collect();
        waiting.sort_by_key(|(_, ticket)| ticket.changed);
        for (key, ticket) in waiting {
            if self.ledger.content.not_before.is_some() || Instant::now() >= self.deadline {
                break;
            }
            if self.silent.contains(&ticket.desk) {
                continue;
            }
            let is_done = self.follow(&ticket).await?;
            if let Some(noted) = self.ledger.content.tickets.get_mut(&key) {
                noted.done = is_done;
            }
        }
        Ok(())
    }

    /// Closes the alert of a ticket; whether nothing more is to be done because of it.
    async fn follow(&mut self, ticket: &ledger::Ticket) -> Result<bool, Stop> {
        let what = format!("ticket {} of {}", ticket.number, ticket.desk);
        let Some(outlet) = self.desks.iter().find(|outlet| outlet.name == ticket.desk) else { return Ok(true) };
        let Some(tickets) = outlet.destination.tickets() else { return Ok(true) };
        let found = self.index.named(&ticket.alert).map(str::to_owned);
        let Some(id) = found.and_then(|key| self.index.get(&key)).cloned() else {
            self.left(&what, "its alert is not found among the alerts of SYNC__SUBSCRIPTIONS, or not without doubt");
            // Where the alerts could not be read, it may be found next time.
            return Ok(self.report.error().is_none());
        };
        if self.states.get(&id.key()).copied().is_some_and(AlertStatus::is_over) {
            return Ok(true);
        }
        let Some(question) = tickets.ask_about(&ticket.alert) else { return Ok(true) };
        let page = match self.ask(outlet, tickets, &question).await {
            Ok(page) => page,
            Err(error) => {
                self.desk_failed(&ticket.desk, &error);
                return Ok(false);
            }
        };
        let all: Vec<_> = page.tickets.into_iter().filter(|other| other.alert == ticket.alert).collect();
        if all.is_empty()
            || !all.iter().all(|other| other.is_closed)
            || all.iter().all(|other| other.knows_alert_is_closed)
        {
            self.left(&what, "it, or a ticket after it, is open again, or knows that its alert was closed");
            return Ok(true);
        }
        let from = match self.look_at_alert(&id).await? {
            Ok(Some(status)) if status.is_over() => return Ok(true),
            Ok(Some(status)) => status,
            Ok(None) => return Ok(false),
            Err(error) => {
                self.failed(&what, &error, "");
                return Ok(false);
            }
        };
        let to = if ticket.dismisses { AlertStatus::Dismissed } else { AlertStatus::Resolved };
        let named = Some(format!("{}/{}", ticket.desk, ticket.number));
        let (why, matched) = (Why::TicketClosed, Some(Matched::CorrelationId));
        if self.rehearses {
            let now = self.now();
            let held = self.ledger.content.may_change_alert(&id.key(), &self.id, now, self.wishes.cap);
            let record = Record {
                what: "alert".into(),
                id: id.to_string(),
                from: from.to_string(),
                to: to.to_string(),
                ticket: named,
                matched,
                ..self.blank(why)
            };
            self.tell(record, held);
            return Ok(false);
        }
        let order = Order { id: &id, from, to, why, incident: None, ticket: named, classification: None, matched };
        Ok(self.change_alert(&order).await? == Outcome::Done)
    }
}
