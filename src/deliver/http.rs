//! HTTP by reqwest: one client per destination, and rules that no destination can loosen.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use url::Url;

use super::courier::{Broken, Faults};
use super::syslog::SyslogCourier;
use super::tls::{self, Tls};
use super::token::{Identity, Purse};
use super::{Courier, cortex};
use crate::batch::Frames;
use crate::cloud::{Audience, is_loopback};
use crate::format::standard_webhooks;
use crate::parcel::{Auth, ClientCredentials, Failure, Gzip, HttpParcel, Parcel, Reply, SyslogParcel};
use crate::settings::Secret;
use crate::transport::{Framing, HttpOptions, SyslogOptions, SyslogScheme, TlsOptions};

/// Longest time to make a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// [`Gzip::Large`] begins above so many bytes.
const GZIP_ABOVE: usize = 1024;

/// Sends HTTP parcels: over TLS except to this machine, to the address given (no redirects, no proxy), once (no hidden retries).
#[derive(Debug)]
pub(super) struct HttpCourier {
    options: HttpOptions,
    own: Way,
    identity: Arc<Identity>,
    purse: Purse,
    /// To an issuer of tokens that is not the destination itself: the destination's private CA and our certificate for it are no matter
    /// of its.
    issuer: Way,
}

/// A client and its trust.
#[derive(Debug)]
struct Way {
    tls: Tls,
    cookies: bool,
    client: OnceCell<reqwest::Client>,
}

#[async_trait]
impl Courier for HttpCourier {
    async fn send(&self, parcel: &Parcel, deadline: Instant) -> Reply {
        let Parcel::Http(parcel) = parcel else {
            return Broken(Failure::Network, "a syslog message was handed to an HTTP courier".to_owned()).into();
        };
        self.exchange(parcel, deadline).await.unwrap_or_else(Reply::from)
    }
}

impl HttpCourier {
    pub(super) fn open(options: HttpOptions, identity: Arc<Identity>) -> Result<Self, Faults> {
        let (own, issuer) = (Way::open(&options.tls, options.cookies)?, Way::open(&TlsOptions::default(), false)?);
        Ok(Self { own, options, identity, purse: Purse::default(), issuer })
    }

    async fn exchange(&self, parcel: &HttpParcel, deadline: Instant) -> Result<Reply, Broken> {
        if !allowed(&parcel.url) {
            let detail = "refused to send: the address is neither https nor on this machine".to_owned();
            return Err(Broken(Failure::Trust, detail));
        }
        if parcel.method == Method::CONNECT {
            return Ok(self.connect(&parcel.url, deadline).await);
        }
        let client = self.own.client().await?;
        let Some(auth) = &by_token(&parcel.auth) else { return self.once(client, parcel, None, deadline).await };
        let token = self.token(auth, &parcel.url, None).await?;
        let reply = self.once(client, parcel, Some(&token), deadline).await?;
        // The token may have been revoked, or its rights changed since: one that is issued now tells. Nothing was taken, so sending
        // again repeats nothing.
        if matches!(&reply, Reply::Http { status, .. } if *status == StatusCode::UNAUTHORIZED)
            && let Ok(fresh) = self.token(auth, &parcel.url, Some(&token)).await
            && fresh != token
        {
            return self.once(client, parcel, Some(&fresh), deadline).await;
        }
        Ok(reply)
    }

    /// Connects and says nothing: what a flush of no syslog message does.
    async fn connect(&self, url: &Url, deadline: Instant) -> Reply {
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let options = SyslogOptions {
            scheme: if url.scheme() == "https" { SyslogScheme::Tls } else { SyslogScheme::Tcp },
            host,
            port: url.port_or_known_default().unwrap_or_default(),
            framing: Framing::LineFeed,
            tls: self.options.tls.clone(),
            timeout: self.options.timeout,
        };
        match SyslogCourier::open(options) {
            Ok(courier) => courier.send(&Parcel::Syslog(SyslogParcel { messages: Frames::default() }), deadline).await,
            Err(_) => Broken(Failure::Trust, "the host is no name that a certificate can hold".to_owned()).into(),
        }
    }

