//! What the counter's screen knows, and how it changes. Pure: an event and fresh ids in, orders to the shop out.
//!
//! Laws: the basket is only ever emptied by the cashier or by a finished purchase, never by a fault. One quote is under way
//! at a time, and only the answer to the newest basket is shown. A payment whose answer was lost can only be repeated as
//! it was, or rolled back: it never becomes a second purchase.

mod basket;
mod payment;

use contract::till::{Identified, Session, SessionRequest};
use contract::{Kind, Refusal};
use domain::{Amount, CardId, Currency};
use serde::{Deserialize, Serialize};

use crate::fault::Answer;

/// The counter between two customers, or with one standing at it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Counter {
    pub currency: Currency,
    /// Chosen here with the first basket that is put.
    pub session: Option<String>,
    pub customer: Option<AtTheCounter>,
    /// Picked here; without it the customer's own active card counts.
    pub card: Option<CardId>,
    pub lines: Vec<BasketLine>,
    /// The newest answer; it belongs to the basket as it is only while [`Counter::is_settled`].
    pub quote: Option<Session>,
    pub stage: Stage,
    pub trouble: Option<Trouble>,
    /// The number of the basket's last change, of the change that `quote` answers, and of the quote under way.
    asked: u64,
    answered: u64,
    under_way: Option<u64>,
    scans: u64,
    /// The code that the shop is asked about.
    identifying: Option<String>,
    /// The session's id was just replaced because the old one was over: not twice in a row.
    renewed: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AtTheCounter {
    /// As it was scanned.
    pub code: String,
    pub who: Identified,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasketLine {
    pub sku: String,
    pub name: String,
    /// The shelf price that the catalogue showed; the quote's price counts.
    pub price: Amount,
    pub quantity: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Stage {
    Selling,
    Paying(Payment),
    /// `payment` is what was open, and comes back when the shop cannot be reached.
    Cancelling {
        key: String,
        payment: Option<Payment>,
    },
    Sold(Box<Session>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    pub receipt: String,
    /// Makes this attempt count once; a new one for every change of what is sent.
    pub key: String,
    pub sending: bool,
    /// It was sent and the answer was lost: the purchase may have happened.
    pub unsure: bool,
}

/// What went wrong, and which part of the screen shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    pub place: Place,
    pub refusal: Refusal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    Code,
    Basket,
    Payment,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    CodeEntered(String),
    Identified {
        seq: u64,
        answer: Answer<Identified>,
    },
    CustomerLeft,
    CardPicked(CardId),
    Added {
        sku: String,
        name: String,
        price: Amount,
    },
    /// Zero takes the line away.
    QuantitySet {
        sku: String,
        quantity: u32,
    },
    /// Ask again after a fault.
    QuoteWanted,
    Quoted {
        seq: u64,
        answer: Answer<Session>,
    },
    PaymentOpened {
        receipt: String,
    },
    ReceiptTyped(String),
    PaymentSent,
    Closed {
        key: String,
        answer: Answer<Session>,
    },
    PaymentLeft,
    CancelAsked,
    Cancelled {
        key: String,
        answer: Answer<Session>,
    },
    NextCustomer,
}

/// What the screen asks of the shop because of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    Identify {
        seq: u64,
        code: String,
        key: String,
    },
    Quote {
        seq: u64,
        session: String,
        request: SessionRequest,
    },
    Close {
        session: String,
        key: String,
        receipt: String,
        paid: Amount,
    },
    Cancel {
        session: String,
        key: String,
    },
    /// Like `Cancel`, of a session that nobody waits for any more.
    Abandon {
        session: String,
        key: String,
    },
}

/// Makes ids and keys: UUIDs in the browser, counters in tests.
pub type Ids<'a> = &'a mut dyn FnMut() -> String;

impl Counter {
    #[must_use]
    pub fn new(currency: Currency) -> Self {
        Self {
            currency,
            session: None,
            customer: None,
            card: None,
            lines: Vec::new(),
            quote: None,
            stage: Stage::Selling,
            trouble: None,
            asked: 0,
            answered: 0,
            under_way: None,
            scans: 0,
            identifying: None,
            renewed: false,
        }
    }

    /// What a reload brings back: nothing is under way any more, and a payment that was may have happened.
    #[must_use]
    pub fn restored(mut self) -> Self {
        self.under_way = None;
        self.identifying = None;
        match &mut self.stage {
            Stage::Paying(payment) => {
                payment.unsure |= payment.sending;
                payment.sending = false;
            }
            Stage::Cancelling { payment, .. } => self.stage = payment.take().map_or(Stage::Selling, Stage::Paying),
            Stage::Selling | Stage::Sold(_) => {}
        }
        self
    }

