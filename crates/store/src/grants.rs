//! Grants: what a till may give without asking, bounded by a lock on its store's row while they are signed.

use chrono::{DateTime, TimeDelta, Utc};
use domain::code::{CodeHandle, StaticCode};
use domain::{Amount, CardId, CardScope, CustomerId, GrantId, Rate, StoreId, TillId};
use uuid::Uuid;

use crate::cards::{columns, scope};
use crate::{Store, StoreError, Tx};

/// How long after its end a grant may still come back with receipts of a till that was offline, and so counts as out.
pub const OUT_FOR: TimeDelta = TimeDelta::days(7);
/// Visits count so long.
const VISITS: TimeDelta = TimeDelta::days(90);
/// Whoever was issued a card last may come too: so many of them are looked at.
const NEWEST_CARDS: i64 = 2_000;

/// Where a page ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub seen: DateTime<Utc>,
    pub customer: CustomerId,
}

/// Somebody who is likely to come, with their active card.
#[derive(Clone, Debug)]
pub struct Likely {
    pub place: Place,
    pub static_code: StaticCode,
    pub handle: CodeHandle,
    pub card: CardId,
    pub scope: CardScope,
    pub rate: Rate,
    pub card_until: DateTime<Utc>,
    /// The hashes of their codes as this till has them, so that they need not be made again.
    pub hashes: Option<Hashes>,
}

/// Both codes of a customer under a salt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashes {
    pub salt: [u8; 16],
    pub code: Option<[u8; 32]>,
    pub handle: [u8; 32],
}

/// A grant as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredGrant {
    pub id: GrantId,
    pub counter: i64,
    pub store: StoreId,
    pub till: TillId,
    pub customer: CustomerId,
    pub card: CardId,
    pub scope: CardScope,
    pub rate: Rate,
    pub max_amount: Amount,
    pub spent: Amount,
    pub hashes: Hashes,
    pub shelf: [u8; 32],
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// What is out at a store while this transaction holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Out {
    /// The most that all its tills may still give.
    pub of_store: Amount,
    /// This till's part of it.
    pub of_till: Amount,
    pub tills: u32,
}

#[derive(sqlx::FromRow)]
struct LikelyRow {
    customer_id: Uuid,
    seen: DateTime<Utc>,
    static_code: String,
    code_handle: i64,
    card_id: Uuid,
    scope_kind: String,
    scope_ref: String,
    rate_bp: i32,
    valid_until: DateTime<Utc>,
    code_salt: Option<Vec<u8>>,
    code_hash: Option<Vec<u8>>,
    handle_hash: Option<Vec<u8>>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    counter: i64,
    store_id: Uuid,
    till_id: Uuid,
    customer_id: Uuid,
    card_id: Uuid,
    scope_kind: String,
    scope_ref: String,
    rate_bp: i32,
    max_amount: i64,
    spent: i64,
    code_salt: Vec<u8>,
    code_hash: Option<Vec<u8>>,
    handle_hash: Vec<u8>,
    shelf_hash: Vec<u8>,
    issued_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

fn corrupt(why: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt("grant", why)
}

fn sized<const N: usize>(bytes: Vec<u8>) -> Result<[u8; N], StoreError> {
    <[u8; N]>::try_from(bytes).map_err(|bytes| corrupt(format!("{} bytes, not {N}", bytes.len())))
}

impl TryFrom<LikelyRow> for Likely {
    type Error = StoreError;

    fn try_from(row: LikelyRow) -> Result<Self, StoreError> {
        let hashes = match (row.code_salt, row.handle_hash) {
            (Some(salt), Some(handle)) => {
                Some(Hashes { salt: sized(salt)?, code: row.code_hash.map(sized).transpose()?, handle: sized(handle)? })
            }
            _ => None,
        };
        Ok(Self {
            place: Place { seen: row.seen, customer: CustomerId(row.customer_id) },
            static_code: StaticCode::parse(&row.static_code).map_err(corrupt)?,
            handle: CodeHandle(row.code_handle),
            card: CardId(row.card_id),
            scope: scope(&row.scope_kind, row.scope_ref)?,
            rate: Rate(u32::try_from(row.rate_bp).map_err(corrupt)?),
            card_until: row.valid_until,
            hashes,
        })
    }
}

impl TryFrom<Row> for StoredGrant {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: GrantId(row.id),
            counter: row.counter,
            store: StoreId(row.store_id),
            till: TillId(row.till_id),
            customer: CustomerId(row.customer_id),
            card: CardId(row.card_id),
            scope: scope(&row.scope_kind, row.scope_ref)?,
            rate: Rate(u32::try_from(row.rate_bp).map_err(corrupt)?),
            max_amount: Amount(row.max_amount),
            spent: Amount(row.spent),
            hashes: Hashes {
                salt: sized(row.code_salt)?,
                code: row.code_hash.map(sized).transpose()?,
                handle: sized(row.handle_hash)?,
            },
            shelf: sized(row.shelf_hash)?,
            issued_at: row.issued_at,
            expires_at: row.expires_at,
        })
    }
}

