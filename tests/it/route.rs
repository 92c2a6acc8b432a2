//! Filled in soon: route.
