//! Similarities against numbers worked out by hand, and counts that are the same however they came about.

use std::ops::ControlFlow;

use proptest::prelude::*;

use crate::{Counts, History, HistoryError, MOST_ITEMS, Neighbours, Purchase, Similarity};

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
}

#[test]
fn similarities_are_as_worked_out_by_hand() {
    for (similarity, shrink, expected) in [
        (Similarity::Cosine, 0.0, 2.0 / 8.0_f64.sqrt()),
        (Similarity::Pearson, 0.0, 12.0 / 384.0_f64.sqrt()),
        (Similarity::Conditional { popularity: 0.0 }, 0.0, 0.5),
        (Similarity::Conditional { popularity: 1.0 }, 0.0, 0.25),
        (Similarity::Cosine, 2.0, 1.0 / 8.0_f64.sqrt()),
    ] {
        close(similarity.of(2, 4, 2, 10, shrink), expected);
    }
    // Bought by everybody, or by nobody: nothing can be said.
    for similarity in [Similarity::Cosine, Similarity::Pearson, Similarity::Conditional { popularity: 0.5 }] {
        assert_eq!(similarity.of(0, 0, 0, 0, 0.0), 0.0);
        assert!(similarity.of(10, 10, 10, 10, 0.0).is_finite());
    }
    assert!(Similarity::Pearson.of(1, 8, 8, 10, 0.0) < 0.0, "less together than by chance");
}

/// The weights of two items: the inverse of ((5, 2), (2, 3)) is ((3, -2), (-2, 5)) / 11.
#[test]
fn ease_of_two_items_is_as_worked_out_by_hand() {
    let mut counts = Counts::new(3);
    for (customer, items) in [(1, [0, 1].as_slice()), (2, &[0, 1]), (3, &[0]), (4, &[0])] {
        counts.add(customer, items);
    }
    let ease = Neighbours::ease(&counts, 1.0, 10, &mut || ControlFlow::Continue(())).unwrap();
    let weight =
        |from, to| ease.of_item(from).iter().find(|(item, _)| *item == to).map(|(_, x)| f64::from(*x)).unwrap();
    close(weight(0, 1), 2.0 / 5.0);
    close(weight(1, 0), 2.0 / 3.0);
    assert_eq!(ease.of_item(2), [], "nobody bought it");
    assert_eq!(ease.of_item(99), []);
    assert_eq!(Neighbours::ease(&counts, 1.0, 10, &mut || ControlFlow::Break(())), None);
}

#[test]
fn histories_are_checked() {
    let purchase = |items: &[u32]| Purchase { customer: 1, at: 0, items: items.to_vec() };
    let told = History::new(2, vec![purchase(&[0]), purchase(&[1, 2])]);
    assert_eq!(told, Err(HistoryError::UnknownItem { purchase: 1, item: 2, items: 2 }));
    let many = MOST_ITEMS + 1;
    assert_eq!(History::new(many, vec![]), Err(HistoryError::TooManyItems { items: many, most: MOST_ITEMS }));
    let history = History::new(2, vec![purchase(&[1, 1, 0]), purchase(&[])]).unwrap();
    assert_eq!(history.purchases(), [purchase(&[0, 1])]);
}

pub(super) fn purchases(items: u32, most: usize) -> impl Strategy<Value = Vec<Purchase>> {
    let purchase = (0..6_u32, 0..400_000_i64, proptest::collection::vec(0..items, 0..5));
    proptest::collection::vec(purchase.prop_map(|(customer, at, items)| Purchase { customer, at, items }), 0..most)
}

proptest! {
    /// What is topped up by the hour is what the night would count from scratch, in whatever order it came.
    #[test]
    fn counts_that_are_topped_up_are_those_from_scratch(
        purchases in purchases(7, 30),
        cut in 0_usize..30,
        order in any::<u64>(),
    ) {
        let history = History::new(7, purchases.clone()).unwrap();
        let (early, late) = purchases.split_at(cut.min(purchases.len()));
        let mut counts = Counts::of(&History::new(7, early.to_vec()).unwrap());
        let mut late = late.to_vec();
        late.sort_by_key(|purchase| (purchase.at as u64).wrapping_mul(order | 1));
        for purchase in late.iter().chain(early) {
            // Twice is once.
            counts.add(purchase.customer, &purchase.items);
        }
        let mut scratch = Counts::of(&history);
        for purchase in &purchases {
            scratch.add(purchase.customer, &[]);
        }
        prop_assert_eq!(&counts, &scratch);
        for (a, b) in (0..7).flat_map(|a| (0..7).map(move |b| (a, b))) {
            let both = history.customers().filter(|own| {
                let has = |item: u32| own.iter().any(|purchase| purchase.items.contains(&item));
                has(a) && has(b)
            });
            prop_assert_eq!(counts.both(a, b) as usize, both.count());
        }
    }

    #[test]
    fn similarities_have_bounds(a in 0_u32..50, b in 0_u32..50, both in 0_u32..50, more in 0_u32..50) {
        let (a, b) = (a.max(both), b.max(both));
        let all = a + b - both + more;
        for shrink in [0.0, 5.0, f64::NAN, f64::INFINITY] {
            for similarity in [Similarity::Cosine, Similarity::Pearson] {
                prop_assert!((-1.000_001..=1.000_001).contains(&similarity.of(both, a, b, all, shrink)));
            }
        }
        prop_assert_eq!(Similarity::Cosine.of(both, a, b, all, 1.0), Similarity::Cosine.of(both, b, a, all, 1.0));
    }
}
