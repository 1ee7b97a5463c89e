//! What a page is rendered for: language, theme, and whether a customer is signed in. The server takes it from the cookies
//! and writes it onto `<html>`, where islands and `pwa.js` find it.

use domain::Locale;
use leptos::prelude::*;

#[derive(Clone, Copy, Debug, Default)]
pub struct Page {
    pub locale: Locale,
    pub theme: Theme,
    pub signed_in: bool,
}

/// What the customer chose; `Auto` follows the system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    #[default]
    Auto,
    Light,
    Dark,
}

impl Theme {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// The page's facts; the defaults where nothing is known (the list of routes is made without a visitor).
#[must_use]
pub fn use_page() -> Page {
    use_context::<Page>().unwrap_or_default()
}

impl Page {
    /// From the visitor that the server proved.
    #[cfg(feature = "ssr")]
    #[must_use]
    pub fn here() -> Self {
        let Ok(visitor) = crate::visitor::visitor() else { return Self::default() };
        let theme = match visitor.theme {
            "light" => Theme::Light,
            "dark" => Theme::Dark,
            _ => Theme::Auto,
        };
        Self { locale: visitor.locale, theme, signed_in: visitor.customer.is_some() }
    }
}

/// Runs once the island is alive in the browser, and never on the server.
pub fn when_alive(run: impl Fn() + 'static) {
    Effect::new(move |_| run());
}

/// Goes to another page of ours: a whole new document.
pub fn go(path: &str) {
    _ = window().location().assign(path);
}
