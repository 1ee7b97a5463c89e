//! What changed for a customer lately, and what they saved.

use contract::customer::{FeedEntry, FeedItem, Purchase};
use domain::CustomerId;
use store::StoreError;

use crate::Shop;

const ENTRIES: usize = 50;
const ISSUES: u32 = 6;
const PURCHASES: u16 = 30;
const MOVES: u16 = 20;
/// Purchases on the page of savings.
const SAVINGS: u16 = 200;

impl Shop {
    pub(super) async fn news_of(&self, customer: CustomerId) -> Result<Vec<FeedEntry>, StoreError> {
        let issues = self.store.issued_cards(customer, ISSUES).await?;
        let purchases = self.store.purchases_of(customer, false, PURCHASES).await?;
        let moves = self.store.segment_moves_of(customer, MOVES).await?;
        let issues = issues.into_iter().filter_map(|cards| {
            Some(FeedEntry { at: cards.first()?.valid_from, what: FeedItem::CardsIssued { cards } })
        });
        let purchases = purchases.into_iter().filter(|purchase| !purchase.cancelled).map(|purchase| FeedEntry {
            at: purchase.at,
            what: FeedItem::Purchase { store: purchase.store, total: purchase.total, saved: purchase.saved },
        });
        let moves = moves
            .into_iter()
            .map(|moved| FeedEntry { at: moved.at, what: FeedItem::SegmentChanged { from: moved.from, to: moved.to } });
        let mut entries: Vec<_> = issues.chain(purchases).chain(moves).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
        entries.truncate(ENTRIES);
        Ok(entries)
    }

    pub(super) async fn savings_of(&self, customer: CustomerId) -> Result<Vec<Purchase>, StoreError> {
        let purchases = self.store.purchases_of(customer, true, SAVINGS).await?;
        Ok(purchases
            .into_iter()
            .map(|purchase| Purchase {
                at: purchase.at,
                store: purchase.store,
                receipt_number: purchase.number,
                items: purchase.items,
                total: purchase.total,
                saved: purchase.saved,
                cancelled: purchase.cancelled,
            })
            .collect())
    }
}
