//! Ids that cannot be taken for one another: UUIDv7, made by the caller, never here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    )+};
}

ids! {
    /// A customer's profile.
    CustomerId,
    /// A personal discount offered to one customer.
    CardId,
    /// A discount that the chain offers to many, by rules.
    CampaignId,
    /// A basket at a till; the till chooses it.
    SessionId,
    /// A purchase that happened.
    ReceiptId,
    /// Goods of one purchase that came back together.
    ReturnId,
    /// A shop of the chain.
    StoreId,
    /// One till of one store.
    TillId,
    /// Somebody who works for the chain.
    StaffId,
    /// A permission for a till that is offline.
    GrantId,
    /// One fit of the segmentation.
    SegmentModelId,
}
