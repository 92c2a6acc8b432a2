//! The app's identity: Entra ID tokens, fetched when first needed, kept while they are good.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use azure_core::credentials::{AccessToken, TokenCredential};
use azure_core::time::OffsetDateTime;
use azure_identity::{
    ClientSecretCredential, DeveloperToolsCredential, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use tokio::time::{Instant, timeout};

use crate::settings::{Secret, Values};

/// Longest time for one token. Off Azure, `azure_identity` alone would try for more than a minute.
const PATIENCE: Duration = Duration::from_secs(10);

/// A token is renewed so long before it expires.
const RENEWAL: Duration = Duration::from_secs(300);

/// A token that cannot be renewed is still used until so long before it expires.
const LAST_USE: Duration = Duration::from_secs(60);

/// Pause after a failed renewal while the old token still serves.
const PAUSE: Duration = Duration::from_secs(30);

/// Where tokens come from.
#[derive(Debug)]
enum Source {
    /// The managed identity of the function app; the client id tells a user-assigned one.
    Managed { client_id: Option<String> },
    /// A service principal's secret.
    ClientSecret { tenant: String, client_id: String, secret: Secret },
    /// A federated token file, as Kubernetes and CI systems write it.
    Workload { tenant: Option<String>, client_id: Option<String>, file: PathBuf },
    /// `az login` or `azd auth login` on a developer's machine.
    DeveloperTools,
    /// A credential made elsewhere.
    Given(Arc<dyn TokenCredential>),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Managed { client_id: Some(_) } => "user-assigned managed identity",
            Self::Managed { client_id: None } => "system-assigned managed identity",
            Self::ClientSecret { .. } => "client secret",
            Self::Workload { .. } => "workload identity",
            Self::DeveloperTools => "az login",
            Self::Given(_) => "given credential",
        })
    }
}

/// Why there is no token. Names scope and source, never a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no token for {scope} by {identity}: {reason}")]
pub struct TokenError {
    /// What the token was for.
    pub scope: String,
    /// Which kind of identity was asked.
    pub identity: String,
    /// What it answered, in one line.
    pub reason: String,
}

/// The app's identity. One for the whole program: it keeps the tokens of every scope.
#[derive(Debug)]
pub struct Identity {
    source: Source,
    credential: OnceLock<Result<Arc<dyn TokenCredential>, String>>,
    slots: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Slot>>>>,
}

/// The token of one scope. `AccessToken`'s `Debug` hides it.
#[derive(Debug, Default)]
struct Slot {
    token: Option<AccessToken>,
    failure: Option<(Instant, TokenError)>,
}

impl Identity {
    /// Settings that choose the identity and may hold a secret or lead to one.
    pub const SETTINGS: [&str; 4] =
        ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE"];

    /// Chooses as the environment suggests: managed identity (`IDENTITY_ENDPOINT`, with `AZURE_CLIENT_ID` for a user-assigned one), client
    /// secret (`AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET`), workload identity (`AZURE_FEDERATED_TOKEN_FILE`), else the
    /// developer's login. Contacts nobody.
    #[must_use]
    pub fn choose(values: &Values) -> Self {
        let get = |name| values.get(name).map(str::to_owned);
        let (tenant, client_id) = (get("AZURE_TENANT_ID"), get("AZURE_CLIENT_ID"));
        let source = if values.get("IDENTITY_ENDPOINT").is_some() {
            Source::Managed { client_id }
        } else {
            match (tenant, client_id, get("AZURE_CLIENT_SECRET"), get("AZURE_FEDERATED_TOKEN_FILE")) {
                (Some(tenant), Some(client_id), Some(secret), _) => {
                    Source::ClientSecret { tenant, client_id, secret: Secret::new(secret) }
                }
                (tenant, client_id, _, Some(file)) => Source::Workload { tenant, client_id, file: file.into() },
                _ => Source::DeveloperTools,
            }
        };
        Self::from(source)
    }

    /// An identity whose tokens come from that credential.
    #[must_use]
    pub fn of(credential: Arc<dyn TokenCredential>) -> Self {
        Self::from(Source::Given(credential))
    }

