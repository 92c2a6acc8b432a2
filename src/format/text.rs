//! Text on its way into a line format: trimmed, shortened, then escaped, in that order.
//!
//! Shortening comes first and counts what escaping will add, so no escape pair and no character is ever cut in two.

/// The mark at the end of a text that was shortened.
pub const ELLIPSIS: char = '…';

/// How long a text may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Characters before escaping, the ellipsis included.
    pub chars: usize,
    /// Bytes after escaping, the ellipsis included.
    pub bytes: usize,
}

impl Room {
    /// Room for so many characters, whatever they take.
    #[must_use]
    pub const fn chars(chars: usize) -> Self {
        Self { chars, bytes: usize::MAX }
    }

    /// Room for so many escaped bytes.
    #[must_use]
    pub const fn bytes(bytes: usize) -> Self {
        Self { chars: usize::MAX, bytes }
    }
}

/// What stands for a character in a format; `None` lets it stand as it is.
pub trait Escape: Fn(char) -> Option<&'static str> {}
impl<F: Fn(char) -> Option<&'static str>> Escape for F {}

/// Whether a character has no place in one line of text: control characters (C0, DEL, C1 with NEL), and Unicode's line and paragraph
/// separators, which some receivers take for a line end.
#[must_use]
pub fn breaks_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The text without white space and control characters around it. What is left may be empty.
#[must_use]
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || breaks_line(c))
}

/// Appends `text`, shortened to `room` with an ellipsis, then escaped. Without room for the ellipsis alone it appends nothing.
pub fn push(out: &mut Vec<u8>, text: &str, room: Room, escape: impl Escape) {
    match cut(text, room, &escape) {
        None => push_escaped(out, text, escape),
        Some(end) => {
            push_escaped(out, &text[..end], escape);
            if room.chars > 0 && room.bytes >= ELLIPSIS.len_utf8() {
                out.extend_from_slice(ELLIPSIS.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
}

/// Where to cut so that the rest, escaped, and the ellipsis fit; `None` when the whole text fits.
fn cut(text: &str, room: Room, escape: &impl Escape) -> Option<usize> {
    // No character escapes to more than twice its bytes.
    if text.len() <= room.chars && text.len() <= room.bytes / 2 {
        return None;
    }
    let (mut chars, mut bytes, mut end) = (0, 0, 0);
    for (at, c) in text.char_indices() {
        if chars < room.chars && bytes + ELLIPSIS.len_utf8() <= room.bytes {
            end = at;
        }
        chars += 1;
        bytes += escape(c).map_or(c.len_utf8(), str::len);
        if chars > room.chars || bytes > room.bytes {
            return Some(end);
        }
    }
    None
}

fn push_escaped(out: &mut Vec<u8>, text: &str, escape: impl Escape) {
    let mut copied = 0;
    for (at, c) in text.char_indices() {
        if let Some(stand_in) = escape(c) {
            out.extend_from_slice(&text.as_bytes()[copied..at]);
            out.extend_from_slice(stand_in.as_bytes());
            copied = at + c.len_utf8();
        }
    }
    out.extend_from_slice(&text.as_bytes()[copied..]);
}

/// Appends a number in decimal.
pub fn push_number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubled(c: char) -> Option<&'static str> {
        (c == '=').then_some("\\=")
    }

    fn pushed(text: &str, room: Room) -> String {
        let mut out = Vec::new();
        push(&mut out, text, room, doubled);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_fits_is_whole() {
        assert_eq!(pushed("a=b", Room { chars: 3, bytes: 4 }), "a\\=b");
        assert_eq!(pushed("", Room { chars: 0, bytes: 0 }), "");
    }

    #[test]
    fn a_cut_falls_between_characters_and_never_inside_an_escape() {
        assert_eq!(pushed("====", Room::bytes(7)), "\\=\\=…");
        assert_eq!(pushed("====", Room::bytes(6)), "\\=…");
        assert_eq!(pushed("éééé", Room::bytes(7)), "éé…");
        assert_eq!(pushed("🦀🦀🦀", Room::chars(2)), "🦀…");
        assert_eq!(pushed("abc", Room::bytes(2)), "");
        assert_eq!(pushed("abc", Room::chars(0)), "");
    }

    #[test]
    fn trimming_takes_controls_too() {
        assert_eq!(trim(" \0\u{2028}a b\r\n\u{85}"), "a b");
        assert_eq!(trim("\0"), "");
    }
}
