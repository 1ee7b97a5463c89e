//! What a till says: a basket to evaluate, a purchase to record, a check that was given up.

use async_trait::async_trait;
use contract::adapter::{AdapterApi, Envelope};
use contract::offline::{OfflineReceipt, ReceiptResult};
use contract::till::{CloseRequest, LineRequest, QuoteMode, Session, SessionRequest, TillCaller};
use contract::{IdempotencyKey, Kind, Refusal, TillApi};
use domain::{Locale, SessionId, SessionState};
use sha2::{Digest, Sha256};
use store::deliveries::{self, NewDelivery};
use store::offline_receipts::Sent;
use till::wire::{Direction, GrantedLine, Stamp, Taken, ToKava, ToTill};
use uuid::Uuid;

use crate::Shop;
use crate::clock::Draw;
use crate::till::Stop;

const DISCOUNT: &str = "discount.granted";
const PURCHASE: &str = "purchase.recorded";

#[async_trait]
impl AdapterApi for Shop {
    async fn receive(&self, envelope: Envelope) -> Result<String, Refusal> {
        let (caller, message) = self.proven(&envelope).await?;
        let hash: [u8; 32] = Sha256::digest(&envelope.body).into();
        if let Some(answer) = self.answered_before(&caller, message, &hash).await? {
            return Ok(answer);
        }
        let said: ToKava = serde_json::from_slice(&envelope.body)
            .map_err(|why| Refusal::unacceptable("invalid-body", format!("This is no message of a till: {why}.")))?;
        let (taken, letter) = match said {
            ToKava::CheckOpened { check, sequence, currency, customer_code, lines } => {
                let lines = lines.into_iter().map(|line| LineRequest {
                    sku: line.sku,
                    quantity: line.quantity,
                    unit_price: None,
                });
                let request = SessionRequest {
                    explain: None,
                    customer_code,
                    card_id: None,
                    coupon_codes: Vec::new(),
                    currency,
                    lines: lines.collect(),
                };
                self.check_opened(&caller, check, sequence, request).await?
            }
            ToKava::CheckClosed { check, sequence, receipt } => {
                self.check_closed(&caller, message, check, sequence, receipt).await?
            }
            ToKava::CheckAbandoned { check, sequence } => {
                self.check_abandoned(&caller, message, check, sequence).await?
            }
        };
        self.answer(&caller, message, hash, &taken, letter).await
    }
}

/// What the till is to be told, and about which check.
type Letter = Option<(SessionId, ToTill)>;

impl Shop {
    /// Which till it is. There is one answer to all that does not prove it.
    async fn proven(&self, envelope: &Envelope) -> Result<(TillCaller, Uuid), Refusal> {
        let stranger = Refusal::unauthenticated;
        let till = envelope.till.parse().map_err(|_| stranger())?;
        let message: Uuid = envelope.message.parse().map_err(|_| stranger())?;
        let timestamp = envelope.timestamp.parse().map_err(|_| stranger())?;
        let link = self.store.till_link(till).await.map_err(|error| self.failed(&error))?.ok_or_else(stranger)?;
        let secret = self.master()?.secret(till, link.generation);
        let stamp = Stamp { till, message, timestamp };
        secret.verify(Direction::ToKava, &stamp, &envelope.body, &envelope.signature, self.clock.now()).map_err(
            |why| {
                tracing::warn!(%till, %why, "a message of a till was not believed");
                stranger()
            },
        )?;
        Ok((TillCaller { till, store: link.store(), sets_prices: false, locale: Locale::En }, message))
    }

    /// What this message was answered before.
    async fn answered_before(
        &self,
        caller: &TillCaller,
        message: Uuid,
        hash: &[u8; 32],
    ) -> Result<Option<String>, Refusal> {
        match self.store.answered_message(caller.till, message).await.map_err(|error| self.failed(&error))? {
            Some((first, _)) if first != *hash => {
                let detail = "This message id was used for another message: take a new one.";
                Err(Refusal::unacceptable("message-id-reused", detail))
            }
            other => Ok(other.map(|(_, answer)| answer)),
        }
    }

    /// Whether no later message about this check was taken.
    async fn advanced(&self, caller: &TillCaller, check: SessionId, sequence: i64) -> Result<bool, Refusal> {
        let moved = self.store.advance_check(caller.till, check, sequence, self.clock.now()).await;
        moved.map_err(|error| self.failed(&error))
    }

    async fn check_opened(
        &self,
        caller: &TillCaller,
        check: SessionId,
        sequence: i64,
        request: SessionRequest,
    ) -> Result<(Taken, Letter), Refusal> {
        if !self.advanced(caller, check, sequence).await? {
            return Ok((Taken::Superseded, None));
        }
        let session = self.put_session(caller, check, request, QuoteMode::Stored).await?;
        // Another message may have come meanwhile: then this discount is for a basket that is no more.
        if !self.advanced(caller, check, sequence).await? {
            return Ok((Taken::Superseded, None));
        }
        let lines = session.lines.iter().map(|line| GrantedLine {
            position: line.position,
            sku: line.sku.clone(),
            unit_price: line.unit_price,
            discount: line.discount,
        });
        let granted = ToTill::DiscountGranted {
            check,
            sequence,
            currency: session.currency,
            lines: lines.collect(),
            discount: session.discount,
            total: session.total,
            expires_at: session.expires_at,
        };
        Ok((Taken::Evaluated, Some((check, granted))))
    }

