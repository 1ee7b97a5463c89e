//! A bare COPY of a file's rows into a plain table: the physical limit that an import is measured against.

use crate::{Store, StoreError};

/// Makes the plain table anew, empty, with the disk at rest.
///
/// # Errors
/// Only when the database fails.
pub async fn prepare(store: &Store) -> Result<(), StoreError> {
    for sql in [
        "drop table if exists bare_copy",
        "create table bare_copy (receipt text, sku text, name text, quantity int, at timestamp, unit_price numeric,
            customer text, country text)",
        "checkpoint",
    ] {
        sqlx::query(sql).execute(store.pool()).await?;
    }
    Ok(())
}

/// Copies CSV with a header, in one transaction; says how many rows.
///
/// # Errors
/// When a row is not of the table, or the database fails.
pub async fn copy(store: &Store, csv: &[u8]) -> Result<u64, StoreError> {
    let mut tx = store.begin().await?;
    let mut sink = tx.copy_in_raw("copy bare_copy from stdin (format csv, header)").await?;
    for chunk in csv.chunks(256 * 1024) {
        sink.send(chunk).await?;
    }
    let rows = sink.finish().await?;
    crate::commit(tx).await?;
    Ok(rows)
}

/// Writes everything out, so that the next measurement does not pay for this one.
///
/// # Errors
/// Only when the database fails.
pub async fn rest(store: &Store) -> Result<(), StoreError> {
    sqlx::query("checkpoint").execute(store.pool()).await?;
    Ok(())
}
