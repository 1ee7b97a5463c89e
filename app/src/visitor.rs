//! Who asks for this page or calls this server function, as the server proved it. Native only.
#![cfg(feature = "ssr")]

use std::net::IpAddr;
use std::sync::Arc;

use contract::customer::CustomerCaller;
use contract::staff::StaffCaller;
use contract::{CustomerApi, MarketingApi, Refusal, StaffApi, TillApi};
use domain::Locale;
use leptos::prelude::use_context;

use crate::fault::Fault;

/// The server's middleware proves it from the cookies and puts it into the Leptos context of every page and call.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub ip: IpAddr,
    pub locale: Locale,
    /// `light`, `dark` or `auto`, from the cookie.
    pub theme: &'static str,
    pub customer: Option<CustomerCaller>,
    pub staff: Option<StaffCaller>,
    /// The raw tokens, for signing out.
    pub customer_token: Option<String>,
    pub staff_token: Option<String>,
    /// Served over https: cookies are `Secure` and carry the `__Host-` prefix.
    pub secure: bool,
}

/// The cookies' names without the prefix that https adds.
pub const CUSTOMER_COOKIE: &str = "kava_customer";
pub const STAFF_COOKIE: &str = "kava_staff";
pub const LOCALE_COOKIE: &str = "kava_locale";
pub const THEME_COOKIE: &str = "kava_theme";

impl Visitor {
    /// The name under which a session cookie is set and read.
    #[must_use]
    pub fn cookie_name(secure: bool, name: &str) -> String {
        if secure { format!("__Host-{name}") } else { name.to_owned() }
    }
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
pub fn staff_api() -> Result<Arc<dyn StaffApi>, Fault> {
    from_context("staff-api")
}

fn from_context<T: Clone + 'static>(what: &str) -> Result<T, Fault> {
    use_context::<T>().ok_or_else(|| Refusal::internal(format!("no-{what}-in-context")).into())
}
