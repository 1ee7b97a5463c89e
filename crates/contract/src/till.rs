//! The till plane: identify, session, close, return, reopen, cancel. The data is the wire shape of REST v1.

mod explanation;
mod returning;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, FixedOffset, Utc};
use domain::{
    Amount, CardId, CardScope, CodeKind, Currency, CustomerId, Locale, Rate, SessionId, SessionState, StoreId, TillId,
};
use serde::{Deserialize, Serialize};

use crate::{IdempotencyKey, Once, Refusal};

pub use explanation::{Explanation, Verdict};
pub use returning::{Refund, ReturnLine, ReturnRequest, Returned, ReturnedLine};

#[cfg(feature = "openapi")]
use utoipa::ToSchema;

/// Who calls: one till of one store, proved by its key or by the cashier's own sign-in at the checkout screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TillCaller {
    pub till: TillId,
    pub store: StoreId,
    /// Whether `unit_price` of this caller is believed (scope `till_prices`).
    pub sets_prices: bool,
    /// The language in which titles, reasons and segments are said.
    pub locale: Locale,
}

/// What a till may ask. Every mutating call counts once; the same story serves REST, the checkout screen and gRPC.
#[async_trait]
pub trait TillApi: Send + Sync {
    /// Who a bearer key belongs to. Only hashes are compared.
    ///
    /// # Errors
    /// `unauthenticated` for an unknown or revoked key, `forbidden` for one without the scope `till`.
    async fn authenticate(&self, key: &str) -> Result<TillCaller, Refusal>;

    /// Who shows this code, and what they may redeem.
    ///
    /// # Errors
    /// `customer-not-found` (one answer for every unknown code), `code-replayed`, `code-expired`,
    /// `idempotency-key-reused`, `too-many-requests`.
    async fn identify(
        &self,
        caller: &TillCaller,
        once: &IdempotencyKey,
        code: &str,
    ) -> Result<Once<Identified>, Refusal>;

    /// Creates the open session or replaces its contents, and evaluates it.
    ///
    /// # Errors
    /// `sku-not-found` with a pointer to each line, `session-not-open`, `session-busy`, `customer-not-found`,
    /// `card-not-found`, `currency-mismatch`, and `invalid-session` for a bound that is broken.
    async fn put_session(
        &self,
        caller: &TillCaller,
        id: SessionId,
        request: SessionRequest,
        mode: QuoteMode,
    ) -> Result<Session, Refusal>;

    /// The same, told as the JSON of the [`Session`]: for a door that only passes it on.
    ///
    /// # Errors
    /// As [`Self::put_session`].
    async fn put_session_json(
        &self,
        caller: &TillCaller,
        id: SessionId,
        request: SessionRequest,
        mode: QuoteMode,
    ) -> Result<Bytes, Refusal> {
        let session = self.put_session(caller, id, request, mode).await?;
        serde_json::to_vec(&session).map(Bytes::from).map_err(|_| Refusal::internal("an answer that is no JSON"))
    }

    /// # Errors
    /// `session-not-found`, also for a session of another store.
    async fn session(&self, caller: &TillCaller, id: SessionId) -> Result<Session, Refusal>;

    /// Why each campaign, the card and each coupon applied to the session as it was quoted last, and why not.
    ///
    /// # Errors
    /// `session-not-found`, also for a session of another store.
    async fn explain(&self, caller: &TillCaller, id: SessionId, language: Locale) -> Result<Explanation, Refusal>;

    /// Records the purchase, the savings, the segment and the events in one transaction.
    ///
    /// # Errors
    /// `session-not-found`, `session-not-open`, `evaluation-stale`, `paid-mismatch`, `receipt-already-used`,
    /// `idempotency-key-reused`.
    async fn close(
        &self,
        caller: &TillCaller,
        id: SessionId,
        once: &IdempotencyKey,
        request: CloseRequest,
    ) -> Result<Once<Session>, Refusal>;

