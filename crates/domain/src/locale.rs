//! The two languages of the first day.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    #[default]
    En,
    Ru,
}

impl Locale {
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ru => "ru",
        }
    }

    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        [Self::En, Self::Ru].into_iter().find(|locale| locale.tag() == tag)
    }

    /// The first language of a tag list (`ru-RU,ru;q=0.9,en;q=0.8`) that we speak, in the list's own order.
    #[must_use]
    pub fn negotiate(tags: &str) -> Self {
        tags.split(',')
            .filter_map(|tag| match tag.trim().get(..2) {
                Some("ru") => Some(Self::Ru),
                Some("en") => Some(Self::En),
                _ => None,
            })
            .next()
            .unwrap_or_default()
    }

    /// Which form of a noun a count takes: `[one, few, many]`; English has `[one, many, many]`.
    #[must_use]
    pub fn plural(self, count: u64, forms: [&str; 3]) -> &str {
        match self {
            Self::En => forms[usize::from(count != 1)],
            Self::Ru => match (count % 10, count % 100) {
                (1, h) if h != 11 => forms[0],
                (2..=4, h) if !(12..=14).contains(&h) => forms[1],
                _ => forms[2],
            },
        }
    }
}
