//! A personal card alone: what it wants, what the floor leaves, what is not its to lower.

use proptest::prelude::*;

use super::worlds::any_basket as any_facts;
use super::*;

const CASES: u32 = 2_000;

fn wanted(decision: &Decision, position: u16) -> Amount {
    let of = |effect: &Effect| match *effect {
        Effect::Discount { position: at, desired, .. } | Effect::MarginClipped { position: at, desired, .. } => {
            (at == position).then_some(desired)
        }
        _ => None,
    };
    decision.effects.iter().find_map(of).unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn the_laws_of_money_hold_in_every_cart(facts in any_facts(12)) {
        laws(&facts, &evaluate(&facts, &Rules::default()))?;
    }

    /// What the card wants is its rate of the eligible sum, to the last unit, and the effects tell where it went.
    #[test]
    fn the_desired_discount_is_the_rate_of_what_is_eligible(facts in any_facts(12)) {
        let decision = evaluate(&facts, &Rules::default());
        let Some(card) = &facts.card else {
            prop_assert_eq!(decision.discount, Amount::ZERO);
            prop_assert!(decision.effects.is_empty());
            return Ok(());
        };
        let eligible: Amount = facts.lines.iter()
            .filter(|line| line.offerable && line.cost.is_some())
            .filter(|line| match &card.scope {
                CardScope::Basket => true,
                CardScope::Category(category) => line.category == *category,
                CardScope::Product(sku) => line.sku == *sku,
            })
            .map(|line| line.unit_price.times(line.quantity))
            .sum();
        let desired: Amount = (0..facts.lines.len()).map(|place| wanted(&decision, place as u16)).sum();
        prop_assert_eq!(desired, card.rate.min(Rate::WHOLE).of(eligible));
    }

    /// What the floor cut is reported for every line that was cut, and for no other.
    #[test]
    fn every_cut_is_reported(facts in any_facts(12)) {
        let decision = evaluate(&facts, &Rules::default());
        for (place, line) in decision.lines.iter().enumerate() {
            let position = place as u16;
            let clipped: Vec<_> = decision.effects.iter().filter_map(|effect| match *effect {
                Effect::MarginClipped { position: at, desired, granted } if at == position => Some((desired, granted)),
                _ => None,
            }).collect();
            let desired = wanted(&decision, position);
            prop_assert_eq!(clipped, if desired > line.discount { vec![(desired, line.discount)] } else { vec![] });
            let headroom = facts.floor.headroom(facts.lines[place].unit_price, facts.lines[place].cost, facts.lines[place].quantity);
            prop_assert_eq!(line.discount, desired.min(headroom));
        }
    }

    /// The order of the lines moves no unit of money between products.
    #[test]
    fn order_does_not_matter((facts, shuffled) in any_facts(12).prop_flat_map(|facts| {
        let order = Just((0..facts.lines.len()).collect::<Vec<_>>()).prop_shuffle();
        (Just(facts), order)
    }).prop_map(|(facts, order)| {
        let lines = order.iter().map(|&place| facts.lines[place].clone()).collect();
        let shuffled = Facts { lines, ..facts.clone() };
        (facts, shuffled)
    })) {
        let told = |facts: &Facts| {
            let decision = evaluate(facts, &Rules::default());
            let mut lines: Vec<_> = facts.lines.iter().zip(&decision.lines)
                .map(|(line, decided)| (line.sku.clone(), line.unit_price, line.quantity, line.cost, line.category.clone(), line.offerable, decided.discount))
                .collect();
            lines.sort();
            (decision.discount, decision.total, lines)
        };
        let (a, b) = (told(&facts), told(&shuffled));
        prop_assert_eq!(a.0, b.0);
        prop_assert_eq!(a.1, b.1);
        prop_assert_eq!(a.2, b.2);
    }

    #[test]
    fn the_same_facts_have_one_answer_also_after_storing(facts in any_facts(8)) {
        let stored: Facts = serde_json::from_str(&serde_json::to_string(&facts).unwrap()).unwrap();
        prop_assert_eq!(evaluate(&facts, &Rules::default()), evaluate(&stored, &Rules::default()));
    }

    /// A better rate never costs the customer more.
    #[test]
    fn a_better_card_never_gives_less(facts in any_facts(12), more in 0_u32..5_000) {
        let before = evaluate(&facts, &Rules::default());
        let mut better = facts.clone();
        if let Some(card) = &mut better.card {
            card.rate = Rate(card.rate.bp().saturating_add(more));
        }
        let after = evaluate(&better, &Rules::default());
        // Largest remainder may move the odd unit of a line onto one that the floor has closed.
        prop_assert!(after.discount.0 + facts.lines.len() as i64 >= before.discount.0);
    }

    #[test]
    fn a_cap_of_the_chain_is_kept_and_told(facts in any_facts(8), cap in 0_u32..=10_000) {
        let rules = Params { card: CardPolicy { max_rate: Rate(cap), ..CardPolicy::default() }, ..Params::default() }.check().unwrap();
        let decision = evaluate(&facts, &rules);
        laws(&facts, &decision)?;
        prop_assert!(decision.discount <= Rate(cap).of(decision.subtotal));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_laws_hold_in_the_largest_carts(facts in any_facts(domain::session::MAX_LINES)) {
        laws(&facts, &evaluate(&facts, &Rules::default()))?;
    }
}

#[test]
fn two_hundred_lines_of_the_dearest_goods_neither_panic_nor_lose_a_unit() {
    let lines = vec![line("gold", Amount::MAX_PRICE.0, Some(1), 9_999); 200];
    let decision = decide(lines.clone(), card(CardScope::Basket, 3_333), 0);
    assert_eq!(decision.subtotal, Amount(1_000_000_000 * 9_999 * 200));
    assert_eq!(decision.discount, Rate(3_333).of(decision.subtotal));
    // Beyond every bound of the contract: still no panic, still not below zero.
    let lines = vec![line("gold", i64::MAX, Some(i64::MAX), u32::MAX); 3];
    assert!(decide(lines, card(CardScope::Basket, u32::MAX), u32::MAX).total >= Amount::ZERO);
    let lines = vec![line("debt", i64::MIN, Some(i64::MIN), u32::MAX); 3];
    assert_eq!(decide(lines, card(CardScope::Basket, 10_000), 0).total, Amount::ZERO);
}

#[test]
fn an_empty_basket_costs_nothing() {
    let decision = decide(vec![], card(CardScope::Basket, 1_000), 0);
    assert_eq!((decision.subtotal, decision.discount, decision.total), (Amount::ZERO, Amount::ZERO, Amount::ZERO));
}

#[test]
fn the_floor_cuts_last_and_says_so() {
    // Floor 220 = 200 x 1.1, shelf 250: two of them leave 60 of the 100 that 20 % would take.
    let decision = decide(vec![line("espresso", 250, Some(200), 2)], card(CardScope::Basket, 2_000), 1_000);
    assert_eq!(decision.lines[0].discount, Amount(60));
    assert_eq!(
        decision.effects,
        [
            Effect::Discount {
                position: 0,
                source: Source::Card(card_id()),
                desired: Amount(100),
                granted: Amount(60)
            },
            Effect::MarginClipped { position: 0, desired: Amount(100), granted: Amount(60) },
        ]
    );
}

#[test]
fn what_sells_below_its_floor_already_gets_nothing() {
    let decision = decide(vec![line("loss-leader", 100, Some(150), 3)], card(CardScope::Basket, 1_000), 0);
    assert_eq!(decision.total, Amount(300));
    assert_eq!(decision.effects, [Effect::MarginClipped { position: 0, desired: Amount(30), granted: Amount::ZERO }]);
}

#[test]
fn unknown_costs_and_charges_take_no_part_and_say_why() {
    let mut postage = line("postage", 500, Some(0), 1);
    postage.offerable = false;
    let lines = vec![line("mystery", 1_000, None, 1), postage, line("espresso", 1_000, Some(100), 1)];
    let decision = decide(lines, card(CardScope::Basket, 1_000), 0);
    assert_eq!(decision.lines.iter().map(|line| line.discount.0).collect::<Vec<_>>(), [0, 0, 100]);
}

#[test]
fn a_card_for_one_product_leaves_the_others_alone() {
    let lines = vec![line("espresso", 250, Some(50), 2), line("latte", 400, Some(50), 1)];
    let decision = decide(lines.clone(), card(CardScope::Product(sku("latte")), 1_000), 0);
    assert_eq!(decision.lines.iter().map(|line| line.discount.0).collect::<Vec<_>>(), [0, 40]);
    let decision = decide(lines, card(CardScope::Category(CategoryId::new("tea")), 1_000), 0);
    assert_eq!(decision.discount, Amount::ZERO);
}

#[test]
fn more_than_the_whole_price_is_no_rule() {
    let card = CardPolicy { max_rate: Rate(10_001), ..CardPolicy::default() };
    let problems = Params { card, ..Params::default() }.check().unwrap_err();
    assert_eq!((problems.0[0].pointer.as_str(), problems.0[0].key), ("/card/max_rate_bp", "rate-above-whole"));
}
