//! Why, and why not: what a quote says of every campaign, the card and every coupon.

use domain::{Amount, Locale};
use serde::{Deserialize, Serialize};

#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use super::Source;

/// Made by the very evaluation that made the quote, from the same facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Explanation {
    /// Of the words.
    pub language: Locale,
    /// Campaigns in the order of application, then the card, then the coupons by code.
    pub verdicts: Vec<Verdict>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Verdict {
    pub source: Source,
    /// A campaign's or card's id, a coupon's code.
    pub id: String,
    /// What a campaign is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub applied: bool,
    /// For programs: `applied`, `offered`, or why not.
    pub key: String,
    /// For people.
    pub words: String,
    /// What it took off the session; absent where it gave nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<Amount>,
}
