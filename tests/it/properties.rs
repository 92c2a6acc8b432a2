//! Filled in soon: properties.
