//! Stub, replaced soon.
