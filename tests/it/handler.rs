//! Filled in soon: handler.
