//! The Common Event Format: header and extension, escaped, typed and shortened as ArcSight's implementation standard says.
//!
//! Header: `\` and `|` are escaped, line breaks become spaces. Extension: `\` and `=` are escaped, CR and LF are written `\r` and
//! `\n`; `|` is not escaped. Pairs are separated by one space; values are trimmed, since a receiver may take outer spaces for its own.

pub mod record;

use std::net::IpAddr;

use jiff::Timestamp;

use super::line::Draft;
use super::text::{self, Room, push_number};

/// Which version the header claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `CEF:0`: the format of 2009. `src` and `dst` are IPv4; IPv6 goes to `c6a2` and `c6a3` with a label.
    Zero,
    /// `CEF:1`: addresses of both families in `src` and `dst`.
    One,
}

/// A key for text, with the longest value that the dictionary allows, in characters.
#[derive(Clone, Copy, Debug)]
pub struct Text(pub &'static str, pub usize);

/// A key for a whole number.
#[derive(Clone, Copy, Debug)]
pub struct Integer(pub &'static str);

/// A key for a time.
#[derive(Clone, Copy, Debug)]
pub struct Time(pub &'static str);

/// A key for an address.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    /// The key for IPv4, and for both in CEF:1.
    pub key: &'static str,
    /// The key for IPv6 in CEF:0.
    pub v6: Text,
    /// The label of the latter.
    pub label: &'static str,
}

/// The keys of the producer's dictionary that we write, each with its type and length.
pub mod key {
    use super::{Address, Integer, Text, Time};

    /// Event time of the device.
    pub const RT: Time = Time("rt");
    /// First activity.
    pub const START: Time = Time("start");
    /// Last activity.
    pub const END: Time = Time("end");
    /// The device's id of the event.
    pub const EXTERNAL_ID: Text = Text("externalId", 40);
    /// Category.
    pub const CAT: Text = Text("cat", 1023);
    /// Host name of the reporting device.
    pub const DVCHOST: Text = Text("dvchost", 100);
    /// Host name of the target.
    pub const DHOST: Text = Text("dhost", 1023);
    /// Source address.
    pub const SRC: Address = Address { key: "src", v6: Text("c6a2", 39), label: "Source IPv6 Address" };
    /// Destination address.
    pub const DST: Address = Address { key: "dst", v6: Text("c6a3", 39), label: "Destination IPv6 Address" };
    /// Source port.
    pub const SPT: Integer = Integer("spt");
    /// Destination port.
    pub const DPT: Integer = Integer("dpt");
    /// Transport protocol.
    pub const PROTO: Text = Text("proto", 31);
    /// User who acted.
    pub const SUSER: Text = Text("suser", 1023);
    /// Id of that user.
    pub const SUID: Text = Text("suid", 1023);
    /// What that user may do.
    pub const SPRIV: Text = Text("spriv", 1023);
    /// The application through which that user acted.
    pub const SOURCE_SERVICE_NAME: Text = Text("sourceServiceName", 1023);
    /// User concerned.
    pub const DUSER: Text = Text("duser", 1023);
    /// Id of that user.
    pub const DUID: Text = Text("duid", 1023);
    /// Domain name concerned.
    pub const DNS_DOMAIN: Text = Text("destinationDnsDomain", 255);
    /// File name.
    pub const FNAME: Text = Text("fname", 1023);
    /// File path.
    pub const FILE_PATH: Text = Text("filePath", 1023);
    /// File hash.
    pub const FILE_HASH: Text = Text("fileHash", 255);
    /// Process name.
    pub const DPROC: Text = Text("dproc", 1023);
    /// What was done about it.
    pub const ACT: Text = Text("act", 63);
    /// How it ended.
    pub const OUTCOME: Text = Text("outcome", 63);
    /// Why it ended so.
    pub const REASON: Text = Text("reason", 1023);
    /// Custom number: CEF's `Long`, which has at most 19 digits.
    pub const CN1: Text = Text("cn1", 19);
    /// Process id.
    pub const DPID: Integer = Integer("dpid");
    /// Custom strings, each with its label.
    pub const CS1: Text = Text("cs1", 4000);
    /// Custom string.
    pub const CS2: Text = Text("cs2", 4000);
    /// Custom string.
    pub const CS3: Text = Text("cs3", 4000);
    /// Custom string.
    pub const CS4: Text = Text("cs4", 4000);
    /// Custom string.
    pub const CS5: Text = Text("cs5", 4000);
    /// Custom string.
    pub const CS6: Text = Text("cs6", 4000);
    /// URL.
    pub const REQUEST: Text = Text("request", 1023);
    /// Message.
    pub const MSG: Text = Text("msg", 1023);
}

/// The largest value of CEF's `Integer` type, a signed 32-bit number.
const INTEGER_MAX: u64 = i32::MAX as u64;

/// Appends the header up to and with its last `|`. Vendor, product and version are fixed: together they name us to ArcSight.
pub fn push_header(out: &mut Vec<u8>, version: Version, class_id: &str, name: &str, severity: u8, share: usize) {
    out.extend_from_slice(match version {
        Version::Zero => b"CEF:0|",
        Version::One => b"CEF:1|",
    });
    out.extend_from_slice(b"Microsoft|Defender for Cloud|1.0|");
    text::push(out, text::trim(class_id), Room { chars: 1023, bytes: share }, escape_header);
    out.push(b'|');
    text::push(out, text::trim(name), Room { chars: 512, bytes: share }, escape_header);
    out.push(b'|');
    push_number(out, severity);
    out.push(b'|');
}

/// The extension being written.
#[derive(Debug)]
pub struct Extension<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    version: Version,
    draft: Draft,
}

impl<'o> Extension<'o> {
    /// Starts an extension at the end of `out`, which says as much as the draft allows.
    pub fn new(out: &'o mut Vec<u8>, version: Version, draft: Draft) -> Self {
        Self { start: out.len(), out, version, draft }
    }

    /// Appends a text; nothing when it is empty.
    pub fn text(&mut self, Text(key, max): Text, value: &str) {
        let room = Room { chars: max, bytes: self.draft.share };
        self.text_within(key, value, room);
    }

    /// Appends a text in what room the line has left; nothing when that is not worth taking.
    pub fn text_in_rest(&mut self, Text(key, max): Text, value: &str) {
        if let Some(bytes) = self.rest(key.len() + 2) {
            self.text_within(key, value, Room { chars: max, bytes });
        }
    }

    /// Appends a text with a label.
    pub fn labelled(&mut self, key: Text, label: &'static str, value: &str) {
        self.labelled_within(key, label, value, self.draft.share);
    }

    /// Appends a text with a label in what room the line has left; nothing when that is not worth taking.
    pub fn labelled_in_rest(&mut self, key: Text, label: &'static str, value: &str) {
        if let Some(bytes) = self.rest(2 * key.0.len() + 2 + " Label=".len() + label.len()) {
            self.labelled_within(key, label, value, bytes);
        }
    }

    /// What room the line has left beside so many bytes, when that is worth taking.
    fn rest(&self, beside: usize) -> Option<usize> {
        const WORTH_IT: usize = 16;
        Some(self.draft.end.saturating_sub(self.out.len() + beside)).filter(|left| *left >= WORTH_IT)
    }

    fn labelled_within(&mut self, Text(key, max): Text, label: &'static str, value: &str, bytes: usize) {
        if self.text_within(key, value, Room { chars: max, bytes }) {
            self.out.push(b' ');
            self.out.extend_from_slice(key.as_bytes());
            self.out.extend_from_slice(b"Label=");
            self.out.extend_from_slice(label.as_bytes());
        }
    }

    /// Appends a number; nothing when CEF's type cannot hold it.
    pub fn integer(&mut self, Integer(key): Integer, value: impl Into<u64>) {
        let value = value.into();
        if value <= INTEGER_MAX && self.open(key) {
            push_number(self.out, value);
        }
    }

    /// Appends a time as milliseconds since 1970.
    pub fn time(&mut self, Time(key): Time, value: Timestamp) {
        if self.open(key) {
            push_number(self.out, value.as_millisecond());
        }
    }

    /// Appends an address; nothing when it is none.
    pub fn address(&mut self, Address { key, v6, label }: Address, value: &str) {
        match (value.trim().parse::<IpAddr>().map(|address| address.to_canonical()), self.version) {
            (Ok(address @ IpAddr::V6(_)), Version::Zero) => {
                if !self.draft.omitted.contains(&key) {
                    self.labelled(v6, label, &address.to_string());
                }
            }
            (Ok(address), _) => {
                self.text_within(key, &address.to_string(), Room::chars(39));
            }
            (Err(_), _) => {}
        }
    }

    fn text_within(&mut self, key: &'static str, value: &str, room: Room) -> bool {
        let value = text::trim(value);
        if value.is_empty() || !self.open(key) {
            return false;
        }
        text::push(self.out, value, room, escape_value);
        true
    }

    fn open(&mut self, key: &'static str) -> bool {
        if self.draft.omitted.contains(&key) {
            return false;
        }
        if self.out.len() > self.start {
            self.out.push(b' ');
        }
        self.out.extend_from_slice(key.as_bytes());
        self.out.push(b'=');
        true
    }
}

/// A header field allows no line break and no control character.
fn escape_header(c: char) -> Option<&'static str> {
    match c {
        '\\' => Some("\\\\"),
        '|' => Some("\\|"),
        c if text::breaks_line(c) => Some(" "),
        _ => None,
    }
}

