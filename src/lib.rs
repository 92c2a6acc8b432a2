//! Defender Relay: streams Microsoft Defender for Cloud alerts to the systems where security teams work.
//!
//! The modules: each uses only those before it, so facts about the outside world come first, and what a person starts comes last. Blank
//! lines keep rustfmt from sorting them.

// The Azure clouds, and which hosts may see a token.
pub mod cloud;

// App settings: declared as data, read once, checked all at once.
pub mod settings;

// How parcels travel: inert options for the courier.
pub mod transport;

// Events: what Defender for Cloud emitted, as the rest of the program sees it.
pub mod event;

// Rendered records, and the runs of them that respect limits.
pub mod batch;

// Parcels, replies and verdicts: inert data between pure code and the network.
pub mod parcel;

// Wire text that several destinations share.
pub mod format;

// The destinations: one folder each.
pub mod destinations;

// Which events go to which destination.
pub mod route;

// What is taken out of an event before a destination sees it.
pub mod redaction;

// Logs and counters.
pub mod telemetry;

// Delivery: parcels to the courier, verdicts to fates.
pub mod deliver;

// Questions whose answers this program wants: JSON from other services, by the app's identity.
pub mod api;

// What lasts: the object store, and documents in it.
pub mod state;

// Parked and dead letters in the store.
pub mod outbox;

// The Functions host's wire: invocations in, replies out.
pub mod host;

// Microsoft Graph, the other source of alerts.
pub mod graph;

// Status between Sentinel and Defender for Cloud.
pub mod sync;

// The opened program: destinations, outbox, limits; and its router.
pub mod app;

// The way of one batch: route, render, deliver, store.
pub mod relay;

// One handler per trigger folder.
pub mod functions;

// The server that the Functions host talks to.
pub mod serve;

// The local run: a stand-in for the Functions host, receivers, sample events.
pub mod local;

// What the user asked for on the command line.
pub mod cli;
