//! The chain's own tills: which are connected, what they said, and what they are still to be told.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Amount, SessionId, StoreId, TillId};
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// A connected till. Its secret is derived, not stored.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Link {
    till_id: Uuid,
    store_id: Uuid,
    pub generation: i32,
    pub endpoint: String,
    pub store_name: String,
    pub till_name: String,
}

impl Link {
    #[must_use]
    pub fn till(&self) -> TillId {
        TillId(self.till_id)
    }

    #[must_use]
    pub fn store(&self) -> StoreId {
        StoreId(self.store_id)
    }
}

/// A message to a till, to be kept until it has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// The message's id.
    pub id: Uuid,
    pub till: TillId,
    pub check: SessionId,
    pub kind: &'static str,
    pub body: String,
}

/// A delivery that is this worker's for a while.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Due {
    pub id: Uuid,
    pub till_id: Uuid,
    pub body: String,
    pub created_at: DateTime<Utc>,
    /// This one counted.
    pub tries: i32,
    pub generation: i32,
    pub endpoint: String,
}

/// A delivery that was given up.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Dead {
    pub id: Uuid,
    pub till_name: String,
    pub store_name: String,
    pub kind: String,
    pub created_at: DateTime<Utc>,
    pub tries: i32,
    pub last_error: Option<String>,
}

const LINKS: &str = "select l.till_id, t.store_id, l.generation, l.endpoint, s.name as store_name, t.name as till_name \
     from till_links l join tills t on t.id = l.till_id join stores s on s.id = t.store_id";

impl Store {
    /// # Errors
    /// What the database says.
    pub async fn till_link(&self, till: TillId) -> Result<Option<Link>, StoreError> {
        let sql = format!("{LINKS} where l.till_id = $1");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(till.0).fetch_optional(self.pool()).await?)
    }

    /// # Errors
    /// What the database says.
    pub async fn till_links(&self) -> Result<Vec<Link>, StoreError> {
        let sql = format!("{LINKS} order by store_name, till_name");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(self.pool()).await?)
    }

    /// Connects a till that its store calls so, or connects it anew with the next secret.
    ///
    /// # Errors
    /// What the database says.
    pub async fn connect_till(
        &self,
        (store, till): (&str, &str),
        endpoint: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Link>, StoreError> {
        let connected: Option<Uuid> = sqlx::query_scalar(
            "insert into till_links (till_id, generation, endpoint, connected_at) \
             select t.id, 1, $3, $4 from tills t join stores s on s.id = t.store_id where s.name = $1 and t.name = $2 \
             on conflict (till_id) do update set generation = till_links.generation + 1, endpoint = excluded.endpoint, \
                 connected_at = excluded.connected_at \
             returning till_id",
        )
        .bind(store)
        .bind(till)
        .bind(endpoint)
        .bind(now)
        .fetch_optional(self.pool())
        .await?;
        match connected {
            Some(till) => self.till_link(TillId(till)).await,
            None => Ok(None),
        }
    }

    /// What a message of this id was, and what it was answered.
    ///
    /// # Errors
    /// What the database says.
    pub async fn answered_message(&self, till: TillId, id: Uuid) -> Result<Option<([u8; 32], String)>, StoreError> {
        let row: Option<(Vec<u8>, String)> =
            sqlx::query_as("select body_hash, answer from till_messages where till_id = $1 and message_id = $2")
                .bind(till.0)
                .bind(id)
                .fetch_optional(self.pool())
                .await?;
        row.map(|(hash, answer)| {
            let hash = <[u8; 32]>::try_from(hash).map_err(|_| StoreError::corrupt("message", "a hash is 32 bytes"))?;
            Ok((hash, answer))
        })
        .transpose()
    }

    /// Moves a check on to this sequence; `false` when it is further already. The same sequence again is fine: it is the
    /// same message, or its twin.
    ///
    /// # Errors
    /// What the database says.
    pub async fn advance_check(
        &self,
        till: TillId,
        check: SessionId,
        sequence: i64,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let moved = sqlx::query(
            "insert into till_checks (till_id, check_id, sequence, at) values ($1, $2, $3, $4) \
             on conflict (till_id, check_id) do update set sequence = excluded.sequence, at = excluded.at \
             where till_checks.sequence <= excluded.sequence",
        )
        .bind(till.0)
        .bind(check.0)
        .bind(sequence)
        .bind(now)
        .execute(self.pool())
        .await?;
        Ok(moved.rows_affected() == 1)
    }

    /// The most that this till was told to take off this check, as long as no purchase of it was recorded.
    ///
    /// # Errors
    /// What the database says.
    pub async fn told_discount(&self, till: TillId, check: SessionId) -> Result<Option<Amount>, StoreError> {
        let amount: Option<i64> = sqlx::query_scalar(
            "select max((body::jsonb ->> 'discount')::bigint) from till_deliveries \
             where till_id = $1 and check_id = $2 and kind = 'discount.granted' and not exists ( \
                 select 1 from till_deliveries where till_id = $1 and check_id = $2 and kind = 'purchase.recorded')",
        )
        .bind(till.0)
        .bind(check.0)
        .fetch_one(self.pool())
        .await?;
        Ok(amount.map(Amount))
    }

    /// Takes what is due for `lease`: a worker that dies leaves it to the next one after that.
    ///
    /// # Errors
    /// What the database says.
    pub async fn due_deliveries(
        &self,
        now: DateTime<Utc>,
        lease: TimeDelta,
        limit: u16,
    ) -> Result<Vec<Due>, StoreError> {
        Ok(sqlx::query_as(
            "with mine as ( \
                 select id from till_deliveries where outcome is null and next_try_at <= $1 order by next_try_at \
                 limit $3 for update skip locked) \
             update till_deliveries d set next_try_at = $2, tries = tries + 1 \
             from mine, till_links l where d.id = mine.id and l.till_id = d.till_id \
             returning d.id, d.till_id, d.body, d.created_at, d.tries, l.generation, l.endpoint",
        )
        .bind(now)
        .bind(now + lease)
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await?)
    }

    /// # Errors
    /// What the database says.
    pub async fn delivered(&self, id: Uuid, now: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query(
            "update till_deliveries set outcome = 'delivered', ended_at = $2, last_error = null \
             where id = $1 and outcome is null",
        )
        .bind(id)
        .bind(now)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// A try failed: the next one is at `next`, or there is none and it is dead.
    ///
    /// # Errors
    /// What the database says.
    pub async fn not_delivered(
        &self,
        id: Uuid,
        error: &str,
        next: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "update till_deliveries set last_error = $2, next_try_at = coalesce($3::timestamptz, next_try_at), \
                 outcome = case when $3::timestamptz is null then 'dead' end, \
                 ended_at = case when $3::timestamptz is null then $4::timestamptz end \
             where id = $1 and outcome is null",
        )
        .bind(id)
        .bind(error)
        .bind(next)
        .bind(now)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// The newest deliveries that were given up.
    ///
    /// # Errors
    /// What the database says.
    pub async fn dead_letters(&self, limit: u16) -> Result<Vec<Dead>, StoreError> {
        Ok(sqlx::query_as(
            "select d.id, t.name as till_name, s.name as store_name, d.kind, d.created_at, d.tries, d.last_error \
             from till_deliveries d join tills t on t.id = d.till_id join stores s on s.id = t.store_id \
             where d.outcome = 'dead' order by d.ended_at desc limit $1",
        )
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await?)
    }

    /// Tries dead letters for another day: this one, or all of them. Says how many.
    ///
    /// # Errors
    /// What the database says.
    pub async fn retry_dead_letters(&self, id: Option<Uuid>, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "update till_deliveries set outcome = null, ended_at = null, created_at = $2, next_try_at = $2, tries = 0 \
             where outcome = 'dead' and ($1::uuid is null or id = $1)",
        )
        .bind(id)
        .bind(now)
        .execute(self.pool())
        .await?;
        Ok(done.rows_affected())
    }

    /// Forgets messages and checks from before `before`, which must be longer ago than messages are tried again, and what
    /// was delivered or became void before then. Dead letters stay.
    ///
    /// # Errors
    /// What the database says.
    pub async fn forget_till_messages(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        for sql in [
            "delete from till_messages where at < $1",
            "delete from till_checks where at < $1",
            "delete from till_deliveries where outcome in ('delivered', 'obsolete') and ended_at < $1",
        ] {
            forgotten += sqlx::query(sql).bind(before).execute(self.pool()).await?.rows_affected();
        }
        Ok(forgotten)
    }
}

