//! How far reading has come: the document that one run leaves for the next.
//!
//! Graph lists what changed since a time, newest first, in pages; it can neither sort nor say what changed after a page. So reading goes in
//! walks. A walk asks for everything since the watermark less an overlap, and follows the pages to the end, over as many runs as that takes:
//! each page's versions are remembered before the next page is asked for. Only a whole walk moves the watermark.
//!
//! Why nothing is missed: the list has no upper bound, so an alert that changes while it is walked stays in it, and what comes new moves
//! others to later pages, where they are met again. What changed after the walk began may have been passed, so it never counts for the
//! watermark. Should something have moved to an earlier page all the same, it is found by walking once more: after several pages, until a
//! walk meets nothing unknown. All times compared are of the service's clock.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::asked::Asked;
use super::page::Item;
use super::seen::Seen;
use crate::event::EventId;

/// Pages of one walk. More than any tenant has; a chain of links without an end has.
const PAGES: u32 = 50_000;

/// Pages without anything unknown, beyond those that known versions can fill.
const BARREN: usize = 100;

/// Walks over the same pages until one meets nothing unknown.
const WALKS: u32 = 4;

/// Runs in a row that fail at one page, before the walk begins anew: what came new meanwhile lies before that page.
const FAILURES: u32 = 3;

/// Longest wait that a document may ask for: what says more was written by a clock that was wrong.
const WAIT: Duration = Duration::from_secs(30 * 60);

/// By how much clocks may differ that are both right.
const SKEW: Duration = Duration::from_secs(60);

/// How long a refused condition is left out.
const REFUSED: Duration = Duration::from_secs(24 * 60 * 60);

/// The spans of time that rule reading.
#[derive(Clone, Copy, Debug)]
pub struct Spans {
    /// How far back the first walk goes.
    pub lookback: Duration,
    /// How far each later walk goes back behind the watermark.
    pub overlap: Duration,
}

/// How far reading has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cursor {
    /// Everything that changed until then is handled, by the service's clock.
    pub watermark: Option<Timestamp>,
    /// Where reading began; counts until there is a watermark.
    since: Option<Timestamp>,
    /// The walk under way.
    pub walk: Option<Walk>,
    /// Graph asked not to be asked before.
    pub not_before: Option<Timestamp>,
    /// Until when the condition on sources is left out, because Graph refused it.
    refused: Option<Timestamp>,
    /// When a walk came to its end.
    pub last_success: Option<Timestamp>,
    /// What went wrong since.
    pub last_error: Option<String>,
    asked: Asked,
    seen: Seen,
}

/// A walk under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Walk {
    /// What it asks for: everything that changed since.
    pub from: Timestamp,
    /// The condition on sources that it began with.
    pub condition: Option<String>,
    /// Where its next page is; none at its beginning.
    pub next: Option<String>,
    /// When it began.
    began: Option<Timestamp>,
    /// The latest change until then that it met.
    latest: Option<Timestamp>,
    /// Pages walked this time.
    pub pages: u32,
    /// How many times before it came to the end.
    rounds: u32,
    /// Unknown versions met this time, which changed before it began.
    unknown: u32,
    /// Pages in a row without anything unknown.
    barren: usize,
    /// Runs in a row that could not read its next page.
    failures: u32,
    /// Whether versions were forgotten for want of room, so that unknown ones prove nothing.
    forgetful: bool,
    /// Hashes of the links that this process followed.
    #[serde(skip)]
    links: BTreeSet<EventId>,
}

/// What a page leaves to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There are more pages.
    More,
    /// The walk is at its end, and the watermark where it belongs.
    Done,
}

/// The service's links have no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the links from page to page come to no end; they are not followed further")]
pub struct Endless;

impl Cursor {
    /// How long Graph must not be asked yet, at `now`.
    #[must_use]
    pub fn rest(&self, now: Timestamp) -> Option<Duration> {
        let wait = self.not_before?.duration_since(now);
        Duration::try_from(wait).ok().filter(|wait| !wait.is_zero() && *wait <= WAIT)
    }

    /// Whether this minute's share of requests is spent, by whichever process.
    #[must_use]
    pub fn is_spent(&self, now: Timestamp) -> bool {
        self.asked.is_spent(now)
    }

    /// The walk to go on with: the one under way, if it began with the same condition, else a new one.
    pub fn walk(&mut self, now: Timestamp, spans: Spans, condition: Option<String>) -> &mut Walk {
        let condition = if self.refused.is_some_and(|until| now < until) { None } else { condition };
        let from = self.from(now, spans);
        match &mut self.walk {
            Some(walk) if walk.condition == condition => {}
            walk => *walk = Some(Walk { from, condition, ..Walk::default() }),
        }
        self.walk.get_or_insert_default()
    }

    fn from(&mut self, now: Timestamp, spans: Spans) -> Timestamp {
        let from = match self.watermark {
            Some(watermark) => back(watermark, spans.overlap),
            None => *self.since.get_or_insert_with(|| back(now, spans.lookback)),
        };
        // A filter in whole seconds, never later than meant.
        Timestamp::from_second(from.as_second()).unwrap_or(from)
    }

