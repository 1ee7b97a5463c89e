//! Codes by the million: a chunk a transaction, so that whatever breaks it off leaves whole chunks, and whoever takes the
//! batch up again goes on where it stands.

use std::time::Duration;

use chrono::{DateTime, Utc};
use contract::Refusal;
use contract::campaigns::{BatchCode, BatchState, BatchView, CodePage};
use domain::{CampaignId, CouponCode, CustomerId};
use store::StoreError;
use store::coupons::batches::{self, Batch, Listed};
use uuid::Uuid;

use super::{check_window, opened_by_coupons};
use crate::Shop;

/// Codes of one transaction: some tenths of a second, and some megabytes.
pub const CHUNK: usize = 20_000;
/// The most codes of one batch.
pub const MAX_COUNT: i64 = 10_000_000;
/// How often a chunk is drawn anew when one of its codes is there already: with 65 random bits, never.
const DRAWS: u32 = 3;
/// How long nobody looks for a batch to make.
const PAUSE: Duration = Duration::from_secs(1);

/// What is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBatch {
    pub id: Uuid,
    pub campaign: CampaignId,
    pub count: i64,
    pub prefix: String,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    /// Whether the work behind the counter makes it; else whoever began it does, with [`Shop::extend_batch`].
    pub in_background: bool,
}

impl Shop {
    /// What the batch will be, when it is one.
    ///
    /// # Errors
    /// `invalid-batch` with pointers, `campaign-not-found`, `campaign-without-coupons`.
    pub(crate) async fn draft_batch(&self, new: &NewBatch) -> Result<Batch, Refusal> {
        let prefix = CouponCode::prefix(&new.prefix).map_err(|_| {
            let detail = format!("A prefix has at most {} letters and digits.", CouponCode::MAX_PREFIX);
            Refusal::unacceptable("invalid-batch", detail.clone()).at("/prefix", "invalid-prefix", detail)
        })?;
        if !(1..=MAX_COUNT).contains(&new.count) {
            let detail = format!("A batch has 1 to {MAX_COUNT} codes.");
            return Err(Refusal::unacceptable("invalid-batch", detail.clone()).at("/count", "out-of-bounds", detail));
        }
        check_window("invalid-batch", new.starts_at, new.ends_at)?;
        opened_by_coupons(&*self.rules_in_force().await?, new.campaign)?;
        let now = self.clock.now();
        Ok(Batch {
            id: new.id,
            campaign_id: new.campaign.0,
            prefix,
            count: new.count,
            made: 0,
            starts_at: new.starts_at,
            ends_at: new.ends_at,
            created_at: now,
            finished_at: None,
            stopped_at: (!new.in_background).then_some(now),
            failure: None,
        })
    }

    /// Begins a batch, or finds the one of this id when it says the same.
    ///
    /// # Errors
    /// As for every batch; `batch-differs` when there is another one of this id.
    pub async fn begin_batch(&self, new: &NewBatch) -> Result<Batch, Refusal> {
        let draft = self.draft_batch(new).await?;
        let begun = async {
            let mut tx = self.store.begin().await?;
            batches::create(&mut tx, &draft).await?;
            store::commit(tx).await?;
            self.store.coupon_batch(draft.id).await
        };
        let batch = begun.await.map_err(|error| self.failed(&error))?.unwrap_or_else(|| draft.clone());
        let said =
            |batch: &Batch| (batch.campaign_id, batch.prefix.clone(), batch.count, batch.starts_at, batch.ends_at);
        if said(&batch) != said(&draft) {
            let detail = "There is a batch of this id that says something else: ask for the same, or take a new id.";
            return Err(Refusal::conflict("batch-differs", detail));
        }
        Ok(batch)
    }

