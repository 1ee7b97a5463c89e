//! The models that decide, in memory: read once, and again when another is in use or it was planned anew.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use discount::personal::Plan;
use discount::response::Response;
use store::offers::{State, StoredModel};
use store::{StoreError, Tx};

use super::planning::StoredPlan;
use super::{MODEL_LASTS, PLAN_LASTS};
use crate::Shop;

/// A model with its plan.
#[derive(Debug)]
pub(crate) struct Ready {
    pub version: i32,
    pub response: Response,
    pub plan: Plan,
    trained_at: DateTime<Utc>,
    pub planned_at: DateTime<Utc>,
}

/// Why a model cannot decide, by the key that is logged and told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("model-missing")]
    Missing,
    /// What is stored is none, or has numbers that are none.
    #[error("model-broken")]
    Broken,
    #[error("model-not-planned")]
    NotPlanned,
    #[error("model-stale")]
    Stale,
    /// What it says of this customer is not a number.
    #[error("model-absurd")]
    Absurd,
}

type Read = Result<Arc<Ready>, Unusable>;

/// What was read last, by version and time of plan.
#[derive(Debug, Default)]
pub(crate) struct Models(Mutex<[Option<(Key, Read)>; 2]>);

type Key = (i32, Option<DateTime<Utc>>);

impl Models {
    fn get(&self, place: usize, key: Key) -> Option<Read> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept[place].as_ref().filter(|(kept, _)| *kept == key).map(|(_, read)| read.clone())
    }

    fn put(&self, place: usize, key: Key, read: &Read) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[place] = Some((key, read.clone()));
    }
}

impl Shop {
    /// The model in use and the shadow's.
    pub(super) async fn models(&self, tx: &mut Tx) -> Result<[Read; 2], StoreError> {
        let versions = store::offers::versions(tx).await?;
        let mut found = [Err(Unusable::Missing), Err(Unusable::Missing)];
        for (place, state) in [State::InUse, State::Shadow].into_iter().enumerate() {
            let Some((_, version, planned_at)) = versions.iter().find(|(name, ..)| name == state.as_str()) else {
                continue;
            };
            let key = (*version, *planned_at);
            let read = match self.responses.get(place, key) {
                Some(read) => read,
                None => {
                    let Some(stored) = store::offers::model(tx, state).await? else { continue };
                    let read = ready(stored);
                    if let Err(why) = &read {
                        tracing::error!(version, %why, "a model of responses cannot be used");
                    }
                    self.responses.put(place, key, &read);
                    read
                }
            };
            found[place] = read.and_then(|ready| {
                let now = self.clock.now();
                let is_stale = now - ready.trained_at > MODEL_LASTS || now - ready.planned_at > PLAN_LASTS;
                if is_stale { Err(Unusable::Stale) } else { Ok(ready) }
            });
        }
        Ok(found)
    }
}

/// Reads what is stored, and believes nothing of it.
fn ready(stored: StoredModel) -> Read {
    let response = read_response(stored.model)?;
    let (Some(plan), Some(planned_at)) = (stored.plan, stored.planned_at) else { return Err(Unusable::NotPlanned) };
    let StoredPlan { plan, .. } = serde_json::from_value(plan).map_err(|_| Unusable::Broken)?;
    plan.check(&response).map_err(|_| Unusable::Broken)?;
    let StoredModel { version, trained_at, .. } = stored;
    Ok(Arc::new(Ready { version, response, plan, trained_at, planned_at }))
}

/// A stored response, worked out and checked.
pub(super) fn read_response(stored: serde_json::Value) -> Result<Response, Unusable> {
    let response: Response = serde_json::from_value(stored).map_err(|_| Unusable::Broken)?;
    let response = response.ready();
    response.check().map_err(|_| Unusable::Broken)?;
    Ok(response)
}
