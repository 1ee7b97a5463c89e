//! What the checkout asks of the shop. Every call is made for the till of the cashier who is signed in.
//!
//! A refusal that a busy counter meets every day (an unknown code, a receipt number used twice) is an *answer* here, not a
//! fault: it travels as data with status 200, so that only what is really broken is an error in the browser's console.

use contract::staff::StaffCard;
use contract::till::{Identified, ProductPage, Session, SessionRequest};
use domain::Amount;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::fault::{Answer, Fault};

#[cfg(feature = "ssr")]
use contract::Refusal;
#[cfg(feature = "ssr")]
use domain::Role;

/// What the screen begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    pub staff: StaffCard,
    /// The first products of the catalogue; all of them when `next` is null.
    pub products: ProductPage,
}

/// Products that the screen holds at once; a larger catalogue is searched on the server.
pub const PRODUCTS: u16 = 240;

/// Who is signed in at this screen; `None` when nobody is.
#[server(prefix = "/fn", endpoint = "v1/staff/me")]
pub async fn staff_me() -> Result<Option<StaffCard>, Fault> {
    Ok(crate::visitor::visitor()?.staff.map(|staff| card(&staff)))
}

/// Signs in and goes where the role works. Works as a plain form post: what was wrong comes back in the address.
#[server(prefix = "/fn", endpoint = "v1/staff/sign-in")]
pub async fn staff_sign_in(login: String, password: String) -> Result<(), Fault> {
    let visitor = crate::visitor::visitor()?;
    if login.chars().count() > 200 || password.len() > 1_024 {
        leptos_axum::redirect("/staff?refused=sign-in-failed");
        return Ok(());
    }
    match crate::visitor::staff_api()?.sign_in(login.trim(), &password, visitor.ip).await {
        Ok(signed_in) => {
            let life = signed_in.expires_at.format("Expires=%a, %d %b %Y %H:%M:%S GMT").to_string();
            keep_token(&signed_in.token.0, &life)?;
            leptos_axum::redirect(match signed_in.role {
                Role::Cashier => "/checkout",
                Role::Marketer => "/marketing/segments",
                Role::Admin => "/staff",
            });
            Ok(())
        }
        Err(refusal) if refusal.is("sign-in-failed") => {
            leptos_axum::redirect("/staff?refused=sign-in-failed");
            Ok(())
        }
        Err(refusal) if refusal.is("too-many-requests") => {
            leptos_axum::redirect("/staff?refused=too-many-requests");
            Ok(())
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// Ends the session at the shop, then in the browser.
#[server(prefix = "/fn", endpoint = "v1/staff/sign-out")]
pub async fn staff_sign_out() -> Result<(), Fault> {
    let visitor = crate::visitor::visitor()?;
    if let Some(token) = &visitor.staff_token {
        crate::visitor::staff_api()?.sign_out(token).await?;
    }
    keep_token("", "Max-Age=0")?;
    leptos_axum::redirect("/staff");
    Ok(())
}

/// Who works here and what there is to sell. Nobody signed in: on to the sign-in.
#[server(prefix = "/fn", endpoint = "v1/checkout/start")]
pub async fn checkout_start() -> Result<Answer<Start>, Fault> {
    let Ok(staff) = crate::visitor::staff() else {
        leptos_axum::redirect("/staff");
        return Ok(Err(Refusal::unauthenticated()));
    };
    if let Err(refusal) = at_till(&staff) {
        return Ok(Err(refusal));
    }
    let locale = crate::visitor::visitor()?.locale;
    let products = crate::visitor::till_api()?.products(locale, None, None, PRODUCTS).await?;
    Ok(Ok(Start { staff: card(&staff), products }))
}

/// Products by name or sku, for a catalogue that is larger than the screen.
#[server(prefix = "/fn", endpoint = "v1/checkout/search")]
pub async fn search_products(text: String) -> Result<Answer<ProductPage>, Fault> {
    let staff = crate::visitor::staff()?;
    if let Err(refusal) = at_till(&staff) {
        return Ok(Err(refusal));
    }
    let text: String = text.trim().chars().take(100).collect();
    let locale = crate::visitor::visitor()?.locale;
    Ok(crate::visitor::till_api()?.products(locale, None, Some(&text), PRODUCTS).await)
}

/// Who shows this code.
#[server(prefix = "/fn", endpoint = "v1/checkout/identify", input = server_fn::codec::Json)]
pub async fn identify(code: String, key: String) -> Result<Answer<Identified>, Fault> {
    Ok(async {
        let (till, api) = till()?;
        let once = contract::IdempotencyKey::parse(&key)?;
        Ok(api.identify(&till, &once, &code).await?.value)
    }
    .await)
}

/// Puts the basket as it is now, and evaluates it.
#[server(prefix = "/fn", endpoint = "v1/checkout/quote", input = server_fn::codec::Json)]
pub async fn quote(session: String, request: SessionRequest) -> Result<Answer<Session>, Fault> {
    Ok(async {
        let (till, api) = till()?;
        api.put_session(&till, session_id(&session)?, request, contract::till::QuoteMode::Stored).await
    }
    .await)
}

/// Records the purchase. The key makes it count once, however often the answer is lost.
#[server(prefix = "/fn", endpoint = "v1/checkout/close", input = server_fn::codec::Json)]
pub async fn close(
    session: String,
    key: String,
    receipt_number: String,
    paid: Amount,
) -> Result<Answer<Session>, Fault> {
    Ok(async {
        let (till, api) = till()?;
        let once = contract::IdempotencyKey::parse(&key)?;
        let request = contract::till::CloseRequest { receipt_number, paid, paid_at: None };
        Ok(api.close(&till, session_id(&session)?, &once, request).await?.value)
    }
    .await)
}

/// Gives the open session up.
#[server(prefix = "/fn", endpoint = "v1/checkout/cancel", input = server_fn::codec::Json)]
pub async fn cancel(session: String, key: String) -> Result<Answer<Session>, Fault> {
    Ok(async {
        let (till, api) = till()?;
        let once = contract::IdempotencyKey::parse(&key)?;
        Ok(api.cancel(&till, session_id(&session)?, &once).await?.value)
    }
    .await)
}

#[cfg(feature = "ssr")]
fn card(staff: &contract::staff::StaffCaller) -> StaffCard {
    StaffCard { name: staff.name.clone(), role: staff.role, place: staff.place.clone() }
}

/// The till that this member of staff may sell at.
#[cfg(feature = "ssr")]
fn at_till(staff: &contract::staff::StaffCaller) -> Answer<contract::till::TillCaller> {
    if !staff.role.may_sell() {
        return Err(Refusal::forbidden("This account does not sell."));
    }
    staff.till.clone().ok_or_else(|| Refusal::new(contract::Kind::Forbidden, "no-till", "This account has no till."))
}

#[cfg(feature = "ssr")]
fn till() -> Answer<(contract::till::TillCaller, std::sync::Arc<dyn contract::TillApi>)> {
    let staff = crate::visitor::staff().map_err(|fault| fault.0)?;
    let locale = crate::visitor::visitor().map_err(|fault| fault.0)?.locale;
    let api = crate::visitor::till_api().map_err(|fault| fault.0)?;
    Ok((contract::till::TillCaller { locale, ..at_till(&staff)? }, api))
}

#[cfg(feature = "ssr")]
fn session_id(text: &str) -> Answer<domain::SessionId> {
    text.parse().map_err(|_| Refusal::malformed("malformed", "A session id is a UUID."))
}

/// `Strict`: no other site's link comes to the till signed in.
#[cfg(feature = "ssr")]
fn keep_token(token: &str, life: &str) -> Result<(), Fault> {
    use crate::visitor::{STAFF_COOKIE, SameSite, set_cookie};
    set_cookie(STAFF_COOKIE, token, life, SameSite::Strict)
}
