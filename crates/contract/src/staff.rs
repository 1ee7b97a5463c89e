//! Staff: signing in, and who they are afterwards.

use std::net::IpAddr;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{Role, StaffId};
use serde::{Deserialize, Serialize};

use crate::Refusal;
use crate::customer::SessionToken;
use crate::till::TillCaller;

/// A signed-in member of staff. A cashier works at one till.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffCaller {
    pub staff: StaffId,
    pub name: String,
    pub role: Role,
    pub till: Option<TillCaller>,
    /// The store and till in words, for the screen's header.
    pub place: String,
}

#[async_trait]
pub trait StaffApi: Send + Sync {
    /// # Errors
    /// `sign-in-failed` (one answer for an unknown login and a wrong password), `too-many-requests`.
    async fn sign_in(&self, login: &str, password: &str, from: IpAddr) -> Result<StaffSignedIn, Refusal>;

    /// Whose cookie this is; `None` when it is unknown or over.
    ///
    /// # Errors
    /// Only when the store is away.
    async fn authenticate(&self, token: &str) -> Result<Option<StaffCaller>, Refusal>;

    /// # Errors
    /// Only when the store is away.
    async fn sign_out(&self, token: &str) -> Result<(), Refusal>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffSignedIn {
    pub token: SessionToken,
    pub expires_at: DateTime<Utc>,
    pub role: Role,
}

/// What a staff screen shows of the person who works at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffCard {
    pub name: String,
    pub role: Role,
    pub place: String,
}
