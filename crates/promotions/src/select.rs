//! Selectors as the hot path reads them: products and categories are numbers.

use std::collections::HashMap;
use std::hash::Hash;

use domain::{Amount, CategoryId, Sku};
use foldhash::fast::RandomState;

use crate::basket::Item;
use crate::condition::Selector;

/// A product or category that no rule names.
pub(crate) const UNNAMED: u32 = u32::MAX;

/// Numbers for the products and categories that the rules name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    skus: HashMap<Sku, u32, RandomState>,
    categories: HashMap<CategoryId, u32, RandomState>,
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

fn number<K: Clone + Eq + Hash>(numbers: &mut HashMap<K, u32, RandomState>, name: &K) -> u32 {
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

/// Where the products and categories that rules name are in the basket, so that what is selected is found and not searched.
#[derive(Debug)]
pub(crate) struct Lookup {
    /// Number and place, sorted.
    skus: Vec<(u32, usize)>,
    categories: Vec<(u32, usize)>,
}

impl Lookup {
    pub(crate) fn new(items: &[Item]) -> Self {
        let by = |number: fn(&Item) -> u32| {
            let named = items.iter().enumerate().filter(|(_, item)| number(item) != UNNAMED);
            let mut places = Vec::with_capacity(items.len());
            places.extend(named.map(|(place, item)| (number(item), place)));
            places.sort_unstable();
            places
        };
        Self { skus: by(|item| item.sku), categories: by(|item| item.category) }
    }

    /// The places of the selected items, in order.
    pub(crate) fn find(&self, select: &Select, items: &[Item], eligible: impl Fn(&Item) -> bool) -> Vec<usize> {
        let meant = |place: &usize| select.covers(&items[*place]) && eligible(&items[*place]);
        // Longer lists than the basket, and none, are quicker the other way round.
        if select.is_open() || select.skus.len() + select.categories.len() > items.len() {
            let mut places = Vec::with_capacity(items.len());
            places.extend((0..items.len()).filter(meant));
            return places;
        }
        let mut places: Vec<usize> = Vec::with_capacity(items.len());
        let named = select.skus.iter().map(|&number| (&self.skus, number));
        for (sorted, number) in named.chain(select.categories.iter().map(|&number| (&self.categories, number))) {
            let from = sorted.partition_point(|(other, _)| *other < number);
            let here = sorted[from..].iter().take_while(|(other, _)| *other == number);
            places.extend(here.map(|(_, place)| *place).filter(meant));
        }
        places.sort_unstable();
        places.dedup();
        places
    }
}

fn lists(sorted: &[u32], number: u32) -> bool {
    match sorted {
        [] => false,
        [only] => *only == number,
        many => many.binary_search(&number).is_ok(),
    }
}
