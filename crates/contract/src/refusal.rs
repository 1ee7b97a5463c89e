//! The one way to say no. What the owner must not see is absent by type (law 12): private causes stay in the log.

use serde::{Deserialize, Serialize};

/// Which kind of no; each edge maps it once (REST status, server-function fault, gRPC code).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 400: the request cannot be read.
    Malformed,
    /// 401: nobody we know.
    Unauthenticated,
    /// 403: known, but not allowed.
    Forbidden,
    /// 404
    NotFound,
    /// 409: the state does not allow it.
    Conflict,
    /// 410: it was good once.
    Gone,
    /// 413
    TooLarge,
    /// 422: understood but not acceptable.
    Unacceptable,
    /// 423: still busy after waiting.
    Busy,
    /// 429
    TooMany,
    /// 503: a dependency is away; worth another try.
    Unavailable,
    /// 500
    Internal,
}

/// A refusal: a machine `key` (kebab-case, part of the contract), a sentence that says what to do, and where it hurts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{key}: {detail}")]
pub struct Refusal {
    pub kind: Kind,
    pub key: String,
    pub detail: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FieldFault>,
    /// Seconds to wait before another try; with [`Kind::TooMany`] and [`Kind::Unavailable`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// Finds the private cause in the log; with [`Kind::Internal`] and [`Kind::Unavailable`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
}

/// One field that is wrong: a JSON pointer (RFC 6901) such as `/lines/0/sku`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldFault {
    pub pointer: String,
    pub key: String,
    pub detail: String,
}

impl Refusal {
    #[must_use]
    pub fn new(kind: Kind, key: &str, detail: impl Into<String>) -> Self {
        Self { kind, key: key.to_owned(), detail: detail.into(), faults: Vec::new(), retry_after: None, incident: None }
    }

    #[must_use]
    pub fn malformed(key: &str, detail: impl Into<String>) -> Self {
        Self::new(Kind::Malformed, key, detail)
    }

    #[must_use]
    pub fn not_found(key: &str, detail: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, key, detail)
    }

    #[must_use]
    pub fn conflict(key: &str, detail: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, key, detail)
    }

    #[must_use]
    pub fn unacceptable(key: &str, detail: impl Into<String>) -> Self {
        Self::new(Kind::Unacceptable, key, detail)
    }

    #[must_use]
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, "forbidden", detail)
    }

    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(Kind::Unauthenticated, "unauthenticated", "Sign in, or send a valid key.")
    }

    #[must_use]
    pub fn too_many(retry_after: u32) -> Self {
        let detail = format!("Too many tries. Wait {retry_after} seconds.");
        Self { retry_after: Some(retry_after), ..Self::new(Kind::TooMany, "too-many-requests", detail) }
    }

    /// Something on our side failed; `incident` finds the cause in the log.
    #[must_use]
    pub fn internal(incident: impl Into<String>) -> Self {
        let detail = "Something went wrong on our side. Nothing was changed; try again.";
        Self { incident: Some(incident.into()), ..Self::new(Kind::Internal, "internal", detail) }
    }

    /// A dependency is away for now.
    #[must_use]
    pub fn unavailable(incident: impl Into<String>) -> Self {
        let detail = "The shop cannot be reached for a moment. Nothing was changed; try again.";
        Self {
            incident: Some(incident.into()),
            retry_after: Some(1),
            ..Self::new(Kind::Unavailable, "unavailable", detail)
        }
    }

    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>, key: &str, detail: impl Into<String>) -> Self {
        self.faults.push(FieldFault { pointer: pointer.into(), key: key.to_owned(), detail: detail.into() });
        self
    }

    #[must_use]
    pub fn is(&self, key: &str) -> bool {
        self.key == key
    }
}
