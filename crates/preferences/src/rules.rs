use std::cmp::Ordering;

use crate::index::Index;
use crate::{Fisher, ItemSet, Ratio};

/// Who has all of `lhs` in the basket tends to have `rhs` in it too.
///
/// Everything but the p-values follows from the four counts, and is computed from them when it is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The items that are seen, rising; at least one.
    pub lhs: Vec<u32>,
    /// The items that are expected, rising; none of `lhs`.
    pub rhs: Vec<u32>,
    /// Baskets with both sides.
    pub count_xy: u32,
    /// Baskets with the left side.
    pub count_x: u32,
    /// Baskets with the right side.
    pub count_y: u32,
    /// All baskets.
    pub n: u32,
    /// How likely both sides meet so often by chance: [`Fisher`].
    pub p_value: f64,
    /// `p_value` for having looked at so many rules: of all rules up to this value, about this share is chance
    /// (Benjamini and Hochberg 1995). Every rule that the item sets make counts as looked at, ranks are among those
    /// that pass confidence and lift: in R, `p.adjust(p, "BH", n = looked_at)`.
    pub p_adjusted: f64,
}

impl Rule {
    /// The share of all baskets with both sides.
    #[must_use]
    pub fn support(&self) -> f64 {
        f64::from(self.count_xy) / f64::from(self.n)
    }

    /// The share of the left side's baskets that have the right side too.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        f64::from(self.count_xy) / f64::from(self.count_x)
    }

    /// How many times as often both sides meet as they would by chance (Brin, Motwani, Ullman, Tsur 1997).
    #[must_use]
    pub fn lift(&self) -> f64 {
        f64::from(self.count_xy) * f64::from(self.n) / (f64::from(self.count_x) * f64::from(self.count_y))
    }

    /// The share of all baskets in which both sides meet beyond chance (Piatetsky-Shapiro 1991).
    #[must_use]
    pub fn leverage(&self) -> f64 {
        let n = f64::from(self.n);
        (f64::from(self.count_xy) - f64::from(self.count_x) * f64::from(self.count_y) / n) / n
    }

    /// How many times as often the rule would be wrong if its sides met by chance (Brin et al. 1997); infinite when it
    /// never is wrong.
    #[must_use]
    pub fn conviction(&self) -> f64 {
        if self.count_xy == self.count_x {
            return f64::INFINITY;
        }
        let n = f64::from(self.n);
        f64::from(self.count_x) * f64::from(self.n - self.count_y) / (n * f64::from(self.count_x - self.count_xy))
    }

    /// The surest first, then the most frequent, then by items.
    fn order(&self, other: &Self) -> Ordering {
        let product = |a: u32, b: u32| u64::from(a) * u64::from(b);
        product(other.count_xy, self.count_x)
            .cmp(&product(self.count_xy, other.count_x))
            .then_with(|| other.count_xy.cmp(&self.count_xy))
            .then_with(|| self.lhs.cmp(&other.lhs))
            .then_with(|| self.rhs.cmp(&other.rhs))
    }
}

/// What may stand on the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rhs {
    /// One item.
    Single,
    /// One item or more.
    Any,
}

/// Which rules are wanted. Thresholds let through what lies on them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    pub min_confidence: Ratio,
    pub min_lift: Option<Ratio>,
    pub rhs: Rhs,
    pub max_p_value: Option<f64>,
    /// The share of chance finds that is put up with.
    pub max_p_adjusted: Option<f64>,
    /// Without the rules for which a more general one does as well: one with the same right side and only some of the
    /// left (or nothing of it), and at least the same confidence (Bayardo, Agrawal, Gunopulos 2000, an improvement
    /// above zero).
    pub drop_redundant: bool,
    /// Rules that may pass confidence and lift; one more is an error.
    pub limit: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            min_confidence: Ratio::basis_points(5_000),
            min_lift: None,
            rhs: Rhs::Single,
            max_p_value: None,
            max_p_adjusted: None,
            drop_redundant: false,
            limit: 1_000_000,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    #[error("more than {limit} rules pass: ask for more confidence or lift")]
    TooMany { limit: usize },
    #[error("item set {set}: its items do not rise, it is there twice, or its count is not from one to all baskets")]
    Malformed { set: usize },
    #[error("item set {set}: a set with one item less is missing, or is in fewer baskets")]
    Incomplete { set: usize },
}

/// The rules that `sets` make and that pass, the surest first, then the most frequent, then by items.
///
/// `sets` are all the frequent sets up to some length, as [`frequent`](crate::frequent) gives them (in any order), of
/// `n` baskets. A set of k items makes k rules with a single item on the right and 2^k - 2 with any.
///
/// # Errors
/// [`RulesError::TooMany`]; the others when `sets` cannot be what is frequent in `n` baskets.
pub fn rules(sets: &[ItemSet], n: u32, params: &Params) -> Result<Vec<Rule>, RulesError> {
    let index = Index::new(sets, n)?;
    let (mut candidates, looked_at) = candidates(sets, n, params, &index)?;
    let fisher = Fisher::new(n);
    for candidate in &mut candidates {
        let Candidate { count_xy, count_x, count_y, .. } = *candidate;
        candidate.p_value = fisher.p_value(count_xy, count_x, count_y);
    }
    adjust(&mut candidates, looked_at);
    candidates.retain(|candidate| {
        !(params.drop_redundant && candidate.redundant)
            && params.max_p_value.is_none_or(|most| candidate.p_value <= most)
            && params.max_p_adjusted.is_none_or(|most| candidate.p_adjusted <= most)
    });
    let mut rules: Vec<Rule> = candidates.iter().map(|candidate| candidate.rule(sets, n)).collect();
    rules.sort_unstable_by(Rule::order);
    Ok(rules)
}

