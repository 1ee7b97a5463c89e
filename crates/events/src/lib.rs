//! What happened, told after the commit (law 10): topics, the envelope, and the bus behind which Kafka will stand.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub const PURCHASES: &str = "kava.purchases.v1";
pub const SEGMENTS: &str = "kava.segments.v1";
pub const OFFERS: &str = "kava.offers.v1";
/// What became of accounts.
pub const ACTIVITY: &str = "kava.activity.v1";

/// One thing that happened. `key` decides the partition, and so the order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub event_id: Uuid,
    pub topic: String,
    pub key: String,
    pub schema: i32,
    pub occurred_at: DateTime<Utc>,
    pub payload: serde_json::Value,
}

/// Where events go: Kafka, or a log in PostgreSQL. Delivers at least once; consumers keep an inbox of `event_id`s.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Takes the whole batch or none of it. An event that the bus already has is not added again.
    async fn publish(&self, batch: &[Event]) -> Result<(), BusError>;
    fn kind(&self) -> &'static str;
}

#[derive(Debug, thiserror::Error)]
#[error("the event bus does not answer: {0}")]
pub struct BusError(pub String);
