//! Waves: how much of a batch is worked on at once.

use crate::event::Event;
use crate::event::decode::{Decoded, Undecodable};

/// A batch is handled in waves of at most this many pieces and, but for the last piece of each, bytes: so much of it is rendered for every
/// destination at once, and so memory stays bounded whatever arrives, in however few bodies.
pub(super) const WAVE_PIECES: usize = 5_000;
pub(super) const WAVE_BYTES: usize = 16 << 20;

/// Decoded pieces: those of one wave, or those that are left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wave<'w, 'a> {
    pub(super) events: &'w [Event<'a>],
    pub(super) undecodable: &'w [Undecodable<'a>],
}

impl<'w, 'a> Wave<'w, 'a> {
    /// Everything that was decoded.
    pub(super) fn of(decoded: &'w Decoded<'a>) -> Self {
        Self { events: &decoded.events, undecodable: &decoded.undecodable }
    }

    /// Takes the next wave off; nothing where nothing is left.
    pub(super) fn next(&mut self) -> Option<Self> {
        let mut room = (WAVE_PIECES, WAVE_BYTES);
        let events = take(&mut self.events, &mut room, |event| event.raw.len());
        let undecodable = take(&mut self.undecodable, &mut room, |piece| piece.raw.len());
        (!events.is_empty() || !undecodable.is_empty()).then_some(Self { events, undecodable })
    }
}

/// Takes pieces off the front of a slice, until the room for pieces or for bytes is used up.
fn take<'a, T>(pieces: &mut &'a [T], (count, bytes): &mut (usize, usize), size: fn(&T) -> usize) -> &'a [T] {
    let fits = |piece: &&T| {
        let fits = *count > 0 && *bytes > 0;
        if fits {
            *count -= 1;
            *bytes = bytes.saturating_sub(size(piece));
        }
        fits
    };
    let (taken, rest) = pieces.split_at(pieces.iter().take_while(fits).count());
    *pieces = rest;
    taken
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::event::decode::{Texts, decode};

    /// The lengths of each wave's pieces: events, undecodable.
    fn waves(decoded: &Decoded<'_>) -> Vec<(Vec<usize>, Vec<usize>)> {
        let mut rest = Wave::of(decoded);
        std::iter::from_fn(|| rest.next())
            .map(|wave| {
                let events = wave.events.iter().map(|event| event.raw.len()).collect();
                (events, wave.undecodable.iter().map(|piece| piece.raw.len()).collect())
            })
            .collect()
    }

    #[test]
    fn a_body_of_many_pieces_is_cut_into_waves_and_no_piece_is_lost_or_sent_twice() {
        let records = vec!["{\"category\":\"A\",\"operationName\":\"B\"}"; 2 * WAVE_PIECES - 3].join(",");
        let body = format!("{{\"records\":[{records}{}]}}", ",1".repeat(WAVE_PIECES + 4));
        let (texts, mut decoded) = (Texts::default(), Decoded::default());
        decode(body.as_bytes(), Timestamp::UNIX_EPOCH, &texts, &mut decoded);
        let counts: Vec<_> = waves(&decoded).iter().map(|(events, rest)| (events.len(), rest.len())).collect();
        assert_eq!(counts, [(WAVE_PIECES, 0), (WAVE_PIECES - 3, 3), (0, WAVE_PIECES), (0, 1)]);
        assert_eq!(waves(&Decoded::default()), []);
    }

    #[test]
    fn a_wave_exceeds_its_bytes_by_less_than_its_last_piece() {
        let text = "x".repeat(WAVE_BYTES / 10);
        let body = vec![format!("{{\"operationName\":\"{text}\"}}"); 25].join("\n");
        let (texts, mut decoded) = (Texts::default(), Decoded::default());
        decode(body.as_bytes(), Timestamp::UNIX_EPOCH, &texts, &mut decoded);
        let events: Vec<_> = waves(&decoded).into_iter().map(|(events, _)| events).collect();
        assert_eq!(events.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
        for wave in events {
            assert!(wave[..wave.len() - 1].iter().sum::<usize>() < WAVE_BYTES);
        }
    }
}
