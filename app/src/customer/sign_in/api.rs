//! What the sign-in asks of the shop. Both steps also work as plain form posts.

use contract::customer::CodeSent;
use domain::Phone;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::fault::{Answer, Fault};

/// A sign-in that waits for its code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub phone: Phone,
    pub resend_after: u32,
    pub demo: bool,
}

/// Holds the phone between the two steps, so that neither a reload nor a tab that the system closed while the customer
/// read the message loses it.
#[cfg(feature = "ssr")]
const WAITING_COOKIE: &str = "kava_signing_in";

/// Sends a code to the phone and remembers the phone for the second step.
#[server(prefix = "/fn", endpoint = "v1/sign-in/request-code")]
pub async fn request_code(phone: String, next: String) -> Result<Answer<CodeSent>, Fault> {
    use super::state::read_phone;
    use crate::address::in_query;
    use crate::customer::reply::{set_cookie, settle};

    let visitor = crate::visitor::visitor()?;
    let answer = async {
        let phone =
            read_phone(&phone).map_err(|key| contract::Refusal::unacceptable(key, "This is not a phone number."))?;
        let api = crate::visitor::customer_api().map_err(|fault| fault.0)?;
        let sent = api.request_code(&phone, visitor.ip, visitor.locale).await?;
        Ok((phone, sent))
    }
    .await;
    let answer = match answer {
        Ok((phone, sent)) => {
            let waiting = format!("{phone}~{}~{}", sent.resend_after, u8::from(sent.demo));
            set_cookie(WAITING_COOKIE, &waiting, &format!("Max-Age={}", sent.valid_for.max(60)))?;
            Ok(sent)
        }
        Err(refusal) => Err(refusal),
    };
    let next = in_query(&next);
    Ok(settle(answer, &format!("/sign-in?next={next}"), &format!("/sign-in/code?next={next}")))
}

/// The sign-in that waits for its code; `None` when none does.
#[server(prefix = "/fn", endpoint = "v1/sign-in/waiting")]
pub async fn load_waiting() -> Result<Option<Waiting>, Fault> {
    let cookie = crate::customer::reply::cookie(WAITING_COOKIE);
    Ok(cookie.and_then(|text| {
        let mut parts = text.split('~');
        let phone = Phone::parse(parts.next()?).ok()?;
        let resend_after = parts.next()?.parse::<u32>().ok()?.min(3_600);
        Some(Waiting { phone, resend_after, demo: parts.next()? == "1" })
    }))
}

/// Proves the phone and signs in. The value is where to go: the name question once, then `next`.
#[server(prefix = "/fn", endpoint = "v1/sign-in/prove")]
pub async fn prove(code: String, next: String) -> Result<Answer<String>, Fault> {
    use super::state::read_code;
    use crate::address::{in_query, safe_next};
    use crate::customer::reply::{cookie, set_cookie, settle};
    use crate::visitor::CAME_COOKIE;

    let visitor = crate::visitor::visitor()?;
    let form = format!("/sign-in/code?next={}", in_query(&next));
    let Some(waiting) = load_waiting().await? else {
        let gone = contract::Refusal::new(contract::Kind::Gone, "code-expired", "Ask for a new code.");
        return Ok(settle(Err(gone), "/sign-in", "/"));
    };
    let Some(code) = read_code(&code) else {
        let wrong = contract::Refusal::unacceptable("code-wrong", "A code has six digits.");
        return Ok(settle(Err(wrong), &form, "/"));
    };
    let came = super::state::came(cookie(CAME_COOKIE).as_deref().unwrap_or_default());
    let api = crate::visitor::customer_api()?;
    let signed_in = api.sign_in(&waiting.phone, &code, visitor.ip, visitor.locale, &came).await;
    let signed_in = match signed_in {
        Ok(signed_in) => signed_in,
        Err(refusal) => return Ok(settle(Err(refusal), &form, "/")),
    };
    let expires = signed_in.expires_at.format("Expires=%a, %d %b %Y %H:%M:%S GMT").to_string();
    set_cookie(crate::visitor::CUSTOMER_COOKIE, &signed_in.token.0, &expires)?;
    set_cookie(WAITING_COOKIE, "", "Max-Age=0")?;
    set_cookie(CAME_COOKIE, "", "Max-Age=0")?;
    let go = if signed_in.registered { "/welcome".to_owned() } else { safe_next(&next).to_owned() };
    Ok(settle(Ok(go.clone()), &form, &go))
}
