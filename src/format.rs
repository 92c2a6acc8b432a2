//! Wire text that several destinations share; pure.

pub mod alert;
pub mod cef;
pub mod cloudevents;
pub mod graph;
pub mod json;
pub mod leef;
pub mod line;
pub mod matter;
pub mod members;
pub mod record;
pub mod redact;
pub mod severity;
pub mod shrink;
pub mod standard_webhooks;
pub mod syslog;
pub mod table;
pub mod text;

#[cfg(test)]
pub(crate) mod samples;
