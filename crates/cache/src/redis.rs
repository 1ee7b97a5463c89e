//! Redis: what several processes of one shop share.

use std::time::Duration;

use async_trait::async_trait;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, Script};

use crate::counters::whole_seconds;
use crate::{Cache, CacheError, Hit, bounded};

/// Counts and starts the window in one step, so that a crash between the two cannot leave a counter without an end.
/// Answers 0 within the limit, else the milliseconds until the window ends.
const HIT: &str = "
local uses = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  left = tonumber(ARGV[2])
end
if uses <= tonumber(ARGV[1]) then return 0 end
return math.max(left, 1)
";

/// One multiplexed connection that comes back by itself. Errs within [`Redis::PATIENCE`]; wrap it in [`crate::Resilient`].
pub struct Redis {
    connection: ConnectionManager,
    hit: Script,
    /// Before every key, so that shops can share a server.
    prefix: String,
}

impl std::fmt::Debug for Redis {
    /// The address may carry a password, so it is not shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redis({})", self.prefix)
    }
}

impl Redis {
    /// No call takes longer, whatever Redis does.
    pub const PATIENCE: Duration = Duration::from_millis(100);

    /// Reads the address (`redis://…`, `redis+unix://…`) and connects with the first call, so a Redis that is away does
    /// not keep a shop from opening. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`CacheError`] when the address is none.
    pub fn open(url: &str, prefix: &str) -> Result<Self, CacheError> {
        let client = Client::open(url).map_err(said)?;
        // No retries inside a call: the next call is the retry.
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(Self::PATIENCE))
            .set_response_timeout(Some(Self::PATIENCE));
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(said)?;
        Ok(Self { connection, hit: Script::new(HIT), prefix: prefix.to_owned() })
    }

    async fn ask<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, CacheError> {
        let mut connection = self.connection.clone();
        patiently(command.query_async(&mut connection)).await
    }

    fn value_key(&self, key: &str) -> String {
        format!("{}v:{key}", self.prefix)
    }
}

async fn patiently<T>(call: impl Future<Output = redis::RedisResult<T>>) -> Result<T, CacheError> {
    match tokio::time::timeout(Redis::PATIENCE, call).await {
        Ok(answer) => answer.map_err(said),
        Err(_) => Err(CacheError("no answer in time".to_owned())),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn said(error: redis::RedisError) -> CacheError {
    CacheError(error.to_string())
}

fn millis(span: Duration) -> u64 {
    u64::try_from(bounded(span).as_millis()).unwrap_or(u64::MAX)
}

#[async_trait]
impl Cache for Redis {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, CacheError> {
        self.ask(redis::cmd("GET").arg(self.value_key(key))).await
    }

    async fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), CacheError> {
        self.ask(redis::cmd("SET").arg(self.value_key(key)).arg(value).arg("PX").arg(millis(ttl))).await
    }

    async fn remove(&self, key: &str) -> Result<(), CacheError> {
        self.ask(redis::cmd("UNLINK").arg(self.value_key(key))).await
    }

    async fn hit(&self, key: &str, limit: u32, window: Duration) -> Result<Hit, CacheError> {
        let mut connection = self.connection.clone();
        let mut call = self.hit.prepare_invoke();
        call.key(format!("{}n:{key}", self.prefix)).arg(limit).arg(millis(window));
        let left: u64 = patiently(call.invoke_async(&mut connection)).await?;
        Ok(match left {
            0 => Hit::Within,
            left => Hit::Over { retry_after: whole_seconds(Duration::from_millis(left)) },
        })
    }

    async fn ping(&self) -> Result<(), CacheError> {
        self.ask(&redis::cmd("PING")).await
    }

    fn kind(&self) -> &'static str {
        "redis"
    }
}
