//! The basket as the engine walks it: in an order of its own, so that the cashier's order moves no unit of money.

use std::cmp::Ordering;

use domain::{Amount, Sku, floor_price};

use crate::facts::{Facts, Line};
use crate::select::Names;

/// A line that may be discounted.
#[derive(Debug)]
pub(crate) struct Item {
    /// Where it is in the basket.
    pub place: usize,
    pub sku: u32,
    pub category: u32,
    /// Of one unit; never negative.
    pub price: Amount,
    pub quantity: u32,
    pub subtotal: Amount,
    /// The most that may come off the line (law 2): down to its floor, or to zero where no cost is known.
    pub headroom: Amount,
    pub cost_known: bool,
}

/// The lines that may be discounted, in canonical order: equal remainders go to the same product on every till.
pub(crate) fn items(facts: &Facts, names: &Names) -> Vec<Item> {
    let shared = shared_beginning(&facts.lines);
    let offerable = facts.lines.iter().enumerate().filter(|(_, line)| line.offerable);
    let mut places = Vec::with_capacity(facts.lines.len());
    places.extend(offerable.map(|(place, line)| (first_after(shared, &line.sku), place)));
    places.sort_unstable_by(|&(first, a), &(second, b)| {
        first.cmp(&second).then_with(|| canonical(&facts.lines[a], &facts.lines[b]).then(a.cmp(&b)))
    });
    places
        .into_iter()
        .map(|(_, place)| {
            let line = &facts.lines[place];
            let price = line.unit_price.max(Amount::ZERO);
            let subtotal = price.times(line.quantity);
            let headroom = match floor_price(line.cost, facts.floor) {
                Some(_) => facts.floor.headroom(price, line.cost, line.quantity).min(subtotal),
                None => subtotal,
            };
            Item {
                place,
                sku: names.sku(&line.sku),
                category: names.category(&line.category),
                price,
                quantity: line.quantity,
                subtotal,
                headroom,
                cost_known: line.cost.is_some(),
            }
        })
        .collect()
}

/// How many bytes all skus begin with: a chain's are often of one form, `product-00017`.
fn shared_beginning(lines: &[Line]) -> usize {
    let Some((first, others)) = lines.split_first() else { return 0 };
    let first = first.sku.as_str().as_bytes();
    others.iter().fold(first.len(), |shared, line| {
        first[..shared].iter().zip(line.sku.as_str().as_bytes()).take_while(|(a, b)| a == b).count()
    })
}

/// The eight bytes after the shared ones, in the order of the whole: most products differ there, and a number is compared
/// at once.
fn first_after(shared: usize, sku: &Sku) -> u64 {
    let mut bytes = [0; 8];
    let rest = &sku.as_str().as_bytes()[shared..];
    let first = &rest[..rest.len().min(8)];
    bytes[..first.len()].copy_from_slice(first);
    u64::from_be_bytes(bytes)
}

fn canonical(a: &Line, b: &Line) -> Ordering {
    a.sku
        .cmp(&b.sku)
        .then(a.unit_price.cmp(&b.unit_price))
        .then(a.quantity.cmp(&b.quantity))
        .then(a.cost.cmp(&b.cost))
        .then_with(|| a.category.cmp(&b.category))
}

/// Of a line in the basket, as effects tell it.
pub(crate) fn position(place: usize) -> u16 {
    u16::try_from(place).unwrap_or(u16::MAX)
}
