//! What a device may give on a grant, and what it has given.
//!
//! The discount is the card's, as online: its rate of what it is good for, rounded once and spread exactly (law 1), no line
//! under its floor or over its shelf price (laws 2, 3). Then, last, the rest of the grant's bound.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use contract::offline::{Grant, GrantPage};
use domain::code::step_at;
use domain::{Amount, CardScope, CustomerCode, GrantId, StoreId, TillId, split};

use crate::canonical::unhex;
use crate::{GrantError, Keyring, ShelfIndex, Verified, code};

/// How many steps of 30 s a rotating code may be away from the device's clock, which nobody sets right offline.
const STALE_STEPS: u64 = 4;

/// What is on the counter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Basket {
    pub lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub sku: String,
    pub quantity: u32,
    pub unit_price: Amount,
}

/// What comes off each line, in the order of the basket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub discounts: Vec<Amount>,
    pub discount: Amount,
    /// The card would give more, but the grant does not.
    pub bounded: bool,
}

/// The grants of one device, and how much of each it has given. Keep [`Wallet::spent`] where a power cut cannot take it.
#[derive(Clone, Debug, Default)]
pub struct Wallet {
    keys: Keyring,
    shelves: HashMap<String, ShelfIndex>,
    grants: HashMap<GrantId, Grant>,
    spent: BTreeMap<GrantId, Amount>,
}

impl Wallet {
    /// Takes a page up. A later edition of a grant replaces the earlier one; what was given stays given.
    ///
    /// # Errors
    /// [`GrantError`] for a key or a shelf that is not what it says; then nothing of the page is taken up.
    pub fn take(&mut self, page: GrantPage) -> Result<(), GrantError> {
        let shelf = page.shelf.map(|shelf| ShelfIndex::of(shelf).ok_or(GrantError::OtherShelf)).transpose()?;
        self.keys.add(&page.key)?;
        if let Some(shelf) = shelf {
            self.shelves.insert(shelf.hash().to_owned(), shelf);
        }
        for grant in page.grants {
            let newer = self.grants.get(&grant.grant_id).is_none_or(|held| held.counter < grant.counter);
            if newer {
                self.grants.insert(grant.grant_id, grant);
            }
        }
        Ok(())
    }

    /// How much of each grant this device has given.
    #[must_use]
    pub fn spent(&self) -> &BTreeMap<GrantId, Amount> {
        &self.spent
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.grants.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty()
    }

    /// The grant of whoever shows this code: the one that lasts longest, when there are several. Hashes slowly, once for
    /// each salt, of which there are at most two around midnight.
    ///
    /// # Errors
    /// Why the one that is there cannot be used.
    pub fn find(
        &self,
        code: &CustomerCode,
        at: (StoreId, TillId),
        now: DateTime<Utc>,
    ) -> Result<Option<Verified>, GrantError> {
        if let CustomerCode::Rotating(code) = code
            && step_at(now).abs_diff(code.step) > STALE_STEPS
        {
            return Ok(None);
        }
        let mut hashes: HashMap<&str, Option<String>> = HashMap::new();
        let mut found: Option<&Grant> = None;
        for grant in self.grants.values() {
            let hash = hashes
                .entry(&grant.code_salt)
                .or_insert_with(|| unhex::<16>(&grant.code_salt).map(|salt| code::hash(code, &salt)));
            let theirs = match code {
                CustomerCode::Static(_) => grant.code_hash.as_ref(),
                CustomerCode::Rotating(_) => Some(&grant.handle_hash),
            };
            if theirs.is_some()
                && theirs == hash.as_ref()
                && found.is_none_or(|best| best.expires_at < grant.expires_at)
            {
                found = Some(grant);
            }
        }
        let Some(grant) = found else { return Ok(None) };
        let shelf = self.shelves.get(&grant.shelf).ok_or(GrantError::OtherShelf)?;
        self.keys.verify(grant.clone(), at, shelf.hash(), now).map(Some)
    }

    /// What the grant gives on this basket; nothing is counted yet.
    #[must_use]
    pub fn quote(&self, verified: &Verified, basket: &Basket) -> Decision {
        let grant = verified.grant();
        let spent = self.spent.get(&grant.grant_id).copied().unwrap_or_default();
        match self.shelves.get(&grant.shelf) {
            Some(shelf) => evaluate(grant, shelf, basket, spent),
            None => {
                Decision { discounts: vec![Amount::ZERO; basket.lines.len()], discount: Amount::ZERO, bounded: false }
            }
        }
    }

    /// Gives it: evaluated and counted in one step, so that the sum over a grant stays within its bound.
    pub fn give(&mut self, verified: &Verified, basket: &Basket) -> Decision {
        let decision = self.quote(verified, basket);
        *self.spent.entry(verified.grant().grant_id).or_default() += decision.discount;
        decision
    }
}

/// What a grant, of which `spent` was given before, gives on a basket.
#[must_use]
pub fn evaluate(grant: &Grant, shelf: &ShelfIndex, basket: &Basket, spent: Amount) -> Decision {
    let mut eligible: Vec<(usize, Amount, Amount)> = Vec::new();
    for (place, line) in basket.lines.iter().enumerate() {
        let Some(product) = shelf.product(&line.sku) else { continue };
        let covered = match &grant.card.scope {
            CardScope::Basket => true,
            CardScope::Category(category) => category.as_str() == product.category,
            CardScope::Product(sku) => sku.as_str() == line.sku,
        };
        if covered {
            let price = line.unit_price.max(Amount::ZERO);
            let most = (price - product.floor).max(Amount::ZERO).times(line.quantity);
            eligible.push((place, price.times(line.quantity), most));
        }
    }
    // The odd unit goes to the same product however the cashier sorted the basket.
    eligible.sort_by(|&(a, ..), &(b, ..)| {
        let key = |place: usize| {
            let line = &basket.lines[place];
            (line.sku.as_str(), line.unit_price, line.quantity)
        };
        key(a).cmp(&key(b)).then(a.cmp(&b))
    });
    let subtotals: Vec<Amount> = eligible.iter().map(|&(_, subtotal, _)| subtotal).collect();
    let rate = grant.card.rate_bp.min(domain::Rate::WHOLE);
    let wanted = split(rate.of(subtotals.iter().copied().sum()), &subtotals);
    let kept: Vec<Amount> = wanted.iter().zip(&eligible).map(|(&wanted, &(_, _, most))| wanted.min(most)).collect();
    let (whole, left) = (kept.iter().copied().sum::<Amount>(), (grant.max_amount - spent).max(Amount::ZERO));
    let bounded = whole > left;
    let given = if bounded { split(left, &kept) } else { kept };
    let mut discounts = vec![Amount::ZERO; basket.lines.len()];
    for (&(place, ..), &part) in eligible.iter().zip(&given) {
        discounts[place] = part;
    }
    Decision { discount: discounts.iter().copied().sum(), discounts, bounded }
}

#[cfg(test)]
mod tests;