const FIELDS: &str = "id, counter, store_id, till_id, customer_id, card_id, scope_kind, scope_ref, rate_bp, max_amount, spent, \
     code_salt, code_hash, handle_hash, shelf_hash, issued_at, expires_at";

impl Store {
    /// Who is likely to come to this store and has an active card that is good until `until`: who came lately first, then
    /// whoever was issued cards last anywhere, as if they had come ninety days earlier than they did.
    ///
    /// # Errors
    /// What the database says.
    pub async fn likely_guests(
        &self,
        (store, till): (StoreId, TillId),
        after: Option<Place>,
        (now, until): (DateTime<Utc>, DateTime<Utc>),
        limit: u16,
    ) -> Result<Vec<Likely>, StoreError> {
        let rows: Vec<LikelyRow> = sqlx::query_as(
            "with likely as ( \
                 select customer_id, max(at) as seen from receipts \
                 where store_id = $1 and customer_id is not null and at > $3 and cancelled_at is null \
                 group by customer_id \
             ), fresh as ( \
                 select n.customer_id, coalesce(c.last_purchase_at, c.created_at) - ($4 - $3) as seen \
                 from (select customer_id from cards where active and withdrawn_at is null order by id desc limit $8) n \
                     join customers c on c.id = n.customer_id \
             ), ranked as ( \
                 select customer_id, max(seen) as seen from (table likely union all table fresh) every group by 1 \
             ) \
             select r.customer_id, r.seen, c.static_code, c.code_handle, k.id as card_id, k.scope_kind, k.scope_ref, \
                 k.rate_bp, k.valid_until, g.code_salt, g.code_hash, g.handle_hash \
             from ranked r join customers c on c.id = r.customer_id \
                 join cards k on k.customer_id = r.customer_id and k.active and k.withdrawn_at is null \
                     and k.valid_from <= $4 and $5 < k.valid_until \
                 left join grants g on g.till_id = $2 and g.customer_id = r.customer_id and g.current \
             where $6::timestamptz is null or (r.seen, r.customer_id) < ($6, $7::uuid) \
             order by r.seen desc, r.customer_id desc limit $9",
        )
        .bind(store.0)
        .bind(till.0)
        .bind(now - VISITS)
        .bind(now)
        .bind(until)
        .bind(after.map(|place| place.seen))
        .bind(after.map(|place| place.customer.0))
        .bind(NEWEST_CARDS)
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await?;
        rows.into_iter().map(Likely::try_from).collect()
    }

    /// The store that a till calls by this id or name, when it is its own.
    ///
    /// # Errors
    /// What the database says.
    pub async fn is_called(&self, store: StoreId, text: &str) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(
            "select exists (select 1 from stores where id = $1 and (id::text = lower($2) or name = $2))",
        )
        .bind(store.0)
        .bind(text)
        .fetch_one(self.pool())
        .await?)
    }

    /// Whose grant this is, when it is this till's.
    ///
    /// # Errors
    /// What the database says.
    pub async fn customer_of_grant(&self, id: GrantId, till: TillId) -> Result<Option<CustomerId>, StoreError> {
        let customer: Option<Uuid> =
            sqlx::query_scalar("select customer_id from grants where id = $1 and till_id = $2")
                .bind(id.0)
                .bind(till.0)
                .fetch_optional(self.pool())
                .await?;
        Ok(customer.map(CustomerId))
    }

    /// What all grants of a store may still give together.
    ///
    /// # Errors
    /// What the database says.
    pub async fn worst_case_loss(&self, store: StoreId, now: DateTime<Utc>) -> Result<Amount, StoreError> {
        let amount = sqlx::query_scalar(
            "select coalesce(sum(greatest(max_amount - spent, 0)), 0)::bigint from grants \
             where store_id = $1 and expires_at > $2",
        )
        .bind(store.0)
        .bind(now - OUT_FOR)
        .fetch_one(self.pool())
        .await?;
        Ok(Amount(amount))
    }
}

/// Holds the store's row, so that one till at a time is signed for, and says what is out.
///
/// # Errors
/// [`StoreError::Busy`] past the transaction's `lock_timeout`.
pub async fn hold_store(tx: &mut Tx, (store, till): (StoreId, TillId), now: DateTime<Utc>) -> Result<Out, StoreError> {
    sqlx::query("select 1 from stores where id = $1 for no key update").bind(store.0).execute(&mut **tx).await?;
    let (of_store, of_till, tills): (i64, i64, i64) = sqlx::query_as(
        "select coalesce(sum(greatest(max_amount - spent, 0)), 0)::bigint, \
             coalesce(sum(greatest(max_amount - spent, 0)) filter (where till_id = $2), 0)::bigint, \
             (select count(*) from tills where store_id = $1) \
         from grants where store_id = $1 and expires_at > $3",
    )
    .bind(store.0)
    .bind(till.0)
    .bind(now - OUT_FOR)
    .fetch_one(&mut **tx)
    .await?;
    Ok(Out { of_store: Amount(of_store), of_till: Amount(of_till), tills: u32::try_from(tills).unwrap_or(u32::MAX) })
}