/// Keeps the answer of a message, whose id counts once.
///
/// # Errors
/// `till_messages_pkey` when a twin was quicker; then nothing of this transaction may be kept.
pub async fn keep_answer(
    tx: &mut Tx,
    (till, id): (TillId, Uuid),
    body_hash: &[u8; 32],
    answer: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("insert into till_messages (till_id, message_id, body_hash, answer, at) values ($1, $2, $3, $4, $5)")
        .bind(till.0)
        .bind(id)
        .bind(body_hash.as_slice())
        .bind(answer)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Puts a delivery on its way, in place of what the till has not been told yet of this check in the same way.
///
/// # Errors
/// What the database says.
pub async fn deliver(tx: &mut Tx, new: &NewDelivery, now: DateTime<Utc>) -> Result<(), StoreError> {
    end_deliveries(tx, (new.till, new.check), new.kind, now).await?;
    sqlx::query(
        "insert into till_deliveries (id, till_id, check_id, kind, body, created_at, next_try_at) \
         values ($1, $2, $3, $4, $5, $6, $6)",
    )
    .bind(new.id)
    .bind(new.till.0)
    .bind(new.check.0)
    .bind(new.kind)
    .bind(&new.body)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What the till has not been told yet of this check is of no use any more.
///
/// # Errors
/// What the database says.
pub async fn end_deliveries(
    tx: &mut Tx,
    (till, check): (TillId, SessionId),
    kind: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "update till_deliveries set outcome = 'obsolete', ended_at = $4 \
         where till_id = $1 and check_id = $2 and kind = $3 and outcome is null",
    )
    .bind(till.0)
    .bind(check.0)
    .bind(kind)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
