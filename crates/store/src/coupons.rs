//! Coupon codes and the batches that they were made in. Who has used one is in the ledger of [`crate::limits`].

pub mod batches;

use chrono::{DateTime, Utc};
use domain::{CampaignId, CouponCode, CustomerId};
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// A code of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coupon {
    pub code: CouponCode,
    pub campaign: CampaignId,
    /// Only this customer may use it.
    pub recipient: Option<CustomerId>,
    /// Half-open: good from here until there.
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    pub disabled_at: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct Row {
    code: String,
    campaign_id: Uuid,
    recipient: Option<Uuid>,
    starts_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
    disabled_at: Option<DateTime<Utc>>,
}

impl Row {
    fn coupon(self) -> Result<Coupon, StoreError> {
        let code = CouponCode::parse(&self.code).map_err(|why| StoreError::corrupt("coupon", why))?;
        Ok(Coupon {
            code,
            campaign: CampaignId(self.campaign_id),
            recipient: self.recipient.map(CustomerId),
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            disabled_at: self.disabled_at,
        })
    }
}

impl Store {
    /// The coupons behind what was scanned or typed, each in its place, in one statement; `None` for what is no coupon,
    /// whether it could be one or not.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn coupons(&self, typed: &[String]) -> Result<Vec<Option<Coupon>>, StoreError> {
        let meant: Vec<Vec<CouponCode>> =
            typed.iter().map(|text| CouponCode::parse(text).map(|code| code.spellings()).unwrap_or_default()).collect();
        if meant.iter().all(Vec::is_empty) {
            return Ok(vec![None; typed.len()]);
        }
        let rows = sqlx::query_as::<_, Row>(
            "select code, campaign_id, recipient, starts_at, ends_at, disabled_at from coupons where code = any($1)",
        )
        .bind(meant.iter().flatten().map(CouponCode::as_str).collect::<Vec<_>>())
        .fetch_all(self.pool())
        .await?;
        let found = rows.into_iter().map(Row::coupon).collect::<Result<Vec<_>, _>>()?;
        let find = |code: &CouponCode| found.iter().find(|coupon| coupon.code == *code).cloned();
        Ok(meant.iter().map(|spellings| spellings.iter().find_map(find)).collect())
    }

    /// The codes of a campaign that are its marketer's own words, in order.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn generic_coupons(&self, campaign: CampaignId) -> Result<Vec<Coupon>, StoreError> {
        let rows = sqlx::query_as::<_, Row>(
            "select code, campaign_id, recipient, starts_at, ends_at, disabled_at from coupons \
             where campaign_id = $1 and batch_id is null order by code limit 1000",
        )
        .bind(campaign.0)
        .fetch_all(self.pool())
        .await?;
        rows.into_iter().map(Row::coupon).collect()
    }
}

/// Makes a code, or changes when and for whom it is good; `false` when it is another campaign's, or of a batch.
///
/// # Errors
/// `coupons_window` for an end before the start.
pub async fn put(tx: &mut Tx, coupon: &Coupon) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "insert into coupons (code, campaign_id, recipient, starts_at, ends_at, disabled_at) \
         values ($1, $2, $3, $4, $5, $6) \
         on conflict (code) do update set recipient = excluded.recipient, starts_at = excluded.starts_at, \
             ends_at = excluded.ends_at, disabled_at = excluded.disabled_at \
         where coupons.campaign_id = excluded.campaign_id and coupons.batch_id is null",
    )
    .bind(coupon.code.as_str())
    .bind(coupon.campaign.0)
    .bind(coupon.recipient.map(|recipient| recipient.0))
    .bind(coupon.starts_at)
    .bind(coupon.ends_at)
    .bind(coupon.disabled_at)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

#[cfg(test)]
mod tests;
