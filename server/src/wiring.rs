//! The composition root: which PostgreSQL, which cache, whose clock, and the shop made of them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use cache::{Cache, InProcess, Resilient};
use embedded::{Postgres, PostgresParams, Redis, RedisParams};
use services::clock::{Clock, Draw, Entropy, OsEntropy, SystemClock};
use services::{Pace, Shop};
use store::Store;
use store::messages::Outbox;

use crate::config::{Config, OpenSessions, without_secret};
use crate::edge::{Edge, Inner, Metrics, Rules};
use crate::master_key;

/// How long the last open baskets may take to be written.
const SETTLING: Duration = Duration::from_secs(5);
/// How often it is looked whether the private PostgreSQL lives.
const HEARTBEAT: Duration = Duration::from_millis(250);
/// The database of the private PostgreSQL.
const DATABASE: &str = "kava";
/// Before every key in Redis, so that a Redis may be shared.
const PREFIX: &str = "kava:";

/// The shop with everything under it. [`Wired::stop`] when done, so that no server of ours is left running.
pub struct Wired {
    pub shop: Shop,
    pub store: Store,
    pub cache: Arc<dyn Cache>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    database: String,
    servers: Servers,
}

/// The private servers that this process has a share in.
#[derive(Default)]
struct Servers {
    postgres: Option<Arc<Postgres>>,
    redis: Option<Redis>,
}

impl Wired {
    /// Starts or reaches what the settings name, and brings the schema up to date.
    ///
    /// # Errors
    /// Each says what does not answer and what to do.
    pub async fn start(config: &Config) -> anyhow::Result<Self> {
        let config_of_servers = config.clone();
        let servers = tokio::task::spawn_blocking(move || Servers::start(&config_of_servers))
            .await
            .context("The private servers could not be started.")??;
        let wired = Self::over(config, servers).await?;
        wired.store.migrate().await.context(
            "The database's schema cannot be brought up to this program's. Is the database of a newer Kava, or not Kava's?",
        )?;
        Ok(wired)
    }

    async fn over(config: &Config, servers: Servers) -> anyhow::Result<Self> {
        let database =
            servers.postgres.as_ref().map_or_else(|| config.database.url.clone(), |server| server.url(DATABASE));
        let store = Store::connect(&database, config.database.connections).await.with_context(|| {
            format!("PostgreSQL does not answer at {}. Check database.url or DATABASE_URL.", without_secret(&database))
        })?;
        let redis = servers
            .redis
            .as_ref()
            .map(Redis::url)
            .or_else(|| (config.redis.enabled && !config.redis.url.is_empty()).then(|| config.redis.url.clone()));
        let cache: Arc<dyn Cache> = match redis {
            Some(url) => {
                let redis = cache::Redis::open(&url, PREFIX).map_err(|error| {
                    anyhow!("{} is no address of a Redis: {error}. Check redis.url or REDIS_URL.", without_secret(&url))
                })?;
                Arc::new(Resilient::around(Arc::new(redis)))
            }
            None => Arc::new(InProcess::new()),
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let stamp = {
            let (clock, entropy) = (clock.clone(), entropy.clone());
            Arc::new(move || {
                let now = clock.now();
                (entropy.id(now), now)
            })
        };
        let sms = Arc::new(Outbox::new(store.clone(), stamp));
        let pace = match config.till.open_sessions {
            OpenSessions::Memory => Pace::swift(),
            OpenSessions::Database => Pace::exact(),
        };
        let shop = Shop::new(store.clone(), cache.clone(), sms, clock.clone(), entropy.clone())
            .at_pace(pace)
            .with_grant_terms(config.till.grant_terms());
        let shop = match master_key::load(config)? {
            Some(key) => shop.with_master_key(key),
            None => shop,
        };
        Ok(Self { shop, store, cache, clock, entropy, database, servers })
    }

    /// Where its PostgreSQL answers; with its password, where it has one.
    #[must_use]
    pub fn database_url(&self) -> &str {
        &self.database
    }

    /// The edge of this shop.
    ///
    /// # Errors
    /// When the metrics cannot be set up.
    pub fn edge(&self, config: &Config) -> anyhow::Result<Edge> {
        let shop = Arc::new(self.shop.clone());
        // Staff at the checkout screen are a till.
        let tills = Arc::new(self.shop.at_tills());
        Ok(Edge::new(Inner {
            customer: shop.clone(),
            till: tills.clone(),
            offline: tills.clone(),
            adapter: tills.clone(),
            staff: tills,
            marketing: shop.clone(),
            offers: shop.clone(),
            campaigns: shop,
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            store: self.store.for_tills(),
            cache: self.cache.clone(),
            metrics: Metrics::new()?,
            rules: Rules::from(config),
        }))
    }

    /// Starts the private PostgreSQL anew whenever it dies: the tills of a shop do not wait for its operator. Never ends.
    pub async fn keep_servers(&self) {
        let Some(postgres) = self.servers.postgres.clone() else { return std::future::pending().await };
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            let postgres = postgres.clone();
            let revived = tokio::task::spawn_blocking(move || {
                postgres.revive(&mut |line| tracing::warn!("{line}")).map_err(|error| error.to_string())
            });
            if let Ok(Err(error)) = revived.await {
                tracing::error!(error, "the private PostgreSQL does not come back");
            }
        }
    }

    /// Leaves the private servers; whoever leaves last stops them.
    ///
    /// # Errors
    /// When one does not stop.
    pub async fn stop(self) -> anyhow::Result<()> {
        let Self { shop, store, cache, clock, entropy, database: _, servers } = self;
        // Baskets that were answered and not written yet; a database that is away is not waited for.
        if tokio::time::timeout(SETTLING, shop.settle()).await.is_err() {
            tracing::warn!("some open baskets could not be written; their tills put them again");
        }
        drop((shop, store, cache, clock, entropy));
        tokio::task::spawn_blocking(|| servers.stop()).await.context("The private servers could not be stopped.")?
    }
}

impl Servers {
    fn start(config: &Config) -> anyhow::Result<Self> {
        let folder = &config.data.folder;
        let mut servers = Self::default();
        if config.database.url.is_empty() {
            servers.postgres = Some(Arc::new(postgres(folder)?));
        }
        if config.redis.enabled && config.redis.url.is_empty() {
            servers.redis = redis(folder);
        }
        Ok(servers)
    }

    fn stop(self) -> anyhow::Result<()> {
        let redis = self.redis.map(Redis::stop).transpose();
        // Whoever else still has it (`revive`) leaves by dropping it.
        let postgres = self.postgres.and_then(Arc::into_inner).map(Postgres::stop).transpose();
        postgres.context("The private PostgreSQL did not stop.")?;
        redis.context("The private Redis did not stop.")?;
        Ok(())
    }
}

fn postgres(folder: &Path) -> anyhow::Result<Postgres> {
    let postgres = Postgres::start(PostgresParams::new(folder), &mut progress)?;
    postgres.ensure_database(DATABASE)?;
    Ok(postgres)
}

/// A Redis that is not there or does not start costs speed, not the shop.
fn redis(folder: &Path) -> Option<Redis> {
    match Redis::start(RedisParams::new(folder), &mut progress) {
        Ok(Some(redis)) => Some(redis),
        Ok(None) => {
            progress(
                "redis-server is not installed: the cache lives in this process. To have one: apt-get install -y redis-server",
            );
            None
        }
        Err(error) => {
            progress(&format!("The private Redis does not start, so the cache lives in this process: {error}"));
            None
        }
    }
}

/// What takes long is told on the standard error, so that the output of commands stays clean.
fn progress(line: &str) {
    eprintln!("{line}");
}
