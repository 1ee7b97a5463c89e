//! [`CampaignApi`]: who may ask, and what each question is.

use async_trait::async_trait;
use contract::campaigns::{
    Author, BatchRequest, BatchView, Checked, CodePage, CouponRequest, CouponView, Revision, RevisionPage, RuleSet,
};
use contract::simulation::{SimulationRequest, SimulationView};
use contract::{CampaignApi, IdempotencyKey, Kind, Once, Refusal};
use domain::CampaignId;
use promotions::{Campaign, Params};
use serde_json::Value;
use sha2::{Digest, Sha256};
use store::coupons::batches;
use store::idempotency::{self, Claim};
use store::{StoreError, sessions};
use uuid::Uuid;

use super::not_found;
use super::publish::{answered, hex, shown, unreadable};
use super::reading::{check, read};
use crate::Shop;
use crate::clock::Draw;
use crate::coupons::{self, NewBatch};
use crate::till::{Stop, hash_key};

/// Longer than any key that we give out.
const MAX_KEY: usize = 512;
/// The most revisions of one page.
const MAX_PAGE: u16 = 100;
/// The most codes of one page.
const MAX_CODES: u32 = 10_000;

#[async_trait]
impl CampaignApi for Shop {
    async fn author(&self, key: &str) -> Result<Author, Refusal> {
        if key.is_empty() || key.len() > MAX_KEY {
            return Err(Refusal::unauthenticated());
        }
        let hash = hash_key(key);
        let holder = self.store.till_by_key_hash(&hash).await.map_err(|error| self.failed(&error))?;
        if !holder.ok_or_else(Refusal::unauthenticated)?.has("campaigns") {
            return Err(Refusal::forbidden("This key may not change campaigns: it lacks the scope `campaigns`."));
        }
        // Enough of the hash to tell keys apart, and nothing of the key.
        let owner = Uuid::from_bytes(std::array::from_fn(|place| hash[place]));
        Ok(Author { owner, name: format!("key {}", hex(&hash[..4])) })
    }

    async fn rule_set(&self, revision: Option<i64>) -> Result<RuleSet, Refusal> {
        let stored = async {
            let in_force = self.store.rules_revision().await?;
            let wanted = revision.or(in_force).filter(|wanted| *wanted != 0);
            let stored = match wanted {
                Some(wanted) => self.store.rule_set(wanted).await?,
                None => None,
            };
            Ok::<_, StoreError>((in_force.unwrap_or(0), wanted, stored))
        };
        let (in_force, wanted, stored) = stored.await.map_err(|error| self.failed(&error))?;
        match (wanted, stored) {
            (_, Some(stored)) => Ok(RuleSet {
                revision: stored.revision,
                published_at: Some(stored.published_at),
                published_by: Some(stored.published_by),
                current: stored.revision == in_force,
                rules: serde_json::from_str(&stored.params).map_err(|why| self.failed(&unreadable(&why)))?,
            }),
            (Some(_), None) => Err(Refusal::not_found("revision-not-found", "Nothing was published as this revision.")),
            (None, None) => Ok(RuleSet {
                revision: 0,
                published_at: None,
                published_by: None,
                current: in_force == 0,
                rules: serde_json::to_value(Params::default()).map_err(|why| self.failed(&unreadable(&why)))?,
            }),
        }
    }

    async fn rule_sets(&self, before: Option<i64>, limit: u16) -> Result<RevisionPage, Refusal> {
        let limit = limit.clamp(1, MAX_PAGE);
        let read = async {
            let current = self.store.rules_revision().await?.unwrap_or(0);
            // One more than asked for tells whether there is a next page.
            Ok::<_, StoreError>((current, self.store.rule_sets(before, limit + 1).await?))
        };
        let (current, mut published) = read.await.map_err(|error| self.failed(&error))?;
        let more = published.len() > usize::from(limit);
        published.truncate(usize::from(limit));
        let next = published.last().filter(|_| more).map(|last| last.revision);
        Ok(RevisionPage { current, revisions: published.into_iter().map(shown).collect(), next })
    }

    async fn check_rules(&self, rules: Value) -> Result<Checked, Refusal> {
        check(rules)
    }

    async fn publish(&self, author: &Author, rules: Value, expected: Option<i64>) -> Result<Revision, Refusal> {
        let params: Params = read(rules)?;
        let published = self.change_rules(author, expected, None, |_| Ok((params.clone(), String::new()))).await;
        self.ended(published).map(|once| once.value)
    }

    async fn put_campaign(
        &self,
        author: &Author,
        id: CampaignId,
        campaign: Value,
        expected: Option<i64>,
    ) -> Result<Revision, Refusal> {
        let campaign: Campaign = read(campaign)?;
        if campaign.id != id {
            let detail = "The campaign's id is not the one of the path: send the same.";
            return Err(Refusal::unacceptable("campaign-id-mismatch", detail).at(
                "/id",
                "campaign-id-mismatch",
                detail,
            ));
        }
        let put = |mut params: Params| {
            let place = params.campaigns.iter().position(|there| there.id == id).unwrap_or(params.campaigns.len());
            match params.campaigns.get_mut(place) {
                Some(there) => *there = campaign.clone(),
                None => params.campaigns.push(campaign.clone()),
            }
            Ok((params, format!("/campaigns/{place}")))
        };
        let published = self.change_rules(author, expected, None, put).await;
        self.ended(published).map(|once| once.value)
    }

