//! `POST /api/v1/receipts`: what was sold offline. One that cannot be read does not spoil the others.

use axum::extract::State;
use contract::offline::{OfflineReceipt, ReceiptResults, ReceiptsRequest, SentReceipt};
use serde::Deserialize;
use serde_json::Value;

use super::answer::OnceAnswer;
use super::request::{Once, Payload, Till, pointer};
use super::{Problem, Refused};
use crate::edge::Edge;

/// As [`ReceiptsRequest`], each receipt still to be read by itself.
#[derive(Deserialize)]
pub struct Unread {
    receipts: Vec<Value>,
}

#[utoipa::path(
    post, path = "/api/v1/receipts", tag = "offline", operation_id = "record_receipts", request_body = ReceiptsRequest,
    params(("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters")),
    responses(
        (status = 200, description = "one result a receipt, in the order in which they were sent", body = ReceiptResults),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 413, body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "too-many-receipts, idempotency-key-reused", body = Problem, content_type = "application/problem+json"),
    ),
    security(("till_key" = [])),
)]
pub async fn receipts(
    Till(caller): Till,
    Once(once): Once,
    State(edge): State<Edge>,
    Payload(Unread { receipts }): Payload<Unread>,
) -> Result<OnceAnswer<ReceiptResults>, Refused> {
    let receipts = receipts.into_iter().map(read).collect();
    Ok(OnceAnswer(edge.offline.record_receipts(&caller, &once, receipts).await?))
}

fn read(value: Value) -> SentReceipt {
    let receipt_number =
        value.get("receipt_number").and_then(Value::as_str).map(|text| text.chars().take(64).collect());
    match serde_path_to_error::deserialize::<_, OfflineReceipt>(value) {
        Ok(receipt) => SentReceipt::Readable(receipt),
        Err(error) => {
            let detail = error.inner().to_string();
            SentReceipt::Unreadable { receipt_number, pointer: pointer(error.path(), &detail), detail }
        }
    }
}
