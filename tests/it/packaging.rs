//! Filled in soon: packaging.
