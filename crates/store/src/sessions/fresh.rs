//! Sessions that nobody has written before. PostgreSQL takes them in its own format (COPY, binary), in half the time of a
//! statement that looks whether each is there.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Open;
use crate::{Store, StoreError};

/// Sent at once.
const PIECE: usize = 64 * 1_024;
/// Signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Instead of another row's number of fields.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
/// Where PostgreSQL's times begin: 1 January 2000, in microseconds of Unix time.
const EPOCH: i64 = 946_684_800_000_000;

/// Writes open sessions, all or none; `false` when somebody has written one of them before, and [`super::keep`] has to say
/// what becomes of each. The commit does not wait for the disk, as there.
///
/// # Errors
/// Only when the store is away.
pub async fn enter(store: &Store, batch: &[Open]) -> Result<bool, StoreError> {
    let mut sessions: Vec<&Open> = batch.iter().collect();
    // In order of id, so that no two batches wait for each other.
    sessions.sort_unstable_by_key(|session| session.id.0);
    let begin = "begin; set local lock_timeout = '5s'; set local synchronous_commit = off";
    let mut tx = store.for_baskets().begin_with(begin).await?;
    let mut sink = tx
        .copy_in_raw(
            "copy sessions (id, store_id, till_id, state, version, customer_id, revision, basis, evaluated_at, expires_at) \
             from stdin with (format binary)",
        )
        .await?;
    let mut rows = Rows(Vec::with_capacity(2 * PIECE));
    rows.0.extend_from_slice(HEADER);
    for session in sessions {
        rows.session(session);
        if rows.0.len() >= PIECE {
            sink.send(rows.0.as_slice()).await?;
            rows.0.clear();
        }
    }
    rows.0.extend_from_slice(&TRAILER);
    sink.send(rows.0.as_slice()).await?;
    match sink.finish().await {
        Ok(_) => {}
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    crate::commit(tx).await?;
    Ok(true)
}

/// Rows of `sessions`, field by field.
struct Rows(Vec<u8>);

impl Rows {
    fn session(&mut self, session: &Open) {
        let fields: i16 = 10;
        self.0.extend_from_slice(&fields.to_be_bytes());
        self.id(session.id.0);
        self.id(session.store.0);
        self.id(session.till.0);
        self.field(b"open");
        self.field(&i32::try_from(session.version).unwrap_or(i32::MAX).to_be_bytes());
        match session.customer {
            Some(customer) => self.id(customer.0),
            None => self.null(),
        }
        match session.revision {
            Some(revision) => self.field(&revision.to_be_bytes()),
            None => self.null(),
        }
        self.field(session.basis.as_bytes());
        self.time(session.evaluated_at);
        self.time(session.expires_at);
    }

    fn field(&mut self, bytes: &[u8]) {
        let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn null(&mut self) {
        self.0.extend_from_slice(&(-1_i32).to_be_bytes());
    }

    fn id(&mut self, id: Uuid) {
        self.field(id.as_bytes());
    }

    fn time(&mut self, at: DateTime<Utc>) {
        self.field(&(at.timestamp_micros() - EPOCH).to_be_bytes());
    }
}
