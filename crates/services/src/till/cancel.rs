//! Cancelling: an open session is given up, a closed one is taken back whole: savings, segment, receipt.

use contract::till::{Effect, Savings, Session, TillCaller};
use contract::{IdempotencyKey, Once};
use domain::{SessionId, SessionState};
use store::idempotency::{self, Claimed};
use store::sessions::{self, Held, Outcome};
use store::{customers, receipts};

use super::once::{body_of, claim, replay, reused};
use super::purchase::Basis;
use super::{Stop, corrupt, session_not_found, session_not_open, stored_session};
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
        let mut tx = sessions::begin_patient(&self.store).await?;
        match idempotency::claim(&mut tx, &claim, "", now).await? {
            Claimed::First => {}
            Claimed::Answered(body) => return replay(body),
            Claimed::Reused => return Err(reused()),
        }
        let held = sessions::hold(&mut tx, id, now).await?.filter(|held| held.store == caller.store);
        let Held { state, facts, answer, receipt, .. } = held.ok_or_else(session_not_found)?;
        let mut session = stored_session(answer)?;
        match state {
            SessionState::PartiallyReturned => return Err(session_not_open("partially returned").into()),
            // Twice: the same answer.
            SessionState::Cancelled => {
                let body = body_of(&session)?;
                idempotency::complete(&mut tx, &claim, &body).await?;
                store::commit(tx).await?;
                return Ok(Once { value: session, body, replayed: false });
            }
            SessionState::Open | SessionState::Closed => {}
        }
        session.state = SessionState::Cancelled;
        session.version = session.version.saturating_add(1);
        session.effects = if state == SessionState::Closed { rollbacks(&session) } else { Vec::new() };
        session.segment_changed = None;
        let mut events = Vec::new();
        if let Some(receipt) = receipt {
            let basis = Basis::stored(facts)?;
            // What the purchase gave is taken back as it was stored, never evaluated again (law 6).
            if let Some(customer) = basis.customer {
                let amount = customers::add_savings(&mut tx, customer, -session.discount).await?;
                session.savings = Some(Savings { amount, currency: session.currency });
            }
            receipts::cancel(&mut tx, receipt, now).await?;
            if let Some(customer) = basis.customer {
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
            answer: &serde_json::to_value(&session).map_err(|why| corrupt("session", &why))?,
            receipt,
            events: &events,
            claim: &claim,
            body: &body,
        };
        sessions::settle(&mut tx, outcome).await?;
        store::commit(tx).await?;
        Ok(Once { value: session, body, replayed: false })
    }
}

fn rollbacks(session: &Session) -> Vec<Effect> {
    let given = session.lines.iter().flat_map(|line| line.allocations.iter().map(move |part| (line.position, part)));
    given
        .map(|(position, part)| Effect::RollbackDiscount {
            position,
            source: part.source,
            id: part.id.clone(),
            amount: part.amount,
        })
        .collect()
}
