//! Who stands at the counter, what they buy, and the quote for it.

use contract::Refusal;
use contract::till::{Identified, LineRequest, Session, SessionRequest};
use domain::Amount;
use domain::session::{MAX_LINES, MAX_QUANTITY};

use super::{Answer, AtTheCounter, BasketLine, Counter, Ids, Order, Place, is_over};

impl Counter {
    pub(super) fn identify(&mut self, code: &str, ids: Ids<'_>) -> Option<Order> {
        let code = code.trim();
        if code.is_empty() || !self.is_selling() {
            return None;
        }
        self.trouble = None;
        self.scans += 1;
        self.identifying = Some(code.to_owned());
        Some(Order::Identify { seq: self.scans, code: code.to_owned(), key: ids() })
    }

    pub(super) fn identified(&mut self, seq: u64, answer: Answer<Identified>, ids: Ids<'_>) -> Vec<Order> {
        if seq != self.scans || !self.is_selling() {
            return Vec::new();
        }
        let Some(code) = self.identifying.take() else { return Vec::new() };
        match answer {
            Ok(who) => self.customer_changes(Some(AtTheCounter { code, who }), ids),
            Err(refusal) => {
                self.trouble(Place::Code, refusal);
                Vec::new()
            }
        }
    }

    /// A session is one customer's: another one at the counter takes the basket along into a session of their own.
    pub(super) fn customer_changes(&mut self, customer: Option<AtTheCounter>, ids: Ids<'_>) -> Vec<Order> {
        let was_somebody = self.customer.is_some();
        self.customer = customer;
        self.card = None;
        let old = if was_somebody { self.session.take() } else { None };
        let abandon = old.map(|session| Order::Abandon { session, key: ids() });
        abandon.into_iter().chain(self.changed(ids)).collect()
    }

    pub(super) fn add(&mut self, sku: String, name: String, price: Amount, ids: Ids<'_>) -> Option<Order> {
        if let Some(line) = self.lines.iter_mut().find(|line| line.sku == sku) {
            line.quantity = (line.quantity + 1).min(MAX_QUANTITY);
        } else if self.lines.len() < MAX_LINES {
            self.lines.push(BasketLine { sku, name, price, quantity: 1 });
        } else {
            let detail = format!("A basket has at most {MAX_LINES} lines.");
            self.trouble(Place::Basket, Refusal::unacceptable("basket-full", detail));
            return None;
        }
        self.changed(ids)
    }

    pub(super) fn set_quantity(&mut self, sku: &str, quantity: u32, ids: Ids<'_>) -> Option<Order> {
        let position = self.lines.iter().position(|line| line.sku == sku)?;
        if quantity == 0 {
            self.lines.remove(position);
        } else {
            let line = &mut self.lines[position];
            if line.quantity == quantity.min(MAX_QUANTITY) {
                return None;
            }
            line.quantity = quantity.min(MAX_QUANTITY);
        }
        self.changed(ids)
    }

    /// The basket is another one now; asks for its quote as soon as none is under way.
    pub(super) fn changed(&mut self, ids: Ids<'_>) -> Option<Order> {
        self.asked += 1;
        if self.trouble.as_ref().is_some_and(|trouble| trouble.place != Place::Code) {
            self.trouble = None;
        }
        if self.under_way.is_some() { None } else { self.send(ids) }
    }

    pub(super) fn send(&mut self, ids: Ids<'_>) -> Option<Order> {
        if self.lines.is_empty() && self.customer.is_none() {
            self.answered = self.asked;
            self.quote = None;
            return None;
        }
        let session = self.session.get_or_insert_with(ids).clone();
        self.under_way = Some(self.asked);
        let lines = self.lines.iter();
        let request = SessionRequest {
            explain: None,
            customer_code: self.customer.as_ref().map(|customer| customer.code.clone()),
            card_id: self.card,
            coupon_codes: Vec::new(),
            currency: self.currency,
            lines: lines
                .map(|line| LineRequest { sku: line.sku.clone(), quantity: line.quantity.into(), unit_price: None })
                .collect(),
        };
        Some(Order::Quote { seq: self.asked, session, request })
    }

    pub(super) fn quoted(&mut self, seq: u64, answer: Answer<Session>, ids: Ids<'_>) -> Option<Order> {
        match self.under_way {
            Some(asked) if asked == seq => self.under_way = None,
            // After a reload nothing is known to be under way, and the newest answer is still good; any other is to no question.
            None if seq == self.asked => {}
            _ => return None,
        }
        if seq != self.asked {
            // The basket went on while this was under way: the newest one is asked for now.
            return self.send(ids);
        }
        match answer {
            Ok(session) => {
                self.quote = Some(session);
                self.answered = seq;
                self.renewed = false;
                // After a re-quote the payment's own trouble (another total, say) is still what the cashier must read.
                if self.trouble_at(Place::Basket).is_some() {
                    self.trouble = None;
                }
                None
            }
            Err(refusal) if is_over(&refusal) && !self.renewed => {
                self.renewed = true;
                self.session = None;
                self.send(ids)
            }
            Err(refusal) if refusal.is("card-not-found") && self.card.is_some() => {
                self.card = None;
                self.send(ids)
            }
            Err(refusal) => {
                self.trouble(Place::Basket, refusal);
                None
            }
        }
    }
}
