//! Who works at the chain and what they may do.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Cashier,
    Marketer,
    Admin,
}

impl Role {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cashier => "cashier",
            Self::Marketer => "marketer",
            Self::Admin => "admin",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Cashier, Self::Marketer, Self::Admin].into_iter().find(|role| role.name() == name)
    }

    /// Sell at the checkout screen.
    #[must_use]
    pub fn may_sell(self) -> bool {
        matches!(self, Self::Cashier | Self::Admin)
    }

    /// See the marketing dashboards.
    #[must_use]
    pub fn may_see_segments(self) -> bool {
        matches!(self, Self::Marketer | Self::Admin)
    }
}
