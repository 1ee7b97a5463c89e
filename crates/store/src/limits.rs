//! Law 4 for everything that is limited: uses of coupons, budgets in money or in redemptions. One ledger, and no more is
//! ever given than the limit, whoever asks at the same time.
//!
//! An account has what was `committed` (spent for good) and what is `reserved` (the sum of the live holds of open
//! sessions). A story locks its accounts in the order of their keys, decides in memory ([`book`]), and writes counters,
//! holds and ledger entries in one statement, so releasing is as safe as spending. The table's own constraints say the
//! same again.
//!
//! These locks are the last of a transaction: hold the session's row before, and commit soon after. A transaction that
//! lost a race for a new account is [`StoreError::Conflict`]: nothing happened, tell the story again.

mod book;
mod rows;

use chrono::{DateTime, Utc};
use domain::{CustomerId, SessionId, TillId};
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// A limited account as the rules in force know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account<'a> {
    pub key: &'a str,
    pub limit: i64,
}

/// What a session takes of an account: minor units of a budget in money, or a count. Nothing at all is no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use<'a> {
    pub key: &'a str,
    pub limit: i64,
    pub amount: i64,
}

/// What an account has for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Room {
    /// The limit without what was spent and what others hold; never below zero.
    #[sqlx(rename = "remaining")]
    pub left: i64,
    /// What others hold: it may come back.
    pub elsewhere: i64,
}

/// An account that had less than was wanted, and how much it had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Short {
    pub key: String,
    pub left: i64,
}

/// Who holds. Nobody holds for many sessions at once, so that a hoarder starves nobody; beyond that the close decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    Customer(CustomerId),
    /// Of a session without a customer.
    Till(TillId),
}

impl Holder {
    /// Sessions that a customer holds something for at once: a basket, and one that was left behind at another till.
    pub const CUSTOMER_SESSIONS: i64 = 3;
    /// Baskets without a customer that are open at one till.
    pub const TILL_SESSIONS: i64 = 20;

    fn id(self) -> Uuid {
        match self {
            Self::Customer(customer) => customer.0,
            Self::Till(till) => till.0,
        }
    }

    fn most(self) -> i64 {
        match self {
            Self::Customer(_) => Self::CUSTOMER_SESSIONS,
            Self::Till(_) => Self::TILL_SESSIONS,
        }
    }
}

/// What came of a wish to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// The session holds exactly what it wanted, until the time that it gave.
    Held,
    /// These had no room, and nothing was changed.
    Short(Vec<Short>),
    /// The holder holds for as many sessions as anybody may. This one holds nothing, and its close decides.
    Unheld,
}

/// A counter that does not agree with its holds or its ledger: never, unless somebody wrote past this module.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Discrepancy {
    pub key: String,
    pub committed: i64,
    pub reserved: i64,
    /// The sum of its holds.
    pub held: i64,
    /// What the entries say is reserved and committed.
    pub ledger_reserved: i64,
    pub ledger_committed: i64,
}

