//! Returns: goods of a closed session come back, in any order and in any parts. What is paid back, and whose discount it
//! was, follows from what was stored at the sale (`domain::returned`).
//!
//! The sale's lines stay as they were sold. A coupon and a budget stay used while anything of the sale is kept, and are free
//! again when everything came back.

use std::collections::BTreeMap;

use contract::till::{
    Allocation, Effect, Refund, ReturnRequest, Returned as Told, ReturnedLine, Savings, Session, SessionLine,
    TillCaller,
};
use contract::{IdempotencyKey, Once, Refusal};
use domain::session::{MAX_LINES, MAX_QUANTITY};
use domain::{Amount, ReturnId, Returned, SessionId, SessionState, SoldLine};
use store::idempotency::{self, Claim, Claimed};
use store::returns::{NewReturn, NewReturnedLine};
use store::sessions::{self, Outcome};
use store::{StoreError, accounts, customers, limits, returns};

use super::basis::Basis;
use super::cancel::coupons_again;
use super::counter::Session as Found;
use super::event::CameBack;
use super::once::{body_of, claim, replay, reused};
use super::{Stop, session_not_closed, session_not_found, stored_session};
use crate::Shop;
use crate::clock::Draw;

const MAX_REASON_CHARS: usize = 500;

impl Shop {
    pub(super) async fn return_once(
        &self,
        caller: &TillCaller,
        id: SessionId,
        once: &IdempotencyKey,
        request: &ReturnRequest,
    ) -> Result<Once<Told>, Stop> {
        check(request)?;
        let claim = claim(caller, once, &format!("return {id}"), request)?;
        let held = match self.at_counter(id).await? {
            Found::New(held) | Found::Ended(held, _) => held,
            Found::Open(held) => {
                let ours = held.open().is_some_and(|open| open.store == caller.store);
                return match self.store.answered(&claim).await? {
                    Claimed::Answered(body) => replay(body),
                    Claimed::Reused => Err(reused()),
                    Claimed::First if ours => Err(session_not_closed("open").into()),
                    Claimed::First => Err(session_not_found().into()),
                };
            }
        };
        let returned = self.return_held(caller, id, &claim, request).await;
        self.leave_if_unknown(held);
        returned
    }

