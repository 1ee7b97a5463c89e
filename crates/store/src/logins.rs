//! One-time codes and customers' log-ins. Codes are stored as HMAC, tokens as SHA-256: the table signs nobody in.

use chrono::{DateTime, Utc};
use domain::{CustomerId, Phone};
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// The one live code of a phone.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct LoginCode {
    pub code_hmac: Vec<u8>,
    pub sent_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub tries_left: i32,
    /// How many were asked for in a row: decides the wait before the next one.
    pub sent_in_row: i32,
}

/// Whose cookie it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login {
    pub customer: CustomerId,
    pub created_at: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// Serialises everything about one phone until the transaction ends, also for a phone that has no row yet.
///
/// # Errors
/// What the database says.
pub async fn lock_phone(tx: &mut Tx, phone: &Phone) -> Result<(), StoreError> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('login:' || $1, 0))")
        .bind(phone.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// # Errors
/// What the database says.
pub async fn code(tx: &mut Tx, phone: &Phone) -> Result<Option<LoginCode>, StoreError> {
    Ok(sqlx::query_as(
        "select code_hmac, sent_at, expires_at, tries_left, sent_in_row from login_codes where phone = $1 for update",
    )
    .bind(phone.as_str())
    .fetch_optional(&mut **tx)
    .await?)
}

/// The new code replaces the one before.
///
/// # Errors
/// What the database says.
pub async fn put_code(tx: &mut Tx, phone: &Phone, code: &LoginCode) -> Result<(), StoreError> {
    sqlx::query(
        "insert into login_codes (phone, code_hmac, sent_at, expires_at, tries_left, sent_in_row) \
         values ($1, $2, $3, $4, $5, $6) on conflict (phone) do update set code_hmac = excluded.code_hmac, \
         sent_at = excluded.sent_at, expires_at = excluded.expires_at, tries_left = excluded.tries_left, \
         sent_in_row = excluded.sent_in_row",
    )
    .bind(phone.as_str())
    .bind(&code.code_hmac)
    .bind(code.sent_at)
    .bind(code.expires_at)
    .bind(code.tries_left)
    .bind(code.sent_in_row)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// # Errors
/// What the database says.
pub async fn set_tries_left(tx: &mut Tx, phone: &Phone, tries: i32) -> Result<(), StoreError> {
    sqlx::query("update login_codes set tries_left = $2 where phone = $1")
        .bind(phone.as_str())
        .bind(tries)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// A code that was used, or that never went out.
///
/// # Errors
/// What the database says.
pub async fn forget_code(tx: &mut Tx, phone: &Phone) -> Result<(), StoreError> {
    sqlx::query("delete from login_codes where phone = $1").bind(phone.as_str()).execute(&mut **tx).await?;
    Ok(())
}

/// # Errors
/// What the database says.
pub async fn create(tx: &mut Tx, token_hash: &[u8], login: &Login) -> Result<(), StoreError> {
    sqlx::query(
        "insert into customer_logins (token_hash, customer_id, created_at, seen_at, expires_at) \
         values ($1, $2, $3, $4, $5)",
    )
    .bind(token_hash)
    .bind(login.customer.0)
    .bind(login.created_at)
    .bind(login.seen_at)
    .bind(login.expires_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

impl Store {
    /// The log-in of a token, over or not.
    ///
    /// # Errors
    /// What the database says.
    pub async fn customer_login(&self, token_hash: &[u8]) -> Result<Option<Login>, StoreError> {
        #[derive(sqlx::FromRow)]
        struct Row {
            customer_id: Uuid,
            created_at: DateTime<Utc>,
            seen_at: DateTime<Utc>,
            expires_at: DateTime<Utc>,
        }
        let row: Option<Row> = sqlx::query_as(
            "select customer_id, created_at, seen_at, expires_at from customer_logins where token_hash = $1",
        )
        .bind(token_hash)
        .fetch_optional(self.pool())
        .await?;
        Ok(row.map(|row| Login {
            customer: CustomerId(row.customer_id),
            created_at: row.created_at,
            seen_at: row.seen_at,
            expires_at: row.expires_at,
        }))
    }

    /// # Errors
    /// What the database says.
    pub async fn touch_customer_login(&self, token_hash: &[u8], seen_at: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query("update customer_logins set seen_at = $2 where token_hash = $1")
            .bind(token_hash)
            .bind(seen_at)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// # Errors
    /// What the database says.
    pub async fn end_customer_login(&self, token_hash: &[u8]) -> Result<(), StoreError> {
        sqlx::query("delete from customer_logins where token_hash = $1").bind(token_hash).execute(self.pool()).await?;
        Ok(())
    }

    /// Forgets log-ins that ended by `now`, and those that nobody used since `idle_since`; says how many.
    ///
    /// # Errors
    /// What the database says.
    pub async fn forget_customer_logins(
        &self,
        now: DateTime<Utc>,
        idle_since: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let done = sqlx::query("delete from customer_logins where expires_at <= $1 or seen_at <= $2")
            .bind(now)
            .bind(idle_since)
            .execute(self.pool())
            .await?;
        Ok(done.rows_affected())
    }
}
