//! Laws of the ranking, and planted shops whose answer is known.

use std::ops::ControlFlow;

use proptest::prelude::*;

use super::similar::purchases;
use crate::history::DAY;
use crate::ranking::{Facts, FitError, Model, Params, Reason, fit};
use crate::{History, Purchase};

fn fitted(items: u32, purchases: Vec<Purchase>) -> Model {
    let history = History::new(items, purchases).unwrap();
    fit(&history, &Params::default().check().unwrap(), &mut |_, _| ControlFlow::Continue(())).unwrap()
}

/// Two kinds of customers for 20 weeks: tea (items 0 to 4) on Mondays in the morning, bread (5 to 9) on Saturday evenings.
/// Each buys a favourite every week and something else of its kind; item 10 goes with item 0 alone.
fn planted() -> Vec<Purchase> {
    let mut purchases = Vec::new();
    for customer in 0..60_u32 {
        let kind = customer % 2;
        for week in 0..20_i64 {
            let (day, hour) = if kind == 0 { (0, 8) } else { (5, 20) };
            let favourite = 5 * kind + customer / 2 % 5;
            let other = 5 * kind + (customer / 2 + week as u32) % 5;
            let mut items = vec![favourite, other];
            if items.contains(&0) {
                items.push(10);
            }
            purchases.push(Purchase { customer, at: (7 * week + day) * DAY + hour * 60, items });
        }
    }
    purchases
}

#[test]
fn a_habit_comes_first_and_says_so() {
    let all = planted();
    let model = fitted(11, all.clone());
    let own: Vec<Purchase> = all.iter().filter(|purchase| purchase.customer == 4).cloned().collect();
    let facts = Facts { customer: Some(4), history: &own, now: 140 * DAY, ..Facts::default() };
    let ranked = model.rank(&facts, 5);
    assert_eq!(ranked[0].item, 2, "{ranked:?}");
    let times = own.iter().filter(|purchase| purchase.items.contains(&2)).count() as u32;
    assert_eq!(ranked[0].reasons[0], Reason::Habit { times, days_ago: 6 });
    assert!(ranked.iter().all(|ranked| ranked.item < 5 || ranked.item == 10), "tea drinkers buy tea: {ranked:?}");
    assert!(model.report().ndcg10.unwrap() > 0.8, "{:?}", model.report());
}

#[test]
fn a_basket_is_completed_by_what_goes_with_it() {
    let model = fitted(11, planted());
    let ranked = model.rank(&Facts { basket: &[0], now: 140 * DAY, ..Facts::default() }, 3);
    assert_eq!(ranked[0].item, 10, "{ranked:?}");
    assert_eq!(ranked[0].reasons[0], Reason::GoesWith { item: 0 });
}

#[test]
fn a_newcomer_gets_what_everybody_buys_at_this_hour() {
    let model = fitted(11, planted());
    let at = |now, hour_counts| model.rank(&Facts { now, hour_counts, ..Facts::default() }, 5);
    let (monday, saturday) = (at(140 * DAY + 8 * 60, true), at(145 * DAY + 20 * 60, true));
    assert!(monday.iter().all(|ranked| ranked.item < 5 || ranked.item == 10), "{monday:?}");
    assert!(saturday.iter().all(|ranked| (5..10).contains(&ranked.item)), "{saturday:?}");
    assert!(
        monday[0].reasons.contains(&Reason::TimeOfDay) && monday[0].reasons.contains(&Reason::Popular),
        "{monday:?}"
    );
    for ranked in at(140 * DAY, false) {
        assert_eq!(ranked.reasons, [Reason::Popular]);
    }
}

#[test]
fn nothing_to_learn_from_is_no_failure() {
    let nothing = fitted(0, vec![]);
    assert_eq!(nothing.rank(&Facts::default(), 10), []);
    let one = fitted(1, vec![Purchase { customer: 0, at: 0, items: vec![0] }]);
    assert_eq!(one.rank(&Facts::default(), 10)[0].item, 0);
    assert_eq!(one.rank(&Facts { basket: &[0], ..Facts::default() }, 10), []);
    assert_eq!(one.rank(&Facts::default(), 0), []);
    // A million times the same.
    let often = vec![Purchase { customer: 0, at: 0, items: vec![0] }; 100_000];
    let model = fitted(2, often.clone());
    assert!(
        model.rank(&Facts { history: &often, ..Facts::default() }, 2).iter().all(|ranked| ranked.score.is_finite())
    );
}

