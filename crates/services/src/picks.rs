//! What each customer is likely to take next: a ranking learned at night from the purchases of a year, kept customer by customer, and
//! made anew within the hour for whoever buys. Cards for one product are for the likeliest, and say why.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use contract::Refusal;
use discount::Pick as Offered;
use domain::{CardReason, CustomerId, Locale, Sku};
use preferences::ranking::{Facts, FitError, Model, Params, Reason, fit};
use preferences::{History, MOST_ITEMS, Purchase};
use serde::{Deserialize, Serialize};
use store::picks::Sold;
use store::{StoreError, Tx};
use uuid::Uuid;

use crate::Shop;
use crate::policy::first_monday;

/// How far back purchases are looked at.
const SINCE: TimeDelta = TimeDelta::days(365);
/// Customers that are read at a time.
const PAGE: i64 = 2_000;
/// Customers that the ranking is learned from at most; of more, every so many-th.
const TAUGHT: usize = 50_000;
/// Fewer purchases say nothing.
const FEWEST: usize = 100;
/// Picks that are kept of a customer: what is on top may leave the menu, or have nothing to give.
const KEPT: usize = 8;

/// A product that a customer is likely to take, by the name that outlasts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pick {
    pub sku: String,
    pub why: Why,
}

/// What speaks for it most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// They buy it.
    Habit,
    /// It goes with something that they buy.
    GoesWith { sku: String },
    /// Customers who buy what they buy have it.
    LikeYou,
    /// Many buy it these days.
    Popular,
}

/// What a ranking came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    pub customers: usize,
    pub purchases: u64,
    /// The normalised discounted gain at ten on the last weeks, from what was known before; none where nobody bought before and after.
    pub ndcg10: Option<f64>,
}

/// A model, and what its numbers stand for.
#[derive(Debug)]
pub(crate) struct Ranking {
    model: Model,
    skus: Vec<String>,
    items: HashMap<String, u32>,
    /// Customers that it learned from.
    customers: HashMap<Uuid, u32>,
}

/// The ranking that this process learned last.
#[derive(Debug, Default)]
pub(crate) struct Rankings(Mutex<Option<Arc<Ranking>>>);

impl Rankings {
    fn get(&self) -> Option<Arc<Ranking>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, ranking: Arc<Ranking>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ranking);
    }
}

impl Shop {
    /// Learns the ranking anew and makes every customer's picks.
    ///
    /// # Errors
    /// `too-few-purchases`, else when the store is away; who is not reached keeps the picks they had.
    pub async fn rank_customers(&self) -> Result<Ranked, Refusal> {
        let failed = |error: StoreError| self.failed(&error);
        let since = self.clock.now() - SINCE;
        let ranking = Arc::new(self.learn_ranking(since).await?);
        self.rankings.put(ranking.clone());
        let (mut after, mut customers) = (None, 0);
        loop {
            let mut tx = self.store.begin().await.map_err(failed)?;
            let page = store::picks::page(&mut tx, since, after, PAGE).await.map_err(failed)?;
            drop(tx);
            let Some(last) = page.last().copied() else { break };
            customers += self.pick_for(&ranking, page).await?;
            after = Some(last);
        }
        let mut tx = self.store.begin().await.map_err(failed)?;
        store::picks::forget(&mut tx, since).await.map_err(failed)?;
        store::commit(tx).await.map_err(failed)?;
        let report = ranking.model.report();
        Ok(Ranked { customers, purchases: report.purchases, ndcg10: report.ndcg10 })
    }

    /// Makes the picks of whoever bought since theirs were made. Gives how many.
    ///
    /// # Errors
    /// As [`Shop::rank_customers`].
    pub async fn rank_who_bought(&self) -> Result<usize, Refusal> {
        let failed = |error: StoreError| self.failed(&error);
        let mut made = 0;
        loop {
            let mut tx = self.store.begin().await.map_err(failed)?;
            let page = store::picks::outdated(&mut tx, PAGE).await.map_err(failed)?;
            drop(tx);
            if page.is_empty() {
                return Ok(made);
            }
            let ranking = match self.rankings.get() {
                Some(ranking) => ranking,
                None => {
                    // This process was started since the night.
                    let ranking = Arc::new(self.learn_ranking(self.clock.now() - SINCE).await?);
                    self.rankings.put(ranking.clone());
                    ranking
                }
            };
            made += self.pick_for(&ranking, page).await?;
        }
    }