    /// Closes the session when the till sold what was quoted. What it sold otherwise, late or alone, is a sale that
    /// happened all the same, and is recorded as one that was made offline.
    async fn check_closed(
        &self,
        caller: &TillCaller,
        message: Uuid,
        check: SessionId,
        sequence: i64,
        receipt: OfflineReceipt,
    ) -> Result<(Taken, Letter), Refusal> {
        self.advanced(caller, check, sequence).await?;
        let number = receipt.receipt_number.clone();
        let session = match self.session(caller, check).await {
            Ok(session) => Some(session),
            Err(refusal) if refusal.kind == Kind::NotFound => None,
            Err(refusal) => return Err(refusal),
        };
        let once = IdempotencyKey::parse(&format!("alfa-kassa {message}"))?;
        let closed = match session.filter(|session| is_what_was_sold(session, &receipt)) {
            Some(_) => self.close_quoted(caller, check, &once, &receipt).await?,
            None => None,
        };
        let outcome = match closed {
            Some(outcome) => outcome,
            None => self.record_sold(caller, check, &once, receipt).await?,
        };
        let told = ToTill::PurchaseRecorded { check, receipt_number: number, outcome: outcome.clone() };
        Ok((Taken::Recorded { outcome }, Some((check, told))))
    }

    /// `None` when the session cannot be closed any more, whatever is tried.
    async fn close_quoted(
        &self,
        caller: &TillCaller,
        check: SessionId,
        once: &IdempotencyKey,
        receipt: &OfflineReceipt,
    ) -> Result<Option<ReceiptResult>, Refusal> {
        let request = CloseRequest {
            receipt_number: receipt.receipt_number.clone(),
            paid: receipt.paid,
            paid_at: receipt.paid_at,
        };
        match self.close(caller, check, once, request).await {
            Ok(_) => Ok(Some(ReceiptResult::Accepted { customer_known: true })),
            Err(refusal) if matches!(refusal.kind, Kind::Conflict | Kind::NotFound | Kind::Unacceptable) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    /// What the till was told to take off may be given, whatever has become of the session meanwhile.
    async fn record_sold(
        &self,
        caller: &TillCaller,
        check: SessionId,
        once: &IdempotencyKey,
        receipt: OfflineReceipt,
    ) -> Result<ReceiptResult, Refusal> {
        let currency = self.settings().await?.currency;
        let allowed = match receipt.grant_id {
            Some(_) => None,
            None => self.store.told_discount(caller.till, check).await.map_err(|error| self.failed(&error))?,
        };
        let sent = Sent { once_key: once.as_str(), place: 0 };
        self.take_in_receipt(caller, receipt, currency, allowed, sent).await.map_err(|stop| self.turned_away(stop))
    }

    async fn check_abandoned(
        &self,
        caller: &TillCaller,
        message: Uuid,
        check: SessionId,
        sequence: i64,
    ) -> Result<(Taken, Letter), Refusal> {
        if !self.advanced(caller, check, sequence).await? {
            return Ok((Taken::Superseded, None));
        }
        let once = IdempotencyKey::parse(&format!("alfa-kassa {message}"))?;
        match self.session(caller, check).await {
            // Only a basket is given up like this; a purchase is taken back by people.
            Ok(session) if session.state == SessionState::Open => {
                self.cancel(caller, check, &once).await?;
            }
            Ok(_) => return Ok((Taken::Superseded, None)),
            Err(refusal) if refusal.kind == Kind::NotFound => {}
            Err(refusal) => return Err(refusal),
        }
        Ok((Taken::Abandoned, None))
    }

    /// Keeps the answer and puts the letter on its way, in one transaction; a twin that was quicker is believed.
    async fn answer(
        &self,
        caller: &TillCaller,
        message: Uuid,
        hash: [u8; 32],
        taken: &Taken,
        letter: Letter,
    ) -> Result<String, Refusal> {
        match self.keep_answer(caller, message, &hash, taken, letter).await {
            Ok(answer) => {
                self.letters.notify_one();
                Ok(answer)
            }
            Err(Stop::Failed(error)) if error.breaks("till_messages_pkey") => {
                self.answered_before(caller, message, &hash).await?.ok_or_else(|| self.failed(&error))
            }
            Err(stop) => Err(self.turned_away(stop)),
        }
    }

    async fn keep_answer(
        &self,
        caller: &TillCaller,
        message: Uuid,
        hash: &[u8; 32],
        taken: &Taken,
        letter: Letter,
    ) -> Result<String, Stop> {
        let corrupt = |why: serde_json::Error| store::StoreError::corrupt("message", why);
        let now = self.clock.now();
        let answer = serde_json::to_string(taken).map_err(corrupt)?;
        let mut tx = self.store.begin().await?;
        deliveries::keep_answer(&mut tx, (caller.till, message), hash, &answer, now).await?;
        if let Some((check, letter)) = letter {
            let kind = match letter {
                ToTill::DiscountGranted { .. } => DISCOUNT,
                ToTill::PurchaseRecorded { .. } => PURCHASE,
            };
            if kind == PURCHASE {
                // Paid for: no discount of it is of use any more.
                deliveries::end_deliveries(&mut tx, (caller.till, check), DISCOUNT, now).await?;
            }
            let body = serde_json::to_string(&letter).map_err(corrupt)?;
            let delivery = NewDelivery { id: self.entropy.id(now), till: caller.till, check, kind, body };
            deliveries::deliver(&mut tx, &delivery, now).await?;
        }
        store::commit(tx).await?;
        Ok(answer)
    }
}

/// Whether the till sold line by line what the session says.
fn is_what_was_sold(session: &Session, receipt: &OfflineReceipt) -> bool {
    session.total == receipt.paid
        && session.lines.len() == receipt.lines.len()
        && session.lines.iter().zip(&receipt.lines).all(|(quoted, sold)| {
            quoted.sku == sold.sku
                && i64::from(quoted.quantity) == sold.quantity
                && quoted.unit_price == sold.unit_price
                && quoted.discount == sold.discount
        })
}
