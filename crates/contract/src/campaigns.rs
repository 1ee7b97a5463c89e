//! Campaigns: the rule set in force, every one before it, and the coupons that open campaigns. For marketers and
//! integrators; a till never asks here.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{CampaignId, CustomerId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::simulation::{SimulationRequest, SimulationView};
use crate::{IdempotencyKey, Once, Refusal};

#[cfg(feature = "openapi")]
use utoipa::ToSchema;

/// Who publishes: an integrator's key with the scope `campaigns`, or whoever has the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// Whose idempotency keys these are.
    pub owner: Uuid,
    /// What the revisions say of them.
    pub name: String,
}

/// What may be asked about campaigns. Rules are JSON as docs/campaigns.md has it; whatever changes them publishes a whole
/// checked rule set as the next revision, and the open sessions keep theirs.
#[async_trait]
pub trait CampaignApi: Send + Sync {
    /// Who a bearer key belongs to.
    ///
    /// # Errors
    /// `unauthenticated` for an unknown or revoked key, `forbidden` for one without the scope `campaigns`.
    async fn author(&self, key: &str) -> Result<Author, Refusal>;

    /// The rule set in force, or the one of a revision. In a shop without campaigns revision 0 is in force.
    ///
    /// # Errors
    /// `revision-not-found`.
    async fn rule_set(&self, revision: Option<i64>) -> Result<RuleSet, Refusal>;

    /// What was published, the newest first, from before `before` on.
    ///
    /// # Errors
    /// Only when the store is away.
    async fn rule_sets(&self, before: Option<i64>, limit: u16) -> Result<RevisionPage, Refusal>;

    /// Whether these rules could be published; changes nothing.
    ///
    /// # Errors
    /// `invalid-rules` with a pointer to everything that is wrong.
    async fn check_rules(&self, rules: Value) -> Result<Checked, Refusal>;

    /// Puts these rules in force. The same rules again change nothing.
    ///
    /// # Errors
    /// `invalid-rules`; `revision-conflict` when another revision than `expected` is in force.
    async fn publish(&self, author: &Author, rules: Value, expected: Option<i64>) -> Result<Revision, Refusal>;

    /// Adds or replaces one campaign of the rules in force.
    ///
    /// # Errors
    /// As [`Self::publish`]; `campaign-id-mismatch` when the campaign says another id.
    async fn put_campaign(
        &self,
        author: &Author,
        id: CampaignId,
        campaign: Value,
        expected: Option<i64>,
    ) -> Result<Revision, Refusal>;

    /// Takes one campaign out of the rules; its coupons are good for nothing from then on.
    ///
    /// # Errors
    /// As [`Self::publish`]; `campaign-not-found`.
    async fn delete_campaign(
        &self,
        author: &Author,
        id: CampaignId,
        expected: Option<i64>,
    ) -> Result<Revision, Refusal>;

    /// Pauses a campaign or lets it run again.
    ///
    /// # Errors
    /// `campaign-not-found`, `idempotency-key-reused`.
    async fn switch_campaign(
        &self,
        author: &Author,
        once: &IdempotencyKey,
        id: CampaignId,
        enabled: bool,
    ) -> Result<Once<Revision>, Refusal>;

    /// Makes a code that is the marketer's own word, or changes when and for whom it is good.
    ///
    /// # Errors
    /// `invalid-coupon` with pointers; `coupon-taken` when it is another campaign's or of a batch; `campaign-not-found`
    /// and `campaign-without-coupons` for a campaign that no coupon opens.
    async fn put_coupon(&self, author: &Author, code: &str, coupon: CouponRequest) -> Result<CouponView, Refusal>;

    /// Begins to make codes that nobody guesses; [`Self::coupon_batch`] says how far it is.
    ///
    /// # Errors
    /// `invalid-batch` with pointers, `campaign-not-found`, `campaign-without-coupons`, `idempotency-key-reused`.
    async fn make_coupons(
        &self,
        author: &Author,
        once: &IdempotencyKey,
        request: BatchRequest,
    ) -> Result<Once<BatchView>, Refusal>;

