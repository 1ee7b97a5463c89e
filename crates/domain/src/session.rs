//! A basket at a till: open -> closed -> partially_returned | cancelled.

use serde::{Deserialize, Serialize};

/// The most lines of one session.
pub const MAX_LINES: usize = 200;
/// The most units of one line.
pub const MAX_QUANTITY: u32 = 9_999;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    Open,
    Closed,
    PartiallyReturned,
    Cancelled,
}

impl SessionState {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::PartiallyReturned => "partially_returned",
            Self::Cancelled => "cancelled",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Open, Self::Closed, Self::PartiallyReturned, Self::Cancelled]
            .into_iter()
            .find(|state| state.name() == name)
    }
}