    async fn return_held(
        &self,
        caller: &TillCaller,
        id: SessionId,
        claim: &Claim<'_>,
        request: &ReturnRequest,
    ) -> Result<Once<Told>, Stop> {
        let now = self.clock.now();
        let mut tx = sessions::begin_patient(&self.store).await?;
        match idempotency::claim(&mut tx, claim, "", now).await? {
            Claimed::First => {}
            Claimed::Answered(body) => return replay(body),
            Claimed::Reused => return Err(reused()),
        }
        let stored = sessions::hold(&mut tx, id).await?.filter(|stored| stored.store == caller.store);
        let stored = stored.ok_or_else(session_not_found)?;
        match stored.state {
            SessionState::Closed | SessionState::PartiallyReturned => {}
            SessionState::Open => return Err(Stop::Again),
            SessionState::Cancelled => return Err(session_not_closed("cancelled").into()),
        }
        let mut session = stored_session(&stored.answer.ok_or_else(session_not_found)?)?;
        let basis = Basis::read(&stored.basis)?;
        let mut so_far = returns::so_far(&mut tx, id).await?;
        let back = take_back(&session, &so_far, request)?;
        for (position, line) in &back {
            so_far.entry(*position).or_default().add(&line.now);
        }

        let refund: Amount = back.values().map(|line| line.now.refund).sum();
        let discount: Amount = back.values().map(|line| line.now.discount).sum();
        session.state = SessionState::PartiallyReturned;
        session.version = stored.version.saturating_add(1);
        session.segment_changed = None;
        for line in &mut session.lines {
            line.returned = so_far.get(&line.position).map_or(0, |back| back.quantity);
        }
        if session.lines.iter().all(|line| line.returned == line.quantity) {
            limits::give_back(&mut tx, id, now).await?;
            session.effects = coupons_again(&session.effects).collect();
        } else {
            session.effects.retain(|effect| matches!(effect, Effect::AcceptCoupon { .. }));
        }
        session.effects.extend(back.iter().flat_map(|(position, line)| line.effects(*position)));

        let return_id = ReturnId(self.entropy.id(now));
        let lines = back
            .iter()
            .map(|(position, line)| {
                let facts = basis.facts.lines.get(usize::from(*position));
                Ok(NewReturnedLine {
                    position: *position,
                    sku: &line.line.sku,
                    unit_cost: facts.and_then(|line| line.cost),
                    sold: &line.sold,
                    now: &line.now,
                    so_far: so_far.get(position).unwrap_or(&line.now),
                    allocations: line.allocations()?,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let new = NewReturn { id: return_id, session: id, reason: request.reason.trim(), lines };
        returns::insert(&mut tx, &new, now).await?;
        if let Some(customer) = basis.customer() {
            let saved = customers::add_savings(&mut tx, customer, Amount::ZERO - discount).await?;
            if saved.customer != customer {
                accounts::follow_receipts(&mut tx, customer, saved.customer).await?;
            }
            session.savings = Some(Savings { amount: saved.amount, currency: session.currency });
            let parts = session.lines.iter().map(|line| match back.get(&line.position) {
                Some(back) => (back.now.quantity, back.now.refund, back.now.discount),
                None => Default::default(),
            });
            let goods = basis.facts_of(parts, session.closed_at.unwrap_or(session.evaluated_at));
            self.return_in_segment(&mut tx, customer, &goods, now).await?;
        }

        let told = Told {
            return_id,
            refund: Refund { amount: refund, currency: session.currency },
            lines: back
                .iter()
                .map(|(position, line)| ReturnedLine {
                    position: *position,
                    quantity: line.now.quantity,
                    amount: line.now.refund,
                })
                .collect(),
            session,
        };
        let came_back = CameBack { return_id: told.return_id, refund: told.refund.amount, lines: &told.lines };
        let event = self.purchase_event(&told.session, &basis, caller, Some(came_back), now)?;
        let (body, answer) = (body_of(&told)?, body_of(&told.session)?);
        let outcome = Outcome {
            id,
            state: told.session.state,
            version: told.session.version,
            answer: &answer,
            events: &[event],
            claim,
            body: &body,
        };
        sessions::settle(&mut tx, outcome).await?;
        store::commit(tx).await?;
        if let Some(customer) = basis.customer() {
            self.customer_changed(customer);
        }
        Ok(Once { value: told, body, replayed: false })
    }
}

/// A line that comes back.
struct Back {
    line: SessionLine,
    sold: SoldLine,
    now: Returned,
}

impl Back {
    fn parts(&self) -> impl Iterator<Item = (&Allocation, Amount)> {
        self.line.allocations.iter().zip(self.now.allocations.iter().copied()).filter(|(_, amount)| !amount.is_zero())
    }

    fn effects(&self, position: u16) -> impl Iterator<Item = Effect> {
        self.parts().map(move |(part, amount)| Effect::RollbackDiscount {
            position,
            source: part.source,
            id: part.id.clone(),
            amount,
        })
    }

    /// As the receipt of the return keeps them: the sale's the other way round.
    fn allocations(&self) -> Result<Option<String>, StoreError> {
        let parts: Vec<Allocation> =
            self.parts().map(|(part, amount)| Allocation { amount: Amount::ZERO - amount, ..part.clone() }).collect();
        if parts.is_empty() {
            return Ok(None);
        }
        serde_json::to_string(&parts).map(Some).map_err(|why| StoreError::corrupt("allocations", why))
    }
}

/// What comes back of each line that is asked for; every line that cannot is told.
fn take_back(
    session: &Session,
    so_far: &std::collections::HashMap<u16, Returned>,
    request: &ReturnRequest,
) -> Result<BTreeMap<u16, Back>, Refusal> {
    let mut faults = Refusal::unacceptable("return-exceeds-sold", "More would come back than was sold: see `errors`.");
    let nothing = Returned::default();
    let mut asked: BTreeMap<u16, u32> = BTreeMap::new();
    let mut back: BTreeMap<u16, Back> = BTreeMap::new();
    for (place, wanted) in request.lines.iter().enumerate() {
        let Some(line) = session.lines.iter().find(|line| line.position == wanted.position) else {
            let detail = format!("This session has no line {}.", wanted.position);
            faults = faults.at(format!("/lines/{place}/position"), "return-exceeds-sold", detail);
            continue;
        };
        let before = so_far.get(&line.position).unwrap_or(&nothing);
        let units = asked.entry(line.position).or_default();
        *units = units.saturating_add(u32::try_from(wanted.quantity).unwrap_or(u32::MAX));
        let sold = SoldLine {
            quantity: line.quantity,
            unit_price: line.unit_price,
            discount: line.discount,
            allocations: line.allocations.iter().map(|part| part.amount).collect(),
        };
        match sold.take_back(before, *units) {
            Some(now) => {
                back.insert(line.position, Back { line: line.clone(), sold, now });
            }
            None => {
                let left = line.quantity.saturating_sub(before.quantity);
                let detail = format!("{left} of this line can still come back.");
                faults = faults.at(format!("/lines/{place}/quantity"), "return-exceeds-sold", detail);
            }
        }
    }
    if faults.faults.is_empty() { Ok(back) } else { Err(faults) }
}

fn check(request: &ReturnRequest) -> Result<(), Refusal> {
    let mut faults =
        Refusal::unacceptable("invalid-return", "Something in this return is out of bounds: see `errors`.");
    if request.lines.is_empty() || request.lines.len() > MAX_LINES {
        return Err(faults.at("/lines", "line-count-out-of-bounds", format!("A return has 1 to {MAX_LINES} lines.")));
    }
    for (place, line) in request.lines.iter().enumerate() {
        if !(1..=i64::from(MAX_QUANTITY)).contains(&line.quantity) {
            let detail = format!("A quantity is 1 to {MAX_QUANTITY}.");
            faults = faults.at(format!("/lines/{place}/quantity"), "quantity-out-of-bounds", detail);
        }
    }
    let unseen = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if request.reason.chars().count() > MAX_REASON_CHARS || request.reason.chars().any(unseen) {
        let detail = format!("A reason has at most {MAX_REASON_CHARS} visible characters.");
        faults = faults.at("/reason", "reason-out-of-bounds", detail);
    }
    if faults.faults.is_empty() { Ok(()) } else { Err(faults) }
}
