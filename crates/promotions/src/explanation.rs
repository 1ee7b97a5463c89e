//! Why, and why not: what the decision itself looked at, for every campaign, the card and every coupon.

use chrono::NaiveDateTime;
use domain::{Amount, CampaignId, CardId};
use serde::{Deserialize, Serialize};

use crate::decision::{Decision, Rejection, Source};

/// A decision, and one verdict on everything that could have had a part in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub decision: Decision,
    /// Campaigns in the order of application, then the card, then the coupons by code.
    pub verdicts: Vec<Verdict>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub subject: Subject,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Campaign(CampaignId),
    Card(CardId),
    Coupon(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It took so much off the session.
    Applied {
        granted: Amount,
    },
    /// It waits for its free item to be added.
    Offered,
    Not(WhyNot),
}

impl Outcome {
    /// The name on the wire: for programs.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::Offered => "offered",
            Self::Not(why) => why.key(),
        }
    }
}

/// Why something gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyNot {
    Disabled,
    /// Local time of the store.
    NotStarted {
        from: NaiveDateTime,
    },
    Ended {
        until: NaiveDateTime,
    },
    OutsideSchedule,
    OtherStore,
    CouponNeeded,
    /// One of its limits is by customer, and nobody is known.
    CustomerNeeded,
    /// No rule's condition holds; this is what the first one lacks.
    Unmet(Unmet),
    /// A count of uses is used up.
    LimitReached(Rejection),
    /// A money budget had nothing, or not enough, left.
    BudgetShort(Rejection),
    /// Law 7: this customer is in the holdout.
    Withheld,
    /// An earlier campaign of its group had an effect.
    GroupFirst {
        other: CampaignId,
    },
    /// Another campaign of its group gives more.
    GroupBest {
        other: CampaignId,
    },
    /// It does not go with what gives more.
    NotCombinable {
        with: Option<Source>,
    },
    /// Nothing in the basket is meant, or nothing of its price is left.
    NothingToDiscount,
    /// What it is meant for has no known cost (law 2).
    CostUnknown,
    /// The margin floor took all of it (law 2).
    FloorReached,
    /// The code itself is no good.
    Code(Rejection),
}

impl WhyNot {
    /// The name on the wire; of a coupon that is no good, the reason of its rejection.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::NotStarted { .. } => "not_started",
            Self::Ended { .. } => "ended",
            Self::OutsideSchedule => "outside_schedule",
            Self::OtherStore => "other_store",
            Self::CouponNeeded => "coupon_needed",
            Self::CustomerNeeded => "customer_needed",
            Self::Unmet(unmet) => unmet.key(),
            Self::BudgetShort(_) => "budget_short",
            Self::Withheld => "withheld",
            Self::GroupFirst { .. } => "group_first",
            Self::GroupBest { .. } => "group_best",
            Self::NotCombinable { .. } => "not_combinable",
            Self::NothingToDiscount => "nothing_to_discount",
            Self::CostUnknown => "cost_unknown",
            Self::FloorReached => "floor_reached",
            Self::LimitReached(rejection) | Self::Code(rejection) => rejection.name(),
        }
    }

    /// What a till is told of a coupon.
    #[must_use]
    pub fn rejection(&self) -> Rejection {
        match self {
            Self::Disabled | Self::CouponNeeded => Rejection::CouponNotFound,
            Self::NotStarted { .. } => Rejection::CouponNotStarted,
            Self::Ended { .. } => Rejection::CouponExpired,
            Self::CustomerNeeded | Self::Unmet(Unmet::Stranger) => Rejection::ProfileRequired,
            Self::OutsideSchedule | Self::OtherStore | Self::Unmet(_) => Rejection::ConditionNotMet,
            Self::LimitReached(rejection) | Self::BudgetShort(rejection) | Self::Code(rejection) => *rejection,
            Self::GroupFirst { .. } | Self::GroupBest { .. } | Self::NotCombinable { .. } => Rejection::NotCombinable,
            Self::Withheld | Self::NothingToDiscount | Self::CostUnknown | Self::FloorReached => Rejection::NoEffect,
        }
    }
}

/// The first leaf of a condition that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unmet {
    SubtotalTooLow {
        have: Amount,
        need: Amount,
    },
    SubtotalTooHigh {
        have: Amount,
        most: Amount,
    },
    TooFewUnits {
        have: u64,
        need: u32,
    },
    TooManyUnits {
        have: u64,
        most: u32,
    },
    TooFewProducts {
        have: u64,
        need: u32,
    },
    TooManyProducts {
        have: u64,
        most: u32,
    },
    ProductMissing,
    Stranger,
    OtherCustomer,
    OtherSegment,
    TooFewVisits {
        have: u32,
        need: u32,
    },
    TooManyVisits {
        have: u32,
        most: u32,
    },
    NotFirstPurchase,
    BirthdayUnknown,
    BirthdayFar,
    NeverBought,
    TooSoon {
        days: u32,
        need: u32,
    },
    TooLong {
        days: u32,
        most: u32,
    },
    OtherStore,
    OutsideSchedule,
    NoCard,
    NoCouponOf {
        campaign: CampaignId,
    },
    /// What must not be is.
    Excluded,
}

impl Unmet {
    /// The name on the wire.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::SubtotalTooLow { .. } => "subtotal_too_low",
            Self::SubtotalTooHigh { .. } => "subtotal_too_high",
            Self::TooFewUnits { .. } => "too_few_units",
            Self::TooManyUnits { .. } => "too_many_units",
            Self::TooFewProducts { .. } => "too_few_products",
            Self::TooManyProducts { .. } => "too_many_products",
            Self::ProductMissing => "product_missing",
            Self::Stranger => "stranger",
            Self::OtherCustomer => "other_customer",
            Self::OtherSegment => "other_segment",
            Self::TooFewVisits { .. } => "too_few_visits",
            Self::TooManyVisits { .. } => "too_many_visits",
            Self::NotFirstPurchase => "not_first_purchase",
            Self::BirthdayUnknown => "birthday_unknown",
            Self::BirthdayFar => "birthday_far",
            Self::NeverBought => "never_bought",
            Self::TooSoon { .. } => "too_soon",
            Self::TooLong { .. } => "too_long",
            Self::OtherStore => "other_store",
            Self::OutsideSchedule => "outside_schedule",
            Self::NoCard => "no_card",
            Self::NoCouponOf { .. } => "no_coupon_of",
            Self::Excluded => "excluded",
        }
    }
}
