//! How a failure of the store becomes a refusal: the cause goes to the log under an incident id, never to the caller.

use chrono::Utc;
use contract::Refusal;
use store::StoreError;
use uuid::Uuid;

use crate::Shop;
use crate::clock::Draw;

impl Shop {
    /// A failure that is not the caller's fault. Named constraints that are must be matched before this.
    pub(crate) fn failed(&self, error: &(dyn std::error::Error + 'static)) -> Refusal {
        let incident: Uuid = self.entropy.id(self.clock.now().with_timezone(&Utc));
        tracing::error!(%incident, error = %chain(error), "a story failed");
        match error.downcast_ref::<StoreError>() {
            Some(StoreError::Unavailable(_) | StoreError::Conflict(_)) => Refusal::unavailable(incident.to_string()),
            _ => Refusal::internal(incident.to_string()),
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