    /// The quote belongs to the basket as it is now.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.asked == self.answered
    }

    #[must_use]
    pub fn is_quoting(&self) -> bool {
        self.under_way.is_some()
    }

    #[must_use]
    pub fn is_identifying(&self) -> bool {
        self.identifying.is_some()
    }

    #[must_use]
    pub fn may_pay(&self) -> bool {
        self.is_settled() && self.quote.is_some() && !self.lines.is_empty() && self.identifying.is_none()
    }

    /// The card that counts: the one picked here, or the customer's own.
    #[must_use]
    pub fn card_in_use(&self) -> Option<CardId> {
        let cards = &self.customer.as_ref()?.who.cards;
        self.card.or_else(|| cards.iter().find(|card| card.active).map(|card| card.id))
    }

    #[must_use]
    pub fn trouble_at(&self, place: Place) -> Option<&Refusal> {
        self.trouble.as_ref().filter(|trouble| trouble.place == place).map(|trouble| &trouble.refusal)
    }

    /// Takes one event; what it returns is to be carried out in order.
    pub fn take(&mut self, event: Event, ids: Ids<'_>) -> Vec<Order> {
        // The next customer is already scanned while the last one's thanks are on the screen.
        if matches!(self.stage, Stage::Sold(_)) && matches!(event, Event::CodeEntered(_) | Event::Added { .. }) {
            self.clear();
        }
        match event {
            Event::CodeEntered(code) => self.identify(&code, ids),
            Event::Identified { seq, answer } => return self.identified(seq, answer, ids),
            Event::CustomerLeft if self.is_selling() => return self.customer_changes(None, ids),
            Event::CardPicked(card) if self.is_selling() && self.card_in_use() != Some(card) => {
                self.card = Some(card);
                self.changed(ids)
            }
            Event::Added { sku, name, price } if self.is_selling() => self.add(sku, name, price, ids),
            Event::QuantitySet { sku, quantity } if self.is_selling() => self.set_quantity(&sku, quantity, ids),
            Event::QuoteWanted if self.may_ask_again() => self.changed(ids),
            Event::Quoted { seq, answer } => self.quoted(seq, answer, ids),
            Event::PaymentOpened { receipt } if self.is_selling() && self.may_pay() => self.open_payment(receipt, ids),
            Event::ReceiptTyped(receipt) => self.retype_receipt(receipt, ids),
            Event::PaymentSent => self.pay(),
            Event::Closed { key, answer } => self.closed(&key, answer, ids),
            Event::PaymentLeft => self.leave_payment(),
            Event::CancelAsked => self.cancel(ids),
            Event::Cancelled { key, answer } => self.cancelled(&key, answer),
            Event::NextCustomer => {
                if matches!(self.stage, Stage::Sold(_)) {
                    self.clear();
                }
                None
            }
            // The rest does not fit the stage: a tap that came too late.
            _ => None,
        }
        .into_iter()
        .collect()
    }

    /// A payment was sent and its answer lost: nothing but repeating or cancelling it is safe.
    #[must_use]
    pub fn is_unsure(&self) -> bool {
        matches!(&self.stage, Stage::Paying(payment) if payment.unsure)
    }

    /// Whether another quote changes anything: not of what is being paid, given up, or sold.
    fn may_ask_again(&self) -> bool {
        match &self.stage {
            Stage::Selling => true,
            Stage::Paying(payment) => !payment.sending && !payment.unsure,
            Stage::Cancelling { .. } | Stage::Sold(_) => false,
        }
    }

    fn is_selling(&self) -> bool {
        matches!(self.stage, Stage::Selling)
    }

    /// An empty counter; the numbering goes on, so that answers to the last customer's basket stay foreign.
    fn clear(&mut self) {
        *self = Self { asked: self.asked + 1, answered: self.asked + 1, ..Self::new(self.currency) };
    }

    fn trouble(&mut self, place: Place, refusal: Refusal) {
        self.trouble = Some(Trouble { place, refusal });
    }
}

/// The session is not there to be changed any more.
fn is_over(refusal: &Refusal) -> bool {
    refusal.is("session-not-open") || refusal.is("session-not-found")
}

/// The shop may have done it and could not say so.
fn is_unsure(refusal: &Refusal) -> bool {
    matches!(refusal.kind, Kind::Unavailable | Kind::Internal | Kind::Busy)
}

#[cfg(test)]
mod tests;
