//! The app's identity: Entra ID tokens, fetched when first needed, kept while they are good.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azure_core::cloud::CloudConfiguration;
use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::http::ClientOptions;
use azure_core::time::OffsetDateTime;
use azure_identity::{
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions, DeveloperToolsCredential,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};
use tokio::time::timeout;

use crate::cloud::Cloud;
use crate::settings::{Secret, Values};

mod cache;
mod client_credentials;

use cache::{Cache, Token};
pub(super) use client_credentials::Purse;

/// Longest time for one token. Off Azure, `azure_identity` alone would try for more than a minute.
const PATIENCE: Duration = Duration::from_secs(10);

/// A token is renewed so long before it expires, or when a sixth of a shorter life is left.
const RENEWAL: Duration = Duration::from_secs(300);

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
    /// Whether it may pass by itself: the issuer was not reached, or was unwell. Otherwise a human must mend something.
    pub passing: bool,
}

/// The app's identity. One for the whole program: it keeps the tokens of every scope.
#[derive(Debug)]
pub struct Identity {
    source: Source,
    cloud: Cloud,
    credential: Mutex<Option<Arc<dyn TokenCredential>>>,
    caches: Mutex<HashMap<String, Arc<Cache<TokenError>>>>,
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
        let cloud = values.get("AZURE_CLOUD").and_then(Cloud::from_text).unwrap_or_default();
        Self { cloud, ..Self::from(source) }
    }

    /// An identity whose tokens come from that credential.
    #[must_use]
    pub fn of(credential: Arc<dyn TokenCredential>) -> Self {
        Self::from(Source::Given(credential))
    }

    /// Who this is, as far as the settings say: which kind of identity, and its client id. For records of what it did.
    #[must_use]
    pub fn who(&self) -> String {
        let client_id = match &self.source {
            Source::Managed { client_id } | Source::Workload { client_id, .. } => client_id.as_deref(),
            Source::ClientSecret { client_id, .. } => Some(client_id.as_str()),
            Source::DeveloperTools | Source::Given(_) => None,
        };
        client_id.map_or_else(|| self.to_string(), |client_id| format!("{self} {client_id}"))
    }

    /// A token for a scope such as `https://storage.azure.com/.default`. Callers that come while it is fetched wait for the same answer.
    ///
    /// # Errors
    /// When there is none to be had within 10 s and the last one is no longer good.
    pub async fn token(&self, scope: &str) -> Result<Secret, TokenError> {
        self.token_besides(scope, None).await
    }

    /// The same, where the receiver did not take the token `refused`: a new one, unless the issuer insists on the old one.
    ///
    /// # Errors
    /// As for [`Identity::token`].
    pub async fn token_besides(&self, scope: &str, refused: Option<&Secret>) -> Result<Secret, TokenError> {
        self.cache(scope).get(refused, async |anew| self.fetch(scope, anew).await).await
    }

    async fn fetch(&self, scope: &str, anew: bool) -> Result<Token, TokenError> {
        let error = |passing, reason: &str| TokenError {
            scope: scope.to_owned(),
            identity: self.source.to_string(),
            reason: reason.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect(),
            passing,
        };
        let credential = self.credential(anew).map_err(|failure| error(false, &failure.to_string()))?;
        match timeout(PATIENCE, credential.get_token(&[scope], None)).await {
            Ok(Ok(token)) => {
                let secret = Secret::new(token.token.secret().to_owned());
                let life = (token.expires_on - OffsetDateTime::now_utc()).unsigned_abs();
                Ok(Token { secret, expires: token.expires_on, renewal: RENEWAL.min(life / 6) })
            }
            Ok(Err(failure)) => Err(error(is_passing(&failure), &failure.to_string())),
            Err(_) => Err(error(true, &format!("no answer within {} s", PATIENCE.as_secs()))),
        }
    }

    /// The credential. It keeps tokens of its own and has no way to forget them, so that asking anew takes a new one.
    fn credential(&self, anew: bool) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let mut kept = self.credential.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.as_ref().filter(|_| !anew) {
            Some(credential) => Ok(Arc::clone(credential)),
            None => Ok(Arc::clone(kept.insert(self.source.open(self.cloud)?))),
        }
    }

    fn cache(&self, scope: &str) -> Arc<Cache<TokenError>> {
        let mut caches = self.caches.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(caches.entry(scope.to_owned()).or_default())
    }
}

/// Whether an issuer's failure may pass by itself: it was not reached, or was unwell.
fn is_passing(failure: &azure_core::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(failure);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<azure_core::Error>() {
            match error.kind() {
                ErrorKind::Io | ErrorKind::Connection => return true,
                // 404 and 410 are what the endpoint of a managed identity answers while it starts or moves.
                ErrorKind::HttpResponse { status, .. } => {
                    return status.is_server_error() || matches!(u16::from(*status), 404 | 408 | 410 | 429);
                }
                _ => {}
            }
        }
        cause = error.source();
    }
    false
}

impl From<Source> for Identity {
    fn from(source: Source) -> Self {
        Self { source, cloud: Cloud::default(), credential: Mutex::default(), caches: Mutex::default() }
    }
}

impl fmt::Display for Identity {
    /// Which kind of identity it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.source, f)
    }
}

impl Source {
    fn open(&self, cloud: Cloud) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let cloud = match cloud {
            Cloud::Public => CloudConfiguration::AzurePublic,
            Cloud::UsGovernment => CloudConfiguration::AzureGovernment,
            Cloud::China => CloudConfiguration::AzureChina,
        };
        let client_options = ClientOptions { cloud: Some(Arc::new(cloud)), ..Default::default() };
        Ok(match self {
            Self::Managed { client_id } => ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                ..Default::default()
            }))?,
            Self::ClientSecret { tenant, client_id, secret } => {
                let options = ClientSecretCredentialOptions { client_options };
                let secret = secret.expose().to_owned().into();
                ClientSecretCredential::new(tenant, client_id.clone(), secret, Some(options))?
            }
            Self::Workload { tenant, client_id, file } => {
                WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                    tenant_id: tenant.clone(),
                    client_id: client_id.clone(),
                    token_file_path: Some(file.clone()),
                    credential_options: ClientAssertionCredentialOptions { client_options },
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

    use azure_core::credentials::{AccessToken, TokenRequestOptions};
    use tokio::time::Instant;

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
    async fn a_short_lived_token_is_not_fetched_for_each_request() {
        let (fake, identity) = fake(&[200, 3600]);
        for _ in 0..3 {
            assert_eq!(text(&identity, "a").await.unwrap(), "0 for a");
        }
        assert_eq!(fake.asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_token_about_to_expire_is_not_used() {
        let (_, identity) = fake(&[0]);
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