/// A rule that passes confidence and lift, before its items are written out.
struct Candidate {
    set: u32,
    /// Which items of the set stand on the right, a bit each.
    rhs: u32,
    count_xy: u32,
    count_x: u32,
    count_y: u32,
    redundant: bool,
    p_value: f64,
    p_adjusted: f64,
}

impl Candidate {
    fn rule(&self, sets: &[ItemSet], n: u32) -> Rule {
        let items = &sets[self.set as usize].items;
        let right = self.rhs.count_ones() as usize;
        let (mut lhs, mut rhs) = (Vec::with_capacity(items.len() - right), Vec::with_capacity(right));
        for (i, item) in items.iter().enumerate() {
            if self.rhs >> i & 1 == 1 { &mut rhs } else { &mut lhs }.push(*item);
        }
        let Self { count_xy, count_x, count_y, p_value, p_adjusted, .. } = *self;
        Rule { lhs, rhs, count_xy, count_x, count_y, n, p_value, p_adjusted }
    }
}

/// What passes confidence and lift, and how many rules were looked at for it.
fn candidates(
    sets: &[ItemSet],
    n: u32,
    params: &Params,
    index: &Index<'_>,
) -> Result<(Vec<Candidate>, u64), RulesError> {
    let mut found = Vec::new();
    let mut looked_at = 0;
    let (mut places, mut parts) = (Vec::new(), Vec::new());
    // Of one set: what is on the right, and the count of the left.
    let mut sure: Vec<(u32, u32)> = Vec::new();
    for (set, place) in sets.iter().zip(0_u32..).filter(|(set, _)| set.items.len() > 1) {
        let count_xy = set.count;
        // No more than 31 items: the index holds every part of the set, and counts them in 32 bits.
        let full = ((1_u64 << set.items.len()) - 1) as u32;
        sure.clear();
        match params.rhs {
            Rhs::Single => {
                looked_at += set.items.len() as u64;
                let all = index.without(place).iter().enumerate().map(|(i, rest)| (1 << i, index.count(*rest)));
                sure.extend(all.filter(|(_, count_x)| params.min_confidence.is_reached_by(count_xy, *count_x)));
            }
            Rhs::Any => {
                looked_at += u64::from(full) - 1;
                index.parts(place, n, &mut places, &mut parts);
                let all = (1..full).map(|rhs| (rhs, parts[(full ^ rhs) as usize]));
                sure.extend(all.filter(|(_, count_x)| params.min_confidence.is_reached_by(count_xy, *count_x)));
            }
        }
        if params.rhs == Rhs::Single && params.drop_redundant && !sure.is_empty() {
            index.parts(place, n, &mut places, &mut parts);
        }
        for (rhs, count_x) in &sure {
            let (rhs, count_x) = (*rhs, *count_x);
            let count_y = match params.rhs {
                Rhs::Single => index.count_of(set.items[rhs.trailing_zeros() as usize]),
                Rhs::Any => parts[rhs as usize],
            };
            if params.min_lift.is_some_and(|least| !lift_reaches(least, [count_xy, count_x, count_y, n])) {
                continue;
            }
            if found.len() == params.limit {
                return Err(RulesError::TooMany { limit: params.limit });
            }
            let redundant = params.drop_redundant && is_redundant(full ^ rhs, rhs, &parts);
            let (p_value, p_adjusted) = (1.0, 1.0);
            found.push(Candidate { set: place, rhs, count_xy, count_x, count_y, redundant, p_value, p_adjusted });
        }
    }
    Ok((found, looked_at))
}

fn lift_reaches(least: Ratio, [count_xy, count_x, count_y, n]: [u32; 4]) -> bool {
    let product = |a: u32, b: u32, c: u32| u128::from(a) * u128::from(b) * u128::from(c);
    product(count_xy, n, least.den()) >= product(count_x, count_y, least.num())
}

/// Whether some part of the left side, or nothing, is as sure of the right side. `parts` are the counts of all parts
/// of both.
fn is_redundant(lhs: u32, rhs: u32, parts: &[u32]) -> bool {
    let (count_x, count_xy) = (u64::from(parts[lhs as usize]), u64::from(parts[(lhs | rhs) as usize]));
    let mut fewer = lhs;
    while fewer != 0 {
        fewer = (fewer - 1) & lhs;
        if u64::from(parts[(fewer | rhs) as usize]) * count_x >= count_xy * u64::from(parts[fewer as usize]) {
            return true;
        }
    }
    false
}

/// Benjamini and Hochberg's step-up for all that was looked at. What did not pass confidence and lift has no rank, so
/// that a value may come out higher than with all ranks, and never lower.
fn adjust(candidates: &mut [Candidate], looked_at: u64) {
    let mut order: Vec<(f64, u32)> = candidates.iter().map(|candidate| candidate.p_value).zip(0..).collect();
    order.sort_unstable_by(|(a, i), (b, j)| a.total_cmp(b).then(i.cmp(j)));
    let mut least = 1.0_f64;
    for (rank, (p_value, place)) in order.iter().enumerate().rev() {
        least = least.min(p_value * looked_at as f64 / (rank + 1) as f64);
        candidates[*place as usize].p_adjusted = least;
    }
}