    /// # Errors
    /// `batch-not-found`.
    async fn coupon_batch(&self, id: Uuid) -> Result<BatchView, Refusal>;

    /// The codes of a batch that were made so far, `limit` of them after the number `after`.
    ///
    /// # Errors
    /// `batch-not-found`.
    async fn batch_codes(&self, id: Uuid, after: i64, limit: u32) -> Result<CodePage, Refusal>;

    /// Begins to replay history against a draft; [`Self::simulation`] says how far it is, and in the end what it found.
    ///
    /// # Errors
    /// `invalid-rules` with pointers, `invalid-simulation`, `simulation-busy`, `idempotency-key-reused`.
    async fn simulate_draft(
        &self,
        author: &Author,
        once: &IdempotencyKey,
        request: SimulationRequest,
    ) -> Result<Once<SimulationView>, Refusal>;

    /// # Errors
    /// `simulation-not-found`.
    async fn simulation(&self, id: Uuid) -> Result<SimulationView, Refusal>;

    /// Asks a simulation to stop; one that has ended stays as it is. Twice: the same.
    ///
    /// # Errors
    /// `simulation-not-found`.
    async fn cancel_simulation(&self, id: Uuid) -> Result<SimulationView, Refusal>;
}

/// A rule set as it was published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct RuleSet {
    /// 0 before anything was published.
    pub revision: i64,
    pub published_at: Option<DateTime<Utc>>,
    pub published_by: Option<String>,
    /// Whether it is in force.
    pub current: bool,
    /// Campaigns, groups and the card policy; docs/campaigns.md has every field.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub rules: Value,
}

/// What was published when, by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Revision {
    pub revision: i64,
    pub published_at: Option<DateTime<Utc>>,
    pub published_by: Option<String>,
    /// Hexadecimal, of the rules: equal ones say the same.
    pub sha256: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct RevisionPage {
    /// The one in force.
    pub current: i64,
    pub revisions: Vec<Revision>,
    /// `before` of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}

/// What rules that could be published have in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Checked {
    pub campaigns: u32,
    /// Of those, how many are not paused.
    pub enabled: u32,
    pub sha256: String,
}

/// A code that is the marketer's own word. What is left out is without bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct CouponRequest {
    pub campaign_id: CampaignId,
    /// Only this customer may use it.
    #[serde(default)]
    pub recipient: Option<CustomerId>,
    #[serde(default)]
    pub starts_at: Option<DateTime<Utc>>,
    /// From then on it is expired.
    #[serde(default)]
    pub ends_at: Option<DateTime<Utc>>,
    /// A disabled code is answered like one that does not exist.
    #[serde(default)]
    pub disabled: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct CouponView {
    /// In capitals, without separators: the form in which codes are compared.
    pub code: String,
    pub campaign_id: CampaignId,
    pub recipient: Option<CustomerId>,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    pub disabled: bool,
}

/// How many codes, of which campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct BatchRequest {
    pub campaign_id: CampaignId,
    /// 1 to 10,000,000.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10_000_000))]
    pub count: i64,
    /// Up to 24 letters and digits before the 13 random characters.
    #[serde(default)]
    pub prefix: String,
    #[serde(default)]
    pub starts_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub ends_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BatchState {
    Running,
    /// Broken off on purpose or by a failure; what was made is good.
    Stopped,
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct BatchView {
    pub batch_id: Uuid,
    pub campaign_id: CampaignId,
    pub state: BatchState,
    /// How many codes there are by now.
    pub made: i64,
    pub count: i64,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

/// Some codes of a batch, in the order in which they were made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodePage {
    pub codes: Vec<BatchCode>,
    /// `after` of the next page; `None` when these are the last so far.
    pub next: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchCode {
    pub code: String,
    pub recipient: Option<CustomerId>,
}
