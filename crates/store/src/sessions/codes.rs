//! Steps of rotating codes that were used: a code counts once, at the till that read it, for one session.

use chrono::{DateTime, Utc};
use domain::{CustomerId, SessionId, TillId};
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// One step of a rotating code that was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeUse {
    pub till: TillId,
    /// The session that it is bound to, when it was used in one.
    pub session: Option<SessionId>,
    pub used_at: DateTime<Utc>,
}

/// Who has used this step, when somebody has.
///
/// # Errors
/// Only when the store is away.
pub async fn code_use(store: &Store, customer: CustomerId, step: i64) -> Result<Option<CodeUse>, StoreError> {
    let row: Option<(Uuid, Option<Uuid>, DateTime<Utc>)> =
        sqlx::query_as("select till_id, session_id, used_at from used_codes where customer_id = $1 and step = $2")
            .bind(customer.0)
            .bind(step)
            .fetch_optional(store.pool())
            .await?;
    Ok(row.map(|(till, session, used_at)| CodeUse { till: TillId(till), session: session.map(SessionId), used_at }))
}

/// Binds a step to the session that it opens; `false` when it is another till's or session's meanwhile.
///
/// # Errors
/// Only when the store is away.
pub async fn bind_code(
    store: &Store,
    customer: CustomerId,
    step: i64,
    till: TillId,
    session: SessionId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let bound = sqlx::query(
        "insert into used_codes (customer_id, step, till_id, session_id, used_at) values ($1, $2, $3, $4, $5) \
         on conflict (customer_id, step) do update set session_id = excluded.session_id \
         where used_codes.till_id = excluded.till_id \
             and (used_codes.session_id is null or used_codes.session_id = excluded.session_id)",
    )
    .bind(customer.0)
    .bind(step)
    .bind(till.0)
    .bind(session.0)
    .bind(now)
    .execute(store.pool())
    .await?;
    Ok(bound.rows_affected() == 1)
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
