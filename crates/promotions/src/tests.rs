use domain::{CardId, CategoryId, MarginFloor, Sku, floor_price};
use proptest::prelude::*;

use super::*;

const CASES: u32 = 4_000;

fn card_id() -> CardId {
    "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()
}

fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

fn card(scope: CardScope, bp: u32) -> Option<ChosenCard> {
    Some(ChosenCard { id: card_id(), scope, rate: Rate(bp) })
}

fn line(name: &str, price: i64, cost: Option<i64>, quantity: u32) -> Line {
    Line {
        sku: sku(name),
        category: CategoryId("coffee".into()),
        unit_price: Amount(price),
        cost: cost.map(Amount),
        quantity,
        offerable: true,
    }
}

fn facts(lines: Vec<Line>, card: Option<ChosenCard>, margin: u32) -> Facts {
    Facts {
        at: "2026-11-21T12:00:00Z".parse().unwrap(),
        store: "01890a5d-ac96-774b-bcce-b302099a8001".parse().unwrap(),
        zone: Tz::Europe__London,
        lines,
        customer: None,
        card,
        coupons: vec![],
        rooms: vec![],
        holdout: false,
        floor: MarginFloor { min_margin: Rate(margin) },
    }
}

fn decide(lines: Vec<Line>, card: Option<ChosenCard>, margin: u32) -> Decision {
    evaluate(&facts(lines, card, margin), &Rules::default())
}

/// Everyday prices, and the corners: free goods, no cost, cost above price, the highest price.
fn price() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 1_i64..5_000, 1 => Just(0_i64), 1 => Just(1_i64), 1 => Just(Amount::MAX_PRICE.0), 1 => 0_i64..=Amount::MAX_PRICE.0]
}

fn any_line() -> impl Strategy<Value = Line> {
    let cost = prop_oneof![2 => Just(None), 1 => Just(Some(0_i64)), 7 => price().prop_map(Some)];
    let quantity = prop_oneof![6 => 1_u32..5, 2 => Just(9_999_u32), 1 => 1_u32..=9_999];
    (0_u8..6, 0_u8..3, price(), cost, 0_u32..130, any::<bool>(), quantity, prop::bool::weighted(0.85)).prop_map(
        |(product, category, price, cost, share, tied, quantity, offerable)| Line {
            sku: sku(&format!("p{product}")),
            category: CategoryId(format!("c{category}")),
            unit_price: Amount(price),
            // Half of the costs lie near the price, so that the floor bites.
            cost: cost.map(|cost| Amount(if tied { price * i64::from(share) / 100 } else { cost })),
            quantity,
            offerable,
        },
    )
}

fn any_card() -> impl Strategy<Value = Option<ChosenCard>> {
    let scope = prop_oneof![
        2 => Just(CardScope::Basket),
        1 => (0_u8..4).prop_map(|c| CardScope::Category(CategoryId(format!("c{c}")))),
        1 => (0_u8..7).prop_map(|p| CardScope::Product(sku(&format!("p{p}")))),
    ];
    let rate = prop_oneof![5 => 1_u32..3_000, 1 => Just(10_000_u32), 1 => 0_u32..=10_000, 1 => Just(u32::MAX)];
    prop::option::weighted(
        0.9,
        (scope, rate).prop_map(|(scope, bp)| ChosenCard { id: card_id(), scope, rate: Rate(bp) }),
    )
}

fn any_facts(most: usize) -> impl Strategy<Value = Facts> {
    let margin = prop_oneof![4 => 0_u32..5_000, 1 => Just(0_u32), 1 => Just(100_000_u32)];
    (prop::collection::vec(any_line(), 0..=most), any_card(), margin)
        .prop_map(|(lines, card, margin)| facts(lines, card, margin))
}

fn laws(facts: &Facts, decision: &Decision) -> Result<(), TestCaseError> {
    prop_assert_eq!(decision.lines.len(), facts.lines.len());
    for (line, decided) in facts.lines.iter().zip(&decision.lines) {
        // Law 1: parts add up to the whole.
        prop_assert_eq!(decided.subtotal, line.unit_price.times(line.quantity));
        prop_assert_eq!(decided.allocations.iter().map(|part| part.amount).sum::<Amount>(), decided.discount);
        prop_assert_eq!(decided.subtotal - decided.discount, decided.total);
        prop_assert!(decided.allocations.iter().all(|part| part.amount > Amount::ZERO));
        // Law 2: the floor, whenever anything was given; nothing without a known cost, nothing on a charge.
        if decided.discount > Amount::ZERO {
            prop_assert!(line.offerable);
            let floor = floor_price(line.cost, facts.floor);
            prop_assert!(floor.is_some_and(|floor| decided.total >= floor.times(line.quantity)));
        }
        // Law 3: never above the shelf price, never below zero.
        prop_assert!(decided.discount >= Amount::ZERO && decided.total >= Amount::ZERO);
        prop_assert!(decided.total <= decided.subtotal);
    }
    prop_assert_eq!(decision.lines.iter().map(|line| line.subtotal).sum::<Amount>(), decision.subtotal);
    prop_assert_eq!(decision.lines.iter().map(|line| line.discount).sum::<Amount>(), decision.discount);
    prop_assert_eq!(decision.lines.iter().map(|line| line.total).sum::<Amount>(), decision.total);
    prop_assert_eq!(decision.subtotal - decision.discount, decision.total);
    Ok(())
}

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
    let decision = decide(lines, card(CardScope::Category(CategoryId("tea".into())), 1_000), 0);
    assert_eq!(decision.discount, Amount::ZERO);
}

#[test]
fn more_than_the_whole_price_is_no_rule() {
    let card = CardPolicy { max_rate: Rate(10_001), ..CardPolicy::default() };
    let problems = Params { card, ..Params::default() }.check().unwrap_err();
    assert_eq!((problems.0[0].pointer.as_str(), problems.0[0].key), ("/card/max_rate_bp", "rate-above-whole"));
}
