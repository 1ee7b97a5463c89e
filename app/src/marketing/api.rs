//! What the dashboards ask of the shop.

use contract::marketing::SegmentDashboard;
use contract::staff::StaffCard;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::fault::{Answer, Fault};

/// The segments, and for whom they are shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentsShown {
    pub staff: StaffCard,
    pub dashboard: SegmentDashboard,
}

/// Asks the fit that is running to end, and comes back to the dashboard.
#[server(prefix = "/fn", endpoint = "v1/marketing/stop-fit")]
pub async fn stop_fit() -> Result<Answer<()>, Fault> {
    let Ok(caller) = crate::visitor::staff() else {
        leptos_axum::redirect("/staff");
        return Ok(Err(contract::Refusal::unauthenticated()));
    };
    let stopped = crate::visitor::marketing_api()?.stop_fit(&caller).await;
    leptos_axum::redirect("/marketing/segments");
    Ok(stopped)
}

/// The segments of the model in use. Nobody signed in: on to the sign-in.
#[server(prefix = "/fn", endpoint = "v1/marketing/segments")]
pub async fn segments() -> Result<Answer<SegmentsShown>, Fault> {
    let Ok(caller) = crate::visitor::staff() else {
        leptos_axum::redirect("/staff");
        return Ok(Err(contract::Refusal::unauthenticated()));
    };
    let locale = crate::visitor::visitor()?.locale;
    let shown = crate::visitor::marketing_api()?.segments(&caller, locale).await;
    let staff = StaffCard { name: caller.name, role: caller.role, place: caller.place };
    Ok(shown.map(|dashboard| SegmentsShown { staff, dashboard }))
}
