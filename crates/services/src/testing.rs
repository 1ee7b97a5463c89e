//! For tests of stories: an empty, migrated shop on the real PostgreSQL.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use cache::InProcess;
use sqlx::PgPool;
use store::Store;
use testkit::TestDatabase;

use crate::Shop;
use crate::clock::{Clock, Draw, Entropy, ManualClock, OsEntropy};

/// Dropped in this order, so that the pools go before their database.
pub(crate) struct Bare {
    pub shop: Shop,
    pub pool: PgPool,
    pub database: TestDatabase,
}

/// No shop row, no products, no customers; the clock stands at `now`.
pub(crate) async fn bare(now: &str) -> Bare {
    let database = database().await;
    let store = Store::connect(&database.url, 8).await.unwrap();
    let pool = PgPool::connect_lazy(&database.url).unwrap();
    let clock = Arc::new(ManualClock::at(now.parse().unwrap()));
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let (drawn, stamped) = (entropy.clone(), clock.clone());
    let stamp = Arc::new(move || (drawn.id(stamped.now()), stamped.now()));
    let sms = Arc::new(store::messages::Outbox::new(store.clone(), stamp));
    let shop = Shop::new(store, Arc::new(InProcess::default()), sms, clock, entropy);
    Bare { shop, pool, database }
}

/// Empty and migrated: a clone of a template that is made anew when the migrations change.
pub(crate) async fn database() -> TestDatabase {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../store/migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut hash = DefaultHasher::new();
    for file in files {
        std::fs::read(file).unwrap().hash(&mut hash);
    }
    testkit::fresh_database_from(&format!("services {:x}", hash.finish()), async |url: String| {
        let store = Store::connect(&url, 1).await.unwrap();
        store.migrate().await.unwrap();
    })
    .await
}
