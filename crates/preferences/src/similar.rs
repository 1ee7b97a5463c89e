//! What goes with what: for each item the others that speak for each other most, and how loudly.

use std::ops::ControlFlow;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice};
use serde::{Deserialize, Serialize};

use crate::Counts;

/// How alike two items are to those who bought them. All are zero for two that nobody bought together, but Pearson's, which is
/// then below it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Similarity {
    /// `both / sqrt(a b)`.
    Cosine,
    /// The correlation of having bought (phi).
    Pearson,
    /// `both / (a b^p)`: how likely b is for those who have a, less the more everybody has it. 0 is the plain probability, 1
    /// the lift.
    Conditional { popularity: f64 },
}

impl Similarity {
    /// Of what is bought by `a` and `b` of `all` customers, and by `both`; shrunk by `both / (both + shrink)`, so that few do
    /// not make certain.
    #[must_use]
    pub fn of(self, both: u32, a: u32, b: u32, all: u32, shrink: f64) -> f64 {
        let (both, a, b, all) = (f64::from(both), f64::from(a), f64::from(b), f64::from(all));
        let alike = match self {
            Self::Cosine => both / (a * b).sqrt(),
            Self::Pearson => (all * both - a * b) / (a * (all - a) * b * (all - b)).sqrt(),
            Self::Conditional { popularity } => both / (a * b.powf(popularity)),
        };
        let alike = alike * both / (both + shrink.max(0.0));
        if alike.is_finite() { alike } else { 0.0 }
    }
}

/// For each item those that go with it, the loudest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Neighbours {
    /// Where those of each item end.
    ends: Vec<u32>,
    others: Vec<(u32, f32)>,
}

impl Neighbours {
    /// By a similarity, at most `most` for each.
    #[must_use]
    pub fn by(counts: &Counts, similarity: Similarity, shrink: f64, most: usize) -> Self {
        let all = counts.customers();
        Self::of(counts.items(), most, |item, list| {
            let own = counts.single(item);
            for other in (0..counts.items()).filter(|other| *other != item && own > 0) {
                let both = counts.both(item, other);
                if both > 0 {
                    list.push((other, similarity.of(both, own, counts.single(other), all, shrink) as f32));
                }
            }
        })
    }

    /// EASE (Steck 2019, "Embarrassingly shallow autoencoders for sparse data"): the weights by which what somebody has
    /// foretells each other item best, all taken together, with `ridge` against overfitting. At most `most` for each item.
    /// None when `go_on` breaks.
    ///
    /// The time is that of inverting a matrix of the items that were ever bought: 2 n^3.
    #[must_use]
    pub fn ease(counts: &Counts, ridge: f64, most: usize, go_on: &mut dyn FnMut() -> ControlFlow<()>) -> Option<Self> {
        let sold: Vec<u32> = (0..counts.items()).filter(|item| counts.single(*item) > 0).collect();
        let ridge = if ridge.is_finite() { ridge.max(1e-6) } else { 1e12 };
        let mut inverse = Array2::from_shape_fn((sold.len(), sold.len()), |(a, b)| {
            f64::from(counts.both(sold[a], sold[b])) + if a == b { ridge } else { 0.0 }
        });
        invert(&mut inverse, go_on)?;
        let place: Vec<Option<usize>> = {
            let mut place = vec![None; counts.items() as usize];
            sold.iter().enumerate().for_each(|(n, item)| place[*item as usize] = Some(n));
            place
        };
        Some(Self::of(counts.items(), most, |item, list| {
            let Some(row) = place[item as usize] else { return };
            for (column, other) in sold.iter().enumerate().filter(|(_, other)| **other != item) {
                list.push((*other, (-inverse[(row, column)] / inverse[(column, column)]) as f32));
            }
        }))
    }

    fn of(items: u32, most: usize, fill: impl Fn(u32, &mut Vec<(u32, f32)>)) -> Self {
        let (mut ends, mut others, mut list) = (Vec::new(), Vec::new(), Vec::new());
        for item in 0..items {
            list.clear();
            fill(item, &mut list);
            list.retain(|(_, alike)| alike.is_finite() && *alike != 0.0);
            let loudest = |a: &(u32, f32), b: &(u32, f32)| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0));
            if list.len() > most && most > 0 {
                list.select_nth_unstable_by(most - 1, loudest);
            }
            list.truncate(most);
            list.sort_unstable_by(loudest);
            others.extend_from_slice(&list);
            ends.push(u32::try_from(others.len()).unwrap_or(u32::MAX));
        }
        Self { ends, others }
    }

    /// Those that go with an item, and how loudly; under zero speaks against.
    #[must_use]
    pub fn of_item(&self, item: u32) -> &[(u32, f32)] {
        let item = item as usize;
        let Some(end) = self.ends.get(item) else { return &[] };
        let start = item.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.others[start as usize..*end as usize]
    }

    /// Whether a stored one is of so many items, and names no other.
    pub(crate) fn fits(&self, items: u32) -> bool {
        self.ends.len() == items as usize
            && self.ends.is_sorted()
            && self.ends.last().is_none_or(|end| *end as usize == self.others.len())
            && self.others.iter().all(|(other, alike)| *other < items && alike.is_finite())
    }
}

