//! Carries out what the counter's state orders, and brings the answers back to it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use contract::{Kind, Refusal};
use domain::{Amount, Currency, Locale};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::state::{Counter, Event, Order, Stage};
use super::{api, browser};
use crate::fault::{Answer, Fault};
use crate::i18n::use_locale;

/// How long a cashier waits for an answer before the screen says that it is late. The answer still counts when it comes.
const QUOTE_WAIT: Duration = Duration::from_secs(6);
const PAYMENT_WAIT: Duration = Duration::from_secs(12);

/// The counter on the screen. Every part of the screen reads it and tells it events.
#[derive(Clone, Copy)]
pub struct Desk {
    counter: RwSignal<Counter>,
    pub currency: Currency,
    pub locale: Locale,
}

impl Desk {
    #[must_use]
    pub fn new(currency: Currency) -> Self {
        Self { counter: RwSignal::new(Counter::new(currency)), currency, locale: use_locale() }
    }

    /// What a part of the screen shows; it is drawn again only when this value changes.
    pub fn see<T: PartialEq + Send + Sync + 'static>(
        self,
        of: impl Fn(&Counter) -> T + Send + Sync + 'static,
    ) -> Memo<T> {
        let counter = self.counter;
        Memo::new(move |_| counter.with(&of))
    }

    #[must_use]
    pub fn money(self, amount: Amount) -> String {
        amount.display(self.currency, self.locale)
    }

    /// Brings back what a reload of this tab interrupted.
    pub fn restore(self) {
        if let Some(saved) = browser::saved().filter(|saved| saved.currency == self.currency) {
            let selling = matches!(saved.stage, Stage::Selling);
            self.counter.set(saved);
            if selling {
                self.tell(Event::QuoteWanted);
            }
        }
    }

    pub fn tell(self, event: Event) {
        let orders = self.counter.try_update(|counter| counter.take(event, &mut browser::uuid)).unwrap_or_default();
        self.counter.with_untracked(browser::save);
        for order in orders {
            self.carry_out(order);
        }
    }

    fn carry_out(self, order: Order) {
        match order {
            Order::Identify { seq, code, key } => {
                self.ask(QUOTE_WAIT, api::identify(code, key), move |answer| Event::Identified { seq, answer });
            }
            Order::Quote { seq, session, request } => {
                self.ask(QUOTE_WAIT, api::quote(session, request), move |answer| Event::Quoted { seq, answer });
            }
            Order::Close { session, key, receipt, paid } => {
                let call = api::close(session, key.clone(), receipt, paid);
                self.ask(PAYMENT_WAIT, call, move |answer| Event::Closed { key: key.clone(), answer });
            }
            Order::Cancel { session, key } => {
                let call = api::cancel(session, key.clone());
                self.ask(PAYMENT_WAIT, call, move |answer| Event::Cancelled { key: key.clone(), answer });
            }
            Order::Abandon { session, key } => spawn_local(async move {
                // An open session expires by itself as well.
                _ = api::cancel(session, key).await;
            }),
        }
    }

    /// Calls, and tells the answer; after `wait` it tells that the shop is late, and the answer once more when it comes.
    fn ask<T: 'static>(
        self,
        wait: Duration,
        call: impl Future<Output = Result<Answer<T>, Fault>> + 'static,
        event: impl Fn(Answer<T>) -> Event + Clone + 'static,
    ) {
        let answered = Rc::new(Cell::new(false));
        let late = {
            let (answered, event) = (answered.clone(), event.clone());
            move || {
                if !answered.get() {
                    let refusal = Refusal::new(Kind::Unavailable, "late", "The shop does not answer.");
                    self.tell(event(Err(refusal)));
                }
            }
        };
        set_timeout(late, wait);
        spawn_local(async move {
            let answer = call.await.unwrap_or_else(|fault| Err(fault.0));
            answered.set(true);
            self.tell(event(answer));
        });
    }
}
