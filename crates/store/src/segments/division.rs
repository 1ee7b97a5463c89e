//! How the chain divides its customers: what the next fit goes by.

use domain::SegmentMethod;
use domain::segment::Division;

use crate::{Store, StoreError, Tx};

/// What was chosen; the usual before there is a shop.
///
/// # Errors
/// Only when the database fails; so everywhere in this module.
pub async fn division(tx: &mut Tx) -> Result<Division, StoreError> {
    let row: Option<(String, Option<i16>)> =
        sqlx::query_as("select segment_method, segment_count from shop").fetch_optional(&mut **tx).await?;
    let Some((method, segments)) = row else { return Ok(Division::default()) };
    let corrupt = |why| StoreError::corrupt("division of customers", why);
    Ok(Division {
        method: SegmentMethod::parse(&method).map_err(corrupt)?,
        segments: segments.and_then(|count| u8::try_from(count).ok()),
    })
}

impl Store {
    pub async fn division(&self) -> Result<Division, StoreError> {
        division(&mut self.begin().await?).await
    }

    /// # Errors
    /// `shop_segment_count` for a number of segments that cannot be.
    pub async fn set_division(&self, division: Division) -> Result<(), StoreError> {
        sqlx::query("update shop set segment_method = $1, segment_count = $2")
            .bind(division.method.as_str())
            .bind(division.segments.map(i16::from))
            .execute(self.pool())
            .await?;
        Ok(())
    }
}
