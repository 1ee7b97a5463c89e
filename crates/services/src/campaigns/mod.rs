//! Campaigns: whoever changes one publishes the whole rule set anew, checked, as the next revision. Implements
//! [`CampaignApi`].

mod api;
mod publish;
mod reading;

use std::sync::Arc;

use contract::Refusal;
use promotions::Params;
use store::StoreError;

pub use reading::check;
pub(crate) use reading::compiled;

use crate::Shop;

impl Shop {
    /// The rules in force now.
    pub(crate) async fn rules_in_force(&self) -> Result<Arc<Params>, Refusal> {
        let rules = async {
            let revision = self.store.rules_revision().await?;
            self.rules_of(revision).await
        };
        let rules = rules.await.map_err(|error: StoreError| self.failed(&error))?;
        Ok(Arc::new(rules.params().clone()))
    }
}

pub(crate) fn not_found() -> Refusal {
    Refusal::not_found("campaign-not-found", "There is no campaign of this id in the rules in force.")
}

#[cfg(test)]
pub(crate) mod tests;