    async fn delete_campaign(
        &self,
        author: &Author,
        id: CampaignId,
        expected: Option<i64>,
    ) -> Result<Revision, Refusal> {
        let delete = |mut params: Params| {
            let before = params.campaigns.len();
            params.campaigns.retain(|campaign| campaign.id != id);
            if params.campaigns.len() == before { Err(not_found()) } else { Ok((params, String::new())) }
        };
        let published = self.change_rules(author, expected, None, delete).await;
        self.ended(published).map(|once| once.value)
    }

    async fn switch_campaign(
        &self,
        author: &Author,
        once: &IdempotencyKey,
        id: CampaignId,
        enabled: bool,
    ) -> Result<Once<Revision>, Refusal> {
        let switch = |mut params: Params| {
            let campaign = params.campaigns.iter_mut().find(|campaign| campaign.id == id).ok_or_else(not_found)?;
            campaign.enabled = enabled;
            Ok((params, String::new()))
        };
        let claim = claim(author, once, &format!("switch {id} {enabled}"));
        let published = self.change_rules(author, None, Some(&claim), switch).await;
        self.ended(published)
    }

    async fn put_coupon(&self, _: &Author, code: &str, coupon: CouponRequest) -> Result<CouponView, Refusal> {
        self.put_own_coupon(code, coupon).await
    }

    async fn make_coupons(
        &self,
        author: &Author,
        once: &IdempotencyKey,
        request: BatchRequest,
    ) -> Result<Once<BatchView>, Refusal> {
        let begun = self.begin_batch_once(author, once, request).await;
        self.ended(begun)
    }

    async fn coupon_batch(&self, id: Uuid) -> Result<BatchView, Refusal> {
        let batch = self.store.coupon_batch(id).await.map_err(|error| self.failed(&error))?;
        Ok(coupons::view(&batch.ok_or_else(coupons::batch_not_found)?))
    }

    async fn batch_codes(&self, id: Uuid, after: i64, limit: u32) -> Result<CodePage, Refusal> {
        self.coupon_batch(id).await?;
        let limit = limit.clamp(1, MAX_CODES);
        let listed = self.store.batch_codes(id, after, limit).await.map_err(|error| self.failed(&error))?;
        Ok(coupons::view_codes(listed, limit))
    }

    async fn simulate_draft(
        &self,
        author: &Author,
        once: &IdempotencyKey,
        request: SimulationRequest,
    ) -> Result<Once<SimulationView>, Refusal> {
        let begun = self.simulate_once(author, once, request).await;
        self.ended(begun)
    }

    async fn simulation(&self, id: Uuid) -> Result<SimulationView, Refusal> {
        self.simulation_view(id)
    }

    async fn cancel_simulation(&self, id: Uuid) -> Result<SimulationView, Refusal> {
        self.stop_simulation(id)
    }
}

impl Shop {
    async fn begin_batch_once(
        &self,
        author: &Author,
        once: &IdempotencyKey,
        request: BatchRequest,
    ) -> Result<Once<BatchView>, Stop> {
        let asked = serde_json::to_string(&request).map_err(|why| unreadable(&why))?;
        let claim = claim(author, once, &format!("make coupons {asked}"));
        if let Some(answered) = answered(self.store.answered(&claim).await?)? {
            return Ok(answered);
        }
        let now = self.clock.now();
        let draft = self
            .draft_batch(&NewBatch {
                id: self.entropy.id(now),
                campaign: request.campaign_id,
                count: request.count,
                prefix: request.prefix,
                starts_at: request.starts_at,
                ends_at: request.ends_at,
                in_background: true,
            })
            .await?;
        let mut tx = sessions::begin_patient(&self.store).await?;
        if let Some(answered) = answered(idempotency::claim(&mut tx, &claim, "", now).await?)? {
            return Ok(answered);
        }
        batches::create(&mut tx, &draft).await?;
        let view = coupons::view(&draft);
        let body = serde_json::to_string(&view).map_err(|why| unreadable(&why))?;
        idempotency::complete(&mut tx, &claim, &body).await?;
        store::commit(tx).await?;
        Ok(Once { value: view, body, replayed: false })
    }

    async fn simulate_once(
        &self,
        author: &Author,
        once: &IdempotencyKey,
        request: SimulationRequest,
    ) -> Result<Once<SimulationView>, Stop> {
        let asked = serde_json::to_string(&request).map_err(|why| unreadable(&why))?;
        let claim = claim(author, once, &format!("simulate {asked}"));
        let now = self.clock.now();
        let mut tx = sessions::begin_patient(&self.store).await?;
        if let Some(answered) = answered(idempotency::claim(&mut tx, &claim, "", now).await?)? {
            return Ok(answered);
        }
        let view = self.begin_simulation_as(self.entropy.id(now), request).await?;
        let body = serde_json::to_string(&view).map_err(|why| unreadable(&why))?;
        idempotency::complete(&mut tx, &claim, &body).await?;
        store::commit(tx).await?;
        Ok(Once { value: view, body, replayed: false })
    }

    /// What came of a story that only ever waits for one lock.
    fn ended<T>(&self, story: Result<T, Stop>) -> Result<T, Refusal> {
        story.map_err(|stop| match stop {
            Stop::Refused(refusal) => refusal,
            Stop::Again | Stop::Failed(StoreError::Busy(_)) => {
                let detail = "Somebody else is publishing just now. Nothing was changed; try again.";
                Refusal { retry_after: Some(1), ..Refusal::new(Kind::Busy, "rules-busy", detail) }
            }
            Stop::Failed(error) => self.failed(&error),
        })
    }
}

/// The claim of one call: `operation` is all that it was asked.
fn claim<'a>(author: &Author, once: &'a IdempotencyKey, operation: &str) -> Claim<'a> {
    Claim { owner: author.owner, key: once.as_str(), request_hash: Sha256::digest(operation).into() }
}
