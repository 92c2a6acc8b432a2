//! Syslog headers: RFC 5424, RFC 3164, and the short ISO form that IBM documents for LEEF. Framing is the courier's.

pub mod sender;

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::text::{self, Room, push_number};

/// The PRI part's facility, 0 to 23.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(u8);

impl Facility {
    /// The names that the setting `FACILITY` takes.
    pub const NAMES: [(&'static str, Self); 14] = [
        ("local0", Self(16)),
        ("local1", Self(17)),
        ("local2", Self(18)),
        ("local3", Self(19)),
        ("local4", Self(20)),
        ("local5", Self(21)),
        ("local6", Self(22)),
        ("local7", Self(23)),
        ("user", Self(1)),
        ("daemon", Self(3)),
        ("auth", Self(4)),
        ("syslog", Self(5)),
        ("authpriv", Self(10)),
        ("audit", Self(13)),
    ];
    /// `local0`.
    pub const LOCAL0: Self = Self(16);
}

/// Longest HOSTNAME of RFC 5424, in characters.
pub const HOSTNAME_MAX: usize = 255;
/// Longest APP-NAME of RFC 5424.
pub const APP_NAME_MAX: usize = 48;
/// Longest MSGID of RFC 5424.
pub const MSGID_MAX: usize = 32;
/// Longest SD-ID and PARAM-NAME of RFC 5424.
pub const SD_NAME_MAX: usize = 32;

/// Whether every character is printable ASCII without the space (PRINTUSASCII of RFC 5424: 33 to 126).
#[must_use]
pub fn is_token(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether the text may be an SD-ID: a token without `=`, `]` and `"`, up to 32 characters; not empty.
#[must_use]
pub fn is_sd_name(text: &str) -> bool {
    (1..=SD_NAME_MAX).contains(&text.len()) && is_token(text) && !text.contains(['=', ']', '"'])
}

/// Appends `<PRI>`: facility times eight plus severity (0 to 7).
pub fn push_pri(out: &mut Vec<u8>, facility: Facility, severity: u8) {
    out.push(b'<');
    push_number(out, facility.0 * 8 + severity.min(7));
    out.push(b'>');
}

/// What an RFC 5424 header says, besides the structured data. PROCID is always absent: a function instance's process id means nothing.
#[derive(Clone, Copy, Debug)]
pub struct Header5424<'a> {
    /// Facility.
    pub facility: Facility,
    /// Severity, 0 to 7.
    pub severity: u8,
    /// Time of the event; times before 1970 are written as 1970.
    pub time: Timestamp,
    /// HOSTNAME.
    pub hostname: &'a str,
    /// APP-NAME.
    pub app_name: &'a str,
    /// MSGID.
    pub msgid: &'a str,
}

impl Header5424<'_> {
    /// Appends the header with the space before the structured data (RFC 5424 section 6).
    pub fn push(&self, out: &mut Vec<u8>) {
        push_pri(out, self.facility, self.severity);
        out.extend_from_slice(b"1 ");
        push_rfc3339(out, self.time, 6);
        for (token, max) in [(self.hostname, HOSTNAME_MAX), (self.app_name, APP_NAME_MAX)] {
            out.push(b' ');
            push_token(out, token, max);
        }
        out.extend_from_slice(b" - ");
        push_token(out, self.msgid, MSGID_MAX);
        out.push(b' ');
    }
}

/// Appends `<PRI>Mmm dd hh:mm:ss HOST ` (RFC 3164 section 4.1), in UTC, the day padded with a space. There is no TAG: CEF and LEEF go
/// without one.
pub fn push_header_3164(out: &mut Vec<u8>, facility: Facility, severity: u8, time: Timestamp, hostname: &str) {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    push_pri(out, facility, severity);
    let utc = utc(time);
    let month = usize::from(utc.month().unsigned_abs()) - 1;
    let (day, hour, minute, second) = (utc.day(), utc.hour(), utc.minute(), utc.second());
    push_fmt(out, format_args!("{} {day:>2} {hour:02}:{minute:02}:{second:02} ", MONTHS[month]));
    push_token(out, hostname, HOSTNAME_MAX);
    out.push(b' ');
}

/// Appends `<PRI>1 yyyy-MM-ddTHH:mm:ss.SSSZ HOST `: the short form that IBM documents in front of LEEF, with exactly milliseconds.
pub fn push_header_iso(out: &mut Vec<u8>, facility: Facility, severity: u8, time: Timestamp, hostname: &str) {
    push_pri(out, facility, severity);
    out.extend_from_slice(b"1 ");
    push_rfc3339(out, time, 3);
    out.push(b' ');
    push_token(out, hostname, HOSTNAME_MAX);
    out.push(b' ');
}

/// The civil time in UTC, not before 1970.
fn utc(time: Timestamp) -> DateTime {
    Offset::UTC.to_datetime(time.max(Timestamp::UNIX_EPOCH))
}

