//! Dead letters, and their way back.

use futures::future::ready;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use jiff::Timestamp;

use super::name::{Key, Shelf, seen_in};
use super::{CONCURRENCY, Letter, Outbox, OutboxError, Stored};
use crate::deliver::Cause;
use crate::state::failure;

/// Which dead letters are meant; the default means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of that destination only.
    pub destination: Option<String>,
    /// Seen at that time or later.
    pub since: Option<Timestamp>,
    /// Seen before that time.
    pub until: Option<Timestamp>,
    /// Whose reason contains that text, without regard to ASCII case.
    pub reason: Option<String>,
    /// Whose record kind has that name.
    pub kind: Option<String>,
    /// At most so many, oldest first within a destination.
    pub limit: Option<usize>,
}

impl Filter {
    fn covers(&self, seen: Timestamp) -> bool {
        self.since.is_none_or(|since| seen >= since) && self.until.is_none_or(|until| seen < until)
    }

    fn takes(&self, letter: &Letter) -> bool {
        let reason = |text: &String| letter.reason.to_ascii_lowercase().contains(&text.to_ascii_lowercase());
        self.covers(letter.seen)
            && self.reason.as_ref().is_none_or(reason)
            && self.kind.as_ref().is_none_or(|kind| kind.eq_ignore_ascii_case(&letter.kind))
    }
}

/// What a replay did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// Dead letters that the filter means. In a dry run nothing else is counted but what cannot be replayed.
    pub matched: usize,
    /// Now parked, and no longer dead.
    pub replayed: usize,
    /// Parked already, and left dead as well: should the parked one be settled while we look, the dead one is the only one.
    pub already_parked: usize,
    /// What lies among the dead letters but is none; left as it is.
    pub unreadable: Vec<Key>,
    /// Why the replay ended early, if it did. It can be repeated.
    pub stopped: Option<OutboxError>,
}

impl Outbox {
    /// The dead letters that a filter means. An item may be an error: [`OutboxError::Unreadable`] is followed by others.
    pub fn dead<'a>(&'a self, filter: &'a Filter) -> BoxStream<'a, Result<(Key, Letter), OutboxError>> {
        let folder = match filter.destination.as_deref().map(|name| Shelf::Dead.folder(name)).transpose() {
            Ok(folder) => folder.unwrap_or_else(|| Shelf::Dead.path()),
            Err(error) => return futures::stream::iter([Err(error)]).boxed(),
        };
        let mut left = filter.limit.unwrap_or(usize::MAX);
        self.list(&folder)
            .map_err(|error| OutboxError::from(failure("listing letters", &error)))
            .try_filter(|meta| ready(seen_in(&meta.location).is_none_or(|seen| filter.covers(seen))))
            .map(|meta| async { self.read(&meta?).await })
            .buffered(CONCURRENCY.min(left.max(1)))
            .try_filter_map(|found| ready(Ok(found.filter(|(_, letter)| filter.takes(letter)))))
            .take_while(move |item| {
                let take = left > 0;
                left -= usize::from(take && item.is_ok());
                ready(take)
            })
            .boxed()
    }

    /// Parks dead letters again, as if they had first failed at `now`, and removes them from among the dead. A dry run only counts.
    ///
    /// # Errors
    /// When the filter names an impossible destination, or the store fails before anything was found.
    pub async fn replay(&self, filter: &Filter, now: Timestamp, dry_run: bool) -> Result<ReplayReport, OutboxError> {
        let mut report = ReplayReport::default();
        let mut moves = self
            .dead(filter)
            .map(|item| async {
                let (key, letter) = item?;
                if dry_run { Ok(Fate::Matched) } else { self.revive(&key, letter, now).await }
            })
            .buffered(CONCURRENCY);
        while let Some(fate) = moves.next().await {
            match fate {
                Ok(fate) => {
                    report.matched += 1;
                    match fate {
                        Fate::Matched => {}
                        Fate::Replayed => report.replayed += 1,
                        Fate::AlreadyParked => report.already_parked += 1,
                    }
                }
                Err(OutboxError::Unreadable { key, .. }) => report.unreadable.push(key),
                Err(error) if report == ReplayReport::default() => return Err(error),
                Err(error) => {
                    report.stopped = Some(error);
                    break;
                }
            }
        }
        Ok(report)
    }

    async fn revive(&self, key: &Key, letter: Letter, now: Timestamp) -> Result<Fate, OutboxError> {
        let letter = Letter { first_failed: now, attempts: 0, not_before: None, cause: Cause::default(), ..letter };
        match self.park(&letter).await? {
            Stored::New => self.remove(key).await.map(|()| Fate::Replayed),
            Stored::AlreadyThere => Ok(Fate::AlreadyParked),
        }
    }
}

enum Fate {
    Matched,
    Replayed,
    AlreadyParked,
}
