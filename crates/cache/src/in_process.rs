//! The default: in this process's memory, bounded.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use moka::Expiry;

use crate::counters::Counters;
use crate::{Cache, CacheError, Hit, bounded};

/// What the values may take together.
const BYTES: u64 = 64 * 1024 * 1024;

/// Forgets the least used values when it is full, and everything with the process.
#[derive(Debug)]
pub struct InProcess {
    values: moka::sync::Cache<String, Value>,
    counters: Counters,
}

#[derive(Clone, Debug)]
struct Value {
    bytes: Vec<u8>,
    ttl: Duration,
}

struct OwnTtl;

impl Expiry<String, Value> for OwnTtl {
    fn expire_after_create(&self, _key: &String, value: &Value, _now: Instant) -> Option<Duration> {
        Some(value.ttl)
    }

    fn expire_after_update(
        &self,
        _key: &String,
        value: &Value,
        _now: Instant,
        _left: Option<Duration>,
    ) -> Option<Duration> {
        Some(value.ttl)
    }
}

impl InProcess {
    #[must_use]
    pub fn new() -> Self {
        Self::holding(BYTES)
    }

    /// One that holds at most so many bytes of keys and values.
    #[must_use]
    pub fn holding(bytes: u64) -> Self {
        let values = moka::sync::Cache::builder()
            .max_capacity(bytes)
            .weigher(|key: &String, value: &Value| u32::try_from(key.len() + value.bytes.len()).unwrap_or(u32::MAX))
            .expire_after(OwnTtl)
            .build();
        Self { values, counters: Counters::default() }
    }

    pub(crate) fn count(&self, key: &str, limit: u32, window: Duration) -> Hit {
        self.counters.hit(key, limit, bounded(window), Instant::now())
    }
}

impl Default for InProcess {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Cache for InProcess {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, CacheError> {
        Ok(self.values.get(key).map(|value| value.bytes))
    }

    async fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), CacheError> {
        self.values.insert(key.to_owned(), Value { bytes: value.to_vec(), ttl: bounded(ttl) });
        Ok(())
    }

    async fn remove(&self, key: &str) -> Result<(), CacheError> {
        self.values.invalidate(key);
        Ok(())
    }

    async fn hit(&self, key: &str, limit: u32, window: Duration) -> Result<Hit, CacheError> {
        Ok(self.count(key, limit, window))
    }

    async fn ping(&self) -> Result<(), CacheError> {
        Ok(())
    }

    fn kind(&self) -> &'static str {
        "in-process"
    }
}
