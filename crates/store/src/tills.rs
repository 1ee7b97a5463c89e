//! Stores, tills and the keys that prove which till calls. Only hashes of keys are here.

use chrono::{DateTime, Utc};
use domain::{StoreId, TillId};
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// What a key opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHolder {
    /// Till and store; an integrator's key has none.
    pub till: Option<(TillId, StoreId)>,
    pub scopes: Vec<String>,
}

impl KeyHolder {
    #[must_use]
    pub fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    till_id: Option<Uuid>,
    store_id: Option<Uuid>,
    scopes: Vec<String>,
}

/// A till and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub store: StoreId,
    pub till: TillId,
}

impl Store {
    /// All tills, in order of their stores.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn tills(&self) -> Result<Vec<Place>, StoreError> {
        let rows: Vec<(Uuid, Uuid)> =
            sqlx::query_as("select store_id, id from tills order by store_id, id").fetch_all(self.pool()).await?;
        Ok(rows.into_iter().map(|(store, till)| Place { store: StoreId(store), till: TillId(till) }).collect())
    }

    /// Who holds the key with this SHA-256; `None` when nobody does or it was revoked.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn till_by_key_hash(&self, hash: &[u8; 32]) -> Result<Option<KeyHolder>, StoreError> {
        let row = sqlx::query_as::<_, Row>(
            "select api_keys.till_id, tills.store_id, api_keys.scopes \
             from api_keys left join tills on tills.id = api_keys.till_id \
             where api_keys.hash = $1 and api_keys.revoked_at is null",
        )
        .bind(hash.as_slice())
        .fetch_optional(self.pool())
        .await?;
        Ok(row.map(|row| KeyHolder {
            till: row.till_id.zip(row.store_id).map(|(till, store)| (TillId(till), StoreId(store))),
            scopes: row.scopes,
        }))
    }
}

/// # Errors
/// `stores_name_key` for a name that is taken.
pub async fn create_store(tx: &mut Tx, id: StoreId, name: &str) -> Result<(), StoreError> {
    sqlx::query("insert into stores (id, name) values ($1, $2)").bind(id.0).bind(name).execute(&mut **tx).await?;
    Ok(())
}

/// # Errors
/// `tills_store_name_key` for a name that is taken in this store.
pub async fn create_till(tx: &mut Tx, id: TillId, store: StoreId, name: &str) -> Result<(), StoreError> {
    sqlx::query("insert into tills (id, store_id, name) values ($1, $2, $3)")
        .bind(id.0)
        .bind(store.0)
        .bind(name)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Lets the holder of a key in, by the key's SHA-256. Scopes: `till`, `till_prices`, `catalogue`, `orders`,
/// `reports`, `campaigns`.
///
/// # Errors
/// `api_keys_pkey` when the same key was registered before.
pub async fn create_key(
    tx: &mut Tx,
    hash: &[u8; 32],
    till: Option<TillId>,
    scopes: &[&str],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("insert into api_keys (hash, till_id, scopes, created_at) values ($1, $2, $3, $4)")
        .bind(hash.as_slice())
        .bind(till.map(|till| till.0))
        .bind(scopes)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Shuts a key out; says whether it was good until now.
///
/// # Errors
/// Only when the store is away.
pub async fn revoke_key(tx: &mut Tx, hash: &[u8; 32], now: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query("update api_keys set revoked_at = $2 where hash = $1 and revoked_at is null")
        .bind(hash.as_slice())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}
