//! Messages to people: SMS behind one trait. A carrier cannot exist in a demo, so its outbox stands in, in plain sight.

use async_trait::async_trait;
use domain::Phone;

#[async_trait]
pub trait Sms: Send + Sync {
    /// Hands one text over for delivery.
    async fn send(&self, to: &Phone, text: &str) -> Result<(), SmsError>;
    fn kind(&self) -> &'static str;
}

#[derive(Debug, thiserror::Error)]
#[error("the message could not be handed over: {0}")]
pub struct SmsError(pub String);
