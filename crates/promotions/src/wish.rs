//! Stage 4, what a source would like: benefits as amounts a line, within what the line has left of its shelf price.

use std::cmp::Ordering;

use domain::{Amount, CardScope, Rate, Sku, split_in_place};

use crate::basket::Item;
use crate::benefit::{Benefit, Off, TierBy};
use crate::campaign::Base;
use crate::facts::Facts;
use crate::give::Tab;
use crate::qualify::{Candidate, Gives};
use crate::scene::Scene;
use crate::select::{Lookup, Select};

/// What one source wants of every item, as it grows benefit by benefit.
pub(crate) struct Wish<'a> {
    facts: &'a Facts,
    pub(crate) items: &'a [Item],
    lookup: &'a Lookup,
    pub(crate) tab: &'a Tab,
    base: Base,
    personal: bool,
    /// Beside each item; never more than it has left.
    pub wanted: Vec<Amount>,
    /// Units beside each item that the deals of the present rule have used; empty before the first deal.
    taken: Vec<u32>,
    /// Free items that the basket lacks.
    pub missing: Vec<(Sku, u32)>,
}

impl<'a> Wish<'a> {
    pub(crate) fn of(candidate: &Candidate, scene: &'a Scene, tab: &'a Tab) -> Self {
        let count = scene.items.len();
        let mut wish = Self {
            facts: scene.facts,
            items: &scene.items,
            lookup: &scene.lookup,
            tab,
            base: candidate.base,
            personal: candidate.personal,
            wanted: vec![Amount::ZERO; count],
            taken: Vec::new(),
            missing: Vec::new(),
        };
        match candidate.gives {
            Gives::Card { rate, scope } => {
                let covered = wish.eligible(|item| covers(scope, item, scene.facts));
                wish.percentage(rate, &covered);
            }
            Gives::Rules { plan, hold } => {
                for (place, rule) in plan.rules.iter().enumerate().filter(|(place, _)| hold >> place & 1 == 1) {
                    if place > 0 {
                        wish.taken.clear();
                    }
                    rule.then.iter().for_each(|benefit| wish.add(benefit));
                }
            }
        }
        wish
    }

    fn add(&mut self, benefit: &Benefit<Select>) {
        match benefit {
            Benefit::Percentage { rate, of } => self.percentage(*rate, &self.selected(of)),
            Benefit::AmountOff { amount, of } => self.amount_off(*amount, &self.selected(of)),
            Benefit::AmountOffEach { amount, of } => {
                for place in self.selected(of) {
                    self.ask(place, amount.times(self.items[place].quantity));
                }
            }
            Benefit::FixedPrice { price, of } => {
                for place in self.selected(of) {
                    self.ask(place, self.worth(place) - price.times(self.items[place].quantity));
                }
            }
            Benefit::Tiers { by, of, steps } => {
                let selected = self.selected(of);
                let reached = match by {
                    TierBy::Amount => selected.iter().map(|&place| self.items[place].subtotal).sum::<Amount>().minor(),
                    TierBy::Quantity => selected.iter().map(|&place| i64::from(self.items[place].quantity)).sum(),
                };
                match steps.iter().filter(|step| step.from <= reached).max_by_key(|step| step.from).map(|step| step.off)
                {
                    Some(Off::RateBp(rate)) => self.percentage(rate, &selected),
                    Some(Off::Amount(amount)) => self.amount_off(amount, &selected),
                    None => {}
                }
            }
            Benefit::Cheapest(pick) => self.pick(pick, false),
            Benefit::MostExpensive(pick) => self.pick(pick, true),
            Benefit::Bundle { slots, price, at_most } => self.bundle(slots, *price, *at_most),
            Benefit::BuyXGetY { buy, get, rate, at_most } => self.buy_x_get_y(buy, get, *rate, *at_most),
            Benefit::FreeItem { sku, quantity } => self.free_item(sku, *quantity),
        }
    }

    /// A rate of the sum, rounded once.
    fn percentage(&mut self, rate: Rate, places: &[usize]) {
        let worths: Vec<Amount> = places.iter().map(|&place| self.worth(place)).collect();
        self.ask_parts(places, rate.of(worths.iter().copied().sum()), worths);
    }

    fn amount_off(&mut self, amount: Amount, places: &[usize]) {
        let worths: Vec<Amount> = places.iter().map(|&place| self.worth(place)).collect();
        self.ask_parts(places, amount.min(worths.iter().copied().sum()), worths);
    }

    fn free_item(&mut self, sku: &Sku, quantity: u32) {
        let facts = self.facts;
        let is_it = |item: &Item| facts.lines[item.place].sku == *sku;
        let there: u64 = facts.lines.iter().filter(|line| line.sku == *sku).map(|line| u64::from(line.quantity)).sum();
        let missing = u64::from(quantity).saturating_sub(there);
        if let Some(missing) = u32::try_from(missing).ok().filter(|missing| *missing > 0) {
            self.missing.push((sku.clone(), missing));
        }
        let mut found = self.eligible(is_it);
        self.sort_by_unit_value(&mut found, true);
        let free = self.take(&found, u64::from(quantity));
        let value = free.iter().map(|&(place, units)| self.value(place, units)).sum();
        let others: Vec<(usize, u32)> = (0..self.items.len())
            .filter(|&place| self.is_eligible(place) && !is_it(&self.items[place]))
            .map(|place| (place, self.items[place].quantity))
            .collect();
        self.place(value, &free, &others);
    }

