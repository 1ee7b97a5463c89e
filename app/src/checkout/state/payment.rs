//! Taking the money, once, and giving a session up.

use contract::till::Session;

use super::{Answer, Counter, Ids, Order, Payment, Place, Stage, is_over, is_unsure};

impl Counter {
    pub(super) fn open_payment(&mut self, receipt: String, ids: Ids<'_>) -> Option<Order> {
        self.stage = Stage::Paying(Payment { receipt, key: ids(), sending: false, unsure: false });
        self.trouble = None;
        None
    }

    pub(super) fn retype_receipt(&mut self, receipt: String, ids: Ids<'_>) -> Option<Order> {
        if let Stage::Paying(payment) = &mut self.stage
            && !payment.sending
            && !payment.unsure
            && payment.receipt != receipt
        {
            payment.receipt = receipt;
            payment.key = ids();
        }
        None
    }

    pub(super) fn leave_payment(&mut self) -> Option<Order> {
        if matches!(&self.stage, Stage::Paying(payment) if !payment.sending && !payment.unsure) {
            self.stage = Stage::Selling;
            self.trouble = None;
        }
        None
    }

    pub(super) fn pay(&mut self) -> Option<Order> {
        let sure = self.may_pay();
        let paid = self.quote.as_ref()?.total;
        let session = self.session.clone()?;
        let Stage::Paying(payment) = &mut self.stage else { return None };
        let receipt = payment.receipt.trim().to_owned();
        if payment.sending || receipt.is_empty() || !(sure || payment.unsure) {
            return None;
        }
        payment.sending = true;
        let key = payment.key.clone();
        self.trouble = None;
        Some(Order::Close { session, key, receipt, paid })
    }

    pub(super) fn closed(&mut self, key: &str, answer: Answer<Session>, ids: Ids<'_>) -> Option<Order> {
        let Stage::Paying(payment) = &mut self.stage else { return None };
        if payment.key != key {
            return None;
        }
        payment.sending = false;
        match answer {
            Ok(session) => {
                self.trouble = None;
                self.stage = Stage::Sold(Box::new(session));
                None
            }
            Err(refusal) if is_unsure(&refusal) => {
                payment.unsure = true;
                self.trouble(Place::Payment, refusal);
                None
            }
            Err(refusal) => {
                // A clear no: nothing was sold, and the next attempt is another one.
                payment.unsure = false;
                payment.key = ids();
                let order = if refusal.is("evaluation-stale") || refusal.is("paid-mismatch") {
                    self.changed(ids)
                } else if is_over(&refusal) {
                    self.stage = Stage::Selling;
                    self.session = None;
                    let order = self.changed(ids);
                    self.trouble(Place::Basket, refusal);
                    return order;
                } else {
                    None
                };
                self.trouble(Place::Payment, refusal);
                order
            }
        }
    }

    pub(super) fn cancel(&mut self, ids: Ids<'_>) -> Option<Order> {
        let idle = match &self.stage {
            Stage::Selling => true,
            // Also a payment whose answer was lost: the shop rolls it back whole when it happened.
            Stage::Paying(payment) => !payment.sending,
            Stage::Cancelling { .. } | Stage::Sold(_) => false,
        };
        if !idle {
            return None;
        }
        let Some(session) = self.session.clone() else {
            self.clear();
            return None;
        };
        let key = ids();
        self.trouble = None;
        let payment = match std::mem::replace(&mut self.stage, Stage::Selling) {
            Stage::Paying(payment) => Some(payment),
            _ => None,
        };
        self.stage = Stage::Cancelling { key: key.clone(), payment };
        Some(Order::Cancel { session, key })
    }

    pub(super) fn cancelled(&mut self, key: &str, answer: Answer<Session>) -> Option<Order> {
        let Stage::Cancelling { key: ours, payment } = &mut self.stage else { return None };
        if ours != key {
            return None;
        }
        let payment = payment.take();
        match answer {
            Ok(_) => self.clear(),
            Err(refusal) if is_over(&refusal) => self.clear(),
            Err(refusal) => {
                let place = if payment.is_some() { Place::Payment } else { Place::Basket };
                self.stage = payment.map_or(Stage::Selling, Stage::Paying);
                self.trouble(place, refusal);
            }
        }
        None
    }
}
