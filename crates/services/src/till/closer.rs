//! The closer: purchases that are paid in the same moment are written in one transaction, each whole or not at all.
//!
//! Where memory knows all that a purchase is made from, they are one statement (see `known`); else they are written step by
//! step. A close is answered after the commit that holds it. One that does not fit (a receipt's number that is taken, a card that
//! was withdrawn) would take the others down with it: then it is looked for half by half, and it alone is refused.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use contract::Once;
use contract::till::{CloseRequest, Savings, SegmentChange, TillCaller};
use domain::{CustomerId, SegmentModelId, SessionId};
use events::Event;
use promotions::{Decision, Settlement, Source};
use store::idempotency::{Claim, Claimed};
use store::limits;
use store::purchases::{self, Buyer, Ending, Head, Sale};
use store::receipts::NewReceiptLine;
use store::segments::Change;
use store::sessions::Open;
use store::{StoreError, Tx};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::answer::Ended;
use super::batch::Batches;
use super::close::{receipt_taken, stale};
use super::counter::{Held, OpenSession, Place};
use super::limited::uses;
use super::once::{again, reused};
use super::{Stop, session_not_found, told};
use crate::Shop;
use crate::segment::SegmentMove;
use crate::snapshot::Snapshot;

/// Transactions at the same time.
pub(super) const WORKERS: usize = store::PURCHASE_CONNECTIONS as usize;
/// Purchases that are worth a transaction beside another. Transactions of eight, which is what three workers come to by
/// themselves with 64 tills, cost a third more a purchase than those of twenty.
const WORTH: usize = 20;
/// Who waits longer does not wait for enough others: a transaction before theirs may be held up by a lock.
const SOON: Duration = Duration::from_millis(50);
/// Purchases of one transaction.
const MOST: usize = 64;

#[derive(Debug)]
pub(crate) struct Closer {
    paid: Batches<Closing>,
}

impl Default for Closer {
    fn default() -> Self {
        Self { paid: Batches::new(WORKERS, WORTH, MOST) }
    }
}

#[cfg(test)]
impl Closer {
    /// How many wait for a transaction.
    pub(super) fn waiting(&self) -> usize {
        self.paid.waiting()
    }
}

/// A session that was paid, and who waits to be told.
pub(super) struct Closing {
    pub caller: TillCaller,
    pub held: Held,
    pub key: Key,
    pub request: CloseRequest,
    pub decided: Decided,
    /// What it was quoted from: products have their names here.
    pub shop: Arc<Snapshot>,
    tell: oneshot::Sender<Closed>,
}

type Closed = Result<Once<()>, Stop>;

/// What is paid: in numbers, as it is told, and in full, as it is written down.
pub(super) struct Decided {
    pub settled: Settlement,
    pub decision: Decision,
}

impl Decided {
    pub(super) fn of(settled: Settlement) -> Self {
        Self { decision: settled.decision(), settled }
    }
}

/// A claim that outlives its call.
pub(super) struct Key {
    owner: Uuid,
    key: String,
    request_hash: [u8; 32],
}

impl Key {
    pub(super) fn claim(&self) -> Claim<'_> {
        Claim { owner: self.owner, key: &self.key, request_hash: self.request_hash }
    }
}

impl std::fmt::Debug for Closing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Closing({})", self.held.id)
    }
}

/// What came of one of a batch.
pub(super) enum Came {
    /// Of a session and the version that it has now: the answer.
    Closed(SessionId, u32, String),
    /// Its key was used before.
    KeyUsed,
}

/// Why a batch came to nothing.
enum Broken {
    /// One of them does not fit; by itself it is told why.
    Misfit(Misfit),
    Stopped(Stop),
}

enum Misfit {
    /// No longer open, or its receipt's number is taken.
    NotBegun,
    CardGone,
    /// A coupon or a budget is used up.
    Short,
    /// The customer is another one now, or nobody.
    CustomerGone,
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::Stopped(error.into())
    }
}

impl Shop {
    /// Closes a session that is held and may be paid.
    pub(super) async fn close_held(
        &self,
        caller: &TillCaller,
        held: Held,
        decided: Decided,
        claim: &Claim<'_>,
        request: &CloseRequest,
    ) -> Closed {
        let shop = self.snapshot().await?;
        let key = Key { owner: claim.owner, key: claim.key.to_owned(), request_hash: claim.request_hash };
        let (tell, mut told) = oneshot::channel();
        let closing = Closing { caller: caller.clone(), held, key, request: request.clone(), decided, shop, tell };
        if self.counter.closer.paid.join(closing) {
            self.send_closer();
        }
        loop {
            match tokio::time::timeout(SOON, &mut told).await {
                Ok(closed) => return closed.unwrap_or(Err(Stop::Again)),
                Err(_) if self.counter.closer.paid.hurry() => self.send_closer(),
                Err(_) => {}
            }
        }
    }

