//! English and Russian, side by side: a text without its translation does not compile.

use domain::Locale;
use leptos::prelude::*;

/// One text in every language we speak. Constants live beside the view that shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    pub en: &'static str,
    pub ru: &'static str,
}

impl Text {
    #[must_use]
    pub const fn new(en: &'static str, ru: &'static str) -> Self {
        Self { en, ru }
    }

    #[must_use]
    pub const fn of(self, locale: Locale) -> &'static str {
        match locale {
            Locale::En => self.en,
            Locale::Ru => self.ru,
        }
    }
}

/// The language of this page. It is fixed for the life of a page: choosing another one sets a cookie and loads it anew.
/// The server takes it from the visitor; an island in the browser reads it from `<html lang>`, where the server wrote it.
#[must_use]
pub fn use_locale() -> Locale {
    use_context::<Locale>().unwrap_or_else(of_document)
}

#[cfg(feature = "hydrate")]
fn of_document() -> Locale {
    let tag = document().document_element().and_then(|root| root.get_attribute("lang"));
    Locale::negotiate(&tag.unwrap_or_default())
}

#[cfg(not(feature = "hydrate"))]
fn of_document() -> Locale {
    Locale::default()
}

/// `text` in the page's language.
#[must_use]
pub fn tr(text: Text) -> &'static str {
    text.of(use_locale())
}
