//! A real Redis.
use embedded::{Redis, RedisParams};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

const DATABASES: u32 = 512;
const INSTALL: &str = "the tests need a real Redis: apt-get install -y redis-server";

static SHARED: OnceLock<Redis> = OnceLock::new();
static COUNT: AtomicU32 = AtomicU32::new(0);

/// An empty numbered database of a real Redis.
#[derive(Debug)]
pub struct TestRedis {
    pub url: String,
    private: Option<(Redis, PathBuf)>,
}

/// An empty database of the Redis that all tests share.
///
/// # Panics
/// When Redis is not installed, with the command that installs it.
pub async fn redis() -> TestRedis {
    tokio::task::spawn_blocking(|| {
        let redis = SHARED.get_or_init(|| start(crate::folder()));
        // Numbers go round over all test processes; number 0 is where they are counted.
        let answer = redis.tell(&["INCR kava:test:database"]).expect("the test Redis answers");
        let turn: u32 = answer.first().and_then(|text| text.strip_prefix(':')?.parse().ok()).expect("a number");
        let number = turn % (DATABASES - 1) + 1;
        redis.tell(&[&format!("SELECT {number}"), "FLUSHDB"]).expect("an empty database");
        TestRedis { url: format!("{}?db={number}", redis.url()), private: None }
    })
    .await
    .unwrap_or_else(|error| panic!("{INSTALL} ({error})"))
}

/// A Redis of the test's own, for tests of what happens when it dies.
///
/// # Panics
/// When Redis is not installed, with the command that installs it.
pub async fn private_redis() -> TestRedis {
    tokio::task::spawn_blocking(|| {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = PathBuf::from(format!("{}-redis-{}-{count}", crate::folder().display(), std::process::id()));
        let redis = start(folder.clone());
        TestRedis { url: redis.url(), private: Some((redis, folder)) }
    })
    .await
    .unwrap_or_else(|error| panic!("{INSTALL} ({error})"))
}

impl TestRedis {
    /// Stops a [`private_redis`]; its address stays, and nobody answers there. Does nothing to the shared one.
    pub fn stop(&mut self) {
        if let Some((redis, folder)) = self.private.take() {
            redis.stop().expect("Redis stops");
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        if let Some((redis, folder)) = self.private.take() {
            drop(redis);
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn start(folder: PathBuf) -> Redis {
    let params = RedisParams { databases: DATABASES, ..RedisParams::new(folder) };
    Redis::start(params, &mut |_| {}).unwrap_or_else(|error| panic!("the tests need Redis: {error}")).expect(INSTALL)
}
