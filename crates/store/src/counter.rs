//! Who serves the tills of this database: one process that keeps open sessions in memory, or any number that do not.

use sqlx::{Connection as _, PgConnection};

use crate::{Store, StoreError};

/// "kava" and a number.
const COUNTER: i64 = 0x6b61_7661_0002;

/// Held as long as this is: the lock is its connection's, so that a killed process leaves nothing behind.
#[derive(Debug)]
pub struct Counter {
    connection: PgConnection,
}

impl Counter {
    /// Whether it is still held: not after the database was restarted.
    pub async fn is_held(&mut self) -> bool {
        self.connection.ping().await.is_ok()
    }
}

impl Store {
    /// Takes the counter, alone or with others who share it; `None` while somebody has it in a way that forbids this.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn take_counter(&self, alone: bool) -> Result<Option<Counter>, StoreError> {
        let mut connection = self.pool().acquire().await?.detach();
        let take = if alone { "select pg_try_advisory_lock($1)" } else { "select pg_try_advisory_lock_shared($1)" };
        let taken: bool = sqlx::query_scalar(take).bind(COUNTER).fetch_one(&mut connection).await?;
        Ok(taken.then_some(Counter { connection }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_alone_or_many_together() {
        let database = testkit::migrated_database(&crate::MIGRATOR).await;
        let store = Store::connect(&database.url, 6).await.unwrap();
        let alone = store.take_counter(true).await.unwrap().unwrap();
        assert!(store.take_counter(true).await.unwrap().is_none());
        assert!(store.take_counter(false).await.unwrap().is_none());
        alone.connection.close().await.unwrap();
        let (one, other) = (store.take_counter(false).await.unwrap(), store.take_counter(false).await.unwrap());
        assert!(one.is_some() && other.is_some());
        assert!(store.take_counter(true).await.unwrap().is_none());
    }
}
