//! Which segment of a new fit is which of the one before: the assignment that moves all of them least together.

/// For each row the column that it is assigned to, so that the sum of the costs is the least that there is; rows and columns
/// that the other side has too few for stay without. Costs are finite; `costs[row][column]`.
///
/// The Hungarian method by shortest augmenting paths (Jonker and Volgenant 1987), n^3.
pub(crate) fn assign(costs: &[Vec<f64>]) -> Vec<Option<usize>> {
    let (rows, columns) = (costs.len(), costs.first().map_or(0, Vec::len));
    let n = rows.max(columns);
    // What is not there costs nothing, and so changes nothing.
    let cost = |row: usize, column: usize| costs.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0.0);
    let (mut of_row, mut of_column) = (vec![0.0; n + 1], vec![0.0; n + 1]);
    // For each column (from one on) the row that has it, and the way back of the path.
    let (mut taken_by, mut way) = (vec![0_usize; n + 1], vec![0_usize; n + 1]);
    for row in 1..=n {
        taken_by[0] = row;
        let mut column = 0;
        let (mut least, mut done) = (vec![f64::INFINITY; n + 1], vec![false; n + 1]);
        loop {
            done[column] = true;
            let (from, mut shortest, mut next) = (taken_by[column], f64::INFINITY, 0);
            for other in 1..=n {
                if done[other] {
                    continue;
                }
                let reduced = cost(from - 1, other - 1) - of_row[from] - of_column[other];
                if reduced < least[other] {
                    (least[other], way[other]) = (reduced, column);
                }
                if least[other] < shortest {
                    (shortest, next) = (least[other], other);
                }
            }
            for other in 0..=n {
                if done[other] {
                    of_row[taken_by[other]] += shortest;
                    of_column[other] -= shortest;
                } else {
                    least[other] -= shortest;
                }
            }
            column = next;
            if taken_by[column] == 0 {
                break;
            }
        }
        while column != 0 {
            taken_by[column] = taken_by[way[column]];
            column = way[column];
        }
    }
    let mut assigned = vec![None; rows];
    for column in 1..=n {
        if taken_by[column] <= rows && column <= columns {
            assigned[taken_by[column] - 1] = Some(column - 1);
        }
    }
    assigned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::assign;

    /// The least sum over every way to give the smaller side its partners.
    fn by_force(costs: &[Vec<f64>], row: usize, used: &mut Vec<bool>, left_out: usize) -> f64 {
        if row == costs.len() {
            return 0.0;
        }
        let mut best = f64::INFINITY;
        if left_out > 0 {
            best = by_force(costs, row + 1, used, left_out - 1);
        }
        for column in 0..used.len() {
            if !used[column] {
                used[column] = true;
                best = best.min(costs[row][column] + by_force(costs, row + 1, used, left_out));
                used[column] = false;
            }
        }
        best
    }

    proptest! {
        #[test]
        fn no_assignment_is_cheaper(
            costs in (1..6_usize, 1..6_usize).prop_flat_map(|(rows, columns)| {
                prop::collection::vec(prop::collection::vec(0.0..100.0_f64, columns), rows)
            }),
        ) {
            let assigned = assign(&costs);
            let mut columns: Vec<usize> = assigned.iter().flatten().copied().collect();
            columns.sort_unstable();
            columns.dedup();
            prop_assert_eq!(columns.len(), costs.len().min(costs[0].len()), "each once, and as many as can be");
            let sum: f64 = assigned.iter().enumerate().filter_map(|(row, column)| Some(costs[row][(*column)?])).sum();
            let left_out = costs.len().saturating_sub(costs[0].len());
            let least = by_force(&costs, 0, &mut vec![false; costs[0].len()], left_out);
            prop_assert!((sum - least).abs() < 1e-9, "{sum} and {least}");
        }
    }

    #[test]
    fn of_nothing_nothing_is_assigned() {
        assert_eq!(assign(&[]), []);
        assert_eq!(assign(&[vec![], vec![]]), [None, None]);
    }
}