    /// A token for that address, which must be its audience's. `refused` is one that was not taken there.
    async fn token(&self, auth: &ByToken<'_>, url: &Url, refused: Option<&Secret>) -> Result<Secret, Broken> {
        let hosts = match auth {
            ByToken::Entra(audience) => &audience.hosts,
            ByToken::OAuth2(credentials) => &credentials.hosts,
        };
        if !hosts.admit(url) {
            let host = url.host_str().unwrap_or_default();
            return Err(Broken(Failure::Trust, format!("refused to send a token for {hosts} to {host}")));
        }
        let token = match auth {
            ByToken::Entra(audience) => self.identity.token_besides(&audience.scope, refused).await,
            ByToken::OAuth2(credentials) => {
                let is_issuer = credentials.token_url.host() == url.host();
                let client = if is_issuer { &self.own } else { &self.issuer }.client().await?;
                self.purse.token(credentials, client, refused).await
            }
        };
        token.map_err(|error| {
            let failure = if error.passing { Failure::Network } else { Failure::Credential };
            Broken(failure, error.to_string())
        })
    }

    /// One request and its reply.
    async fn once(
        &self,
        client: &reqwest::Client,
        parcel: &HttpParcel,
        token: Option<&Secret>,
        deadline: Instant,
    ) -> Result<Reply, Broken> {
        let timeout = self.options.timeout.min(deadline.saturating_duration_since(Instant::now()));
        let request = request(parcel, token, timeout, Timestamp::now())?;
        // Some addresses hold a credential.
        let failed = |error: reqwest::Error| self.failed(&parcel.url, &error.without_url(), deadline);
        let mut response = client.execute(request).await.map_err(failed)?;
        let mut body = BytesMut::new();
        while body.len() < self.options.reply_bytes
            && let Some(chunk) = response.chunk().await.map_err(failed)?
        {
            body.extend_from_slice(&chunk);
        }
        body.truncate(self.options.reply_bytes);
        let status = response.status();
        let mut headers = std::mem::take(response.headers_mut());
        date_to_seconds(&mut headers, Timestamp::now());
        Ok(Reply::Http { status, headers, body: body.freeze() })
    }

    /// In words that hold no path, query or credential.
    fn failed(&self, url: &Url, error: &reqwest::Error, deadline: Instant) -> Broken {
        let host = url.host_str().unwrap_or_default();
        if error.is_timeout() && Instant::now() >= deadline {
            return Broken(Failure::Deadline, format!("{host} did not answer within the time for this delivery"));
        }
        let stage = if error.is_connect() { "cannot connect to" } else { "no answer from" };
        let cause = match (error.is_timeout(), error.is_connect()) {
            (true, true) => "timed out".to_owned(),
            (true, false) => format!("timed out, TIMEOUT is {:?}", self.options.timeout),
            (false, _) => tls::cause(error),
        };
        Broken(tls::failure(error), format!("{stage} {host}: {cause}"))
    }
}

impl Way {
    fn open(options: &TlsOptions, cookies: bool) -> Result<Self, Faults> {
        Ok(Self { tls: Tls::parse(options)?, cookies, client: OnceCell::new() })
    }

