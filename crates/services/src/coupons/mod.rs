//! Coupons: codes by the million, a marketer's own words, and the guard against guessing.

mod batch;
mod guard;
mod shown;

use chrono::{DateTime, Utc};
use contract::Refusal;
use contract::campaigns::{CouponRequest, CouponView};
use domain::{CampaignId, CouponCode, CouponCodeError};
use promotions::Params;
use store::StoreError;
use store::coupons::{self, Coupon};

pub use batch::{CHUNK, MAX_COUNT, NewBatch};
pub(crate) use batch::{batch_not_found, view, view_codes};

use crate::Shop;

impl Shop {
    /// Makes a code that is the marketer's own word, or changes when and for whom it is good.
    ///
    /// # Errors
    /// `invalid-coupon`, `coupon-taken`, `campaign-not-found`, `campaign-without-coupons`.
    pub async fn put_own_coupon(&self, code: &str, request: CouponRequest) -> Result<CouponView, Refusal> {
        let code = CouponCode::parse(code).map_err(|why| invalid("/code", &why))?;
        check_window("invalid-coupon", request.starts_at, request.ends_at)?;
        opened_by_coupons(&*self.rules_in_force().await?, request.campaign_id)?;
        let coupon = Coupon {
            code: code.clone(),
            campaign: request.campaign_id,
            recipient: request.recipient,
            starts_at: request.starts_at,
            ends_at: request.ends_at,
            disabled_at: request.disabled.then(|| self.clock.now()),
        };
        let put = async {
            let mut tx = self.store.begin().await?;
            let done = coupons::put(&mut tx, &coupon).await?;
            store::commit(tx).await?;
            Ok::<bool, StoreError>(done)
        };
        if !put.await.map_err(|error| self.failed(&error))? {
            let detail = "This code belongs to another campaign or to a batch: choose another word.";
            return Err(Refusal::conflict("coupon-taken", detail));
        }
        Ok(CouponView {
            code: code.to_string(),
            campaign_id: coupon.campaign,
            recipient: coupon.recipient,
            starts_at: coupon.starts_at,
            ends_at: coupon.ends_at,
            disabled: request.disabled,
        })
    }
}

fn invalid(pointer: &str, why: &CouponCodeError) -> Refusal {
    let detail = format!("{why}.");
    Refusal::unacceptable("invalid-coupon", detail.clone()).at(pointer, "invalid-code", detail)
}

fn check_window(key: &str, starts: Option<DateTime<Utc>>, ends: Option<DateTime<Utc>>) -> Result<(), Refusal> {
    if starts.zip(ends).is_some_and(|(starts, ends)| ends <= starts) {
        let detail = "It ends before it starts: ends_at has to be later than starts_at.";
        return Err(Refusal::unacceptable(key, detail).at("/ends_at", "ends-before-start", detail));
    }
    Ok(())
}

/// A code of a campaign that is not there, or that runs without codes, would be good for nothing.
fn opened_by_coupons(rules: &Params, id: CampaignId) -> Result<(), Refusal> {
    let campaign = rules.campaigns.iter().find(|campaign| campaign.id == id).ok_or_else(crate::campaigns::not_found)?;
    if campaign.coupon.is_none() {
        let detail = "This campaign runs without coupons. Give it a `coupon` policy first.";
        return Err(Refusal::conflict("campaign-without-coupons", detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
