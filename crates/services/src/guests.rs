//! Customers at the tills, in memory for a moment: who shows a code is quoted several times while their basket grows.
//!
//! Whoever is asked for again while they are known stays so: behind the answer it is looked whether their row is still the
//! one that was read, of all who age in the same moment in one statement. So no scan of a long basket waits for the database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Card, CustomerCode, CustomerId, SegmentName};
use foldhash::quality::RandomState;
use store::customers::Customer;
use store::purchases::Edition;

use crate::Shop;
use crate::till::Batches;

/// More guests than this in a moment, and the book begins anew.
const MOST: usize = 20_000;
/// Guests that are looked for in one statement.
const LOOKED_FOR: usize = 512;
/// Whoever ages within this time is looked for together. Tests wait for it many times.
const MOMENT: Duration = Duration::from_millis(if cfg!(test) { 5 } else { 250 });
/// After this long a guest is read again whole: new cards may be due, which their row does not tell.
const WHOLE: TimeDelta = TimeDelta::minutes(1);

/// A customer, and what a quote needs of them.
#[derive(Debug)]
pub struct Guest {
    pub customer: Customer,
    pub segment: SegmentName,
    pub cards: Vec<Card>,
}

/// Who was at a till a moment ago.
#[derive(Debug)]
pub struct Guests {
    book: Mutex<Book>,
    aging: Batches<CustomerId>,
}

#[derive(Debug, Default)]
struct Book {
    /// Of every code that leads to them: the static one and the handle of the rotating ones.
    codes: HashMap<Code, CustomerId, RandomState>,
    guests: HashMap<CustomerId, Known, RandomState>,
}

#[derive(Debug)]
struct Known {
    guest: Arc<Guest>,
    /// When they were read.
    read_at: DateTime<Utc>,
    /// When their row was last seen to be the one that was read.
    seen_at: DateTime<Utc>,
    /// They are being looked for.
    sought: bool,
}

/// A guest who is known well enough.
pub(crate) enum Found {
    Fresh(Arc<Guest>),
    /// It is time to look for them again.
    Aging(Arc<Guest>),
}

impl Default for Guests {
    fn default() -> Self {
        Self { book: Mutex::default(), aging: Batches::new(1, 1, LOOKED_FOR) }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Code {
    Static(String),
    Handle(i64),
}

impl From<&CustomerCode> for Code {
    fn from(code: &CustomerCode) -> Self {
        match code {
            CustomerCode::Static(code) => Self::Static(code.as_str().to_owned()),
            CustomerCode::Rotating(code) => Self::Handle(code.handle.0),
        }
    }
}

impl Guests {
    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who this code leads to, if they were seen less than `fresh` ago. A rotating code is still to be verified.
    pub(crate) fn get(&self, code: &CustomerCode, now: DateTime<Utc>, fresh: TimeDelta) -> Option<Found> {
        let mut book = self.book();
        let Book { codes, guests } = &mut *book;
        let known = guests.get_mut(codes.get(&code.into())?)?;
        let age = now - known.seen_at;
        if age < TimeDelta::zero() || age >= fresh {
            return None;
        }
        let guest = known.guest.clone();
        if known.sought || age < fresh / 2 || now - known.read_at >= WHOLE {
            return Some(Found::Fresh(guest));
        }
        known.sought = true;
        Some(Found::Aging(guest))
    }

    pub(crate) fn put(&self, guest: &Arc<Guest>, now: DateTime<Utc>) {
        let mut book = self.book();
        if book.guests.len() >= MOST {
            *book = Book::default();
        }
        let customer = &guest.customer;
        book.codes.insert(Code::Static(customer.static_code.as_str().to_owned()), customer.id);
        book.codes.insert(Code::Handle(customer.code_handle.0), customer.id);
        book.guests.insert(customer.id, Known { guest: guest.clone(), read_at: now, seen_at: now, sought: false });
    }

    /// Comes back when nobody is looked for.
    #[cfg(test)]
    pub(crate) async fn settle(&self) {
        while !self.aging.is_idle() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// These were looked for at that time: who has another row now, or none, is forgotten.
    fn saw(&self, customers: &[CustomerId], rows: &HashMap<CustomerId, Edition>, at: DateTime<Utc>) {
        let mut book = self.book();
        for customer in customers {
            let Some(known) = book.guests.get_mut(customer) else { continue };
            if rows.get(customer) == Some(&known.guest.customer.edition) {
                known.seen_at = known.seen_at.max(at);
                known.sought = false;
            } else {
                book.guests.remove(customer);
            }
        }
    }

    /// The customer was changed: they are read again.
    pub(crate) fn forget(&self, customer: CustomerId) {
        self.book().guests.remove(&customer);
    }
}

impl Shop {
    /// What memory has of a customer is no longer so. Call it after the commit that changed them.
    pub(crate) fn customer_changed(&self, customer: CustomerId) {
        self.guests.forget(customer);
        self.counter.regulars.forget(std::iter::once(customer));
    }

    /// A guest whom memory knows well enough; who ages is looked for soon.
    pub(crate) fn guest(&self, code: &CustomerCode) -> Option<Arc<Guest>> {
        match self.guests.get(code, self.clock.now(), self.pace.guest)? {
            Found::Fresh(guest) => Some(guest),
            Found::Aging(guest) => {
                self.look_again(guest.customer.id);
                Some(guest)
            }
        }
    }

    fn look_again(&self, customer: CustomerId) {
        if self.guests.aging.join(customer) {
            let shop = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(MOMENT).await;
                while let Some(customers) = shop.guests.aging.next() {
                    let at = shop.clock.now();
                    match shop.store.editions(&customers).await {
                        Ok(rows) => shop.guests.saw(&customers, &rows, at),
                        // Then each is read when they are asked for.
                        Err(error) => tracing::warn!(%error, "customers at the tills could not be looked for"),
                    }
                    tokio::time::sleep(MOMENT).await;
                }
            });
        }
    }
}