/// The grants that this till renews for these customers, locked.
///
/// # Errors
/// What the database says.
pub async fn current(tx: &mut Tx, till: TillId, customers: &[CustomerId]) -> Result<Vec<StoredGrant>, StoreError> {
    let sql = format!(
        "select {FIELDS} from grants where till_id = $1 and customer_id = any($2) and current order by id for update"
    );
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(till.0)
        .bind(customers.iter().map(|customer| customer.0).collect::<Vec<_>>())
        .fetch_all(&mut **tx)
        .await?;
    rows.into_iter().map(StoredGrant::try_from).collect()
}

/// Writes editions: new grants, which take the place of what the till had for their customers, and later editions of
/// those that there are. What was spent is left as it is.
///
/// # Errors
/// `grants_one_current` when the store's row was not held.
pub async fn write(tx: &mut Tx, grants: &[StoredGrant]) -> Result<(), StoreError> {
    let Some(till) = grants.first().map(|grant| grant.till) else { return Ok(()) };
    let ids: Vec<Uuid> = grants.iter().map(|grant| grant.id.0).collect();
    let customers: Vec<Uuid> = grants.iter().map(|grant| grant.customer.0).collect();
    sqlx::query(
        "update grants set current = false where till_id = $1 and customer_id = any($2) and current and id <> all($3)",
    )
    .bind(till.0)
    .bind(&customers)
    .bind(&ids)
    .execute(&mut **tx)
    .await?;
    let (kinds, refs): (Vec<&str>, Vec<&str>) = grants.iter().map(|grant| columns(&grant.scope)).unzip();
    sqlx::query(
        "insert into grants (id, store_id, till_id, customer_id, card_id, scope_kind, scope_ref, rate_bp, counter, \
             max_amount, code_salt, code_hash, handle_hash, shelf_hash, issued_at, expires_at) \
         select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], \
             $8::int[], $9::bigint[], $10::bigint[], $11::bytea[], $12::bytea[], $13::bytea[], $14::bytea[], \
             $15::timestamptz[], $16::timestamptz[]) \
         on conflict (id) do update set counter = excluded.counter, code_salt = excluded.code_salt, \
             code_hash = excluded.code_hash, handle_hash = excluded.handle_hash, shelf_hash = excluded.shelf_hash, \
             issued_at = excluded.issued_at, expires_at = greatest(grants.expires_at, excluded.expires_at)",
    )
    .bind(&ids)
    .bind(grants.iter().map(|grant| grant.store.0).collect::<Vec<_>>())
    .bind(grants.iter().map(|grant| grant.till.0).collect::<Vec<_>>())
    .bind(&customers)
    .bind(grants.iter().map(|grant| grant.card.0).collect::<Vec<_>>())
    .bind(kinds)
    .bind(refs)
    .bind(grants.iter().map(|grant| i32::try_from(grant.rate.bp()).unwrap_or(i32::MAX)).collect::<Vec<_>>())
    .bind(grants.iter().map(|grant| grant.counter).collect::<Vec<_>>())
    .bind(grants.iter().map(|grant| grant.max_amount.0).collect::<Vec<_>>())
    .bind(grants.iter().map(|grant| grant.hashes.salt.as_slice()).collect::<Vec<_>>())
    .bind(grants.iter().map(|grant| grant.hashes.code.as_ref().map(|hash| hash.as_slice())).collect::<Vec<_>>())
    .bind(grants.iter().map(|grant| grant.hashes.handle.as_slice()).collect::<Vec<_>>())
    .bind(grants.iter().map(|grant| grant.shelf.as_slice()).collect::<Vec<_>>())
    .bind(grants.iter().map(|grant| grant.issued_at).collect::<Vec<_>>())
    .bind(grants.iter().map(|grant| grant.expires_at).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A grant by its id, locked for the rest of the transaction.
///
/// # Errors
/// What the database says.
pub async fn hold(tx: &mut Tx, id: GrantId) -> Result<Option<StoredGrant>, StoreError> {
    let sql = format!("select {FIELDS} from grants where id = $1 for update");
    let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(id.0).fetch_optional(&mut **tx).await?;
    row.map(StoredGrant::try_from).transpose()
}

/// Counts what a receipt gave on a held grant.
///
/// # Errors
/// What the database says.
pub async fn spend(tx: &mut Tx, id: GrantId, amount: Amount) -> Result<(), StoreError> {
    sqlx::query("update grants set spent = spent + $2 where id = $1")
        .bind(id.0)
        .bind(amount.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
