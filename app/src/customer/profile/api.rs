//! What the profile asks of the shop.

use contract::customer::Profile;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::fault::{Answer, Fault};

/// The profile, and the whole link that invites somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileShown {
    pub profile: Profile,
    pub invitation: String,
}

#[server(prefix = "/fn", endpoint = "v1/profile")]
pub async fn load_profile() -> Result<ProfileShown, Fault> {
    let caller = crate::visitor::customer()?;
    let profile = crate::visitor::customer_api()?.profile(caller).await?;
    // An id opens nothing: who one is has to be proven, at the sign-in and at the till.
    let invitation = format!("{}/join?from={}", crate::visitor::visitor()?.origin, caller.customer);
    Ok(ProfileShown { profile, invitation })
}

/// Saves what the form sends. `form` says which one: the welcome page asks for the name alone; the profile sends
/// everything, and there an unticked box is a no.
#[server(prefix = "/fn", endpoint = "v1/profile/save")]
pub async fn save_profile(
    form: String,
    #[server(default)] name: Option<String>,
    #[server(default)] email: Option<String>,
    #[server(default)] birth_month: Option<String>,
    #[server(default)] birth_day: Option<String>,
    #[server(default)] consent: Option<String>,
) -> Result<Answer<()>, Fault> {
    use super::state::{read_birthday, trimmed};

    let caller = crate::visitor::customer()?;
    let locale = crate::visitor::visitor()?.locale;
    let whole = form == "profile";
    let (back, done) = if whole { ("/profile", "/profile?saved=1") } else { ("/welcome", "/") };
    let birthday = read_birthday(
        birth_month.as_deref().unwrap_or_default().trim(),
        birth_day.as_deref().unwrap_or_default().trim(),
    );
    let answer = match birthday {
        Err(key) => Err(contract::Refusal::unacceptable("invalid-profile", "This day does not exist.").at(
            "/birthday",
            key,
            "There is no such day.",
        )),
        Ok(birthday) => {
            let edit = contract::customer::ProfileEdit {
                // An emptied field arrives as absent; the whole form means it.
                name: trimmed(name).or(whole.then(String::new)),
                email: trimmed(email).or(whole.then(String::new)),
                birthday: whole.then_some(birthday),
                // Messages follow the language that the customer reads.
                locale: Some(locale),
                marketing_consent: whole.then_some(consent.is_some()),
            };
            crate::visitor::customer_api()?.edit_profile(caller, edit).await.map(|_| ())
        }
    };
    Ok(crate::customer::reply::settle(answer, back, done))
}

/// Forgets the customer for good. `sure` is the box that says so: without it nothing happens.
#[server(prefix = "/fn", endpoint = "v1/profile/delete")]
pub async fn delete_account(#[server(default)] sure: Option<String>) -> Result<Answer<()>, Fault> {
    let caller = crate::visitor::customer()?;
    let answer = match sure.is_some() {
        true => crate::visitor::customer_api()?.delete_account(caller).await,
        false => Err(contract::Refusal::unacceptable("not-sure", "Tick the box to delete the account.")),
    };
    if answer.is_ok() {
        crate::customer::reply::set_cookie(crate::visitor::CUSTOMER_COOKIE, "", "Max-Age=0")?;
    }
    Ok(crate::customer::reply::settle(answer, "/profile", "/?deleted=1"))
}

/// Ends the session at the shop, then in the browser.
#[server(prefix = "/fn", endpoint = "v1/sign-out")]
pub async fn sign_out() -> Result<(), Fault> {
    let visitor = crate::visitor::visitor()?;
    if let Some(token) = &visitor.customer_token {
        crate::visitor::customer_api()?.sign_out(token).await?;
    }
    crate::customer::reply::set_cookie(crate::visitor::CUSTOMER_COOKIE, "", "Max-Age=0")?;
    let _ = crate::customer::reply::settle(Ok(()), "/", "/");
    Ok(())
}
