//! The default bus: a log in PostgreSQL with one gapless offset a topic, and how far each group of consumers has read.

use async_trait::async_trait;
use events::{Bus, BusError, Event};

use crate::outbox::{Columns, Told};
use crate::{Store, StoreError};

/// A bus without a server of its own. An event is in the log once, however often it is published.
#[derive(Clone, Debug)]
pub struct PgLog(pub Store);

#[async_trait]
impl Bus for PgLog {
    async fn publish(&self, batch: &[Event]) -> Result<(), BusError> {
        self.append(batch).await.map_err(|error| BusError(error.to_string()))
    }

    fn kind(&self) -> &'static str {
        "postgresql"
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    offset: i64,
    #[sqlx(flatten)]
    event: Told,
}

impl PgLog {
    async fn append(&self, batch: &[Event]) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut tx = self.0.begin().await?;
        // One writer at a time, until its commit: so offsets have no gaps, and a reader never sees a later one first.
        sqlx::query("select pg_advisory_xact_lock(hashtextextended('kava.event_log', 0))").execute(&mut *tx).await?;
        let columns = Columns::of(batch);
        sqlx::query(
            "with batch as ( \
                 select distinct on (topic, event_id) event.* \
                 from unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::timestamptz[], $6::text[]) \
                     with ordinality as event (event_id, topic, key, schema, occurred_at, payload, place) \
                 where not exists (select 1 from event_log \
                     where event_log.topic = event.topic and event_log.event_id = event.event_id) \
                 order by topic, event_id, place), \
             ends as ( \
                 select topic, coalesce((select max(log.\"offset\") + 1 from event_log log where log.topic = named.topic), 0) as next \
                 from (select distinct topic from batch) named) \
             insert into event_log (topic, \"offset\", event_id, key, schema, occurred_at, payload) \
             select batch.topic, ends.next + row_number() over (partition by batch.topic order by batch.place) - 1, \
                 batch.event_id, batch.key, batch.schema, batch.occurred_at, batch.payload \
             from batch join ends using (topic)",
        )
        .bind(columns.ids)
        .bind(columns.topics)
        .bind(columns.keys)
        .bind(columns.schemas)
        .bind(columns.times)
        .bind(columns.payloads)
        .execute(&mut *tx)
        .await?;
        crate::commit(tx).await
    }

    /// At most `limit` events of a topic from `offset` on, each with its own offset.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn read(&self, topic: &str, offset: i64, limit: u16) -> Result<Vec<(i64, Event)>, StoreError> {
        let rows = sqlx::query_as::<_, Row>(
            "select \"offset\", event_id, topic, key, schema, occurred_at, payload from event_log \
             where topic = $1 and \"offset\" >= $2 order by \"offset\" limit $3",
        )
        .bind(topic)
        .bind(offset)
        .bind(i64::from(limit))
        .fetch_all(self.0.pool())
        .await?;
        rows.into_iter().map(|row| Ok((row.offset, row.event.event()?))).collect()
    }

    /// The offset that a group reads next.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn position(&self, group: &str, topic: &str) -> Result<i64, StoreError> {
        let next: Option<i64> =
            sqlx::query_scalar("select next_offset from event_groups where group_name = $1 and topic = $2")
                .bind(group)
                .bind(topic)
                .fetch_optional(self.0.pool())
                .await?;
        Ok(next.unwrap_or(0))
    }

    /// Says that a group has dealt with everything before `next`; never moves back.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn acknowledge(&self, group: &str, topic: &str, next: i64) -> Result<(), StoreError> {
        sqlx::query(
            "insert into event_groups (group_name, topic, next_offset) values ($1, $2, $3) \
             on conflict (group_name, topic) do update \
             set next_offset = greatest(event_groups.next_offset, excluded.next_offset)",
        )
        .bind(group)
        .bind(topic)
        .bind(next)
        .execute(self.0.pool())
        .await?;
        Ok(())
    }
}
