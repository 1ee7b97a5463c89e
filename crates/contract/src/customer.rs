//! What a customer may ask: sign in, the code, cards, savings, menu, profile.

use std::net::IpAddr;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::code::{CodeHandle, RotatingSecret, StaticCode};
use domain::{Amount, Card, CardId, Currency, CustomerId, Locale, Phone, SegmentName, StoreId};
use serde::{Deserialize, Serialize};

use crate::Refusal;

/// A signed-in customer, as the edge proved it from the session cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CustomerCaller {
    pub customer: CustomerId,
}

/// An opaque token for a cookie; the shop keeps only its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken(pub String);

impl std::fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionToken")
    }
}

/// The link that somebody came by: of a store's poster, or sent by another customer. What leads nowhere says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CameBy {
    pub store: Option<StoreId>,
    pub inviter: Option<CustomerId>,
}

#[async_trait]
pub trait CustomerApi: Send + Sync {
    /// Sends a one-time code to the phone. Known and unknown numbers get one answer.
    ///
    /// # Errors
    /// `too-many-requests` by phone and by address.
    async fn request_code(&self, phone: &Phone, from: IpAddr, locale: Locale) -> Result<CodeSent, Refusal>;

    /// Proves the phone; the first time this registers the customer, who gets a segment and cards at once. The segment is what is
    /// known by then: newcomers, and where the hour and how they `came` say what those like them became, that.
    ///
    /// # Errors
    /// `code-wrong` with the tries left, `code-expired`, `too-many-requests`.
    async fn sign_in(
        &self,
        phone: &Phone,
        code: &str,
        from: IpAddr,
        locale: Locale,
        came: &CameBy,
    ) -> Result<SignedIn, Refusal>;

    /// Whose cookie this is; `None` when it is unknown or over.
    ///
    /// # Errors
    /// Only when the store is away.
    async fn authenticate(&self, token: &str) -> Result<Option<CustomerCaller>, Refusal>;

    /// # Errors
    /// Only when the store is away.
    async fn sign_out(&self, token: &str) -> Result<(), Refusal>;

    /// Everything the home screen shows, in one call.
    ///
    /// # Errors
    /// Only when the store is away.
    async fn home(&self, caller: CustomerCaller) -> Result<Home, Refusal>;

    /// Makes one card active and the others not.
    ///
    /// # Errors
    /// `card-not-found`, `card-expired`.
    async fn choose_card(&self, caller: CustomerCaller, card: CardId) -> Result<Vec<Card>, Refusal>;

    /// What changed for this customer lately, newest first: cards, savings, segment.
    ///
    /// # Errors
    /// Only when the store is away.
    async fn feed(&self, caller: CustomerCaller) -> Result<Vec<FeedEntry>, Refusal>;

    /// Savings and the purchases that made them, newest first.
    ///
    /// # Errors
    /// Only when the store is away.
    async fn savings(&self, caller: CustomerCaller) -> Result<SavingsPage, Refusal>;

    /// # Errors
    /// Only when the store is away.
    async fn profile(&self, caller: CustomerCaller) -> Result<Profile, Refusal>;

    /// Changes what is given and leaves the rest as it is.
    ///
    /// # Errors
    /// `invalid-profile` with a pointer to the field.
    async fn edit_profile(&self, caller: CustomerCaller, edit: ProfileEdit) -> Result<Profile, Refusal>;

    /// Forgets the customer for good: phone, name, codes and cards go, receipts and sums stay and lead to nobody. Every
    /// log-in of theirs is over.
    ///
    /// # Errors
    /// Only when the store is away.
    async fn delete_account(&self, caller: CustomerCaller) -> Result<(), Refusal>;

    /// The menu: every category, and one category's products. Public; a caller adds what their active card takes off.
    ///
    /// # Errors
    /// `category-not-found`.
    async fn menu(
        &self,
        caller: Option<CustomerCaller>,
        category: Option<&str>,
        page: u32,
        locale: Locale,
    ) -> Result<Menu, Refusal>;

    /// Where the shop's days begin: an IANA name such as `Europe/London`; `UTC` before there is a shop.
    ///
    /// # Errors
    /// Only when the store is away.
    async fn time_zone(&self) -> Result<String, Refusal>;

    /// The messages that the demo "sent", newest first.
    ///
    /// # Errors
    /// `not-found` outside a demo shop.
    async fn demo_messages(&self) -> Result<Vec<DemoMessage>, Refusal>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeSent {
    /// Seconds until another code may be asked for.
    pub resend_after: u32,
    /// Seconds that this code is good for.
    pub valid_for: u32,
    /// The shop is a demo and shows its messages at /demo/messages.
    pub demo: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    pub token: SessionToken,
    pub expires_at: DateTime<Utc>,
    /// First sign-in: ask for a name.
    pub registered: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    pub display_name: String,
    pub static_code: StaticCode,
    /// The phone makes its rotating codes from these two, also offline.
    pub code_handle: CodeHandle,
    pub code_secret: RotatingSecret,
    /// The server's clock, so that a phone with a wrong one still shows good codes.
    pub now: DateTime<Utc>,
    pub segment: SegmentName,
    /// Three: basket, category, product; fewer only where the catalogue has nothing to offer.
    pub cards: Vec<Card>,
    pub savings: Amount,
    pub currency: Currency,
    pub visits: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedEntry {
    pub at: DateTime<Utc>,
    pub what: FeedItem,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FeedItem {
    CardsIssued { cards: Vec<Card> },
    Purchase { store: String, total: Amount, saved: Amount },
    SegmentChanged { from: SegmentName, to: SegmentName },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavingsPage {
    pub saved: Amount,
    pub currency: Currency,
    pub purchases: Vec<Purchase>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    pub at: DateTime<Utc>,
    pub store: String,
    pub receipt_number: String,
    pub items: u32,
    pub total: Amount,
    pub saved: Amount,
    /// Cancelled later: it no longer counts.
    pub cancelled: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub name: String,
    pub phone: Phone,
    pub email: Option<String>,
    /// Month and day, for a birthday card; no year is asked for.
    pub birthday: Option<(u8, u8)>,
    pub locale: Locale,
    pub marketing_consent: bool,
    pub member_since: DateTime<Utc>,
}

/// Absent fields stay as they are; an empty text clears an optional one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileEdit {
    pub name: Option<String>,
    pub email: Option<String>,
    /// `Some(None)` clears it.
    pub birthday: Option<Option<(u8, u8)>>,
    pub locale: Option<Locale>,
    pub marketing_consent: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Menu {
    pub currency: Currency,
    pub categories: Vec<MenuCategory>,
    /// The category that `products` are of.
    pub category: Option<String>,
    pub products: Vec<MenuProduct>,
    pub page: u32,
    pub pages: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuCategory {
    pub id: String,
    pub title: String,
    pub products: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuProduct {
    pub sku: String,
    pub name: String,
    pub description: String,
    /// Name of the drawing; empty for the category's own.
    pub picture: String,
    pub price: Amount,
    /// With the caller's active card; never above `price`.
    pub your_price: Option<Amount>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemoMessage {
    pub at: DateTime<Utc>,
    pub to: Phone,
    pub text: String,
}
