use super::fisher::{close, summed};
use super::*;

type Counts = BTreeMap<BTreeSet<u32>, u32>;
type Side = BTreeSet<u32>;

/// A side of a rule, in every way: the parts of a set, without nothing and all of it.
fn parts(set: &Side) -> Vec<Side> {
    let items: Vec<u32> = set.iter().copied().collect();
    (0_u32..1 << items.len())
        .map(|mask| (0..items.len()).filter(|i| mask >> i & 1 == 1).map(|i| items[i]).collect())
        .collect()
}

/// Every rule by definition, with whether it is redundant; and how many were looked at.
fn by_definition(counts: &Counts, n: u32, fewest: u32, params: &Params) -> Vec<Rule> {
    let mut all: Vec<(Rule, bool)> = Vec::new();
    let mut looked_at = 0;
    for (set, count_xy) in counts.iter().filter(|(set, count)| set.len() > 1 && **count >= fewest) {
        for lhs in parts(set) {
            let rhs: Side = set.difference(&lhs).copied().collect();
            if lhs.is_empty() || rhs.is_empty() || (params.rhs == Rhs::Single && rhs.len() != 1) {
                continue;
            }
            looked_at += 1;
            let (count_x, count_y) = (counts[&lhs], counts[&rhs]);
            let (xy, x, y, all_n) = (u128::from(*count_xy), u128::from(count_x), u128::from(count_y), u128::from(n));
            if !params.min_confidence.is_reached_by(*count_xy, count_x)
                || params.min_lift.is_some_and(|l| xy * all_n * u128::from(l.den()) < u128::from(l.num()) * x * y)
            {
                continue;
            }
            let redundant = parts(&lhs).iter().filter(|fewer| fewer.len() < lhs.len()).any(|fewer| {
                let both: Side = fewer.union(&rhs).copied().collect();
                u128::from(counts[&both]) * x >= xy * u128::from(counts[fewer])
            });
            let p_value = summed(*count_xy, count_x, count_y, n);
            let (lhs, rhs) = (lhs.into_iter().collect(), rhs.into_iter().collect());
            let rule = Rule { lhs, rhs, count_xy: *count_xy, count_x, count_y, n, p_value, p_adjusted: 1.0 };
            all.push((rule, redundant));
        }
    }
    let values: Vec<f64> = all.iter().map(|(rule, _)| rule.p_value).collect();
    for (rule, _) in &mut all {
        // The least of m p / rank over all that are not below.
        let not_below = values.iter().filter(|p| **p >= rule.p_value);
        let adjusted = not_below.map(|p| {
            let rank = values.iter().filter(|other| *other <= p).count();
            f64::from(looked_at) * p / rank as f64
        });
        rule.p_adjusted = adjusted.fold(1.0, f64::min);
    }
    let mut rules: Vec<Rule> = all
        .into_iter()
        .filter(|(rule, redundant)| {
            !(params.drop_redundant && *redundant)
                && params.max_p_value.is_none_or(|most| rule.p_value <= most)
                && params.max_p_adjusted.is_none_or(|most| rule.p_adjusted <= most)
        })
        .map(|(rule, _)| rule)
        .collect();
    // Sure first: small counts, whose shares in floats are in order and equal when the shares are.
    rules.sort_by(|a, b| {
        let sure = |rule: &Rule| f64::from(rule.count_xy) / f64::from(rule.count_x);
        sure(b)
            .total_cmp(&sure(a))
            .then(b.count_xy.cmp(&a.count_xy))
            .then_with(|| (&a.lhs, &a.rhs).cmp(&(&b.lhs, &b.rhs)))
    });
    rules
}

fn wanted() -> impl Strategy<Value = Params> {
    let lift = prop::option::of((0_u32..8, 1_u32..5).prop_map(|(num, den)| Ratio::new(num, den).unwrap()));
    let most = || prop::option::of(0.001_f64..0.999);
    ((0_u32..6, 1_u32..6), lift, any::<bool>(), most(), most(), any::<bool>()).prop_map(
        |((num, den), min_lift, single, max_p_value, max_p_adjusted, drop_redundant)| Params {
            min_confidence: Ratio::new(num.min(den), den).unwrap(),
            min_lift,
            rhs: if single { Rhs::Single } else { Rhs::Any },
            max_p_value,
            max_p_adjusted,
            drop_redundant,
            ..Params::default()
        },
    )
}

fn sets_of(baskets: &Baskets<u32>, fewest: u32) -> Vec<ItemSet> {
    frequent(baskets, MinSupport::Count(fewest), Bounds::default(), &mut on).unwrap()
}

fn everything(rhs: Rhs) -> Params {
    Params { min_confidence: Ratio::ZERO, rhs, ..Params::default() }
}