    /// Makes the next chunk of a batch, for `recipients` in their order when there are any, and gives the batch as it is
    /// then. `from` is what the caller took for made: when somebody else went on with the batch meanwhile, nothing is made.
    ///
    /// # Errors
    /// `batch-not-found`; else only when the store fails, and then nothing of this chunk was made.
    pub async fn extend_batch(&self, id: Uuid, from: i64, recipients: &[CustomerId]) -> Result<Batch, Refusal> {
        match self.make_chunk(id, Some(from), recipients).await {
            Ok(Some(batch)) => Ok(batch),
            Ok(None) => Err(batch_not_found()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    async fn make_chunk(
        &self,
        id: Uuid,
        from: Option<i64>,
        recipients: &[CustomerId],
    ) -> Result<Option<Batch>, StoreError> {
        let mut draws = 0;
        loop {
            let mut tx = self.store.begin().await?;
            let Some(batch) = batches::hold(&mut tx, id).await? else { return Ok(None) };
            let left = usize::try_from(batch.count - batch.made).unwrap_or(0);
            if left == 0 || from.is_some_and(|from| from != batch.made) {
                return Ok(Some(batch));
            }
            let most = if recipients.is_empty() { CHUNK } else { recipients.len() };
            let codes = self.draw_codes(&batch.prefix, left.min(most));
            let recipients = &recipients[..recipients.len().min(codes.len())];
            match batches::add(&mut tx, &batch, &codes, recipients, self.clock.now()).await {
                Ok(()) => {
                    store::commit(tx).await?;
                    return self.store.coupon_batch(id).await;
                }
                Err(error) if error.breaks("coupons_pkey") && draws < DRAWS => draws += 1,
                Err(error) => return Err(error),
            }
        }
    }

    fn draw_codes(&self, prefix: &str, count: usize) -> Vec<CouponCode> {
        let mut random = vec![0; count * CouponCode::RANDOM];
        self.entropy.fill(&mut random);
        let (drawn, _) = random.as_chunks::<{ CouponCode::RANDOM }>();
        drawn.iter().map(|bytes| CouponCode::random(prefix, *bytes)).collect()
    }

    /// Makes the batches that wait, one after another, until there are none; says how many chunks that were.
    ///
    /// # Errors
    /// Only when the store fails; the batch that failed is stopped when the database itself refuses it.
    pub async fn make_waiting_batches(&self) -> Result<u64, StoreError> {
        let mut chunks = 0;
        while let Some(id) = self.store.unfinished_batch().await? {
            match self.make_chunk(id, None, &[]).await {
                Ok(_) => chunks += 1,
                Err(error @ (StoreError::Unavailable(_) | StoreError::Busy(_) | StoreError::Conflict(_))) => {
                    return Err(error);
                }
                Err(error) => {
                    self.store.stop_batch(id, Some(&error.to_string()), self.clock.now()).await?;
                    return Err(error);
                }
            }
        }
        Ok(chunks)
    }

    /// Makes batches as they come, until the task is dropped; failures are logged and tried again.
    pub async fn make_batches(&self) {
        loop {
            match self.make_waiting_batches().await {
                Ok(0) => {}
                Ok(chunks) => tracing::info!(chunks, "coupon codes were made"),
                Err(error) => tracing::warn!(%error, "coupon codes could not be made"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

pub(crate) fn batch_not_found() -> Refusal {
    Refusal::not_found("batch-not-found", "There is no batch of this id.")
}

pub(crate) fn view(batch: &Batch) -> BatchView {
    let state = match (batch.finished_at, batch.stopped_at) {
        (Some(_), _) => BatchState::Done,
        (None, Some(_)) => BatchState::Stopped,
        (None, None) => BatchState::Running,
    };
    BatchView {
        batch_id: batch.id,
        campaign_id: CampaignId(batch.campaign_id),
        state,
        made: batch.made,
        count: batch.count,
        created_at: batch.created_at,
        finished_at: batch.finished_at,
    }
}

/// A page of at most `limit` codes.
pub(crate) fn view_codes(listed: Vec<Listed>, limit: u32) -> CodePage {
    let full = listed.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let next = listed.last().filter(|_| full).map(|last| last.number);
    let codes = listed
        .into_iter()
        .map(|listed| BatchCode { code: listed.code, recipient: listed.recipient.map(CustomerId) })
        .collect();
    CodePage { codes, next }
}
