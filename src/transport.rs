//! How parcels travel: inert options that a destination opens from its settings and the courier obeys.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::settings::{Secret, Section, Setting};

/// The two transports.
#[derive(Clone, Debug)]
pub enum Transport {
    /// HTTP/1.1, over TLS except to loopback.
    Http(HttpOptions),
    /// Syslog over TLS, TCP or UDP.
    Syslog(SyslogOptions),
}

/// Options of an HTTP transport.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Certificates and trust.
    pub tls: TlsOptions,
    /// Longest time for one request with its reply.
    pub timeout: Duration,
    /// Whether cookies are kept between requests (Splunk acknowledgements behind a load balancer).
    pub cookies: bool,
    /// Most bytes of a reply's body that are read. What a verdict needs is in the first MiB.
    pub reply_bytes: usize,
}

/// Enough of a reply for a verdict.
pub const VERDICT_BYTES: usize = 1 << 20;

/// Options of a syslog transport.
#[derive(Clone, Debug)]
pub struct SyslogOptions {
    /// Which transport protocol.
    pub scheme: SyslogScheme,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How messages are told apart on a stream; without meaning for UDP.
    pub framing: Framing,
    /// Certificates and trust, for TLS.
    pub tls: TlsOptions,
    /// Longest time for one flush.
    pub timeout: Duration,
}

/// Which protocol carries syslog messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyslogScheme {
    /// RFC 5425.
    Tls,
    /// RFC 6587.
    Tcp,
    /// RFC 5426.
    Udp,
}

/// RFC 6587: how messages are told apart on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Section 3.4.1: `LENGTH SP MESSAGE`; the length counts bytes.
    OctetCounting,
    /// Section 3.4.2: each message ends in a line feed and holds none.
    LineFeed,
}

/// Certificates and trust, as PEM text; parsed and proven usable when the courier opens.
#[derive(Clone, Default)]
pub struct TlsOptions {
    /// Trusted issuers instead of the system's.
    pub ca_pem: Option<String>,
    /// Our certificate chain, for mutual TLS.
    pub client_cert_pem: Option<String>,
    /// Its private key.
    pub client_key_pem: Option<Secret>,
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions")
            .field("own_ca", &self.ca_pem.is_some())
            .field("client_certificate", &self.client_cert_pem.is_some())
            .finish()
    }
}

/// Settings of every destination that speaks HTTP.
pub const HTTP_SETTINGS: &[Setting] = &[
    Setting::default("TIMEOUT", "20s", "Longest time for one request with its reply, between 1s and 120s."),
    TLS_SETTINGS[0],
    TLS_SETTINGS[1],
    TLS_SETTINGS[2],
];

const TLS_SETTINGS: [Setting; 3] = [
    Setting::optional("CA_CERT", "PEM text, or path of a PEM file, of the issuers to trust instead of the system's."),
    Setting::optional("CLIENT_CERT", "PEM text, or path of a PEM file, of our certificate chain for mutual TLS."),
    Setting::optional("CLIENT_KEY", "PEM text, or path of a PEM file, of the private key of CLIENT_CERT.").secret(),
];

/// Settings of every destination that speaks syslog.
pub const SYSLOG_SETTINGS: &[Setting] = &[
    Setting::required("ADDRESS", "Where to send: tls://host:6514, tcp://host:514 or udp://host:514."),
    Setting::default("TIMEOUT", "20s", "Longest time for one flush of messages, between 1s and 120s."),
    TLS_SETTINGS[0],
    TLS_SETTINGS[1],
    TLS_SETTINGS[2],
];

impl TlsOptions {
    /// Reads the TLS settings.
    #[must_use]
    pub fn from_section(section: &Section<'_>) -> Self {
        let tls = Self {
            ca_pem: section.pem("CA_CERT"),
            client_cert_pem: section.pem("CLIENT_CERT"),
            client_key_pem: section.pem("CLIENT_KEY").map(Secret::new),
        };
        if tls.client_cert_pem.is_some() != tls.client_key_pem.is_some() {
            section.fault("CLIENT_CERT", "CLIENT_CERT and CLIENT_KEY go together");
        }
        tls
    }
}

impl HttpOptions {
    /// Reads [`HTTP_SETTINGS`].
    #[must_use]
    pub fn from_section(section: &Section<'_>) -> Self {
        let timeout = section.duration("TIMEOUT", Duration::from_secs(1)..=Duration::from_secs(120));
        Self { tls: TlsOptions::from_section(section), timeout, cookies: false, reply_bytes: VERDICT_BYTES }
    }
}

impl SyslogOptions {
    /// Reads [`SYSLOG_SETTINGS`]; `framing` is the destination's choice.
    #[must_use]
    pub fn from_section(section: &Section<'_>, framing: Framing) -> Self {
        let (scheme, host, port) = section.syslog_address("ADDRESS");
        let timeout = section.duration("TIMEOUT", Duration::from_secs(1)..=Duration::from_secs(120));
        Self { scheme, host, port, framing, tls: TlsOptions::from_section(section), timeout }
    }

    /// Whether messages stay on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}
