//! Filled in soon: architecture.
