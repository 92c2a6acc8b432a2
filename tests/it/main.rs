//! The one integration binary.

mod architecture;
mod contract;
mod decode;
mod documents;
mod faults;
mod handler;
mod judges;
mod kill;
mod local;
mod outbox;
mod packaging;
mod properties;
mod route;
mod support;
mod syslog_peers;
mod vendor_sim;