/// An extension value keeps its line breaks, escaped.
fn escape_value(c: char) -> Option<&'static str> {
    match c {
        '\\' => Some("\\\\"),
        '=' => Some("\\="),
        '\n' => Some("\\n"),
        '\r' => Some("\\r"),
        c if text::breaks_line(c) => Some(" "),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extension(version: Version, write: impl FnOnce(&mut Extension<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Extension::new(&mut out, version, Draft { omitted: &["cat"], ..Draft::WHOLE }));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn header_escapes_backslash_and_pipe_and_takes_no_line_break() {
        let mut out = Vec::new();
        push_header(&mut out, Version::One, "a=\\b", " x|y\r\nz ", 10, usize::MAX);
        assert_eq!(String::from_utf8(out).unwrap(), "CEF:1|Microsoft|Defender for Cloud|1.0|a=\\\\b|x\\|y  z|10|");
    }

    #[test]
    fn values_escape_backslash_equals_and_line_breaks_but_not_pipes() {
        let written = extension(Version::Zero, |extension| {
            extension.text(key::DUSER, " A\\b=c|d\r\ne\0f\u{2028}g\u{85}h ");
            extension.text(key::CAT, "omitted");
            extension.text(key::MSG, " \0 ");
            extension.labelled(key::CS2, "Label", "C:\\new");
        });
        assert_eq!(written, "duser=A\\\\b\\=c|d\\r\\ne f g h cs2=C:\\\\new cs2Label=Label");
    }

    #[test]
    fn lengths_count_characters_before_escaping() {
        let written = extension(Version::Zero, |extension| extension.text(key::EXTERNAL_ID, &"=".repeat(41)));
        assert_eq!(written, format!("externalId={}…", "\\=".repeat(39)));
    }

    #[test]
    fn addresses_are_checked_and_sorted_by_family() {
        let of = |version, value: &str| extension(version, |extension| extension.address(key::SRC, value));
        assert_eq!(of(Version::Zero, " 203.0.113.45 "), "src=203.0.113.45");
        assert_eq!(of(Version::Zero, "2001:DB8::5"), "c6a2=2001:db8::5 c6a2Label=Source IPv6 Address");
        assert_eq!(of(Version::One, "2001:db8::5"), "src=2001:db8::5");
        assert_eq!(of(Version::Zero, "::ffff:192.0.2.1"), "src=192.0.2.1");
        for bad in ["", "00.00.00.00", "300.1.1.1", "host", "1.2.3.4:80", "1.2.3.4 cs1=x"] {
            assert_eq!(of(Version::Zero, bad), "", "{bad}");
        }
    }

    #[test]
    fn numbers_too_large_for_the_type_are_left_out() {
        let written = extension(Version::Zero, |extension| {
            extension.integer(key::DPID, 4_294_967_296_u64);
            extension.integer(key::DPT, 443_u16);
        });
        assert_eq!(written, "dpt=443");
    }
}
