//! Sessions: a basket at a till, what it was evaluated from, and the answers it was given.
//!
//! An open session lives in the server's memory; its row is written behind the answers, many sessions a statement
//! ([`keep`]), and is what another process or the next start goes on from. A purchase is written by [`crate::purchases`].

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{CustomerId, SessionId, SessionState, StoreId, TillId};
use events::Event;
use uuid::Uuid;

use crate::idempotency::Claim;
use crate::outbox::Columns;
use crate::{Store, StoreError, Tx};

mod codes;
mod fresh;

pub use codes::{CodeUse, bind_code, code_use, use_code};
pub use fresh::enter;

/// A table of sessions of more pages than this (64 MB) is cleared part by part.
const WHOLE: u64 = 8_192;
/// With four sweeps an hour all of it is read in a day.
const PARTS: u64 = 96;

/// A session as its row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub id: SessionId,
    pub store: StoreId,
    pub till: TillId,
    pub state: SessionState,
    pub version: u32,
    pub customer: Option<CustomerId>,
    /// The rule set that it is evaluated by; `None` where there was none.
    pub revision: Option<i64>,
    /// What its answer was made from (law 6); the story's own JSON.
    pub basis: String,
    pub evaluated_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// The answer of this version, byte for byte; an open session has none, because its basis makes it again.
    pub answer: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    store_id: Uuid,
    till_id: Uuid,
    state: String,
    version: i32,
    customer_id: Option<Uuid>,
    revision: Option<i64>,
    basis: String,
    evaluated_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    body: Option<String>,
}

impl Row {
    fn stored(self) -> Result<Stored, StoreError> {
        let state =
            SessionState::parse(&self.state).ok_or_else(|| StoreError::corrupt("session state", &self.state))?;
        Ok(Stored {
            id: SessionId(self.id),
            store: StoreId(self.store_id),
            till: TillId(self.till_id),
            state,
            version: u32::try_from(self.version).unwrap_or(0),
            customer: self.customer_id.map(CustomerId),
            revision: self.revision,
            basis: self.basis,
            evaluated_at: self.evaluated_at,
            expires_at: self.expires_at,
            answer: self.body,
        })
    }
}

const STORED: &str = "select s.id, s.store_id, s.till_id, s.state, s.version, s.customer_id, s.revision, s.basis, \
     s.evaluated_at, s.expires_at, a.body \
     from sessions s left join session_answers a on a.session_id = s.id and a.version = s.version";

impl Store {
    /// # Errors
    /// Only when the store is away.
    pub async fn session(&self, id: SessionId) -> Result<Option<Stored>, StoreError> {
        let row = sqlx::query_as::<_, Row>(sqlx::AssertSqlSafe(format!("{STORED} where s.id = $1")))
            .bind(id.0)
            .fetch_optional(self.pool())
            .await?;
        row.map(Row::stored).transpose()
    }

    /// Many at once; those that are not there are left out.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn sessions(&self, ids: &[SessionId]) -> Result<HashMap<SessionId, Stored>, StoreError> {
        // One look-up each, whatever the planner takes the table's size to be: a plan from the shop's first minute would
        // read all of it for ever.
        let each = format!(
            "select s.* from unnest($1::uuid[]) as sought (id), lateral ({STORED} where s.id = sought.id offset 0) s"
        );
        let rows = sqlx::query_as::<_, Row>(sqlx::AssertSqlSafe(each))
            .bind(ids.iter().map(|id| id.0).collect::<Vec<_>>())
            .fetch_all(self.pool())
            .await?;
        rows.into_iter().map(|row| row.stored().map(|stored| (stored.id, stored))).collect()
    }

    /// Of all ids up to this one the last that is a session's.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn latest_session(&self, until: SessionId) -> Result<Option<SessionId>, StoreError> {
        let latest: Option<Uuid> =
            sqlx::query_scalar("select id from sessions where id <= $1 order by id desc limit 1")
                .bind(until.0)
                .fetch_optional(self.pool())
                .await?;
        Ok(latest.map(SessionId))
    }

    /// What a session's close was answered with, the last time that it was closed; `None` when it never was.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn closed_answer(&self, id: SessionId) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar(
            "select body from session_answers where session_id = $1 and body::jsonb ->> 'state' = 'closed' \
             order by version desc limit 1",
        )
        .bind(id.0)
        .fetch_optional(self.pool())
        .await?)
    }

    /// Sessions that became a sale, the newest first, from before `before` on, with their receipts' numbers.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn closed_sessions(
        &self,
        before: Option<SessionId>,
        most: u32,
    ) -> Result<Vec<(SessionId, String)>, StoreError> {
        let rows: Vec<(Uuid, String)> = sqlx::query_as(
            "select session_id, number from receipts \
             where source = 'till' and kind = 'sale' and session_id is not null and reopened_at is null \
                 and id < case when $1::uuid is null then 9223372036854775807 else (select id from receipts r \
                     where r.session_id = $1 and r.kind = 'sale' and r.reopened_at is null) end \
             order by id desc limit $2",
        )
        .bind(before.map(|session| session.0))
        .bind(i64::from(most))
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().map(|(session, number)| (SessionId(session), number)).collect())
    }

    /// Forgets open sessions that expired before `before`; says how many.
    ///
    /// They lie among all that were ever closed, and no index leads to them: it would cost every close an entry. So a large
    /// table is read in [`PARTS`], that of this `turn`, or one after the other.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn forget_sessions(&self, before: DateTime<Utc>, turn: Option<u64>) -> Result<u64, StoreError> {
        let pages: i64 =
            sqlx::query_scalar("select pg_relation_size('sessions') / current_setting('block_size')::bigint")
                .fetch_one(self.pool())
                .await?;
        let pages = u64::try_from(pages).unwrap_or(0);
        let turns = match turn {
            Some(turn) => turn..turn + 1,
            None if pages <= WHOLE => 0..1,
            None => 0..PARTS,
        };
        let mut forgotten = 0;
        for turn in turns {
            let (from, to) = part(pages, turn);
            let sql = "delete from sessions where state = 'open' and expires_at < $1 \
                 and ctid >= $2::text::tid and ctid < $3::text::tid";
            let done = sqlx::query(sql)
                .bind(before)
                .bind(format!("({from},0)"))
                .bind(format!("({to},0)"))
                .execute(self.pool())
                .await?;
            forgotten += done.rows_affected();
        }
        Ok(forgotten)
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

