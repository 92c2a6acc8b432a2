//! Parcels, replies and verdicts: inert data between the pure destinations and the courier that does the sending.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;
use url::Url;

use crate::batch::Frames;
use crate::cloud::{Audience, Hosts};
use crate::settings::Secret;

/// One message to a destination. Closed set: there are two transports.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one parcel per request, never a list of them")]
pub enum Parcel {
    /// One HTTP request.
    Http(HttpParcel),
    /// Syslog messages over one connection, or as datagrams.
    Syslog(SyslogParcel),
}

/// One HTTP request, complete but for what depends on the clock or on a token.
#[derive(Clone)]
pub struct HttpParcel {
    /// Request method.
    pub method: Method,
    /// Full URL, checked when the destination was opened.
    pub url: Url,
    /// Headers besides those of `auth` and `Content-Encoding`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body, uncompressed.
    pub body: Bytes,
    /// Whether the courier sends the body with `Content-Encoding: gzip`.
    pub gzip: Gzip,
    /// How the request proves who sends it.
    pub auth: Auth,
    /// How long to wait before sending: for a step of a conversation that polls.
    pub delay: Option<Duration>,
    /// What the destination's next [`Verdict::Then`] step needs to know: stage, keys, the record. Never a secret.
    pub memo: Value,
}

impl HttpParcel {
    /// A POST of `body` with the given content type.
    #[must_use]
    pub fn post(url: Url, content_type: &'static str, body: Bytes) -> Self {
        let headers = vec![(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
        Self { headers, body, ..Self::bare(Method::POST, url) }
    }

    /// A GET.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self::bare(Method::GET, url)
    }

    /// Only the connection to the URL's host, TLS included: nothing is sent over it, and the reply to a connection that stands is
    /// [`Reply::Sent`]. For probes of receivers that take every request for a delivery, or for a breach. It is told by the method,
    /// which no destination has another use for: `CONNECT` is for proxies (RFC 9110 section 9.3.6), and the courier uses none.
    #[must_use]
    pub fn connect(url: Url) -> Self {
        Self::bare(Method::CONNECT, url)
    }

    /// A request of this method without headers and body.
    #[must_use]
    pub fn bare(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            body: Bytes::new(),
            gzip: Gzip::Never,
            auth: Auth::None,
            delay: None,
            memo: Value::Null,
        }
    }
}

/// When a body is sent with `Content-Encoding: gzip`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gzip {
    /// Never.
    Never,
    /// Above 1 KiB: smaller bodies travel faster as they are.
    Large,
    /// Whatever its size: for receivers that are set up to take nothing else.
    Always,
}

impl fmt::Debug for HttpParcel {
    /// Shows neither header values, nor the path and query of the URL (some carry tokens), nor the body (alert content).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpParcel")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("headers", &self.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>())
            .field("body_bytes", &self.body.len())
            .field("gzip", &self.gzip)
            .field("auth", &self.auth)
            .field("delay", &self.delay)
            .finish_non_exhaustive()
    }
}

/// Syslog messages, unframed; the courier frames them as the destination's transport options say. None at all means: only
/// connect (a probe).
#[derive(Clone, Debug)]
pub struct SyslogParcel {
    /// The messages.
    pub messages: Frames,
}

/// How an HTTP request proves who sends it. Values that depend on time or on a fetched token are made by the courier.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Not at all.
    None,
    /// A fixed header: `name: prefix value`.
    Header {
        /// Header name.
        name: HeaderName,
        /// Text before the secret, with its space: `Splunk `, `Bearer `, or empty.
        prefix: &'static str,
        /// The secret.
        value: Secret,
    },
    /// HTTP Basic.
    Basic {
        /// User name.
        user: String,
        /// Password.
        password: Secret,
    },
    /// A token of Microsoft Entra ID for the app's identity, as `Authorization: Bearer`.
    Entra(Arc<Audience>),
    /// A token that these credentials buy, as `Authorization: Bearer`.
    OAuth2(Arc<ClientCredentials>),
    /// An advanced API key of Palo Alto Networks Cortex: `x-xdr-auth-id`, a nonce, the time, and a hash over key, nonce and time.
    CortexAdvanced {
        /// Id of the key.
        key_id: String,
        /// The key.
        key: Secret,
    },
    /// Standard Webhooks: `webhook-id`, `webhook-timestamp` (of this attempt) and `webhook-signature` over the exact body.
    StandardWebhooks {
        /// Message id, stable over retries; holds no dot.
        id: String,
        /// Decoded keys; the first signs first. Several during a rotation.
        keys: Arc<[SigningKey]>,
        /// A further proof, for receivers that want one beside the signature.
        besides: Arc<Auth>,
    },
}

