//! Filled in soon: kill.
