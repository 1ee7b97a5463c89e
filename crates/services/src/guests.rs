//! Customers at the tills, in memory for a moment: who shows a code is quoted several times while their basket grows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Card, CustomerCode, CustomerId, SegmentName};
use foldhash::quality::RandomState;
use store::customers::Customer;

use crate::Shop;

/// More guests than this in a moment, and the book begins anew.
const MOST: usize = 20_000;

/// A customer, and what a quote needs of them.
#[derive(Debug)]
pub struct Guest {
    pub customer: Customer,
    pub segment: SegmentName,
    pub cards: Vec<Card>,
}

/// Who was at a till a moment ago.
#[derive(Debug, Default)]
pub struct Guests(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    /// Of every code that leads to them: the static one and the handle of the rotating ones.
    codes: HashMap<Code, CustomerId, RandomState>,
    guests: HashMap<CustomerId, (DateTime<Utc>, Arc<Guest>), RandomState>,
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
    /// Who this code leads to, if they were read less than `fresh` ago. A rotating code is still to be verified.
    pub(crate) fn get(&self, code: &CustomerCode, now: DateTime<Utc>, fresh: TimeDelta) -> Option<Arc<Guest>> {
        let book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, guest) = book.guests.get(book.codes.get(&code.into())?)?;
        let age = now - *read_at;
        (age >= TimeDelta::zero() && age < fresh).then(|| guest.clone())
    }

    pub(crate) fn put(&self, guest: &Arc<Guest>, now: DateTime<Utc>) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if book.guests.len() >= MOST {
            *book = Book::default();
        }
        let customer = &guest.customer;
        book.codes.insert(Code::Static(customer.static_code.as_str().to_owned()), customer.id);
        book.codes.insert(Code::Handle(customer.code_handle.0), customer.id);
        book.guests.insert(customer.id, (now, guest.clone()));
    }

    /// The customer was changed: they are read again.
    pub(crate) fn forget(&self, customer: CustomerId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).guests.remove(&customer);
    }
}

impl Shop {
    /// What memory has of a customer is no longer so. Call it after the commit that changed them.
    pub(crate) fn customer_changed(&self, customer: CustomerId) {
        self.guests.forget(customer);
        self.counter.regulars.forget(std::iter::once(customer));
    }
}
