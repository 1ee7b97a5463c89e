//! Selectors as the hot path reads them: products and categories are numbers.

use std::collections::HashMap;
use std::hash::Hash;

use domain::{Amount, CategoryId, Sku};

use crate::basket::Item;
use crate::condition::Selector;

/// A product or category that no rule names.
pub(crate) const UNNAMED: u32 = u32::MAX;

/// Numbers for the products and categories that the rules name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    skus: HashMap<Sku, u32>,
    categories: HashMap<CategoryId, u32>,
}

impl Names {
    pub(crate) fn sku(&self, sku: &Sku) -> u32 {
        self.skus.get(sku).copied().unwrap_or(UNNAMED)
    }

    pub(crate) fn category(&self, category: &CategoryId) -> u32 {
        self.categories.get(category).copied().unwrap_or(UNNAMED)
    }

    pub(crate) fn compile(&mut self, selector: &Selector) -> Select {
        let skus = |names: &mut Self, skus: &[Sku]| sorted(skus.iter().map(|sku| number(&mut names.skus, sku)));
        let categories = |names: &mut Self, categories: &[CategoryId]| {
            sorted(categories.iter().map(|category| number(&mut names.categories, category)))
        };
        Select {
            skus: skus(self, &selector.skus),
            categories: categories(self, &selector.categories),
            not_skus: skus(self, &selector.not.skus),
            not_categories: categories(self, &selector.not.categories),
            min_price: selector.min_unit_price.unwrap_or(Amount::ZERO),
            max_price: selector.max_unit_price.unwrap_or(Amount(i64::MAX)),
        }
    }
}

fn number<K: Clone + Eq + Hash>(numbers: &mut HashMap<K, u32>, name: &K) -> u32 {
    let next = u32::try_from(numbers.len()).unwrap_or(UNNAMED);
    *numbers.entry(name.clone()).or_insert(next)
}

fn sorted(numbers: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// A compiled [`Selector`].
#[derive(Debug)]
pub(crate) struct Select {
    skus: Vec<u32>,
    categories: Vec<u32>,
    not_skus: Vec<u32>,
    not_categories: Vec<u32>,
    min_price: Amount,
    max_price: Amount,
}

impl Select {
    pub(crate) fn covers(&self, item: &Item) -> bool {
        (self.is_open() || lists(&self.skus, item.sku) || lists(&self.categories, item.category))
            && !lists(&self.not_skus, item.sku)
            && !lists(&self.not_categories, item.category)
            && self.min_price <= item.price
            && item.price <= self.max_price
    }

    /// It names nothing that a basket could be without.
    pub(crate) fn is_open(&self) -> bool {
        self.skus.is_empty() && self.categories.is_empty()
    }

    pub(crate) fn named_skus(&self) -> &[u32] {
        &self.skus
    }

    pub(crate) fn named_categories(&self) -> &[u32] {
        &self.categories
    }
}

fn lists(sorted: &[u32], number: u32) -> bool {
    match sorted {
        [] => false,
        [only] => *only == number,
        many => many.binary_search(&number).is_ok(),
    }
}
