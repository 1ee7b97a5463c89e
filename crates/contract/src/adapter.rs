//! The door of the chain's own tills, which speak a protocol of their own. `till::wire` has its messages.

use async_trait::async_trait;

use crate::Refusal;

/// A message as it came: nothing of it is believed before its signature was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    pub till: String,
    pub message: String,
    pub timestamp: String,
    pub signature: String,
    pub body: Vec<u8>,
}

#[async_trait]
pub trait AdapterApi: Send + Sync {
    /// Takes a message and gives the JSON of its answer. The same message again is answered the same, byte for byte.
    ///
    /// # Errors
    /// `unauthenticated` (one answer for an unknown till, a bad signature and a time that is off), `message-id-reused`,
    /// `invalid-body`, and what the till plane refuses a basket for.
    async fn receive(&self, envelope: Envelope) -> Result<String, Refusal>;
}
