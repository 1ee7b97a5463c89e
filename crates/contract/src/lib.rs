#![doc = include_str!("../README.md")]

pub mod adapter;
pub mod campaigns;
pub mod customer;
pub mod marketing;
pub mod offers;
pub mod offline;
pub mod refusal;
pub mod simulation;
pub mod staff;
pub mod till;

pub use adapter::AdapterApi;
pub use campaigns::CampaignApi;
pub use customer::CustomerApi;
pub use marketing::MarketingApi;
pub use offers::OffersApi;
pub use offline::OfflineApi;
pub use refusal::{FieldFault, Kind, Refusal};
pub use staff::StaffApi;
pub use till::TillApi;

/// The answer to a call that counts once: what it says, the very bytes that were stored with it, and whether this is
/// the first time they are sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Once<T> {
    pub value: T,
    /// The stored JSON of `value`, to be sent byte for byte.
    pub body: String,
    pub replayed: bool,
}

/// What makes a mutating call count once (law 4): 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// # Errors
    /// [`Refusal`] `idempotency-key-invalid` when it is empty, too long or has other than visible ASCII.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if (1..=255).contains(&text.len()) && text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Refusal::malformed(
                "idempotency-key-invalid",
                "An Idempotency-Key has 1 to 255 visible ASCII characters.",
            ))
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
