//! One delivery: cut, pack, send, judge; until every record has its fate or the time is over.

use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::breaker::Effect;
use super::retry::{HINT_CAP, RetryPolicy};
use super::{Cause, Fate, Outlet};
use crate::batch::{Records, Rendered, cut};
use crate::parcel::{Failure, HttpParcel, Parcel, Reply, Verdict};

/// Longest conversation about one run, in messages.
const STEPS: usize = 32;

/// Delivers `rendered` and says what became of each record, in the order of its spans. Returns by `deadline`, whatever the destination
/// does. `now` is the wall clock, for when a parked record may be sent again.
///
/// Runs start in order, as many at once as the destination has lanes. Each reply settles at least one record, halves a run, or counts as a failed try, so the
/// number of messages is bounded: n records that are all refused cost at most 2n - 1.
pub async fn deliver(
    outlet: &Outlet,
    rendered: &Rendered,
    policy: &RetryPolicy,
    deadline: Instant,
    now: fn() -> Timestamp,
) -> Vec<Fate> {
    let mut run = Run {
        outlet,
        rendered,
        policy,
        deadline,
        now,
        queue: VecDeque::new(),
        fates: vec![None; rendered.spans.len()],
    };
    let left = run.work().await;
    run.fates.into_iter().map(|fate| fate.unwrap_or_else(|| left.clone())).collect()
}

/// Sends the destination's probe, if it has one, and says what its reply means; never [`Verdict::Then`]. The breaker is left out.
pub async fn probe(outlet: &Outlet, deadline: Instant) -> Option<Verdict> {
    let parcel = outlet.destination.probe()?;
    Some(match converse(outlet, parcel, 0, deadline).await {
        Talk::Ended(verdict) => verdict,
        Talk::OutOfTime | Talk::NoTurn(_) => Verdict::Retry { after: None, reason: OUT_OF_TIME.to_owned() },
        Talk::TooLong => Verdict::Retry { after: None, reason: TOO_LONG.to_owned() },
    })
}

const OUT_OF_TIME: &str = "the time for this delivery is over";
const TOO_LONG: &str = "the destination did not come to a decision within 32 messages";

/// How a conversation about one run ended.
enum Talk {
    Ended(Verdict),
    OutOfTime,
    TooLong,
    /// Not begun: the destination's pace leaves no room before the time is over, but after so long.
    NoTurn(Duration),
}

/// Sends a parcel and what its replies ask for.
async fn converse(outlet: &Outlet, mut parcel: Parcel, records: usize, deadline: Instant) -> Talk {
    for _ in 0..STEPS {
        if let Parcel::Http(HttpParcel { delay: Some(delay), .. }) = &parcel {
            if deadline.saturating_duration_since(Instant::now()) <= *delay {
                return Talk::OutOfTime;
            }
            sleep(*delay).await;
        }
        let reply = timeout_at(deadline, outlet.courier.send(&parcel, deadline))
            .await
            .unwrap_or_else(|_| Reply::Failed { failure: Failure::Deadline, detail: OUT_OF_TIME.to_owned() });
        match outlet.destination.judge(&parcel, &reply, records) {
            Verdict::Then(next) => parcel = *next,
            verdict => return Talk::Ended(verdict),
        }
    }
    Talk::TooLong
}

/// One lane: waits as long as the piece asks, packs it, and holds the conversation about it.
async fn send(outlet: &Outlet, rendered: &Rendered, piece: Piece, deadline: Instant) -> (Piece, Talk) {
    if !piece.delay.is_zero() {
        sleep(piece.delay).await;
    }
    if Instant::now() >= deadline {
        return (piece, Talk::OutOfTime);
    }
    let now = Instant::now();
    match outlet.pacer.turn(piece.range.len(), now, deadline) {
        // A timer costs a millisecond, whatever its time: no matter for parcels whose turn it is.
        Ok(turn) if turn > now => sleep_until(turn).await,
        Ok(_) => {}
        Err(wait) => return (piece, Talk::NoTurn(wait)),
    }
    let records = Records::new(&rendered.buffer, &rendered.spans[piece.range.clone()]);
    let talk = converse(outlet, outlet.destination.pack(records), records.len(), deadline).await;
    (piece, talk)
}

struct Run<'a> {
    outlet: &'a Outlet,
    rendered: &'a Rendered,
    policy: &'a RetryPolicy,
    deadline: Instant,
    now: fn() -> Timestamp,
    queue: VecDeque<Piece>,
    /// By span; nothing means undecided.
    fates: Vec<Option<Fate>>,
}

/// A run of records that waits to be sent.
struct Piece {
    range: Range<usize>,
    /// Tries in a row that failed.
    failed: u32,
    /// How long to wait before the next.
    delay: Duration,
}

impl Piece {
    fn new(range: Range<usize>) -> Self {
        Self { range, failed: 0, delay: Duration::ZERO }
    }
}

