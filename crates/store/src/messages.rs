//! Messages that a shop without a carrier "sends": kept in plain sight, so that a demo can be signed in to.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::Phone;
use notify::{Sms, SmsError};
use uuid::Uuid;

use crate::{Store, StoreError};

/// A message as it was handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub at: DateTime<Utc>,
    pub to: Phone,
    pub text: String,
}

/// Gives each message its id and time, so that neither is ambient.
pub type Stamp = Arc<dyn Fn() -> (Uuid, DateTime<Utc>) + Send + Sync>;

/// The default carrier: writes to the table `messages` and sends nothing.
#[derive(Clone)]
pub struct Outbox {
    store: Store,
    stamp: Stamp,
}

/// Messages older than the newest thousand are dropped as new ones come: a demo's outbox does not grow for ever.
const KEPT: i64 = 1_000;

impl Outbox {
    #[must_use]
    pub fn new(store: Store, stamp: Stamp) -> Self {
        Self { store, stamp }
    }
}

#[async_trait]
impl Sms for Outbox {
    async fn send(&self, to: &Phone, text: &str) -> Result<(), SmsError> {
        let (id, at) = (self.stamp)();
        self.store.keep_message(id, at, to, text).await.map_err(|error| SmsError(error.to_string()))
    }

    fn kind(&self) -> &'static str {
        "outbox"
    }
}

impl Store {
    async fn keep_message(&self, id: Uuid, at: DateTime<Utc>, to: &Phone, text: &str) -> Result<(), StoreError> {
        sqlx::query(
            "with old as (delete from messages where id in \
             (select id from messages order by created_at desc, id desc offset $5)) \
             insert into messages (id, channel, recipient, body, created_at) values ($1, 'sms', $2, $3, $4)",
        )
        .bind(id)
        .bind(to.as_str())
        .bind(text)
        .bind(at)
        .bind(KEPT - 1)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn messages(&self, limit: u16) -> Result<Vec<Message>, StoreError> {
        let rows: Vec<(DateTime<Utc>, String, String)> = sqlx::query_as(
            "select created_at, recipient, body from messages where channel = 'sms' \
             order by created_at desc, id desc limit $1",
        )
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await?;
        rows.into_iter()
            .map(|(at, to, text)| {
                let to = Phone::parse(&to).map_err(|error| StoreError::corrupt("message", error))?;
                Ok(Message { at, to, text })
            })
            .collect()
    }
}
