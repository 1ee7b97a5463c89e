//! Reopening: a closed session is open again, as if it had not been paid.
//!
//! Savings, features, limits and the receipt go back as with a cancellation. What it was quoted at stands, for as long as a
//! new quote would: it can be closed at once, or put anew.

use chrono::{DateTime, Utc};
use contract::till::{Session, TillCaller};
use contract::{IdempotencyKey, Once, Refusal};
use domain::{SessionId, SessionState};
use store::idempotency::{self, Claim, Claimed};
use store::sessions::{self, Outcome, Stored};
use store::{limits, receipts};

use super::basis::Basis;
use super::counter::{OpenSession, Session as Found};
use super::once::{body_of, claim, replay, reused};
use super::quote::HOLDS_FOR;
use super::{Stop, answer, session_not_closed, session_not_found, stored_session};
use crate::Shop;

impl Shop {
    pub(super) async fn reopen_once(
        &self,
        caller: &TillCaller,
        id: SessionId,
        once: &IdempotencyKey,
    ) -> Result<Once<Session>, Stop> {
        let claim = claim(caller, once, &format!("reopen {id}"), &())?;
        match self.store.answered(&claim).await? {
            Claimed::First => {}
            Claimed::Answered(body) => return replay(body),
            Claimed::Reused => return Err(reused()),
        }
        match self.at_counter(id).await? {
            Found::New(held) => {
                self.leave_if_unknown(held);
                Err(session_not_found().into())
            }
            Found::Open(held) if held.open().is_some_and(|open| open.store == caller.store) => {
                Err(session_not_closed("open").into())
            }
            Found::Open(_) => Err(session_not_found().into()),
            Found::Ended(mut held, stored) => {
                let told = match check(caller, &stored) {
                    Ok(()) => self.reopen_held(caller, *stored, &claim).await,
                    Err(refusal) => Err(refusal.into()),
                };
                match told {
                    Ok((open, once)) => {
                        self.keep_open(&mut held, open);
                        Ok(once)
                    }
                    Err(stop) => {
                        self.leave_if_unknown(held);
                        Err(stop)
                    }
                }
            }
        }
    }

    async fn reopen_held(
        &self,
        caller: &TillCaller,
        stored: Stored,
        claim: &Claim<'_>,
    ) -> Result<(OpenSession, Once<Session>), Stop> {
        let now = self.clock.now();
        let (id, version) = (stored.id, stored.version.saturating_add(1));
        let shop = self.snapshot().await?;
        let expires_at: DateTime<Utc> = now + HOLDS_FOR;
        // Read before anything is locked: a transaction never waits for a second connection.
        let open = self.reopened(Stored { version, expires_at, ..stored.clone() }).await?;

        let mut tx = sessions::begin_patient(&self.store).await?;
        match idempotency::claim(&mut tx, claim, "", now).await? {
            Claimed::First => {}
            Claimed::Answered(body) => return Ok((open, replay(body)?)),
            Claimed::Reused => return Err(reused()),
        }
        let again = sessions::hold(&mut tx, id).await?.ok_or_else(session_not_found)?;
        if (again.state, again.version) != (stored.state, stored.version) {
            return Err(Stop::Again);
        }
        let mut sale = stored_session(&again.answer.ok_or_else(session_not_found)?)?;
        limits::give_back(&mut tx, id, now).await?;
        receipts::reopen(&mut tx, id, now).await?;
        sale.state = SessionState::Open;
        let basis = Basis::read(&again.basis)?;
        self.roll_back(&mut tx, &mut sale, &basis, &Default::default(), now).await?;
        let event = self.purchase_event(&sale, &basis, caller, None, now)?;
        let session = answer::session(id, &open, &open.decide(), &shop, caller);
        let body = body_of(&session)?;
        sessions::reopen(&mut tx, id, expires_at).await?;
        let outcome =
            Outcome { id, state: SessionState::Open, version, answer: &body, events: &[event], claim, body: &body };
        sessions::settle(&mut tx, outcome).await?;
        store::commit(tx).await?;
        if let Some(customer) = basis.customer() {
            self.customer_changed(customer);
        }
        Ok((open, Once { value: session, body, replayed: false }))
    }
}

fn check(caller: &TillCaller, stored: &Stored) -> Result<(), Refusal> {
    match stored.state {
        _ if stored.store != caller.store => Err(session_not_found()),
        SessionState::Closed => Ok(()),
        SessionState::Open => Err(session_not_closed("open")),
        SessionState::PartiallyReturned => Err(session_not_closed("partially returned")),
        SessionState::Cancelled => Err(session_not_closed("cancelled")),
    }
}