/// The pages of a turn, from the first to before the last. New ones may have come behind the last.
fn part(pages: u64, turn: u64) -> (u64, u64) {
    if pages <= WHOLE {
        return (0, pages + WHOLE);
    }
    let (turn, size) = (turn % PARTS, pages.div_ceil(PARTS));
    (turn * size, (turn + 1) * size)
}

pub(crate) const PATIENT: &str = "begin; set local lock_timeout = '5s'";

/// Begins a transaction that waits at most five seconds for any lock.
///
/// # Errors
/// [`StoreError::Unavailable`] when no connection can be had.
pub async fn begin_patient(store: &Store) -> Result<Tx, StoreError> {
    Ok(store.pool().begin_with(PATIENT).await?)
}

/// An open session, to be kept.
#[derive(Clone, Debug)]
pub struct Open {
    pub id: SessionId,
    pub store: StoreId,
    pub till: TillId,
    pub version: u32,
    pub customer: Option<CustomerId>,
    pub revision: Option<i64>,
    pub basis: String,
    pub evaluated_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// One array a column: a batch is one statement whatever its size.
pub(crate) struct OpenColumns<'a> {
    pub ids: Vec<Uuid>,
    pub stores: Vec<Uuid>,
    pub tills: Vec<Uuid>,
    pub versions: Vec<i32>,
    pub customers: Vec<Option<Uuid>>,
    pub revisions: Vec<Option<i64>>,
    pub bases: Vec<&'a str>,
    pub evaluated: Vec<DateTime<Utc>>,
    pub expiring: Vec<DateTime<Utc>>,
}

impl<'a> OpenColumns<'a> {
    /// In order of id, so that no two batches wait for each other.
    pub(crate) fn of(batch: impl IntoIterator<Item = &'a Open>) -> Self {
        let mut sessions: Vec<&Open> = batch.into_iter().collect();
        sessions.sort_unstable_by_key(|session| session.id.0);
        Self {
            ids: sessions.iter().map(|s| s.id.0).collect(),
            stores: sessions.iter().map(|s| s.store.0).collect(),
            tills: sessions.iter().map(|s| s.till.0).collect(),
            versions: sessions.iter().map(|s| i32::try_from(s.version).unwrap_or(i32::MAX)).collect(),
            customers: sessions.iter().map(|s| s.customer.map(|id| id.0)).collect(),
            revisions: sessions.iter().map(|s| s.revision).collect(),
            bases: sessions.iter().map(|s| s.basis.as_str()).collect(),
            evaluated: sessions.iter().map(|s| s.evaluated_at).collect(),
            expiring: sessions.iter().map(|s| s.expires_at).collect(),
        }
    }
}

