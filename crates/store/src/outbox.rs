//! The outbox (law 10): events are written with the change that they tell of, and read by the relay after the commit.

use chrono::{DateTime, Utc};
use events::{Event, Payload};
use uuid::Uuid;

use crate::{StoreError, Tx};

/// Writes the events beside the change, in one statement; nothing for none.
///
/// # Errors
/// `outbox_event_id_key` for an id that was used before.
pub async fn append(tx: &mut Tx, batch: &[Event]) -> Result<(), StoreError> {
    if batch.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(batch);
    sqlx::query(
        "insert into outbox (event_id, topic, key, schema, occurred_at, payload) \
         select event_id, topic, key, schema, occurred_at, payload \
         from unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::timestamptz[], $6::text[]) \
             with ordinality as event (event_id, topic, key, schema, occurred_at, payload, place) order by place",
    )
    .bind(columns.ids)
    .bind(columns.topics)
    .bind(columns.keys)
    .bind(columns.schemas)
    .bind(columns.times)
    .bind(columns.payloads)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// One array a column: a batch is one statement whatever its size.
pub(crate) struct Columns<'a> {
    pub ids: Vec<Uuid>,
    pub topics: Vec<&'a str>,
    pub keys: Vec<&'a str>,
    pub schemas: Vec<i32>,
    pub times: Vec<DateTime<Utc>>,
    pub payloads: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    pub(crate) fn of(batch: &'a [Event]) -> Self {
        Self {
            ids: batch.iter().map(|event| event.event_id).collect(),
            topics: batch.iter().map(|event| event.topic.as_str()).collect(),
            keys: batch.iter().map(|event| event.key.as_str()).collect(),
            schemas: batch.iter().map(|event| event.schema).collect(),
            times: batch.iter().map(|event| event.occurred_at).collect(),
            payloads: batch.iter().map(|event| event.payload.as_str()).collect(),
        }
    }
}

/// An event as its row has it.
#[derive(sqlx::FromRow)]
pub(crate) struct Told {
    event_id: Uuid,
    topic: String,
    key: String,
    schema: i32,
    occurred_at: DateTime<Utc>,
    payload: String,
}

impl Told {
    pub(crate) fn event(self) -> Result<Event, StoreError> {
        let payload = Payload::parse(self.payload)
            .map_err(|why| StoreError::corrupt("event", format!("{}: {why}", self.event_id)))?;
        Ok(Event {
            event_id: self.event_id,
            topic: self.topic,
            key: self.key,
            schema: self.schema,
            occurred_at: self.occurred_at,
            payload,
        })
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    #[sqlx(flatten)]
    event: Told,
}

/// What was committed and not yet published.
#[derive(Debug, Default)]
pub struct Pending {
    /// The rows' own ids, for [`mark_published`].
    pub ids: Vec<i64>,
    pub events: Vec<Event>,
}

/// The oldest unpublished events; `None` while another relay is at it, which keeps the order of each key.
///
/// Rows are found by state, never by "after the last id": ids become visible out of the order of commits.
///
/// # Errors
/// Only when the store is away.
pub async fn take(tx: &mut Tx, limit: u16) -> Result<Option<Pending>, StoreError> {
    let mine: bool = sqlx::query_scalar("select pg_try_advisory_xact_lock(hashtextextended('kava.outbox', 0))")
        .fetch_one(&mut **tx)
        .await?;
    if !mine {
        return Ok(None);
    }
    let rows = sqlx::query_as::<_, Row>(
        "select id, event_id, topic, key, schema, occurred_at, payload from outbox \
         where published_at is null order by id limit $1",
    )
    .bind(i64::from(limit))
    .fetch_all(&mut **tx)
    .await?;
    let mut pending = Pending::default();
    for row in rows {
        pending.ids.push(row.id);
        pending.events.push(row.event.event()?);
    }
    Ok(Some(pending))
}

/// # Errors
/// Only when the store is away.
pub async fn mark_published(tx: &mut Tx, ids: &[i64], now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query("update outbox set published_at = $2 where id = any($1) and published_at is null")
        .bind(ids)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

impl crate::Store {
    /// Forgets what was published before `before`; says how many. What still waits is never forgotten.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn forget_published(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let done = sqlx::query("delete from outbox where published_at < $1").bind(before).execute(self.pool()).await?;
        Ok(done.rows_affected())
    }

    /// How many events wait, and since when the oldest does: the relay's lag.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn outbox_lag(&self) -> Result<(i64, Option<DateTime<Utc>>), StoreError> {
        Ok(sqlx::query_as("select count(*), min(occurred_at) from outbox where published_at is null")
            .fetch_one(self.pool())
            .await?)
    }
}
