//! The conversation about one alert: find its incident; create it, or bring it up to date; close it where the alert is over.
//!
//! Every attempt begins with the search. So whatever became of a request without an answer, the next attempt sees it, and nothing is
//! created that is there already.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use super::Xsoar;
use super::incident::fact;
use super::reply::{explained, is_conflict, no_list};
use super::row::{Page, Row, rank};
use super::search::{MatchBy, query};
use crate::event::Status;
use crate::format::json::Object;
use crate::parcel::{HttpParcel, Parcel, Reply, Verdict};

/// How often an incident that somebody else changes meanwhile is looked at again in one conversation.
const MAX_TURNS: u32 = 4;
/// Time for a new incident to appear in searches.
const SETTLING: Duration = Duration::from_secs(2);
/// Pause before the incident is looked at again; twice as long the second time.
const PAUSE: Duration = Duration::from_millis(100);
/// Incidents of one alert that a search returns: one is right, two are one too many.
const PAGE: u8 = 2;

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Stage {
    /// The incident of the alert.
    Find(MatchBy),
    /// To create it.
    Create,
    /// Whether another was created at the same time as ours, which has this id.
    Check(String),
    /// To bring it up to date, and then to close the one of this id, if there is one.
    Update(Option<String>),
    /// To close it.
    Close,
    /// To close ours, since another was first.
    Withdraw,
}

/// A conversation, as [`HttpParcel::memo`] keeps it between a request and its reply. A probe has none.
#[derive(Debug, Serialize, Deserialize)]
struct Memo<'r> {
    stage: Stage,
    /// How often it began anew.
    turns: u32,
    /// The body that creates the incident.
    #[serde(borrow)]
    record: Cow<'r, str>,
}

/// A conversation at one of its turns.
struct Talk<'a> {
    xsoar: &'a Xsoar,
    turns: u32,
    record: &'a str,
    /// The incident as we want it, read from `record`.
    ours: Row<'a>,
}

/// The first request about a record: the search for its incident.
pub(super) fn begin(xsoar: &Xsoar, record: &str) -> HttpParcel {
    Talk { xsoar, turns: 0, record, ours: Row::parse(record).unwrap_or_default() }.find()
}

/// Decides what a reply means.
pub(super) fn judge(xsoar: &Xsoar, sent: &HttpParcel, reply: &Reply) -> Verdict {
    let memo = Memo::deserialize(&sent.memo).ok();
    let talk = memo.as_ref().map(|Memo { stage, turns, record }| {
        (stage, Talk { xsoar, turns: *turns, record, ours: Row::parse(record).unwrap_or_default() })
    });
    match (talk, reply) {
        (Some((stage, talk)), Reply::Http { status, body, .. }) if status.is_success() => talk.answered(stage, body),
        (Some((stage, talk)), _) => talk.refused(stage, reply),
        (None, Reply::Http { status, body, .. }) if status.is_success() => match Page::parse(body) {
            Some(_) => Verdict::Accepted,
            None => no_list(body),
        },
        (None, _) => explained(reply),
    }
}

