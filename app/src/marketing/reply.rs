//! How the dashboards' forms are answered: by going back to their page, which then says what was done. Native only.
#![cfg(feature = "ssr")]

use contract::Refusal;

use crate::fault::{Answer, Fault};

/// Nobody is signed in: on to the sign-in.
pub fn signed_out<T>() -> Result<Answer<T>, Fault> {
    leptos_axum::redirect("/staff");
    Ok(Err(Refusal::unauthenticated()))
}

/// Back to `page`, with what was `done` as its query, or with why it was not.
pub fn back(page: &str, answer: Answer<()>, done: &str) -> Answer<()> {
    let told = match &answer {
        Ok(()) => done.to_owned(),
        Err(refusal) => {
            let key: String = refusal.key.chars().filter(|c| c.is_ascii_lowercase() || *c == '-').collect();
            format!("refused={key}")
        }
    };
    let joint = if told.is_empty() { "" } else { "?" };
    leptos_axum::redirect(&format!("{page}{joint}{told}"));
    answer
}
