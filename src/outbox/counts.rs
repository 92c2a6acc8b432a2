//! How many letters there are, for the status page.

use std::collections::BTreeMap;

use futures::stream::StreamExt;
use jiff::Timestamp;
use object_store::path::Path;
use tokio::time::Instant;

use super::name::{Shelf, seen_in};
use super::{Outbox, OutboxError, SCAN};
use crate::state::failure;

/// Names counted per destination and shelf.
const MOST: usize = 10_000;

/// Letters per destination, [`super::UNDECODABLE`] among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By destination.
    pub destinations: BTreeMap<String, Count>,
}

/// The letters of one destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Waiting for redelivery.
    pub parked: usize,
    /// Never taken.
    pub dead: usize,
    /// When the oldest parked event was seen.
    pub oldest_parked: Option<Timestamp>,
    /// Whether there are more than were counted: counting ends at 10,000 names of a kind, and after 30 s altogether.
    pub cut: bool,
}

impl Outbox {
    /// Counts the letters by their names, without reading them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn counts(&self) -> Result<Counts, OutboxError> {
        let deadline = Instant::now() + SCAN;
        let mut counts = Counts::default();
        for shelf in [Shelf::Parked, Shelf::Dead] {
            for destination in self.destinations_on(shelf).await? {
                let Tally { letters, oldest, cut } =
                    self.tally(&shelf.path().join(destination.as_str()), deadline).await?;
                if letters == 0 {
                    continue;
                }
                let count = counts.destinations.entry(destination).or_default();
                count.cut |= cut;
                match shelf {
                    Shelf::Parked => (count.parked, count.oldest_parked) = (letters, oldest),
                    Shelf::Dead => count.dead = letters,
                }
            }
        }
        Ok(counts)
    }

    async fn tally(&self, folder: &Path, deadline: Instant) -> Result<Tally, OutboxError> {
        let mut names = self.list(folder);
        let mut tally = Tally { letters: 0, oldest: None, cut: false };
        loop {
            match tokio::time::timeout_at(deadline, names.next()).await {
                Ok(None) => return Ok(tally),
                Ok(Some(Err(error))) => return Err(OutboxError::from(failure("listing letters", &error))),
                Ok(Some(Ok(meta))) if tally.letters < MOST => {
                    tally.letters += 1;
                    tally.oldest = tally.oldest.or_else(|| seen_in(&meta.location));
                }
                Ok(Some(Ok(_))) | Err(_) => return Ok(Tally { cut: true, ..tally }),
            }
        }
    }
}

struct Tally {
    letters: usize,
    oldest: Option<Timestamp>,
    cut: bool,
}
