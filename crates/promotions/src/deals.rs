//! Deals of counted units: picks, bundles and buy-x-get-y. Lines are walked as a whole, so the work does not grow with the
//! quantity.

use domain::{Amount, Rate, split};

use crate::benefit::{Pick, Slot};
use crate::select::Select;
use crate::wish::Wish;

impl Wish<'_> {
    /// A rate off the cheapest or the dearest units.
    pub(crate) fn pick(&mut self, pick: &Pick<Select>, dearest: bool) {
        let mut places = self.selected(&pick.of);
        match (pick.of_every, pick.units) {
            // Most picks are of one unit, for which one line is enough.
            (None, 1) => places = self.first_by_unit_value(&places, dearest).into_iter().collect(),
            _ => self.sort_by_unit_value(&mut places, dearest),
        }
        let have = self.count(&places);
        let (units, used) = match pick.of_every {
            None => (u64::from(pick.units).min(have), 0),
            Some(every) => {
                let times = have / u64::from(every.max(1));
                (times * u64::from(pick.units), times * u64::from(every))
            }
        };
        let picked = self.take(&places, units);
        let weights: Vec<Amount> = picked.iter().map(|&(place, units)| self.value(place, units)).collect();
        let parts = split(pick.rate.of(weights.iter().copied().sum()), &weights);
        let picked: Vec<usize> = picked.iter().map(|&(place, _)| place).collect();
        self.ask_all(&picked, &parts);
        // The rest of "every three" were bought for it.
        places.reverse();
        self.take(&places, used.saturating_sub(units));
    }

    /// For every `buy` units, `get` units at the rate off: as many whole deals as there are disjoint units for, on the
    /// cheapest units of `get` that leave enough to buy, bought with the dearest others.
    pub(crate) fn buy_x_get_y(&mut self, buy: &Slot<Select>, get: &Slot<Select>, rate: Rate, at_most: Option<u32>) {
        let mut buys = self.selected(&buy.of);
        let mut gets = self.selected(&get.of);
        let both: Vec<usize> = gets.iter().copied().filter(|&place| buy.of.covers(&self.items[place])).collect();
        let (can_buy, can_get, shared) = (self.count(&buys), self.count(&gets), self.count(&both));
        let (each_buy, each_get) = (u64::from(buy.quantity.max(1)), u64::from(get.quantity.max(1)));
        // Hall: each side alone has enough, and both together have.
        let deals = (can_buy / each_buy)
            .min(can_get / each_get)
            .min((can_buy + can_get - shared) / (each_buy + each_get))
            .min(at_most.map_or(u64::MAX, u64::from));
        if deals == 0 {
            return;
        }
        let (to_buy, to_get) = (deals * each_buy, deals * each_get);
        // Of the units that serve both sides, this many may be got.
        let mut shared_to_get = shared - to_buy.saturating_sub(can_buy - shared);
        self.sort_by_unit_value(&mut gets, false);
        let mut got = Vec::new();
        let mut needed = to_get;
        for place in gets {
            let is_shared = buy.of.covers(&self.items[place]);
            let most = if is_shared { needed.min(shared_to_get) } else { needed };
            for (place, units) in self.take(&[place], most) {
                needed -= u64::from(units);
                if is_shared {
                    shared_to_get -= u64::from(units);
                }
                got.push((place, units));
            }
        }
        self.sort_by_unit_value(&mut buys, true);
        let bought = self.take(&buys, to_buy);
        let value = got.iter().map(|&(place, units)| self.value(place, units)).sum();
        self.place(rate.of(value), &got, &bought);
    }

    /// Sets at one price: the dearest units that make whole sets, and as many sets as are worth their price.
    pub(crate) fn bundle(&mut self, slots: &[Slot<Select>], price: Amount, at_most: Option<u32>) {
        let mut places: Vec<usize> =
            (0..self.items.len()).filter(|&place| self.mask(slots, place) != 0 && self.free_units(place) > 0).collect();
        self.sort_by_unit_value(&mut places, true);
        let shelf = Shelf::new(self, slots, &places);
        let most = shelf.sets().min(at_most.map_or(u64::MAX, u64::from));
        let gain = |sets: u64| {
            let value: Amount = shelf.dearest(sets).iter().map(|&(place, units)| self.value(place, units)).sum();
            i128::from(value.minor()) - i128::from(price.minor()) * i128::from(sets)
        };
        // Every further set is worth no more than the one before: the last that gains is found by halving.
        let (mut good, mut bad) = (0, most + 1);
        if most > 0 && gain(most) > gain(most - 1) {
            good = most;
        }
        while bad - good > 1 && good < most {
            let middle = good + (bad - good) / 2;
            if gain(middle) > gain(middle - 1) {
                good = middle;
            } else {
                bad = middle;
            }
        }
        let units = shelf.dearest(good);
        let total = Amount(i64::try_from(gain(good)).unwrap_or(i64::MAX));
        for &(place, units) in &units {
            self.use_up(place, units);
        }
        self.place(total, &units, &units);
    }

    fn count(&self, places: &[usize]) -> u64 {
        places.iter().map(|&place| u64::from(self.free_units(place))).sum()
    }

    /// The slots that the item may fill.
    fn mask(&self, slots: &[Slot<Select>], place: usize) -> usize {
        let covered = |slot: &Slot<Select>| slot.of.covers(&self.items[place]) && self.is_eligible(place);
        slots.iter().enumerate().filter(|(_, slot)| covered(slot)).fold(0, |mask, (bit, _)| mask | 1 << bit)
    }
}

/// Units that fill slots, which may overlap. By Hall's theorem a choice of units fits exactly when, for every set of slots,
/// the units that fit only into those are no more than those take.
struct Shelf {
    /// Dearest first: place, free units, the slots that they may fill.
    units: Vec<(usize, u64, usize)>,
    /// By set of slots, how many units one set of the bundle takes.
    takes: Vec<u64>,
}

impl Shelf {
    fn new(wish: &Wish, slots: &[Slot<Select>], dearest_first: &[usize]) -> Self {
        let units = dearest_first
            .iter()
            .map(|&place| (place, u64::from(wish.free_units(place)), wish.mask(slots, place)))
            .collect();
        let takes = (0..1_usize << slots.len())
            .map(|set| {
                let inside = slots.iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1);
                inside.map(|(_, slot)| u64::from(slot.quantity.max(1))).sum()
            })
            .collect();
        Self { units, takes }
    }

    /// How many whole sets there are.
    fn sets(&self) -> u64 {
        let enough = |(set, takes): (usize, &u64)| {
            let fitting: u64 = self.units.iter().filter(|unit| unit.2 & set != 0).map(|unit| unit.1).sum();
            fitting / takes
        };
        self.takes.iter().enumerate().skip(1).map(enough).min().unwrap_or(0)
    }

    /// The dearest units that fill so many sets; greedy is best, for choices that fit are a matroid.
    fn dearest(&self, sets: u64) -> Vec<(usize, u32)> {
        let mut left: Vec<u64> = self.takes.iter().map(|takes| takes * sets).collect();
        let mut chosen = Vec::new();
        for &(place, free, mask) in &self.units {
            let around = |set: &usize| set & mask == mask;
            let fit = (0..left.len()).filter(around).map(|set| left[set]).min().unwrap_or(0).min(free);
            if let Some(units) = u32::try_from(fit).ok().filter(|units| *units > 0) {
                (0..left.len()).filter(around).for_each(|set| left[set] -= fit);
                chosen.push((place, units));
            }
        }
        chosen
    }
}