    /// In a task of its own: a caller who goes away leaves nothing half-done.
    fn send_closer(&self) {
        let shop = self.clone();
        tokio::spawn(async move {
            while let Some(batch) = shop.counter.closer.paid.next() {
                shop.close_all(batch).await;
            }
        });
    }

    /// Those of which everything is known in one statement, the others step by step.
    async fn close_all(&self, batch: Vec<Closing>) {
        let (mut known, mut others): (Vec<_>, Vec<_>) = batch.into_iter().partition(|closing| self.is_known(closing));
        if !known.is_empty() {
            known.sort_unstable_by_key(|closing| closing.held.id.0);
            match self.close_known(&known).await {
                Ok(Some(came)) => self.tell_all(known, came).await,
                // Something is no longer as it was thought to be: step by step it is told of whom.
                Ok(None) => others.extend(known),
                Err(error) => {
                    tracing::warn!(%error, "purchases could not be written together; they are written step by step");
                    others.extend(known);
                }
            }
        }
        if !others.is_empty() {
            self.close_batch(others).await;
        }
    }

    async fn tell_all(&self, batch: Vec<Closing>, came: Vec<Came>) {
        for (closing, came) in batch.into_iter().zip(came) {
            self.tell(closing, came).await;
        }
    }

    async fn close_batch(&self, mut batch: Vec<Closing>) {
        match self.close_together(&batch).await {
            Ok(came) => self.tell_all(batch, came).await,
            Err(Broken::Misfit(misfit)) if batch.len() == 1 => {
                if let Some(closing) = batch.pop() {
                    let why = self.why(&closing, misfit).await;
                    self.give_back(closing, why);
                }
            }
            Err(Broken::Stopped(stop)) if batch.len() == 1 => {
                if let Some(closing) = batch.pop() {
                    self.give_back(closing, stop);
                }
            }
            // Half by half: whoever does not fit is alone after a few transactions, and the others are hardly slower.
            Err(_) => {
                let others = batch.split_off(batch.len() / 2);
                Box::pin(self.close_batch(batch)).await;
                Box::pin(self.close_batch(others)).await;
            }
        }
    }

    /// All of them in one transaction.
    async fn close_together(&self, batch: &[Closing]) -> Result<Vec<Came>, Broken> {
        let now = self.clock.now();
        let mut tx = purchases::open(&self.store).await?;
        let mut claims = Vec::with_capacity(batch.len());
        for closing in batch {
            let open = closing.held.open().ok_or_else(|| Broken::Stopped(session_not_found().into()))?;
            claims.push((closing.key.claim(), closing.held.id, open.version.saturating_add(1)));
        }
        let fresh = purchases::claim(&mut tx, &claims, now).await?;
        let is_fresh = |closing: &Closing| fresh.contains(&(closing.key.owner, closing.key.key.clone()));

        let mut rows: HashMap<SessionId, Open> = HashMap::with_capacity(batch.len());
        for closing in batch.iter().filter(|closing| is_fresh(closing)) {
            let open = closing.held.open().ok_or_else(|| Broken::Stopped(session_not_found().into()))?;
            let row = open.row(closing.held.id)?;
            // The till that is paid has the receipt, whichever began the basket; and whoever showed no code with the last
            // quote has nothing of this purchase, neither savings nor receipt.
            let (till, version) = (closing.caller.till, row.version.saturating_add(1));
            rows.insert(row.id, Open { till, version, customer: open.basis.customer(), ..row });
        }
        let closings: Vec<(&Closing, &Open)> =
            batch.iter().filter_map(|closing| Some((closing, rows.get(&closing.held.id)?))).collect();
        let sales: Vec<_> = closings.iter().map(|(closing, row)| Sale { session: row, head: closing.head() }).collect();
        let begun = match purchases::begin(&mut tx, &sales, now).await {
            Err(error) if purchases::is_taken(&error) => return Err(Broken::Misfit(Misfit::NotBegun)),
            begun => begun?,
        };
        for (closing, _) in &closings {
            match begun.get(&closing.held.id) {
                None => return Err(Broken::Misfit(Misfit::NotBegun)),
                Some(begun) if !begun.card_good => return Err(Broken::Misfit(Misfit::CardGone)),
                Some(_) => {}
            }
        }

        self.spend(&mut tx, &closings, now).await?;
        let mut crowd = self.crowd(&mut tx, &closings).await?;
        let mut written = Written::default();
        for closing in batch {
            let (Some(begun), Some(open)) = (begun.get(&closing.held.id), closing.held.open()) else {
                written.came.push(Came::KeyUsed);
                continue;
            };
            let mut ended = closing.ended(now);
            if let Some(id) = open.basis.customer() {
                let buyer = crowd.buyers.get_mut(&id).ok_or(Broken::Misfit(Misfit::CustomerGone))?;
                ended.savings = Some(closing.saves(buyer));
                let purchase = open.basis.purchase(&closing.decided.decision, now);
                let currency = Some(closing.shop.settings.currency);
                let counted =
                    self.count_in(&mut tx, &mut buyer.features, &purchase, crowd.model, currency, now).await?;
                written.note(counted, &mut ended, closing);
            }
            self.write_down(&mut written, closing, open, begun.receipt, &ended)?;
        }
        let edition = purchases::end(&mut tx, &written.ending(&crowd), now).await?;
        store::commit(tx).await?;
        self.counter.regulars.keep(crowd, edition);
        Ok(written.came)
    }

