//! The real courier: one per destination, over the transport that it opened.

use super::Courier;
use super::http::HttpCourier;
use super::syslog::SyslogCourier;
use crate::transport::Transport;

/// Setting keys of the transport, each with what is wrong with its value.
pub type Faults = Vec<(&'static str, String)>;

/// Opens the way to a destination: parses certificates, resolves nothing, connects to nothing. What takes time (reading the system's
/// certificate store) waits until the first parcel.
///
/// # Errors
/// Every setting whose value is unusable.
pub fn open(transport: &Transport) -> Result<Box<dyn Courier>, Faults> {
    Ok(match transport {
        Transport::Http(options) => Box::new(HttpCourier::open(options.clone())?),
        Transport::Syslog(options) => Box::new(SyslogCourier::open(options.clone())?),
    })
}