impl Talk<'_> {
    fn answered(&self, stage: &Stage, body: &[u8]) -> Verdict {
        match stage {
            Stage::Find(by) => self.found(*by, body),
            Stage::Create => self.created(body),
            Stage::Check(id) => self.checked(id, body),
            Stage::Update(Some(id)) => then(self.close(id)),
            Stage::Update(None) | Stage::Close => Verdict::Accepted,
            Stage::Withdraw => then(self.find()),
        }
    }

    /// The incident that was found is updated; where there is none, it is created.
    fn found(&self, by: MatchBy, body: &[u8]) -> Verdict {
        let Some(page) = Page::parse(body) else { return no_list(body) };
        let seen = page.rows.len();
        let rows = page.rows.into_iter().filter(|row| row.is_about(&self.ours));
        if let Some(row) = rows.min_by_key(Row::preference) {
            return self.settle(&row);
        }
        if page.total > u64::try_from(seen).unwrap_or(u64::MAX) {
            let reason = format!("a search by {} returns other incidents too; make it a short text field", by.name());
            return Verdict::Misconfigured { reason };
        }
        then(match self.xsoar.matching.after(by) {
            Some(next) => self.search(next, Stage::Find(next)),
            None if self.ours.is_idle() => return Verdict::Accepted,
            None => self.say(&self.xsoar.access.incident, self.record.as_bytes().to_vec(), Stage::Create),
        })
    }

    /// Brings XSOAR's incident to our state, unless its own is a later one.
    fn settle(&self, row: &Row<'_>) -> Verdict {
        let Some(id) = row.id() else { return no_list(b"") };
        let closes = self.closes() && !row.is_ended();
        match (row.state(), self.ours.state()) {
            (Some(held), Some(ours)) if held > ours => Verdict::Accepted,
            // The same once more. An attempt before this one may have come as far as the update.
            (Some(held), Some(ours)) if held == ours || self.ours.repeats(row) => match closes {
                true => then(self.close(&id)),
                false => Verdict::Accepted,
            },
            _ => {
                let stage = Stage::Update(closes.then_some(id));
                then(self.say(&self.xsoar.access.incident, row.updated(&self.ours), stage))
            }
        }
    }

    /// Looks whether somebody else created an incident of this alert between our search and our creation: another instance of this program
    /// may send another event about it.
    fn created(&self, body: &[u8]) -> Verdict {
        let row = std::str::from_utf8(body).ok().and_then(Row::parse);
        let Some((row, id)) = row.and_then(|row| row.id().map(|id| (row, id))) else {
            let reason = "HTTP 2xx without an incident to the creation of one; check URL and the proxies before XSOAR";
            return self.again().unwrap_or_else(|| Verdict::Misconfigured { reason: reason.to_owned() });
        };
        match self.xsoar.matching.holding(&row) {
            Some(by) => then(self.search(by, Stage::Check(id))),
            None => self.complete(&id),
        }
    }

    /// Of several incidents the oldest is the right one. Who created another closes it, and goes on with the oldest.
    fn checked(&self, id: &str, body: &[u8]) -> Verdict {
        let Some(page) = Page::parse(body) else { return no_list(body) };
        let rows = page.rows.iter().filter(|row| row.is_about(&self.ours));
        match rows.filter_map(Row::id).min_by_key(|id| rank(id)) {
            Some(first) if rank(&first) < rank(id) => {
                let notes = format!("Incident {first} is about the same alert.");
                then(self.end(id, "Duplicate", &notes, Stage::Withdraw))
            }
            _ => self.complete(id),
        }
    }

    /// The end of a creation.
    fn complete(&self, id: &str) -> Verdict {
        if self.closes() { then(self.close(id)) } else { Verdict::Accepted }
    }

    fn refused(&self, stage: &Stage, reply: &Reply) -> Verdict {
        match (stage, explained(reply)) {
            (Stage::Update(_), _) if is_conflict(reply) => self.again().unwrap_or_else(|| Verdict::Retry {
                after: None,
                reason: "others change the incident faster than it can be brought up to date".to_owned(),
            }),
            // Perhaps it was closed meanwhile.
            (Stage::Close | Stage::Withdraw, Verdict::Rejected { reason }) => {
                self.again().unwrap_or(Verdict::Rejected { reason: format!("{reason} to closing the incident") })
            }
            // The incident may be there all the same: the next attempt begins with the search, and not before it can be found.
            (Stage::Create, Verdict::Retry { after, reason }) => {
                Verdict::Retry { after: Some(after.unwrap_or_default().max(SETTLING)), reason }
            }
            (_, verdict) => verdict,
        }
    }

    /// Whether our state ends the incident.
    fn closes(&self) -> bool {
        self.xsoar.closing.enabled && matches!(self.ours.status(), Status::Resolved | Status::Dismissed)
    }

    /// Begins anew; not for ever.
    fn again(&self) -> Option<Verdict> {
        let turns = self.turns + 1;
        let ours = Row::parse(self.record).unwrap_or_default();
        let search = Talk { turns, ours, ..*self }.find();
        (turns < MAX_TURNS).then(|| then(HttpParcel { delay: Some(PAUSE * turns), ..search }))
    }

    fn find(&self) -> HttpParcel {
        let by = self.xsoar.matching.first;
        self.search(by, Stage::Find(by))
    }

    fn search(&self, by: MatchBy, stage: Stage) -> HttpParcel {
        let value = by.value(&self.ours).unwrap_or_default();
        self.say(&self.xsoar.access.search, query(by, &value, PAGE, self.xsoar.lookback_days), stage)
    }

    fn close(&self, id: &str) -> HttpParcel {
        let status = self.ours.status();
        let closing = &self.xsoar.closing;
        let reason = if status == Status::Dismissed { &closing.dismissed } else { &closing.resolved };
        let word = self.ours.fact(fact::STATUS).unwrap_or_default();
        let time = self.ours.fact(fact::STATE_TIME).unwrap_or_default();
        self.end(id, reason, &format!("{word} in Microsoft Defender for Cloud, {time}"), Stage::Close)
    }

    fn end(&self, id: &str, reason: &str, notes: &str, stage: Stage) -> HttpParcel {
        let mut body = Vec::new();
        let mut object = Object::open(&mut body);
        object.text("id", id);
        object.text("closeReason", reason);
        object.text("closeNotes", notes);
        object.close();
        self.say(&self.xsoar.access.close, body, stage)
    }

    fn say(&self, url: &Url, body: Vec<u8>, stage: Stage) -> HttpParcel {
        let memo = Memo { stage, turns: self.turns, record: self.record.into() };
        HttpParcel { memo: serde_json::to_value(memo).unwrap_or_default(), ..self.xsoar.access.post(url, body) }
    }
}

fn then(parcel: HttpParcel) -> Verdict {
    Verdict::Then(Box::new(Parcel::Http(parcel)))
}
