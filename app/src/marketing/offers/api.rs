//! What the page asks of the shop.

use contract::offers::OffersDashboard;
use contract::staff::StaffCard;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::fault::{Answer, Fault};
#[cfg(feature = "ssr")]
use crate::marketing::reply::{back, signed_out};

#[cfg(feature = "ssr")]
const PAGE: &str = "/marketing/offers";

/// The offers, and for whom they are shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OffersShown {
    pub staff: StaffCard,
    pub dashboard: OffersDashboard,
}

/// Nobody signed in: on to the sign-in.
#[server(prefix = "/fn", endpoint = "v1/marketing/offers")]
pub async fn offers() -> Result<Answer<OffersShown>, Fault> {
    let Ok(caller) = crate::visitor::staff() else { return signed_out() };
    let shown = crate::visitor::offers_api()?.offers(&caller).await;
    let staff = StaffCard { name: caller.name, role: caller.role, place: caller.place };
    Ok(shown.map(|dashboard| OffersShown { staff, dashboard }))
}

/// Changes the terms to what the form says: rates in percent, and a budget of nothing typed is no limit.
#[server(prefix = "/fn", endpoint = "v1/marketing/offer-terms")]
pub async fn set_terms(
    mode: String,
    held_out: String,
    least: String,
    most: String,
    #[server(default)] budget: Option<String>,
) -> Result<Answer<()>, Fault> {
    let Ok(caller) = crate::visitor::staff() else { return signed_out() };
    let api = crate::visitor::offers_api()?;
    let answer = async {
        let now = api.offers(&caller).await?;
        let terms = super::state::read(&mode, &held_out, &least, &most, budget.as_deref(), now.currency)?;
        api.set_terms(&caller, terms).await
    };
    Ok(back(PAGE, answer.await, "saved=1"))
}

#[server(prefix = "/fn", endpoint = "v1/marketing/train")]
pub async fn begin_training() -> Result<Answer<()>, Fault> {
    let Ok(caller) = crate::visitor::staff() else { return signed_out() };
    Ok(back(PAGE, crate::visitor::offers_api()?.begin_training(&caller).await, "training=1"))
}

#[server(prefix = "/fn", endpoint = "v1/marketing/stop-training")]
pub async fn stop_training() -> Result<Answer<()>, Fault> {
    let Ok(caller) = crate::visitor::staff() else { return signed_out() };
    Ok(back(PAGE, crate::visitor::offers_api()?.stop_training(&caller).await, "stopped=1"))
}

#[server(prefix = "/fn", endpoint = "v1/marketing/use-model")]
pub async fn use_model(version: i32) -> Result<Answer<()>, Fault> {
    let Ok(caller) = crate::visitor::staff() else { return signed_out() };
    Ok(back(PAGE, crate::visitor::offers_api()?.use_model(&caller, version).await, "used=1"))
}

#[server(prefix = "/fn", endpoint = "v1/marketing/roll-back-model")]
pub async fn roll_back_model() -> Result<Answer<()>, Fault> {
    let Ok(caller) = crate::visitor::staff() else { return signed_out() };
    Ok(back(PAGE, crate::visitor::offers_api()?.roll_back(&caller).await, "used=1"))
}
