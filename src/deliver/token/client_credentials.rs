//! OAuth 2.0 client credentials, [RFC 6749 section 4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4).

use std::time::Duration;

use azure_core::time::OffsetDateTime;
use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde::Deserialize;

use super::TokenError;
use super::cache::{Cache, Token};
use crate::parcel::ClientCredentials;
use crate::settings::Secret;

/// Longest wait for a token.
const PATIENCE: Duration = Duration::from_secs(10);

/// A token is renewed so long before it expires, or when a sixth of a shorter life is left.
const RENEWAL: Duration = Duration::from_secs(60);

/// Life of a token whose issuer does not say: ServiceNow's default is half an hour.
const LIFE: Duration = Duration::from_secs(1800);

/// Most of an answer that is read.
const ANSWER_BYTES: usize = 64 * 1024;

/// The token of one destination's client credentials. A destination has one set of them.
#[derive(Debug, Default)]
pub(in crate::deliver) struct Purse {
    cache: Cache<TokenError>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Purse {
    /// The token, bought through `client` where there is none that lasts. `refused` is one that the receiver did not take.
    ///
    /// # Errors
    /// When the issuer gives none within 10 s.
    pub(in crate::deliver) async fn token(
        &self,
        credentials: &ClientCredentials,
        client: &reqwest::Client,
        refused: Option<&Secret>,
    ) -> Result<Secret, TokenError> {
        self.cache.get(refused, async |_| buy(credentials, client).await).await
    }
}

fn form(credentials: &ClientCredentials) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    form.append_pair("client_id", &credentials.client_id);
    form.append_pair("client_secret", credentials.client_secret.expose());
    if let Some(scope) = &credentials.scope {
        form.append_pair("scope", scope);
    }
    form.finish()
}

async fn buy(credentials: &ClientCredentials, client: &reqwest::Client) -> Result<Token, TokenError> {
    let issuer = credentials.token_url.host_str().unwrap_or_default();
    let error = |passing, reason: String| TokenError {
        scope: credentials.scope.clone().unwrap_or_else(|| "the API".to_owned()),
        identity: format!("client credentials at {issuer}"),
        reason,
        passing,
    };
    let asked = OffsetDateTime::now_utc();
    let request = client
        .post(credentials.token_url.clone())
        .timeout(PATIENCE)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json")
        .body(form(credentials));
    let network = |failure: reqwest::Error| error(true, crate::deliver::tls::cause(&failure));
    let mut response = request.send().await.map_err(network)?;
    let status = response.status();
    let mut body = Vec::new();
    while body.len() < ANSWER_BYTES
        && let Some(chunk) = response.chunk().await.map_err(network)?
    {
        body.extend_from_slice(&chunk);
    }
    if !status.is_success() {
        // Only the code of RFC 6749 section 5.2 is quoted: descriptions may repeat what was sent.
        let code = serde_json::from_slice::<Refusal>(&body).map(|refusal| refusal.error).unwrap_or_default();
        let code: String = code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect();
        let passing =
            status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
        return Err(error(passing, format!("HTTP {status} {code}").trim_end().to_owned()));
    }
    let answer: Answer =
        serde_json::from_slice(&body).map_err(|_| error(false, "the answer holds no access_token".to_owned()))?;
    if answer.token_type.as_ref().is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(error(false, "the token is not of type Bearer".to_owned()));
    }
    // Some issuers write the number as a text.
    let seconds = answer.expires_in.and_then(|life| life.as_u64().or_else(|| life.as_str()?.trim().parse().ok()));
    let life = seconds.map_or(LIFE, Duration::from_secs);
    let expires = asked.checked_add(life.try_into().unwrap_or(azure_core::time::Duration::DAY)).unwrap_or(asked);
    Ok(Token { secret: Secret::new(answer.access_token), expires, renewal: RENEWAL.min(life / 6) })
}
