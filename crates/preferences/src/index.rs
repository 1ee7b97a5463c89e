//! Finds the sets that a set is made of.

use crate::{ItemSet, RulesError};

/// Item sets laid out flat, each with the place of every set that has one item less.
pub(crate) struct Index<'a> {
    sets: &'a [ItemSet],
    /// Where the items of each set begin in `without`, and where the last one ends.
    starts: Vec<u32>,
    /// For each set, for each of its items: the place of the set without that item; `WHOLE` for the empty one.
    without: Vec<u32>,
    table: Table,
}

/// The place of the empty set, which is in every basket.
pub(crate) const WHOLE: u32 = u32::MAX;

impl<'a> Index<'a> {
    pub(crate) fn new(sets: &'a [ItemSet], n: u32) -> Result<Self, RulesError> {
        let mut table = Table::new(sets.len());
        let mut starts = Vec::with_capacity(sets.len() + 1);
        let mut sum = 0_u32;
        let mut sums = Vec::with_capacity(sets.len());
        for (set, place) in sets.iter().enumerate().map(|(i, set)| (set, i as u32)) {
            let rising = set.items.windows(2).all(|pair| pair[0] < pair[1]);
            if set.items.is_empty() || !rising || set.count == 0 || set.count > n {
                return Err(RulesError::Malformed { set: place as usize });
            }
            starts.push(sum);
            sum = u32::try_from(set.items.len())
                .ok()
                .and_then(|length| sum.checked_add(length))
                .filter(|_| place < WHOLE)
                .ok_or(RulesError::Malformed { set: place as usize })?;
            let hash = set.items.iter().fold(0, |hash: u64, item| hash.wrapping_add(scattered(*item)));
            if table.find(hash, |other| sets[other as usize].items == set.items).is_some() {
                return Err(RulesError::Malformed { set: place as usize });
            }
            table.insert(hash, place);
            sums.push(hash);
        }
        starts.push(sum);
        let mut without = Vec::with_capacity(sum as usize);
        for (i, (set, hash)) in sets.iter().zip(&sums).enumerate() {
            if set.items.len() == 1 {
                without.push(WHOLE);
                continue;
            }
            for (at, item) in set.items.iter().enumerate() {
                let rest = table
                    .find(hash.wrapping_sub(scattered(*item)), |other| {
                        let other = &sets[other as usize].items;
                        other.len() + 1 == set.items.len()
                            && other[..at] == set.items[..at]
                            && other[at..] == set.items[at + 1..]
                    })
                    .filter(|rest| sets[*rest as usize].count >= set.count)
                    .ok_or(RulesError::Incomplete { set: i })?;
                without.push(rest);
            }
        }
        Ok(Self { sets, starts, without, table })
    }

    /// For each item of a set, the place of the set without it.
    pub(crate) fn without(&self, set: u32) -> &[u32] {
        &self.without[self.starts[set as usize] as usize..self.starts[set as usize + 1] as usize]
    }

    pub(crate) fn count(&self, set: u32) -> u32 {
        self.sets[set as usize].count
    }

    /// In how many baskets an item of any of the sets is.
    pub(crate) fn count_of(&self, item: u32) -> u32 {
        self.table
            .find(scattered(item), |other| self.sets[other as usize].items == [item])
            .map_or(0, |place| self.count(place))
    }

    /// The counts of all parts of a set: bit `i` of a place in `counts` says that item `i` is in the part.
    pub(crate) fn parts(&self, set: u32, n: u32, places: &mut Vec<u32>, counts: &mut Vec<u32>) {
        let full = (1_usize << self.without(set).len()) - 1;
        places.clear();
        places.resize(full + 1, set);
        counts.clear();
        counts.resize(full + 1, self.count(set));
        for mask in (1..full).rev() {
            // Put the lowest missing item back: all below it are there, so its place in that set is its place among
            // all.
            let missing = mask.trailing_ones() as usize;
            places[mask] = self.without(places[mask | 1 << missing])[missing];
            counts[mask] = self.count(places[mask]);
        }
        counts[0] = n;
    }
}

/// Open addressing on hashes that the caller adds up: the hash of a set is the sum of its items', so that a set
/// without one item needs one subtraction.
struct Table {
    slots: Vec<(u32, u32)>,
    mask: usize,
}

impl Table {
    fn new(sets: usize) -> Self {
        let room = (sets * 2).next_power_of_two().max(4);
        Self { slots: vec![(0, WHOLE); room], mask: room - 1 }
    }

    fn insert(&mut self, hash: u64, place: u32) {
        let mut at = hash as usize & self.mask;
        while self.slots[at].1 != WHOLE {
            at = (at + 1) & self.mask;
        }
        self.slots[at] = ((hash >> 32) as u32, place);
    }

    fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let tag = (hash >> 32) as u32;
        let mut at = hash as usize & self.mask;
        loop {
            let (known, place) = self.slots[at];
            if place == WHOLE {
                return None;
            }
            if known == tag && is_it(place) {
                return Some(place);
            }
            at = (at + 1) & self.mask;
        }
    }
}

/// A number spread over 64 bits (the finaliser of splitmix64).
fn scattered(item: u32) -> u64 {
    let mut x = u64::from(item).wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
