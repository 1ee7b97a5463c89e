//! What a page is rendered for: language, theme, and whether a customer is signed in. The server takes it from the cookies
//! and writes it onto `<html>`; the browser reads it there, so that both sides render the same.

use domain::Locale;
use leptos::prelude::*;

#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub locale: Locale,
    /// `light`, `dark` or `auto`.
    pub theme: &'static str,
    /// Moves when the customer signs in or out without a new document.
    pub signed_in: RwSignal<bool>,
    /// A page of this document was shown before: what is shown next came by navigation inside the app.
    pub visited: StoredValue<bool>,
}

/// The page's facts; the defaults where nothing is known (the list of routes is made without a visitor).
#[must_use]
pub fn use_page() -> Page {
    use_context::<Page>().unwrap_or_else(|| Page {
        locale: Locale::default(),
        theme: "auto",
        signed_in: RwSignal::new(false),
        visited: StoredValue::new(false),
    })
}

impl Page {
    #[cfg(feature = "ssr")]
    #[must_use]
    pub fn here() -> Self {
        let visitor = crate::visitor::visitor().ok();
        Self {
            locale: visitor.as_ref().map(|v| v.locale).unwrap_or_default(),
            theme: visitor.as_ref().map_or("auto", |v| v.theme),
            signed_in: RwSignal::new(visitor.is_some_and(|v| v.customer.is_some())),
            visited: StoredValue::new(false),
        }
    }

    #[cfg(not(feature = "ssr"))]
    #[must_use]
    pub fn here() -> Self {
        let root = document().document_element();
        let attribute = |name: &str| root.as_ref().and_then(|root| root.get_attribute(name)).unwrap_or_default();
        Self {
            locale: Locale::negotiate(&attribute("lang")),
            theme: match attribute("data-theme").as_str() {
                "light" => "light",
                "dark" => "dark",
                _ => "auto",
            },
            signed_in: RwSignal::new(attribute("data-customer") == "yes"),
            visited: StoredValue::new(false),
        }
    }
}

/// Runs once the page is alive in the browser, and never on the server.
pub fn when_alive(run: impl Fn() + 'static) {
    Effect::new(move |_| run());
}
