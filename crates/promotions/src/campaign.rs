//! What marketing writes: campaigns, their groups, and how cards join in. Read from JSON, checked before use.

use chrono::{NaiveDateTime, NaiveTime, Weekday};
use domain::{Amount, CampaignId, Locale, Rate, StoreId};
use serde::{Deserialize, Serialize};

use crate::benefit::Benefit;
use crate::condition::Condition;

/// One revision of the chain's rules. Becomes [`crate::Rules`] once it was checked; the default has no campaign at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    pub campaigns: Vec<Campaign>,
    /// Groups that are not listed work as [`Mode::All`].
    pub groups: Vec<Group>,
    pub card: CardPolicy,
}

/// A discount that the chain offers to many, by rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    pub id: CampaignId,
    pub name: Name,
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// Higher is applied first; equals are applied by id.
    #[serde(default)]
    pub priority: i32,
    #[serde(default)]
    pub stacking: Stacking,
    /// Campaigns of one group compete by the group's mode.
    #[serde(default = "everybody")]
    pub group: String,
    #[serde(default)]
    pub window: Window,
    #[serde(default)]
    pub schedule: Schedule,
    /// Where it runs; empty is everywhere.
    #[serde(default)]
    pub stores: Vec<StoreId>,
    /// With it, the campaign runs only for a good coupon of its own.
    #[serde(default)]
    pub coupon: Option<CouponPolicy>,
    #[serde(default)]
    pub budgets: Vec<Budget>,
    /// The most that it takes off one line, in minor units.
    #[serde(default)]
    pub max_per_line: Option<Amount>,
    /// The most that it takes off one session, in minor units.
    #[serde(default)]
    pub max_per_session: Option<Amount>,
    #[serde(default)]
    pub base: Base,
    /// All whose condition holds do their part, in this order.
    pub rules: Vec<Rule>,
}

/// The name of the default group.
pub(crate) const EVERYBODY: &str = "all";

fn enabled() -> bool {
    true
}

fn everybody() -> String {
    EVERYBODY.to_owned()
}

/// What people read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Name {
    pub en: String,
    pub ru: String,
}

impl Name {
    #[must_use]
    pub fn words(&self, locale: Locale) -> &str {
        match locale {
            Locale::En => &self.en,
            Locale::Ru => &self.ru,
        }
    }
}

/// What may be given together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stacking {
    /// Together with everything that is common or always.
    #[default]
    Common,
    /// Together with anything.
    Always,
    /// Alone, but for what is always: then all the common ones, or one of these, whichever gives more.
    Never,
}

/// What a percentage is taken of, and what a price is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// The shelf price.
    #[default]
    Initial,
    /// What those applied before have left of it.
    Discounted,
}

/// Local times of the store, half-open. A time that a clock change skips is the first moment after it; one that comes
/// twice is the earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Window {
    pub from: Option<NaiveDateTime>,
    pub until: Option<NaiveDateTime>,
}

/// When in the week, by the store's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// Empty is every day.
    pub weekdays: Vec<Weekday>,
    pub hours: Option<Hours>,
}

/// `[from, to)`. With `to <= from` they cross midnight, and belong to the day on which they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    pub from: NaiveTime,
    pub to: NaiveTime,
}

/// How often the codes of a campaign are good. What is not given is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CouponPolicy {
    /// Uses of one code, for ever: 1 makes single-use codes.
    pub per_code: Option<u32>,
    /// Uses by one customer within `period`; strangers then cannot use a code.
    pub per_customer: Option<u32>,
    /// Uses in one store within `period`.
    pub per_store: Option<u32>,
    pub period: Period,
}

/// A limit on what the campaign gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    pub action: Action,
    /// Minor units or sessions, by `action`.
    pub limit: i64,
    /// Each of these has the limit for itself; empty is one limit for all.
    #[serde(default)]
    pub per: Vec<Per>,
    #[serde(default)]
    pub period: Period,
    #[serde(default)]
    pub when_short: WhenShort,
}

/// What a budget counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Minor units given, after the margin floor.
    Discount,
    /// Sessions that were given something.
    Redemptions,
}

/// Whom a budget counts apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    Customer,
    Store,
    /// By presence, habit and basket, so that a refit of the segments does not start the limits anew.
    Segment,
}

/// A stretch of the store's own calendar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    #[default]
    Ever,
    Day,
    /// ISO 8601: from Monday.
    Week,
    Month,
    Year,
}

/// What happens to a discount that is more than its budget has left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenShort {
    /// What is left is given.
    #[default]
    Clip,
    /// Nothing is given.
    Refuse,
}

/// When the condition holds, every benefit is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub name: String,
    /// Left out, it always holds.
    #[serde(default)]
    pub when: Condition,
    pub then: Vec<Benefit>,
}

/// How the campaigns of a group compete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub name: String,
    pub mode: Mode,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// They do not.
    #[default]
    All,
    /// Only the first by priority that has an effect.
    First,
    /// Only the one that alone gives most.
    Best,
}

/// How a customer's card joins the campaigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CardPolicy {
    pub priority: i32,
    pub stacking: Stacking,
    /// No card takes off more, whatever stands on it.
    #[serde(rename = "max_rate_bp")]
    pub max_rate: Rate,
    pub base: Base,
}

impl Default for CardPolicy {
    fn default() -> Self {
        Self { priority: 0, stacking: Stacking::Common, max_rate: Rate::WHOLE, base: Base::Initial }
    }
}
