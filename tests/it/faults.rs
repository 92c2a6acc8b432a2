//! Filled in soon: faults.
