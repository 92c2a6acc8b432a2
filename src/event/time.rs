//! Times as the sources write them.

use jiff::Timestamp;

/// Parses a time as any of the sources write it; a time without a zone is UTC.
#[must_use]
pub fn parse_time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}
