//! Defender Relay: streams Microsoft Defender for Cloud alerts to the systems where security teams work.
//!
//! The modules, in the order in which an event travels:

/// The opened program: destinations, outbox, limits; and its router.
pub mod app;
/// Rendered records, and the runs of them that respect limits.
pub mod batch;
/// What the user asked for on the command line.
pub mod cli;
/// Delivery: parcels to the courier, verdicts to fates.
pub mod deliver;
/// The destinations: one folder each.
pub mod destinations;
/// Events: what Defender for Cloud emitted, as the rest of the program sees it.
pub mod event;
/// Wire text that several destinations share.
pub mod format;
/// One handler per trigger folder.
pub mod functions;
/// The Functions host's wire: invocations in, replies out.
pub mod host;
/// The local run: a stand-in for the Functions host, receivers, sample events.
pub mod local;
/// Parked and dead letters on an object store.
pub mod outbox;
/// Parcels, replies and verdicts: inert data between pure code and the network.
pub mod parcel;
/// The way of one batch: route, render, deliver, store.
pub mod relay;
/// Which events go to which destination.
pub mod route;
/// The server that the Functions host talks to.
pub mod serve;
/// App settings: declared as data, read once, checked all at once.
pub mod settings;
/// Logs and counters.
pub mod telemetry;
/// How parcels travel: inert options for the courier.
pub mod transport;
