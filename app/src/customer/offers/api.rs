//! What the feed asks of the shop.

use contract::customer::FeedEntry;
use domain::Currency;
use leptos::prelude::*;

use crate::fault::Fault;

/// The feed and the currency of its amounts.
#[server(prefix = "/fn", endpoint = "v1/offers")]
pub async fn load_offers() -> Result<(Currency, Vec<FeedEntry>), Fault> {
    let caller = crate::visitor::customer()?;
    let api = crate::visitor::customer_api()?;
    let feed = api.feed(caller).await?;
    Ok((api.savings(caller).await?.currency, feed))
}
