//! Questions whose answers this program wants: JSON from Microsoft Graph and Azure Resource Manager, by the app's identity.
//!
//! A destination is told something and judged by its reply; here the reply is the point. A question is asked again until there is an answer.
//! What changes something is sent once, unless the service says that it did not take it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep_until};
use url::Url;

use crate::batch::Pace;
use crate::cloud::{Audience, Cloud, Service};
use crate::deliver::pace::Pacer;
use crate::deliver::retry::{HINT_CAP, RetryPolicy};
use crate::deliver::token::Identity;
use crate::deliver::{Courier, courier};
use crate::parcel::{Auth, Failure, HttpParcel, Parcel, Reply, retry_after};
use crate::transport::{HttpOptions, TlsOptions, Transport};

/// Most bytes of an answer: a page of alerts is some hundred kB.
const ANSWER_BYTES: usize = 32 << 20;

/// Longest time for one request with its answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Attempts of one request, while there is time.
const RETRY: RetryPolicy = RetryPolicy { attempts: 4, base: Duration::from_millis(500), cap: Duration::from_secs(10) };

/// One service, at one address.
#[derive(Debug)]
pub struct Api {
    root: Url,
    audience: Arc<Audience>,
    courier: Box<dyn Courier>,
    pacer: Pacer,
}

/// A good answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its body.
    pub body: Bytes,
    /// When the service gave it, by its own clock, in whole seconds; absent where it does not say.
    pub date: Option<Timestamp>,
}

/// Why there is no answer. Holds neither secrets nor alert content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The service refused: a credential, a permission, a request that it does not understand.
    #[error("{status}{}{code}", if code.is_empty() { "" } else { ": " })]
    Refused {
        /// Status code.
        status: StatusCode,
        /// The service's own word for it: `AuthorizationFailed`. Empty where it gave none.
        code: String,
    },
    /// The service is unwell, or asks for patience beyond the time that there is.
    #[error("{reason}")]
    Unwell {
        /// Why.
        reason: String,
        /// How long it asked us to wait.
        after: Option<Duration>,
    },
    /// There is no token, or no trust: somebody must mend something.
    #[error("{0}")]
    Unusable(String),
    /// The answer is not what the service's documentation promises.
    #[error("{0}")]
    Strange(String),
}

impl Api {
    /// The service at `root`, which must be one of its own hosts, or on this machine. Contacts nobody.
    ///
    /// # Errors
    /// In words for the setting that holds `root`.
    pub fn open(
        service: Service,
        cloud: Cloud,
        root: Url,
        identity: &Arc<Identity>,
        paces: &'static [Pace],
    ) -> Result<Self, String> {
        let audience = Audience::of(service, cloud);
        if !audience.hosts.admit(&root) {
            return Err(format!("must lead to {} (AZURE_CLOUD is {})", audience.hosts, cloud.name()));
        }
        if root.query().is_some() {
            return Err("must not hold a query".to_owned());
        }
        let options =
            HttpOptions { tls: TlsOptions::default(), timeout: TIMEOUT, cookies: false, reply_bytes: ANSWER_BYTES };
        let courier = courier::open(&Transport::Http(options), identity)
            .map_err(|faults| faults.into_iter().map(|(_, problem)| problem).collect::<Vec<_>>().join("; "))?;
        Ok(Self { root, audience: Arc::new(audience), courier, pacer: Pacer::new(paces) })
    }