proptest! {
    #[test]
    fn rules_are_what_the_definition_says(lists in lists(6, 6, 30), fewest in 1_u32..4, params in wanted()) {
        let baskets = of(&lists);
        let found = rules(&sets_of(&baskets, fewest), baskets.len(), &params).unwrap();
        let expected = by_definition(&all_parts(&baskets), baskets.len(), fewest, &params);
        // p-values that are equal in theory are compared apart from the rest.
        let plain = |rules: &[Rule]| -> Vec<Rule> {
            rules.iter().map(|rule| Rule { p_value: 0.0, p_adjusted: 0.0, ..rule.clone() }).collect()
        };
        prop_assert_eq!(plain(&found), plain(&expected));
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert!(close(found.p_value, expected.p_value, 1e-10), "{:?} {:?}", found, expected);
            prop_assert!(close(found.p_adjusted, expected.p_adjusted, 1e-9), "{:?} {:?}", found, expected);
        }
    }

    #[test]
    fn the_order_of_the_sets_does_not_matter(lists in lists(6, 6, 30), params in wanted()) {
        let baskets = of(&lists);
        let mut sets = sets_of(&baskets, 1);
        let found = rules(&sets, baskets.len(), &params);
        sets.reverse();
        prop_assert_eq!(found, rules(&sets, baskets.len(), &params));
    }

    /// What is dropped is redundant to something that stays.
    #[test]
    fn every_redundant_rule_has_a_more_general_one_that_stays(lists in lists(6, 6, 30)) {
        let baskets = of(&lists);
        let sets = sets_of(&baskets, 1);
        let all = rules(&sets, baskets.len(), &everything(Rhs::Any)).unwrap();
        let dropping = Params { drop_redundant: true, ..everything(Rhs::Any) };
        let kept = rules(&sets, baskets.len(), &dropping).unwrap();
        for rule in &all {
            let more_general = kept.iter().any(|other| {
                other.rhs == rule.rhs
                    && other.lhs.len() < rule.lhs.len()
                    && other.lhs.iter().all(|item| rule.lhs.contains(item))
                    && other.confidence() >= rule.confidence()
            });
            // Nothing on the left is more general than everything, though it is no rule that anybody is shown.
            let product = |a: u32, b: u32| u64::from(a) * u64::from(b);
            let to_chance = product(rule.count_xy, rule.n) <= product(rule.count_x, rule.count_y);
            prop_assert_eq!(kept.contains(rule), !more_general && !to_chance, "{:?}", rule);
        }
    }

    #[test]
    fn the_limit_is_met_exactly(lists in lists(6, 6, 20), single in any::<bool>()) {
        let baskets = of(&lists);
        let sets = sets_of(&baskets, 1);
        let params = everything(if single { Rhs::Single } else { Rhs::Any });
        let all = rules(&sets, baskets.len(), &params).unwrap();
        let within = |limit| rules(&sets, baskets.len(), &Params { limit, ..params });
        prop_assert_eq!(within(all.len()), Ok(all.clone()));
        if let Some(limit) = all.len().checked_sub(1) {
            prop_assert_eq!(within(limit), Err(RulesError::TooMany { limit }));
        }
    }
}

/// Five baskets that can be counted by hand.
#[test]
fn by_hand() {
    let lists = [
        vec!["bread", "milk"],
        vec!["beer", "bread", "diapers", "eggs"],
        vec!["beer", "cola", "diapers", "milk"],
        vec!["beer", "bread", "diapers", "milk"],
        vec!["bread", "cola", "diapers", "milk"],
    ];
    let baskets = Baskets::from_lists(lists, Empty::Skip).unwrap();
    let sets = frequent(&baskets, share(2, 5), Bounds::default(), &mut on).unwrap();
    let named = |items: &[u32]| items.iter().map(|item| *baskets.name(*item).unwrap()).collect::<Vec<_>>();
    let threes: Vec<_> =
        sets.iter().filter(|set| set.items.len() == 3).map(|set| (named(&set.items), set.count)).collect();
    assert_eq!(
        threes,
        [
            (vec!["beer", "bread", "diapers"], 2),
            (vec!["beer", "diapers", "milk"], 2),
            (vec!["bread", "diapers", "milk"], 2),
            (vec!["cola", "diapers", "milk"], 2),
        ]
    );
    let params = Params { min_confidence: Ratio::new(2, 3).unwrap(), ..Params::default() };
    let rules = rules(&sets, baskets.len(), &params).unwrap();
    let rule = |lhs: &[&str], rhs: &str| {
        rules.iter().find(|rule| named(&rule.lhs) == lhs && named(&rule.rhs) == [rhs]).unwrap()
    };
    let to_beer = rule(&["diapers", "milk"], "beer");
    assert_eq!((to_beer.count_xy, to_beer.count_x, to_beer.count_y, to_beer.n), (2, 3, 3, 5));
    for (found, expected) in [
        (to_beer.support(), 0.4),
        (to_beer.confidence(), 2.0 / 3.0),
        (to_beer.lift(), 10.0 / 9.0),
        (to_beer.leverage(), 0.04),
        (to_beer.conviction(), 1.2),
        // One way to have all three and six to have two, of ten.
        (to_beer.p_value, 0.7),
    ] {
        assert!(close(found, expected, 1e-12), "{found} is not {expected}");
    }
    // Never wrong, and first among those for being met most often.
    let surest = rule(&["beer"], "diapers");
    assert_eq!((surest.confidence(), surest.conviction()), (1.0, f64::INFINITY));
    assert_eq!(&rules[0], surest);
}

#[test]
fn sets_that_cannot_be_are_refused() {
    let set = |items: &[u32], count| ItemSet { items: items.to_vec(), count };
    let (one, two) = (set(&[1], 3), set(&[2], 3));
    let refused = |sets: &[ItemSet]| rules(sets, 5, &Params::default()).unwrap_err();
    for bad in [set(&[], 1), set(&[2, 1], 1), set(&[1, 1], 1), set(&[2], 0), set(&[2], 6), set(&[1], 3)] {
        assert_eq!(refused(&[one.clone(), bad]), RulesError::Malformed { set: 1 });
    }
    assert_eq!(refused(&[one.clone(), set(&[1, 2], 2)]), RulesError::Incomplete { set: 1 });
    assert_eq!(refused(&[one.clone(), two.clone(), set(&[1, 2], 4)]), RulesError::Incomplete { set: 2 });
    assert_eq!(refused(&[set(&(0..1_000).collect::<Vec<_>>(), 1)]), RulesError::Incomplete { set: 0 });
    assert_eq!(rules(&[one, two], 5, &Params::default()), Ok(vec![]));
    assert_eq!(rules(&[], 0, &Params::default()), Ok(vec![]));
}
