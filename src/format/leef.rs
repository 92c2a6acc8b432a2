//! IBM's Log Event Extended Format, versions 1.0 and 2.0.
//!
//! LEEF has no escape mechanism: what would end a field is replaced. In the header `|` becomes `/`; in values the delimiter and
//! every control character (line breaks, tab) become a space. `=` in a value is legal, since the first one splits.

pub mod record;

use std::net::IpAddr;

use jiff::Timestamp;

use super::line::Draft;
use super::text::{self, Room, push_number};

/// Longest EventID, in characters.
pub const EVENT_ID_MAX: usize = 255;

/// Which version the header claims, and what separates pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `LEEF:1.0`: pairs are separated by a tab.
    One,
    /// `LEEF:2.0`: the header names the delimiter.
    Two(Delimiter),
}

impl Version {
    fn delimiter(self) -> u8 {
        match self {
            Self::One => b'\t',
            Self::Two(Delimiter(delimiter)) => delimiter,
        }
    }
}

/// One ASCII character between pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delimiter(u8);

impl Delimiter {
    /// `^`, the usual choice: unlike a tab, no relay rewrites it.
    pub const CARET: Self = Self(b'^');

    /// Reads `^`, `tab`, or the hexadecimal form `x5E` or `0x5E`. Refused are characters that keys, numbers and addresses hold, `=`, `|`,
    /// the backslash, the space, line breaks and NUL.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let mut chars = text.chars();
        let byte = match (chars.next(), chars.next()) {
            (Some(c), None) => u8::try_from(c).ok()?,
            _ if text.eq_ignore_ascii_case("tab") || text == "\\t" => b'\t',
            _ => {
                let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix('x'))?;
                let digits = (1..=4).contains(&hex.len()) && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
                u8::try_from(u16::from_str_radix(hex, 16).ok().filter(|_| digits)?).ok()?
            }
        };
        let usable = byte == b'\t' || (byte.is_ascii_punctuation() && !b"=|\\.:-_/".contains(&byte));
        usable.then_some(Self(byte))
    }
}

/// Appends the header up to and with the `|` before the first pair.
pub fn push_header(out: &mut Vec<u8>, version: Version, event_id: &str, share: usize) {
    out.extend_from_slice(match version {
        Version::One => b"LEEF:1.0|",
        Version::Two(_) => b"LEEF:2.0|",
    });
    out.extend_from_slice(b"Microsoft|Defender for Cloud|1.0|");
    text::push(out, text::trim(event_id), Room { chars: EVENT_ID_MAX, bytes: share }, escape_header);
    out.push(b'|');
    if let Version::Two(Delimiter(delimiter)) = version {
        // A tab in the header is written in hexadecimal, as IBM's own examples do.
        match delimiter {
            b'\t' => out.extend_from_slice(b"x09"),
            visible => out.push(visible),
        }
        out.push(b'|');
    }
}

/// The pairs being written.
#[derive(Debug)]
pub struct Attributes<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    delimiter: u8,
    draft: Draft,
}

impl<'o> Attributes<'o> {
    /// Starts the pairs at the end of `out`, which say as much as the draft allows.
    pub fn new(out: &'o mut Vec<u8>, version: Version, draft: Draft) -> Self {
        Self { start: out.len(), out, delimiter: version.delimiter(), draft }
    }

    /// Appends a text of at most so many characters; nothing when it is empty.
    pub fn text(&mut self, key: &'static str, value: &str, max_chars: usize) {
        let room = Room { chars: max_chars, bytes: self.draft.share };
        self.text_within(key, value, room);
    }

    /// Appends a text of at most so many characters if the line has room for it; else nothing.
    pub fn text_if_room(&mut self, key: &'static str, value: &str, max_chars: usize) {
        let before = self.out.len();
        self.text(key, value, max_chars);
        if self.out.len() > self.draft.end {
            self.out.truncate(before);
        }
    }

    /// Appends a text in what room the line has left; nothing when that is not worth taking.
    pub fn text_in_rest(&mut self, key: &'static str, value: &str) {
        const WORTH_IT: usize = 16;
        let left = self.draft.end.saturating_sub(self.out.len() + key.len() + 2);
        if left >= WORTH_IT {
            self.text_within(key, value, Room::bytes(left));
        }
    }

    /// Appends a number.
    pub fn integer(&mut self, key: &'static str, value: impl Into<i64>) {
        if self.open(key) {
            push_number(self.out, value.into());
        }
    }

