//! The real courier.
