//! Accounts that end: erased ones, whose sums stay under an id that says nothing, and merged ones, which count for another.
//!
//! A merged customer's row stays and points to the one that it is now (`customers.merged_into`, never in more than one
//! step): codes, receipts and tills that know the old one lead to the new one. Both stories lock the limits first and
//! then the customers, in order of id, as every purchase does; a purchase that held the old customer when it began finds
//! that it cannot lock it any more, and is told to ask again.

use chrono::{DateTime, Utc};
use domain::code::{CodeHandle, RotatingSecret, StaticCode};
use domain::{CustomerId, Phone};
use uuid::Uuid;

use crate::{Store, StoreError, Tx, limits};

/// Codes that lead to nobody, for the row of an erased customer.
#[derive(Clone, Debug)]
pub struct NobodysCodes {
    pub static_code: StaticCode,
    pub handle: CodeHandle,
    pub secret: RotatingSecret,
}

/// What an account is to whoever wants to end it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The customer themselves, and everybody who was merged into them, in order of id.
    pub rows: Vec<CustomerId>,
    pub erased: bool,
    pub phones: Vec<Phone>,
}

/// What came of a merger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merged {
    Now,
    /// It was merged into the same one before.
    Before,
    /// Into another one.
    Elsewhere(CustomerId),
    /// Both are one customer.
    Same,
    /// This one was erased: nothing is known to merge.
    Erased(CustomerId),
    NotThere(CustomerId),
}

/// Whose baskets are to be looked at, at $1: those of who was just erased, and once more of who was erased before $2.
macro_rules! due {
    () => {
        "erased_at <= $1 and (scrubbed_at is null or (erased_at < $2 and scrubbed_at < erased_at + ($1 - $2)))"
    };
}

impl Store {
    /// Who this is now; `None` when there is no such customer.
    ///
    /// # Errors
    /// Only when the database fails; so everywhere in this module where nothing else is said.
    pub async fn present_customer(&self, id: CustomerId) -> Result<Option<CustomerId>, StoreError> {
        let id: Option<Uuid> = sqlx::query_scalar("select coalesce(merged_into, id) from customers where id = $1")
            .bind(id.0)
            .fetch_optional(self.pool())
            .await?;
        Ok(id.map(CustomerId))
    }

    /// Erased customers whose baskets still say what they were called. Each is looked at when it was erased, and once
    /// more after `settled`: a quote that was on its way is written by then.
    pub async fn unscrubbed(&self, now: DateTime<Utc>, settled: DateTime<Utc>) -> Result<Vec<CustomerId>, StoreError> {
        let ids: Vec<Uuid> = sqlx::query_scalar(concat!(
            "select customer_id from erasures where ",
            due!(),
            " order by erased_at limit 100"
        ))
        .bind(now)
        .bind(settled)
        .fetch_all(self.pool())
        .await?;
        Ok(ids.into_iter().map(CustomerId).collect())
    }

    /// Takes what a customer was called out of every basket that was stored of them, and of the answers that tills were
    /// given; sums, prices and decisions stay as they are.
    pub async fn scrub(
        &self,
        customer: CustomerId,
        now: DateTime<Utc>,
        settled: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        // A JSON string after this one key; nothing else in these texts is called so.
        const NAME: &str = r#""display_name":"([^"\\]|\\.)*""#;
        const NOTHING: &str = r#""display_name":"""#;
        let mut tx = self.begin().await?;
        // One after the other: whoever comes second finds it done.
        let due: Option<i32> =
            sqlx::query_scalar(concat!("select 1 from erasures where customer_id = $3 and ", due!(), " for update"))
                .bind(now)
                .bind(settled)
                .bind(customer.0)
                .fetch_optional(&mut *tx)
                .await?;
        if due.is_none() {
            return Ok(0);
        }
        // This may read a lot, and nobody waits for it.
        sqlx::query("set local statement_timeout = '10min'").execute(&mut *tx).await?;
        let mut scrubbed = 0;
        for sql in [
            "update sessions set basis = regexp_replace(basis, $2, $3) \
             where customer_id = $1 and basis ~ $2 and basis not like '%' || $3 || '%'",
            "update session_answers a set body = regexp_replace(a.body, $2, $3) from sessions s \
             where s.id = a.session_id and s.customer_id = $1 and a.body ~ $2 and a.body not like '%' || $3 || '%'",
            "update idempotency_keys set body = regexp_replace(body, $2, $3) \
             where body like '%\"id\":\"' || $1 || '\"%' and body ~ $2 and body not like '%' || $3 || '%'",
        ] {
            scrubbed +=
                sqlx::query(sql).bind(customer.0).bind(NAME).bind(NOTHING).execute(&mut *tx).await?.rows_affected();
        }
        sqlx::query("update erasures set scrubbed_at = $2 where customer_id = $1")
            .bind(customer.0)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        crate::commit(tx).await?;
        Ok(scrubbed)
    }

