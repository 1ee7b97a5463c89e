//! Purchases: what closing writes, for many sessions in one transaction, each step one statement whatever their number.
//!
//! The order of the steps is the order of the locks everywhere: key, session and receipt, limits, customer.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use domain::{Amount, CardId, CustomerId, SegmentModelId, SessionId};
use events::Event;
use sqlx::Row as _;
use uuid::Uuid;

use crate::idempotency::Claim;
use crate::json_text::JsonText;
use crate::outbox::Columns;
use crate::receipts::NewReceiptLine;
use crate::segments::{Change, Features, Habits};
use crate::sessions::{Open, OpenColumns, PATIENT};
use crate::{Store, StoreError, Tx};

mod known;

pub use known::{Known, KnownSale, write_known};

/// Begins a transaction of purchases, which waits at most five seconds for any lock.
///
/// # Errors
/// [`StoreError::Unavailable`] when no connection can be had.
pub async fn open(store: &Store) -> Result<Tx, StoreError> {
    Ok(store.for_purchases().begin_with(PATIENT).await?)
}

/// Claims the keys of closes, each answered by the version of its session that the close makes. Gives those that nobody
/// has used; a twin that runs at the same time is waited for.
///
/// # Errors
/// [`StoreError::Busy`] when a twin takes longer than the transaction waits.
pub async fn claim(
    tx: &mut Tx,
    claims: &[(Claim<'_>, SessionId, u32)],
    now: DateTime<Utc>,
) -> Result<HashSet<(Uuid, String)>, StoreError> {
    // In order of key, so that no two batches wait for each other.
    let mut claims: Vec<_> = claims.iter().collect();
    claims.sort_unstable_by_key(|(claim, ..)| (claim.owner, claim.key));
    let taken: Vec<(Uuid, String)> = sqlx::query_as(
        "insert into idempotency_keys (owner, key, request_hash, session_id, session_version, created_at) \
         select owner, key, hash, session, version, $6 \
         from unnest($1::uuid[], $2::text[], $3::bytea[], $4::uuid[], $5::int[]) as c (owner, key, hash, session, version) \
         on conflict (owner, key) do nothing returning owner, key",
    )
    .bind(claims.iter().map(|(claim, ..)| claim.owner).collect::<Vec<_>>())
    .bind(claims.iter().map(|(claim, ..)| claim.key).collect::<Vec<_>>())
    .bind(claims.iter().map(|(claim, ..)| claim.request_hash.as_slice()).collect::<Vec<_>>())
    .bind(claims.iter().map(|(_, session, _)| session.0).collect::<Vec<_>>())
    .bind(claims.iter().map(|(.., version)| i32::try_from(*version).unwrap_or(i32::MAX)).collect::<Vec<_>>())
    .bind(now)
    .fetch_all(&mut **tx)
    .await?;
    Ok(taken.into_iter().collect())
}

/// What a receipt says of a purchase as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    pub number: &'a str,
    /// The card that gave something.
    pub card: Option<CardId>,
    pub lines: usize,
    pub subtotal: Amount,
    pub discount: Amount,
    pub total: Amount,
}

/// A session that becomes a purchase.
#[derive(Clone, Debug)]
pub struct Sale<'a> {
    /// Of the version that the close makes.
    pub session: &'a Open,
    pub head: Head<'a>,
}

/// A sale whose session is closed now and whose receipt is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    pub receipt: i64,
    /// Whether its card may still be used.
    pub card_good: bool,
}

/// Whether a receipt's number was used before, or its session has a receipt.
#[must_use]
pub fn is_taken(error: &StoreError) -> bool {
    error.breaks("receipts_till_number_key") || error.breaks("receipts_session_key")
}