#[test]
fn what_makes_no_sense_is_refused_and_a_fit_can_be_called_off() {
    for params in [
        Params { ridges: vec![], ..Params::default() },
        Params { ridges: vec![0.0], ..Params::default() },
        Params { ridges: vec![f64::NAN], ..Params::default() },
        Params { neighbours: 0, ..Params::default() },
        Params { shrink: -1.0, ..Params::default() },
        Params { validation_days: 0, ..Params::default() },
    ] {
        assert!(matches!(params.check(), Err(FitError::Params(_))));
    }
    let history = History::new(11, planted()).unwrap();
    let rules = Params::default().check().unwrap();
    let mut steps = Vec::new();
    fit(&history, &rules, &mut |step, of| {
        steps.push((step, of));
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(steps.is_sorted() && steps.last().is_some_and(|(step, of)| step == of), "{steps:?}");
    for stop in 0..steps.len() {
        let mut told = 0;
        let called_off = fit(&history, &rules, &mut |_, _| {
            told += 1;
            if told > stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(called_off, Err(FitError::Cancelled), "at step {stop}");
    }
}

#[test]
fn models_are_stored_and_checked_when_they_come_back() {
    let model = fitted(11, planted());
    let text = serde_json::to_string(&model).unwrap();
    let again: Model = serde_json::from_str(&text).unwrap();
    let facts = Facts { basket: &[0], ..Facts::default() };
    for (one, other) in model.rank(&facts, 11).iter().zip(again.rank(&facts, 11)) {
        assert_eq!((one.item, &one.reasons), (other.item, &other.reasons));
        assert!((one.score - other.score).abs() < 1e-9);
    }
    for (from, to) in [("\"format\":1", "\"format\":2"), ("\"items\":11", "\"items\":10")] {
        assert!(serde_json::from_str::<Model>(&text.replacen(from, to, 1)).is_err(), "{to}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_ranking_keeps_its_laws(
        all in purchases(7, 40),
        own in purchases(9, 8),
        basket in proptest::collection::vec(0..9_u32, 0..4),
        now in prop_oneof![Just(i64::MIN), Just(i64::MAX), 0..600_000_i64],
        hour_counts in any::<bool>(),
        most in 0..12_usize,
    ) {
        let model = fitted(7, all.clone());
        let mut turned = all;
        turned.reverse();
        prop_assert_eq!(&fitted(7, turned), &model, "the order of purchases says nothing");
        let facts = Facts { customer: Some(3), history: &own, basket: &basket, now, hour_counts };
        let ranked = model.rank(&facts, most);
        prop_assert_eq!(&ranked, &model.rank(&facts, most));
        let free = (0..7).filter(|item| !basket.contains(item)).count();
        prop_assert_eq!(ranked.len(), most.min(free));
        prop_assert!(ranked.windows(2).all(|pair| pair[0].score >= pair[1].score));
        for one in &ranked {
            prop_assert!(one.item < 7 && !basket.contains(&one.item) && one.score.is_finite());
            for reason in &one.reasons {
                match *reason {
                    Reason::Habit { times, .. } => {
                        let bought = own.iter().filter(|purchase| purchase.items.contains(&one.item)).count();
                        prop_assert_eq!(times as usize, bought);
                    }
                    Reason::GoesWith { item } => prop_assert!(
                        basket.contains(&item) || own.iter().any(|purchase| purchase.items.contains(&item))
                    ),
                    Reason::LikeYou { customers } => prop_assert!((1..=6).contains(&customers)),
                    Reason::TimeOfDay => prop_assert!(hour_counts),
                    Reason::Popular => {}
                }
            }
        }
        let mut items: Vec<u32> = ranked.iter().map(|one| one.item).collect();
        items.sort_unstable();
        items.dedup();
        prop_assert_eq!(items.len(), ranked.len());
    }
}