    /// Compares with the service's clock: reading begins too late where ours is ahead, and where the service's own was, and went back since:
    /// then the watermark is a time to come, and what changes until then would never be asked for. Whether reading must begin anew, with what
    /// it looks back on.
    pub fn begins_too_late(&mut self, date: Option<Timestamp>, spans: Spans) -> bool {
        let Some(date) = date else { return false };
        let meant = back(date, spans.lookback);
        let (have, latest) = match (self.watermark, self.since) {
            (Some(watermark), _) => (watermark, date),
            (None, Some(since)) => (since, meant),
            (None, None) => return false,
        };
        let too_late = have > latest.saturating_add(SKEW).unwrap_or(have);
        if too_late {
            (self.watermark, self.since, self.walk) = (None, Some(meant), None);
        }
        too_late
    }

    /// Graph refused the condition on sources: it is left out for a day. Whether there was one.
    pub fn refuse(&mut self, now: Timestamp) -> bool {
        let had = self.walk.as_ref().is_some_and(|walk| walk.condition.is_some());
        if had {
            self.refused = now.saturating_add(REFUSED).ok();
            self.walk = None;
        }
        had
    }

    /// Graph refuses the same without the condition too: that was not at fault.
    pub const fn acquit(&mut self) {
        self.refused = None;
    }

    /// The page could not be read. `hopeless` says that asking once more for it would not help.
    pub fn failed(&mut self, hopeless: bool) {
        if let Some(walk) = &mut self.walk {
            walk.failures += 1;
            if hopeless || walk.failures >= FAILURES {
                self.walk = None;
            }
        }
    }

    /// Whether this version was handled.
    #[must_use]
    pub fn knows(&self, item: &Item<'_>) -> bool {
        self.seen.holds(item.version)
    }

    /// Takes note that every alert of a page is accounted for. `now` is our clock, `date` the service's, as its answer told it.
    ///
    /// # Errors
    /// When the links come to no end; the walk is given up then, and begins anew.
    pub fn handled(
        &mut self,
        items: &[Item<'_>],
        next: Option<String>,
        now: Timestamp,
        date: Option<Timestamp>,
        spans: Spans,
    ) -> Result<Step, Endless> {
        self.asked.count(now);
        let mut walk = self.walk.take().unwrap_or_default();
        walk.pages += 1;
        walk.failures = 0;
        let began = *walk.began.get_or_insert_with(|| began(items, now, date));
        let mut unknown = 0;
        for item in items {
            let changed = item.changed.filter(|changed| *changed <= began);
            walk.latest = walk.latest.max(changed);
            // What has no time that fits stays as long as what has just changed.
            let keep = item.changed.filter(|changed| *changed >= walk.from).unwrap_or(began);
            if self.seen.insert(item.version, keep) {
                unknown += 1;
                walk.unknown += u32::from(changed.is_some());
            }
        }
        walk.barren = if unknown > 0 { 0 } else { walk.barren + 1 };
        walk.forgetful |= self.seen.fit();
        let Some(link) = next else { return Ok(self.end(walk, now, spans)) };
        let is_new = walk.links.insert(EventId::of(link.as_bytes()));
        if !is_new || walk.pages >= PAGES || walk.barren > self.seen.len() + BARREN {
            return Err(Endless);
        }
        walk.next = Some(link);
        self.walk = Some(walk);
        Ok(Step::More)
    }

    /// The last page: the walk is over, or made once more.
    fn end(&mut self, walk: Walk, now: Timestamp, spans: Spans) -> Step {
        let may_have_moved = walk.pages > 1 && !walk.forgetful && (walk.rounds == 0 || walk.unknown > 0);
        if may_have_moved && walk.rounds + 1 < WALKS {
            let Walk { from, condition, began, latest, rounds, .. } = walk;
            self.walk = Some(Walk { from, condition, began, latest, rounds: rounds + 1, ..Walk::default() });
            return Step::More;
        }
        self.watermark = self.watermark.max(walk.latest);
        if let Some(watermark) = self.watermark {
            self.seen.forget_before(back(watermark, spans.overlap));
        }
        (self.last_success, self.last_error, self.not_before) = (Some(now), None, None);
        Step::Done
    }
}

/// When a walk began, by the service's clock. Its answer carries the second; without that, it is the latest change on the first page that
/// our clock finds believable.
fn began(items: &[Item<'_>], now: Timestamp, date: Option<Timestamp>) -> Timestamp {
    let second = Duration::from_secs(1);
    date.and_then(|date| date.saturating_add(second).ok()).unwrap_or_else(|| {
        let believable = items.iter().filter_map(|item| item.changed).filter(|changed| *changed <= now);
        believable.max().unwrap_or(now)
    })
}

fn back(time: Timestamp, span: Duration) -> Timestamp {
    time.saturating_sub(span).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
