//! What the page asks of the shop.

use contract::marketing::BoughtTogether;
use contract::staff::StaffCard;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::fault::{Answer, Fault};
#[cfg(feature = "ssr")]
use crate::marketing::reply::signed_out;

/// The rules, and for whom they are shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TogetherShown {
    pub staff: StaffCard,
    /// None before they were worked out.
    pub together: Option<BoughtTogether>,
}

/// What is bought together. Nobody signed in: on to the sign-in.
#[server(prefix = "/fn", endpoint = "v1/marketing/together")]
pub async fn together() -> Result<Answer<TogetherShown>, Fault> {
    let Ok(caller) = crate::visitor::staff() else { return signed_out() };
    let locale = crate::visitor::visitor()?.locale;
    let shown = crate::visitor::marketing_api()?.together(&caller, locale).await;
    let staff = StaffCard { name: caller.name, role: caller.role, place: caller.place };
    Ok(shown.map(|together| TogetherShown { staff, together }))
}
