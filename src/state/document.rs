//! Documents: small JSON files that are read, changed and written back, by whoever is first. A writer that was overtaken is told so, and
//! has changed nothing.
//!
//! Azure and memory compare entity tags themselves (`If-Match`). A local folder cannot, so a lock on a file beside the documents keeps
//! other processes out between the comparison and the write.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Store, StoreError, bounded};

/// What was read of a document: its content, and the version that it was read in.
#[derive(Clone, Debug)]
pub struct Document<T> {
    /// The content.
    pub content: T,
    version: Version,
}

/// The version of a document; none before it was first written.
#[derive(Clone, Debug, Default)]
struct Version(Option<UpdateVersion>);

/// Somebody else wrote the document since it was read: read again, decide again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another run has written the document in the meantime")]
pub struct Overtaken;

/// Why a document was not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Somebody else was first.
    #[error(transparent)]
    Overtaken(#[from] Overtaken),
    /// The store failed. The document may have been written all the same.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Reads the document of that name, `cursors/graph.json`; its type's default, where there is none yet.
    ///
    /// # Errors
    /// When the store fails, or what lies there is no such document.
    pub async fn document<T: DeserializeOwned + Default>(&self, name: &str) -> Result<Document<T>, StoreError> {
        const DOING: &str = "reading a document";
        let path = Path::from(name);
        let get = async {
            match self.objects.get(&path).await {
                Ok(found) => {
                    let version =
                        UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
                    Ok(Some((found.bytes().await?, version)))
                }
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        let Some((bytes, version)) = bounded(DOING, get).await? else {
            return Ok(Document { content: T::default(), version: Version::default() });
        };
        let content = serde_json::from_slice(&bytes).map_err(|error| StoreError {
            doing: DOING,
            reason: format!("{path} is no document of this program (line {}); mend or delete it", error.line()),
        })?;
        Ok(Document { content, version: Version(Some(version)) })
    }

    /// Writes a document back, if nobody else did since it was read.
    ///
    /// # Errors
    /// When somebody else did, or the store fails.
    pub async fn replace<T: Serialize>(&self, name: &str, document: &mut Document<T>) -> Result<(), WriteError> {
        const DOING: &str = "writing a document";
        let path = Path::from(name);
        let bytes = serde_json::to_vec_pretty(&document.content)
            .map_err(|error| StoreError { doing: DOING, reason: error.to_string() })?;
        let put = self.put_if_unchanged(&path, bytes.into(), document.version.0.clone());
        match bounded(DOING, put).await? {
            Some(written) => {
                document.version = Version(Some(written));
                Ok(())
            }
            None => Err(Overtaken.into()),
        }
    }

    /// The version written; none where the present one is not the one that was wanted.
    async fn put_if_unchanged(
        &self,
        path: &Path,
        bytes: PutPayload,
        wanted: Option<UpdateVersion>,
    ) -> object_store::Result<Option<UpdateVersion>> {
        let (_lock, mode) = match (&self.folder, wanted) {
            (Some(folder), wanted) => {
                let lock = lock(folder.join(".lock")).await?;
                if self.tag(path).await? != wanted.and_then(|version| version.e_tag) {
                    return Ok(None);
                }
                (Some(lock), PutMode::Overwrite)
            }
            (None, Some(version)) => (None, PutMode::Update(version)),
            (None, None) => (None, PutMode::Create),
        };
        match self.objects.put_opts(path, bytes, PutOptions::from(mode)).await {
            Ok(written) => Ok(Some(UpdateVersion { e_tag: written.e_tag, version: written.version })),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The entity tag of what lies there, if anything does.
    async fn tag(&self, path: &Path) -> object_store::Result<Option<String>> {
        match self.objects.head(path).await {
            Ok(meta) => Ok(meta.e_tag),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Waits for an exclusive lock on that file; it ends when the file is dropped, or the process dies.
async fn lock(path: PathBuf) -> object_store::Result<File> {
    let lock = move || {
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        file.lock()?;
        Ok::<_, io::Error>(file)
    };
    let locked = tokio::task::spawn_blocking(lock).await.unwrap_or_else(|error| Err(io::Error::other(error)));
    locked.map_err(|error| object_store::Error::Generic { store: "local folder", source: Box::new(error) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use tempfile::TempDir;

    use super::*;
    use crate::deliver::token::Identity;
    use crate::settings::{Section, Values};

    type Counts = BTreeMap<String, u32>;

    fn open(url: &str) -> Store {
        let values = Values::new([("STATE__URL".to_owned(), url.to_owned())]);
        let section = Section::new("state", vec![super::super::SETTINGS], &values);
        Store::open(&section, &Arc::new(Identity::choose(&values))).unwrap()
    }

    #[tokio::test]
    async fn processes_that_share_a_folder_tell_who_was_overtaken() {
        const NAME: &str = "cursors/test.json";
        let folder = TempDir::new().unwrap();
        let url = url::Url::from_directory_path(folder.path()).unwrap().to_string();
        let (one, other) = (open(&url), open(&url));
        let mut first: Document<Counts> = one.document(NAME).await.unwrap();
        let mut second: Document<Counts> = other.document(NAME).await.unwrap();
        let (first, second) = tokio::join!(one.replace(NAME, &mut first), other.replace(NAME, &mut second));
        assert_eq!([first, second].iter().filter(|written| written.is_ok()).count(), 1);
    }

    #[tokio::test]
    async fn what_is_no_document_is_named_and_kept() {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("cursors")).unwrap();
        std::fs::write(folder.path().join("cursors/graph.json"), "secret").unwrap();
        let store = open(url::Url::from_directory_path(folder.path()).unwrap().as_str());
        let error = store.document::<Counts>("cursors/graph.json").await.unwrap_err().to_string();
        assert!(error.contains("cursors/graph.json") && !error.contains("secret"), "{error}");
    }
}
