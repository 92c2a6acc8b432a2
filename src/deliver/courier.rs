//! The real courier: one per destination, over the transport that it opened.

use std::io;
use std::sync::Arc;

use super::http::HttpCourier;
use super::syslog::SyslogCourier;
use super::token::Identity;
use super::{Courier, tls};
use crate::parcel::{Failure, Reply};
use crate::transport::{TlsOptions, Transport};

/// Setting keys of the transport, each with what is wrong with its value.
pub type Faults = Vec<(&'static str, String)>;

/// Opens the way to a destination: parses certificates, resolves nothing, connects to nothing. What takes time (reading the system's
/// certificate store, a token) waits until the first parcel. `identity` buys the tokens of parcels
/// that go to Microsoft's services.
///
/// # Errors
/// Every setting whose value is unusable.
pub fn open(transport: &Transport, identity: &Arc<Identity>) -> Result<Box<dyn Courier>, Faults> {
    Ok(match transport {
        Transport::Http(options) => Box::new(HttpCourier::open(options.clone(), Arc::clone(identity))?),
        Transport::Syslog(options) => Box::new(SyslogCourier::open(options.clone())?),
    })
}

/// Checks certificates and key of a destination that cannot be opened yet, so that their faults come with all others.
///
/// # Errors
/// Every setting whose value is unusable.
pub fn check(options: &TlsOptions) -> Result<(), Faults> {
    tls::Tls::parse(options).map(drop)
}

/// Why there is no usable answer: whose fault, and the cause in words that hold neither secrets nor alert content.
#[derive(Debug)]
pub(super) struct Broken(pub(super) Failure, pub(super) String);

impl Broken {
    /// An error of a connection, at some stage of it.
    pub(super) fn of(stage: &str, error: &io::Error) -> Self {
        Self(tls::failure(error), format!("{stage}: {}", tls::cause(error)))
    }
}

impl From<Broken> for Reply {
    fn from(Broken(failure, detail): Broken) -> Self {
        Self::Failed { failure, detail }
    }
}
