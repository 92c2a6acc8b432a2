//! What lasts: the object store that `STATE__URL` names. [Letters](crate::outbox) lie in it, and [documents](Document): what one run
//! leaves for the next, wherever that one happens.

mod document;
mod place;

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::path::Path;
use object_store::{ObjectStore, PutMode, PutOptions};
use serde::Serialize;

pub use document::{Document, Overtaken, WriteError};
pub use place::SETTINGS;

use crate::deliver::token::Identity;
use crate::settings::{Section, SettingsError};

/// Longest time for one operation on the store, retries included. An unreachable store is an error well before the invocation's end.
const OPERATION: Duration = Duration::from_secs(15);

/// The store refused, or could not be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{doing} in STATE__URL: {reason}")]
pub struct StoreError {
    /// What was tried.
    pub doing: &'static str,
    /// The store's answer, in one line.
    pub reason: String,
}

/// The opened store: Azure Blob Storage, a local folder, or memory.
pub struct Store {
    /// The objects themselves.
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// Whether it lists names in their order; a local folder does not.
    pub(crate) lists_in_order: bool,
    /// The local folder, where it is one.
    folder: Option<PathBuf>,
    place: String,
}

impl Store {
    /// Checks `STATE__URL`, and creates nothing.
    ///
    /// # Errors
    /// When the setting is missing or names no store that can be opened.
    pub fn check(section: &Section<'_>) -> Result<(), SettingsError> {
        place::check(section);
        section.finish(())
    }

    /// Opens the store that `STATE__URL` names; `section` is that of `state` with [`SETTINGS`]. Connects to nothing: a local folder is
    /// created, a container is not.
    ///
    /// # Errors
    /// When the setting is missing or names no store that can be opened.
    pub fn open(section: &Section<'_>, identity: &Arc<Identity>) -> Result<Self, SettingsError> {
        let opened = place::open(section, identity);
        section.finish(())?;
        opened.ok_or_else(SettingsError::default)
    }

    /// Writes a record that is never written again: what lies there already stays as it is.
    ///
    /// # Errors
    /// When it is not there for sure afterwards.
    pub async fn record<T: Serialize>(&self, name: &str, record: &T) -> Result<(), StoreError> {
        const DOING: &str = "writing a record";
        let path = Path::from(name);
        let bytes = serde_json::to_vec_pretty(record)
            .map_err(|error| StoreError { doing: DOING, reason: error.to_string() })?;
        let put = async {
            match self.objects.put_opts(&path, bytes.into(), PutOptions::from(PutMode::Create)).await {
                Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
                Err(error) => Err(error),
            }
        };
        bounded(DOING, put).await
    }

    /// What is allowed but worth a word at start.
    #[must_use]
    pub fn warning(&self) -> Option<&'static str> {
        let memory = self.place.to_ascii_lowercase().starts_with("memory:");
        memory.then_some("letters in memory are lost when the program ends; for trials only")
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("place", &self.place).finish_non_exhaustive()
    }
}

impl fmt::Display for Store {
    /// The place: `https://account.blob.core.windows.net/container`, `file:///folder`, `memory:`. Holds no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

/// Bounds one operation in time and puts its failure into words.
pub(crate) async fn bounded<T>(
    doing: &'static str,
    operation: impl Future<Output = object_store::Result<T>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(OPERATION, operation).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(failure(doing, &error)),
        Err(_) => Err(timed_out(doing, OPERATION)),
    }
}

pub(crate) fn timed_out(doing: &'static str, after: Duration) -> StoreError {
    StoreError { doing, reason: format!("no answer within {} s", after.as_secs()) }
}

pub(crate) fn failure(doing: &'static str, error: &object_store::Error) -> StoreError {
    use object_store::Error;
    let hint = match error {
        Error::NotFound { .. } => "the container or folder does not exist: ",
        Error::Unauthenticated { .. } | Error::PermissionDenied { .. } => {
            "the identity needs the role Storage Blob Data Contributor on the container: "
        }
        _ => "",
    };
    // A store's answer can be a page of XML; its beginning says enough.
    let words: Vec<String> = error.to_string().split_whitespace().map(str::to_owned).collect();
    let text: String = words.join(" ").chars().take(400).collect();
    StoreError { doing, reason: format!("{hint}{text}") }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;
    use serde_json::{Value, json};

    use super::*;
    use crate::settings::Values;

    #[tokio::test]
    async fn a_record_is_never_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let url = url::Url::from_directory_path(folder.path()).unwrap().to_string();
        for url in ["memory:".to_owned(), url] {
            let values = Values::new([("STATE__URL".to_owned(), url)]);
            let section = Section::new("state", vec![SETTINGS], &values);
            let store = Store::open(&section, &Arc::new(Identity::choose(&values))).unwrap();
            store.record("audit/2026/11/23/a.json", &json!({"n": 1})).await.unwrap();
            store.record("audit/2026/11/23/a.json", &json!({"n": 2})).await.unwrap();
            let kept = store.objects.get(&Path::from("audit/2026/11/23/a.json")).await.unwrap().bytes().await.unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&kept).unwrap(), json!({"n": 1}));
        }
    }
}
