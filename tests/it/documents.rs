//! Filled in soon: documents.
