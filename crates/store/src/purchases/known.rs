//! Purchases of which everything is known before the database is asked: one statement, which is the whole transaction.
//!
//! It holds only if everything is still as it was thought to be; else it fails and leaves nothing behind, and the purchases
//! are written step by step.

use chrono::{DateTime, Utc};
use domain::{CustomerId, SegmentModelId, SessionId, StoreId, TillId};
use sqlx::Row as _;

use super::{Edition, Ending, Head, edition, ending};
use crate::idempotency::Claim;
use crate::sessions::Open;
use crate::{Store, StoreError};

/// A session that is paid.
#[derive(Clone, Debug)]
pub struct KnownSale<'a> {
    pub claim: Claim<'a>,
    pub session: SessionId,
    pub store: StoreId,
    /// The till that is paid.
    pub till: TillId,
    /// The version that the close makes.
    pub version: u32,
    pub customer: Option<CustomerId>,
    pub head: Head<'a>,
    /// The quote, where it is not kept yet as it is paid; else its row has the version before.
    pub quote: Option<Open>,
}

/// Purchases that are written together.
#[derive(Debug)]
pub struct Known<'a> {
    /// In order of session, so that no two batches wait for each other.
    pub sales: Vec<KnownSale<'a>>,
    /// In the place of a receipt's id its lines have that of its sale, from 1 on. Customers have the edition that was read,
    /// and are in order of id.
    pub ending: Ending<'a>,
    /// The segments' model that customers were placed by.
    pub model: Option<SegmentModelId>,
}

/// What `insist` says.
const NOT_SO: &str = "KV001";

/// Locks are taken in the order of everywhere: key, session and receipt, customer; so each step counts the one before it.
const KNOWN: &str = concat!(
    "with sale as (select s.* from (select set_config('lock_timeout', '5000', true) offset 0) p, \
         unnest($36::uuid[], $37::uuid[], $38::uuid[], $39::int[], $40::uuid[], $41::text[], $42::uuid[], $43::int[], \
             $44::bigint[], $45::bigint[], $46::bigint[], $47::uuid[], $48::text[], $49::bytea[], $51::bigint[], $52::text[], \
             $53::timestamptz[], $54::timestamptz[]) with ordinality \
             as s (id, store, till, version, customer, number, card, lines, subtotal, discount, total, owner, key, hash, \
             revision, basis, evaluated, expires, place)), \
     keyed as (insert into idempotency_keys (owner, key, request_hash, session_id, session_version, created_at) \
         select owner, key, hash, id, version, $35 from sale order by owner, key collate \"C\" returning 1), \
     kept as (update sessions set till_id = sale.till, state = 'closed', version = sale.version, \
             customer_id = sale.customer \
         from sale where sale.basis is null and sessions.id = sale.id and sessions.state = 'open' \
             and sessions.store_id = sale.store and sessions.version = sale.version - 1 \
             and (select count(*) from keyed) > 0 returning sale.id), \
     fresh as (insert into sessions (id, store_id, till_id, state, version, customer_id, revision, basis, evaluated_at, \
             expires_at) \
         select id, store, till, 'closed', version, customer, revision, basis, evaluated, expires from sale \
         where basis is not null and (select count(*) from keyed) > 0 and (select count(*) from kept) >= 0 \
         on conflict (id) do update set till_id = excluded.till_id, state = 'closed', version = excluded.version, \
             customer_id = excluded.customer_id, revision = excluded.revision, basis = excluded.basis, \
             evaluated_at = excluded.evaluated_at, expires_at = excluded.expires_at \
         where sessions.state = 'open' and sessions.store_id = excluded.store_id \
             and sessions.version < excluded.version returning id), \
     sold as (insert into receipts (source, session_id, store_id, till_id, number, customer_id, kind, at, lines, \
             subtotal, discount, total) \
         select 'till', id, store, till, number, customer, 'sale', $35, lines, subtotal, discount, total \
         from sale join (table kept union all table fresh) closed using (id) returning session_id, id), \
     line as (insert into receipt_lines (receipt_id, position, sku, quantity, unit_price, discount, unit_cost, allocations) \
         select sold.id, l.position, l.sku, l.quantity, l.unit_price, l.discount, l.unit_cost, l.allocations \
         from ",
    ending!(lines),
    " join sale on sale.place = l.receipt join sold on sold.session_id = sale.id), bought as (",
    ending!(bought),
    " and c.xmin::text::bigint = b.edition and (select count(*) from sold) > 0 returning 1), ",
    ending!(rest),
    edition!(),
    ", insist((select count(*) from sold) = cardinality($36) and (select count(*) from bought) = cardinality($9) \
         and (cardinality($9) = 0 or (select m.id from segment_models m where m.in_use) is not distinct from $50) \
         and not exists (select from sale where card is not null and (select true from cards card where card.id = sale.card \
             and card.withdrawn_at is null and card.valid_from <= $35 and $35 < card.valid_until) is null))",
);

