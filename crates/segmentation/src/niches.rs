//! What density sees beside the segments: dense niches of customers who are much alike, and those who stand apart from everybody.
//!
//! K-Means divides everybody; [`Dbscan`] finds where customers crowd, however few they are, and leaves the rest. Both look at the
//! same features. How far apart a crowd may be is read off the customers themselves: the knee of their distances to the k-th nearest
//! (Ester, Kriegel, Sander and Xu 1996; found as the point farthest from the chord: Satopää et al. 2011, "Finding a kneedle in a
//! haystack"), k being twice the number of features (Sander et al. 1998).

use serde::{Deserialize, Serialize};

use crate::clustering::{ClusterError, Dbscan, DbscanParams, adjusted_rand_index};
use crate::model::Segment;

/// Customers that niches are learned from; the others are placed by their nearest core.
const LEARNED_FROM: usize = 20_000;
/// Of these, so many are asked for their k-th nearest.
const ASKED: usize = 1_000;
/// Of the niches, so many are told of, and can be segments: those that bring most.
pub(crate) const TOLD: usize = 12;

/// Niches beside the segments of a fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Niches {
    /// In the fit's scaled units.
    pub reach: f64,
    /// A core has at least so many customers within reach, itself among them.
    pub min_points: u32,
    /// In order of revenue, the first of them; of how many there are.
    pub niches: Vec<Segment>,
    pub found: u32,
    /// Who belongs to none; `None` where everybody does.
    pub apart: Option<Segment>,
    /// How far niches and segments agree about those who are in a niche: adjusted Rand index, 1 is the same, 0 as by chance.
    pub agreement: f64,
    /// Mean silhouette of who is in a niche.
    #[serde(default)]
    pub silhouette: f64,
}

/// The niche of each row; `None` for those that stand apart. `None` for all where there are too few rows to tell.
pub(crate) struct Placed {
    pub reach: f64,
    pub min_points: usize,
    pub of: Vec<Option<u32>>,
    pub count: u32,
    pub found: Dbscan,
}

/// Finds the niches of rows and places every row. `Ok(None)` where rows are too few, or all the same.
pub(crate) fn place(rows: &[Vec<f64>], width: usize) -> Result<Option<Placed>, ClusterError> {
    let min_points = 2 * width;
    if rows.len() < 4 * min_points || width == 0 {
        return Ok(None);
    }
    let learned: Vec<&Vec<f64>> = rows.iter().step_by(rows.len().div_ceil(LEARNED_FROM)).collect();
    let Some(reach) = reach(&learned, min_points) else { return Ok(None) };
    let flat: Vec<f64> = learned.iter().flat_map(|row| row.iter().copied()).collect();
    let found: Dbscan = DbscanParams::new(reach, min_points).check()?.fit_rows(flat, width)?;
    // By the nearest core even who was learned from: as everybody who comes later.
    let of = rows.iter().map(|row| found.assign(row)).collect();
    Ok(Some(Placed { reach, min_points, of, count: found.clusters(), found: found.without_labels() }))
}

/// The knee of the distances to the k-th nearest, from the nearest to the farthest.
fn reach(rows: &[&Vec<f64>], k: usize) -> Option<f64> {
    let mut distances: Vec<f64> = rows
        .iter()
        .step_by(rows.len().div_ceil(ASKED))
        .map(|row| {
            let mut to: Vec<f64> =
                rows.iter().map(|other| row.iter().zip(*other).map(|(x, y)| (x - y) * (x - y)).sum()).collect();
            let place = k.min(to.len() - 1);
            *to.select_nth_unstable_by(place, f64::total_cmp).1
        })
        .map(f64::sqrt)
        .collect();
    distances.sort_unstable_by(f64::total_cmp);
    let (first, last) = (*distances.first()?, *distances.last()?);
    let steps = (distances.len() - 1).max(1) as f64;
    let below = |(place, distance): (usize, &f64)| first + (last - first) * place as f64 / steps - distance;
    let knee = distances.iter().enumerate().max_by(|a, b| below(*a).total_cmp(&below(*b)))?;
    (*knee.1 > 0.0 && knee.1.is_finite()).then_some(*knee.1)
}

