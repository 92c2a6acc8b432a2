//! What becomes of an alert that comes both ways, where one way is preferred.
//!
//! Once an event of the preferred source is accounted for, a mark in the store says so: `seen/<source>/<hash of the key>.json`, when the alert
//! was told to be in which state. The other source's copy of the same is withheld where the mark is there, and waits for it where not. When
//! its time comes without the mark, it is sent: rather twice than never.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{Event, EventId, Source, Stage, Twin};
use crate::state::{Document, Store, StoreError, WriteError};

/// Marks that are read or written at once.
const CONCURRENCY: usize = 32;

/// How often a mark is written that others write too.
const TRIES: usize = 8;

/// The preference.
#[derive(Clone, Copy, Debug)]
pub struct Twins {
    preferred: Source,
    wait: Duration,
}

/// What is to become of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It goes its way.
    Passes,
    /// The preferred copy may still come.
    Waits,
    /// The preferred copy is accounted for.
    Withheld,
}

/// In which states the preferred source told one alert to be, and when it did so last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Marks(BTreeMap<Stage, Timestamp>);

impl Marks {
    /// Whether this adds something.
    fn note(&mut self, stage: Stage, since: Timestamp) -> bool {
        let noted = self.0.entry(stage).or_insert(Timestamp::MIN);
        let is_later = since > *noted;
        *noted = since.max(*noted);
        is_later
    }

    /// Whether the copy tells nothing new. It does where the alert was told to have left this state, and the copy is later than that: an alert
    /// that was activated again.
    fn cover(&self, copy: &Twin) -> bool {
        self.0.get(&copy.stage).is_some_and(|noted| {
            let left = |(stage, at): (&Stage, &Timestamp)| *stage != copy.stage && at > noted && copy.since > *at;
            !self.0.iter().any(left)
        })
    }
}

impl Twins {
    /// Prefers one source; copies of the other wait so long.
    #[must_use]
    pub const fn new(preferred: Source, wait: Duration) -> Self {
        Self { preferred, wait }
    }

    /// What is to become of each event, in their order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn standings(&self, store: &Store, events: &[Event<'_>]) -> Result<Vec<Standing>, StoreError> {
        let standings = events.iter().map(|event| event.twin().filter(|twin| twin.source != self.preferred));
        let standings: Vec<_> = standings
            .map(async |copy| match copy {
                None => Ok(Standing::Passes),
                Some(copy) if self.has_come(store, &copy).await? => Ok(Standing::Withheld),
                Some(_) => Ok(Standing::Waits),
            })
            .collect();
        stream::iter(standings).buffered(CONCURRENCY).collect::<Vec<_>>().await.into_iter().collect()
    }

    async fn has_come(&self, store: &Store, copy: &Twin) -> Result<bool, StoreError> {
        Ok(store.document::<Marks>(&self.place(copy.id)).await?.content.cover(copy))
    }

    /// Leaves marks of the preferred source's events, which are accounted for.
    ///
    /// # Errors
    /// When the store fails. The other copies of what is not marked are sent too.
    pub async fn mark(&self, store: &Store, events: &[Event<'_>], now: Timestamp) -> Result<(), WriteError> {
        let mut marks: BTreeMap<EventId, Marks> = BTreeMap::new();
        for twin in events.iter().filter_map(Event::twin).filter(|twin| twin.source == self.preferred) {
            // A time to come would cover what nobody has told yet.
            marks.entry(twin.id).or_default().note(twin.stage, twin.since.min(now));
        }
        let marks: Vec<_> = marks.into_iter().map(|(id, marks)| self.write(store, id, marks)).collect();
        stream::iter(marks).buffer_unordered(CONCURRENCY).collect::<Vec<_>>().await.into_iter().collect()
    }

    async fn write(&self, store: &Store, id: EventId, marks: Marks) -> Result<(), WriteError> {
        let place = self.place(id);
        let mut result = Ok(());
        for _ in 0..TRIES {
            let mut document: Document<Marks> = store.document(&place).await?;
            let is_news =
                marks.0.iter().fold(false, |news, (stage, since)| document.content.note(*stage, *since) | news);
            result = if is_news { store.replace(&place, &mut document).await } else { Ok(()) };
            if !matches!(result, Err(WriteError::Overtaken(_))) {
                break;
            }
        }
        result
    }

    fn place(&self, id: EventId) -> String {
        format!("seen/{}/{id}.json", self.preferred.name())
    }

    /// Until when a copy that came at `now` waits.
    #[must_use]
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        now.saturating_add(self.wait).ok()
    }

    /// Why a copy waits, in words for whoever looks at the letter.
    #[must_use]
    pub fn reason(&self) -> String {
        format!("waits for the copy that comes by {}, which GRAPH__PREFER names", self.preferred.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(minute: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + 60 * minute).unwrap()
    }

    fn covers(marks: &[(Stage, i64)], stage: Stage, since: i64) -> bool {
        let mut all = Marks::default();
        marks.iter().for_each(|(stage, at)| {
            all.note(*stage, time(*at));
        });
        all.cover(&Twin { id: EventId::of(b""), stage, source: Source::Graph, since: time(since) })
    }

    #[test]
    fn a_copy_is_covered_by_the_same_state() {
        assert!(covers(&[(Stage::New, 0)], Stage::New, 5));
        assert!(covers(&[(Stage::New, 5)], Stage::New, 0), "it may be told later");
        assert!(!covers(&[], Stage::New, 0));
        assert!(!covers(&[(Stage::New, 0)], Stage::Settled, 5));
    }

    #[test]
    fn an_old_state_is_covered_and_a_state_that_came_again_is_not() {
        let marks = [(Stage::New, 0), (Stage::Settled, 60)];
        assert!(covers(&marks, Stage::New, 5));
        assert!(covers(&marks, Stage::Settled, 65));
        assert!(!covers(&marks, Stage::New, 70), "activated again");
        assert!(covers(&[(Stage::New, 69), (Stage::Settled, 60)], Stage::New, 70));
    }

    #[test]
    fn only_what_is_later_is_news() {
        let mut marks = Marks::default();
        assert!(marks.note(Stage::New, time(1)));
        assert!(!marks.note(Stage::New, time(1)) && !marks.note(Stage::New, time(0)));
        assert!(marks.note(Stage::Settled, time(0)) && marks.note(Stage::New, time(2)));
        let text = serde_json::to_string(&marks).unwrap();
        assert_eq!(text, r#"{"new":"2026-11-18T11:08:40Z","settled":"2026-11-18T11:06:40Z"}"#);
        assert_eq!(serde_json::from_str::<Marks>(&text).unwrap(), marks);
    }
}
