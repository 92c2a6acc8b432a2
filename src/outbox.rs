//! Parked and dead letters on an object store: Azure Blob Storage, a local folder, or memory.
//!
//! One letter holds one event for one destination. Its name follows from the event alone, so a repeated invocation, whatever its
//! batch boundaries, writes the same letter again and finds it there:
//!
//! ```text
//! parked/<destination>/<seen>-<id>.json                  waits for redelivery; names sort oldest first
//! dead/<destination>/<yyyy>/<mm>/<dd>/<seen>-<id>.json   the destination will never take it
//! ```
//!
//! A letter moves by being written to its new place before it leaves the old one. A crash in between leaves it in both: it may be
//! delivered twice, never lost. What cannot be read as a letter stays where it is, is logged, and holds up no other.

mod counts;
mod due;
mod file;
mod name;
mod replay;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt, PutMode, PutOptions};

pub use counts::{Count, Counts};
pub use name::Key;
pub use replay::{Filter, ReplayReport};

use crate::deliver::Cause;
use crate::state::{Store, StoreError, bounded};
use name::Shelf;

/// One event that waits for redelivery to one destination, or that this destination will never take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Instance name of the destination; [`UNDECODABLE`] for a piece that is no record.
    pub destination: String,
    /// Record kind's name; empty for a piece that is no record.
    pub kind: String,
    /// [`crate::event::Event::seen`]: fixes the letter's name, so that a repeated invocation writes the same letter.
    pub seen: Timestamp,
    /// When it was first parked or buried.
    pub first_failed: Timestamp,
    /// Deliveries tried so far.
    pub attempts: u32,
    /// Not to be sent before.
    pub not_before: Option<Timestamp>,
    /// Who must change something before it can be delivered.
    pub cause: Cause,
    /// Why it is here.
    pub reason: String,
    /// The record's original bytes.
    pub body: Vec<u8>,
}

/// The pseudo destination of pieces that are no record. Not a legal instance name.
pub const UNDECODABLE: &str = "_undecodable";

/// Whether a letter was written, or found to be there from an earlier attempt. Either way it is stored durably.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Written now.
    New,
    /// Written before; the earlier letter, with its attempts and reason, was left as it is.
    AlreadyThere,
}

/// Why a letter could not be stored, moved or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboxError {
    /// The destination's name cannot be a folder's name. The store was not asked.
    #[error("a destination's name must hold only a-z, 0-9, '-', '_' and '.', and neither begin nor end with '.'")]
    Name,
    /// The store refused or could not be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Not tried, since the store failed another letter of the same call a moment before.
    #[error("not tried in STATE__URL: the store failed an earlier letter")]
    GivenUp,
    /// What lies there is no letter.
    #[error("{key} is no letter: {reason}")]
    Unreadable {
        /// Where.
        key: Key,
        /// What is wrong with it; never its content.
        reason: String,
    },
}

/// Longest time for one scan of a listing; what was found until then counts.
const SCAN: Duration = Duration::from_secs(30);

/// Operations under way at once in one call.
const CONCURRENCY: usize = 32;

/// Parked and dead letters.
#[derive(Debug)]
pub struct Outbox {
    store: Arc<Store>,
    waiting: due::Waiting,
}

