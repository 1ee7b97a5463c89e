//! PostgreSQL: migrations, queries, outbox. The only crate with sqlx; lowercase SQL, private row structs, and named
//! constraints that are mapped by name.

mod error;
mod json_text;

pub mod accounts;
pub mod baskets;
pub mod campaigns;
pub mod cards;
pub mod catalogue;
pub mod counter;
pub mod coupons;
pub mod customers;
pub mod deliveries;
pub mod event_log;
pub mod grants;
pub mod history;
pub mod idempotency;
pub mod import;
pub mod lifetime;
pub mod limits;
pub mod logins;
pub mod marketing;
pub mod menu;
pub mod messages;
pub mod offers;
pub mod offline_receipts;
pub mod outbox;
pub mod picks;
pub mod purchases;
pub mod receipts;
pub mod returns;
pub mod segments;
pub mod sessions;
pub mod shop;
pub mod staff;
pub mod tills;

use std::str::FromStr as _;
use std::time::Duration;

pub use error::StoreError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, Executor as _, PgPool, Postgres};

/// A transaction. Dropped without [`commit`], it never happened.
pub type Tx = sqlx::Transaction<'static, Postgres>;

/// The one store of the shop. Cheap to clone.
///
/// A till does not wait until a report or a page gives its connection back: tills have connections of their own
/// ([`for_tills`](Self::for_tills)), and of these purchases and open baskets are written through some that do nothing else.
/// Those are few, so the database's process behind each has just done the same, and finds all it needs in the memory next to
/// its processor: a twentieth more purchases a second than through all connections in turns.
#[derive(Clone, Debug)]
pub struct Store {
    /// What this handle asks through: everybody's, or the tills'.
    pool: PgPool,
    tills: PgPool,
    purchases: PgPool,
    baskets: PgPool,
}

/// Connections that purchases have of their own: while one waits for the disk the next is made ready.
pub const PURCHASE_CONNECTIONS: u32 = 3;
/// Open baskets are written by one at a time.
const BASKET_CONNECTIONS: u32 = 1;
/// Who has fewer connections than this shares them all.
const TO_PART: u32 = 12;

/// How long a connection may rest before it is asked again whether it lives.
const UNASKED: Duration = Duration::from_secs(5);

/// Our statements take arrays, and are written for one plan whatever their length. Left to itself PostgreSQL plans such a
/// statement anew at every call, because a short array looks cheaper than one of unknown length; that cost the till's
/// statements more than running them.
///
/// What does not fit into a row, as the answer to a large basket, is compressed: 20 kB take LZ4, where the server was built
/// with it, a fifth of the time that pglz takes (30 to 50 µs against 150 to 180).
const OUR_WAY: &str = "select set_config('plan_cache_mode', 'force_generic_plan', false), \
     (select set_config(name, 'lz4', false) from pg_settings \
      where name = 'default_toast_compression' and 'lz4' = any(enumvals))";

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

impl Store {
    /// Connects; does not migrate. It never has more than `connections`. Those of purchases and baskets are among them, half
    /// of the others are the tills'; they are made when they are first needed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when nothing answers there.
    pub async fn connect(url: &str, connections: u32) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)?.application_name("kava");
        let others = connections.saturating_sub(PURCHASE_CONNECTIONS + BASKET_CONNECTIONS);
        let tills = others / 2;
        let parts = connections >= TO_PART;
        let pool = pool_of(if parts { others - tills } else { connections }).connect_with(options.clone()).await?;
        let part = |count| if parts { pool_of(count).connect_lazy_with(options.clone()) } else { pool.clone() };
        Ok(Self { tills: part(tills), purchases: part(PURCHASE_CONNECTIONS), baskets: part(BASKET_CONNECTIONS), pool })
    }

    /// The same store, asked through the connections that are the tills' alone.
    #[must_use]
    pub fn for_tills(&self) -> Self {
        Self { pool: self.tills.clone(), ..self.clone() }
    }

    /// Brings the schema up to this binary's.
    ///
    /// # Errors
    /// [`StoreError::Migration`] when the database is from another or a newer Kava.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        Ok(MIGRATOR.run(&self.pool).await?)
    }

    /// # Errors
    /// [`StoreError::Unavailable`] when no connection can be had.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(self.pool.begin().await?)
    }

    /// Whether the database answers now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("select 1").execute(&self.pool).await?;
        Ok(())
    }

    /// For queries of this crate's modules.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// For what writes purchases.
    pub(crate) fn for_purchases(&self) -> &PgPool {
        &self.purchases
    }

    /// For what writes open baskets behind their answers.
    pub(crate) fn for_baskets(&self) -> &PgPool {
        &self.baskets
    }
}

fn pool_of(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(10))
        // A connection that was used a moment ago is not asked whether it still lives: that round trip would cost
        // every statement as much as the statement itself.
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(OUR_WAY).await?;
                Ok(())
            })
        })
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > UNASKED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}

/// # Errors
/// What the database says when it cannot commit; then nothing was changed.
pub async fn commit(tx: Tx) -> Result<(), StoreError> {
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_parts_have_no_more_connections_than_all_may_have() {
        let database = testkit::fresh_database().await;
        for all in [TO_PART, 13, 24, 1_000] {
            let store = Store::connect(&database.url, all).await.unwrap();
            let parts = [&store.pool, &store.tills, &store.purchases, &store.baskets];
            let parts = parts.map(|pool| pool.options().get_max_connections());
            assert_eq!((parts.iter().sum::<u32>(), parts.contains(&0)), (all, false), "{parts:?}");
        }
        for few in [1, TO_PART - 1] {
            let store = Store::connect(&database.url, few).await.unwrap();
            let mut held = Vec::new();
            for _ in 0..few {
                held.push(store.begin().await.unwrap());
            }
            let tills = store.for_tills();
            for pool in [tills.pool(), tills.for_purchases(), tills.for_baskets()] {
                assert!(pool.try_acquire().is_none(), "one of {few} more");
                assert_eq!(pool.size(), few);
            }
        }
    }
}