/// Closes the sessions and writes their receipts' heads. A session that is left out is not open any more, or is another
/// store's: then the transaction is of no use to it.
///
/// # Errors
/// Of [`is_taken`]; [`StoreError::Busy`] when another call holds one of them for longer than the transaction waits.
pub async fn begin(
    tx: &mut Tx,
    sales: &[Sale<'_>],
    now: DateTime<Utc>,
) -> Result<HashMap<SessionId, Begun>, StoreError> {
    let mut sales: Vec<&Sale<'_>> = sales.iter().collect();
    sales.sort_unstable_by_key(|sale| sale.session.id.0);
    let columns = OpenColumns::of(sales.iter().map(|sale| sale.session));
    // Each card is looked up by itself: a join, or an `exists` beside the `or`, may be planned as reading all of them.
    let rows: Vec<(Uuid, i64, bool)> = sqlx::query_as(
        "with sale as (select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::uuid[], $6::bigint[], \
             $7::text[], $8::timestamptz[], $9::timestamptz[], $10::text[], $11::uuid[], $12::int[], $13::bigint[], \
             $14::bigint[], $15::bigint[]) as s (id, store, till, version, customer, revision, basis, evaluated_at, \
             expires_at, number, card, lines, subtotal, discount, total)), \
         closed as (insert into sessions (id, store_id, till_id, state, version, customer_id, revision, basis, \
                 evaluated_at, expires_at) \
             select id, store, till, 'closed', version, customer, revision, basis, evaluated_at, expires_at from sale \
             on conflict (id) do update set till_id = excluded.till_id, state = 'closed', version = excluded.version, \
                 customer_id = excluded.customer_id, revision = excluded.revision, basis = excluded.basis, \
                 evaluated_at = excluded.evaluated_at, expires_at = excluded.expires_at \
             where sessions.state = 'open' and sessions.store_id = excluded.store_id \
                 and sessions.version < excluded.version \
             returning id), \
         sold as (insert into receipts (source, session_id, store_id, till_id, number, customer_id, kind, at, lines, \
                 subtotal, discount, total) \
             select 'till', id, store, till, number, customer, 'sale', $16, lines, subtotal, discount, total \
             from sale join closed using (id) returning session_id, id) \
         select sold.session_id, sold.id, sale.card is null or (select true from cards card where card.id = sale.card \
             and card.withdrawn_at is null and card.valid_from <= $16 and $16 < card.valid_until) is not null \
         from sold join sale on sale.id = sold.session_id",
    )
    .bind(columns.ids)
    .bind(columns.stores)
    .bind(columns.tills)
    .bind(columns.versions)
    .bind(columns.customers)
    .bind(columns.revisions)
    .bind(columns.bases)
    .bind(columns.evaluated)
    .bind(columns.expiring)
    .bind(sales.iter().map(|sale| sale.head.number).collect::<Vec<_>>())
    .bind(sales.iter().map(|sale| sale.head.card.map(|card| card.0)).collect::<Vec<_>>())
    .bind(sales.iter().map(|sale| i32::try_from(sale.head.lines).unwrap_or(i32::MAX)).collect::<Vec<_>>())
    .bind(sales.iter().map(|sale| sale.head.subtotal.0).collect::<Vec<_>>())
    .bind(sales.iter().map(|sale| sale.head.discount.0).collect::<Vec<_>>())
    .bind(sales.iter().map(|sale| sale.head.total.0).collect::<Vec<_>>())
    .bind(now)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|(id, receipt, card_good)| (SessionId(id), Begun { receipt, card_good })).collect())
}

/// Which writing of a customer's row something was read from: another one has another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edition(pub(crate) i64);

/// A customer who buys, and what a purchase changes of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Buyer {
    pub features: Features,
    pub savings: Amount,
    pub edition: Edition,
}

#[derive(sqlx::FromRow)]
struct BuyerRow {
    id: Uuid,
    visits: i32,
    spent: i64,
    first_purchase_at: Option<DateTime<Utc>>,
    last_purchase_at: Option<DateTime<Utc>>,
    composition: JsonText<BTreeMap<String, i64>>,
    cost: i64,
    costed: i64,
    habits: JsonText<Habits>,
    segment_model: Option<Uuid>,
    segment_index: i16,
    savings: i64,
    edition: i64,
    model_in_use: Option<Uuid>,
}

