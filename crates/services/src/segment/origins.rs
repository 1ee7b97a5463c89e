//! What newcomers are likely to become: learned with every fit from where customers came from, and said of everybody who registers,
//! in the registration's own transaction.

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use contract::customer::CameBy;
use domain::{SegmentModelId, StoreId};
use segmentation::{Decision, Model};
use store::segments::origins::{self, Cell, Origin, Since};
use store::{StoreError, Tx};

use super::facts;
use super::fit::PLACED_AT_ONCE;
use crate::Shop;
use crate::snapshot::Snapshot;

/// Who first bought since is not settled in a segment yet.
const SETTLED: TimeDelta = TimeDelta::days(28);
/// The newest of who is settled teach: where customers come from changes.
const LEARNED_FROM: i64 = 20_000;

/// Where somebody who registers comes from, and the place among the segments that it says.
pub(crate) struct Newcomer {
    pub origin: Origin,
    pub segment_model: Option<SegmentModelId>,
    pub segment_index: u16,
}

impl Shop {
    /// What is known of somebody who registers now. A link that leads nowhere says nothing.
    pub(crate) async fn newcomer(
        &self,
        tx: &mut Tx,
        came: &CameBy,
        shop: Option<&Snapshot>,
        now: DateTime<Utc>,
    ) -> Result<Newcomer, StoreError> {
        let (store, invited_by) = match came {
            CameBy { store: None, inviter: None } => (None, None),
            CameBy { store, inviter } => origins::behind_link(tx, *store, *inviter).await?,
        };
        let hour = shop.map(|shop| hour_of(shop, store, now));
        let segment_model = store::segments::model_in_use(tx).await?;
        let segment_index = match segment_model {
            Some(id) => {
                let known = known(store, hour, invited_by.is_some());
                match self.model_within(tx, id).await {
                    Ok(model) => model.expect(&known).segment,
                    // Whoever registers is a newcomer then (law 9): the next fit makes another model.
                    Err(error @ StoreError::Corrupt { .. }) => {
                        tracing::warn!(%error, "nothing is expected of a newcomer");
                        0
                    }
                    Err(error) => return Err(error),
                }
            }
            None => 0,
        };
        Ok(Newcomer { origin: Origin { store, hour, invited_by }, segment_model, segment_index })
    }

    /// The model with what it expects of newcomers.
    pub(super) async fn with_prospects(&self, model: Model, now: DateTime<Utc>) -> Result<Model, StoreError> {
        // Without a shop there is nobody to expect.
        let Ok(shop) = self.snapshot().await else { return Ok(model) };
        let mut tx = self.store.begin().await?;
        let imports_end = store::segments::imports_end(&mut tx).await?.unwrap_or(now);
        let came = origins::came(&mut tx, now - SETTLED, LEARNED_FROM).await?;
        drop(tx);
        let learned: Vec<(segmentation::Origin, Decision)> = came
            .into_iter()
            .map(|one| {
                let hour = match one.since {
                    Since::Hour(hour) => hour,
                    Since::Purchase(at) => hour_of(&shop, one.store, at),
                };
                let end = if one.features.at_till { now } else { imports_end };
                (known(one.store, Some(hour), one.invited), model.assign(&facts(&one.features, end)))
            })
            .collect();
        Ok(model.with_prospects(&learned))
    }

    /// Places who has not bought yet by what a new model expects of them, a page at a time.
    pub(super) async fn place_newcomers(&self, id: SegmentModelId, model: &Model) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        let expected: Vec<(Cell, i16)> = origins::cells(&mut tx)
            .await?
            .into_iter()
            .map(|cell| {
                let decision = model.expect(&known(cell.store, cell.hour, cell.invited));
                (cell, i16::try_from(decision.segment).unwrap_or(0))
            })
            .collect();
        drop(tx);
        let mut after = None;
        loop {
            let mut tx = self.store.begin().await?;
            let last = origins::expect(&mut tx, id, &expected, after, PLACED_AT_ONCE).await?;
            store::commit(tx).await?;
            if last.is_none() {
                return Ok(());
            }
            after = last;
        }
    }
}

fn known(store: Option<StoreId>, hour: Option<u8>, invited: bool) -> segmentation::Origin {
    segmentation::Origin { store: store.map(|store| store.to_string()), hour, invited }
}

fn hour_of(shop: &Snapshot, store: Option<StoreId>, at: DateTime<Utc>) -> u8 {
    let zone = store.map_or_else(|| shop.zone(), |store| shop.zone_of(store));
    u8::try_from(at.with_timezone(&zone).hour()).unwrap_or(0)
}
