//! What a handler takes from a request, in this order: who calls, the key that makes it count once, the path, the body.
//! So a stranger's body is never read, and every refusal is a problem of ours.

use std::str::FromStr;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use bytes::BytesMut;
use contract::till::TillCaller;
use contract::{IdempotencyKey, Kind, Refusal};
use domain::{CampaignId, SessionId};
use futures::StreamExt;
use http::header::{AUTHORIZATION, CONTENT_LENGTH};
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;
use serde_path_to_error::Segment;
use uuid::Uuid;

use super::Refused;
use crate::edge::Edge;

/// The largest body of a request.
pub const MAX_BODY: usize = 256 * 1024;
/// The largest rule set: some thousands of campaigns.
const MAX_RULES: usize = 2 * 1024 * 1024;

/// The till that the bearer key belongs to.
pub struct Till(pub TillCaller);

impl FromRequestParts<Edge> for Till {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Refused> {
        let key = bearer(parts).ok_or_else(Refusal::unauthenticated)?;
        Ok(Self(edge.till.authenticate(key).await?))
    }
}

/// Who may change campaigns with the bearer key.
pub struct Author(pub contract::campaigns::Author);

impl FromRequestParts<Edge> for Author {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Refused> {
        let key = bearer(parts).ok_or_else(Refusal::unauthenticated)?;
        Ok(Self(edge.campaigns.author(key).await?))
    }
}

fn bearer(parts: &Parts) -> Option<&str> {
    let (scheme, key) = parts.headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && (1..=256).contains(&key.len())).then_some(key)
}

/// The `Idempotency-Key` of a call that counts once.
pub struct Once(pub IdempotencyKey);

impl FromRequestParts<Edge> for Once {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &Edge) -> Result<Self, Refused> {
        let mut values = parts.headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else {
            let detail =
                "Send an Idempotency-Key header, a new one for every new purchase and the same one for a retry.";
            return Err(Refusal::malformed("idempotency-key-missing", detail).into());
        };
        // Two keys, or one that is no text, read as one that breaks the rules.
        let text = if values.next().is_some() { "" } else { value.to_str().unwrap_or_default() };
        Ok(Self(IdempotencyKey::parse(text)?))
    }
}

/// The session that the path names.
pub struct InSession(pub SessionId);

impl FromRequestParts<Edge> for InSession {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Refused> {
        let detail = "A session's id is a UUID that the till makes.";
        Ok(Self(id_in_path(parts, edge, || Refusal::malformed("invalid-session-id", detail)).await?))
    }
}

/// The campaign that the path names.
pub struct InCampaign(pub CampaignId);

impl FromRequestParts<Edge> for InCampaign {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Refused> {
        let detail = "A campaign's id is a UUID that its author makes.";
        Ok(Self(id_in_path(parts, edge, || Refusal::malformed("invalid-campaign-id", detail)).await?))
    }
}

/// The batch of coupons that the path names.
pub struct InBatch(pub Uuid);

impl FromRequestParts<Edge> for InBatch {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Refused> {
        let detail = "There is no batch of this id.";
        Ok(Self(id_in_path(parts, edge, || Refusal::not_found("batch-not-found", detail)).await?))
    }
}

async fn id_in_path<T: FromStr>(
    parts: &mut Parts,
    edge: &Edge,
    otherwise: impl FnOnce() -> Refusal,
) -> Result<T, Refusal> {
    let id = Path::<String>::from_request_parts(parts, edge).await.ok().and_then(|Path(id)| id.parse().ok());
    id.ok_or_else(otherwise)
}

/// The JSON body. The content type is not looked at: a bearer key is needed anyway, so no browser form can come here.
pub struct Payload<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Edge> for Payload<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &Edge) -> Result<Self, Refused> {
        let bytes = read(request, MAX_BODY).await?;
        Ok(Self(parse(&bytes)?))
    }
}

/// A rule set or a campaign, which may be larger than what a till sends; it is read where it is checked.
pub struct Rules(pub Value);

impl FromRequest<Edge> for Rules {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &Edge) -> Result<Self, Refused> {
        let bytes = read(request, MAX_RULES).await?;
        Ok(Self(parse(&bytes)?))
    }
}

