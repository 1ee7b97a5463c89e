//! The demo's campaigns, each with a budget: one that a coupon opens, and two that ask for more than one guest buys.

use chrono::{DateTime, Utc};
use domain::{CampaignId, CouponCode};
use promotions::Params;
use store::coupons::Coupon;
use store::{StoreError, Tx};
use uuid::Uuid;

/// Everybody's word for the first of the campaigns.
pub(super) const WELCOME: &str = "WELCOME10";
const WELCOMES: CampaignId = CampaignId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_00c1));

const RULES: &str = include_str!("campaigns.json");

/// Publishes the rules and makes the code.
pub(super) async fn seed(tx: &mut Tx, now: DateTime<Utc>) -> Result<(), StoreError> {
    let corrupt = |why: String| StoreError::corrupt("demo campaigns", why);
    let params: Params = serde_json::from_str(RULES).map_err(|why| corrupt(why.to_string()))?;
    let rules = params.check().map_err(|why| corrupt(why.to_string()))?;
    let text = serde_json::to_string(rules.params()).map_err(|why| corrupt(why.to_string()))?;
    store::campaigns::publish(tx, &text, "the demo", now).await?;
    let welcome = Coupon {
        code: CouponCode::parse(WELCOME).map_err(|why| corrupt(why.to_string()))?,
        campaign: WELCOMES,
        recipient: None,
        starts_at: None,
        ends_at: None,
        disabled_at: None,
    };
    store::coupons::put(tx, &welcome).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demos_rules_may_be_published_and_every_campaign_has_a_budget() {
        let params: Params = serde_json::from_str(RULES).unwrap();
        assert!(params.campaigns.iter().all(|campaign| !campaign.budgets.is_empty()));
        let open = params.campaigns.iter().find(|campaign| campaign.id == WELCOMES).unwrap();
        assert!(open.coupon.is_some());
        params.check().unwrap();
    }
}