    /// The client, built at the first request: it reads the system's certificate store.
    async fn client(&self) -> Result<&reqwest::Client, Broken> {
        let build = || async {
            let tls = self.tls.config()?;
            reqwest::Client::builder()
                .tls_backend_preconfigured(rustls::ClientConfig::clone(&tls))
                .http1_only()
                .user_agent(concat!("defender-relay/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(CONNECT)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .no_proxy()
                .no_gzip()
                .no_brotli()
                .no_deflate()
                .no_zstd()
                .referer(false)
                .cookie_store(self.cookies)
                .build()
                .map_err(|error| format!("the HTTP client cannot be set up: {}", tls::cause(&error)))
        };
        self.client.get_or_try_init(build).await.map_err(|detail: String| Broken(Failure::Trust, detail))
    }
}

/// Whether requests may go there: https, or plain http to this machine. Settings are checked already; addresses that a conversation
/// learnt from a reply are not.
fn allowed(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_loopback(url),
        _ => false,
    }
}

/// Proofs that need a token of somebody's.
enum ByToken<'p> {
    Entra(&'p Audience),
    OAuth2(&'p ClientCredentials),
}

fn by_token(auth: &Auth) -> Option<ByToken<'_>> {
    match auth {
        Auth::Entra(audience) => Some(ByToken::Entra(audience)),
        Auth::OAuth2(credentials) => Some(ByToken::OAuth2(credentials)),
        Auth::StandardWebhooks { besides, .. } => by_token(besides),
        Auth::None | Auth::Header { .. } | Auth::Basic { .. } | Auth::CortexAdvanced { .. } => None,
    }
}

fn request(
    parcel: &HttpParcel,
    token: Option<&Secret>,
    timeout: Duration,
    now: Timestamp,
) -> Result<reqwest::Request, Broken> {
    let mut request = reqwest::Request::new(parcel.method.clone(), parcel.url.clone());
    *request.timeout_mut() = Some(timeout);
    let headers = request.headers_mut();
    for (name, value) in &parcel.headers {
        headers.append(name, value.clone());
    }
    authorize(headers, &parcel.auth, &parcel.body, token, now)?;
    let body = match is_compressed(parcel) {
        true => {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            gzip(&parcel.body)
        }
        false => parcel.body.clone(),
    };
    *request.body_mut() = Some(body.into());
    Ok(request)
}

/// Whether the body travels compressed. A signature holds for the bytes on the wire: signed bodies stay as they are.
#[must_use]
pub fn is_compressed(parcel: &HttpParcel) -> bool {
    let signed = matches!(parcel.auth, Auth::StandardWebhooks { .. });
    let wanted = match parcel.gzip {
        Gzip::Never => false,
        Gzip::Large => parcel.body.len() > GZIP_ABOVE,
        Gzip::Always => true,
    };
    wanted && !signed
}

fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    #[expect(clippy::expect_used, reason = "writing to a Vec cannot fail")]
    let compressed = encoder.write_all(body).and_then(|()| encoder.finish()).expect("writing to a Vec");
    compressed.into()
}

fn authorize(
    headers: &mut HeaderMap,
    auth: &Auth,
    body: &[u8],
    token: Option<&Secret>,
    now: Timestamp,
) -> Result<(), Broken> {
    match auth {
        Auth::None => Ok(()),
        Auth::Header { name, prefix, value } => secret(headers, name, &format!("{prefix}{}", value.expose())),
        Auth::Basic { user, password } => {
            let credential = STANDARD.encode(format!("{user}:{}", password.expose()));
            secret(headers, &AUTHORIZATION, &format!("Basic {credential}"))
        }
        Auth::Entra(_) | Auth::OAuth2(_) => {
            let token = token.ok_or_else(|| Broken(Failure::Credential, "there is no token".to_owned()))?;
            secret(headers, &AUTHORIZATION, &format!("Bearer {}", token.expose()))
        }
        Auth::CortexAdvanced { key_id, key } => {
            let proof = cortex::prove(key, now)
                .map_err(|_| Broken(Failure::Credential, "the operating system gives no random bytes".to_owned()))?;
            secret(headers, &HeaderName::from_static("x-xdr-auth-id"), key_id)?;
            secret(headers, &HeaderName::from_static("x-xdr-nonce"), &proof.nonce)?;
            secret(headers, &HeaderName::from_static("x-xdr-timestamp"), &proof.timestamp)?;
            secret(headers, &AUTHORIZATION, &proof.signature)
        }
        Auth::StandardWebhooks { id, keys, besides } => {
            let timestamp = now.as_second();
            let signature = standard_webhooks::sign(id, timestamp, body, keys);
            secret(headers, &HeaderName::from_static("webhook-id"), id)?;
            secret(headers, &HeaderName::from_static("webhook-timestamp"), itoa::Buffer::new().format(timestamp))?;
            secret(headers, &HeaderName::from_static("webhook-signature"), &signature)?;
            authorize(headers, besides, body, token, now)
        }
    }
}

/// Sets a header that no log shows.
fn secret(headers: &mut HeaderMap, name: &HeaderName, value: &str) -> Result<(), Broken> {
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        Broken(Failure::Credential, format!("the credential for {name} holds characters that no header can carry"))
    })?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

/// Turns a `Retry-After` date (RFC 9110 section 10.2.3) into seconds from now, which need no clock to judge.
fn date_to_seconds(headers: &mut HeaderMap, now: Timestamp) {
    let Some(date) = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()) else { return };
    if let Ok(date) = jiff::fmt::rfc2822::parse(date.trim()) {
        let seconds = date.timestamp().as_second().saturating_sub(now.as_second()).max(0);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

#[cfg(test)]
mod tests;
