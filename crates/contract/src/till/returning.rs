//! Goods that come back: the wire shape of `POST /api/v1/sessions/{id}/returns`.

use domain::{Amount, Currency, ReturnId};
use serde::{Deserialize, Serialize};

#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use super::Session;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct ReturnRequest {
    /// 1 to 200; a position that is named twice counts twice.
    pub lines: Vec<ReturnLine>,
    /// Why, in words: at most 500 characters. For the books only.
    #[serde(default)]
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct ReturnLine {
    /// The line of the session.
    pub position: u16,
    /// 1 to 9,999; wider here, so that what is out of bounds is refused with a pointer instead of a parse error.
    pub quantity: i64,
}

/// What is paid back, and the session after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Returned {
    pub return_id: ReturnId,
    pub refund: Refund,
    /// In order of position.
    pub lines: Vec<ReturnedLine>,
    pub session: Session,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct Refund {
    pub amount: Amount,
    pub currency: Currency,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct ReturnedLine {
    pub position: u16,
    pub quantity: u32,
    /// What is paid back for these units.
    pub amount: Amount,
}
