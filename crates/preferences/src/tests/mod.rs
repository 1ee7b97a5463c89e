use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use proptest::prelude::*;

use super::*;

mod baskets;
mod fisher;
mod frequent;
mod ranking;
mod reference;
mod rules;
mod similar;

/// A progress that never calls a search off.
fn on(_: u64, _: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn share(num: u32, den: u32) -> MinSupport {
    MinSupport::Share(Ratio::new(num, den).unwrap())
}

fn of(lists: &[Vec<u32>]) -> Baskets<u32> {
    Baskets::from_lists(lists.iter().cloned(), Empty::Count).unwrap()
}

/// Baskets of up to `most` of the items below `items`; every second number is never an item.
fn lists(items: u32, most: usize, baskets: usize) -> impl Strategy<Value = Vec<Vec<u32>>> {
    prop::collection::vec(prop::collection::vec((0..items).prop_map(|item| item * 2), 0..=most), 0..=baskets)
}

/// The count of every part of every basket, by taking them all; the empty part with them.
fn all_parts(baskets: &Baskets<u32>) -> BTreeMap<BTreeSet<u32>, u32> {
    let mut counts = BTreeMap::new();
    for basket in baskets.iter() {
        for mask in 0_u32..1 << basket.len() {
            let part = basket.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, item)| *item).collect();
            *counts.entry(part).or_default() += 1;
        }
    }
    counts.insert(BTreeSet::new(), baskets.len());
    counts
}

/// What is frequent, by definition and in the promised order.
fn by_definition(baskets: &Baskets<u32>, fewest: u32, max_len: usize) -> Vec<ItemSet> {
    let mut sets: Vec<ItemSet> = all_parts(baskets)
        .into_iter()
        .filter(|(part, count)| *count >= fewest && (1..=max_len).contains(&part.len()))
        .map(|(part, count)| ItemSet { items: part.into_iter().collect(), count })
        .collect();
    sets.sort_by(|a, b| (a.items.len(), &a.items).cmp(&(b.items.len(), &b.items)));
    sets
}