    /// A token for a scope such as `https://storage.azure.com/.default`. Callers that come while it is fetched wait for the same answer.
    ///
    /// # Errors
    /// When there is none to be had within 10 s and the last one is no longer good.
    pub async fn token(&self, scope: &str) -> Result<Secret, TokenError> {
        let asked = Instant::now();
        let slot = self.slot(scope);
        let mut slot = slot.lock().await;
        if let Some(token) = slot.good_for(RENEWAL) {
            return Ok(token);
        }
        let stale = slot.good_for(LAST_USE);
        let rest = if stale.is_some() { PAUSE } else { Duration::ZERO };
        if let Some((failed, error)) = &slot.failure
            && *failed + rest >= asked
        {
            return stale.ok_or_else(|| error.clone());
        }
        match self.fetch(scope).await {
            Ok(token) => {
                let secret = Secret::new(token.token.secret().to_owned());
                *slot = Slot { token: Some(token), failure: None };
                Ok(secret)
            }
            Err(error) => {
                slot.failure = Some((Instant::now(), error.clone()));
                stale.ok_or(error)
            }
        }
    }

    async fn fetch(&self, scope: &str) -> Result<AccessToken, TokenError> {
        let error = |reason: &str| TokenError {
            scope: scope.to_owned(),
            identity: self.source.to_string(),
            reason: reason.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect(),
        };
        let credential = self.credential.get_or_init(|| self.source.open().map_err(|error| error.to_string()));
        let credential = credential.as_ref().map_err(|reason| error(reason))?;
        match timeout(PATIENCE, credential.get_token(&[scope], None)).await {
            Ok(Ok(token)) => Ok(token),
            Ok(Err(failure)) => Err(error(&failure.to_string())),
            Err(_) => Err(error(&format!("no answer within {} s", PATIENCE.as_secs()))),
        }
    }

    fn slot(&self, scope: &str) -> Arc<tokio::sync::Mutex<Slot>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(scope.to_owned()).or_default())
    }
}

impl From<Source> for Identity {
    fn from(source: Source) -> Self {
        Self { source, credential: OnceLock::new(), slots: Mutex::default() }
    }
}

impl fmt::Display for Identity {
    /// Which kind of identity it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.source, f)
    }
}

impl Slot {
    /// The token, if it does not expire within that time.
    fn good_for(&self, time: Duration) -> Option<Secret> {
        let token = self.token.as_ref()?;
        let good = token.expires_on > OffsetDateTime::now_utc() + time;
        good.then(|| Secret::new(token.token.secret().to_owned()))
    }
}