impl Niches {
    /// `describe` names and measures groups of customers: without empty ones, in order of revenue.
    pub(crate) fn of(
        placed: &Placed,
        agreement: f64,
        silhouette: f64,
        describe: &dyn Fn(&[Vec<usize>]) -> Vec<Segment>,
    ) -> Self {
        let (members, apart) = placed.members();
        let mut niches = describe(&members);
        niches.truncate(TOLD);
        Self {
            reach: placed.reach,
            min_points: u32::try_from(placed.min_points).unwrap_or(u32::MAX),
            niches,
            found: placed.count,
            apart: describe(&[apart]).pop(),
            agreement,
            silhouette,
        }
    }
}

impl Placed {
    /// The rows of each niche, and those of none.
    pub(crate) fn members(&self) -> (Vec<Vec<usize>>, Vec<usize>) {
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); self.count as usize];
        let mut apart = Vec::new();
        for (row, niche) in self.of.iter().enumerate() {
            match niche {
                Some(niche) => members[*niche as usize].push(row),
                None => apart.push(row),
            }
        }
        (members, apart)
    }

    /// How far niches and `segments`, row by row, agree about those who are in a niche.
    pub(crate) fn agreement(&self, segments: &[usize]) -> f64 {
        let both = self.of.iter().zip(segments).filter_map(|(niche, segment)| Some(((*niche)? as usize, *segment)));
        let (own, theirs): (Vec<usize>, Vec<usize>) = both.unzip();
        adjusted_rand_index(&own, &theirs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three crowds and some who stand apart, in two dimensions: fractions of the golden ratio for chance.
    fn crowds(of_each: usize) -> (Vec<Vec<f64>>, Vec<Option<usize>>) {
        let draw = |n: usize, salt: f64| (n as f64 * 0.618_033_988_749_895 + salt * n as f64 * 0.754_877).fract() - 0.5;
        let (mut rows, mut truth) = (Vec::new(), Vec::new());
        for (crowd, (x, y)) in [(0.0, 0.0), (6.0, 0.0), (0.0, 6.0)].into_iter().enumerate() {
            for n in 0..of_each {
                rows.push(vec![x + draw(n, 0.3), y + draw(n, 0.7)]);
                truth.push(Some(crowd));
            }
        }
        for n in 0..of_each / 20 {
            let (angle, far) = (n as f64, 14.0 + n as f64);
            rows.push(vec![far * angle.cos(), far * angle.sin()]);
            truth.push(None);
        }
        (rows, truth)
    }

    #[test]
    fn crowds_are_found_and_who_stands_apart_is_left() {
        let (rows, truth) = crowds(400);
        let placed = place(&rows, 2).unwrap().unwrap();
        assert_eq!(placed.count, 3, "reach {}", placed.reach);
        let right = placed.of.iter().zip(&truth).filter(|(found, truth)| found.is_some() == truth.is_some()).count();
        assert!(right * 100 >= rows.len() * 97, "{right} of {}", rows.len());
        let labels = |of: &[Option<u32>]| of.iter().map(|one| one.map_or(99, |one| one as usize)).collect::<Vec<_>>();
        let truth: Vec<usize> = truth.iter().map(|one| one.unwrap_or(99)).collect();
        assert!(adjusted_rand_index(&labels(&placed.of), &truth) > 0.95);
    }

    /// More than are learned from: the rest is placed by the nearest core.
    #[test]
    fn everybody_is_placed_however_many_there_are() {
        let (rows, truth) = crowds(9_000);
        let placed = place(&rows, 2).unwrap().unwrap();
        assert_eq!((placed.of.len(), placed.count), (rows.len(), 3));
        let right = placed.of.iter().zip(&truth).filter(|(found, truth)| found.is_some() == truth.is_some()).count();
        assert!(right * 100 >= rows.len() * 95, "{right} of {}", rows.len());
    }

    #[test]
    fn where_there_is_nothing_to_see_nothing_is_said() {
        assert!(place(&[], 3).unwrap().is_none());
        assert!(place(&vec![vec![1.0, 2.0]; 5], 2).unwrap().is_none());
        assert!(place(&vec![vec![1.0, 2.0]; 500], 2).unwrap().is_none(), "all the same");
    }
}
