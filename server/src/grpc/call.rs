//! What every call goes through: who calls, the key that makes it count once, and the time that the till gives it.

use std::time::Duration;

use contract::till::TillCaller;
use contract::{IdempotencyKey, Refusal};
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use super::status::status;
use crate::edge::Edge;
use crate::edge::request::RequestId;

pub(super) struct Call {
    edge: Edge,
    metadata: MetadataMap,
    id: String,
}

impl Call {
    pub(super) fn of<T>(edge: &Edge, request: &Request<T>) -> Self {
        let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        Self { edge: edge.clone(), metadata: request.metadata().clone(), id }
    }

    /// The till that the bearer key belongs to.
    pub(super) async fn caller(&self) -> Result<TillCaller, Refusal> {
        let header = self.metadata.get("authorization").and_then(|value| value.to_str().ok());
        let (scheme, key) = header.and_then(|header| header.split_once(' ')).ok_or_else(Refusal::unauthenticated)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::unauthenticated());
        }
        self.edge.till.authenticate(key.trim()).await
    }

    pub(super) fn once(&self) -> Result<IdempotencyKey, Refusal> {
        let mut values = self.metadata.get_all("idempotency-key").iter();
        let Some(value) = values.next() else {
            let detail =
                "Send `idempotency-key` metadata, a new one for every new purchase and the same one for a retry.";
            return Err(Refusal::malformed("idempotency-key-missing", detail));
        };
        let text = if values.next().is_some() { "" } else { value.to_str().unwrap_or_default() };
        IdempotencyKey::parse(text)
    }

    /// Ends when the till no longer waits, and after the time of every request at the latest. What was not committed is
    /// rolled back; a retry with the same key finds out what was.
    pub(super) async fn within_time<T>(&self, story: impl Future<Output = Result<T, Refusal>>) -> Result<T, Status> {
        let given = self.metadata.get("grpc-timeout").and_then(|value| timeout(value.to_str().ok()?));
        let most = self.edge.rules.timeout;
        match tokio::time::timeout(given.unwrap_or(most).min(most), story).await {
            Ok(told) => told.map_err(|refusal| status(&refusal)),
            Err(_) if given.is_some_and(|given| given <= most) => {
                Err(Status::deadline_exceeded("The till's time for this call is over; ask again with the same key."))
            }
            Err(_) => Err(status(&Refusal::unavailable(self.id.clone()))),
        }
    }
}

/// `grpc-timeout`: at most eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let digits = text.strip_suffix(unit)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        'H' => Duration::from_secs(number * 3_600),
        'M' => Duration::from_secs(number * 60),
        'S' => Duration::from_secs(number),
        'm' => Duration::from_millis(number),
        'u' => Duration::from_micros(number),
        'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tills_patience_is_read_as_grpc_writes_it() {
        assert_eq!(timeout("300m"), Some(Duration::from_millis(300)));
        assert_eq!(timeout("2S"), Some(Duration::from_secs(2)));
        assert_eq!(timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
        for text in ["", "m", "300", "-1m", "123456789m", "3x", "３m", "3é"] {
            assert_eq!(timeout(text), None, "{text}");
        }
    }
}
