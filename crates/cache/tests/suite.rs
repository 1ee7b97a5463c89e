//! One behaviour suite, run on every cache there is; the Redis is real.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use cache::{Cache, Hit, InProcess, Redis, Resilient};
use testkit::TestRedis;

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(60);
/// By when a short time to live must be over, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A cache under test, and what must live as long as it does.
struct Bench {
    cache: Arc<dyn Cache>,
    _server: Option<TestRedis>,
}

async fn in_process() -> Bench {
    Bench { cache: Arc::new(InProcess::new()), _server: None }
}

async fn on_redis() -> Bench {
    let server = testkit::redis().await;
    Bench { cache: Arc::new(Redis::open(&server.url, "t:").unwrap()), _server: Some(server) }
}

async fn resilient_redis() -> Bench {
    let Bench { cache, _server } = on_redis().await;
    Bench { cache: Arc::new(Resilient::around(cache)), _server }
}

macro_rules! suite {
    ($($backend:ident: $make:path;)+) => {$(
        mod $backend {
            use super::*;

            #[tokio::test]
            async fn keeps_what_it_is_given() {
                super::keeps_what_it_is_given(&*$make().await.cache).await;
            }

            #[tokio::test]
            async fn forgets_after_the_time_to_live() {
                super::forgets_after_the_time_to_live(&*$make().await.cache).await;
            }

            #[tokio::test]
            async fn counts_each_key_up_to_its_limit() {
                super::counts_each_key_up_to_its_limit(&*$make().await.cache).await;
            }

            #[tokio::test]
            async fn a_window_ends() {
                super::a_window_ends(&*$make().await.cache).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn many_at_once_never_exceed_the_limit() {
                super::many_at_once_never_exceed_the_limit(&$make().await).await;
            }

            #[tokio::test]
            async fn takes_any_key_value_and_span() {
                super::takes_any_key_value_and_span(&*$make().await.cache).await;
            }
        }
    )+};
}

suite! {
    in_process_cache: in_process;
    redis_cache: on_redis;
    resilient_redis_cache: resilient_redis;
}

async fn keeps_what_it_is_given(cache: &dyn Cache) {
    cache.ping().await.unwrap();
    assert_eq!(cache.get("a").await.unwrap(), None);
    cache.put("a", b"one", LONG).await.unwrap();
    cache.put("b", b"", LONG).await.unwrap();
    assert_eq!(cache.get("a").await.unwrap().as_deref(), Some(&b"one"[..]));
    assert_eq!(cache.get("b").await.unwrap().as_deref(), Some(&b""[..]), "an empty value is not a miss");
    cache.put("a", b"two", LONG).await.unwrap();
    assert_eq!(cache.get("a").await.unwrap().as_deref(), Some(&b"two"[..]));
    cache.remove("a").await.unwrap();
    cache.remove("never there").await.unwrap();
    assert_eq!(cache.get("a").await.unwrap(), None);
    assert_eq!(cache.get("b").await.unwrap().as_deref(), Some(&b""[..]));
}

async fn forgets_after_the_time_to_live(cache: &dyn Cache) {
    let start = Instant::now();
    cache.put("short", b"x", SHORT).await.unwrap();
    cache.put("prolonged", b"x", SHORT).await.unwrap();
    cache.put("prolonged", b"y", LONG).await.unwrap();
    while cache.get("short").await.unwrap().is_some() {
        assert!(start.elapsed() < PATIENCE, "still there after {:?}", start.elapsed());
        tokio::task::yield_now().await;
    }
    assert!(start.elapsed() >= SHORT, "gone too early");
    assert_eq!(cache.get("prolonged").await.unwrap().as_deref(), Some(&b"y"[..]), "the new value has its own time");
}

async fn counts_each_key_up_to_its_limit(cache: &dyn Cache) {
    for _ in 0..3 {
        assert_eq!(cache.hit("k", 3, LONG).await.unwrap(), Hit::Within);
    }
    let Hit::Over { retry_after } = cache.hit("k", 3, LONG).await.unwrap() else { panic!("the fourth of three") };
    assert!((590..=600).contains(&retry_after), "{retry_after}");
    assert_eq!(cache.hit("other", 3, LONG).await.unwrap(), Hit::Within);
    assert!(matches!(cache.hit("none", 0, LONG).await.unwrap(), Hit::Over { .. }));
    // A counter is not a value, even under one name.
    cache.put("k", b"value", LONG).await.unwrap();
    assert!(matches!(cache.hit("k", 3, LONG).await.unwrap(), Hit::Over { .. }));
    assert_eq!(cache.get("k").await.unwrap().as_deref(), Some(&b"value"[..]));
}

async fn a_window_ends(cache: &dyn Cache) {
    let start = Instant::now();
    assert_eq!(cache.hit("k", 1, SHORT).await.unwrap(), Hit::Within);
    loop {
        match cache.hit("k", 1, SHORT).await.unwrap() {
            Hit::Within => break,
            Hit::Over { retry_after } => assert_eq!(retry_after, 1),
        }
        assert!(start.elapsed() < PATIENCE, "tries over the limit must not prolong the window");
        tokio::task::yield_now().await;
    }
    assert!(start.elapsed() >= SHORT, "the window ended too early");
}

async fn many_at_once_never_exceed_the_limit(bench: &Bench) {
    let start = Arc::new(tokio::sync::Barrier::new(40));
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let (cache, start) = (Arc::clone(&bench.cache), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                cache.hit("k", 10, LONG).await.unwrap()
            })
        })
        .collect();
    let mut within = 0;
    for task in tasks {
        within += u32::from(task.await.unwrap() == Hit::Within);
    }
    assert_eq!(within, 10);
}

