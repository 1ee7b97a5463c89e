//! What is bought together: rules over the baskets of the last year, of products and of categories, worked out at night.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono::{DateTime, TimeDelta, Utc};
use contract::Refusal;
use contract::marketing::{BoughtTogether, TogetherRule};
use domain::{Locale, Rate};
use preferences::{Baskets, Bounds, MinSupport, MiningError, Params, Ratio, Rhs, Rule, RulesError, frequent, rules};
use serde::{Deserialize, Serialize};
use store::StoreError;
use store::baskets::StoredRules;

use crate::Shop;

/// How far back baskets are looked at.
const SINCE: TimeDelta = TimeDelta::days(365);
/// Receipts that are read at a time.
const PAGE: i64 = 20_000;
/// Fewer baskets say nothing.
const FEWEST: u32 = 30;
/// Items of a rule, both sides together.
const LONGEST: usize = 3;
/// What is in fewer baskets is chance, however sure it looks.
const LEAST_BASKETS: u32 = 5;
/// Of each kind, the first by what they sell more than chance would.
const KEPT: usize = 30;
/// Item sets that one night is worth; with more the support is raised.
const SETS: usize = 500_000;

/// As they are stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    pub products: Vec<StoredRule>,
    pub categories: Vec<StoredRule>,
}

/// A rule by the names that outlast it: skus, or ids of categories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredRule {
    pub seen: Vec<String>,
    pub expected: Vec<String>,
    /// Baskets with both, with what is seen, and with what is expected.
    pub both: u32,
    pub with_seen: u32,
    pub with_expected: u32,
    /// How likely chance makes them meet so often, corrected for all that was looked at.
    pub by_chance: f64,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub baskets: u32,
    pub products: usize,
    pub categories: usize,
}

