//! What a draft would have cost: history replayed against rules that are not in force.

use chrono::{DateTime, Utc};
use domain::{Amount, CampaignId, Currency};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

#[cfg(feature = "openapi")]
use utoipa::ToSchema;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct SimulationRequest {
    /// One campaign, which joins the rules in force (or takes the place of the one of its id); or a whole rule set, which
    /// takes their place. As docs/campaigns.md has them.
    pub draft: Value,
    /// How far back: 1 to 520.
    pub weeks: u32,
    /// The end; the newest sale when absent.
    #[serde(default)]
    pub until: Option<DateTime<Utc>>,
    /// Of how many sales a campaign that needs a coupon is taken to have one, in basis points. Which sales these are follows
    /// from their ids: the same every time.
    #[serde(default)]
    pub coupon_share_bp: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SimulationState {
    Running,
    Done,
    Failed,
    Cancelled,
}

/// How far a simulation is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct SimulationView {
    pub simulation_id: Uuid,
    pub state: SimulationState,
    /// Sales that were replayed, and that there are; 0 of 0 before they are counted.
    pub done: u64,
    pub of: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<SimulationReport>,
}

/// Both sums are of the same sales: as the rules in force would have priced them, and as the draft would have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct SimulationReport {
    pub currency: Currency,
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub sales: u64,
    /// At the prices of then, before any discount.
    pub subtotal: Amount,
    /// What was really taken off then.
    pub discount_then: Amount,
    /// Sales with a line whose cost is not known: their margin is not in the sums below.
    pub sales_without_cost: u64,
    pub without_draft: SimulatedSums,
    pub with_draft: SimulatedSums,
    /// In the order of what they give, the most first.
    pub campaigns: Vec<SimulatedCampaign>,
    /// By week from the first on; weeks without a sale are left out.
    pub weeks: Vec<SimulatedWeek>,
    /// Who and what gains most from the draft.
    pub winners: Winners,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct SimulatedSums {
    /// Sales that it lowers.
    pub sales: u64,
    pub discount: Amount,
    /// After discount, of the sales whose costs are known.
    pub margin: Amount,
    /// What the margin floor, and what budgets kept back.
    pub floor_clipped: Amount,
    pub budget_clipped: Amount,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct SimulatedCampaign {
    pub id: CampaignId,
    pub name: String,
    pub sales: u64,
    pub discount: Amount,
    pub budget_clipped: Amount,
    /// When the first of its budgets had nothing left.
    pub exhausted_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct SimulatedWeek {
    pub from: DateTime<Utc>,
    pub sales: u64,
    pub without_draft: Amount,
    pub with_draft: Amount,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Winners {
    pub customers: Vec<Winner>,
    pub segments: Vec<Winner>,
    pub products: Vec<Winner>,
    pub stores: Vec<Winner>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Winner {
    /// An id, a sku, or a segment's words.
    pub id: String,
    /// What the draft gives them beyond the rules in force; may be negative in total where it takes away.
    pub gains: Amount,
}
