//! Wire text that several destinations share; pure.

pub mod cloudevents;
pub mod graph;
pub mod json;
pub mod standard_webhooks;