    /// What is to be written of a closed session. `receipt` is its id, or stands for it.
    pub(super) fn write_down(
        &self,
        written: &mut Written,
        closing: &Closing,
        open: &OpenSession,
        receipt: i64,
        ended: &Ended<'_>,
    ) -> Result<(), StoreError> {
        let Closing { held, decided: Decided { settled, decision }, shop, caller, .. } = closing;
        written.events.push(self.closed_event(closing, open, ended.at)?);
        written.lines.push((receipt, open.basis.sold(decision)?));
        let body = told::closed_json(held.id, open, settled, shop, caller, ended)?;
        written.came.push(Came::Closed(held.id, open.version.saturating_add(1), body));
        Ok(())
    }

    /// What their quotes held of limits is spent.
    async fn spend(&self, tx: &mut Tx, closings: &[(&Closing, &Open)], now: DateTime<Utc>) -> Result<(), Broken> {
        let limited: Vec<_> = closings
            .iter()
            .filter(|(closing, _)| closing.held.open().is_some_and(|open| open.limited))
            .map(|(closing, _)| (closing.held.id, uses(&closing.decided.decision.uses)))
            .collect();
        if limited.is_empty() {
            return Ok(());
        }
        let spending: Vec<_> = limited.iter().map(|(id, uses)| (*id, uses.as_slice())).collect();
        match limits::commit(tx, &spending, now).await?.first() {
            Some(_) => Err(Broken::Misfit(Misfit::Short)),
            None => Ok(()),
        }
    }

    /// The customers of these sales, locked.
    async fn crowd(&self, tx: &mut Tx, closings: &[(&Closing, &Open)]) -> Result<Crowd, StoreError> {
        let mut customers: Vec<CustomerId> =
            closings.iter().filter_map(|(closing, _)| closing.held.open()?.basis.customer()).collect();
        customers.sort_unstable_by_key(|id| id.0);
        customers.dedup();
        if customers.is_empty() {
            return Ok(Crowd::default());
        }
        let (buyers, model) = purchases::buyers(tx, &customers).await?;
        Ok(Crowd { buyers, model })
    }

    /// Tells one of a batch that was committed.
    async fn tell(&self, mut closing: Closing, came: Came) {
        let answer = match came {
            Came::Closed(.., body) => {
                if let Some(customer) = closing.held.open().and_then(|open| open.basis.customer()) {
                    self.guests.forget(customer);
                }
                self.leave(closing.held);
                Ok(Once { value: (), body, replayed: false })
            }
            Came::KeyUsed => {
                if let Place::Open(open) = &mut *closing.held.place {
                    open.doubtful = true;
                }
                match self.store.answered(&closing.key.claim()).await {
                    Ok(Claimed::Answered(body)) => Ok(again(body)),
                    Ok(Claimed::Reused) => Err(reused()),
                    // Forgotten between the two looks: then it is free.
                    Ok(Claimed::First) => Err(Stop::Again),
                    Err(error) => Err(error.into()),
                }
            }
        };
        // Who gave up waiting finds the answer under the key.
        let _ = closing.tell.send(answer);
    }

