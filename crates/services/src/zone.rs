//! Where the shop's days and nights begin.

use chrono_tz::Tz;
use contract::Refusal;

use crate::Shop;

impl Shop {
    /// The shop's time zone; UTC before there is a shop. Read once: a shop that moves is started again.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn zone(&self) -> Result<Tz, Refusal> {
        if let Some(zone) = self.zone.get() {
            return Ok(*zone);
        }
        // The checkout screen waits for it as well.
        let settings = self.store.for_tills().settings().await.map_err(|error| self.failed(&error))?;
        let Some(settings) = settings else { return Ok(Tz::UTC) };
        Ok(*self.zone.get_or_init(|| {
            settings.time_zone.parse().unwrap_or_else(|error| {
                tracing::warn!(zone = settings.time_zone, %error, "the shop's time zone is not known: its days are UTC's");
                Tz::UTC
            })
        }))
    }
}
