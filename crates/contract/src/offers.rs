//! Marketing: who decides what customers are offered, what may be spent, which models there are, and what it all brings.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{Amount, Currency, Rate};
use serde::{Deserialize, Serialize};

use crate::Refusal;
use crate::staff::StaffCaller;

#[async_trait]
pub trait OffersApi: Send + Sync {
    /// # Errors
    /// `forbidden` without the role; so everywhere here.
    async fn offers(&self, caller: &StaffCaller) -> Result<OffersDashboard, Refusal>;

    /// Changes the terms. Whoever has cards keeps them until they buy or the cards run out.
    ///
    /// # Errors
    /// `discount-terms` with what is wrong with them.
    async fn set_terms(&self, caller: &StaffCaller, terms: OfferTerms) -> Result<(), Refusal>;

    /// Begins to learn a new model, and does not wait for its end: the dashboard says how far it is.
    async fn begin_training(&self, caller: &StaffCaller) -> Result<(), Refusal>;

    /// Asks the training that is running here to end; where none is, nothing happens.
    async fn stop_training(&self, caller: &StaffCaller) -> Result<(), Refusal>;

    /// Puts a model in use, whatever it was judged to be, and plans with it.
    ///
    /// # Errors
    /// `model-not-found`, `model-broken`.
    async fn use_model(&self, caller: &StaffCaller, version: i32) -> Result<(), Refusal>;

    /// Puts the model back that was in use before.
    ///
    /// # Errors
    /// `model-not-found` where there was none.
    async fn roll_back(&self, caller: &StaffCaller) -> Result<(), Refusal>;
}

/// Who decides what customers are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferMode {
    /// The segment's level.
    Rule,
    /// Chance, to learn from.
    Pilot,
    /// The model in use.
    Learned,
}

impl OfferMode {
    pub const ALL: [Self; 3] = [Self::Rule, Self::Pilot, Self::Learned];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Pilot => "pilot",
            Self::Learned => "learned",
        }
    }
}

/// What the chain allows its personal offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferTerms {
    pub mode: OfferMode,
    /// Of all customers, who gets no personal discount, so that it can be seen what discounts bring.
    pub held_out: Rate,
    /// Nobody else is offered less off the basket, nobody more: customers differ by no more than this for what they did not do.
    pub least: Rate,
    pub most: Rate,
    /// What cards may cost a period; `None` is no limit.
    pub budget: Option<Amount>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OffersDashboard {
    pub currency: Currency,
    pub terms: OfferTerms,
    /// The period of now: from, and until when it lasts.
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// What cards took off in it so far.
    pub spent: Amount,
    pub brought: OffersBrought,
    /// Of the model in use.
    pub plan: Option<OfferPlan>,
    /// The newest first.
    pub models: Vec<OfferModel>,
    /// How much of a training is done, from 0 to 1, while one is running here.
    pub training: Option<f64>,
    /// Why the last training came to nothing.
    pub training_refused: Option<Refusal>,
    /// Offers of the last four weeks, by who decided them.
    pub made: Vec<OffersMade>,
    /// Of these, those where the rule stood in for a model that could not decide.
    pub stood_in: u64,
}

/// Margin after discount of the period so far, by customers who were there before it; `margin_offered` and `margin_held_out` are means a
/// customer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OffersBrought {
    pub offered: u64,
    pub held_out: u64,
    pub margin_offered: Amount,
    pub margin_held_out: Amount,
    /// What offers brought a customer beyond what there would have been without; `None` where too few are held out to tell.
    pub effect: Option<Range>,
    /// The same for who looks every day and decides when it looks good.
    pub at_every_look: Option<Range>,
    /// The two groups are as large as chance would have them.
    pub is_parted_by_chance: bool,
}

/// An estimate with its 95 % interval; minor units, and the fraction counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfferPlan {
    pub at: DateTime<Utc>,
    pub customers: u64,
    pub weeks: u32,
    /// What cards are expected to cost in these weeks, and to bring beyond that.
    pub cost: Amount,
    pub gain: Amount,
    /// What one more unit of budget would bring.
    pub price: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    Shadow,
    InUse,
    Retired,
    Rejected,
}

/// Whether it pays to offer as a model says, told from the log of offers by chance before it decides anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelVerdict {
    Better,
    Worse,
    NotDecidable,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfferModel {
    pub version: i32,
    pub trained_at: DateTime<Utc>,
    pub state: ModelState,
    /// Customers it learned from, and those it was judged by.
    pub customers: u64,
    pub judges: u64,
    /// The mean distance between how often purchases were foretold and how often they came: 0 to 1.
    pub miscalibration: f64,
    /// By how much its likelihood is better than that of the one then in use, a week; `None` where none was.
    pub better_by: Option<Range>,
    /// What it gains a customer and week over chance, minor units, and what is to be thought of that; `None` where the log says nothing.
    pub gain: Option<Range>,
    pub verdict: Option<ModelVerdict>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffersMade {
    /// `None`: nobody, the customer is held out.
    pub by: Option<OfferMode>,
    pub offers: u64,
    /// Mean of what was offered off the basket.
    pub mean: Rate,
}
