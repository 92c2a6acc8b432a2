//! Filled in soon: decode.
