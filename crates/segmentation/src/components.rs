//! The leading components of what orders are made of (Pearson 1901; Jolliffe 2002, "Principal component analysis", 2 and 6.1.1):
//! directions in which the shares of categories vary together, strongest first. Few numbers say what many shares would, and a
//! hundred small categories do not drown the large ones.

use linfa_linalg::eigh::{EigSort, Eigh};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// So much of the variance of the shares is kept, if…
const ENOUGH: f64 = 0.9;
/// …so many components do for it.
const MOST: usize = 5;
/// Shares that vary less are all the same.
const FLAT: f64 = 1e-9;
/// A category with a smaller loading is not told of a component…
const TELLING: f64 = 0.25;
/// …and of one side no more than these.
const MOST_TOLD: usize = 3;

/// A leading component of what orders are made of: who buys more of some categories buys less of the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Leading {
    /// What it explains of how the shares of categories vary.
    pub explained: f64,
    /// Ids of the categories, strongest first.
    pub more: Vec<String>,
    pub less: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Components {
    /// The mean share of each category.
    mean: Vec<f64>,
    /// Unit vectors over the categories, orthogonal to each other. The largest entry of each is positive.
    loadings: Vec<Vec<f64>>,
    /// What each explains of the variance of all shares.
    explained: Vec<f64>,
}

impl Components {
    /// Of customers' shares, one row each; none where they do not vary.
    pub(crate) fn of(rows: &[Vec<f64>]) -> Option<Self> {
        let width = rows.first()?.len();
        let count = rows.len() as f64;
        let mean: Vec<f64> = (0..width).map(|j| rows.iter().map(|row| row[j]).sum::<f64>() / count).collect();
        let mut covariance = Array2::<f64>::zeros((width, width));
        for row in rows {
            for i in 0..width {
                let x = row[i] - mean[i];
                for j in 0..=i {
                    covariance[[i, j]] += x * (row[j] - mean[j]) / count;
                }
            }
        }
        for i in 0..width {
            for j in 0..i {
                covariance[[j, i]] = covariance[[i, j]];
            }
        }
        let whole: f64 = (0..width).map(|i| covariance[[i, i]]).sum();
        if whole <= FLAT {
            return None;
        }
        // It refuses only what is not square; then shares are looked at as they are.
        let (values, vectors) = covariance.eigh().ok()?.sort_eig_desc();
        let (mut loadings, mut explained) = (Vec::new(), Vec::new());
        for (value, vector) in values.iter().zip(vectors.columns()) {
            let so_far: f64 = explained.iter().sum();
            if *value <= FLAT || so_far >= ENOUGH || loadings.len() == MOST {
                break;
            }
            // Of two that are as large but for rounding the first decides, so that the same customers give the same signs.
            let largest = vector.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
            let decides = vector.iter().find(|x| x.abs() >= largest - 1e-6).copied().unwrap_or(1.0);
            loadings.push(vector.iter().map(|x| x * decides.signum()).collect());
            explained.push(value / whole);
        }
        (!loadings.is_empty()).then_some(Self { mean, loadings, explained })
    }

    pub(crate) fn count(&self) -> usize {
        self.loadings.len()
    }

    /// Whether it is one of so many categories, in finite numbers.
    pub(crate) fn fits(&self, categories: usize) -> bool {
        self.mean.len() == categories
            && self.explained.len() == self.loadings.len()
            && self.loadings.iter().all(|loading| loading.len() == categories)
            && self.loadings.iter().flatten().chain(&self.mean).chain(&self.explained).all(|x| x.is_finite())
    }

