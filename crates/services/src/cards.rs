//! Cards: issued three at a time, chosen by the customer, read through the cache.

use contract::Refusal;
use domain::{Card, CustomerId};
use store::{StoreError, Tx};
use store::customers::Customer;

use crate::Shop;

impl Shop {
    /// The cards that this customer may use now; issues new ones where there are none or they have expired.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn cards_of(&self, customer: &Customer) -> Result<Vec<Card>, Refusal> {
        self.store.cards(customer.id).await.map_err(|error| self.failed(&error))
    }

    /// Issues cards in a story's transaction, which holds the customer's lock.
    ///
    /// # Errors
    /// What the store says.
    pub async fn issue_cards(&self, tx: &mut Tx, customer: CustomerId) -> Result<Vec<Card>, StoreError> {
        store::cards::current(tx, customer).await
    }
}
