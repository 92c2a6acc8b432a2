//! Circuit breaker.

/// Circuit breaker of one destination.
#[derive(Debug, Default)]
pub struct Breaker {}
