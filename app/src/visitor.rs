//! Who asks for this page or calls this server function, as the server proved it. Native only.
#![cfg(feature = "ssr")]

use std::net::IpAddr;
use std::sync::Arc;

use chrono_tz::Tz;
use contract::customer::CustomerCaller;
use contract::staff::StaffCaller;
use contract::{CustomerApi, MarketingApi, OffersApi, Refusal, StaffApi, TillApi};
use domain::Locale;
use http::HeaderValue;
use http::header::SET_COOKIE;
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;

use crate::fault::Fault;

/// The server's middleware proves it from the cookies and puts it into the Leptos context of every page and call.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub ip: IpAddr,
    pub locale: Locale,
    /// Where the shop's days begin: pages say their dates and times in it.
    pub zone: Tz,
    /// `light`, `dark` or `auto`, from the cookie.
    pub theme: &'static str,
    pub customer: Option<CustomerCaller>,
    pub staff: Option<StaffCaller>,
    /// The raw tokens, for signing out.
    pub customer_token: Option<String>,
    pub staff_token: Option<String>,
    /// Served over https: cookies are `Secure` and carry the `__Host-` prefix.
    pub secure: bool,
    /// Where this shop is: `https://kava.example`, for links that people pass on.
    pub origin: String,
}

/// The cookies' names without the prefix that https adds.
pub const CUSTOMER_COOKIE: &str = "kava_customer";
pub const STAFF_COOKIE: &str = "kava_staff";
/// The link that somebody came by, until they register: a store's id, `~`, and that of who sent them.
pub const CAME_COOKIE: &str = "kava_came";
pub const LOCALE_COOKIE: &str = "kava_locale";
pub const THEME_COOKIE: &str = "kava_theme";

impl Visitor {
    /// The name under which a session cookie is set and read.
    #[must_use]
    pub fn cookie_name(secure: bool, name: &str) -> String {
        if secure { format!("__Host-{name}") } else { name.to_owned() }
    }
}

/// With whose links a cookie travels.
#[derive(Clone, Copy, Debug)]
pub enum SameSite {
    /// Also when somebody comes by a link from another site.
    Lax,
    /// Only from page to page of ours.
    Strict,
}

/// Sets an `HttpOnly` cookie under the name that this connection calls for; `life` is `Max-Age=…` or `Expires=…`.
///
/// # Errors
/// An internal fault for a value that no header can carry.
pub fn set_cookie(name: &str, value: &str, life: &str, same_site: SameSite) -> Result<(), Fault> {
    let secure = visitor()?.secure;
    let name = Visitor::cookie_name(secure, name);
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; {life}; HttpOnly; SameSite={same_site:?}{secure}");
    let value = HeaderValue::from_str(&text).map_err(|_| Refusal::internal("cookie"))?;
    from_context::<ResponseOptions>("response-options")?.append_header(SET_COOKIE, value);
    Ok(())
}

/// The visitor of this request.
///
/// # Errors
/// An internal fault when the server was wired without it.
pub fn visitor() -> Result<Visitor, Fault> {
    from_context("visitor")
}

/// # Errors
/// `unauthenticated` when no customer is signed in.
pub fn customer() -> Result<CustomerCaller, Fault> {
    visitor()?.customer.ok_or_else(|| Refusal::unauthenticated().into())
}

/// # Errors
/// `unauthenticated` when no staff is signed in.
pub fn staff() -> Result<StaffCaller, Fault> {
    visitor()?.staff.ok_or_else(|| Refusal::unauthenticated().into())
}

/// # Errors
/// An internal fault when the server was wired without it.
pub fn customer_api() -> Result<Arc<dyn CustomerApi>, Fault> {
    from_context("customer-api")
}

/// # Errors
/// An internal fault when the server was wired without it.
pub fn till_api() -> Result<Arc<dyn TillApi>, Fault> {
    from_context("till-api")
}

/// # Errors
/// An internal fault when the server was wired without it.
pub fn marketing_api() -> Result<Arc<dyn MarketingApi>, Fault> {
    from_context("marketing-api")
}

/// # Errors
/// An internal fault when the server was wired without it.
pub fn offers_api() -> Result<Arc<dyn OffersApi>, Fault> {
    from_context("offers-api")
}

/// # Errors
/// An internal fault when the server was wired without it.
pub fn staff_api() -> Result<Arc<dyn StaffApi>, Fault> {
    from_context("staff-api")
}

fn from_context<T: Clone + 'static>(what: &str) -> Result<T, Fault> {
    use_context::<T>().ok_or_else(|| Refusal::internal(format!("no-{what}-in-context")).into())
}