    /// Appends a time as milliseconds since 1970: 13 digits need no `devTimeFormat`, so times that have fewer or more are left out.
    pub fn time(&mut self, key: &'static str, value: Timestamp) {
        let milliseconds = value.as_millisecond();
        if (1_000_000_000_000..10_000_000_000_000).contains(&milliseconds) {
            self.integer(key, milliseconds);
        }
    }

    /// Appends an address; nothing when it is none.
    pub fn address(&mut self, key: &'static str, value: &str) {
        if let Ok(address) = value.trim().parse::<IpAddr>() {
            self.text_within(key, &address.to_canonical().to_string(), Room::chars(39));
        }
    }

    fn text_within(&mut self, key: &'static str, value: &str, room: Room) {
        let delimiter = char::from(self.delimiter);
        let value = value.trim_matches(|c: char| c == delimiter || c.is_whitespace() || text::breaks_line(c));
        if !value.is_empty() && self.open(key) {
            text::push(self.out, value, room, |c| (c == delimiter || text::breaks_line(c)).then_some(" "));
        }
    }

    fn open(&mut self, key: &'static str) -> bool {
        if self.draft.omitted.contains(&key) {
            return false;
        }
        if self.out.len() > self.start {
            self.out.push(self.delimiter);
        }
        self.out.extend_from_slice(key.as_bytes());
        self.out.push(b'=');
        true
    }
}

fn escape_header(c: char) -> Option<&'static str> {
    match c {
        '|' => Some("/"),
        c if text::breaks_line(c) => Some(" "),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(version: Version, write: impl FnOnce(&mut Attributes<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Attributes::new(&mut out, version, Draft { omitted: &["cat"], ..Draft::WHOLE }));
        String::from_utf8(out).unwrap()
    }

    const CARET: Version = Version::Two(Delimiter::CARET);

    #[test]
    fn header_names_the_delimiter_in_version_two_only() {
        let header = |version| {
            let mut out = Vec::new();
            push_header(&mut out, version, "a|b\nc^", usize::MAX);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(header(Version::One), "LEEF:1.0|Microsoft|Defender for Cloud|1.0|a/b c^|");
        assert_eq!(header(CARET), "LEEF:2.0|Microsoft|Defender for Cloud|1.0|a/b c^|^|");
        let tab = Version::Two(Delimiter::from_text("tab").unwrap());
        assert_eq!(header(tab), "LEEF:2.0|Microsoft|Defender for Cloud|1.0|a/b c^|x09|");
    }

    #[test]
    fn event_id_is_at_most_255_characters() {
        let mut out = Vec::new();
        push_header(&mut out, Version::One, &"é".repeat(400), usize::MAX);
        let header = String::from_utf8(out).unwrap();
        assert_eq!(header.split('|').nth(4).unwrap().chars().count(), EVENT_ID_MAX);
    }

    #[test]
    fn delimiter_and_line_breaks_become_spaces_and_equals_stays() {
        let written = |version| {
            attributes(version, |attributes| {
                attributes.text("usrName", " A\\b=c|d^e\tf\r\ng ", 255);
                attributes.text("cat", "omitted", 9);
                attributes.text("desc", "^\0", 9);
                attributes.integer("sev", 9);
            })
        };
        assert_eq!(written(CARET), "usrName=A\\b=c|d e f  g^sev=9");
        assert_eq!(written(Version::One), "usrName=A\\b=c|d^e f  g\tdesc=^\tsev=9");
    }

    #[test]
    fn only_times_of_thirteen_digits_are_written() {
        let of = |text: &str| attributes(CARET, |attributes| attributes.time("devTime", text.parse().unwrap()));
        assert_eq!(of("2026-02-03T04:09:10.1234567Z"), "devTime=1770091750123");
        assert_eq!(of("1999-01-01T00:00:00Z"), "");
    }

    #[test]
    fn delimiters() {
        for (text, byte) in [("^", b'^'), ("x5E", b'^'), ("0x5e", b'^'), ("tab", b'\t'), ("x09", b'\t'), ("~", b'~')] {
            assert_eq!(Delimiter::from_text(text), Some(Delimiter(byte)), "{text}");
        }
        for bad in ["", "=", "|", "a", "0", " ", "x7c", "x20", "0x0A", "xA6", "^^", "x", "é", "x+5", "."] {
            assert_eq!(Delimiter::from_text(bad), None, "{bad}");
        }
    }
}
