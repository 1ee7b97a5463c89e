//! Closing: the purchase, the savings, the segment and the events, in one transaction.
//!
//! What can be refused without the database is refused first. The rest is written with whatever else closes in the same
//! moment (see `closer`); only a close that does not fit there is looked at by itself.

use contract::till::{CloseRequest, Session, TillCaller};
use contract::{IdempotencyKey, Once, Refusal};
use domain::{Amount, SessionId, SessionState};
use store::idempotency::{self, Claimed};

use super::answer;
use super::closer::Decided;
use super::counter::{Held, Session as Found};
use super::once::{again, claim, reused};
use super::{Stop, session_not_found, session_not_open, stored_session};
use crate::Shop;

const MAX_RECEIPT_CHARS: usize = 64;

impl Shop {
    pub(super) async fn close_once(
        &self,
        caller: &TillCaller,
        id: SessionId,
        once: &IdempotencyKey,
        request: &CloseRequest,
    ) -> Result<Once<()>, Stop> {
        check_receipt_number(&request.receipt_number)?;
        let claim = claim(caller, once, &format!("close {id}"), request)?;
        match self.at_counter(id).await? {
            // The same key may have closed another session, or this one that was forgotten since.
            Found::New(held) => {
                self.leave_if_unknown(held);
                match self.store.answered(&claim).await? {
                    Claimed::First => Err(session_not_found().into()),
                    Claimed::Answered(body) => Ok(again(body)),
                    Claimed::Reused => Err(reused()),
                }
            }
            Found::Ended(held, stored) => {
                self.leave_if_unknown(held);
                match self.store.answered(&claim).await? {
                    Claimed::Answered(body) => return Ok(again(body)),
                    Claimed::Reused => return Err(reused()),
                    Claimed::First if stored.store != caller.store => return Err(session_not_found().into()),
                    Claimed::First => {}
                }
                let (version, state) = (stored.version, stored.state);
                let answer = stored.answer.ok_or_else(session_not_found)?;
                let session = stored_session(&answer)?;
                match state {
                    // The answer was lost on its way: the same receipt gets the same one.
                    SessionState::Closed if session.receipt_number.as_ref() == Some(&request.receipt_number) => {
                        idempotency::answer_as(&self.store, &claim, id, version, self.clock.now()).await?;
                        Ok(Once { value: (), body: answer, replayed: false })
                    }
                    SessionState::Closed | SessionState::Open => {
                        Err(session_not_open("closed with another receipt").into())
                    }
                    SessionState::PartiallyReturned => Err(session_not_open("partially returned").into()),
                    SessionState::Cancelled => Err(session_not_open("cancelled").into()),
                }
            }
            Found::Open(held) => {
                let decided = self.check_payable(caller, &held, request).await?;
                self.close_held(caller, held, decided, &claim, request).await
            }
        }
    }

    /// The decision that is paid.
    async fn check_payable(&self, caller: &TillCaller, held: &Held, request: &CloseRequest) -> Result<Decided, Stop> {
        let open = held.open().filter(|open| open.store == caller.store).ok_or_else(session_not_found)?;
        if open.basis.facts.lines.is_empty() {
            let detail = "There is nothing in this session to sell.";
            return Err(Refusal::unacceptable("session-empty", detail).into());
        }
        let now = self.clock.now();
        if open.expires_at <= now {
            return Err(stale("The quote has expired: put the session again.").into());
        }
        let decided = Decided::of(open.settle());
        let decision = &decided.decision;
        if request.paid != decision.total {
            return Err(paid_mismatch(decision.total, request.paid).into());
        }
        if !self.still_holds(open, decision, now).await? {
            return Err(stale("A campaign or coupon of this quote no longer applies: put the session again.").into());
        }
        Ok(decided)
    }

    /// What the session is answered with before it is closed.
    pub(super) async fn told(&self, held: &Held, caller: &TillCaller) -> Result<Session, Stop> {
        let shop = self.snapshot().await?;
        let open = held.open().ok_or_else(session_not_found)?;
        Ok(answer::session(held.id, open, &open.decide(), &shop, caller))
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

pub(super) fn stale(detail: &str) -> Refusal {
    Refusal::conflict("evaluation-stale", detail)
}

fn paid_mismatch(total: Amount, paid: Amount) -> Refusal {
    let detail = format!("The session costs {} minor units, not {}.", total.minor(), paid.minor());
    Refusal::conflict("paid-mismatch", detail.clone()).at("/paid", "paid-mismatch", detail)
}

pub(super) fn receipt_taken() -> Refusal {
    let detail = "This till has used this receipt number for another session.";
    Refusal::conflict("receipt-already-used", detail).at("/receipt_number", "receipt-already-used", detail)
}
