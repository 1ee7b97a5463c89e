//! What becomes of the basket: what every line costs, who pays for the discount, and what else is to be done.

use domain::{Amount, CampaignId, CardId, Sku};
use serde::{Deserialize, Serialize};

/// `total = subtotal - discount` of every line and of the sums (law 1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// In the basket's order.
    pub lines: Vec<LineDecision>,
    /// Lines first, by position; then what concerns the whole session; then every coupon, in the order presented.
    pub effects: Vec<Effect>,
    /// What the caller must reserve now and commit when the session closes.
    pub uses: Vec<Use>,
    pub subtotal: Amount,
    pub discount: Amount,
    pub total: Amount,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineDecision {
    pub subtotal: Amount,
    /// The sum of the allocations.
    pub discount: Amount,
    pub total: Amount,
    /// In the order of application; one a source.
    pub allocations: Vec<Allocation>,
}

/// How much of a line's discount a source pays; never zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    pub source: Source,
    pub amount: Amount,
}

/// What pays for a discount.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Campaign(CampaignId),
    /// A campaign that runs because of this code.
    Coupon {
        campaign: CampaignId,
        code: String,
    },
    Card(CardId),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// A source lowers a line: what it wanted, and what the margin floor left of it. Given something, always.
    Discount {
        position: u16,
        source: Source,
        desired: Amount,
        granted: Amount,
    },
    /// The margin floor cut a line: what all sources wanted together, and what they got.
    MarginClipped {
        position: u16,
        desired: Amount,
        granted: Amount,
    },
    /// A budget had less left than the campaign would have given.
    BudgetClipped {
        campaign: CampaignId,
        key: String,
        desired: Amount,
        granted: Amount,
    },
    /// Law 7: the source would have applied, were this customer not in the holdout.
    HoldoutWithheld {
        source: Source,
    },
    /// The till may add so many more units: they will be free.
    AddFreeItem {
        campaign: CampaignId,
        sku: Sku,
        quantity: u32,
    },
    AcceptCoupon {
        code: String,
        campaign: CampaignId,
    },
    RejectCoupon {
        code: String,
        reason: Rejection,
    },
}

/// Why a code was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
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

impl Rejection {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CouponNotFound => "coupon_not_found",
            Self::CouponExpired => "coupon_expired",
            Self::CouponNotStarted => "coupon_not_started",
            Self::CouponLimitReached => "coupon_limit_reached",
            Self::ProfileLimitReached => "profile_limit_reached",
            Self::CampaignLimitReached => "campaign_limit_reached",
            Self::RecipientDoesNotMatch => "recipient_does_not_match",
            Self::ProfileRequired => "profile_required",
            Self::ConditionNotMet => "condition_not_met",
            Self::NoEffect => "no_effect",
            Self::NotCombinable => "not_combinable",
            Self::ReservedElsewhere => "reserved_elsewhere",
        }
    }
}

/// One limited account that this decision draws on: minor units granted, or one use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    pub key: String,
    pub limit: i64,
    /// Above zero, and no more than the account's room.
    pub amount: i64,
}

/// One limited account that the campaigns for this basket may draw on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub key: String,
    pub limit: i64,
}