/// Appends an RFC 3339 time in UTC with so many digits of the second's fraction (at most 6: RFC 5424 forbids more), cut, not rounded.
pub fn push_rfc3339(out: &mut Vec<u8>, time: Timestamp, digits: u32) {
    let utc = utc(time);
    let (year, month, day) = (utc.year(), utc.month(), utc.day());
    let (hour, minute, second) = (utc.hour(), utc.minute(), utc.second());
    let fraction = utc.subsec_nanosecond().unsigned_abs() / 10_u32.pow(9 - digits);
    let width = digits as usize;
    push_fmt(out, format_args!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:0width$}Z"));
}

fn push_fmt(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    struct Sink<'a>(&'a mut Vec<u8>);
    impl std::fmt::Write for Sink<'_> {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
    // A vector takes everything.
    let _ = Sink(out).write_fmt(arguments);
}

/// Appends a header token: at most `max` characters, `_` for every character that is not PRINTUSASCII, `-` for nothing.
pub fn push_token(out: &mut Vec<u8>, token: &str, max: usize) {
    let token = text::trim(token);
    if token.is_empty() {
        out.push(b'-');
        return;
    }
    out.extend(token.chars().take(max).map(|c| if c.is_ascii_graphic() { c as u8 } else { b'_' }));
}

/// One SD-ELEMENT being written (RFC 5424 section 6.3).
#[derive(Debug)]
pub struct StructuredData<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> StructuredData<'o> {
    /// Opens an element; `id` must satisfy [`is_sd_name`].
    pub fn open(out: &'o mut Vec<u8>, id: &str) -> Self {
        out.push(b'[');
        out.extend_from_slice(id.as_bytes());
        Self { out }
    }

    /// Appends a parameter whose value is shortened to `room`; none for a text that is empty. Line breaks become spaces: LF framing
    /// allows none, and receivers rewrite them.
    pub fn param(&mut self, name: &'static str, value: &str, room: Room) {
        let value = text::trim(value);
        if value.is_empty() {
            return;
        }
        self.out.push(b' ');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"=\"");
        text::push(self.out, value, room, escape_param);
        self.out.push(b'"');
    }

    /// Goes on with the element that was opened last and is not closed yet.
    pub fn reopen(out: &'o mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Closes the element.
    pub fn close(self) {
        self.out.push(b']');
    }
}

/// RFC 5424 section 6.3.3: a backslash before `"`, `\` and `]`, and before nothing else.
fn escape_param(c: char) -> Option<&'static str> {
    match c {
        '\\' => Some("\\\\"),
        '"' => Some("\\\""),
        ']' => Some("\\]"),
        c if text::breaks_line(c) => Some(" "),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn rfc5424_header_has_six_digits_and_dashes_for_nothing() {
        let header = Header5424 {
            facility: Facility::LOCAL0,
            severity: 2,
            time: at("2026-02-03T04:09:10.1234567Z"),
            hostname: "",
            app_name: "a b\u{1f980}",
            msgid: "123456789012345678901234567890123",
        };
        assert_eq!(
            written(|out| header.push(out)),
            "<130>1 2026-02-03T04:09:10.123456Z - a_b_ - 12345678901234567890123456789012 "
        );
    }

    #[test]
    fn rfc3164_pads_the_day_with_a_space() {
        let header = |time| written(|out| push_header_3164(out, Facility::LOCAL0, 2, at(time), "h"));
        assert_eq!(header("2026-02-03T04:09:10.9Z"), "<130>Feb  3 04:09:10 h ");
        assert_eq!(header("2026-12-31T23:59:59+01:00"), "<130>Dec 31 22:59:59 h ");
    }

    #[test]
    fn iso_has_exactly_milliseconds() {
        let header = |time| written(|out| push_header_iso(out, Facility::LOCAL0, 9, at(time), "h"));
        assert_eq!(header("2026-02-03T04:09:10Z"), "<135>1 2026-02-03T04:09:10.000Z h ");
        assert_eq!(header("1969-02-03T04:09:10.9999Z"), "<135>1 1970-01-01T00:00:00.000Z h ");
    }

    #[test]
    fn param_values_escape_three_characters_only() {
        let element = written(|out| {
            let mut data = StructuredData::open(out, "mdc@32473");
            data.param("a", " q\"b\\s]e=|\nx ", Room::chars(99));
            data.param("b", "\0", Room::chars(99));
            data.close();
        });
        assert_eq!(element, "[mdc@32473 a=\"q\\\"b\\\\s\\]e=| x\"]");
    }

    #[test]
    fn sd_names() {
        assert!(is_sd_name("mdc@32473"));
        for bad in ["", "a b", "a=b", "a]", "a\"", "é", "123456789012345678901234567890123"] {
            assert!(!is_sd_name(bad), "{bad}");
        }
    }
}