    pub(crate) async fn picks_made(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.store.picks_made().await
    }

    async fn learn_ranking(&self, since: DateTime<Utc>) -> Result<Ranking, Refusal> {
        let failed = |error: StoreError| self.failed(&error);
        let zone = self.zone().await?;
        let mut tx = self.store.begin().await.map_err(failed)?;
        let skus = store::picks::offered_skus(&mut tx, since, MOST_ITEMS.into()).await.map_err(failed)?;
        let all = store::picks::customers(&mut tx, since).await.map_err(failed)?;
        drop(tx);
        let every = usize::try_from(all).unwrap_or(usize::MAX).div_ceil(TAUGHT).max(1);
        let items: HashMap<String, u32> = skus.iter().cloned().zip(0..).collect();
        let (mut purchases, mut customers) = (Vec::new(), HashMap::new());
        let (mut after, mut place) = (None, 0_usize);
        loop {
            let mut tx = self.store.begin().await.map_err(failed)?;
            let page = store::picks::page(&mut tx, since, after, PAGE).await.map_err(failed)?;
            let Some(last) = page.last().copied() else { break };
            let taught: Vec<Uuid> = page
                .into_iter()
                .filter(|_| {
                    place += 1;
                    place.is_multiple_of(every)
                })
                .collect();
            let sold = store::picks::sold_to(&mut tx, &taught, since, zone.name()).await.map_err(failed)?;
            for one in &sold {
                let number = u32::try_from(customers.len()).unwrap_or(u32::MAX);
                let number = *customers.entry(one.customer).or_insert(number);
                purchases.push(purchase(one, number, &items));
            }
            after = Some(last);
        }
        if purchases.len() < FEWEST {
            let detail = format!("A ranking needs {FEWEST} purchases of customers, and there are {}.", purchases.len());
            return Err(Refusal::unacceptable("too-few-purchases", detail));
        }
        let corrupt = |why: String| failed(StoreError::corrupt("ranking", why));
        let number = u32::try_from(skus.len()).unwrap_or(MOST_ITEMS);
        let learned = tokio::task::spawn_blocking(move || {
            let history = History::new(number, purchases).map_err(|why| why.to_string())?;
            let rules = Params::default().check().map_err(|why: FitError| why.to_string())?;
            fit(&history, &rules, &mut |_, _| ControlFlow::Continue(())).map_err(|why| why.to_string())
        });
        let model = learned.await.map_err(|why| corrupt(why.to_string()))?.map_err(corrupt)?;
        Ok(Ranking { model, skus, items, customers })
    }

    /// Makes and keeps the picks of some customers.
    async fn pick_for(&self, ranking: &Arc<Ranking>, customers: Vec<Uuid>) -> Result<usize, Refusal> {
        let failed = |error: StoreError| self.failed(&error);
        let (now, zone) = (self.clock.now(), self.zone().await?);
        let mut tx = self.store.begin().await.map_err(failed)?;
        let sold = store::picks::sold_to(&mut tx, &customers, now - SINCE, zone.name()).await.map_err(failed)?;
        drop(tx);
        let minutes = minutes(now, zone);
        let ranking = ranking.clone();
        let picked = tokio::task::spawn_blocking(move || ranking.pick(&customers, &sold, minutes)).await;
        let picked = picked.map_err(|why| failed(StoreError::corrupt("ranking", why)))?;
        let mut tx = self.store.begin().await.map_err(failed)?;
        store::picks::keep(&mut tx, &picked, now).await.map_err(failed)?;
        store::commit(tx).await.map_err(failed)?;
        Ok(picked.len())
    }

