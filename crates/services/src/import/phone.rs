//! An imported customer gets a phone, and with it a way to sign in.

use contract::Refusal;
use domain::Phone;

use crate::Shop;

impl Shop {
    /// Gives the customer of this external id a phone to sign in with, in place of any they had.
    ///
    /// # Errors
    /// `customer-not-found`, and `phone-taken` when the phone is another customer's.
    pub async fn set_phone(&self, external_id: &str, phone: &Phone) -> Result<(), Refusal> {
        let mut tx = self.store.begin().await.map_err(|e| self.failed(&e))?;
        match store::customers::set_phone(&mut tx, external_id, phone).await {
            Ok(true) => store::commit(tx).await.map_err(|e| self.failed(&e)),
            Ok(false) => Err(Refusal::not_found(
                "customer-not-found",
                format!(
                    "No customer has the external id {external_id:?}. It is the customer's number in the imported receipts."
                ),
            )),
            Err(error) if error.breaks("customers_phone_key") => Err(Refusal::conflict(
                "phone-taken",
                format!("{} is another customer's phone. Nothing was changed.", phone.masked()),
            )),
            Err(error) => Err(self.failed(&error)),
        }
    }
}