/// Locks the customers of these sales and reads what their segment is made from, and the segments' model in use. Who was
/// erased or merged since their session was quoted is left out.
///
/// # Errors
/// [`StoreError::Busy`] past the transaction's `lock_timeout`.
pub async fn buyers(
    tx: &mut Tx,
    customers: &[CustomerId],
) -> Result<(HashMap<CustomerId, Buyer>, Option<SegmentModelId>), StoreError> {
    let rows: Vec<BuyerRow> = sqlx::query_as(
        "select id, visits, spent, first_purchase_at, last_purchase_at, composition, cost, costed, habits, \
             segment_model, segment_index, savings, xmin::text::bigint as edition, (select m.id from segment_models m where m.in_use) as model_in_use \
         from customers where id = any($1) and merged_into is null and erased_at is null order by id for no key update",
    )
    .bind(customers.iter().map(|id| id.0).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    let model = rows.first().and_then(|row| row.model_in_use).map(SegmentModelId);
    let buyers = rows.into_iter().map(|row| {
        let features = Features {
            id: row.id,
            visits: row.visits,
            spent: row.spent,
            first_purchase_at: row.first_purchase_at,
            last_purchase_at: row.last_purchase_at,
            composition: row.composition.0,
            cost: row.cost,
            costed: row.costed,
            habits: row.habits.0,
            segment_model: row.segment_model,
            segment_index: row.segment_index,
            at_till: true,
        };
        let buyer = Buyer { features, savings: Amount(row.savings), edition: Edition(row.edition) };
        (CustomerId(row.id), buyer)
    });
    Ok((buyers.collect(), model))
}

/// The rest of a batch of purchases.
#[derive(Debug, Default)]
pub struct Ending<'a> {
    /// Of each receipt, by its id.
    pub lines: Vec<(i64, &'a [NewReceiptLine])>,
    pub buyers: Vec<&'a Buyer>,
    pub changes: &'a [Change],
    pub events: &'a [Event],
    /// What each session's close is answered with: session, version, body.
    pub answers: Vec<(SessionId, u32, &'a str)>,
}

/// What this transaction's rows are told by.
macro_rules! edition {
    () => {
        "select pg_current_xact_id()::xid::text::bigint"
    };
}
use edition;

/// The parameters of [`Ending::bind`], as the statements name them.
macro_rules! ending {
    (lines) => {
        "unnest($1::bigint[], $2::int[], $3::text[], $4::int[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[]) \
             as l (receipt, position, sku, quantity, unit_price, discount, unit_cost, allocations)"
    };
    (bought) => {
        "update customers c set visits = b.visits, spent = b.spent, first_purchase_at = b.first, \
             last_purchase_at = b.last, composition = b.composition, segment_model = b.model, \
             segment_index = b.segment, savings = b.savings, cost = b.cost, costed = b.costed, habits = b.habits \
         from unnest($9::uuid[], $10::int[], $11::bigint[], $12::timestamptz[], $13::timestamptz[], $14::text[], \
             $15::uuid[], $16::smallint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::text[], $21::bigint[]) \
             as b (id, visits, spent, first, last, composition, model, segment, savings, cost, costed, habits, edition) \
         where c.id = b.id"
    };
    (rest) => {
        "moved as (insert into segment_changes (customer_id, at, from_name, to_name, why) \
             select customer, $35, from_name, to_name, why \
             from unnest($22::uuid[], $23::jsonb[], $24::jsonb[], $25::jsonb[]) as m (customer, from_name, to_name, why)), \
         told as (insert into outbox (event_id, topic, key, schema, occurred_at, payload) \
             select event_id, topic, key, schema, occurred_at, payload \
             from unnest($26::uuid[], $27::text[], $28::text[], $29::int[], $30::timestamptz[], $31::text[]) \
                 with ordinality as event (event_id, topic, key, schema, occurred_at, payload, place) order by place), \
         answered as (insert into session_answers (session_id, version, body) \
             select * from unnest($32::uuid[], $33::int[], $34::text[])) "
    };
}
use ending;

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

impl Ending<'_> {
    /// $1 to $35 of a statement.
    fn bind<'q>(&self, query: Query<'q>, now: DateTime<Utc>) -> Query<'q> {
        let whole = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        let lines: Vec<(i64, usize, &NewReceiptLine)> = self
            .lines
            .iter()
            .flat_map(|(receipt, lines)| lines.iter().enumerate().map(|(place, line)| (*receipt, place, line)))
            .collect();
        let features = || self.buyers.iter().map(|buyer| &buyer.features);
        let events = Columns::of(self.events);
        query
            .bind(lines.iter().map(|(receipt, ..)| *receipt).collect::<Vec<_>>())
            .bind(lines.iter().map(|(_, place, _)| whole(*place)).collect::<Vec<_>>())
            .bind(lines.iter().map(|(.., line)| line.sku.as_str()).collect::<Vec<_>>())
            .bind(lines.iter().map(|(.., line)| i32::try_from(line.quantity).unwrap_or(i32::MAX)).collect::<Vec<_>>())
            .bind(lines.iter().map(|(.., line)| line.unit_price.0).collect::<Vec<_>>())
            .bind(lines.iter().map(|(.., line)| line.discount.0).collect::<Vec<_>>())
            .bind(lines.iter().map(|(.., line)| line.unit_cost.map(|cost| cost.0)).collect::<Vec<_>>())
            .bind(lines.iter().map(|(.., line)| line.allocations.as_deref()).collect::<Vec<_>>())
            .bind(features().map(|f| f.id).collect::<Vec<_>>())
            .bind(features().map(|f| f.visits).collect::<Vec<_>>())
            .bind(features().map(|f| f.spent).collect::<Vec<_>>())
            .bind(features().map(|f| f.first_purchase_at).collect::<Vec<_>>())
            .bind(features().map(|f| f.last_purchase_at).collect::<Vec<_>>())
            .bind(features().map(|f| JsonText(&f.composition)).collect::<Vec<_>>())
            .bind(features().map(|f| f.segment_model).collect::<Vec<_>>())
            .bind(features().map(|f| f.segment_index).collect::<Vec<_>>())
            .bind(self.buyers.iter().map(|buyer| buyer.savings.0).collect::<Vec<_>>())
            .bind(features().map(|f| f.cost).collect::<Vec<_>>())
            .bind(features().map(|f| f.costed).collect::<Vec<_>>())
            .bind(features().map(|f| JsonText(&f.habits)).collect::<Vec<_>>())
            .bind(self.buyers.iter().map(|buyer| buyer.edition.0).collect::<Vec<_>>())
            .bind(self.changes.iter().map(|change| change.customer).collect::<Vec<_>>())
            .bind(self.changes.iter().map(|change| &change.from).collect::<Vec<_>>())
            .bind(self.changes.iter().map(|change| &change.to).collect::<Vec<_>>())
            .bind(self.changes.iter().map(|change| &change.reason).collect::<Vec<_>>())
            .bind(events.ids)
            .bind(events.topics)
            .bind(events.keys)
            .bind(events.schemas)
            .bind(events.times)
            .bind(events.payloads)
            .bind(self.answers.iter().map(|(session, ..)| session.0).collect::<Vec<_>>())
            .bind(
                self.answers
                    .iter()
                    .map(|(_, version, _)| i32::try_from(*version).unwrap_or(i32::MAX))
                    .collect::<Vec<_>>(),
            )
            .bind(self.answers.iter().map(|(.., body)| *body).collect::<Vec<_>>())
            .bind(now)
    }
}

/// Writes lines, customers, changes of segments, events and answers in one statement: the last one before the commit.
/// Gives the edition that the customers have from then on.
///
/// # Errors
/// Only when the store is away.
pub async fn end(tx: &mut Tx, ending: &Ending<'_>, now: DateTime<Utc>) -> Result<Edition, StoreError> {
    let query = sqlx::query(concat!(
        "with line as (insert into receipt_lines (receipt_id, position, sku, quantity, unit_price, discount, unit_cost, \
             allocations) select * from ",
        ending!(lines),
        "), bought as (",
        ending!(bought),
        "), ",
        ending!(rest),
        edition!(),
    ));
    let row = ending.bind(query, now).fetch_one(&mut **tx).await?;
    Ok(Edition(row.try_get(0)?))
}
