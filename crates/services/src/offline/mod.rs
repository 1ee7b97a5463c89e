//! What was sold without asking, handed in afterwards: in any order, any number of times, mixed with what was sold online.
//!
//! Every receipt is a transaction of its own, so one that cannot be read spoils no other, and a call that was cut off in
//! the middle is only sent again. A sale that happened is recorded, whatever it was given: what nobody had allowed is
//! measured, because refusing to know of it would not bring it back.

mod check;
mod record;

use async_trait::async_trait;
use contract::offline::{
    GrantPage, GrantsRequest, MAX_RECEIPTS, OfflineReceipt, ReceiptOutcome, ReceiptResult, ReceiptResults, SentReceipt,
};
use contract::till::TillCaller;
use contract::{IdempotencyKey, OfflineApi, Once, Refusal};
use domain::{Amount, Currency};
use sha2::{Digest, Sha256};
use store::StoreError;
use store::idempotency::{self, Claim, Claimed};
use store::offline_receipts::Sent;

use crate::Shop;
use crate::till::Stop;

use record::{Permit, Recorded, Sale};

/// How often a receipt is tried again after it lost a race that left nothing behind.
const TRIES: u32 = 6;

#[async_trait]
impl OfflineApi for Shop {
    async fn grants(&self, caller: &TillCaller, request: GrantsRequest) -> Result<GrantPage, Refusal> {
        self.sign_grants(caller, request).await.map_err(|stop| self.turned_away(stop))
    }

    async fn record_receipts(
        &self,
        caller: &TillCaller,
        once: &IdempotencyKey,
        receipts: Vec<SentReceipt>,
    ) -> Result<Once<ReceiptResults>, Refusal> {
        self.hand_in(caller, once, receipts).await.map_err(|stop| self.turned_away(stop))
    }
}

impl Shop {
    async fn hand_in(
        &self,
        caller: &TillCaller,
        once: &IdempotencyKey,
        receipts: Vec<SentReceipt>,
    ) -> Result<Once<ReceiptResults>, Stop> {
        if receipts.len() > MAX_RECEIPTS {
            let detail = format!("A call has at most {MAX_RECEIPTS} receipts: send the rest with another one.");
            return Err(Refusal::unacceptable("too-many-receipts", detail.clone())
                .at("/receipts", "too-many-receipts", detail)
                .into());
        }
        let settings = self.settings().await?;
        let claim = Claim { owner: caller.till.0, key: once.as_str(), request_hash: hash(&receipts)? };
        match self.store.answered(&claim).await? {
            Claimed::First => {}
            Claimed::Answered(body) => return replay(body),
            Claimed::Reused => return Err(reused()),
        }
        let mut results = Vec::with_capacity(receipts.len());
        for (place, receipt) in receipts.into_iter().enumerate() {
            let sent = Sent { once_key: once.as_str(), place: i32::try_from(place).unwrap_or(i32::MAX) };
            results.push(self.take_in(caller, receipt, settings.currency, sent).await?);
        }
        let value = ReceiptResults { results };
        let body = serde_json::to_string(&value).map_err(|why| StoreError::corrupt("answer", why))?;
        // Last, because the receipts are committed one by one: a call that is cut off before this is told the same again,
        // from the receipts themselves.
        let mut tx = self.store.begin().await?;
        match idempotency::claim(&mut tx, &claim, &body, self.clock.now()).await? {
            Claimed::First => store::commit(tx).await?,
            Claimed::Answered(first) => return replay(first),
            Claimed::Reused => return Err(reused()),
        }
        Ok(Once { value, body, replayed: false })
    }

    async fn take_in(
        &self,
        caller: &TillCaller,
        receipt: SentReceipt,
        currency: Currency,
        sent: Sent<'_>,
    ) -> Result<ReceiptOutcome, Stop> {
        let receipt = match receipt {
            SentReceipt::Readable(receipt) => receipt,
            SentReceipt::Unreadable { receipt_number, pointer, detail } => {
                let result = ReceiptResult::Rejected { key: "invalid-receipt".to_owned(), pointer, detail };
                return Ok(ReceiptOutcome { receipt_number, result });
            }
        };
        let receipt_number = Some(receipt.receipt_number.clone());
        let result = self.take_in_receipt(caller, receipt, currency, None, sent).await?;
        Ok(ReceiptOutcome { receipt_number, result })
    }

    /// Takes in one receipt; `allowed` is what we ourselves had told the till to take off.
    pub(crate) async fn take_in_receipt(
        &self,
        caller: &TillCaller,
        receipt: OfflineReceipt,
        currency: Currency,
        allowed: Option<Amount>,
        sent: Sent<'_>,
    ) -> Result<ReceiptResult, Stop> {
        let sale = match check::check(receipt, currency) {
            Ok(sale) => sale,
            Err(why) => {
                return Ok(ReceiptResult::Rejected { key: why.key, pointer: why.pointer, detail: why.detail });
            }
        };
        let sale = match allowed {
            Some(amount) => Sale { permit: Permit::Told(amount), ..sale },
            None => sale,
        };
        Ok(match self.record(caller, &sale, sent).await? {
            Recorded::New { over_bound, customer_known } if over_bound.is_zero() => {
                ReceiptResult::Accepted { customer_known }
            }
            Recorded::New { over_bound, customer_known } => {
                ReceiptResult::AcceptedOverBound { amount: over_bound, customer_known }
            }
            Recorded::Before { total } => ReceiptResult::Duplicate { recorded: total },
        })
    }

    /// A story that ended early, as its caller reads it: what is only held up is worth another try.
    pub(crate) fn turned_away(&self, stop: Stop) -> Refusal {
        match stop {
            Stop::Failed(StoreError::Busy(_) | StoreError::Conflict(_)) => Refusal {
                retry_after: Some(1),
                ..Refusal::new(contract::Kind::Busy, "till-busy", "Another call is at work here. Try again.")
            },
            stop => self.refused(stop),
        }
    }
}

fn hash(receipts: &[SentReceipt]) -> Result<[u8; 32], StoreError> {
    let request = serde_json::to_vec(receipts).map_err(|why| StoreError::corrupt("request", why))?;
    Ok(Sha256::new().chain_update(b"receipts\0").chain_update(request).finalize().into())
}

fn replay(body: String) -> Result<Once<ReceiptResults>, Stop> {
    let value = serde_json::from_str(&body).map_err(|why| StoreError::corrupt("answer", why))?;
    Ok(Once { value, body, replayed: true })
}

fn reused() -> Stop {
    let detail = "This Idempotency-Key was used for another request: take a new one.";
    Refusal::unacceptable("idempotency-key-reused", detail).into()
}
