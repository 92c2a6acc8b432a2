//! The one integration binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod app;
mod architecture;
mod contract;
mod decode;
mod documents;
mod explain;
mod faults;
mod handler;
mod infra;
mod judges;
mod kill;
mod kusto;
mod local;
mod logs;
mod outbox;
mod packaging;
mod properties;
mod queries;
mod records;
mod redaction;
mod route;
mod support;
mod syslog_arrival;
mod syslog_peers;
mod unseen;
mod vendor_sim;
