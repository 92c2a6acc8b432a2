//! Filled in soon: contract.
