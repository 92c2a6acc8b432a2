//! What several tests need: peers that may be missing on a laptop but never in CI, and the shared folder beside the checkout.
#![allow(dead_code, reason = "each test module uses its own share")]

pub(crate) mod handler;
pub(crate) mod receivers;
pub(crate) mod sink;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use defender_relay::deliver::token::Identity;
use defender_relay::settings::Values;

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether this runs in continuous integration, where nothing may be skipped for want of a peer.
#[expect(clippy::disallowed_methods, reason = "tests ask whether they run in CI")]
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false")
}

/// The peer, or a printed reason for skipping; a missing peer in CI is a failure.
pub(crate) fn need<T>(what: &str, peer: Option<T>) -> Option<T> {
    if peer.is_none() {
        assert!(!in_ci(), "{what} is missing, and CI must have it");
        eprintln!("skipped: {what} is not here");
    }
    peer
}

/// A path in the `shared` folder that stands beside some checkouts; never part of this repository.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let path = root().parent()?.join("shared").join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not beside this checkout", path.display());
    None
}

/// The identity of a program that has none set up.
pub(crate) fn nobody() -> Arc<Identity> {
    Arc::new(Identity::choose(&Values::default()))
}

/// A program that `scripts/peers` fetched, or one on the PATH, or in `/usr/sbin`.
#[expect(clippy::disallowed_methods, reason = "tests look for peers on the PATH")]
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    [root().join("target/peers/bin")]
        .into_iter()
        .chain(std::env::split_paths(&path))
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")])
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}
