//! Closing: the purchase, the savings, the segment and the events, in one transaction.

use contract::till::{CloseRequest, Savings, SegmentChange, Session, TillCaller};
use contract::{IdempotencyKey, Once, Refusal};
use domain::{Amount, SessionId, SessionState};
use store::idempotency::{self, Claimed};
use store::sessions::{self, Held, Outcome};
use store::{StoreError, customers, receipts};

use super::once::{body_of, claim, replay, reused};
use super::purchase::Basis;
use super::{Stop, corrupt, session_not_found, session_not_open, stored_session};
use crate::Shop;

const MAX_RECEIPT_CHARS: usize = 64;

impl Shop {
    pub(super) async fn close_once(
        &self,
        caller: &TillCaller,
        id: SessionId,
        once: &IdempotencyKey,
        request: &CloseRequest,
    ) -> Result<Once<Session>, Stop> {
        check_receipt_number(&request.receipt_number)?;
        let claim = claim(caller, once, &format!("close {id}"), request)?;
        let now = self.clock.now();
        let mut tx = sessions::begin_patient(&self.store).await?;
        match idempotency::claim(&mut tx, &claim, "", now).await? {
            Claimed::First => {}
            Claimed::Answered(body) => return replay(body),
            Claimed::Reused => return Err(reused()),
        }
        let held = sessions::hold(&mut tx, id, now).await?.filter(|held| held.store == caller.store);
        let Held { state, facts, answer, expires_at, card_good, .. } = held.ok_or_else(session_not_found)?;
        let mut session = stored_session(answer)?;
        match state {
            SessionState::Open => {}
            // The answer was lost on its way: the same receipt gets the same one.
            SessionState::Closed if session.receipt_number.as_ref() == Some(&request.receipt_number) => {
                let body = body_of(&session)?;
                idempotency::complete(&mut tx, &claim, &body).await?;
                store::commit(tx).await?;
                return Ok(Once { value: session, body, replayed: false });
            }
            SessionState::Closed => return Err(session_not_open("closed with another receipt").into()),
            SessionState::PartiallyReturned => return Err(session_not_open("partially returned").into()),
            SessionState::Cancelled => return Err(session_not_open("cancelled").into()),
        }
        if session.lines.is_empty() {
            let detail = "There is nothing in this session to sell.";
            return Err(Refusal::unacceptable("session-empty", detail).into());
        }
        if expires_at <= now {
            return Err(stale("The quote has expired: put the session again.").into());
        }
        if card_good == Some(false) && session.discount > Amount::ZERO {
            return Err(stale("The card of this quote is no longer valid: put the session again.").into());
        }
        if request.paid != session.total {
            return Err(paid_mismatch(session.total, request.paid).into());
        }

        let basis = Basis::stored(facts)?;
        session.state = SessionState::Closed;
        session.version = session.version.saturating_add(1);
        session.receipt_number = Some(request.receipt_number.clone());
        session.closed_at = Some(now);
        session.segment_changed = Some(None);
        // The customer before the receipt: the receipt's foreign key would share the customer's row with a twin that
        // then waits for it to be free.
        if let Some(customer) = basis.customer {
            let amount = customers::add_savings(&mut tx, customer, session.discount).await?;
            session.savings = Some(Savings { amount, currency: session.currency });
            let moved = self.record_in_segment(&mut tx, customer, &basis.purchase(&session, now), now).await?;
            session.segment_changed = Some(moved.map(|moved| {
                let personal = [&moved.from, &moved.to].map(|name| name.personal_words(caller.locale));
                let [from, to] = match personal {
                    // What sets these two apart is said of segments only.
                    [a, b] if a == b => [moved.from.words(caller.locale), moved.to.words(caller.locale)],
                    apart => apart,
                };
                SegmentChange { from, to, reason: moved.reason }
            }));
        }
        let receipt = basis.receipt(&session, caller, &request.receipt_number, now)?;
        let receipt = receipts::insert(&mut tx, receipt).await.map_err(receipt_taken)?;
        let events = [self.purchase_event(&session, &basis, caller, request.paid_at, now)];
        let body = body_of(&session)?;
        let outcome = Outcome {
            id,
            state: session.state,
            version: session.version,
            answer: &serde_json::to_value(&session).map_err(|why| corrupt("session", &why))?,
            receipt: Some(receipt),
            events: &events,
            claim: &claim,
            body: &body,
        };
        sessions::settle(&mut tx, outcome).await?;
        store::commit(tx).await?;
        Ok(Once { value: session, body, replayed: false })
    }
}

fn check_receipt_number(number: &str) -> Result<(), Refusal> {
    let visible = number.trim() == number && !number.chars().any(char::is_control);
    if visible && (1..=MAX_RECEIPT_CHARS).contains(&number.chars().count()) {
        return Ok(());
    }
    let detail = format!("A receipt number has 1 to {MAX_RECEIPT_CHARS} visible characters.");
    Err(Refusal::unacceptable("invalid-receipt-number", detail.clone()).at(
        "/receipt_number",
        "invalid-receipt-number",
        detail,
    ))
}

fn stale(detail: &str) -> Refusal {
    Refusal::conflict("evaluation-stale", detail)
}

fn paid_mismatch(total: Amount, paid: Amount) -> Refusal {
    let detail = format!("The session costs {} minor units, not {}.", total.minor(), paid.minor());
    Refusal::conflict("paid-mismatch", detail.clone()).at("/paid", "paid-mismatch", detail)
}

fn receipt_taken(error: StoreError) -> Stop {
    if error.breaks("receipts_till_number_key") {
        let detail = "This till has used this receipt number for another session.";
        return Refusal::conflict("receipt-already-used", detail)
            .at("/receipt_number", "receipt-already-used", detail)
            .into();
    }
    error.into()
}
