//! Sessions: a basket at a till, what it was evaluated from, and the answer it was given.

use chrono::{DateTime, Utc};
use domain::{CustomerId, SessionId, SessionState, StoreId, TillId};
use events::Event;
use serde_json::Value;
use uuid::Uuid;

use crate::idempotency::Claim;
use crate::outbox::Columns;
use crate::{Store, StoreError, Tx};

mod ground;

pub use ground::{CodeUse, Ground, Standing};

fn parse_state(name: &str) -> Result<SessionState, StoreError> {
    SessionState::parse(name).ok_or_else(|| StoreError::Corrupt { what: "session state", why: name.to_owned() })
}

impl Store {
    /// A session as it was answered last, and the store that it belongs to.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn session(&self, id: SessionId) -> Result<Option<(StoreId, Value)>, StoreError> {
        let row: Option<(Uuid, Value)> = sqlx::query_as("select store_id, answer from sessions where id = $1")
            .bind(id.0)
            .fetch_optional(self.pool())
            .await?;
        Ok(row.map(|(store, answer)| (StoreId(store), answer)))
    }

    /// Forgets open sessions that expired before `before`; says how many.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn forget_sessions(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let done = sqlx::query("delete from sessions where state = 'open' and expires_at < $1")
            .bind(before)
            .execute(self.pool())
            .await?;
        Ok(done.rows_affected())
    }

    /// Forgets uses of rotating codes before `before`, which must be long after such a code expires; says how many.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn forget_code_uses(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let done = sqlx::query("delete from used_codes where used_at < $1").bind(before).execute(self.pool()).await?;
        Ok(done.rows_affected())
    }
}

/// An evaluated basket, to be kept. The JSON parts are the story's own.
#[derive(Clone, Debug)]
pub struct Quote<'a> {
    pub id: SessionId,
    pub store: StoreId,
    pub till: TillId,
    pub customer: Option<CustomerId>,
    pub request: &'a Value,
    pub facts: &'a Value,
    /// Its `version` is set here, where the row is locked.
    pub answer: &'a Value,
    pub evaluated_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// The step of the rotating code that the session is opened with: it is then bound to this session.
    pub code: Option<(CustomerId, i64)>,
}

/// Keeps the quote in one statement: a new session, or the next version of an open one of the same store and customer.
/// Gives the version, or `None` when the session (or the code's step) is no longer what it was when it was read.
///
/// # Errors
/// [`StoreError::Busy`] when another call holds the session for more than five seconds.
pub async fn put(store: &Store, quote: &Quote<'_>) -> Result<Option<u32>, StoreError> {
    let Some((customer, step)) = quote.code else {
        let version: Option<i32> = upsert(quote, true, store.pool()).await?;
        return Ok(version.and_then(|version| u32::try_from(version).ok()));
    };
    let mut tx = store.begin().await?;
    let bound = sqlx::query(
        "insert into used_codes (customer_id, step, till_id, session_id, used_at) values ($1, $2, $3, $4, $5) \
         on conflict (customer_id, step) do update set session_id = excluded.session_id \
         where used_codes.till_id = excluded.till_id \
             and (used_codes.session_id is null or used_codes.session_id = excluded.session_id)",
    )
    .bind(customer.0)
    .bind(step)
    .bind(quote.till.0)
    .bind(quote.id.0)
    .bind(quote.evaluated_at)
    .execute(&mut *tx)
    .await?;
    if bound.rows_affected() == 0 {
        return Ok(None);
    }
    let version: Option<i32> = upsert(quote, false, &mut *tx).await?;
    if version.is_some() {
        crate::commit(tx).await?;
    }
    Ok(version.and_then(|version| u32::try_from(version).ok()))
}

/// The wait for the row's lock ends after five seconds, also outside of a transaction.
///
/// An open basket need not be on the disk before it is answered: what a crash of the database loses of it the till puts
/// again, and a purchase (whose commit waits for the disk, and for all before it) never rests on less. `$10` says so.
const KEEP: &str = "insert into sessions (id, store_id, till_id, state, version, customer_id, request, facts, answer, \
         evaluated_at, expires_at) \
     select $1, $2, $3, 'open', 1, $4, $5, $6, jsonb_set($7, '{version}', '1'), $8, $9 \
     from (select set_config('lock_timeout', '5000', true), \
         set_config('synchronous_commit', case when $10 then 'off' else current_setting('synchronous_commit') end, true) \
         offset 0) patience \
     on conflict (id) do update set till_id = excluded.till_id, version = sessions.version + 1, \
         customer_id = coalesce(sessions.customer_id, excluded.customer_id), request = excluded.request, \
         facts = excluded.facts, \
         answer = jsonb_set(excluded.answer, '{version}', to_jsonb(sessions.version + 1)), \
         evaluated_at = excluded.evaluated_at, expires_at = excluded.expires_at \
     where sessions.state = 'open' and sessions.store_id = excluded.store_id \
         and (sessions.customer_id is null or excluded.customer_id is null \
             or sessions.customer_id = excluded.customer_id) \
     returning version";

