//! Eclat (Zaki 2000): depth first, from the rarest item on. What the baskets hold beyond a prefix is kept in the
//! cheaper of two forms: as short rows, along which the next items are counted (sparse baskets), or as one column of
//! bits an item, which are intersected (dense baskets, and most of what lies deep). Either way only the baskets of the
//! prefix are left in it.

use std::ops::ControlFlow;

use crate::{Baskets, Ratio};

/// Items that are bought together, and in how many baskets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ItemSet {
    /// Rising, each once.
    pub items: Vec<u32>,
    pub count: u32,
}

/// From when on a set is frequent. What is in no basket never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinSupport {
    /// Baskets.
    Count(u32),
    /// Of all baskets.
    Share(Ratio),
}

impl MinSupport {
    /// The fewest of `n` baskets that are enough; nothing when not even 32 bits count them.
    #[must_use]
    pub fn fewest_of(self, n: u32) -> Option<u32> {
        let fewest = match self {
            Self::Count(count) => Some(count),
            Self::Share(share) => u32::try_from(share.fewest_of(n)).ok(),
        };
        fewest.map(|fewest| fewest.max(1))
    }
}

/// How far a search may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Items in a set.
    pub max_len: usize,
    /// Sets; one more is an error.
    pub limit: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { max_len: usize::MAX, limit: 1_000_000 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MiningError {
    #[error("more than {limit} item sets are frequent: raise the support, or let the sets be shorter")]
    TooMany { limit: usize },
    #[error("the search was called off")]
    Cancelled,
}

/// Told at the beginning, at the end and every few milliseconds between how many of how many items have been searched
/// from; breaks to call the search off.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>;

/// Every set of items that is in enough baskets, once, with its exact count; the shorter first, then in the order of
/// their items.
///
/// # Errors
/// [`MiningError::TooMany`] when there are more sets than `bounds` allows, which is often known long before they are
/// found;
/// [`MiningError::Cancelled`] when `progress` breaks.
pub fn frequent<T>(
    baskets: &Baskets<T>,
    min_support: MinSupport,
    bounds: Bounds,
    progress: Progress<'_>,
) -> Result<Vec<ItemSet>, MiningError> {
    let Some(fewest) = min_support.fewest_of(baskets.len()).filter(|_| bounds.max_len > 0) else {
        return Ok(Vec::new());
    };
    let mut counts = vec![0_u32; baskets.names().len()];
    for item in baskets.iter().flatten() {
        counts[*item as usize] += 1;
    }
    let counted = counts.iter().zip(0..).filter(|(count, _)| **count >= fewest);
    let mut branches: Vec<Branch> = counted.map(|(count, item)| Branch { item, count: *count }).collect();
    // The rarest first: its rows are few, and they are those that have the most beyond them.
    branches.sort_unstable_by_key(|branch| (branch.count, branch.item));
    let mut search = Search {
        fewest,
        bounds,
        prefix: Vec::new(),
        found: Vec::new(),
        counts: vec![0; branches.len()],
        columns: Vec::new(),
        branches: Vec::new(),
        progress,
        searched: 0,
        of: branches.len() as u64,
        steps: 0,
    };
    search.report()?;
    for branch in &branches {
        search.find(*branch)?;
    }
    search.along_rows(&branches, &Rows::new(baskets, &branches))?;
    search.searched = search.of;
    search.report()?;
    Ok(in_order(search.found))
}

/// By length, then by items. The keys hold the length and the first three items, which is nearly always enough.
fn in_order(mut found: Vec<ItemSet>) -> Vec<ItemSet> {
    let key = |set: &ItemSet| {
        let first = |i: usize| u128::from(set.items.get(i).copied().unwrap_or_default());
        (set.items.len() as u128) << 96 | first(0) << 64 | first(1) << 32 | first(2)
    };
    let mut order: Vec<(u128, usize)> = found.iter().enumerate().map(|(i, set)| (key(set), i)).collect();
    order.sort_unstable_by(|(a, i), (b, j)| a.cmp(b).then_with(|| found[*i].items.cmp(&found[*j].items)));
    order.into_iter().map(|(_, i)| std::mem::take(&mut found[i])).collect()
}

/// An item that is with the prefix in `count` baskets.
#[derive(Clone, Copy)]
struct Branch {
    item: u32,
    count: u32,
}

/// What the baskets that hold the prefix hold beyond it: places in the list of branches, rising within a row.
#[derive(Default)]
struct Rows {
    /// There may be more after the last end, which means nothing.
    places: Vec<u32>,
    ends: Vec<u32>,
}

/// No place among the branches.
const NONE: u32 = u32::MAX;

impl Rows {
    /// Written branch after branch, which sorts all rows at once.
    fn new<T>(baskets: &Baskets<T>, branches: &[Branch]) -> Self {
        let mut place_of = vec![NONE; baskets.names().len()];
        let mut nexts = Vec::with_capacity(branches.len());
        let mut sum = 0;
        for (branch, place) in branches.iter().zip(0..) {
            place_of[branch.item as usize] = place;
            nexts.push(sum);
            sum += branch.count as usize;
        }
        let mut holders = vec![0_u32; sum];
        // Where each row begins, until it is written.
        let mut ends = Vec::new();
        let mut end = 0_u32;
        for (basket, number) in baskets.iter().zip(0_u32..) {
            ends.push(end);
            for item in basket {
                if let Some(next) = nexts.get_mut(place_of[*item as usize] as usize) {
                    holders[*next] = number;
                    *next += 1;
                    end += 1;
                }
            }
        }
        let mut places = vec![0_u32; sum];
        let mut holders = holders.as_slice();
        for (branch, place) in branches.iter().zip(0..) {
            let (own, rest) = holders.split_at(branch.count as usize);
            for holder in own {
                let at = &mut ends[*holder as usize];
                places[*at as usize] = place;
                *at += 1;
            }
            holders = rest;
        }
        Self { places, ends }
    }

    fn iter(&self) -> impl Iterator<Item = &[u32]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let row = &self.places[start as usize..*end as usize];
            start = *end;
            row
        })
    }

    fn row(&self, (from, to): (u32, u32)) -> &[u32] {
        &self.places[from as usize..to as usize]
    }

    /// For each of `branches` places, the rest of every row after it, from and to; and where those of each place end.
    fn beyond(&self, branches: usize) -> (Vec<(u32, u32)>, Vec<usize>) {
        let mut ends = vec![0_usize; branches + 1];
        for place in self.iter().flatten() {
            ends[*place as usize + 1] += 1;
        }
        for place in 0..branches {
            ends[place + 1] += ends[place];
        }
        let mut beyond = vec![(0, 0); ends[branches]];
        let mut start = 0;
        for end in &self.ends {
            for at in start..*end {
                let next = &mut ends[self.places[at as usize] as usize];
                beyond[*next] = (at + 1, *end);
                *next += 1;
            }
            start = *end;
        }
        (beyond, ends)
    }

    /// Those parts of the rows of another prefix that are `chosen` for this one, at their new places. Rows of fewer
    /// than two are left out: nothing longer comes of them. Says how many pairs there are in all rows.
    fn project(&mut self, other: &Self, occurrences: &[(u32, u32)], chosen: &[u32]) -> u64 {
        let room: usize = occurrences.iter().map(|(from, to)| (to - from) as usize).sum();
        self.places.resize(self.places.len().max(room), 0);
        self.ends.clear();
        let (mut end, mut pairs) = (0, 0);
        for occurrence in occurrences {
            let start = end;
            for place in other.row(*occurrence) {
                // Written in any case, and kept or not without a jump that nobody could predict.
                let at = chosen[*place as usize];
                self.places[end] = at;
                end += usize::from(at != NONE);
            }
            let length = end - start;
            if length > 1 {
                self.ends.push(end as u32);
                pairs += (length * (length - 1) / 2) as u64;
            } else {
                end = start;
            }
        }
        pairs
    }
}