/// Writes them all; gives the edition that their customers have from then on, or `None` when something is no longer as it
/// was thought to be: then nothing was written.
///
/// # Errors
/// [`StoreError::Busy`] when another call holds one of them for more than five seconds.
pub async fn write_known(store: &Store, known: &Known<'_>, now: DateTime<Utc>) -> Result<Option<Edition>, StoreError> {
    let sales = || known.sales.iter();
    let whole = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    let written = known
        .ending
        .bind(sqlx::query(KNOWN), now)
        .bind(sales().map(|sale| sale.session.0).collect::<Vec<_>>())
        .bind(sales().map(|sale| sale.store.0).collect::<Vec<_>>())
        .bind(sales().map(|sale| sale.till.0).collect::<Vec<_>>())
        .bind(sales().map(|sale| i32::try_from(sale.version).unwrap_or(i32::MAX)).collect::<Vec<_>>())
        .bind(sales().map(|sale| sale.customer.map(|id| id.0)).collect::<Vec<_>>())
        .bind(sales().map(|sale| sale.head.number).collect::<Vec<_>>())
        .bind(sales().map(|sale| sale.head.card.map(|id| id.0)).collect::<Vec<_>>())
        .bind(sales().map(|sale| whole(sale.head.lines)).collect::<Vec<_>>())
        .bind(sales().map(|sale| sale.head.subtotal.0).collect::<Vec<_>>())
        .bind(sales().map(|sale| sale.head.discount.0).collect::<Vec<_>>())
        .bind(sales().map(|sale| sale.head.total.0).collect::<Vec<_>>())
        .bind(sales().map(|sale| sale.claim.owner).collect::<Vec<_>>())
        .bind(sales().map(|sale| sale.claim.key).collect::<Vec<_>>())
        .bind(sales().map(|sale| sale.claim.request_hash.as_slice()).collect::<Vec<_>>())
        .bind(known.model.map(|id| id.0))
        .bind(sales().map(|sale| sale.quote.as_ref()?.revision).collect::<Vec<_>>())
        .bind(sales().map(|sale| Some(sale.quote.as_ref()?.basis.as_str())).collect::<Vec<_>>())
        .bind(sales().map(|sale| Some(sale.quote.as_ref()?.evaluated_at)).collect::<Vec<_>>())
        .bind(sales().map(|sale| Some(sale.quote.as_ref()?.expires_at)).collect::<Vec<_>>())
        .fetch_one(store.for_purchases())
        .await;
    match written {
        Ok(row) => Ok(Some(Edition(row.try_get(0)?))),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() || error.code().as_deref() == Some(NOT_SO) => {
            Ok(None)
        }
        Err(error) => match StoreError::from(error) {
            StoreError::Conflict(_) => Ok(None),
            other => Err(other),
        },
    }
}