async fn takes_any_key_value_and_span(cache: &dyn Cache) {
    let (key, value) = ("\r\n\0 ключ ".repeat(200), vec![0xff; 300_000]);
    cache.put(&key, &value, Duration::MAX).await.unwrap();
    assert_eq!(cache.get(&key).await.unwrap(), Some(value));
    cache.put("", b"x", Duration::ZERO).await.unwrap();
    assert_eq!(cache.hit(&key, u32::MAX, Duration::MAX).await.unwrap(), Hit::Within);
}

#[tokio::test]
async fn with_redis_away_callers_go_on_and_nobody_waits_long() {
    let mut server = testkit::private_redis().await;
    let redis: Arc<dyn Cache> = Arc::new(Redis::open(&server.url, "t:").unwrap());
    let cache = Resilient::around(redis);
    cache.put("a", b"one", LONG).await.unwrap();
    assert_eq!(cache.hit("k", 2, LONG).await.unwrap(), Hit::Within);
    assert!(!cache.is_away());

    server.stop();
    let start = Instant::now();
    assert_eq!(cache.get("a").await.unwrap(), None, "a miss");
    for _ in 0..50 {
        assert_eq!(cache.get("a").await.unwrap(), None);
        cache.put("b", b"two", LONG).await.unwrap();
        cache.remove("a").await.unwrap();
    }
    assert!(start.elapsed() < Duration::from_secs(1), "151 calls took {:?}", start.elapsed());
    assert!(cache.is_away());
    assert_eq!(cache.hit("k", 2, LONG).await.unwrap(), Hit::Within);
    assert_eq!(cache.hit("k", 2, LONG).await.unwrap(), Hit::Within);
    assert!(matches!(cache.hit("k", 2, LONG).await.unwrap(), Hit::Over { .. }), "limits count in process");
    assert!(cache.ping().await.is_err(), "readiness shows it");
}

#[tokio::test]
async fn a_shop_opens_with_redis_away() {
    let mut server = testkit::private_redis().await;
    let url = server.url.clone();
    server.stop();
    let redis = Redis::open(&url, "t:").unwrap();
    let start = Instant::now();
    assert!(redis.get("a").await.is_err());
    assert!(start.elapsed() < Duration::from_secs(1), "took {:?}", start.elapsed());
    assert!(Redis::open("not an address", "t:").is_err());
}

/// What was removed while the server was away does not come back with it.
#[tokio::test]
async fn the_old_value_stays_unseen_when_the_server_is_back() {
    let Bench { cache: redis, _server } = on_redis().await;
    redis.put("a", b"old", LONG).await.unwrap();
    redis.put("b", b"old", LONG).await.unwrap();
    let flaky = Arc::new(Switch { inner: Arc::clone(&redis), off: false.into() });
    let cache = Resilient::around(Arc::clone(&flaky) as Arc<dyn Cache>);
    flaky.off.store(true, std::sync::atomic::Ordering::SeqCst);
    cache.remove("a").await.unwrap();
    cache.put("b", b"new", LONG).await.unwrap();
    flaky.off.store(false, std::sync::atomic::Ordering::SeqCst);
    cache.ping().await.unwrap();
    assert_eq!(cache.get("a").await.unwrap(), None);
    assert_eq!(cache.get("b").await.unwrap(), None);
    cache.put("b", b"newer", LONG).await.unwrap();
    assert_eq!(cache.get("b").await.unwrap().as_deref(), Some(&b"newer"[..]));
}

/// The line to a real Redis, which a test can cut.
struct Switch {
    inner: Arc<dyn Cache>,
    off: std::sync::atomic::AtomicBool,
}

impl Switch {
    fn line(&self) -> Result<&dyn Cache, cache::CacheError> {
        match self.off.load(std::sync::atomic::Ordering::SeqCst) {
            true => Err(cache::CacheError("cut".to_owned())),
            false => Ok(&*self.inner),
        }
    }
}

#[async_trait::async_trait]
impl Cache for Switch {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, cache::CacheError> {
        self.line()?.get(key).await
    }
    async fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), cache::CacheError> {
        self.line()?.put(key, value, ttl).await
    }
    async fn remove(&self, key: &str) -> Result<(), cache::CacheError> {
        self.line()?.remove(key).await
    }
    async fn hit(&self, key: &str, limit: u32, window: Duration) -> Result<Hit, cache::CacheError> {
        self.line()?.hit(key, limit, window).await
    }
    async fn ping(&self) -> Result<(), cache::CacheError> {
        self.line()?.ping().await
    }
    fn kind(&self) -> &'static str {
        "switch"
    }
}
