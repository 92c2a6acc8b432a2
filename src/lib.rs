//! Defender Relay: streams Microsoft Defender for Cloud alerts to the systems where security teams work.
//!
//! The modules stand in the order in which an event travels.

// What the user asked for on the command line.
pub mod cli;
// App settings: declared as data, read once, checked all at once.
pub mod settings;
// The opened program: destinations, outbox, limits.
pub mod app;
// The server that the Functions host talks to.
pub mod serve;
// The Functions host's wire: invocations in, replies out.
pub mod host;
// One handler per trigger folder.
pub mod functions;
// The way of one batch: decode, route, render, deliver, store.
pub mod relay;
// Events: what Defender for Cloud emitted, as the rest of the program sees it.
pub mod event;
// Which events go to which destination.
pub mod route;
// Wire text that several destinations share.
pub mod format;
// The destinations: one folder each.
pub mod destinations;
// How parcels travel: inert options for the courier.
pub mod transport;
// Rendered records, and the runs of them that respect limits.
pub mod batch;
// Parcels, replies and verdicts: inert data between pure code and the network.
pub mod parcel;
// Delivery: parcels to the courier, verdicts to fates.
pub mod deliver;
// Parked and dead letters on an object store.
pub mod outbox;
// Logs and counters.
pub mod telemetry;
// The local run: a stand-in for the Functions host, receivers, sample events.
pub mod local;