/// OAuth 2.0 client credentials (RFC 6749 section 4.4), sent as a form: `grant_type`, `client_id`, `client_secret` and, if there is
/// one, `scope`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCredentials {
    /// Where tokens are issued, checked when the destination was opened.
    pub token_url: Url,
    /// Client id.
    pub client_id: String,
    /// Client secret.
    pub client_secret: Secret,
    /// Scope, where the issuer wants one.
    pub scope: Option<String>,
    /// Who may see the token.
    pub hosts: Hosts,
}

/// The decoded bytes of a signing secret; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(pub Vec<u8>);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

/// What came back for one parcel.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A complete HTTP response; the body is cut at 1 MiB.
    Http {
        /// Status code.
        status: StatusCode,
        /// Headers.
        headers: HeaderMap,
        /// Body.
        body: Bytes,
    },
    /// Syslog messages were written, and the peer closed or stayed silent without complaint; or a connection was all that was asked for.
    Sent,
    /// No usable answer.
    Failed {
        /// What kind of failure.
        failure: Failure,
        /// Cause in words; holds neither secrets nor alert content.
        detail: String,
    },
}

/// Why there is no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The connection could not be made, broke, or timed out. Sending again may help.
    Network,
    /// The peers do not trust each other: certificate, host name, refused client certificate. Sending again does not help.
    Trust,
    /// The credential could not be obtained.
    Credential,
    /// The message is larger than the transport takes (UDP).
    TooLarge,
    /// The deadline of the invocation passed.
    Deadline,
}

/// What a destination makes of a reply.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Every record of the parcel was taken.
    Accepted,
    /// Some were taken. Records named in neither list were accepted.
    Partial {
        /// Record index within the run, and why it will never be taken -> dead letter.
        rejected: Vec<(usize, String)>,
        /// Record indices to send again.
        resend: Vec<usize>,
    },
    /// A conversation: send this next, then judge its reply.
    Then(Box<Parcel>),
    /// The destination is unwell; the records are fine.
    Retry {
        /// How long it asked us to wait.
        after: Option<Duration>,
        /// Why, for letters and logs.
        reason: String,
    },
    /// Too large, or one record spoils the run: halve and go on. A single record that is too large is dead-lettered.
    Split {
        /// Why.
        reason: String,
    },
    /// This payload will never be taken. A run is bisected until the records at fault stand alone; those are dead-lettered.
    Rejected {
        /// Why.
        reason: String,
    },
    /// Wrong credential, address or permission: the records are fine, we are not. They are parked, the breaker opens.
    Misconfigured {
        /// What to mend.
        reason: String,
    },
}

impl Verdict {
    /// The verdict that HTTP status codes mean everywhere (reference: destinations-itsm.md section 0): 2xx accepted; 408, 425, 429
    /// and 5xx but 501 retry; 401, 403, 404, 405, 407, 410 and 3xx misconfigured; 413 split; the rest rejected.
    #[must_use]
    pub fn by_status(reply: &Reply) -> Self {
        match reply {
            Reply::Sent => Self::Accepted,
            Reply::Failed { failure: Failure::Network | Failure::Deadline, detail } => {
                Self::Retry { after: None, reason: detail.clone() }
            }
            Reply::Failed { failure: Failure::Trust | Failure::Credential, detail } => {
                Self::Misconfigured { reason: detail.clone() }
            }
            Reply::Failed { failure: Failure::TooLarge, detail } => Self::Split { reason: detail.clone() },
            Reply::Http { status, headers, .. } => {
                let reason = format!("HTTP {status}");
                match status.as_u16() {
                    200..=299 => Self::Accepted,
                    413 => Self::Split { reason },
                    408 | 425 | 429 | 500 | 502..=599 => Self::Retry { after: retry_after(headers), reason },
                    401 | 403 | 407 => Self::mend(&reason, "check the credential and its rights"),
                    404 | 405 | 410 => Self::mend(&reason, "check the URL"),
                    300..=399 => Self::mend(&reason, "redirects are not followed; set the final URL"),
                    _ => Self::Rejected { reason },
                }
            }
        }
    }

    fn mend(reason: &str, what: &str) -> Self {
        Self::Misconfigured { reason: format!("{reason}: {what}") }
    }
}

/// Reads `Retry-After` in seconds, `x-ms-retry-after-ms` in milliseconds. An HTTP-date needs the clock and is turned into
/// seconds by the courier before the reply is judged.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| {
        headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0)
    };
    if let Some(milliseconds) = number("x-ms-retry-after-ms") {
        return Duration::try_from_secs_f64(milliseconds / 1000.0).ok();
    }
    Duration::try_from_secs_f64(number("retry-after")?).ok()
}
