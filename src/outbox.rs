//! Parked and dead letters on an object store.

use jiff::Timestamp;

/// One event that waits for redelivery to one destination, or that this destination will never take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Instance name of the destination; [`UNDECODABLE`] for a piece that is no record.
    pub destination: String,
    /// Record kind's name; empty for a piece that is no record.
    pub kind: String,
    /// [`crate::event::Event::seen`]: fixes the letter's name, so that a repeated invocation writes the same letter.
    pub seen: Timestamp,
    /// When it was first parked or buried.
    pub first_failed: Timestamp,
    /// Deliveries tried so far.
    pub attempts: u32,
    /// Not to be sent before.
    pub not_before: Option<Timestamp>,
    /// Why it is here.
    pub reason: String,
    /// The record's original bytes.
    pub body: Vec<u8>,
}

/// The pseudo destination of pieces that are no record. Not a legal instance name.
pub const UNDECODABLE: &str = "_undecodable";
