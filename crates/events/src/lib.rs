//! What happened, told after the commit (law 10): topics, the envelope, and the bus behind which Kafka will stand.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
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
    pub payload: Payload,
}

/// What an event says: JSON, which is kept and published byte for byte as it was written beside the change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Payload(Box<RawValue>);

impl Payload {
    /// # Errors
    /// For what JSON cannot say, as a map whose keys are no texts.
    pub fn of(what: &impl Serialize) -> serde_json::Result<Self> {
        to_raw_value(what).map(Self)
    }

    /// What was written before.
    ///
    /// # Errors
    /// For a text that is no JSON.
    pub fn parse(text: String) -> serde_json::Result<Self> {
        RawValue::from_string(text).map(Self)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// # Errors
    /// When it says something else.
    pub fn read<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(self.as_str())
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_stays_as_it_was_written() {
        let text = r#"{ "z": 1.50, "a":null }"#;
        let payload = Payload::parse(text.to_owned()).unwrap();
        assert_eq!(payload.as_str(), text);
        assert_eq!(serde_json::to_string(&payload).unwrap(), text);
        assert_eq!(serde_json::from_str::<Payload>(text).unwrap(), payload);
        assert_eq!(payload.read::<serde_json::Value>().unwrap()["z"], 1.5);
    }

    #[test]
    fn what_is_no_json_is_no_payload() {
        for text in ["", "{", "{} {}", "'a'"] {
            assert!(Payload::parse(text.to_owned()).is_err(), "{text}");
        }
    }
}
