use super::*;

fn find(baskets: &Baskets<u32>, fewest: u32, max_len: usize) -> Vec<ItemSet> {
    frequent(baskets, MinSupport::Count(fewest), Bounds { max_len, ..Bounds::default() }, &mut on).unwrap()
}

/// Baskets of which almost every item is in almost every one: more sets than anybody waits for.
fn endless() -> Baskets<u32> {
    let dense = |basket: u32| (0..60).filter(|item| !(basket * 7 + item * 13).is_multiple_of(19)).collect();
    of(&(0..2_000).map(dense).collect::<Vec<_>>())
}

proptest! {
    /// Few items: intersected as columns.
    #[test]
    fn dense_baskets_give_what_the_definition_says(
        lists in lists(8, 10, 40),
        fewest in 1_u32..6,
        max_len in 0_usize..9,
    ) {
        let baskets = of(&lists);
        prop_assert_eq!(find(&baskets, fewest, max_len), by_definition(&baskets, fewest, max_len));
    }

    /// Many items: counted along rows.
    #[test]
    fn sparse_baskets_give_what_the_definition_says(
        lists in lists(60, 7, 60),
        fewest in 1_u32..3,
        max_len in 0_usize..8,
    ) {
        let baskets = of(&lists);
        prop_assert_eq!(find(&baskets, fewest, max_len), by_definition(&baskets, fewest, max_len));
    }

    /// Columns of more than one word.
    #[test]
    fn many_baskets_give_what_the_definition_says(lists in lists(7, 7, 40), times in 1_usize..30, share in 1_u32..50) {
        let all: Vec<Vec<u32>> = lists.iter().cycle().take(lists.len() * times).cloned().collect();
        let baskets = of(&all);
        let support = super::share(share, 100);
        let found = frequent(&baskets, support, Bounds::default(), &mut on).unwrap();
        prop_assert_eq!(found, by_definition(&baskets, support.fewest_of(baskets.len()).unwrap(), usize::MAX));
    }

    #[test]
    fn the_order_of_baskets_and_items_does_not_matter(lists in lists(8, 8, 30), at in any::<prop::sample::Index>()) {
        let mut other: Vec<Vec<u32>> = lists.iter().map(|list| list.iter().rev().copied().collect()).collect();
        if !other.is_empty() {
            let middle = at.index(other.len());
            other.rotate_left(middle);
            other[middle..].reverse();
        }
        prop_assert_eq!(find(&of(&lists), 2, usize::MAX), find(&of(&other), 2, usize::MAX));
    }

    #[test]
    fn the_limit_is_met_exactly(lists in lists(8, 8, 20), fewest in 1_u32..3) {
        let baskets = of(&lists);
        let all = find(&baskets, fewest, usize::MAX);
        let within = |limit| {
            frequent(&baskets, MinSupport::Count(fewest), Bounds { limit, ..Bounds::default() }, &mut on)
        };
        prop_assert_eq!(within(all.len()), Ok(all.clone()));
        if let Some(limit) = all.len().checked_sub(1) {
            prop_assert_eq!(within(limit), Err(MiningError::TooMany { limit }));
        }
    }
}

#[test]
fn nothing_is_frequent_in_no_baskets_or_above_all_of_them() {
    assert_eq!(find(&of(&[]), 1, usize::MAX), []);
    assert_eq!(find(&of(&[vec![]]), 1, usize::MAX), []);
    assert_eq!(find(&of(&[vec![1], vec![1, 2]]), 3, usize::MAX), []);
    let more_than_all = frequent(&of(&[vec![1]]), share(3, 2), Bounds::default(), &mut on);
    assert_eq!(more_than_all, Ok(vec![]));
}

#[test]
fn a_huge_basket_is_refused_however_many_sets_may_be() {
    // It has 2^1000 parts, and any depth that memory allows would not be enough.
    let baskets = of(&[(0..1_000).collect(), (0..1_000).collect()]);
    for limit in [1_000, usize::MAX] {
        let found = frequent(&baskets, MinSupport::Count(1), Bounds { limit, ..Bounds::default() }, &mut on);
        assert_eq!(found, Err(MiningError::TooMany { limit }));
    }
    let pairs = find(&baskets, 2, 2);
    assert_eq!(pairs.len(), 1_000 + 1_000 * 999 / 2);
}

#[test]
fn a_search_is_called_off_at_its_beginning_and_on_its_way() {
    let baskets = endless();
    let bounds = Bounds { limit: usize::MAX, ..Bounds::default() };
    for stop in 1..4 {
        let mut seen = Vec::new();
        let result = frequent(&baskets, share(1, 100), bounds, &mut |done, of| {
            seen.push((done, of));
            if seen.len() == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(result, Err(MiningError::Cancelled));
        assert_eq!(seen.len(), stop);
        assert_eq!(seen[0], (0, 60));
    }
}

#[test]
fn progress_ends_with_all_items() {
    let mut seen = Vec::new();
    let found = frequent(&of(&[vec![1, 2], vec![2]]), MinSupport::Count(1), Bounds::default(), &mut |done, of| {
        seen.push((done, of));
        ControlFlow::Continue(())
    });
    assert_eq!(found.unwrap().len(), 3);
    assert_eq!(seen, [(0, 2), (2, 2)]);
}