    /// The same with nothing but its body: for a door that only passes it on.
    ///
    /// # Errors
    /// As [`Self::close`].
    async fn close_json(
        &self,
        caller: &TillCaller,
        id: SessionId,
        once: &IdempotencyKey,
        request: CloseRequest,
    ) -> Result<Once<()>, Refusal> {
        let Once { value: _, body, replayed } = self.close(caller, id, once, request).await?;
        Ok(Once { value: (), body, replayed })
    }

    /// Takes goods of a closed session back and says what is paid back for them: from the stored allocation, never more
    /// than was paid, and exactly that when everything is back.
    ///
    /// # Errors
    /// `session-not-found`, `session-not-closed`, `return-exceeds-sold` with a pointer, `invalid-return` for a bound that
    /// is broken, `idempotency-key-reused`.
    async fn return_lines(
        &self,
        caller: &TillCaller,
        id: SessionId,
        once: &IdempotencyKey,
        request: ReturnRequest,
    ) -> Result<Once<Returned>, Refusal>;

    /// Opens a closed session again, as if it had not been paid: it can be put, closed or cancelled. Its receipt no longer
    /// counts, and its number is free.
    ///
    /// # Errors
    /// `session-not-found`, `session-not-closed` (open, cancelled, or goods came back), `idempotency-key-reused`.
    async fn reopen(&self, caller: &TillCaller, id: SessionId, once: &IdempotencyKey)
    -> Result<Once<Session>, Refusal>;

    /// Gives an open session up, or rolls a closed one back whole: what of it has not come back yet. Twice: the same answer.
    ///
    /// # Errors
    /// `session-not-found`, `idempotency-key-reused`.
    async fn cancel(&self, caller: &TillCaller, id: SessionId, once: &IdempotencyKey)
    -> Result<Once<Session>, Refusal>;

    /// The catalogue in order of sku, `limit` products after `after`, named in `locale`; for the checkout screen and the
    /// public list. `search` finds names in every language.
    ///
    /// # Errors
    /// Only when the store is away.
    async fn products(
        &self,
        locale: Locale,
        after: Option<&str>,
        search: Option<&str>,
        limit: u16,
    ) -> Result<ProductPage, Refusal>;
}