async fn upsert<'c>(
    quote: &Quote<'_>,
    lazily: bool,
    executor: impl sqlx::Executor<'c, Database = sqlx::Postgres>,
) -> Result<Option<i32>, StoreError> {
    Ok(sqlx::query_scalar(KEEP)
        .bind(quote.id.0)
        .bind(quote.store.0)
        .bind(quote.till.0)
        .bind(quote.customer.map(|customer| customer.0))
        .bind(quote.request)
        .bind(quote.facts)
        .bind(quote.answer)
        .bind(quote.evaluated_at)
        .bind(quote.expires_at)
        .bind(lazily)
        .fetch_optional(executor)
        .await?)
}

/// Begins a transaction that waits at most five seconds for any lock.
///
/// # Errors
/// [`StoreError::Unavailable`] when no connection can be had.
pub async fn begin_patient(store: &Store) -> Result<Tx, StoreError> {
    Ok(store.pool().begin_with("begin; set local lock_timeout = '5s'").await?)
}

/// A session that this transaction holds.
#[derive(Clone, Debug)]
pub struct Held {
    pub store: StoreId,
    pub state: SessionState,
    pub facts: Value,
    pub answer: Value,
    pub expires_at: DateTime<Utc>,
    pub receipt: Option<i64>,
    /// Whether the card that it was quoted with may still be used; `None` when it was quoted without.
    pub card_good: Option<bool>,
}

#[derive(sqlx::FromRow)]
struct HeldRow {
    store_id: Uuid,
    state: String,
    facts: Value,
    answer: Value,
    expires_at: DateTime<Utc>,
    receipt_id: Option<i64>,
    card_good: Option<bool>,
}

/// Locks a session for the rest of the transaction. Always before its customer: one order, no deadlock.
///
/// `facts` names the card by `{"facts": {"card": {"id": …}}}`.
///
/// # Errors
/// [`StoreError::Busy`] when another call holds it for longer than the transaction waits.
pub async fn hold(tx: &mut Tx, id: SessionId, now: DateTime<Utc>) -> Result<Option<Held>, StoreError> {
    let row = sqlx::query_as::<_, HeldRow>(
        "select store_id, state, facts, answer, expires_at, receipt_id, \
             case when facts #>> '{facts,card,id}' is null then null \
                 else exists (select 1 from cards where cards.id = (facts #>> '{facts,card,id}')::uuid \
                     and cards.withdrawn_at is null and cards.valid_from <= $2 and $2 < cards.valid_until) \
             end as card_good \
         from sessions where id = $1 for update",
    )
    .bind(id.0)
    .bind(now)
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| {
        Ok(Held {
            store: StoreId(row.store_id),
            state: parse_state(&row.state)?,
            facts: row.facts,
            answer: row.answer,
            expires_at: row.expires_at,
            receipt: row.receipt_id,
            card_good: row.card_good,
        })
    })
    .transpose()
}

/// The end of a story about a held session: its next state, what is told of it, and the answer of the call.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    pub id: SessionId,
    pub state: SessionState,
    pub version: u32,
    pub answer: &'a Value,
    /// Kept as it was where none is given.
    pub receipt: Option<i64>,
    pub events: &'a [Event],
    /// The claimed key, and the body that it is answered with from now on.
    pub claim: &'a Claim<'a>,
    pub body: &'a str,
}

/// Writes session, events and answer in one statement: the last one before the commit.
///
/// # Errors
/// `outbox_event_id_key` for an event that was told before.
pub async fn settle(tx: &mut Tx, outcome: Outcome<'_>) -> Result<(), StoreError> {
    let events = Columns::of(outcome.events);
    sqlx::query(
        "with told as ( \
             insert into outbox (event_id, topic, key, schema, occurred_at, payload) \
             select event_id, topic, key, schema, occurred_at, payload \
             from unnest($6::uuid[], $7::text[], $8::text[], $9::int[], $10::timestamptz[], $11::jsonb[]) \
                 with ordinality as event (event_id, topic, key, schema, occurred_at, payload, place) order by place), \
         answered as (update idempotency_keys set body = $14 where owner = $12 and key = $13) \
         update sessions set state = $2, version = $3, answer = $4, receipt_id = coalesce($5, receipt_id) where id = $1",
    )
    .bind(outcome.id.0)
    .bind(outcome.state.name())
    .bind(i32::try_from(outcome.version).unwrap_or(i32::MAX))
    .bind(outcome.answer)
    .bind(outcome.receipt)
    .bind(events.ids)
    .bind(events.topics)
    .bind(events.keys)
    .bind(events.schemas)
    .bind(events.times)
    .bind(events.payloads)
    .bind(outcome.claim.owner)
    .bind(outcome.claim.key)
    .bind(outcome.body)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Uses one step of a rotating code at a till; `false` when it was used before.
///
/// # Errors
/// Only when the store is away.
pub async fn use_code(
    tx: &mut Tx,
    customer: CustomerId,
    step: i64,
    till: TillId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "insert into used_codes (customer_id, step, till_id, used_at) values ($1, $2, $3, $4) \
         on conflict (customer_id, step) do nothing",
    )
    .bind(customer.0)
    .bind(step)
    .bind(till.0)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}
