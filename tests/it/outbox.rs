//! Filled in soon: outbox.
