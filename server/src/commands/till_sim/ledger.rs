//! What the till knows of itself at the end: its journal, added up.

use contract::offline::ReceiptResult;
use serde::Serialize;

/// Money in minor units. Printed as text for people and, as the last line, as one JSON object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ledger {
    pub sales: u64,
    /// Sold with the discount that Kava had pushed in time.
    pub quoted: u64,
    /// Sold on a grant.
    pub on_grant: u64,
    pub full_price: u64,
    pub subtotal: i64,
    pub discount: i64,
    pub paid: i64,
    /// Discounts that came when the sale had gone on.
    pub late_answers: u64,
    /// Pushes that came more than once.
    pub repeated_pushes: u64,
    pub messages_slow: u64,
    pub messages_twice: u64,
    pub messages_lost: u64,
    pub messages_reordered: u64,
    pub messages_offline: u64,
    /// Receipts that Kava learnt of only afterwards.
    pub reconciled: u64,
    /// Receipts that were handed in again and known already.
    pub duplicates: u64,
    pub rejected: u64,
    /// What Kava says was given past what was allowed.
    pub over_bound: i64,
    /// Recorded amounts that differ from the till's: always 0.
    pub disagreements: u64,
    pub worst_case_loss: i64,
    /// What the grants really gave.
    pub real_loss: i64,
}

impl Ledger {
    /// Counts what Kava said of a receipt for which `paid` was paid.
    pub fn count(&mut self, result: &ReceiptResult, paid: i64) {
        match result {
            ReceiptResult::Accepted { .. } => self.reconciled += 1,
            ReceiptResult::AcceptedOverBound { amount, .. } => {
                self.reconciled += 1;
                self.over_bound += amount.minor();
            }
            ReceiptResult::Duplicate { recorded } => {
                self.duplicates += 1;
                self.disagreements += u64::from(recorded.minor() != paid);
            }
            ReceiptResult::Rejected { .. } => self.rejected += 1,
        }
    }

    #[must_use]
    pub fn words(&self) -> String {
        format!(
            "{} sales: {} as quoted, {} on a grant, {} at the shelf price\n\
             {} before discounts, {} taken off, {} paid (minor units)\n\
             messages: {} slow, {} twice, {} lost, {} out of order, {} while offline; {} answers came late\n\
             afterwards: {} receipts reconciled, {} known already, {} rejected, {} that differ\n\
             at the worst the grants could have given {}; they gave {}, and {} past what was allowed\n",
            self.sales,
            self.quoted,
            self.on_grant,
            self.full_price,
            self.subtotal,
            self.discount,
            self.paid,
            self.messages_slow,
            self.messages_twice,
            self.messages_lost,
            self.messages_reordered,
            self.messages_offline,
            self.late_answers,
            self.reconciled,
            self.duplicates,
            self.rejected,
            self.disagreements,
            self.worst_case_loss,
            self.real_loss,
            self.over_bound,
        )
    }
}
