//! Law 4: what a till asks twice counts once, and the second answer is the first, byte for byte.

use contract::till::TillCaller;
use contract::{IdempotencyKey, Once, Refusal};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use store::StoreError;
use store::idempotency::Claim;

use super::Stop;

/// The claim of one call: `operation` names the story and what it is about, `request` is all that it was asked.
pub(super) fn claim<'a>(
    caller: &TillCaller,
    once: &'a IdempotencyKey,
    operation: &str,
    request: &impl Serialize,
) -> Result<Claim<'a>, StoreError> {
    let request = serde_json::to_vec(request).map_err(|why| StoreError::corrupt("request", why))?;
    let mut hash = Sha256::new();
    hash.update(operation.as_bytes());
    hash.update([0]);
    hash.update(&request);
    Ok(Claim { owner: caller.till.0, key: once.as_str(), request_hash: hash.finalize().into() })
}

pub(super) fn reused() -> Stop {
    Stop::Refused(Refusal::unacceptable(
        "idempotency-key-reused",
        "This Idempotency-Key was used for another request: take a new one.",
    ))
}

/// The stored answer again, as it is.
pub(super) fn again(body: String) -> Once<()> {
    Once { value: (), body, replayed: true }
}

/// The stored answer again, and what it says.
pub(super) fn replay<T: DeserializeOwned>(body: String) -> Result<Once<T>, Stop> {
    let value = serde_json::from_str(&body).map_err(|why| StoreError::corrupt("answer", why))?;
    Ok(Once { value, body, replayed: true })
}

/// What most answers take; a buffer that grows is copied as often as it does.
const USUAL_BODY: usize = 4 * 1024;

pub(super) fn body_of(value: &impl Serialize) -> Result<String, StoreError> {
    let mut body = Vec::with_capacity(USUAL_BODY);
    serde_json::to_writer(&mut body, value).map_err(|why| StoreError::corrupt("answer", why))?;
    String::from_utf8(body).map_err(|why| StoreError::corrupt("answer", why))
}