    /// What a customer's shares, or a difference of two, are along each component.
    pub(crate) fn along<'a>(&'a self, shares: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        self.loadings.iter().map(move |loading| loading.iter().zip(shares).map(|(l, s)| l * s).sum())
    }

    /// The shares that lie where `along` does; what the components do not say is as in the mean.
    pub(crate) fn shares(&self, along: &[f64]) -> Vec<f64> {
        let middle: Vec<f64> = self.along(&self.mean).collect();
        let mut shares = self.mean.clone();
        for ((loading, x), middle) in self.loadings.iter().zip(along).zip(&middle) {
            shares.iter_mut().zip(loading).for_each(|(share, l)| *share += l * (x - middle));
        }
        shares
    }

    /// The weight of each component, so that all of them together weigh as one feature.
    pub(crate) fn weights(&self) -> impl Iterator<Item = f64> + '_ {
        let kept: f64 = self.explained.iter().sum();
        self.explained.iter().map(move |explained| (explained / kept).sqrt())
    }

    /// Each component in words' raw material; `categories` are those that it is of.
    pub(crate) fn leading(&self, categories: &[String]) -> Vec<Leading> {
        let told = self.explained.iter().zip(&self.loadings);
        told.map(|(explained, loadings)| {
            let mut ranked: Vec<(&String, f64)> = categories.iter().zip(loadings.iter().copied()).collect();
            ranked.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(b.0)));
            let side = |sign: f64| {
                let strong = ranked.iter().filter(|(_, loading)| loading * sign >= TELLING);
                strong.take(MOST_TOLD).map(|(id, _)| (*id).clone()).collect()
            };
            Leading { explained: *explained, more: side(1.0), less: side(-1.0) }
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Coffee against cakes varies four times as much as tea against the two of them: both directions are known.
    fn planted() -> Vec<Vec<f64>> {
        let mut rows = Vec::new();
        for x in [-0.2, 0.2] {
            for y in [-0.1, 0.1] {
                // Along (1, -1, 0) / sqrt 2 and (-1, -1, 2) / sqrt 6, both of length one.
                let (a, b) = (x / 2.0_f64.sqrt(), y / 6.0_f64.sqrt());
                rows.push(vec![0.5 + a - b, 0.3 - a - b, 0.2 + 2.0 * b]);
            }
        }
        rows
    }

    #[test]
    fn planted_directions_are_found_with_what_they_explain() {
        let found = Components::of(&planted()).unwrap();
        assert_eq!(found.count(), 2, "80 of a hundred are not enough");
        let told: Vec<(&f64, &Vec<f64>)> = found.explained.iter().zip(&found.loadings).collect();
        let (half, sixth) = (0.5_f64.sqrt(), (1.0_f64 / 6.0).sqrt());
        for ((explained, loading), (share, known)) in
            told.iter().zip([(0.8, [half, -half, 0.0]), (0.2, [-sixth, -sixth, 2.0 * sixth])])
        {
            assert!((*explained - share).abs() < 1e-12, "{told:?}");
            assert!(loading.iter().zip(known).all(|(l, k)| (l - k).abs() < 1e-9), "{told:?}");
        }
        let ids = ["coffee", "cakes", "tea"].map(str::to_owned);
        let [first, mut second] = found.leading(&ids).try_into().unwrap();
        // The two are as strong but for rounding.
        second.less.sort();
        assert_eq!((first.more.join(" "), first.less.join(" ")), ("coffee".to_owned(), "cakes".to_owned()));
        assert_eq!((second.more.join(" "), second.less.join(" ")), ("tea".to_owned(), "cakes coffee".to_owned()));
        assert!((found.weights().map(|w| w * w).sum::<f64>() - 1.0).abs() < 1e-12);
        for row in planted() {
            let along: Vec<f64> = found.along(&row).collect();
            let back = found.shares(&along);
            assert!(back.iter().zip(&row).all(|(b, r)| (b - r).abs() < 1e-12), "{back:?} {row:?}");
        }
    }

    #[test]
    fn what_does_not_vary_has_no_components() {
        assert_eq!(Components::of(&[]), None);
        assert_eq!(Components::of(&[vec![], vec![]]), None);
        assert_eq!(Components::of(&vec![vec![0.5, 0.5]; 9]), None);
        assert_eq!(Components::of(&planted()).map(|found| found.fits(4)), Some(false));
    }
}