impl Source {
    fn open(&self) -> azure_core::Result<Arc<dyn TokenCredential>> {
        Ok(match self {
            Self::Managed { client_id } => ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                ..Default::default()
            }))?,
            Self::ClientSecret { tenant, client_id, secret } => {
                ClientSecretCredential::new(tenant, client_id.clone(), secret.expose().to_owned().into(), None)?
            }
            Self::Workload { tenant, client_id, file } => {
                WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                    tenant_id: tenant.clone(),
                    client_id: client_id.clone(),
                    token_file_path: Some(file.clone()),
                    ..Default::default()
                }))?
            }
            Self::DeveloperTools => DeveloperToolsCredential::new(None)?,
            Self::Given(credential) => Arc::clone(credential),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use azure_core::credentials::TokenRequestOptions;

    use super::*;

    /// Answers each request with the next token's life in seconds; after the last one, with an error.
    #[derive(Debug)]
    struct Fake {
        lives: Vec<u64>,
        asked: AtomicUsize,
    }

    #[async_trait::async_trait]
    impl TokenCredential for Fake {
        async fn get_token(
            &self,
            scopes: &[&str],
            _: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            tokio::task::yield_now().await;
            let turn = self.asked.fetch_add(1, Ordering::SeqCst);
            match self.lives.get(turn) {
                Some(&u64::MAX) => std::future::pending().await,
                Some(life) => {
                    let expires_on = OffsetDateTime::now_utc() + Duration::from_secs(*life);
                    Ok(AccessToken::new(format!("{turn} for {}", scopes[0]), expires_on))
                }
                None => Err(azure_core::Error::with_message(azure_core::error::ErrorKind::Credential, "no\nluck")),
            }
        }
    }

    fn fake(lives: &[u64]) -> (Arc<Fake>, Identity) {
        let fake = Arc::new(Fake { lives: lives.to_vec(), asked: AtomicUsize::new(0) });
        (Arc::clone(&fake), Identity::of(fake))
    }

    async fn text(identity: &Identity, scope: &str) -> Result<String, String> {
        identity.token(scope).await.map(|token| token.expose().to_owned()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_good_token_is_fetched_once_per_scope() {
        let (fake, identity) = fake(&[3600, 3600]);
        let many = futures::future::join_all((0..10).map(|_| text(&identity, "a"))).await;
        assert_eq!(many, vec![Ok("0 for a".to_owned()); 10]);
        assert_eq!(text(&identity, "b").await.unwrap(), "1 for b");
        assert_eq!(fake.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_token_near_its_end_is_renewed() {
        let (_, identity) = fake(&[200, 3600]);
        assert_eq!(text(&identity, "a").await.unwrap(), "0 for a");
        assert_eq!(text(&identity, "a").await.unwrap(), "1 for a");
        assert_eq!(text(&identity, "a").await.unwrap(), "1 for a");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_cannot_be_renewed_serves_on_and_renewal_pauses() {
        let (fake, identity) = fake(&[200]);
        for _ in 0..5 {
            assert_eq!(text(&identity, "a").await.unwrap(), "0 for a");
        }
        assert_eq!(fake.asked.load(Ordering::SeqCst), 2);
        tokio::time::advance(PAUSE + Duration::from_secs(1)).await;
        assert_eq!(text(&identity, "a").await.unwrap(), "0 for a");
        assert_eq!(fake.asked.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_token_about_to_expire_is_not_used() {
        let (_, identity) = fake(&[30]);
        assert_eq!(text(&identity, "a").await.unwrap(), "0 for a");
        assert_eq!(text(&identity, "a").await.unwrap_err(), "no token for a by given credential: no luck");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_endpoint_costs_all_waiting_callers_one_patience() {
        let (fake, identity) = fake(&[u64::MAX, 3600]);
        let begun = Instant::now();
        let many = futures::future::join_all((0..10).map(|_| text(&identity, "a"))).await;
        assert_eq!(many, vec![Err("no token for a by given credential: no answer within 10 s".to_owned()); 10]);
        assert_eq!((begun.elapsed(), fake.asked.load(Ordering::SeqCst)), (PATIENCE, 1));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(text(&identity, "a").await.unwrap(), "1 for a");
    }

    #[test]
    fn the_environment_chooses() {
        let chosen = |pairs: &[(&str, &str)]| {
            let values = Values::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            Identity::choose(&values).to_string()
        };
        let principal = [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"), ("AZURE_CLIENT_SECRET", "s")];
        assert_eq!(chosen(&[]), "az login");
        assert_eq!(chosen(&[("IDENTITY_ENDPOINT", "http://x")]), "system-assigned managed identity");
        assert_eq!(
            chosen(&[("IDENTITY_ENDPOINT", "http://x"), principal[0], principal[1], principal[2]]),
            "user-assigned managed identity"
        );
        assert_eq!(chosen(&principal), "client secret");
        assert_eq!(chosen(&principal[..2]), "az login");
        assert_eq!(chosen(&[principal[1], ("AZURE_FEDERATED_TOKEN_FILE", "/f")]), "workload identity");
    }

    #[tokio::test]
    async fn no_secret_prints() {
        let (_, identity) = fake(&[3600]);
        let token = text(&identity, "a").await.unwrap();
        assert!(!format!("{identity:?}").contains(&token));
        let values = Values::new([
            ("AZURE_TENANT_ID".to_owned(), "t".to_owned()),
            ("AZURE_CLIENT_ID".to_owned(), "c".to_owned()),
            ("AZURE_CLIENT_SECRET".to_owned(), "hunter2".to_owned()),
        ]);
        assert!(!format!("{:?}", Identity::choose(&values)).contains("hunter2"));
    }
}