/// Whether to go on, or what becomes of every record without a fate.
type Course = ControlFlow<Fate>;

impl Run<'_> {
    /// Decides fates; returns the fate of whatever is left undecided.
    async fn work(&mut self) -> Fate {
        if self.rendered.spans.is_empty() {
            return Fate::Delivered; // nobody's: asking the breaker would use up its one probe
        }
        if let Err(turned_away) = self.outlet.breaker.admit() {
            return self.parked(
                turned_away.cause,
                format!("circuit open: {}", turned_away.reason),
                Some(turned_away.wait),
            );
        }
        self.queue.extend(cut(&self.rendered.spans, self.outlet.destination.limits()).into_iter().map(Piece::new));
        // Lanes never start anything new once the course is decided, but what is under way is heard to the end: it may be taken.
        let lanes = self.outlet.destination.limits().lanes.max(1);
        let mut under_way = FuturesUnordered::new();
        let mut subjects = Vec::with_capacity(lanes);
        let mut left = None;
        loop {
            while left.is_none() && under_way.len() < lanes {
                let Some(piece) = self.next(&subjects) else { break };
                subjects.extend(self.subject(&piece));
                under_way.push(send(self.outlet, self.rendered, piece, self.deadline));
            }
            let Some((piece, talk)) = under_way.next().await else { break };
            if let Some(at) = self.subject(&piece).and_then(|done| subjects.iter().position(|one| *one == done)) {
                subjects.swap_remove(at);
            }
            if let ControlFlow::Break(fate) = self.conclude(piece, talk) {
                left.get_or_insert(fate);
            }
        }
        left.unwrap_or_else(|| self.parked(Cause::Unwell, OUT_OF_TIME.to_owned(), None))
    }

    /// The next piece in order whose subject is not under way: what is said of one alert is never overtaken by what was said later.
    fn next(&mut self, subjects: &[u64]) -> Option<Piece> {
        let free = |piece: &Piece| self.subject(piece).is_none_or(|subject| !subjects.contains(&subject));
        let at = self.queue.iter().position(free)?;
        self.queue.remove(at)
    }

    /// What a piece of one record is about; larger pieces hold many subjects and promise no order.
    fn subject(&self, piece: &Piece) -> Option<u64> {
        (piece.range.len() == 1).then(|| self.rendered.spans[piece.range.start].subject)
    }

    fn conclude(&mut self, piece: Piece, talk: Talk) -> Course {
        match talk {
            Talk::Ended(verdict) => self.apply(piece, verdict),
            Talk::OutOfTime => {
                self.note(self.outlet.breaker.trip(Cause::Unwell, OUT_OF_TIME, Duration::ZERO), OUT_OF_TIME);
                Course::Break(self.parked(Cause::Unwell, OUT_OF_TIME.to_owned(), None))
            }
            // The destination is well, and shall stay so: no matter for the breaker.
            Talk::NoTurn(wait) => {
                let reason = "waits for its turn: the destination takes only so much at a time".to_owned();
                Course::Break(self.parked(Cause::Unwell, reason, Some(wait)))
            }
            Talk::TooLong => {
                let fate = self.parked(Cause::Unwell, TOO_LONG.to_owned(), None);
                self.settle(piece.range, &fate);
                match self.note(self.outlet.breaker.failed(TOO_LONG), TOO_LONG) {
                    Effect::StillClosed => Course::Continue(()),
                    Effect::Opened | Effect::OpenAgain | Effect::StillOpen => Course::Break(fate),
                }
            }
        }
    }

    fn apply(&mut self, piece: Piece, verdict: Verdict) -> Course {
        match verdict {
            Verdict::Retry { after, reason } => self.retry(piece, after, reason),
            Verdict::Misconfigured { reason } if self.group(&piece) != 0 => {
                self.park_group(self.group(&piece), reason);
                Course::Continue(())
            }
            Verdict::Misconfigured { reason } => {
                // Said again by each probe, since it takes a human to end it.
                if self.outlet.breaker.trip(Cause::Misconfigured, &reason, Duration::ZERO) != Effect::StillOpen {
                    tracing::error!(
                        destination = self.outlet.name,
                        reason,
                        "misconfigured; alerts are parked until this is mended"
                    );
                }
                Course::Break(self.parked(Cause::Misconfigured, reason, None))
            }
            Verdict::Partial { rejected, resend } => self.partial(piece, &rejected, &resend),
            Verdict::Accepted => {
                self.well();
                self.settle(piece.range, &Fate::Delivered);
                Course::Continue(())
            }
            Verdict::Split { reason } | Verdict::Rejected { reason } => {
                self.well();
                self.halve(piece.range, reason);
                Course::Continue(())
            }
            Verdict::Then(_) => self.retry(piece, None, TOO_LONG.to_owned()),
        }
    }

    fn group(&self, piece: &Piece) -> u16 {
        self.rendered.spans[piece.range.start].group
    }

    /// Parks what is undecided of a group. The destination is well, as far as this tells: no matter for the breaker.
    fn park_group(&mut self, group: u16, reason: String) {
        tracing::error!(
            destination = self.outlet.name,
            reason,
            "misconfigured for some kinds of records; those are parked until this is mended"
        );
        let fate = self.parked(Cause::Misconfigured, reason, None);
        let undecided = self
            .rendered
            .spans
            .iter()
            .zip(&mut self.fates)
            .filter(|(span, fate)| span.group == group && fate.is_none());
        undecided.for_each(|(_, undecided)| *undecided = Some(fate.clone()));
        self.queue.retain(|piece| self.rendered.spans[piece.range.start].group != group);
    }

    /// Tries again after a delay, or stops where that does not fit.
    fn retry(&mut self, piece: Piece, after: Option<Duration>, reason: String) -> Course {
        let hint = after.map(|hint| hint.min(HINT_CAP));
        let failed = piece.failed + 1;
        let opened = self.note(self.outlet.breaker.failed(&reason), &reason) != Effect::StillClosed;
        match self.policy.delay(failed, hint) {
            Some(delay) if !opened && delay < self.deadline.saturating_duration_since(Instant::now()) => {
                self.queue.push_front(Piece { failed, delay, ..piece });
                return Course::Continue(());
            }
            // The budget is used up, or the destination wants longer than it: the next batch shall not pay for that again.
            Some(_) => {
                self.note(self.outlet.breaker.trip(Cause::Unwell, &reason, hint.unwrap_or_default()), &reason);
            }
            // Others fare better, or the circuit would be open by now: perhaps these records make the destination fail.
            None if !opened => {
                let fate = self.parked(Cause::Unwell, reason, hint);
                self.settle(piece.range, &fate);
                return Course::Continue(());
            }
            None => {}
        }
        Course::Break(self.parked(Cause::Unwell, reason, hint))
    }

    /// Settles what the destination took and refused, and sends the rest again.
    fn partial(&mut self, piece: Piece, rejected: &[(usize, String)], resend: &[usize]) -> Course {
        let mut fates = vec![Some(Fate::Delivered); piece.range.len()];
        if rejected.iter().map(|(index, _)| index).chain(resend).any(|index| *index >= fates.len()) {
            // Which record is meant? Find out by halving; nothing is taken for delivered, and nothing for dead, on such a word.
            let reason = "the destination's answer names a record that was not sent".to_owned();
            if piece.range.len() == 1 {
                return self.retry(piece, None, reason);
            }
            self.halve(piece.range, reason);
            return Course::Continue(());
        }
        for &index in resend {
            fates[index] = None;
        }
        for (index, reason) in rejected {
            fates[*index] = Some(Fate::Dead { reason: reason.clone() });
        }
        if fates.iter().all(Option::is_none) {
            return self.retry(piece, None, "the destination took none of the records".to_owned());
        }
        self.well();
        let start = piece.range.start;
        let undecided: Vec<Range<usize>> = fates
            .chunk_by(|a, b| a.is_none() == b.is_none())
            .scan(start, |at, chunk| {
                let range = *at..*at + chunk.len();
                *at = range.end;
                Some((range, chunk[0].is_none()))
            })
            .filter_map(|(range, undecided)| undecided.then_some(range))
            .collect();
        for range in undecided.into_iter().rev() {
            self.queue.push_front(Piece::new(range));
        }
        self.fates[piece.range].clone_from_slice(&fates);
        Course::Continue(())
    }

    /// Finds the records at fault: halves a run; a record that stands alone is dead.
    fn halve(&mut self, range: Range<usize>, reason: String) {
        if range.len() <= 1 {
            return self.settle(range, &Fate::Dead { reason });
        }
        let middle = range.start + range.len() / 2;
        self.queue.push_front(Piece::new(middle..range.end));
        self.queue.push_front(Piece::new(range.start..middle));
    }

    fn settle(&mut self, range: Range<usize>, fate: &Fate) {
        self.fates[range].fill(Some(fate.clone()));
    }

    fn parked(&self, cause: Cause, reason: String, wait: Option<Duration>) -> Fate {
        let not_before = wait.and_then(|wait| (self.now)().checked_add(wait).ok());
        Fate::Parked { cause, reason, not_before }
    }

    fn well(&self) {
        if self.outlet.breaker.succeeded() {
            tracing::info!(destination = self.outlet.name, "well again; alerts are delivered");
        }
    }

    fn note(&self, effect: Effect, reason: &str) -> Effect {
        if effect == Effect::Opened {
            tracing::warn!(destination = self.outlet.name, reason, "unwell; alerts are parked for a while");
        }
        effect
    }
}

#[cfg(test)]
mod tests;