    /// From now on nobody can tell any more whose phones these were.
    pub async fn forget_erased_phones(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let done = sqlx::query("update erasures set phone_hmac = null where phone_hmac is not null and erased_at < $1")
            .bind(before)
            .execute(self.pool())
            .await?;
        Ok(done.rows_affected())
    }
}

/// The phones of an account, not locked.
pub async fn phones(tx: &mut Tx, id: CustomerId) -> Result<Vec<Phone>, StoreError> {
    let phones: Vec<String> = sqlx::query_scalar(
        "with present as (select coalesce(merged_into, id) as id from customers where id = $1) \
         select c.phone from customers c, present \
         where (c.id = present.id or c.merged_into = present.id) and c.phone is not null order by c.phone",
    )
    .bind(id.0)
    .fetch_all(&mut **tx)
    .await?;
    let phones = phones.iter().map(|phone| Phone::parse(phone)).collect::<Result<_, _>>();
    phones.map_err(|why| StoreError::corrupt("customer", why))
}

/// What there is of an account, locked until the transaction ends; `None` when there is no such customer. Of a merged
/// one it is the account that it is now.
///
/// # Errors
/// [`StoreError::Busy`] past the transaction's `lock_timeout`.
pub async fn hold(tx: &mut Tx, id: CustomerId) -> Result<Option<Account>, StoreError> {
    let rows: Vec<(Uuid, Option<String>, bool)> = sqlx::query_as(
        "with present as (select coalesce(merged_into, id) as id from customers where id = $1) \
         select c.id, c.phone, c.erased_at is not null from customers c, present \
         where c.id = present.id or c.merged_into = present.id order by c.id for update of c",
    )
    .bind(id.0)
    .fetch_all(&mut **tx)
    .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let phones = rows.iter().filter_map(|(_, phone, _)| phone.as_deref());
    let phones = phones.map(Phone::parse).collect::<Result<_, _>>();
    Ok(Some(Account {
        rows: rows.iter().map(|row| CustomerId(row.0)).collect(),
        erased: rows.iter().all(|row| row.2),
        phones: phones.map_err(|why| StoreError::corrupt("customer", why))?,
    }))
}

