//! One kept token: fetched when needed, renewed before it expires, replaced when somebody refused it.

use std::time::Duration;

use azure_core::time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::settings::Secret;

/// A token that cannot be renewed is still used until so long before it expires.
const LAST_USE: Duration = Duration::from_secs(60);

/// Pause after a failed renewal while the old token still serves.
const PAUSE: Duration = Duration::from_secs(30);

/// A token as it was issued.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// The token.
    pub(super) secret: Secret,
    /// When it ends.
    pub(super) expires: OffsetDateTime,
    /// How long before that it is renewed.
    pub(super) renewal: Duration,
}

impl Token {
    fn lasts(&self, time: Duration) -> bool {
        self.expires > OffsetDateTime::now_utc() + time
    }
}

/// Keeps the token of one scope. Callers that come while it is fetched wait for the same answer.
#[derive(Debug)]
pub(super) struct Cache<E> {
    slot: Mutex<Slot<E>>,
}

#[derive(Debug)]
struct Slot<E> {
    token: Option<Token>,
    failure: Option<(Instant, E)>,
}

impl<E> Default for Cache<E> {
    fn default() -> Self {
        Self { slot: Mutex::new(Slot { token: None, failure: None }) }
    }
}

impl<E: Clone> Cache<E> {
    /// The token, by `fetch` where there is none that lasts. `refused` is a token that the receiver did not take: it is never returned
    /// again, unless the issuer insists on it. `fetch` is told whether the issuer must be asked anew.
    pub(super) async fn get(
        &self,
        refused: Option<&Secret>,
        fetch: impl AsyncFnOnce(bool) -> Result<Token, E>,
    ) -> Result<Secret, E> {
        let asked = Instant::now();
        let mut slot = self.slot.lock().await;
        let anew = refused.is_some() && slot.token.as_ref().map(|token| &token.secret) == refused;
        if anew {
            slot.token = None;
        }
        if let Some(token) = slot.token.as_ref().filter(|token| token.lasts(token.renewal)) {
            return Ok(token.secret.clone());
        }
        let stale = slot.token.as_ref().filter(|token| token.lasts(LAST_USE)).map(|token| token.secret.clone());
        let rest = if stale.is_some() { PAUSE } else { Duration::ZERO };
        if let Some((failed, error)) = &slot.failure
            && *failed + rest >= asked
        {
            return stale.ok_or_else(|| error.clone());
        }
        match fetch(anew).await {
            Ok(token) => {
                let secret = token.secret.clone();
                *slot = Slot { token: Some(token), failure: None };
                Ok(secret)
            }
            Err(error) => {
                slot.failure = Some((Instant::now(), error.clone()));
                stale.ok_or(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Issues `1`, `2`, ... that last so many seconds; after the last one it fails.
    struct Issuer {
        cache: Cache<&'static str>,
        lives: Vec<u64>,
        asked: AtomicUsize,
    }

    impl Issuer {
        fn new(lives: &[u64]) -> Self {
            Self { cache: Cache::default(), lives: lives.to_vec(), asked: AtomicUsize::new(0) }
        }

        async fn get(&self, refused: Option<&str>) -> Result<String, &'static str> {
            let refused = refused.map(|text| Secret::new(text.to_owned()));
            let fetch = async |_| {
                let turn = self.asked.fetch_add(1, Ordering::SeqCst);
                let life = self.lives.get(turn).ok_or("no luck")?;
                Ok(Token {
                    secret: Secret::new((turn + 1).to_string()),
                    expires: OffsetDateTime::now_utc() + Duration::from_secs(*life),
                    renewal: Duration::from_secs(300),
                })
            };
            self.cache.get(refused.as_ref(), fetch).await.map(|secret| secret.expose().to_owned())
        }
    }

    #[tokio::test]
    async fn a_refused_token_is_replaced_once() {
        let issuer = Issuer::new(&[3600, 3600]);
        assert_eq!(issuer.get(None).await.unwrap(), "1");
        assert_eq!(issuer.get(Some("1")).await.unwrap(), "2");
        assert_eq!(issuer.get(Some("1")).await.unwrap(), "2", "somebody else has renewed it already");
        assert_eq!(issuer.get(None).await.unwrap(), "2");
        assert_eq!(issuer.get(Some("2")).await, Err("no luck"));
    }

    #[tokio::test]
    async fn a_token_near_its_end_is_renewed() {
        let issuer = Issuer::new(&[200, 3600]);
        assert_eq!(issuer.get(None).await.unwrap(), "1");
        assert_eq!(issuer.get(None).await.unwrap(), "2");
        assert_eq!(issuer.get(None).await.unwrap(), "2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_cannot_be_renewed_serves_on_and_renewal_pauses() {
        let issuer = Issuer::new(&[200]);
        for _ in 0..5 {
            assert_eq!(issuer.get(None).await.unwrap(), "1");
        }
        assert_eq!(issuer.asked.load(Ordering::SeqCst), 2);
        tokio::time::advance(PAUSE + Duration::from_secs(1)).await;
        assert_eq!(issuer.get(None).await.unwrap(), "1");
        assert_eq!(issuer.asked.load(Ordering::SeqCst), 3);
    }
}
