//! What a till needs to sell without a network, and what it hands in afterwards. The data is the wire shape of REST v1.

use async_trait::async_trait;
use chrono::{DateTime, FixedOffset, Utc};
use domain::{Amount, CardId, CardScope, Currency, CustomerId, GrantId, Rate, StoreId, TillId};
use serde::{Deserialize, Serialize};

use crate::till::TillCaller;
use crate::{IdempotencyKey, Once, Refusal};

#[cfg(feature = "openapi")]
use utoipa::ToSchema;

/// The most receipts of one call.
pub const MAX_RECEIPTS: usize = 500;

/// What a till that is sometimes offline may ask.
#[async_trait]
pub trait OfflineApi: Send + Sync {
    /// Signs grants for this till, a page at a time: for the guests who are likely to come to its store.
    ///
    /// # Errors
    /// `store-not-found` for a store that is not the till's, `invalid-query` for a cursor that is none of ours.
    async fn grants(&self, caller: &TillCaller, request: GrantsRequest) -> Result<GrantPage, Refusal>;

    /// Records what was sold offline: in any order, any number of times, one result a receipt.
    ///
    /// # Errors
    /// `too-many-receipts`, `idempotency-key-reused`; otherwise only when the store is away, and then what was recorded
    /// stays recorded, and sending again says so.
    async fn record_receipts(
        &self,
        caller: &TillCaller,
        once: &IdempotencyKey,
        receipts: Vec<SentReceipt>,
    ) -> Result<Once<ReceiptResults>, Refusal>;
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantsRequest {
    /// The store's id or name; without it the till's own.
    pub store: Option<String>,
    /// `next` of the page before.
    pub after: Option<String>,
    /// The hash of the shelf that the till has already: then it is not sent again.
    pub shelf: Option<String>,
    pub limit: u16,
}

/// Grants, the key that proves them, and what they may cost the chain at the worst.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct GrantPage {
    pub store: StoreId,
    pub till: TillId,
    pub currency: Currency,
    /// The key of every signature on this page.
    pub key: GrantKey,
    pub grants: Vec<Grant>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
    /// Null when the till has it already, and on every page but the first.
    pub shelf: Option<Shelf>,
    /// The most that all grants of this store which are out may still give, together, whatever its tills do.
    pub worst_case_loss: Money,
    /// No grant is signed that would bring `worst_case_loss` over this.
    pub store_bound: Money,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Money {
    pub amount: Amount,
    pub currency: Currency,
}

/// An Ed25519 public key (RFC 8032).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct GrantKey {
    /// The first 8 bytes of the SHA-256 of the key, in hex.
    pub key_id: String,
    /// Always `Ed25519`.
    pub algorithm: String,
    /// 32 bytes in hex.
    pub public_key: String,
}

/// A signed permission to give one customer's card at one till without asking, up to an amount and until a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Grant {
    pub grant_id: GrantId,
    /// The edition: a later one of the same grant has a higher counter and replaces the earlier; what was given under
    /// the earlier still counts.
    pub counter: i64,
    pub store: StoreId,
    pub till: TillId,
    pub customer: CustomerId,
    /// 16 bytes in hex, for both hashes.
    pub code_salt: String,
    /// Of the static code; null where a static code may not redeem.
    pub code_hash: Option<String>,
    /// Of the handle in the rotating code.
    pub handle_hash: String,
    pub card: GrantedCard,
    /// The most that all receipts with this grant may give together.
    pub max_amount: Amount,
    pub currency: Currency,
    /// The hash of the shelf whose floors hold for this grant.
    pub shelf: String,
    /// Whole seconds.
    pub issued_at: DateTime<Utc>,
    /// Whole seconds; half-open.
    pub expires_at: DateTime<Utc>,
    pub key_id: String,
    /// 64 bytes in hex.
    pub signature: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct GrantedCard {
    pub id: CardId,
    pub scope: CardScope,
    pub rate_bp: Rate,
}

/// What may be discounted offline, and how far down. What is not here gets nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Shelf {
    /// SHA-256 of the canonical bytes, in hex; every grant is signed over it.
    pub hash: String,
    pub currency: Currency,
    /// In order of sku, by bytes.
    pub products: Vec<ShelfProduct>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct ShelfProduct {
    pub sku: String,
    pub category: String,
    /// The shelf price of one unit.
    pub price: Amount,
    /// No discount brings one unit under this.
    pub floor: Amount,
}

/// A receipt as it was sent: readable, or why not. One that is not does not spoil the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SentReceipt {
    Readable(OfflineReceipt),
    Unreadable { receipt_number: Option<String>, pointer: String, detail: String },
}

/// The body of `POST /api/v1/receipts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct ReceiptsRequest {
    /// At most 500.
    pub receipts: Vec<OfflineReceipt>,
}

/// A sale that happened without asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct OfflineReceipt {
    /// Unique by store and till: 1 to 64 characters.
    pub receipt_number: String,
    /// The device's own count of its receipts, which orders them; its clock does not.
    pub device_counter: i64,
    pub currency: Currency,
    /// As scanned. Without it the customer of the grant counts, and without both it is nobody's purchase.
    #[serde(default)]
    pub customer_code: Option<String>,
    /// What the discount was given on.
    #[serde(default)]
    pub grant_id: Option<GrantId>,
    pub lines: Vec<OfflineLine>,
    /// `sum(quantity x unit_price - discount)`.
    pub paid: Amount,
    /// The till's own clock: it dates the purchase, within bounds.
    #[serde(default)]
    pub paid_at: Option<DateTime<FixedOffset>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct OfflineLine {
    pub sku: String,
    pub quantity: i64,
    pub unit_price: Amount,
    /// Off the whole line.
    #[serde(default)]
    pub discount: Amount,
}

/// One outcome a receipt, in the order in which they were sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct ReceiptResults {
    pub results: Vec<ReceiptOutcome>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct ReceiptOutcome {
    /// Null when it could not be read.
    pub receipt_number: Option<String>,
    #[serde(flatten)]
    pub result: ReceiptResult,
}

/// What became of a receipt. The sum of all `accepted_over_bound` amounts of a grant is what was given past it, in
/// whatever order its receipts came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum ReceiptResult {
    Accepted {
        /// False: no customer has this code, and the sale is recorded as nobody's.
        customer_known: bool,
    },
    /// Recorded, and so much of its discount nobody had allowed.
    AcceptedOverBound { amount: Amount, customer_known: bool },
    /// This till's receipt of this number is recorded already, online or by an earlier sending.
    Duplicate {
        /// What the recorded one was paid with: another amount than sent is worth a look.
        recorded: Amount,
    },
    /// It cannot be a receipt; correct it and send it again.
    Rejected { key: String, pointer: String, detail: String },
}
