//! Cancelling: an open session is given up, a closed one is taken back whole: savings, segment, receipt.

use chrono::{DateTime, Utc};
use contract::till::{Effect, Savings, Session, TillCaller};
use contract::{IdempotencyKey, Once};
use domain::{SessionId, SessionState};
use store::idempotency::{self, Claim, Claimed};
use store::sessions::{self, Open, Outcome};
use store::{customers, limits, receipts};

use super::basis::Basis;
use super::counter::Session as Found;
use super::once::{body_of, claim, replay, reused};
use super::{Stop, session_not_found, session_not_open, stored_session};
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
            (SessionState::PartiallyReturned, ..) => return Err(session_not_open("partially returned").into()),
            // Twice: the same answer.
            (SessionState::Cancelled, _, Some(answer)) => {
                idempotency::complete(&mut tx, claim, answer).await?;
                store::commit(tx).await?;
                return Ok(Once { value: stored_session(answer)?, body: answer.clone(), replayed: false });
            }
            (SessionState::Closed, _, Some(answer)) => stored_session(answer)?,
            (SessionState::Closed | SessionState::Cancelled, _, None) => return Err(session_not_found().into()),
        };
        session.state = SessionState::Cancelled;
        session.version = stored.version.saturating_add(1);
        session.effects = if stored.state == SessionState::Closed { rollbacks(&session) } else { Vec::new() };
        session.segment_changed = None;
        let mut events = Vec::new();
        match stored.state {
            SessionState::Open => limits::release(&mut tx, id, now).await?,
            _ => {
                limits::give_back(&mut tx, id, now).await?;
            }
        }
        let basis = Basis::read(&stored.basis)?;
        if stored.state == SessionState::Closed {
            // What the purchase gave is taken back as it was stored, never evaluated again (law 6).
            if let Some(customer) = basis.customer() {
                let amount = customers::add_savings(&mut tx, customer, -session.discount).await?;
                session.savings = Some(Savings { amount, currency: session.currency });
            }
            receipts::cancel(&mut tx, id, now).await?;
            if let Some(customer) = basis.customer() {
                let closed_at = session.closed_at.unwrap_or(session.evaluated_at);
                self.take_back_from_segment(&mut tx, customer, &basis.purchase(&session, closed_at), now).await?;
            }
            events.push(self.purchase_event(&session, &basis, caller, None, now));
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
            self.guests.forget(customer);
        }
        Ok(Once { value: session, body, replayed: false })
    }
}

fn rollbacks(session: &Session) -> Vec<Effect> {
    let given = session.lines.iter().flat_map(|line| line.allocations.iter().map(move |part| (line.position, part)));
    let coupons = session.effects.iter().filter_map(|effect| match effect {
        Effect::AcceptCoupon { code, .. } => Some(Effect::RollbackCoupon { code: code.clone() }),
        _ => None,
    });
    given
        .map(|(position, part)| Effect::RollbackDiscount {
            position,
            source: part.source,
            id: part.id.clone(),
            amount: part.amount,
        })
        .chain(coupons)
        .collect()
}
