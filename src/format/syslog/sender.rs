//! What the destinations that speak syslog share: who sends, how long a message may be, and how messages are packed.

use crate::batch::{Frames, Limits, Records};
use crate::event::Event;
use crate::format::record::{category, time};
use crate::parcel::{Parcel, SyslogParcel};
use crate::settings::{Section, Setting};
use crate::transport::{Framing, SyslogOptions, SyslogScheme, Transport};

use super::{Facility, HOSTNAME_MAX, Header5424, is_token, push_header_3164, push_header_iso};

/// Who the header says sends.
pub const HOSTNAME: Setting = Setting::default(
    "HOSTNAME",
    "defender-relay",
    "Host name in the syslog header: one stable name, the same for every instance.",
);

/// The facility of PRI.
pub const FACILITY: Setting = Setting::default(
    "FACILITY",
    "local0",
    "Syslog facility: local0 to local7, user, daemon, auth, authpriv, syslog or audit.",
);

/// The smallest `MAX_MESSAGE_BYTES`: with less, a record's ids, title and header might not fit.
pub const MIN_MESSAGE_BYTES: usize = 1024;

/// The largest for a stream; more than any collector takes by default.
const MAX_STREAM_BYTES: usize = 1_000_000;

/// What one UDP datagram can carry over IPv4.
const MAX_DATAGRAM_BYTES: usize = 65_507;

/// One sender of syslog messages.
#[derive(Debug)]
pub struct Sender {
    /// How messages travel.
    pub transport: Transport,
    /// HOSTNAME of every header.
    pub hostname: String,
    facility: Facility,
    max_message_bytes: usize,
    scheme: SyslogScheme,
    framing: Framing,
}

impl Sender {
    /// What one flush may hold.
    pub const LIMITS: Limits = Limits { records: 500, bytes: 1_000_000, ..Limits::ANY };

    /// Reads [`HOSTNAME`], [`FACILITY`], `FRAMING` (`lf` or `octet`), `MAX_MESSAGE_BYTES` and the transport's settings. The limit, when
    /// it is not given, depends on whether messages travel in a stream or as datagrams.
    #[must_use]
    pub fn from_section(section: &Section<'_>, stream_bytes: usize, datagram_bytes: usize) -> Self {
        let framing = section.choice("FRAMING", &[("lf", Framing::LineFeed), ("octet", Framing::OctetCounting)]);
        let options = SyslogOptions::from_section(section, framing);
        let scheme = options.scheme;
        let (fallback, most) = match scheme {
            SyslogScheme::Udp => (datagram_bytes, MAX_DATAGRAM_BYTES),
            SyslogScheme::Tls | SyslogScheme::Tcp => (stream_bytes, MAX_STREAM_BYTES),
        };
        let max_message_bytes = match section.text("MAX_MESSAGE_BYTES") {
            None => fallback,
            Some(_) => section.number("MAX_MESSAGE_BYTES", MIN_MESSAGE_BYTES..=most),
        };
        let hostname = section.string("HOSTNAME");
        if !is_token(&hostname) || hostname.len() > HOSTNAME_MAX {
            section.fault("HOSTNAME", "must be up to 255 printable ASCII characters without a space");
        }
        let facility = section.choice("FACILITY", &Facility::NAMES);
        Self { transport: Transport::Syslog(options), hostname, facility, max_message_bytes, scheme, framing }
    }

    /// Appends an RFC 3164 header for the event.
    pub fn push_header_3164(&self, out: &mut Vec<u8>, event: &Event<'_>, severity: u8) {
        push_header_3164(out, self.facility, severity, time(event), &self.hostname);
    }

    /// Appends the short ISO header for the event.
    pub fn push_header_iso(&self, out: &mut Vec<u8>, event: &Event<'_>, severity: u8) {
        push_header_iso(out, self.facility, severity, time(event), &self.hostname);
    }

    /// Appends an RFC 5424 header for the event, up to the structured data; MSGID is the alert type, of a log its category, else the
    /// record kind.
    pub fn push_header_5424(&self, out: &mut Vec<u8>, event: &Event<'_>, severity: u8, app_name: &str) {
        let (facility, time, hostname) = (self.facility, time(event), self.hostname.as_str());
        let alert_type = event.any_alert().and_then(|alert| alert.alert_type.as_deref());
        let msgid = alert_type.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| category(event));
        Header5424 { facility, severity, time, hostname, app_name, msgid }.push(out);
    }

    /// How many bytes the message that began at `start` may still take.
    #[must_use]
    pub fn left(&self, out: &[u8], start: usize) -> usize {
        self.max_message_bytes.saturating_sub(out.len() - start)
    }

    /// One message of a run.
    #[must_use]
    pub fn pack(records: Records<'_>) -> Parcel {
        Parcel::Syslog(SyslogParcel { messages: records.frames() })
    }

    /// A probe that only connects; none over UDP, where that proves nothing.
    #[must_use]
    pub fn probe(&self) -> Option<Parcel> {
        (self.scheme != SyslogScheme::Udp).then(|| Parcel::Syslog(SyslogParcel { messages: Frames::default() }))
    }

    /// What is allowed but worth a word: UDP, and TCP that leaves this machine. Whether `lf` over TLS is, the destination knows: RFC 5425
    /// forbids it, QRadar wants it.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let warning = match self.scheme {
            SyslogScheme::Udp => {
                "ADDRESS is udp://: datagrams are lost, cut and reordered without a sign, nothing is encrypted, and alerts are often \
                 longer than a datagram; use tls://"
            }
            SyslogScheme::Tcp if self.stays_here() => return Vec::new(),
            SyslogScheme::Tcp => {
                "ADDRESS is tcp://: alerts travel unencrypted and the collector is not proven; use tls://"
            }
            SyslogScheme::Tls => return Vec::new(),
        };
        vec![warning.to_owned()]
    }

    fn stays_here(&self) -> bool {
        matches!(&self.transport, Transport::Syslog(options) if options.is_loopback())
    }

    /// Whether messages travel over TLS without octet counting, which RFC 5425 section 4.3 makes mandatory.
    #[must_use]
    pub fn breaks_rfc_5425(&self) -> bool {
        self.scheme == SyslogScheme::Tls && self.framing == Framing::LineFeed
    }
}
