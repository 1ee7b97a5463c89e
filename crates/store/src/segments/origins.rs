//! Where customers came from when they registered, and what those like them became.

use chrono::{DateTime, Utc};
use domain::{CustomerId, SegmentModelId, StoreId};
use uuid::Uuid;

use super::{FEATURES, Features};
use crate::{Store, StoreError, Tx};

/// What is known of somebody who registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Whose poster they came by.
    pub store: Option<StoreId>,
    /// On that store's clock, or the shop's.
    pub hour: Option<u8>,
    pub invited_by: Option<CustomerId>,
}

/// A customer who has bought, and where they came from. Of who registered elsewhere that is where they first bought.
#[derive(Clone, Debug)]
pub struct Came {
    pub features: Features,
    pub store: Option<StoreId>,
    pub since: Since,
    pub invited: bool,
}

/// When somebody came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    Hour(u8),
    /// Whose hour there is for whoever knows the store's clock.
    Purchase(DateTime<Utc>),
}

/// Newcomers who came from the same place at the same hour in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub store: Option<StoreId>,
    pub hour: Option<u8>,
    pub invited: bool,
}

/// The newest `most` customers whose first purchase was before this, in order of id.
///
/// # Errors
/// Only when the database fails; so everywhere in this module.
pub async fn came(tx: &mut Tx, before: DateTime<Utc>, most: i64) -> Result<Vec<Came>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Row {
        id: Uuid,
        registered_hour: Option<i16>,
        store: Option<Uuid>,
        first: DateTime<Utc>,
        invited: bool,
    }
    let rows: Vec<Row> = sqlx::query_as(
        "select c.id, c.registered_hour, coalesce(c.registered_store, f.store_id) as store,
            c.first_purchase_at as first, c.invited_by is not null as invited
        from (select * from customers where visits > 0 and merged_into is null and first_purchase_at < $1
                order by first_purchase_at desc limit $2) c
            left join lateral (select store_id from receipts r where r.customer_id = c.id and r.kind = 'sale'
                and r.cancelled_at is null order by r.at limit 1) f on c.registered_store is null
        order by c.id",
    )
    .bind(before)
    .bind(most)
    .fetch_all(&mut **tx)
    .await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let sql = format!("{FEATURES} where c.id = any($1) order by c.id");
    let features: Vec<Features> = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&ids).fetch_all(&mut **tx).await?;
    // In one transaction that reads twice somebody may be gone in between.
    let mut features = features.into_iter().peekable();
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        while features.next_if(|known| known.id < row.id).is_some() {}
        let Some(known) = features.next_if(|known| known.id == row.id) else { continue };
        let since = match row.registered_hour.and_then(|hour| u8::try_from(hour).ok()) {
            Some(hour) => Since::Hour(hour),
            None => Since::Purchase(row.first),
        };
        found.push(Came { features: known, store: row.store.map(StoreId), since, invited: row.invited });
    }
    Ok(found)
}

/// The ways that customers came who have not bought yet.
pub async fn cells(tx: &mut Tx) -> Result<Vec<Cell>, StoreError> {
    let rows: Vec<(Option<Uuid>, Option<i16>, bool)> = sqlx::query_as(
        "select distinct registered_store, registered_hour, invited_by is not null
        from customers where visits = 0 and registered_hour is not null and merged_into is null and erased_at is null",
    )
    .fetch_all(&mut **tx)
    .await?;
    let cell = |(store, hour, invited): (Option<Uuid>, Option<i16>, bool)| Cell {
        store: store.map(StoreId),
        hour: hour.and_then(|hour| u8::try_from(hour).ok()),
        invited,
    };
    Ok(rows.into_iter().map(cell).collect())
}

/// Places the next `most` customers after this one, who have not bought yet, by the way that they came; says who was the last.
pub async fn expect(
    tx: &mut Tx,
    model: SegmentModelId,
    cells: &[(Cell, i16)],
    after: Option<Uuid>,
    most: i64,
) -> Result<Option<Uuid>, StoreError> {
    let placed: Vec<Uuid> = sqlx::query_scalar(
        "with expected as (
            select c.id, k.segment from customers c join unnest($2::uuid[], $3::smallint[], $4::boolean[], $5::smallint[])
                    as k (store, hour, invited, segment)
                on c.registered_store is not distinct from k.store and c.registered_hour = k.hour
                    and (c.invited_by is not null) = k.invited
            where c.visits = 0 and c.id > $6
                and (c.segment_index <> k.segment or (k.segment <> 0 and c.segment_model is distinct from $1))
            order by c.id limit $7 for update of c
        )
        update customers c set segment_model = $1, segment_index = e.segment from expected e where c.id = e.id
        returning c.id",
    )
    .bind(model.0)
    .bind(cells.iter().map(|(cell, _)| cell.store.map(|store| store.0)).collect::<Vec<_>>())
    .bind(cells.iter().map(|(cell, _)| cell.hour.map(i16::from)).collect::<Vec<_>>())
    .bind(cells.iter().map(|(cell, _)| cell.invited).collect::<Vec<_>>())
    .bind(cells.iter().map(|(_, segment)| *segment).collect::<Vec<_>>())
    .bind(after.unwrap_or_default())
    .bind(most)
    .fetch_all(&mut **tx)
    .await?;
    Ok(placed.into_iter().max())
}

/// Of what a link says: the store, with the zone of its own if it has one, if there is such a store; and who sent it, or who they
/// are now, if they still are somebody.
pub async fn behind_link(
    tx: &mut Tx,
    store: Option<StoreId>,
    inviter: Option<CustomerId>,
) -> Result<(Option<StoreId>, Option<CustomerId>), StoreError> {
    let (store, inviter): (Option<Uuid>, Option<Uuid>) = sqlx::query_as(
        "select (select id from stores where id = $1),
            (select coalesce(o.merged_into, o.id) from customers o join customers n on n.id = coalesce(o.merged_into, o.id)
                where o.id = $2 and n.erased_at is null)",
    )
    .bind(store.map(|store| store.0))
    .bind(inviter.map(|inviter| inviter.0))
    .fetch_one(&mut **tx)
    .await?;
    Ok((store.map(StoreId), inviter.map(CustomerId)))
}

/// A way to come to the shop, and how many registered by it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct WayIn {
    pub store: Uuid,
    pub name: String,
    pub registered: i64,
    /// Of them, who has bought since.
    pub bought: i64,
}

impl Store {
    /// Every store in order of its name, and who registered by its poster.
    pub async fn ways_in(&self) -> Result<Vec<WayIn>, StoreError> {
        let sql =
            "select s.id as store, s.name, count(c.id) as registered, count(c.id) filter (where c.visits > 0) as bought
            from stores s left join customers c on c.registered_store = s.id and c.merged_into is null
            group by s.id, s.name order by s.name";
        Ok(sqlx::query_as(sql).fetch_all(self.pool()).await?)
    }

    /// How many were sent by another customer, and how many of these have bought since.
    pub async fn invited(&self) -> Result<(i64, i64), StoreError> {
        let sql = "select count(*), count(*) filter (where visits > 0) from customers
            where invited_by is not null and merged_into is null";
        Ok(sqlx::query_as(sql).fetch_one(self.pool()).await?)
    }
}