    /// The address of a resource of this service. `path` begins with a slash and is already encoded; `query` is encoded here.
    #[must_use]
    pub fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.root.clone();
        url.set_path(&format!("{}{path}", self.root.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// The address of the next page, if it lies at this service: another host would see our token, another path could do anything.
    ///
    /// # Errors
    /// When it does not.
    pub fn next_page(&self, link: &str) -> Result<Url, ApiError> {
        let strange =
            || ApiError::Strange("the link to the next page leads somewhere else; it is not followed".to_owned());
        let url = Url::parse(link).map_err(|_| strange())?;
        let at_home = url.scheme() == self.root.scheme()
            && url.host() == self.root.host()
            && url.port_or_known_default() == self.root.port_or_known_default()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
            && url
                .path()
                .strip_prefix(self.root.path().trim_end_matches('/'))
                .is_some_and(|rest| rest.starts_with('/'));
        if at_home { Ok(url) } else { Err(strange()) }
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// When there is no good answer until `deadline`.
    pub async fn get<T: DeserializeOwned>(
        &self,
        url: Url,
        headers: &[(HeaderName, HeaderValue)],
        deadline: Instant,
    ) -> Result<T, ApiError> {
        parse(&self.read(url, headers, deadline).await?.body)
    }

    /// Reads a resource, and leaves it to the caller to understand it.
    ///
    /// # Errors
    /// When there is no good answer until `deadline`.
    pub async fn read(
        &self,
        url: Url,
        headers: &[(HeaderName, HeaderValue)],
        deadline: Instant,
    ) -> Result<Answer, ApiError> {
        self.ask(HttpParcel { headers: headers.to_vec(), ..HttpParcel::get(url) }, true, deadline).await
    }

    /// Reads what only an empty POST shows, such as the alerts of an incident.
    ///
    /// # Errors
    /// When there is no good answer until `deadline`.
    pub async fn read_by_post<T: DeserializeOwned>(&self, url: Url, deadline: Instant) -> Result<T, ApiError> {
        parse(&self.ask(HttpParcel::bare(Method::POST, url), true, deadline).await?.body)
    }

    /// Does something to a resource by a request of that method, with JSON or nothing in its body; returns the answer's body. Only what the
    /// service turned away (429) is sent again: where no answer came, somebody has to look first what was done.
    ///
    /// # Errors
    /// When there is no good answer until `deadline`. The service may have done it all the same.
    pub async fn change(&self, method: Method, url: Url, body: Bytes, deadline: Instant) -> Result<Bytes, ApiError> {
        let json = (http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let headers = if body.is_empty() { Vec::new() } else { vec![json] };
        Ok(self.ask(HttpParcel { headers, body, ..HttpParcel::bare(method, url) }, false, deadline).await?.body)
    }

    async fn ask(&self, parcel: HttpParcel, is_harmless: bool, deadline: Instant) -> Result<Answer, ApiError> {
        let parcel = Parcel::Http(HttpParcel { auth: Auth::Entra(Arc::clone(&self.audience)), ..parcel });
        let mut failed = 0;
        loop {
            failed += 1;
            let turn = self.pacer.turn(1, Instant::now(), deadline).map_err(|after| ApiError::Unwell {
                reason: "this service takes no more requests for now".to_owned(),
                after: Some(after),
            })?;
            if turn > Instant::now() {
                sleep_until(turn).await;
            }
            let mut again = is_harmless;
            let (reason, after) = match self.courier.send(&parcel, deadline).await {
                Reply::Http { status, headers, body } if status.is_success() => {
                    return Ok(Answer { body, date: date(&headers) });
                }
                Reply::Http { status, headers, body } => match status.as_u16() {
                    408 | 425 | 429 | 500 | 502..=504 => {
                        again |= status == StatusCode::TOO_MANY_REQUESTS;
                        (refusal(status, &body).to_string(), hint(&headers))
                    }
                    _ => return Err(refusal(status, &body)),
                },
                Reply::Failed { failure: Failure::Network, detail } => (detail, None),
                Reply::Failed { failure: Failure::Deadline, detail } => {
                    return Err(ApiError::Unwell { reason: detail, after: None });
                }
                Reply::Failed { detail, .. } => return Err(ApiError::Unusable(detail)),
                Reply::Sent => return Err(ApiError::Strange("there is no answer".to_owned())),
            };
            match RETRY.delay(failed, after) {
                Some(delay) if again && Instant::now() + delay < deadline => tokio::time::sleep(delay).await,
                _ => return Err(ApiError::Unwell { reason, after }),
            }
        }
    }
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let date = headers.get(http::header::DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::parse(date.trim()).ok().map(|date| date.timestamp())
}

fn hint(headers: &HeaderMap) -> Option<Duration> {
    retry_after(headers).map(|after| after.min(HINT_CAP))
}

/// An answer's JSON.
///
/// # Errors
/// When it is none, or of another shape.
pub fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        let cut = if body.len() >= ANSWER_BYTES { ", and longer than this program reads" } else { "" };
        ApiError::Strange(format!(
            "the answer is not the JSON that the service documents (line {}, column {}){cut}",
            error.line(),
            error.column()
        ))
    })
}

/// The service's `{"error":{"code":…}}`, its code alone: the message may quote what we sent.
fn refusal(status: StatusCode, body: &[u8]) -> ApiError {
    #[derive(Deserialize)]
    struct Envelope {
        error: Named,
    }
    #[derive(Deserialize)]
    struct Named {
        code: String,
    }
    let code = serde_json::from_slice::<Envelope>(body).map(|envelope| envelope.error.code).unwrap_or_default();
    let code = code.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')).take(80).collect();
    ApiError::Refused { status, code }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.root.as_str())
    }
}

#[cfg(test)]
mod tests;