impl Outbox {
    /// The letters in that store.
    #[must_use]
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, waiting: due::Waiting::default() }
    }

    /// Parks a letter under the name that its event gives it.
    ///
    /// # Errors
    /// When the letter is not stored for sure.
    pub async fn park(&self, letter: &Letter) -> Result<Stored, OutboxError> {
        self.put_new(Shelf::Parked, letter).await
    }

    /// Buries a letter under the name that its event gives it.
    ///
    /// # Errors
    /// When the letter is not stored for sure.
    pub async fn bury(&self, letter: &Letter) -> Result<Stored, OutboxError> {
        self.put_new(Shelf::Dead, letter).await
    }

    /// Parks many letters, several at once. The results are in the letters' order. After a failure of the store the letters not
    /// yet begun are [`OutboxError::GivenUp`], so that an unreachable store costs the time of one letter.
    pub async fn park_all(&self, letters: &[Letter]) -> Vec<Result<Stored, OutboxError>> {
        self.put_all(Shelf::Parked, letters).await
    }

    /// Buries many letters, as [`Outbox::park_all`] parks them.
    pub async fn bury_all(&self, letters: &[Letter]) -> Vec<Result<Stored, OutboxError>> {
        self.put_all(Shelf::Dead, letters).await
    }

    /// Removes a parked letter that was delivered. One that is gone already is no error.
    ///
    /// # Errors
    /// When the store fails; the letter will then be delivered again.
    pub async fn settle(&self, key: &Key) -> Result<(), OutboxError> {
        self.waiting.forget(key.path());
        self.remove(key).await
    }

    /// Writes a parked letter anew in its place, with what changed: attempts, `not_before`, reason. Should somebody have settled it
    /// meanwhile, it is parked again and delivered twice.
    ///
    /// # Errors
    /// When the store fails; the letter is then as it was.
    pub async fn postpone(&self, key: &Key, letter: &Letter) -> Result<(), OutboxError> {
        self.put(key.path(), letter, PutMode::Overwrite).await.map(drop)
    }

    /// Buries a parked letter, then removes it from where it was parked.
    ///
    /// # Errors
    /// When the store fails; the letter is then still parked, or in both places.
    pub async fn bury_parked(&self, key: &Key, letter: &Letter) -> Result<(), OutboxError> {
        self.bury(letter).await?;
        self.settle(key).await
    }

    /// Asks the store for one name, which proves address, identity and rights to read.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn probe(&self) -> Result<(), OutboxError> {
        let first = async { self.store.objects.list(Some(&Shelf::Parked.path())).try_next().await };
        Ok(bounded("listing letters", first).await.map(drop)?)
    }

    async fn put_all(&self, shelf: Shelf, letters: &[Letter]) -> Vec<Result<Stored, OutboxError>> {
        let down = AtomicBool::new(false);
        let put = async |letter| {
            if down.load(Ordering::Relaxed) {
                return Err(OutboxError::GivenUp);
            }
            let stored = self.put_new(shelf, letter).await;
            if matches!(stored, Err(OutboxError::Store(_))) {
                down.store(true, Ordering::Relaxed);
            }
            stored
        };
        let puts: Vec<_> = letters.iter().map(put).collect();
        stream::iter(puts).buffered(CONCURRENCY).collect().await
    }

    async fn put_new(&self, shelf: Shelf, letter: &Letter) -> Result<Stored, OutboxError> {
        let path = name::path_of(shelf, letter)?;
        self.put(&path, letter, PutMode::Create).await
    }

    async fn put(&self, path: &Path, letter: &Letter, mode: PutMode) -> Result<Stored, OutboxError> {
        let put = async {
            match self.store.objects.put_opts(path, file::write(letter).into(), PutOptions::from(mode)).await {
                Ok(_) => Ok(Stored::New),
                Err(object_store::Error::AlreadyExists { .. }) => Ok(Stored::AlreadyThere),
                Err(error) => Err(error),
            }
        };
        Ok(bounded("storing a letter", put).await?)
    }

    async fn remove(&self, key: &Key) -> Result<(), OutboxError> {
        let remove = async {
            match self.store.objects.delete(key.path()).await {
                Err(object_store::Error::NotFound { .. }) => Ok(()),
                other => other,
            }
        };
        Ok(bounded("removing a letter", remove).await?)
    }

    /// The letter at that place; none when it is gone.
    async fn read(&self, meta: &ObjectMeta) -> Result<Option<(Key, Letter)>, OutboxError> {
        let get = async {
            match self.store.objects.get(&meta.location).await {
                Ok(found) => found.bytes().await.map(Some),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        let Some(bytes) = bounded("reading a letter", get).await? else { return Ok(None) };
        let key = Key::new(meta.location.clone());
        match file::read(&bytes, key.destination()) {
            Ok(letter) => Ok(Some((key, letter))),
            Err(reason) => Err(OutboxError::Unreadable { key, reason }),
        }
    }

    /// What lies under a folder, in the order of names.
    fn list(&self, folder: &Path) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let listing = self.store.objects.list(Some(folder));
        if self.store.lists_in_order {
            return listing;
        }
        let sorted = async move {
            let mut all: Vec<ObjectMeta> = listing.try_collect().await?;
            all.sort_unstable_by(|a, b| a.location.cmp(&b.location));
            Ok::<_, object_store::Error>(stream::iter(all.into_iter().map(Ok)))
        };
        stream::once(sorted).try_flatten().boxed()
    }

    /// The destinations that have a folder on that shelf.
    async fn destinations_on(&self, shelf: Shelf) -> Result<Vec<String>, OutboxError> {
        let path = shelf.path();
        let found = bounded("listing letters", self.store.objects.list_with_delimiter(Some(&path))).await?;
        Ok(found.common_prefixes.iter().filter_map(|folder| folder.filename().map(str::to_owned)).collect())
    }
}