/// Takes everything personal out of these rows of one account, which [`hold`] locked, and out of what was stored beside
/// them. What was said to tills of their baskets is [`Store::scrub`]'s.
pub async fn erase(
    tx: &mut Tx,
    account: &Account,
    codes: &[NobodysCodes],
    phone_hmac: Option<[u8; 32]>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = account.rows.iter().map(|id| id.0).collect();
    sqlx::query(
        "update customers c set phone = null, external_id = null, name = '', email = null, birth_month = null, \
             birth_day = null, locale = 'en', marketing_consent = false, static_code = n.code, code_handle = n.handle, \
             code_secret = n.secret, invited_by = null, erased_at = $5, offers_version = offers_version + 1 \
         from unnest($1::uuid[], $2::text[], $3::bigint[], $4::bytea[]) as n (id, code, handle, secret) where c.id = n.id",
    )
    .bind(&ids)
    .bind(codes.iter().map(|codes| codes.static_code.as_str()).collect::<Vec<_>>())
    .bind(codes.iter().map(|codes| codes.handle.0).collect::<Vec<_>>())
    .bind(codes.iter().map(|codes| codes.secret.0.as_slice()).collect::<Vec<_>>())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    let phones: Vec<&str> = account.phones.iter().map(Phone::as_str).collect();
    for (sql, of_phones) in [
        ("delete from customer_logins where customer_id = any($1)", false),
        ("delete from used_codes where customer_id = any($1)", false),
        ("delete from picks where customer_id = any($1)", false),
        (
            "update coupons set recipient = null, disabled_at = coalesce(disabled_at, now()) where recipient = any($1)",
            false,
        ),
        ("delete from login_codes where phone = any($1)", true),
        ("delete from messages where recipient = any($1)", true),
    ] {
        let query = sqlx::query(sql);
        let query = if of_phones { query.bind(phones.clone()) } else { query.bind(ids.clone()) };
        query.execute(&mut **tx).await?;
    }
    withdraw_cards(tx, &ids, now).await?;
    sqlx::query(
        "insert into erasures (customer_id, erased_at, phone_hmac) select id, $2, $3 from unnest($1::uuid[]) as e (id) \
         on conflict (customer_id) do nothing",
    )
    .bind(&ids)
    .bind(now)
    .bind(phone_hmac.as_ref().map(<[u8; 32]>::as_slice))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What erased customers of this phone had used of limits is used by `customer` from now on; gives how many accounts moved.
pub async fn take_over_limits(tx: &mut Tx, phone_hmac: &[u8; 32], customer: CustomerId) -> Result<usize, StoreError> {
    let erased: Vec<Uuid> =
        sqlx::query_scalar("update erasures set phone_hmac = null where phone_hmac = $1 returning customer_id")
            .bind(phone_hmac.as_slice())
            .fetch_all(&mut **tx)
            .await?;
    let mut moved = 0;
    for from in erased {
        moved += limits::carry_over(tx, CustomerId(from), customer).await?;
    }
    Ok(moved)
}

/// Makes `from` count for `into`: receipts, savings, limits, log-ins, history. What `into` has of a profile stays; what it
/// has not, it gets. The cards of `from` are withdrawn: a customer has one set, and it is the one they chose from.
///
/// The features of both are not what their receipts say any more: compute them anew in the same transaction.
///
/// # Errors
/// [`StoreError::Busy`] and [`StoreError::Conflict`] as for every lock.
pub async fn merge(
    tx: &mut Tx,
    from: CustomerId,
    into: CustomerId,
    now: DateTime<Utc>,
) -> Result<(Merged, CustomerId), StoreError> {
    // Limits before customers: the order of every purchase.
    limits::hold_of_customers(tx, &[from, into]).await?;
    let rows: Vec<(Uuid, Option<Uuid>, bool)> = sqlx::query_as(
        "select id, merged_into, erased_at is not null from customers \
         where id = any($1) or id in (select merged_into from customers where id = any($1)) order by id for update",
    )
    .bind([from.0, into.0])
    .fetch_all(&mut **tx)
    .await?;
    let find = |id: Uuid| rows.iter().find(|row| row.0 == id);
    let Some(old) = find(from.0) else { return Ok((Merged::NotThere(from), into)) };
    let Some(new) = find(into.0) else { return Ok((Merged::NotThere(into), into)) };
    let new = new.1.and_then(find).unwrap_or(new);
    let into = CustomerId(new.0);
    let outcome = match (old, new) {
        (_, new) if new.2 => Merged::Erased(into),
        (old, _) if old.2 => Merged::Erased(from),
        (old, new) if old.1 == Some(new.0) => Merged::Before,
        (old, _) if old.1.is_some() => Merged::Elsewhere(CustomerId(old.1.unwrap_or_default())),
        (old, new) if old.0 == new.0 => Merged::Same,
        _ => Merged::Now,
    };
    if outcome != Merged::Now {
        return Ok((outcome, into));
    }
    limits::carry_over(tx, from, into).await?;
    // The phone is unique: it leaves the one row before it comes to the other.
    let phone: Option<String> = sqlx::query_scalar(
        "update customers c set phone = null from customers o, customers n \
         where c.id = $1 and o.id = $1 and n.id = $2 and n.phone is null returning o.phone",
    )
    .bind(from.0)
    .bind(into.0)
    .fetch_optional(&mut **tx)
    .await?
    .flatten();
    sqlx::query(
        "update customers n set phone = coalesce(n.phone, $3), name = case when n.name = '' then o.name else n.name end, \
             email = coalesce(n.email, o.email), birth_month = coalesce(n.birth_month, o.birth_month), \
             birth_day = case when n.birth_month is null then o.birth_day else n.birth_day end, \
             created_at = least(n.created_at, o.created_at), invited_by = coalesce(n.invited_by, nullif(o.invited_by, n.id)), savings = n.savings + o.savings, \
             offers_version = n.offers_version + 1 \
         from customers o where n.id = $2 and o.id = $1",
    )
    .bind(from.0)
    .bind(into.0)
    .bind(&phone)
    .execute(&mut **tx)
    .await?;
    for sql in [
        // Every alias leads to the last one in one step.
        "update customers set merged_into = $2, savings = 0, offers_version = offers_version + 1 \
         where id = $1 or merged_into = $1",
        "update receipts set customer_id = $2 where customer_id = $1",
        "update segment_changes set customer_id = $2 where customer_id = $1",
        "update customer_logins set customer_id = $2 where customer_id = $1",
        "update coupons set recipient = $2 where recipient = $1",
        // What the one is likely to take is worked out anew from what both bought.
        "delete from picks where customer_id = $1 or customer_id = $2",
        // A till renews one grant for each customer: the other only runs out.
        "update grants set customer_id = $2, current = false where customer_id = $1",
    ] {
        sqlx::query(sql).bind(from.0).bind(into.0).execute(&mut **tx).await?;
    }
    withdraw_cards(tx, &[from.0], now).await?;
    Ok((Merged::Now, into))
}

/// A return that was written while its customer was merged belongs to who they are now.
pub async fn follow_receipts(tx: &mut Tx, from: CustomerId, into: CustomerId) -> Result<(), StoreError> {
    sqlx::query("update receipts set customer_id = $2 where customer_id = $1")
        .bind(from.0)
        .bind(into.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn withdraw_cards(tx: &mut Tx, customers: &[Uuid], now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query(
        "update cards set withdrawn_at = $2, active = false where customer_id = any($1) and withdrawn_at is null",
    )
    .bind(customers)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
