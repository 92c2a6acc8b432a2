//! Filled in soon: judges.
