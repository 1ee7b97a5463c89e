//! What the dashboards ask of the shop.

use contract::marketing::SegmentDashboard;
use contract::staff::StaffCard;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::fault::{Answer, Fault};
#[cfg(feature = "ssr")]
use crate::marketing::reply::{back, signed_out};

#[cfg(feature = "ssr")]
const PAGE: &str = "/marketing/segments";

/// The segments, and for whom they are shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentsShown {
    pub staff: StaffCard,
    pub dashboard: SegmentDashboard,
    /// Where this shop is, for links that people print.
    pub origin: String,
}

/// Asks the fit that is running to end, and comes back to the dashboard.
#[server(prefix = "/fn", endpoint = "v1/marketing/stop-fit")]
pub async fn stop_fit() -> Result<Answer<()>, Fault> {
    let Ok(caller) = crate::visitor::staff() else { return signed_out() };
    Ok(back(PAGE, crate::visitor::marketing_api()?.stop_fit(&caller).await, ""))
}

/// Changes how the next fit divides customers: `count` of nothing typed is as many segments as they show.
#[server(prefix = "/fn", endpoint = "v1/marketing/divide")]
pub async fn divide(method: String, #[server(default)] count: Option<String>) -> Result<Answer<()>, Fault> {
    let Ok(caller) = crate::visitor::staff() else { return signed_out() };
    let divided = match super::state::division(&method, count.as_deref().unwrap_or_default()) {
        Ok(division) => crate::visitor::marketing_api()?.divide(&caller, division).await,
        Err(refusal) => Err(refusal),
    };
    Ok(back(PAGE, divided, "saved=1"))
}

/// Fits the segments anew, and comes back to the dashboard, which says how far it is.
#[server(prefix = "/fn", endpoint = "v1/marketing/fit")]
pub async fn begin_fit() -> Result<Answer<()>, Fault> {
    let Ok(caller) = crate::visitor::staff() else { return signed_out() };
    Ok(back(PAGE, crate::visitor::marketing_api()?.begin_fit(&caller).await, "begun=1"))
}

/// The segments of the model in use. Nobody signed in: on to the sign-in.
#[server(prefix = "/fn", endpoint = "v1/marketing/segments")]
pub async fn segments() -> Result<Answer<SegmentsShown>, Fault> {
    let Ok(caller) = crate::visitor::staff() else { return signed_out() };
    let crate::visitor::Visitor { locale, origin, .. } = crate::visitor::visitor()?;
    let shown = crate::visitor::marketing_api()?.segments(&caller, locale).await;
    let staff = StaffCard { name: caller.name, role: caller.role, place: caller.place };
    Ok(shown.map(|dashboard| SegmentsShown { staff, dashboard, origin }))
}
