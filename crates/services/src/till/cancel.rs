//! Cancelling: an open session is given up, a closed one is taken back whole: savings, segment, receipt. What of it has come
//! back before stays as it was paid back.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use contract::till::{Effect, Savings, Session, TillCaller};
use contract::{IdempotencyKey, Once};
use domain::{Amount, Returned, SessionId, SessionState};
use store::idempotency::{self, Claim, Claimed};
use store::sessions::{self, Open, Outcome};
use store::{StoreError, Tx, customers, limits, receipts, returns};

use super::basis::Basis;
use super::counter::Session as Found;
use super::once::{body_of, claim, replay, reused};
use super::{Stop, session_not_found, stored_session};
use crate::Shop;

impl Shop {
    pub(super) async fn cancel_once(
        &self,
        caller: &TillCaller,
        id: SessionId,
        once: &IdempotencyKey,
    ) -> Result<Once<Session>, Stop> {
        let claim = claim(caller, once, &format!("cancel {id}"), &())?;
        let now = self.clock.now();
        // An open session that only this process knows gets its row first: the cancellation is told of it.
        let (held, unwritten) = match self.at_counter(id).await? {
            Found::New(held) => (held, None),
            Found::Ended(held, _) => (held, None),
            Found::Open(held) => {
                let row = held.open().filter(|open| open.store == caller.store).map(|open| open.row(id)).transpose()?;
                let told = if row.is_some() { Some(self.told(&held, caller).await?) } else { None };
                (held, row.zip(told))
            }
        };
        let cancelled = self.cancel_held(caller, id, &claim, unwritten, now).await;
        match &cancelled {
            Ok(_) => self.leave(held),
            Err(_) => self.leave_if_unknown(held),
        }
        cancelled
    }

    async fn cancel_held(
        &self,
        caller: &TillCaller,
        id: SessionId,
        claim: &Claim<'_>,
        open: Option<(Open, Session)>,
        now: DateTime<Utc>,
    ) -> Result<Once<Session>, Stop> {
        let mut tx = sessions::begin_patient(&self.store).await?;
        match idempotency::claim(&mut tx, claim, "", now).await? {
            Claimed::First => {}
            Claimed::Answered(body) => return replay(body),
            Claimed::Reused => return Err(reused()),
        }
        if let Some((row, _)) = &open {
            sessions::keep_within(&mut tx, row).await?;
        }
        let stored = sessions::hold(&mut tx, id).await?.filter(|stored| stored.store == caller.store);
        let stored = stored.ok_or_else(session_not_found)?;
        let mut session = match (stored.state, open, &stored.answer) {
            (SessionState::Open, Some((_, session)), _) => session,
            (SessionState::Open, None, _) => return Err(Stop::Again),
            // Twice: the same answer.
            (SessionState::Cancelled, _, Some(answer)) => {
                idempotency::complete(&mut tx, claim, answer).await?;
                store::commit(tx).await?;
                return Ok(Once { value: stored_session(answer)?, body: answer.clone(), replayed: false });
            }
            (SessionState::Closed | SessionState::PartiallyReturned, _, Some(answer)) => stored_session(answer)?,
            (_, _, None) => return Err(session_not_found().into()),
        };
        session.state = SessionState::Cancelled;
        session.version = stored.version.saturating_add(1);
        session.segment_changed = None;
        let basis = Basis::read(&stored.basis)?;
        let mut events = Vec::new();
        if stored.state == SessionState::Open {
            session.effects = Vec::new();
            limits::release(&mut tx, id, now).await?;
        } else {
            limits::give_back(&mut tx, id, now).await?;
            let so_far = returns::so_far(&mut tx, id).await?;
            receipts::cancel(&mut tx, id, now).await?;
            self.roll_back(&mut tx, &mut session, &basis, &so_far, now).await?;
            events.push(self.purchase_event(&session, &basis, caller, None, now)?);
        }
        let body = body_of(&session)?;
        let outcome = Outcome {
            id,
            state: session.state,
            version: session.version,
            answer: &body,
            events: &events,
            claim,
            body: &body,
        };
        sessions::settle(&mut tx, outcome).await?;
        store::commit(tx).await?;
        if let Some(customer) = basis.customer() {
            self.customer_changed(customer);
        }
        Ok(Once { value: session, body, replayed: false })
    }

    /// Takes back what a sale gave and has not been returned yet: as it was stored, never evaluated again (law 6). Its
    /// receipts no longer count by now.
    pub(super) async fn roll_back(
        &self,
        tx: &mut Tx,
        session: &mut Session,
        basis: &Basis,
        so_far: &HashMap<u16, Returned>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        session.effects = rollbacks(session, so_far);
        let Some(customer) = basis.customer() else { return Ok(()) };
        let gone: Amount = so_far.values().map(|back| back.discount).sum();
        let saved = customers::add_savings(tx, customer, gone - session.discount).await?;
        session.savings = Some(Savings { amount: saved.amount, currency: session.currency });
        self.recount_in_segment(tx, customer, now).await?;
        Ok(())
    }
}

/// What is taken back of each allocation, and the coupons that may be used again.
fn rollbacks(session: &Session, so_far: &HashMap<u16, Returned>) -> Vec<Effect> {
    let mut effects = Vec::new();
    for line in &session.lines {
        let back = so_far.get(&line.position);
        for (place, part) in line.allocations.iter().enumerate() {
            let gone = back.and_then(|back| back.allocations.get(place)).copied().unwrap_or_default();
            if part.amount > gone {
                effects.push(Effect::RollbackDiscount {
                    position: line.position,
                    source: part.source,
                    id: part.id.clone(),
                    amount: part.amount - gone,
                });
            }
        }
    }
    effects.extend(coupons_again(&session.effects));
    effects
}

/// The coupons that a session took, free again.
pub(super) fn coupons_again(effects: &[Effect]) -> impl Iterator<Item = Effect> {
    effects.iter().filter_map(|effect| match effect {
        Effect::AcceptCoupon { code, .. } => Some(Effect::RollbackCoupon { code: code.clone() }),
        _ => None,
    })
}
