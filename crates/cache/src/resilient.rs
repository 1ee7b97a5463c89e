//! A cache that may go away at run time without taking the shop along.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::{Cache, CacheError, Hit, InProcess};

/// After a failure nobody asks again for this long: a dead server costs one call its patience, not every call.
const PAUSE: Duration = Duration::from_secs(1);
/// Keys whose old value must not come back with the server.
const OWED: u64 = 100_000;

/// Goes on without the inner cache: what it does not answer is a miss, limits count in process, and the log says so once.
///
/// `get`, `put`, `remove` and `hit` never err; only [`ping`](Cache::ping) does, so that readiness shows it. A value that
/// was replaced or removed meanwhile stays unseen when the inner cache comes back with it.
pub struct Resilient {
    inner: Arc<dyn Cache>,
    counting: InProcess,
    /// Removals that the inner cache has not done yet.
    owed: moka::sync::Cache<String, ()>,
    away_since: Mutex<Option<Away>>,
}

#[derive(Clone, Copy)]
struct Away {
    ask_again: Instant,
}

impl Resilient {
    #[must_use]
    pub fn around(inner: Arc<dyn Cache>) -> Self {
        Self {
            inner,
            counting: InProcess::holding(0),
            owed: moka::sync::Cache::new(OWED),
            away_since: Mutex::new(None),
        }
    }

    /// Whether calls go in process right now.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.state().is_some()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, Option<Away>> {
        self.away_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether to ask the inner cache now. Of the calls that come when the pause is over, one asks and the others go on
    /// without.
    fn may_ask(&self) -> bool {
        let now = Instant::now();
        match self.state().as_mut() {
            None => true,
            Some(away) if away.ask_again <= now => {
                away.ask_again = now + PAUSE;
                true
            }
            Some(_) => false,
        }
    }

    /// Remembers how the inner cache answered, and logs the change only.
    fn noted<T>(&self, answer: Result<T, CacheError>) -> Option<T> {
        let mut state = self.state();
        match answer {
            Ok(value) => {
                if state.take().is_some() {
                    tracing::info!(cache = self.inner.kind(), "the cache is back");
                }
                Some(value)
            }
            Err(error) => {
                if state.is_none() {
                    tracing::warn!(cache = self.inner.kind(), %error, "the cache is away; going on without it");
                }
                *state = Some(Away { ask_again: Instant::now() + PAUSE });
                None
            }
        }
    }
}

#[async_trait]
impl Cache for Resilient {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, CacheError> {
        if !self.may_ask() {
            return Ok(None);
        }
        if self.owed.contains_key(key) {
            if self.noted(self.inner.remove(key).await).is_some() {
                self.owed.invalidate(key);
            }
            return Ok(None);
        }
        Ok(self.noted(self.inner.get(key).await).flatten())
    }

    async fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), CacheError> {
        if self.may_ask() && self.noted(self.inner.put(key, value, ttl).await).is_some() {
            self.owed.invalidate(key);
        } else {
            self.owed.insert(key.to_owned(), ());
        }
        Ok(())
    }

    async fn remove(&self, key: &str) -> Result<(), CacheError> {
        if self.may_ask() && self.noted(self.inner.remove(key).await).is_some() {
            self.owed.invalidate(key);
        } else {
            self.owed.insert(key.to_owned(), ());
        }
        Ok(())
    }

    async fn hit(&self, key: &str, limit: u32, window: Duration) -> Result<Hit, CacheError> {
        if self.may_ask()
            && let Some(hit) = self.noted(self.inner.hit(key, limit, window).await)
        {
            return Ok(hit);
        }
        Ok(self.counting.count(key, limit, window))
    }

    async fn ping(&self) -> Result<(), CacheError> {
        let answer = self.inner.ping().await;
        let said = answer.as_ref().err().map_or(Ok(()), |error| Err(CacheError(error.0.clone())));
        self.noted(answer);
        said
    }

    fn kind(&self) -> &'static str {
        self.inner.kind()
    }
}
