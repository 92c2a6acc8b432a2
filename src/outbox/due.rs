//! Which parked letters are due, oldest first.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::future::ready;
use futures::stream::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use object_store::ObjectMeta;
use object_store::path::Path;
use tokio::time::Instant;
use tracing::warn;

use super::name::{Key, Shelf};
use super::{CONCURRENCY, Letter, Outbox, OutboxError, SCAN};
use crate::state::{failure, timed_out};

/// Bodies handed out by one call, in bytes; at least one letter is.
const DUE_BYTES: u64 = 32 << 20;

impl Outbox {
    /// Names of the destinations that may have parked letters. A folder that no destination can have is passed over.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn destinations_with_parked(&self) -> Result<Vec<String>, OutboxError> {
        let mut names = self.destinations_on(Shelf::Parked).await?;
        names.retain(|name| Shelf::Parked.folder(name).is_ok());
        Ok(names)
    }

    /// At most `limit` parked letters of a destination, and at most 32 MiB of them, that may be sent at `now`; oldest first. What cannot
    /// be read is passed over with a warning. A long scan ends after 30 s with what it found.
    ///
    /// # Errors
    /// When the store fails, or the scan ends, before anything was found.
    pub async fn due(
        &self,
        destination: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Key, Letter)>, OutboxError> {
        let deadline = Instant::now() + SCAN;
        let mut scan = self
            .list(&Shelf::Parked.folder(destination)?)
            .map_err(|error| OutboxError::from(failure("listing letters", &error)))
            .try_filter(|meta| ready(!self.waiting.holds(meta, now)))
            .map(|meta| async {
                let meta = meta?;
                let read = self.read(&meta).await;
                Ok::<_, OutboxError>((meta, read))
            })
            .buffered(limit.clamp(1, CONCURRENCY));
        let mut due = Vec::new();
        let mut bytes = 0;
        let mut fault = None;
        while due.len() < limit {
            let next = match tokio::time::timeout_at(deadline, scan.next()).await {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(_) => {
                    fault = Some(timed_out("listing letters", SCAN).into());
                    break;
                }
            };
            match next {
                Ok((_, Ok(None))) => {}
                Ok((meta, Ok(Some((key, letter))))) => match letter.not_before.filter(|time| *time > now) {
                    Some(not_before) => self.waiting.note(&meta, not_before),
                    None if !due.is_empty() && bytes + meta.size > DUE_BYTES => break,
                    None => {
                        bytes += meta.size;
                        due.push((key, letter));
                    }
                },
                Ok((meta, Err(error @ OutboxError::Unreadable { .. }))) => {
                    warn!(%error, "a parked letter cannot be read; it stays where it is");
                    self.waiting.note(&meta, Timestamp::MAX);
                }
                Ok((_, Err(error))) => fault = Some(error),
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            }
        }
        match fault {
            Some(error) if due.is_empty() => Err(error),
            _ => Ok(due),
        }
    }
}

/// Remembers which version of which letter is not due before when, so that a listing alone passes it over.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<HashMap<Path, (String, Timestamp)>>);

impl Waiting {
    /// Letters remembered; beyond that the memory starts anew, which costs reads and nothing else.
    const ROOM: usize = 100_000;

    fn holds(&self, meta: &ObjectMeta, now: Timestamp) -> bool {
        self.lock().get(&meta.location).is_some_and(|(version, until)| *until > now && *version == version_of(meta))
    }

    fn note(&self, meta: &ObjectMeta, until: Timestamp) {
        let mut letters = self.lock();
        if letters.len() >= Self::ROOM {
            letters.clear();
        }
        letters.insert(meta.location.clone(), (version_of(meta), until));
    }

    pub(super) fn forget(&self, path: &Path) {
        self.lock().remove(path);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Path, (String, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn version_of(meta: &ObjectMeta) -> String {
    meta.e_tag.clone().unwrap_or_else(|| meta.last_modified.to_rfc3339())
}
