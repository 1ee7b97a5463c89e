//! A refusal as a gRPC status: a canonical code, the `key` in the details, and where it hurts.

use std::collections::HashMap;
use std::time::Duration;

use contract::{Kind, Refusal};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Whose keys these are.
const DOMAIN: &str = "kava";

/// `ErrorInfo` has the key, `BadRequest` the fields, `RetryInfo` when to come again, `RequestInfo` the incident.
pub(super) fn status(refusal: &Refusal) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(refusal.key.clone(), DOMAIN, HashMap::new());
    for fault in &refusal.faults {
        details.add_bad_request_violation(fault.pointer.clone(), format!("{}: {}", fault.key, fault.detail));
    }
    if let Some(seconds) = refusal.retry_after {
        details.set_retry_info(Some(Duration::from_secs(u64::from(seconds))));
    }
    if let Some(incident) = &refusal.incident {
        details.set_request_info(incident.clone(), "");
    }
    Status::with_error_details(code(refusal.kind), refusal.detail.clone(), details)
}

fn code(kind: Kind) -> Code {
    match kind {
        Kind::Malformed | Kind::Unacceptable => Code::InvalidArgument,
        Kind::Unauthenticated => Code::Unauthenticated,
        Kind::Forbidden => Code::PermissionDenied,
        Kind::NotFound => Code::NotFound,
        Kind::Conflict | Kind::Gone => Code::FailedPrecondition,
        Kind::TooLarge | Kind::TooMany => Code::ResourceExhausted,
        Kind::Busy => Code::Aborted,
        Kind::Unavailable => Code::Unavailable,
        Kind::Internal => Code::Internal,
    }
}
