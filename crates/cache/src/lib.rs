//! A cache that may forget and never lies: Redis, or in process, with the same promises.
//!
//! Promises: a value is gone after its time to live; `remove` is seen by the next `get` of this process; `hit` never lets
//! more than `limit` calls of one key through in one window. What must not be lost is never only here.
//!
//! A shop with Redis uses [`Resilient`] around [`Redis`]: with Redis away, reads are misses, limits count in process, and
//! nobody waits longer than [`Redis::PATIENCE`].

mod counters;
mod in_process;
mod redis;
mod resilient;

use std::time::Duration;

use async_trait::async_trait;

pub use in_process::InProcess;
pub use redis::Redis;
pub use resilient::Resilient;

/// What a cache can do. Object-safe; one behaviour suite runs on every implementation.
#[async_trait]
pub trait Cache: Send + Sync {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, CacheError>;
    /// Keeps `value` for `ttl`; what was there before is replaced.
    async fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), CacheError>;
    async fn remove(&self, key: &str) -> Result<(), CacheError>;
    /// Counts one use of `key` and says whether it is within `limit` uses per `window` (a fixed window from the first).
    async fn hit(&self, key: &str, limit: u32, window: Duration) -> Result<Hit, CacheError>;
    /// Whether it answers now.
    async fn ping(&self) -> Result<(), CacheError>;
    /// `redis` or `in-process`, for readiness and logs.
    fn kind(&self) -> &'static str;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    Within,
    /// Too many; the window ends after this many whole seconds, at least 1.
    Over {
        retry_after: u32,
    },
}

#[derive(Debug, thiserror::Error)]
#[error("the cache does not answer: {0}")]
pub struct CacheError(pub String);

/// Between a millisecond and a year, so that no span of time overflows on any backend.
fn bounded(span: Duration) -> Duration {
    span.clamp(Duration::from_millis(1), Duration::from_secs(365 * 24 * 60 * 60))
}