    /// What a customer is likely to take, with what it is now; what left the menu, or was taken back since, is left out.
    pub(crate) async fn picks_of(
        &self,
        tx: &mut Tx,
        customer: CustomerId,
        locale: Locale,
        bought: &HashMap<&str, u32>,
    ) -> Result<Vec<Offered>, StoreError> {
        let Some(stored) = store::picks::of(tx, customer).await? else { return Ok(Vec::new()) };
        // What cannot be read any more is as good as nothing: the rule has favourites of its own.
        let picks: Vec<Pick> = serde_json::from_value(stored).unwrap_or_default();
        let skus: Vec<&str> = picks.iter().flat_map(|pick| pick.skus()).collect();
        let products = store::cards::named_products(tx, &skus, locale).await?;
        let named = |sku: &str| products.iter().find(|product| product.sku.as_str() == sku);
        let offered = picks.iter().filter_map(|pick| {
            let product = named(&pick.sku)?;
            let name = product.name.clone();
            let why = match &pick.why {
                // Counted now: a purchase since the ranking was made counts, and what was taken back does not.
                Why::Habit => CardReason::FavouriteProduct { name, times: *bought.get(pick.sku.as_str())? },
                Why::GoesWith { sku } => {
                    CardReason::GoesWith { name, with: named(sku)?.name.clone(), sku: Sku::parse(sku.clone()).ok()? }
                }
                Why::LikeYou => CardReason::LikeYou { name },
                Why::Popular => CardReason::Popular { name },
            };
            Some(Offered { product: product.clone(), why })
        });
        Ok(offered.collect())
    }
}

impl Pick {
    fn skus(&self) -> impl Iterator<Item = &str> {
        let with = match &self.why {
            Why::GoesWith { sku } => Some(sku.as_str()),
            Why::Habit | Why::LikeYou | Why::Popular => None,
        };
        std::iter::once(self.sku.as_str()).chain(with)
    }
}

impl Ranking {
    /// The picks of these customers, of whom what they bought stands in `sold` in the same order.
    fn pick(&self, customers: &[Uuid], sold: &[Sold], now: i64) -> Vec<(Uuid, Vec<Pick>)> {
        let mut sold = sold.chunk_by(|a, b| a.customer == b.customer).peekable();
        let mut ordered = customers.to_vec();
        ordered.sort_unstable();
        let picked = ordered.into_iter().map(|customer| {
            while sold.next_if(|one| one[0].customer < customer).is_some() {}
            let own = sold.next_if(|one| one[0].customer == customer).unwrap_or_default();
            let number = self.customers.get(&customer).copied();
            let history: Vec<Purchase> =
                own.iter().map(|one| purchase(one, number.unwrap_or(u32::MAX), &self.items)).collect();
            let facts = Facts { customer: number, history: &history, basket: &[], now, hour_counts: false };
            let ranked = self.model.rank(&facts, KEPT).into_iter();
            (customer, ranked.filter_map(|ranked| self.pick_of(ranked.item, &ranked.reasons)).collect())
        });
        picked.collect()
    }

    fn pick_of(&self, item: u32, reasons: &[Reason]) -> Option<Pick> {
        let sku = |item: u32| self.skus.get(item as usize).cloned();
        let why = reasons.iter().find_map(|reason| match reason {
            Reason::Habit { .. } => Some(Why::Habit),
            Reason::GoesWith { item } => Some(Why::GoesWith { sku: sku(*item)? }),
            Reason::LikeYou { .. } => Some(Why::LikeYou),
            Reason::Popular => Some(Why::Popular),
            // Of no hour: a card is good all day.
            Reason::TimeOfDay => None,
        })?;
        Some(Pick { sku: sku(item)?, why })
    }
}

fn purchase(sold: &Sold, customer: u32, items: &HashMap<String, u32>) -> Purchase {
    Purchase { customer, at: sold.at, items: sold.skus.iter().filter_map(|sku| items.get(sku).copied()).collect() }
}

/// Minutes since Monday 2020-01-06 on the shop's clocks, as `store::picks` counts them.
fn minutes(at: DateTime<Utc>, zone: chrono_tz::Tz) -> i64 {
    let local = at.with_timezone(&zone).naive_local();
    (local - first_monday().and_time(NaiveTime::MIN)).num_minutes()
}

#[cfg(test)]
mod tests;