impl Store {
    /// What is left of each account for this session, in the order asked. What the session holds itself is its own, and
    /// expired holds are nobody's.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn rooms(
        &self,
        session: SessionId,
        wanted: &[Account<'_>],
        now: DateTime<Utc>,
    ) -> Result<Vec<Room>, StoreError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        Ok(sqlx::query_as(
            "select greatest(0, wanted.ceiling - coalesce(account.committed + account.reserved - free.amount, 0))::bigint \
                 as remaining, greatest(0, coalesce(account.reserved - free.amount, 0))::bigint as elsewhere \
             from unnest($1::text[], $2::bigint[]) with ordinality as wanted (key, ceiling, place) \
             left join limit_accounts account on account.key = wanted.key \
             left join lateral (select coalesce(sum(amount), 0) as amount from ( \
                 select amount from limit_holds where session_id = $3 and account_id = account.id \
                 union all select amount from limit_holds \
                 where account_id = account.id and expires_at <= $4 and session_id <> $3) hold) free on true \
             order by wanted.place",
        )
        .bind(wanted.iter().map(|account| account.key).collect::<Vec<_>>())
        .bind(wanted.iter().map(|account| account.limit).collect::<Vec<_>>())
        .bind(session.0)
        .bind(now)
        .fetch_all(self.pool())
        .await?)
    }

    /// Releases expired holds, at most about `most` of them; gives how many. Accounts that are busy just now are left
    /// for the next time: whoever has them releases what is expired there.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn sweep_holds(&self, now: DateTime<Utc>, most: u32) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let accounts: Vec<i64> = sqlx::query_scalar(
            "select distinct account_id from (select account_id from limit_holds where expires_at <= $1 limit $2) expired",
        )
        .bind(now)
        .bind(i64::from(most))
        .fetch_all(&mut *tx)
        .await?;
        if accounts.is_empty() {
            return Ok(0);
        }
        let mut book = rows::open_idle(&mut tx, &accounts, now).await?;
        book.expire(now);
        rows::write(&mut tx, &book, now).await?;
        crate::commit(tx).await?;
        Ok(book.moved.len() as u64)
    }

    /// For how many sessions somebody holds something now.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn held_by(&self, holder: Holder, now: DateTime<Utc>) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "select count(distinct session_id) from limit_holds where holder = $1 and expires_at > $2",
        )
        .bind(holder.id())
        .bind(now)
        .fetch_one(self.pool())
        .await?)
    }

    /// Every account whose counters are not the sums of its holds and of its ledger; none, when all is well.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn audit_limits(&self) -> Result<Vec<Discrepancy>, StoreError> {
        Ok(sqlx::query_as(
            "with held as (select account_id, sum(amount)::bigint as amount from limit_holds group by account_id), \
             told as (select account_id, \
                 sum(case kind when 'reserve' then amount when 'return' then 0 else -amount end)::bigint as reserved, \
                 sum(case kind when 'commit' then amount when 'return' then -amount else 0 end)::bigint as committed \
                 from limit_entries group by account_id), \
             seen as (select account.key, account.committed, account.reserved, coalesce(held.amount, 0) as held, \
                 coalesce(told.reserved, 0) as ledger_reserved, coalesce(told.committed, 0) as ledger_committed \
                 from limit_accounts account left join held on held.account_id = account.id \
                 left join told on told.account_id = account.id) \
             select * from seen where reserved <> held or reserved <> ledger_reserved or committed <> ledger_committed \
             order by key",
        )
        .fetch_all(self.pool())
        .await?)
    }
}

