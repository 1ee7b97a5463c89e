//! What the shop sells.

use std::borrow::{Borrow, Cow};
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use crate::Amount;

/// A stock-keeping unit: 1 to 64 visible characters, as the chain writes it. Cheap to clone: a basket takes it from the catalogue,
/// and most are kept in their place. Counted references were slower: every processor that quotes counts the same few products.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, example = "espresso"))]
pub struct Sku(SmolStr);

impl Sku {
    pub const MAX_CHARS: usize = 64;

    /// # Errors
    /// Says what is wrong when the text is empty, too long, or has control characters or outer blanks.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, &'static str> {
        Self::check(text.as_ref())?;
        Ok(Self(text.as_ref().into()))
    }

    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn check(text: &str) -> Result<(), &'static str> {
        if text.is_empty() {
            return Err("a sku cannot be empty");
        }
        // Never fewer bytes than characters.
        if text.len() > Self::MAX_CHARS && text.chars().count() > Self::MAX_CHARS {
            return Err("a sku has at most 64 characters");
        }
        if text.trim() != text || text.chars().any(char::is_control) {
            return Err("a sku has visible characters only");
        }
        Ok(())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// So that a map by sku is asked with a text.
impl Borrow<str> for Sku {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Sku {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Sku {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(text).map_err(D::Error::custom)
    }
}

/// A category by its short name (`coffee`, `bags`); its titles are data of the catalogue. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String))]
pub struct CategoryId(SmolStr);

impl CategoryId {
    #[must_use]
    pub fn new(name: impl Into<SmolStr>) -> Self {
        Self(name.into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CategoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for CategoryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for CategoryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer).map(|name| Self(name.into()))
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
