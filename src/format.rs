//! Wire text that several destinations share; pure.

pub mod standard_webhooks;
