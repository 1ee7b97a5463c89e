//! Law 4: a mutating call counts once. Its key is claimed first and its answer stored last, in the transaction that earned it.

use chrono::{DateTime, Utc};
use domain::SessionId;
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// Whose key it is, and the SHA-256 of the operation with its request.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// A till's id, so that two tills may choose the same text.
    pub owner: Uuid,
    pub key: &'a str,
    pub request_hash: [u8; 32],
}

/// What came of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// Nobody has used the key: go on, and [`complete`] it.
    First,
    /// The answer of the first time.
    Answered(String),
    /// The key was used for another request.
    Reused,
}

#[derive(sqlx::FromRow)]
struct Row {
    request_hash: Vec<u8>,
    body: String,
}

impl Row {
    fn claimed(self, claim: &Claim<'_>) -> Claimed {
        if self.request_hash == claim.request_hash { Claimed::Answered(self.body) } else { Claimed::Reused }
    }
}

/// Takes the key for this transaction, with the answer when it is known already. A twin that runs at the same time waits
/// here on the unique index until this one ends, and then finds its answer.
///
/// # Errors
/// [`StoreError::Busy`] when the twin takes longer than the transaction waits.
pub async fn claim(tx: &mut Tx, claim: &Claim<'_>, body: &str, now: DateTime<Utc>) -> Result<Claimed, StoreError> {
    loop {
        let taken = sqlx::query(
            "insert into idempotency_keys (owner, key, request_hash, body, created_at) values ($1, $2, $3, $4, $5) \
             on conflict (owner, key) do nothing",
        )
        .bind(claim.owner)
        .bind(claim.key)
        .bind(claim.request_hash.as_slice())
        .bind(body)
        .bind(now)
        .execute(&mut **tx)
        .await?;
        if taken.rows_affected() == 1 {
            return Ok(Claimed::First);
        }
        // Gone again only when the clean-up took it between the two statements: then it is free.
        if let Some(row) =
            sqlx::query_as::<_, Row>(ANSWER).bind(claim.owner).bind(claim.key).fetch_optional(&mut **tx).await?
        {
            return Ok(row.claimed(claim));
        }
    }
}

/// Answers a key with a version of a session that was answered before under another; a key that is taken stays what it is.
///
/// # Errors
/// Only when the store is away.
pub async fn answer_as(
    store: &Store,
    claim: &Claim<'_>,
    session: SessionId,
    version: u32,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into idempotency_keys (owner, key, request_hash, session_id, session_version, created_at) \
         values ($1, $2, $3, $4, $5, $6) on conflict (owner, key) do nothing",
    )
    .bind(claim.owner)
    .bind(claim.key)
    .bind(claim.request_hash.as_slice())
    .bind(session.0)
    .bind(i32::try_from(version).unwrap_or(i32::MAX))
    .bind(now)
    .execute(store.pool())
    .await?;
    Ok(())
}

/// A key has its answer, or says which version of which session is it.
const ANSWER: &str = "select k.request_hash, coalesce(k.body, a.body) as body from idempotency_keys k \
     left join session_answers a on a.session_id = k.session_id and a.version = k.session_version \
     where k.owner = $1 and k.key = $2";

/// Stores the answer of a claimed key, to be replayed byte for byte.
///
/// # Errors
/// Only when the store is away.
pub async fn complete(tx: &mut Tx, claim: &Claim<'_>, body: &str) -> Result<(), StoreError> {
    sqlx::query("update idempotency_keys set body = $3 where owner = $1 and key = $2")
        .bind(claim.owner)
        .bind(claim.key)
        .bind(body)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

impl Store {
    /// What a key has been answered, without claiming it.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn answered(&self, claim: &Claim<'_>) -> Result<Claimed, StoreError> {
        let row =
            sqlx::query_as::<_, Row>(ANSWER).bind(claim.owner).bind(claim.key).fetch_optional(self.pool()).await?;
        Ok(row.map_or(Claimed::First, |row| row.claimed(claim)))
    }

    /// Forgets keys older than `before`; says how many.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn forget_keys(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let done =
            sqlx::query("delete from idempotency_keys where created_at < $1").bind(before).execute(self.pool()).await?;
        Ok(done.rows_affected())
    }
}
