use super::*;

#[test]
fn items_are_numbered_by_name_and_count_once() {
    let lines = [("b", "tea"), ("a", "milk"), ("b", "milk"), ("b", "tea"), ("c", "cake")];
    let baskets = Baskets::from_pairs(lines, 2).unwrap();
    assert_eq!(baskets.names(), ["cake", "milk", "tea"]);
    assert_eq!((baskets.len(), baskets.is_empty()), (5, false));
    assert_eq!(baskets.iter().collect::<Vec<_>>(), [&[1, 2][..], &[1], &[0]]);
    assert_eq!((baskets.item("tea"), baskets.item("coffee")), (Some(2), None));
    assert_eq!((baskets.name(0), baskets.name(3)), (Some(&"cake"), None));
}

#[test]
fn empty_baskets_count_when_the_caller_says_so() {
    let lists = || [vec!["tea"], vec![], vec!["milk", "tea"], vec![]];
    assert_eq!(Baskets::from_lists(lists(), Empty::Skip).unwrap().len(), 2);
    let counted = Baskets::from_lists(lists(), Empty::Count).unwrap();
    assert_eq!(counted.len(), 4);
    assert_eq!(counted.iter().count(), 2);
    assert!(Baskets::<String>::from_lists(Vec::<Vec<String>>::new(), Empty::Count).unwrap().is_empty());
}

#[test]
fn more_baskets_than_can_be_counted_are_refused() {
    assert_eq!(Baskets::from_pairs([(1, "tea")], u32::MAX), Err(TooLarge));
    assert_eq!(Baskets::from_pairs([(1, "tea")], u32::MAX - 1).unwrap().len(), u32::MAX);
}

#[test]
fn ratios_are_exact() {
    let third = Ratio::new(1, 3).unwrap();
    assert!(third.is_reached_by(1, 3) && third.is_reached_by(1_000_000_000, 3_000_000_000));
    assert!(!third.is_reached_by(999_999_999, 3_000_000_000));
    assert_eq!(Ratio::new(1, 0), None);
    assert!(Ratio::basis_points(8_000).is_reached_by(4, 5));
    assert!(Ratio::ZERO.is_reached_by(0, 0) && Ratio::ONE.is_reached_by(7, 7) && !Ratio::ONE.is_reached_by(6, 7));
    assert_eq!(share(1, 1_000).fewest_of(9_835), Some(10));
    assert_eq!(share(1, 1_000).fewest_of(10_000), Some(10));
    assert_eq!((share(0, 1).fewest_of(10), MinSupport::Count(0).fewest_of(10)), (Some(1), Some(1)));
    assert_eq!(share(u32::MAX, 1).fewest_of(u32::MAX), None);
}

proptest! {
    #[test]
    fn lines_and_lists_in_any_order_are_the_same_baskets(
        lists in lists(9, 6, 20),
        seed in any::<prop::sample::Index>(),
    ) {
        let empty = lists.iter().filter(|list| list.is_empty()).count();
        let mut lines: Vec<(usize, u32)> =
            lists.iter().enumerate().flat_map(|(basket, list)| list.iter().map(move |item| (basket, *item))).collect();
        if !lines.is_empty() {
            let middle = seed.index(lines.len());
            lines.rotate_left(middle);
            lines[middle / 2..].reverse();
        }
        let from_lines = Baskets::from_pairs(lines, empty as u32).unwrap();
        let from_lists = of(&lists);
        prop_assert_eq!((from_lines.len(), from_lines.names()), (from_lists.len(), from_lists.names()));
        let sorted = |baskets: &Baskets<u32>| {
            let mut all: Vec<Vec<u32>> = baskets.iter().map(<[u32]>::to_vec).collect();
            all.sort();
            all
        };
        prop_assert_eq!(sorted(&from_lines), sorted(&from_lists));
    }
}