/// Whether a quote is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuoteMode {
    /// Stored, and pins the customer and the card.
    Stored,
    /// `?dry=true`: stores and reserves nothing; `at` evaluates at another time.
    Dry { at: Option<DateTime<Utc>> },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct IdentifyRequest {
    /// The static or rotating customer code, as scanned.
    pub code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Identified {
    pub customer: CustomerSummary,
    pub code_kind: CodeKind,
    pub cards: Vec<CardView>,
    pub savings: Savings,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct CustomerSummary {
    pub id: CustomerId,
    pub display_name: String,
    /// The segment's name in words.
    pub segment: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Savings {
    pub amount: Amount,
    pub currency: Currency,
}

/// A card as outside clients see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct CardView {
    pub id: CardId,
    pub title: String,
    pub scope: CardScope,
    pub rate_bp: Rate,
    pub valid_from: DateTime<Utc>,
    pub valid_until: DateTime<Utc>,
    pub active: bool,
    pub reasons: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct SessionRequest {
    #[serde(default)]
    pub customer_code: Option<String>,
    /// Without it the customer's active card counts.
    #[serde(default)]
    pub card_id: Option<CardId>,
    #[serde(default)]
    pub coupon_codes: Vec<String>,
    pub currency: Currency,
    pub lines: Vec<LineRequest>,
    /// Whether the answer says why what applied applied, and why the rest did not, and in which language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explain: Option<Locale>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct LineRequest {
    pub sku: String,
    /// 1 to 9,999; wider here, so that what is out of bounds is refused with a pointer instead of a parse error.
    pub quantity: i64,
    #[serde(default)]
    pub unit_price: Option<Amount>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct CloseRequest {
    /// Unique by store and till: 1 to 64 characters.
    pub receipt_number: String,
    pub paid: Amount,
    /// The till's own clock: data only, the server's time decides.
    #[serde(default)]
    pub paid_at: Option<DateTime<FixedOffset>>,
}

/// A session as it is answered and stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Session {
    pub session_id: SessionId,
    pub state: SessionState,
    pub version: u32,
    pub currency: Currency,
    pub evaluated_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub customer: Option<CustomerSummary>,
    pub lines: Vec<SessionLine>,
    pub subtotal: Amount,
    pub discount: Amount,
    pub total: Amount,
    pub effects: Vec<Effect>,
    pub degraded: Option<Degraded>,
    /// Present once the session was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<DateTime<Utc>>,
    /// Present (or null) in the answer to `close`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "null_is_said")]
    pub segment_changed: Option<Option<SegmentChange>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub savings: Option<Savings>,
    /// Present where it was asked for with the basket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

/// A null that was written is read as one, and not as absent: what is stored and read again is the same.
fn null_is_said<'de, D, T>(reader: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(reader).map(Some)
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct SessionLine {
    pub position: u16,
    pub sku: String,
    pub name: String,
    pub quantity: u32,
    pub unit_price: Amount,
    pub subtotal: Amount,
    pub discount: Amount,
    pub total: Amount,
    pub allocations: Vec<Allocation>,
    /// Units that came back; absent where none did. The amounts above stay those of the sale.
    #[serde(default, skip_serializing_if = "is_none")]
    pub returned: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_none(units: &u32) -> bool {
    *units == 0
}

/// Which source paid how much of a line's discount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Allocation {
    pub source: Source,
    pub id: String,
    pub amount: Amount,
}

/// Where a discount comes from: a personal card, a campaign, or a campaign that runs because of a coupon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Card,
    Campaign,
    Coupon,
}

/// What the evaluation did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Effect {
    SetDiscountPerItem {
        position: u16,
        source: Source,
        id: String,
        desired: Amount,
        granted: Amount,
    },
    /// The margin floor cut a line's discount.
    MarginClipped {
        position: u16,
        desired: Amount,
        granted: Amount,
    },
    /// A budget had less left than the campaign would have given.
    BudgetClipped {
        campaign: String,
        desired: Amount,
        granted: Amount,
    },
    /// This customer is in the holdout: what would have been given was not (law 7).
    HoldoutWithheld {
        source: Source,
        id: String,
    },
    /// The till may add so many units: they will be free.
    AddFreeItem {
        campaign: String,
        sku: String,
        quantity: u32,
    },
    AcceptCoupon {
        code: String,
        campaign: String,
    },
    RejectCoupon {
        code: String,
        reason: CouponRejection,
    },
    /// On returning, reopening or cancelling: what is taken back.
    RollbackDiscount {
        position: u16,
        source: Source,
        id: String,
        amount: Amount,
    },
    /// On cancelling or reopening, and when everything came back: the coupon may be used again.
    RollbackCoupon {
        code: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CouponRejection {
    CouponNotFound,
    CouponExpired,
    CouponNotStarted,
    CouponLimitReached,
    ProfileLimitReached,
    CampaignLimitReached,
    RecipientDoesNotMatch,
    ProfileRequired,
    ConditionNotMet,
    NoEffect,
    NotCombinable,
    ReservedElsewhere,
}

/// A fallback answered, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Degraded {
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct SegmentChange {
    pub from: String,
    pub to: String,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct ProductPage {
    pub currency: Currency,
    pub products: Vec<ProductView>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct ProductView {
    pub sku: String,
    pub name: String,
    /// The category's id, and what people call it.
    pub category: String,
    pub category_title: String,
    /// Name of the drawing: the product's own, else its category's; empty where there is neither.
    pub picture: String,
    pub price: Amount,
}
