//! Rendered records, and the runs of them that respect a destination's limits.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;

use crate::event::{Event, EventId};

/// What one request or message may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Records per parcel, at least 1.
    pub records: usize,
    /// Bytes of records per parcel. One record larger than this still travels, alone: the destination decides.
    pub bytes: usize,
    /// Parcels that may be under way at once. With more than 1 the order is given up, but for parcels of one record about the same
    /// [`Span::subject`], which never overtake each other.
    pub lanes: usize,
    /// How much may be sent within a span of time; every one is kept.
    pub pace: &'static [Pace],
}

impl Limits {
    /// One parcel at a time, of any size, at any pace.
    pub const ANY: Self = Self { records: usize::MAX, bytes: usize::MAX, lanes: 1, pace: &[] };
}

/// At most so many parcels and records within any such span of time, counted in this process when they leave. The receiver counts when
/// they arrive, and several instances do not know of each other: declare somewhat less than it allows. Later parcels of a conversation
/// are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Parcels.
    pub parcels: usize,
    /// Records.
    pub records: usize,
    /// Within this time.
    pub per: Duration,
}

/// One destination's records: a single buffer, and where each record lies in it.
#[derive(Clone, Default)]
pub struct Rendered {
    /// Every record, one after another.
    pub buffer: Bytes,
    /// Each record's place, in order.
    pub spans: Vec<Span>,
}

/// One rendered record.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// First byte in the buffer.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// The event it was rendered from.
    pub id: EventId,
    /// Which alert (or other thing with a key) the record is about: a hash of [`Event::key`], else of the id.
    pub subject: u64,
    /// Where it goes on the other side: see [`Destination::group`](crate::destinations::Destination::group).
    pub group: u16,
}

impl Span {
    /// The place of that event's record, in the first group.
    #[must_use]
    pub fn of(event: &Event<'_>, place: Range<usize>) -> Self {
        let mut hasher = DefaultHasher::new();
        match &event.key {
            Some(key) => key.to_ascii_lowercase().hash(&mut hasher),
            None => event.id.hash(&mut hasher),
        }
        Self { start: place.start, end: place.end, id: event.id, subject: hasher.finish(), group: 0 }
    }
}

/// A run of adjacent records, handed to [`crate::destinations::Destination::pack`].
#[derive(Clone, Copy)]
pub struct Records<'a> {
    buffer: &'a Bytes,
    spans: &'a [Span],
}

impl<'a> Records<'a> {
    /// The run of these spans, which must lie one after another in `buffer`.
    #[must_use]
    pub fn new(buffer: &'a Bytes, spans: &'a [Span]) -> Self {
        Self { buffer, spans }
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// The group of all of them.
    #[must_use]
    pub fn group(&self) -> u16 {
        self.spans.first().map_or(0, |span| span.group)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Each record with its event id.
    pub fn iter(&self) -> impl Iterator<Item = (EventId, &'a [u8])> + use<'a> {
        let buffer = self.buffer;
        self.spans.iter().map(move |span| (span.id, &buffer[span.start..span.end]))
    }

    /// The records as they lie in the buffer, without a copy: for destinations whose records end in their own separator.
    #[must_use]
    pub fn joined(&self) -> Bytes {
        match (self.spans.first(), self.spans.last()) {
            (Some(first), Some(last)) => self.buffer.slice(first.start..last.end),
            _ => Bytes::new(),
        }
    }

    /// The records as separate frames, without a copy.
    #[must_use]
    pub fn frames(&self) -> Frames {
        Frames { buffer: self.buffer.clone(), ranges: self.spans.iter().map(|span| span.start..span.end).collect() }
    }
}

/// Byte strings that share one buffer.
#[derive(Clone, Default)]
pub struct Frames {
    buffer: Bytes,
    ranges: Vec<Range<usize>>,
}

impl Frames {
    /// Each frame.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.ranges.iter().map(|range| &self.buffer[range.clone()])
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

/// What holds alert content prints how much of it there is, never the content.
macro_rules! debug_by_size {
    ($type:ty, $list:ident) => {
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let name = stringify!($type);
                f.debug_struct(name).field("records", &self.$list.len()).field("bytes", &self.buffer.len()).finish()
            }
        }
    };
}

debug_by_size!(Rendered, spans);
debug_by_size!(Records<'_>, spans);
debug_by_size!(Frames, ranges);

/// Cuts `spans` into the longest runs that respect `limits`, in order. Every run holds at least one record, and records of one group only.
#[must_use]
pub fn cut(spans: &[Span], limits: Limits) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    for end in 1..=spans.len() {
        let full = end == spans.len()
            || spans[end].group != spans[start].group
            || end - start >= limits.records.max(1)
            || spans[end].end - spans[start].start > limits.bytes;
        if full {
            runs.push(start..end);
            start = end;
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(lengths: &[usize]) -> Vec<Span> {
        let mut at = 0;
        lengths
            .iter()
            .map(|length| {
                let start = at;
                at += length;
                Span { start, end: at, id: EventId::of(b"x"), subject: 0, group: 0 }
            })
            .collect()
    }

    #[test]
    fn runs_respect_records_and_bytes() {
        let limits = Limits { records: 3, bytes: 10, ..Limits::ANY };
        assert_eq!(cut(&spans(&[4, 4, 4]), limits), [0..2, 2..3]);
        assert_eq!(cut(&spans(&[1, 1, 1, 1]), limits), [0..3, 3..4]);
        assert_eq!(cut(&[], limits), Vec::<Range<usize>>::new());
    }

    #[test]
    fn a_run_holds_one_group() {
        let mut spans = spans(&[1; 6]);
        for (span, group) in spans.iter_mut().zip([0, 0, 2, 2, 2, 1]) {
            span.group = group;
        }
        assert_eq!(cut(&spans, Limits { records: 2, ..Limits::ANY }), [0..2, 2..4, 4..5, 5..6]);
        assert_eq!(Records::new(&Bytes::from_static(b"abcdef"), &spans[2..5]).group(), 2);
    }

    #[test]
    fn a_record_over_the_limit_travels_alone() {
        assert_eq!(cut(&spans(&[4, 99, 4]), Limits { records: 10, bytes: 10, ..Limits::ANY }), [0..1, 1..2, 2..3]);
    }
}