    /// Fills the targets down to their own floor first, and spreads what does not fit over the other units of the deal, down
    /// to theirs. What fits nowhere stays a wish on the targets, for the floor to cut and to report.
    pub(crate) fn place(&mut self, total: Amount, targets: &[(usize, u32)], others: &[(usize, u32)]) {
        let mut over: Vec<Amount> = targets.iter().map(|&(place, units)| self.value(place, units)).collect();
        split_in_place(total, &mut over);
        for (&(place, _), part) in targets.iter().zip(&mut over) {
            let fits = self.room(place).min(*part);
            self.ask(place, fits);
            *part -= fits;
        }
        let rest: Amount = over.iter().copied().sum();
        if rest.is_zero() {
            return;
        }
        let rooms: Vec<Amount> = others.iter().map(|&(place, units)| self.room_of_units(place, units)).collect();
        let spread = rest.min(rooms.iter().copied().sum());
        let others: Vec<usize> = others.iter().map(|&(place, _)| place).collect();
        self.ask_parts(&others, spread, rooms);
        let targets: Vec<usize> = targets.iter().map(|&(place, _)| place).collect();
        self.ask_parts(&targets, rest - spread, over);
    }

    /// Asks for parts of a whole, by these weights.
    fn ask_parts(&mut self, places: &[usize], whole: Amount, mut weights: Vec<Amount>) {
        split_in_place(whole, &mut weights);
        self.ask_all(places, &weights);
    }

    pub(crate) fn ask_all(&mut self, places: &[usize], amounts: &[Amount]) {
        for (&place, &amount) in places.iter().zip(amounts) {
            self.ask(place, amount);
        }
    }

    fn ask(&mut self, place: usize, amount: Amount) {
        let within = amount.min(self.left(place)).max(Amount::ZERO);
        self.wanted[place] += within;
    }

    fn left(&self, place: usize) -> Amount {
        self.tab.left[place] - self.wanted[place]
    }

    /// What the floor still allows on the line.
    fn room(&self, place: usize) -> Amount {
        (self.tab.room[place] - self.wanted[place]).min(self.left(place)).max(Amount::ZERO)
    }

    fn room_of_units(&self, place: usize, units: u32) -> Amount {
        let item = &self.items[place];
        self.room(place).min(share(item.headroom, units, item.quantity))
    }

    /// What percentages are taken of.
    fn worth(&self, place: usize) -> Amount {
        match self.base {
            Base::Initial => self.items[place].subtotal,
            Base::Discounted => self.left(place),
        }
    }

    /// What so many units of the line are worth.
    pub(crate) fn value(&self, place: usize, units: u32) -> Amount {
        match self.base {
            Base::Initial => self.items[place].price.times(units),
            Base::Discounted => share(self.left(place), units, self.items[place].quantity),
        }
    }

    /// Cheapest first, or dearest first; equals stay in canonical order.
    pub(crate) fn sort_by_unit_value(&self, places: &mut [usize], dearest_first: bool) {
        places.sort_by(|&a, &b| self.by_unit_value(a, b, dearest_first));
    }

    /// The first of that order that has a unit free.
    pub(crate) fn first_by_unit_value(&self, places: &[usize], dearest_first: bool) -> Option<usize> {
        let free = places.iter().copied().filter(|&place| self.free_units(place) > 0);
        free.min_by(|&a, &b| self.by_unit_value(a, b, dearest_first))
    }

    fn by_unit_value(&self, a: usize, b: usize, dearest_first: bool) -> Ordering {
        let order = match self.base {
            Base::Initial => self.items[a].price.cmp(&self.items[b].price),
            Base::Discounted => {
                let of = |place: usize| i128::from(self.items[place].quantity.max(1));
                let left = |place: usize| i128::from(self.left(place).minor());
                (left(a) * of(b)).cmp(&(left(b) * of(a)))
            }
        };
        if dearest_first { order.reverse() } else { order }
    }

    /// Uses up to so many free units, in this order of the lines.
    pub(crate) fn take(&mut self, places: &[usize], units: u64) -> Vec<(usize, u32)> {
        let mut needed = units;
        let mut took = Vec::new();
        for &place in places {
            let units = u64::from(self.free_units(place)).min(needed);
            if let Some(units) = u32::try_from(units).ok().filter(|units| *units > 0) {
                needed -= u64::from(units);
                self.use_up(place, units);
                took.push((place, units));
            }
        }
        took
    }

    pub(crate) fn use_up(&mut self, place: usize, units: u32) {
        self.taken.resize(self.items.len(), 0);
        self.taken[place] += units;
    }

    pub(crate) fn free_units(&self, place: usize) -> u32 {
        self.items[place].quantity - self.taken.get(place).copied().unwrap_or(0)
    }

    pub(crate) fn selected(&self, select: &Select) -> Vec<usize> {
        let personal = self.personal;
        self.lookup.find(select, self.items, |item| !personal || item.cost_known)
    }

    fn eligible(&self, meant: impl Fn(&Item) -> bool) -> Vec<usize> {
        (0..self.items.len()).filter(|&place| meant(&self.items[place]) && self.is_eligible(place)).collect()
    }

    /// Law 2: no known cost, no personal discount.
    pub(crate) fn is_eligible(&self, place: usize) -> bool {
        !self.personal || self.items[place].cost_known
    }
}

/// `amount x units / of`, rounded half up: the named rule for a part of a line.
fn share(amount: Amount, units: u32, of: u32) -> Amount {
    let of = i128::from(of.max(1));
    let part = (i128::from(amount.minor()) * i128::from(units) * 2 + of) / (of * 2);
    Amount(i64::try_from(part).unwrap_or(i64::MAX))
}

/// Whether a card is good for the item.
pub(crate) fn covers(scope: &CardScope, item: &Item, facts: &Facts) -> bool {
    let line = &facts.lines[item.place];
    match scope {
        CardScope::Basket => true,
        CardScope::Category(category) => *category == line.category,
        CardScope::Product(sku) => *sku == line.sku,
    }
}
