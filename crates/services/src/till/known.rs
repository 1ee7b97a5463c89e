//! Closes of which everything is known: baskets that hold nothing of a limit, by customers whom memory has as their rows
//! have them. They are one statement, which says itself whether all of that is still so.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use domain::{CustomerId, SegmentModelId};
use foldhash::quality::RandomState;
use store::StoreError;
use store::customers::Customer;
use store::purchases::{self, Buyer, Edition, Known, KnownSale};
use store::segments::Features;

use super::closer::{Came, Closing, Crowd, Written};
use crate::Shop;

/// More customers than this, and the book begins anew.
const MOST: usize = 20_000;

/// Customers as their rows were when they were last read or written.
#[derive(Debug, Default)]
pub(crate) struct Regulars(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    buyers: HashMap<CustomerId, Buyer, RandomState>,
    /// The segments' model in use, if there was one when somebody last looked; at first nobody has.
    model: Option<Option<SegmentModelId>>,
}

impl Regulars {
    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, customer: CustomerId) -> bool {
        let book = self.book();
        book.model.is_some() && book.buyers.contains_key(&customer)
    }

    /// The customers as they are known; `None` when one is not.
    fn crowd(&self, customers: impl Iterator<Item = CustomerId>) -> Option<Crowd> {
        let book = self.book();
        let buyers: HashMap<_, _> =
            customers.map(|id| Some((id, book.buyers.get(&id)?.clone()))).collect::<Option<_>>()?;
        if buyers.is_empty() {
            return Some(Crowd::default());
        }
        Some(Crowd { buyers, model: book.model? })
    }

    /// A customer was read.
    pub(crate) fn meet(&self, customer: &Customer) {
        if customer.merged_into.is_some() || customer.erased {
            return;
        }
        let features = Features {
            id: customer.id.0,
            visits: i32::try_from(customer.visits).unwrap_or(i32::MAX),
            spent: customer.spent.0,
            first_purchase_at: customer.first_purchase_at,
            last_purchase_at: customer.last_purchase_at,
            composition: customer.composition.clone(),
            cost: customer.cost.0,
            costed: customer.costed.0,
            habits: customer.habits.clone(),
            segment_model: customer.segment_model.map(|id| id.0),
            segment_index: i16::try_from(customer.segment_index).unwrap_or(i16::MAX),
            at_till: true,
        };
        self.book().write(Buyer { features, savings: customer.savings, edition: customer.edition });
    }

    /// These were written.
    pub(super) fn keep(&self, crowd: Crowd, edition: Edition) {
        if crowd.buyers.is_empty() {
            return;
        }
        let mut book = self.book();
        book.model = Some(crowd.model);
        for buyer in crowd.buyers.into_values() {
            book.write(Buyer { edition, ..buyer });
        }
    }

    /// Many are no longer as they were.
    pub(crate) fn forget_all(&self) {
        *self.book() = Book::default();
    }

    /// These are no longer as they were.
    pub(crate) fn forget(&self, customers: impl Iterator<Item = CustomerId>) {
        let mut book = self.book();
        for customer in customers {
            book.buyers.remove(&customer);
        }
    }
}

impl Book {
    fn write(&mut self, buyer: Buyer) {
        if self.buyers.len() >= MOST {
            self.buyers.clear();
        }
        self.buyers.insert(CustomerId(buyer.features.id), buyer);
    }
}

impl Shop {
    pub(super) fn is_known(&self, closing: &Closing) -> bool {
        closing.held.open().is_some_and(|open| {
            let sure = !open.limited && !open.doubtful;
            sure && open.basis.customer().is_none_or(|customer| self.counter.regulars.has(customer))
        })
    }

    /// All of them, in order of session, in one statement; `None` when it cannot be, and nothing was written.
    pub(super) async fn close_known(&self, batch: &[Closing]) -> Result<Option<Vec<Came>>, StoreError> {
        let customers = || batch.iter().filter_map(|closing| closing.held.open()?.basis.customer());
        let Some(mut crowd) = self.counter.regulars.crowd(customers()) else { return Ok(None) };
        let now = self.clock.now();
        let mut written = Written::default();
        let mut sales = Vec::with_capacity(batch.len());
        for (place, closing) in (1..).zip(batch) {
            let Some(open) = closing.held.open() else { return Ok(None) };
            let mut ended = closing.ended(now);
            if let Some(buyer) = open.basis.customer().and_then(|id| crowd.buyers.get_mut(&id)) {
                ended.savings = Some(closing.saves(buyer));
                let purchase = open.basis.purchase(&closing.decided.decision, now);
                let currency = Some(closing.shop.settings.currency);
                let counted = self.count_known(&mut buyer.features, &purchase, crowd.model, currency, now)?;
                let Some(counted) = counted else { return Ok(None) };
                written.note(counted, &mut ended, closing);
            }
            self.write_down(&mut written, closing, open, place, &ended)?;
            sales.push(KnownSale {
                claim: closing.key.claim(),
                session: closing.held.id,
                store: open.store,
                till: closing.caller.till,
                version: open.version.saturating_add(1),
                customer: open.basis.customer(),
                head: closing.head(),
                // One that the journal has not come to yet is written once, as it is paid.
                quote: if open.kept == open.version { None } else { Some(open.row(closing.held.id)?) },
            });
        }
        let known = Known { sales, ending: written.ending(&crowd), model: crowd.model };
        let Some(edition) = purchases::write_known(&self.store, &known, now).await? else {
            self.counter.regulars.forget(customers());
            return Ok(None);
        };
        self.counter.regulars.keep(crowd, edition);
        Ok(Some(written.came))
    }
}
