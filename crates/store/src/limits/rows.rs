//! Where a book comes from and goes to: accounts are locked in the order of their keys, and written in one statement.

use chrono::{DateTime, Utc};
use domain::CustomerId;
use uuid::Uuid;

use super::book::{Account, Book, Hold};
use crate::{StoreError, Tx};

#[derive(sqlx::FromRow)]
struct AccountRow {
    id: i64,
    key: String,
    ceiling: i64,
    committed: i64,
    reserved: i64,
}

#[derive(sqlx::FromRow)]
struct HoldRow {
    session_id: Uuid,
    account_id: i64,
    holder: Uuid,
    amount: i64,
    expires_at: DateTime<Utc>,
}

/// Locks the accounts of these keys, and those that the sessions hold something of, and reads what is held of them.
///
/// The holds are read by a statement of their own: only one that begins after the locks were had sees what whoever held
/// them before has written.
pub(super) async fn open(
    tx: &mut Tx,
    wanted: &[(&str, i64)],
    sessions: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Book, StoreError> {
    let keys: Vec<&str> = wanted.iter().map(|(key, _)| *key).collect();
    let mut book = lock(tx, &keys, sessions).await?;
    if keys.iter().any(|key| !book.accounts.contains_key(*key)) {
        create(tx, wanted).await?;
        book = lock(tx, &keys, sessions).await?;
    }
    if !book.accounts.is_empty() {
        read_holds(tx, &mut book, sessions, now).await?;
    }
    Ok(book)
}

/// Locks the accounts of these ids; those that somebody else has just now are left out.
pub(super) async fn open_idle(tx: &mut Tx, ids: &[i64], now: DateTime<Utc>) -> Result<Book, StoreError> {
    let rows = sqlx::query_as::<_, AccountRow>(
        "select id, key, ceiling, committed, reserved from limit_accounts where id = any($1) \
         order by key for update skip locked",
    )
    .bind(ids)
    .fetch_all(&mut **tx)
    .await?;
    let mut book = of_accounts(rows);
    read_holds(tx, &mut book, &[], now).await?;
    Ok(book)
}

/// Locks the accounts that the session has spent something of, and reads how much that still is.
pub(super) async fn open_spent(tx: &mut Tx, session: Uuid) -> Result<(Book, Vec<(i64, i64)>), StoreError> {
    let rows = sqlx::query_as::<_, AccountRow>(
        "select id, key, ceiling, committed, reserved from limit_accounts \
         where id in (select account_id from limit_entries where session_id = $1 and kind = 'commit') \
         order by key for update",
    )
    .bind(session)
    .fetch_all(&mut **tx)
    .await?;
    let book = of_accounts(rows);
    if book.accounts.is_empty() {
        return Ok((book, Vec::new()));
    }
    let spent = sqlx::query_as(
        "select account_id, sum(case kind when 'commit' then amount else -amount end)::bigint as spent \
         from limit_entries where session_id = $1 and kind in ('commit', 'return') \
         group by account_id having sum(case kind when 'commit' then amount else -amount end) > 0 order by account_id",
    )
    .bind(session)
    .fetch_all(&mut **tx)
    .await?;
    Ok((book, spent))
}

/// The accounts of these customers' own, locked, in the order of their keys. Their names stand inside the keys, so this reads
/// all of them; accounts of customers are merged rarely.
pub(super) async fn of_customers(tx: &mut Tx, customers: &[CustomerId]) -> Result<Vec<(i64, String)>, StoreError> {
    let marks: Vec<String> = customers.iter().map(|customer| format!("%{}%", super::mark(*customer))).collect();
    Ok(sqlx::query_as("select id, key from limit_accounts where key like any($1) order by key for update")
        .bind(marks)
        .fetch_all(&mut **tx)
        .await?)
}

pub(super) async fn rename(tx: &mut Tx, account: i64, key: &str) -> Result<(), StoreError> {
    sqlx::query("update limit_accounts set key = $2 where id = $1").bind(account).bind(key).execute(&mut **tx).await?;
    Ok(())
}

/// Adds one account to another, with its holds and its ledger. Both are locked.
pub(super) async fn join(tx: &mut Tx, from: i64, into: i64) -> Result<(), StoreError> {
    let both = [
        "update limit_accounts t set committed = t.committed + f.committed, reserved = t.reserved + f.reserved, \
             ceiling = greatest(t.ceiling, t.committed + f.committed + t.reserved + f.reserved) \
         from limit_accounts f where f.id = $1 and t.id = $2",
        "insert into limit_holds (session_id, account_id, holder, amount, expires_at) \
             select session_id, $2, holder, amount, expires_at from limit_holds where account_id = $1 \
         on conflict (session_id, account_id) do update set amount = limit_holds.amount + excluded.amount, \
             expires_at = greatest(limit_holds.expires_at, excluded.expires_at)",
        "update limit_entries set account_id = $2 where account_id = $1",
    ];
    for sql in both {
        sqlx::query(sql).bind(from).bind(into).execute(&mut **tx).await?;
    }
    for sql in ["delete from limit_holds where account_id = $1", "delete from limit_accounts where id = $1"] {
        sqlx::query(sql).bind(from).execute(&mut **tx).await?;
    }
    Ok(())
}

pub(super) async fn hand_over_holds(tx: &mut Tx, from: CustomerId, into: CustomerId) -> Result<(), StoreError> {
    sqlx::query("update limit_holds set holder = $2 where holder = $1")
        .bind(from.0)
        .bind(into.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn lock(tx: &mut Tx, keys: &[&str], sessions: &[Uuid]) -> Result<Book, StoreError> {
    let rows = sqlx::query_as::<_, AccountRow>(
        "select id, key, ceiling, committed, reserved from limit_accounts \
         where id in (select id from limit_accounts where key = any($1) \
             union select account_id from limit_holds where session_id = any($2)) \
         order by key for update",
    )
    .bind(keys)
    .bind(sessions)
    .fetch_all(&mut **tx)
    .await?;
    Ok(of_accounts(rows))
}

/// Whoever makes the same ones at the same time waits here for us, or we for them.
async fn create(tx: &mut Tx, wanted: &[(&str, i64)]) -> Result<(), StoreError> {
    sqlx::query(
        "insert into limit_accounts (key, ceiling) \
         select key, max(ceiling) from unnest($1::text[], $2::bigint[]) as wanted (key, ceiling) \
         where not exists (select 1 from limit_accounts there where there.key = wanted.key) \
         group by key order by key collate \"C\" on conflict (key) do nothing",
    )
    .bind(wanted.iter().map(|(key, _)| *key).collect::<Vec<_>>())
    .bind(wanted.iter().map(|(_, limit)| *limit.max(&0)).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn of_accounts(rows: Vec<AccountRow>) -> Book {
    let accounts = rows
        .into_iter()
        .map(|AccountRow { id, key, ceiling, committed, reserved }| {
            (key, Account { id, ceiling, committed, reserved, touched: false })
        })
        .collect();
    Book { accounts, ..Book::default() }
}

async fn read_holds(tx: &mut Tx, book: &mut Book, sessions: &[Uuid], now: DateTime<Utc>) -> Result<(), StoreError> {
    let ids: Vec<i64> = book.accounts.values().map(|account| account.id).collect();
    let rows = sqlx::query_as::<_, HoldRow>(
        "select session_id, account_id, holder, amount, expires_at from limit_holds \
         where session_id = any($1) and account_id = any($2) \
         union select session_id, account_id, holder, amount, expires_at from limit_holds \
         where account_id = any($2) and expires_at <= $3",
    )
    .bind(sessions)
    .bind(ids)
    .bind(now)
    .fetch_all(&mut **tx)
    .await?;
    for row in rows {
        let hold = Hold { holder: row.holder, amount: row.amount, expires_at: row.expires_at };
        book.holds.insert((row.session_id, row.account_id), hold);
    }
    Ok(())
}

/// Writes what was done: counters, holds and the ledger move together or not at all.
pub(super) async fn write(tx: &mut Tx, book: &Book, now: DateTime<Utc>) -> Result<(), StoreError> {
    if book.moved.is_empty() && book.entries.is_empty() {
        return Ok(());
    }
    let touched: Vec<&Account> = book.accounts.values().filter(|account| account.touched).collect();
    let gone: Vec<_> = book.moved.iter().filter(|place| !book.holds.contains_key(place)).collect();
    let held: Vec<_> = book.moved.iter().filter_map(|place| book.holds.get(place).map(|hold| (place, hold))).collect();
    sqlx::query(
        "with counted as (update limit_accounts \
             set ceiling = moved.ceiling, committed = moved.committed, reserved = moved.reserved \
             from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) as moved (id, ceiling, committed, reserved) \
             where limit_accounts.id = moved.id), \
         dropped as (delete from limit_holds using unnest($5::uuid[], $6::bigint[]) as gone (session_id, account_id) \
             where limit_holds.session_id = gone.session_id and limit_holds.account_id = gone.account_id), \
         held as (insert into limit_holds (session_id, account_id, holder, amount, expires_at) \
             select * from unnest($7::uuid[], $8::bigint[], $9::uuid[], $10::bigint[], $11::timestamptz[]) \
             on conflict (session_id, account_id) do update \
             set holder = excluded.holder, amount = excluded.amount, expires_at = excluded.expires_at) \
         insert into limit_entries (account_id, session_id, kind, amount, at) \
         select account_id, session_id, kind, amount, $16 \
         from unnest($12::bigint[], $13::uuid[], $14::text[], $15::bigint[]) \
             with ordinality as entry (account_id, session_id, kind, amount, place) order by place",
    )
    .bind(touched.iter().map(|account| account.id).collect::<Vec<_>>())
    .bind(touched.iter().map(|account| account.ceiling).collect::<Vec<_>>())
    .bind(touched.iter().map(|account| account.committed).collect::<Vec<_>>())
    .bind(touched.iter().map(|account| account.reserved).collect::<Vec<_>>())
    .bind(gone.iter().map(|place| place.0).collect::<Vec<_>>())
    .bind(gone.iter().map(|place| place.1).collect::<Vec<_>>())
    .bind(held.iter().map(|(place, _)| place.0).collect::<Vec<_>>())
    .bind(held.iter().map(|(place, _)| place.1).collect::<Vec<_>>())
    .bind(held.iter().map(|(_, hold)| hold.holder).collect::<Vec<_>>())
    .bind(held.iter().map(|(_, hold)| hold.amount).collect::<Vec<_>>())
    .bind(held.iter().map(|(_, hold)| hold.expires_at).collect::<Vec<_>>())
    .bind(book.entries.iter().map(|entry| entry.account).collect::<Vec<_>>())
    .bind(book.entries.iter().map(|entry| entry.session).collect::<Vec<_>>())
    .bind(book.entries.iter().map(|entry| entry.kind.name()).collect::<Vec<_>>())
    .bind(book.entries.iter().map(|entry| entry.amount).collect::<Vec<_>>())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