pub(crate) async fn read(request: Request, most: usize) -> Result<BytesMut, Refusal> {
    let too_large = || {
        let detail = format!("This request has at most {most} bytes.");
        Refusal::new(Kind::TooLarge, "body-too-large", detail)
    };
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > most as u64) {
        return Err(too_large());
    }
    let mut bytes = BytesMut::with_capacity(declared.and_then(|length| usize::try_from(length).ok()).unwrap_or(4_096));
    let mut stream = Body::into_data_stream(request.into_body());
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Refusal::malformed("body-broken", "The request broke off before its end."))?;
        if bytes.len() + chunk.len() > most {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Reads JSON: what is no JSON is malformed, what is JSON of another shape is understood and not acceptable.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    refuse_nul(bytes)?;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let pointer = pointer(error.path(), &error.inner().to_string());
        let cause = error.into_inner();
        match cause.classify() {
            Category::Data => {
                let detail = "The request does not have the shape that this call takes.";
                Refusal::unacceptable("invalid-body", detail).at(pointer, "invalid", cause.to_string())
            }
            Category::Io | Category::Syntax | Category::Eof => malformed(&cause),
        }
    })?;
    json.end().map_err(|cause| malformed(&cause))?;
    Ok(value)
}

/// # Errors
/// `invalid-text` for JSON with a text that the store cannot keep.
pub(crate) fn refuse_nul(bytes: &[u8]) -> Result<(), Refusal> {
    match nul_escape(bytes) {
        Some(at) => {
            let detail = format!("Byte {at}: a text may not contain the character U+0000.");
            Err(Refusal::unacceptable("invalid-text", detail))
        }
        None => Ok(()),
    }
}

fn malformed(cause: &serde_json::Error) -> Refusal {
    Refusal::malformed("malformed-json", format!("The request is not valid JSON: {cause}."))
}

/// A JSON pointer (RFC 6901) to what is wrong; a missing field's own name belongs to it.
pub(super) fn pointer(path: &serde_path_to_error::Path, message: &str) -> String {
    let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", escaped(key))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    if let Some(name) = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        pointer.push_str(&format!("/{}", escaped(name)));
    }
    pointer
}

/// Where JSON text escapes U+0000, which no text of the shop may contain because PostgreSQL cannot keep it.
fn nul_escape(bytes: &[u8]) -> Option<usize> {
    // Backslashes are counted where they matter only: a body may be made of them.
    let escaped = |at: usize| bytes[..at].iter().rev().take_while(|&&b| b == b'\\').count() % 2 == 1;
    memchr::memmem::find_iter(bytes, b"\\u0000").find(|&at| !escaped(at))
}

#[cfg(test)]
mod tests {
    use contract::till::{CloseRequest, SessionRequest};
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> Refusal {
        parse::<SessionRequest>(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for text in ["", "{", "nonsense", "{\"currency\":\"EUR\",\"lines\":[]} more", "{\"lines\":[1e999]}"] {
            let refusal = refused(text);
            assert_eq!((refusal.kind, refusal.key.as_str()), (Kind::Malformed, "malformed-json"), "{text}");
        }
    }

    #[test]
    fn what_has_another_shape_is_pointed_at() {
        for (text, pointer) in [
            (r#"{"currency":"EUR"}"#, "/lines"),
            (r#"{"currency":"EUR","lines":[{"sku":"a","quantity":"two"}]}"#, "/lines/0/quantity"),
            (r#"{"currency":"EUR","lines":[{"sku":"a","quantity":1},{"quantity":1}]}"#, "/lines/1/sku"),
            (r#"{"currency":7,"lines":[]}"#, "/currency"),
            (r#"{"currency":"EUR","lines":[],"card_id":"x"}"#, "/card_id"),
            ("[]", ""),
        ] {
            let refusal = refused(text);
            if text == "[]" {
                assert_eq!(refusal.kind, Kind::Unacceptable, "{refusal:?}");
            } else {
                assert_eq!(refusal.kind, Kind::Unacceptable, "{refusal:?}");
                assert_eq!(refusal.faults[0].pointer, pointer);
            }
        }
    }

    #[test]
    fn the_nul_character_never_reaches_the_store() {
        let close =
            |number: &str| parse::<CloseRequest>(format!(r#"{{"receipt_number":"{number}","paid":1}}"#).as_bytes());
        assert!(close("a\\u0000").unwrap_err().is("invalid-text"));
        assert!(close("a\\\\\\u0000").unwrap_err().is("invalid-text"));
        assert_eq!(close("a\\\\u0000").unwrap().receipt_number, "a\\u0000");
    }

    #[test]
    fn a_body_of_backslashes_is_read_at_once() {
        let began = std::time::Instant::now();
        let body = format!("{{\"receipt_number\":\"{}u0000\"}}", "\\".repeat(MAX_BODY - 64));
        assert_eq!(nul_escape(body.as_bytes()), None, "an even number of them");
        assert!(nul_escape(body.replacen('\\', "", 1).as_bytes()).is_some());
        assert!(began.elapsed() < std::time::Duration::from_secs(1));
    }

    proptest! {
        #[test]
        fn no_body_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse::<SessionRequest>(&bytes);
        }

        #[test]
        fn no_text_near_json_panics(text in "[\\[\\]{}:,\"\\\\u0a-e \\-.]{0,60}") {
            let _ = parse::<SessionRequest>(text.as_bytes());
        }
    }
}
