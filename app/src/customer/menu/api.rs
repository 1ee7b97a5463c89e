//! What the menu asks of the shop.

use contract::customer::Menu;
use leptos::prelude::*;

use crate::fault::{Answer, Fault};

/// A category that is gone is an everyday answer; the page says so with status 404.
#[server(prefix = "/fn", endpoint = "v1/menu")]
pub async fn load_menu(category: Option<String>, page: u32) -> Result<Answer<Menu>, Fault> {
    let visitor = crate::visitor::visitor()?;
    let api = crate::visitor::customer_api()?;
    match api.menu(visitor.customer, category.as_deref(), page, visitor.locale).await {
        Err(refusal) if refusal.is("category-not-found") => Ok(Err(refusal)),
        answer => Ok(Ok(answer?)),
    }
}