impl Shop {
    /// Works out what is bought together from the baskets of the last year, and keeps it in the place of what was known.
    ///
    /// # Errors
    /// `too-few-baskets`, else when the store is away; then what was known stays.
    pub async fn mine_baskets(&self) -> Result<Found, Refusal> {
        let failed = |error: StoreError| self.failed(&error);
        let now = self.clock.now();
        let since = now - SINCE;
        let (mut products, mut categories) = (Vec::new(), Vec::new());
        let mut after = 0;
        loop {
            // A transaction a page: nothing is held for long.
            let mut tx = self.store.begin().await.map_err(failed)?;
            let (lines, last) = store::baskets::page(&mut tx, since, after, PAGE).await.map_err(failed)?;
            for line in lines {
                products.push((line.receipt, line.sku));
                categories.push((line.receipt, line.category));
            }
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
        let mined = tokio::task::spawn_blocking(move || Ok((mine(products)?, mine(categories)?))).await;
        let (products, categories) = match mined {
            Ok(Ok(mined)) => mined,
            Ok(Err(refusal)) => return Err(refusal),
            Err(_) => return Err(Refusal::conflict("mining-stopped", "The search was stopped before its end.")),
        };
        let baskets = products.0;
        if baskets < FEWEST {
            let detail = format!("What is bought together needs at least {FEWEST} baskets, and there are {baskets}.");
            return Err(Refusal::unacceptable("too-few-baskets", detail));
        }
        let rules = Rules { products: products.1, categories: categories.1 };
        let found = Found { baskets, products: rules.products.len(), categories: rules.categories.len() };
        let rules = serde_json::to_value(&rules).map_err(|why| failed(corrupt(&why)))?;
        let mut tx = self.store.begin().await.map_err(failed)?;
        let kept = StoredRules { made_at: now, since, baskets: i64::from(baskets), rules };
        store::baskets::keep_rules(&mut tx, &kept).await.map_err(failed)?;
        store::commit(tx).await.map_err(failed)?;
        Ok(found)
    }

    /// What is bought together, as marketing reads it; `None` before it was worked out.
    pub(crate) async fn bought_together(&self, locale: Locale) -> Result<Option<BoughtTogether>, StoreError> {
        let Some(stored) = self.store.basket_rules().await? else { return Ok(None) };
        let StoredRules { made_at, since, baskets, rules } = stored;
        let rules: Rules = serde_json::from_value(rules).map_err(|why| corrupt(&why))?;
        let skus: Vec<&str> =
            rules.products.iter().flat_map(|rule| rule.seen.iter().chain(&rule.expected)).map(String::as_str).collect();
        let names = self.store.product_names(&skus, locale).await?;
        let titles = self.store.category_titles(locale).await?;
        let all = baskets.unsigned_abs();
        Ok(Some(BoughtTogether {
            made_at,
            since,
            baskets: all,
            products: told(&rules.products, &names, all),
            categories: told(&rules.categories, &titles, all),
        }))
    }

    /// When the rules are from; `None` before there are any.
    pub(crate) async fn mined_at(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(self.store.basket_rules().await?.map(|stored| stored.made_at))
    }
}

/// How many baskets there are, and what is bought together in them.
fn mine(lines: Vec<(i64, String)>) -> Result<(u32, Vec<StoredRule>), Refusal> {
    let too_many = |why: String| Refusal::unacceptable("too-many-baskets", why);
    let baskets = Baskets::from_pairs(lines, 0).map_err(|why| too_many(why.to_string()))?;
    let all = baskets.len();
    // One basket in a thousand, and more where even that is too much to look at.
    let mut fewest = LEAST_BASKETS.max(all / 1_000);
    let sets = loop {
        let bounds = Bounds { max_len: LONGEST, limit: SETS };
        match frequent(&baskets, MinSupport::Count(fewest), bounds, &mut |_, _| ControlFlow::Continue(())) {
            Ok(sets) => break sets,
            Err(MiningError::TooMany { .. }) if fewest < all => fewest = fewest.saturating_mul(2).min(all),
            Err(why) => return Err(too_many(why.to_string())),
        }
    };
    let params = Params {
        min_confidence: Ratio::basis_points(1_000),
        rhs: Rhs::Single,
        max_p_adjusted: Some(0.01),
        drop_redundant: true,
        limit: 2_000_000,
        ..Params::default()
    };
    let mut found = rules(&sets, all, &params).map_err(|why: RulesError| too_many(why.to_string()))?;
    found.sort_by(|a, b| b.leverage().total_cmp(&a.leverage()));
    let names = |items: &[u32]| items.iter().filter_map(|item| baskets.name(*item).cloned()).collect();
    let stored = found.iter().take(KEPT).map(|rule: &Rule| StoredRule {
        seen: names(&rule.lhs),
        expected: names(&rule.rhs),
        both: rule.count_xy,
        with_seen: rule.count_x,
        with_expected: rule.count_y,
        by_chance: rule.p_adjusted,
    });
    Ok((all, stored.collect()))
}

fn told(rules: &[StoredRule], names: &BTreeMap<String, String>, all: u64) -> Vec<TogetherRule> {
    let name = |id: &String| names.get(id).unwrap_or(id).clone();
    let share =
        |part: u32, whole: u64| Rate(u32::try_from(u64::from(part) * 10_000 / whole.max(1)).unwrap_or(u32::MAX));
    let told = rules.iter().map(|rule| TogetherRule {
        seen: rule.seen.iter().map(name).collect(),
        expected: rule.expected.iter().map(name).collect(),
        baskets: u64::from(rule.both),
        support: share(rule.both, all),
        confidence: share(rule.both, u64::from(rule.with_seen)),
        expected_anyway: share(rule.with_expected, all),
        lift: f64::from(rule.both) * all as f64 / (f64::from(rule.with_seen) * f64::from(rule.with_expected)),
    });
    told.collect()
}

fn corrupt(why: &serde_json::Error) -> StoreError {
    StoreError::corrupt("basket rules", why)
}

#[cfg(test)]
mod tests;
