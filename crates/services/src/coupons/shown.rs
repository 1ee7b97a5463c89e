//! From what a till sent to what the engine may decide on.

use domain::{CustomerId, TillId};
use promotions::{Coupon, Standing};
use store::StoreError;

use crate::Shop;
use crate::till::Stop;

impl Shop {
    /// What the books say of the codes that a session shows, behind the guard against guessing; without codes nothing is
    /// asked.
    ///
    /// # Errors
    /// `too-many-requests` for who guesses.
    pub(crate) async fn coupons_shown(
        &self,
        till: TillId,
        customer: Option<CustomerId>,
        typed: &[String],
    ) -> Result<Vec<Coupon>, Stop> {
        if typed.is_empty() {
            return Ok(Vec::new());
        }
        let guard = self.guard_coupons(till, customer).await?;
        let known = self.coupons_known(typed).await?;
        let wrong = known.iter().filter(|coupon| !is_theirs(&coupon.standing, customer));
        guard.count(&wrong.map(|coupon| coupon.code.clone()).collect::<Vec<_>>()).await?;
        Ok(known)
    }

    /// The same for codes that were let through before. A code that is known has the one form that its limits are counted
    /// under, however it was typed; an unknown one stays as it was sent.
    pub(crate) async fn coupons_known(&self, typed: &[String]) -> Result<Vec<Coupon>, StoreError> {
        if typed.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.store.coupons(typed).await?;
        let known = typed.iter().zip(found).map(|(typed, found)| match found {
            None => Coupon { code: typed.clone(), standing: Standing::Unknown },
            Some(coupon) => Coupon {
                code: coupon.code.to_string(),
                standing: match coupon.disabled_at {
                    Some(_) => Standing::Disabled,
                    None => Standing::Good {
                        campaign: coupon.campaign,
                        recipient: coupon.recipient,
                        from: coupon.starts_at,
                        until: coupon.ends_at,
                    },
                },
            },
        });
        Ok(known.collect())
    }
}

/// Another's code is as good as none: who tries them out is counted alike.
fn is_theirs(standing: &Standing, customer: Option<CustomerId>) -> bool {
    match standing {
        Standing::Good { recipient, .. } => recipient.is_none() || *recipient == customer,
        Standing::Reserved => true,
        Standing::Unknown | Standing::Disabled => false,
    }
}