/// The session holds exactly these until then, and nothing else any more; all or nothing.
///
/// # Errors
/// [`StoreError::Busy`] and [`StoreError::Conflict`] as for every lock.
pub async fn reserve(
    tx: &mut Tx,
    session: SessionId,
    holder: Holder,
    uses: &[Use<'_>],
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Reserved, StoreError> {
    let uses = tidy(uses);
    let mut book = rows::open(tx, &limits(&uses), &[session.0], now).await?;
    book.expire(now);
    let is_new = !uses.is_empty() && !book.holds.keys().any(|(holding, _)| *holding == session.0);
    if is_new && holds_for_most(tx, holder, now).await? {
        rows::write(tx, &book, now).await?;
        return Ok(Reserved::Unheld);
    }
    if let Err(short) = book.reserve(session.0, &uses, holder.id(), until) {
        return Ok(Reserved::Short(short));
    }
    rows::write(tx, &book, now).await?;
    Ok(Reserved::Held)
}

/// Spends for sessions that close together, in this order: holds become committed, and what is no longer held is taken if
/// there is room. Gives the sessions that fell short and why; of those nothing was changed.
///
/// # Errors
/// [`StoreError::Busy`] and [`StoreError::Conflict`] as for every lock.
pub async fn commit(
    tx: &mut Tx,
    closing: &[(SessionId, &[Use<'_>])],
    now: DateTime<Utc>,
) -> Result<Vec<(SessionId, Vec<Short>)>, StoreError> {
    let closing: Vec<(SessionId, Vec<Use<'_>>)> =
        closing.iter().map(|(session, uses)| (*session, tidy(uses))).collect();
    let wanted: Vec<(&str, i64)> = closing.iter().flat_map(|(_, uses)| limits(uses)).collect();
    let sessions: Vec<Uuid> = closing.iter().map(|(session, _)| session.0).collect();
    let mut book = rows::open(tx, &wanted, &sessions, now).await?;
    book.expire(now);
    let mut fell = Vec::new();
    for (session, uses) in &closing {
        if let Err(short) = book.commit(session.0, uses) {
            fell.push((*session, short));
        }
    }
    rows::write(tx, &book, now).await?;
    Ok(fell)
}

/// The session holds nothing any more.
///
/// # Errors
/// [`StoreError::Busy`] as for every lock.
pub async fn release(tx: &mut Tx, session: SessionId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let mut book = rows::open(tx, &[], &[session.0], now).await?;
    book.release(session.0);
    rows::write(tx, &book, now).await
}

/// What the session has spent is free again: its sale was cancelled or reopened. What it has spent is read from the
/// ledger, so giving back twice gives back once. Gives how many accounts got something back.
///
/// # Errors
/// [`StoreError::Busy`] as for every lock.
pub async fn give_back(tx: &mut Tx, session: SessionId, now: DateTime<Utc>) -> Result<usize, StoreError> {
    let (mut book, spent) = rows::open_spent(tx, session.0).await?;
    for &(account, amount) in &spent {
        book.give_back(session.0, account, amount);
    }
    rows::write(tx, &book, now).await?;
    Ok(spent.len())
}

/// Locks every account of these customers' own, in the order of the keys, until the transaction ends.
///
/// # Errors
/// [`StoreError::Busy`] and [`StoreError::Conflict`] as for every lock.
pub async fn hold_of_customers(tx: &mut Tx, customers: &[CustomerId]) -> Result<(), StoreError> {
    rows::of_customers(tx, customers).await.map(drop)
}

/// What one customer has used and holds is used and held by the other from now on: uses add up, and nothing is reset. An
/// account that has more than its limit then gives nothing more. Gives how many accounts moved.
///
/// # Errors
/// [`StoreError::Busy`] and [`StoreError::Conflict`] as for every lock.
pub async fn carry_over(tx: &mut Tx, from: CustomerId, into: CustomerId) -> Result<usize, StoreError> {
    let accounts = rows::of_customers(tx, &[from, into]).await?;
    let (old, new) = (mark(from), mark(into));
    let mut moved = 0;
    for (id, key) in accounts.iter().filter(|(_, key)| key.contains(&old)) {
        let key = key.replace(&old, &new);
        match accounts.iter().find(|(_, known)| *known == key) {
            None => rows::rename(tx, *id, &key).await?,
            Some((target, _)) => rows::join(tx, *id, *target).await?,
        }
        moved += 1;
    }
    rows::hand_over_holds(tx, from, into).await?;
    Ok(moved)
}

/// As the keys of a customer's accounts name them (`promotions::Rules` makes the keys).
fn mark(customer: CustomerId) -> String {
    format!("/customer={customer}")
}

/// Another session is one too many for this holder.
async fn holds_for_most(tx: &mut Tx, holder: Holder, now: DateTime<Utc>) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(
        "select count(distinct session_id) >= $3 from limit_holds where holder = $1 and expires_at > $2",
    )
    .bind(holder.id())
    .bind(now)
    .bind(holder.most())
    .fetch_one(&mut **tx)
    .await?)
}

/// One use an account, in the order of their keys: what two rules take of one account is taken together, within the
/// smaller of their limits.
fn tidy<'a>(uses: &[Use<'a>]) -> Vec<Use<'a>> {
    let mut tidy: Vec<Use<'a>> = uses.iter().copied().filter(|wanted| wanted.amount > 0).collect();
    tidy.sort_by_key(|wanted| wanted.key);
    tidy.dedup_by(|next, first| {
        let same = next.key == first.key;
        if same {
            first.amount = first.amount.saturating_add(next.amount);
            first.limit = first.limit.min(next.limit);
        }
        same
    });
    tidy
}

fn limits<'a>(uses: &[Use<'a>]) -> Vec<(&'a str, i64)> {
    uses.iter().map(|wanted| (wanted.key, wanted.limit)).collect()
}

#[cfg(test)]
mod tests;