/// An open basket need not be on the disk before it is answered: what a crash of the database loses of it the till puts
/// again, and a purchase (whose commit waits for the disk, and for all before it) never rests on less.
///
/// The wait for a row's lock ends after five seconds.
const KEEP: &str = "insert into sessions (id, store_id, till_id, state, version, customer_id, revision, basis, \
         evaluated_at, expires_at) \
     select s.id, s.store, s.till, 'open', s.version, s.customer, s.revision, s.basis, s.evaluated_at, s.expires_at \
     from (select set_config('lock_timeout', '5000', true), set_config('synchronous_commit', 'off', true) offset 0) p, \
         unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::uuid[], $6::bigint[], $7::text[], $8::timestamptz[], \
             $9::timestamptz[]) as s (id, store, till, version, customer, revision, basis, evaluated_at, expires_at) \
     on conflict (id) do update set till_id = excluded.till_id, version = excluded.version, \
         customer_id = excluded.customer_id, revision = excluded.revision, basis = excluded.basis, \
         evaluated_at = excluded.evaluated_at, expires_at = excluded.expires_at \
     where sessions.state = 'open' and sessions.store_id = excluded.store_id and sessions.version < excluded.version \
     returning id";

/// Keeps open sessions in one statement: new ones, or the next version of what is there. Gives those that were kept; the
/// others are no longer open, are another store's, or have moved on.
///
/// # Errors
/// [`StoreError::Busy`] when another call holds one of them for more than five seconds.
pub async fn keep(store: &Store, batch: &[Open]) -> Result<Vec<SessionId>, StoreError> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    upsert(batch, store.for_baskets()).await
}

/// The same for one of a batch that failed; a row that is locked holds up nobody else's.
///
/// # Errors
/// As [`keep`].
pub async fn keep_alone(store: &Store, session: &Open) -> Result<bool, StoreError> {
    Ok(!upsert(std::slice::from_ref(session), store.pool()).await?.is_empty())
}

/// The same inside a transaction, whose commit then decides.
///
/// # Errors
/// As [`keep`].
pub async fn keep_within(tx: &mut Tx, session: &Open) -> Result<bool, StoreError> {
    Ok(!upsert(std::slice::from_ref(session), &mut **tx).await?.is_empty())
}

async fn upsert<'c>(
    batch: &[Open],
    executor: impl sqlx::Executor<'c, Database = sqlx::Postgres>,
) -> Result<Vec<SessionId>, StoreError> {
    let columns = OpenColumns::of(batch);
    let ids: Vec<Uuid> = sqlx::query_scalar(KEEP)
        .bind(columns.ids)
        .bind(columns.stores)
        .bind(columns.tills)
        .bind(columns.versions)
        .bind(columns.customers)
        .bind(columns.revisions)
        .bind(columns.bases)
        .bind(columns.evaluated)
        .bind(columns.expiring)
        .fetch_all(executor)
        .await?;
    Ok(ids.into_iter().map(SessionId).collect())
}

/// Locks a session for the rest of the transaction. Always before limits and customers: one order, no deadlock.
///
/// # Errors
/// [`StoreError::Busy`] when another call holds it for longer than the transaction waits.
pub async fn hold(tx: &mut Tx, id: SessionId) -> Result<Option<Stored>, StoreError> {
    let row = sqlx::query_as::<_, Row>(sqlx::AssertSqlSafe(format!("{STORED} where s.id = $1 for update of s")))
        .bind(id.0)
        .fetch_optional(&mut **tx)
        .await?;
    row.map(Row::stored).transpose()
}

/// A closed session is open again, and holds until then.
///
/// # Errors
/// Only when the store is away.
pub async fn reopen(tx: &mut Tx, id: SessionId, expires_at: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query("update sessions set expires_at = $2 where id = $1")
        .bind(id.0)
        .bind(expires_at)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The end of a story about a held session: its next state, what is told of it, and the answer of the call.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    pub id: SessionId,
    pub state: SessionState,
    pub version: u32,
    /// The session as it is answered from now on.
    pub answer: &'a str,
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
             from unnest($5::uuid[], $6::text[], $7::text[], $8::int[], $9::timestamptz[], $10::text[]) \
                 with ordinality as event (event_id, topic, key, schema, occurred_at, payload, place) order by place), \
         keyed as (update idempotency_keys set body = $13 where owner = $11 and key = $12), \
         answered as (insert into session_answers (session_id, version, body) values ($1, $3, $4)) \
         update sessions set state = $2, version = $3 where id = $1",
    )
    .bind(outcome.id.0)
    .bind(outcome.state.name())
    .bind(i32::try_from(outcome.version).unwrap_or(i32::MAX))
    .bind(outcome.answer)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_the_whole_table() {
        for pages in [0, 1, WHOLE, WHOLE + 1, 96 * 1_000, 96 * 1_000 + 1, 5_000_000] {
            let mut next = 0;
            for turn in 1_000 * PARTS..1_001 * PARTS {
                let (from, to) = part(pages, turn);
                assert!(from <= next && from < to, "{pages} pages: {from} to {to} after {next}");
                next = to.max(next);
            }
            assert!(next >= pages, "{pages} pages: {next}");
            assert_eq!(part(pages, 7), part(pages, 7 + PARTS));
        }
    }
}
