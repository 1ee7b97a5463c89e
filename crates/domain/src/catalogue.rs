//! What the shop sells.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Amount;

/// A stock-keeping unit: 1 to 64 visible characters, as the chain writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", schema(value_type = String, example = "espresso"))]
pub struct Sku(String);

impl Sku {
    pub const MAX_CHARS: usize = 64;

    /// # Errors
    /// Says what is wrong when the text is empty, too long, or has control characters or outer blanks.
    pub fn parse(text: impl Into<String>) -> Result<Self, &'static str> {
        let text = text.into();
        if text.is_empty() {
            return Err("a sku cannot be empty");
        }
        if text.chars().count() > Self::MAX_CHARS {
            return Err("a sku has at most 64 characters");
        }
        if text.trim() != text || text.chars().any(char::is_control) {
            return Err("a sku has visible characters only");
        }
        Ok(Self(text))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Sku {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(text)
    }
}
impl From<Sku> for String {
    fn from(sku: Sku) -> Self {
        sku.0
    }
}
impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A category by its short name (`coffee`, `bags`); its titles are data of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct CategoryId(pub String);

impl fmt::Display for CategoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A product as the till and the engines need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    pub sku: Sku,
    pub name: String,
    pub category: CategoryId,
    /// The shelf price of one unit.
    pub price: Amount,
    /// What one unit costs the shop; unknown means that no personal discount is given on it (law 2).
    pub cost: Option<Amount>,
    /// Charges (postage, fees) are sold but never offered at a discount.
    pub offerable: bool,
}
