//! From what a till sent to what the engine may decide on.

use contract::Refusal;
use domain::{CustomerId, TillId};
use promotions::{Coupon, Standing};

use crate::Shop;

impl Shop {
    /// What the books say of the codes that a session shows, behind the guard against guessing. A code that is known has
    /// the one form that its limits are counted under, however it was typed; an unknown one stays as it was sent. Without
    /// codes nothing is asked.
    ///
    /// # Errors
    /// `too-many-requests` for who guesses.
    pub async fn coupons_shown(
        &self,
        till: TillId,
        customer: Option<CustomerId>,
        typed: &[String],
    ) -> Result<Vec<Coupon>, Refusal> {
        if typed.is_empty() {
            return Ok(Vec::new());
        }
        let guard = self.guard_coupons(till, customer).await?;
        let found = self.store.coupons(typed).await.map_err(|error| self.failed(&error))?;
        let wrong: Vec<String> = typed
            .iter()
            .zip(&found)
            .filter(|(_, found)| {
                // Another's code is as good as none: who tries them out is counted alike.
                found.as_ref().is_none_or(|coupon| {
                    coupon.disabled_at.is_some()
                        || coupon.recipient.is_some_and(|recipient| Some(recipient) != customer)
                })
            })
            .map(|(typed, _)| typed.clone())
            .collect();
        guard.count(&wrong).await?;
        let shown = typed.iter().zip(found).map(|(typed, found)| match found {
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
        Ok(shown.collect())
    }
}