/// Rows and columns that are eliminated together: so the time goes into products of matrices.
const BLOCK: usize = 64;

/// Inverts a symmetric matrix that is positive definite, in place, by sweeps of whole blocks (Goodnight 1979), which need no
/// pivots there and keep it symmetric, so that one half is worked on. None when `go_on` breaks.
fn invert(matrix: &mut Array2<f64>, go_on: &mut dyn FnMut() -> ControlFlow<()>) -> Option<()> {
    let n = matrix.nrows();
    let blocks = || (0..n).step_by(BLOCK).map(|from| (from, (from + BLOCK).min(n)));
    for (from, to) in blocks() {
        if go_on().is_break() {
            return None;
        }
        let block = Slice::from(from..to);
        // The columns of the block: above it they are there, below it they are its rows.
        let mut columns = Array2::zeros((n, to - from));
        columns.slice_axis_mut(Axis(0), Slice::from(..from)).assign(&part(matrix, Slice::from(..from), block));
        columns.slice_axis_mut(Axis(0), Slice::from(to..)).assign(&part(matrix, block, Slice::from(to..)).t());
        let mut corner = part(matrix, block, block).to_owned();
        for row in 0..to - from {
            for column in 0..row {
                corner[(row, column)] = corner[(column, row)];
            }
        }
        invert_small(corner.view_mut());
        let swept = columns.dot(&corner);
        corner.mapv_inplace(|x| -x);
        for (top, bottom) in blocks() {
            let rows = Slice::from(top..bottom);
            let mut rest = matrix.slice_axis_mut(Axis(0), rows);
            let mut rest = rest.slice_axis_mut(Axis(1), Slice::from(top..));
            let (left, right) = (columns.slice_axis(Axis(0), rows), swept.slice_axis(Axis(0), Slice::from(top..)));
            general_mat_mul(-1.0, &left, &right.t(), 1.0, &mut rest);
        }
        for (rows, columns, values) in [
            (Slice::from(..from), block, swept.slice_axis(Axis(0), Slice::from(..from))),
            (block, Slice::from(to..), swept.slice_axis(Axis(0), Slice::from(to..)).reversed_axes()),
            (block, block, corner.view()),
        ] {
            matrix.slice_axis_mut(Axis(0), rows).slice_axis_mut(Axis(1), columns).assign(&values);
        }
    }
    for row in 0..n {
        for column in row..n {
            let value = -matrix[(row, column)];
            matrix[(row, column)] = value;
            matrix[(column, row)] = value;
        }
    }
    Some(())
}

fn part(matrix: &Array2<f64>, rows: Slice, columns: Slice) -> ArrayView2<'_, f64> {
    let mut part = matrix.view();
    part.slice_axis_inplace(Axis(0), rows);
    part.slice_axis_inplace(Axis(1), columns);
    part
}

fn invert_small(mut matrix: ArrayViewMut2<'_, f64>) {
    let n = matrix.nrows();
    for pivot in 0..n {
        let inverse = 1.0 / matrix[(pivot, pivot)];
        for column in 0..n {
            matrix[(pivot, column)] *= inverse;
        }
        matrix[(pivot, pivot)] = inverse;
        for row in (0..n).filter(|row| *row != pivot) {
            let factor = matrix[(row, pivot)];
            matrix[(row, pivot)] = 0.0;
            for column in 0..n {
                matrix[(row, column)] -= factor * matrix[(pivot, column)];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inverse_is_one() {
        for n in [1, 2, 63, 64, 65, 200] {
            let mut state = 1_u64;
            let mut draw = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 33) as f64 / f64::from(1_u32 << 31) - 0.5
            };
            let root = Array2::from_shape_fn((n, n), |_| draw());
            let matrix = root.t().dot(&root) + Array2::<f64>::eye(n);
            let mut inverse = matrix.clone();
            invert(&mut inverse, &mut || ControlFlow::Continue(())).unwrap();
            let one = matrix.dot(&inverse) - Array2::<f64>::eye(n);
            assert!(one.iter().all(|x| x.abs() < 1e-9), "{n}");
        }
        let mut matrix = Array2::eye(70);
        assert!(invert(&mut matrix, &mut || ControlFlow::Break(())).is_none());
    }
}