    /// Why a session could not be closed, as its till is told.
    async fn why(&self, closing: &Closing, misfit: Misfit) -> Stop {
        match misfit {
            Misfit::CardGone => stale("The card of this quote is no longer valid: put the session again.").into(),
            Misfit::Short => stale("A coupon or budget of this quote is used up: put the session again.").into(),
            Misfit::CustomerGone => {
                if let Some(customer) = closing.held.open().and_then(|open| open.basis.customer()) {
                    self.customer_changed(customer);
                }
                stale("The customer's account changed since this quote: put the session again.").into()
            }
            Misfit::NotBegun => {
                let (caller, number) = (&closing.caller, &closing.request.receipt_number);
                match self.store.receipt_of_number(caller.store, caller.till, number).await {
                    Ok(Some(session)) if session != Some(closing.held.id) => receipt_taken().into(),
                    // Its row went on without us: it is read again, and says what it is.
                    Ok(_) => Stop::Again,
                    Err(error) => error.into(),
                }
            }
        }
    }

    /// Nothing was written. Where that is not sure, the row is asked before anything else is done with the session.
    fn give_back(&self, mut closing: Closing, stop: Stop) {
        if let (Stop::Failed(_) | Stop::Again, Place::Open(open)) = (&stop, &mut *closing.held.place) {
            open.doubtful = true;
        }
        drop(closing.held);
        let _ = closing.tell.send(Err(stop));
    }
}

/// The customers of a batch, and the model that they are placed by.
#[derive(Default)]
pub(super) struct Crowd {
    pub buyers: HashMap<CustomerId, Buyer>,
    pub model: Option<SegmentModelId>,
}

/// What a batch writes beside its sessions and the heads of its receipts.
#[derive(Default)]
pub(super) struct Written {
    lines: Vec<(i64, Vec<NewReceiptLine>)>,
    changes: Vec<Change>,
    events: Vec<Event>,
    pub came: Vec<Came>,
}

impl Written {
    pub(super) fn note(
        &mut self,
        counted: Option<(SegmentMove, Change, Event)>,
        ended: &mut Ended<'_>,
        closing: &Closing,
    ) {
        if let Some((moved, change, event)) = counted {
            ended.segment_changed = Some(segment_change(&moved, &closing.caller));
            self.changes.push(change);
            self.events.push(event);
        }
    }

    pub(super) fn ending<'a>(&'a self, crowd: &'a Crowd) -> Ending<'a> {
        let mut buyers: Vec<&Buyer> = crowd.buyers.values().collect();
        buyers.sort_unstable_by_key(|buyer| buyer.features.id);
        let answers = self.came.iter().filter_map(|came| match came {
            Came::Closed(session, version, body) => Some((*session, *version, body.as_str())),
            Came::KeyUsed => None,
        });
        Ending {
            lines: self.lines.iter().map(|(receipt, lines)| (*receipt, lines.as_slice())).collect(),
            buyers,
            changes: &self.changes,
            events: &self.events,
            answers: answers.collect(),
        }
    }
}

impl Closing {
    pub(super) fn head(&self) -> Head<'_> {
        let decision = &self.decided.decision;
        let given = decision.lines.iter().flat_map(|line| &line.allocations);
        let card = given.into_iter().find_map(|part| match part.source {
            Source::Card(card) => Some(card),
            _ => None,
        });
        Head {
            number: &self.request.receipt_number,
            card,
            lines: decision.lines.len(),
            subtotal: decision.subtotal,
            discount: decision.discount,
            total: decision.total,
        }
    }

    /// What a stranger is told of the end; a customer more.
    pub(super) fn ended(&self, now: DateTime<Utc>) -> Ended<'_> {
        Ended { receipt_number: &self.request.receipt_number, at: now, segment_changed: None, savings: None }
    }

    /// Counts what its customer saves, and gives all that they have saved.
    pub(super) fn saves(&self, buyer: &mut Buyer) -> Savings {
        buyer.savings += self.decided.decision.discount;
        Savings { amount: buyer.savings, currency: self.shop.settings.currency }
    }
}

fn segment_change(moved: &SegmentMove, caller: &TillCaller) -> SegmentChange {
    let personal = [&moved.from, &moved.to].map(|name| name.personal_words(caller.locale));
    let [from, to] = match personal {
        // What sets these two apart is said of segments only.
        [a, b] if a == b => [moved.from.words(caller.locale), moved.to.words(caller.locale)],
        apart => apart,
    };
    SegmentChange { from, to, reason: moved.reason.words(caller.locale) }
}