/// Basic steps between two calls of the progress.
const STEPS: u64 = 1 << 22;

/// What it costs to write a set down, in basic steps.
const FIND_STEPS: u64 = 32;

/// What one step along a row costs, in words of bits that are intersected.
const ROW_STEP: u64 = 4;

struct Search<'a> {
    fewest: u32,
    bounds: Bounds,
    prefix: Vec<u32>,
    found: Vec<ItemSet>,
    /// Room to count the branches of one prefix in; zeros between two.
    counts: Vec<u32>,
    /// Columns of bits of the prefixes on the way down, one after the other, and the branches that they belong to.
    columns: Vec<u64>,
    branches: Vec<Branch>,
    progress: Progress<'a>,
    searched: u64,
    of: u64,
    steps: u64,
}

impl Search<'_> {
    fn report(&mut self) -> Result<(), MiningError> {
        match (self.progress)(self.searched, self.of) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(MiningError::Cancelled),
        }
    }

    fn spend(&mut self, steps: usize) -> Result<(), MiningError> {
        self.steps += steps as u64;
        if self.steps < STEPS {
            return Ok(());
        }
        self.steps = 0;
        self.report()
    }

    fn find(&mut self, branch: Branch) -> Result<(), MiningError> {
        let length = self.prefix.len() + 1;
        // All parts of a frequent set are frequent, so that a long one tells at once; and nobody finds 2^63 of them,
        // so that the depth stays below that.
        let too_long = length > 63 || (1_u64 << length) - 1 > self.bounds.limit as u64;
        if too_long || self.found.len() >= self.bounds.limit {
            return Err(MiningError::TooMany { limit: self.bounds.limit });
        }
        self.steps += FIND_STEPS;
        let mut items = Vec::with_capacity(length);
        items.extend_from_slice(&self.prefix);
        items.push(branch.item);
        items.sort_unstable();
        self.found.push(ItemSet { items, count: branch.count });
        Ok(())
    }

    /// Whether sets may get longer than the branches of the prefix make them.
    fn may_grow(&self) -> bool {
        self.prefix.len() + 1 < self.bounds.max_len
    }

    /// Finds all sets of the prefix and two of its branches or more.
    fn along_rows(&mut self, branches: &[Branch], rows: &Rows) -> Result<(), MiningError> {
        if !self.may_grow() {
            return Ok(());
        }
        let (beyond, ends) = rows.beyond(branches.len());
        let mut chosen = vec![NONE; branches.len()];
        let (mut next, mut projected) = (Vec::new(), Rows::default());
        let mut start = 0;
        for (place, branch) in branches.iter().enumerate() {
            if self.prefix.is_empty() {
                self.searched = place as u64;
            }
            let occurrences = &beyond[start..ends[place]];
            start = ends[place];
            let counts = self.counts.as_mut_slice();
            let mut steps = branches.len() - place;
            for occurrence in occurrences {
                let row = rows.row(*occurrence);
                steps += row.len();
                for other in row {
                    counts[*other as usize] += 1;
                }
            }
            self.spend(steps)?;
            self.prefix.push(branch.item);
            next.clear();
            for (other, later) in branches.iter().enumerate().skip(place + 1) {
                let count = std::mem::take(&mut self.counts[other]);
                chosen[other] = NONE;
                if count >= self.fewest {
                    chosen[other] = next.len() as u32;
                    let found = Branch { item: later.item, count };
                    self.find(found)?;
                    next.push(found);
                }
            }
            if next.len() > 1 && self.may_grow() {
                let pairs = projected.project(rows, occurrences, &chosen);
                let words = projected.ends.len().div_ceil(64);
                let intersections = (next.len() * (next.len() - 1) / 2 * words) as u64;
                if intersections < pairs * ROW_STEP {
                    self.in_columns(&next, &projected, words)?;
                } else {
                    self.along_rows(&next, &projected)?;
                }
            }
            self.prefix.pop();
        }
        Ok(())
    }

    /// As [`Self::along_rows`], after turning the rows into columns, a bit a row.
    fn in_columns(&mut self, branches: &[Branch], rows: &Rows, words: usize) -> Result<(), MiningError> {
        self.columns.clear();
        self.columns.resize(branches.len() * words, 0);
        for (row, at) in rows.iter().zip(0_usize..) {
            for place in row {
                self.columns[*place as usize * words + at / 64] |= 1 << (at % 64);
            }
        }
        self.branches.clear();
        self.branches.extend_from_slice(branches);
        self.along_columns(0, 0, words)
    }

    /// As [`Self::along_rows`], for the branches from `first` on, whose columns begin at `column`.
    fn along_columns(&mut self, first: usize, column: usize, words: usize) -> Result<(), MiningError> {
        let (last, end) = (self.branches.len(), self.columns.len());
        for place in first..last {
            self.prefix.push(self.branches[place].item);
            let grows = self.may_grow();
            let own = column + (place - first) * words;
            let own = own..own + words;
            for other in place + 1..last {
                let its = column + (other - first) * words;
                let its = its..its + words;
                let count = common(&self.columns[own.clone()], &self.columns[its.clone()], self.fewest);
                if count < self.fewest {
                    continue;
                }
                let found = Branch { item: self.branches[other].item, count };
                self.find(found)?;
                if grows {
                    self.branches.push(found);
                    let both = self.columns.len();
                    self.columns.extend_from_within(own.clone());
                    let (known, both) = self.columns.split_at_mut(both);
                    for (word, its) in both.iter_mut().zip(&known[its]) {
                        *word &= its;
                    }
                }
            }
            self.spend((last - place) * words)?;
            if self.branches.len() > last + 1 {
                self.along_columns(last, end, words)?;
            }
            self.branches.truncate(last);
            self.columns.truncate(end);
            self.prefix.pop();
        }
        Ok(())
    }
}

/// How many bits both have; or too few, as soon as `fewest` are out of reach.
fn common(a: &[u64], b: &[u64], fewest: u32) -> u32 {
    const BLOCK: usize = 16;
    let (mut count, mut left) = (0, a.len() as u32 * 64);
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
        count += a.iter().zip(b).map(|(a, b)| (a & b).count_ones()).sum::<u32>();
        left -= a.len() as u32 * 64;
        if count + left < fewest {
            break;
        }
    }
    count
}
