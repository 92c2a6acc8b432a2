//! Filled in soon: local.
