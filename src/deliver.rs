//! Delivery: one destination's run of records. Parcels go to the courier, its replies become verdicts, verdicts become fates.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::parcel::{Parcel, Reply};

/// The only door to the outside: one real (`courier.rs`), scripted ones in tests.
#[async_trait]
pub trait Courier: std::fmt::Debug + Send + Sync {
    /// Sends one parcel and waits for its reply until `deadline`. Never panics; what goes wrong is a [`Reply::Failed`].
    async fn send(&self, parcel: &Parcel, deadline: Instant) -> Reply;
}

/// Why a record could not be delivered for now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// The destination is unwell; it passes by itself, or the record grows too old.
    #[default]
    Unwell,
    /// A credential, an address or a permission is wrong. The record is fine and waits for a human, however long it takes.
    Misconfigured,
    /// Nothing is wrong: another copy of the record may still come, which would be sent in its place. It was not tried yet.
    Awaiting,
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The destination acknowledged it.
    Delivered,
    /// To be parked: send again later.
    Parked {
        /// Who must change something.
        cause: Cause,
        /// Why.
        reason: String,
        /// Not before, where the destination said so.
        not_before: Option<Timestamp>,
    },
    /// To be buried: the destination will never take it.
    Dead {
        /// Why.
        reason: String,
    },
}

/// One opened destination with what delivery to it needs.
#[derive(Debug)]
pub struct Outlet {
    /// The instance's name: `soc-syslog`.
    pub name: String,
    /// The destination.
    pub destination: Box<dyn crate::destinations::Destination>,
    /// The way to it.
    pub courier: Box<dyn Courier>,
    /// Remembers whether it was unwell lately.
    pub breaker: breaker::Breaker,
    /// Remembers what was sent lately, for destinations that take only so much.
    pub pacer: pace::Pacer,
}

impl Outlet {
    /// A destination that nothing was sent to yet.
    #[must_use]
    pub fn new(name: &str, destination: Box<dyn crate::destinations::Destination>, courier: Box<dyn Courier>) -> Self {
        Self {
            name: name.to_owned(),
            pacer: pace::Pacer::new(destination.limits().pace),
            destination,
            courier,
            breaker: breaker::Breaker::default(),
        }
    }
}

pub mod breaker;
mod cortex;
pub mod courier;
mod http;
pub mod pace;
pub mod retry;
mod run;
mod syslog;
mod tls;
pub mod token;

pub use http::is_compressed;

pub use run::{deliver, probe};
