//! What home asks of the shop.

use contract::customer::Home;
use leptos::prelude::*;

use crate::fault::{Answer, Fault};

#[server(prefix = "/fn", endpoint = "v1/home")]
pub async fn load_home() -> Result<Home, Fault> {
    let caller = crate::visitor::customer()?;
    Ok(crate::visitor::customer_api()?.home(caller).await?)
}

/// Makes one card active; the value is its id. A plain form comes back to home.
#[server(prefix = "/fn", endpoint = "v1/home/choose-card")]
pub async fn choose_card(card: String) -> Result<Answer<String>, Fault> {
    let caller = crate::visitor::customer()?;
    let answer = match card.parse() {
        Ok(id) => crate::visitor::customer_api()?.choose_card(caller, id).await.map(|_| card),
        Err(_) => Err(contract::Refusal::not_found("card-not-found", "This is not a card.")),
    };
    Ok(crate::customer::reply::settle(answer, "/", "/"))
}
