//! What the savings screen asks of the shop.

use leptos::prelude::*;

use crate::fault::Fault;

#[server(prefix = "/fn", endpoint = "v1/savings")]
pub async fn load_savings() -> Result<contract::customer::SavingsPage, Fault> {
    let caller = crate::visitor::customer()?;
    Ok(crate::visitor::customer_api()?.savings(caller).await?)
}
