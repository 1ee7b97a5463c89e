//! Each kind of benefit: what it gives, what it must not, and where the floor puts the rest.

use super::*;

/// What a campaign of this benefit takes off each line, all of known cost 0.
fn off(lines: Vec<Line>, then: Value) -> Vec<i64> {
    discounts(&evaluate(&facts(lines, None, 0), &rules(vec![campaign(1, then, json!({}))])))
}

fn two() -> Vec<Line> {
    vec![line("espresso", 250, Some(0), 2), of_category("cakes", line("eclair", 400, Some(0), 1))]
}

#[test]
fn a_percentage_is_rounded_once_over_the_selected_sum() {
    // 10 % of 999 is 99.9: 100 in all, shared by largest remainder.
    let thirds = vec![line("a", 333, Some(0), 1), line("b", 333, Some(0), 1), line("c", 333, Some(0), 1)];
    assert_eq!(off(thirds, json!({"percentage": {"rate_bp": 1000}})), [34, 33, 33]);
    assert_eq!(off(two(), json!({"percentage": {"rate_bp": 1000, "of": {"categories": ["cakes"]}}})), [0, 40]);
}

#[test]
fn a_third_three_times_leaves_the_last_unit() {
    // 3 x 33.33 % of 100.00: 33.33 each, and 0.01 stays to be paid.
    let three = (1..=3).map(|n| campaign(n, json!({"percentage": {"rate_bp": 3333}}), json!({}))).collect();
    let decision = evaluate(&facts(vec![line("beans", 10_000, Some(0), 1)], None, 0), &rules(three));
    assert_eq!(decision.lines[0].allocations.iter().map(|part| part.amount.minor()).collect::<Vec<_>>(), [3_333; 3]);
    assert_eq!(decision.total, Amount(1));
}

#[test]
fn an_amount_off_is_shared_in_proportion_and_never_more_than_there_is() {
    assert_eq!(off(two(), json!({"amount_off": {"amount": 90}})), [50, 40]);
    assert_eq!(off(two(), json!({"amount_off": {"amount": 1_000_000}})), [500, 400]);
    assert_eq!(off(two(), json!({"amount_off": {"amount": 70, "of": {"skus": ["eclair"]}}})), [0, 70]);
}

#[test]
fn an_amount_off_each_counts_units() {
    assert_eq!(off(two(), json!({"amount_off_each": {"amount": 30}})), [60, 30]);
    assert_eq!(off(two(), json!({"amount_off_each": {"amount": 300}})), [500, 300]);
}

#[test]
fn a_fixed_price_never_raises() {
    assert_eq!(off(two(), json!({"fixed_price": {"price": 300}})), [0, 100]);
}

#[test]
fn the_base_is_the_shelf_price_or_what_is_left() {
    let half = |n, base: &str| campaign(n, json!({"percentage": {"rate_bp": 5000}}), json!({"base": base}));
    let lines = || facts(vec![line("beans", 1_000, Some(0), 1)], None, 0);
    let initial = evaluate(&lines(), &rules(vec![half(1, "initial"), half(2, "initial")]));
    assert_eq!(initial.total, Amount(0));
    let discounted = evaluate(&lines(), &rules(vec![half(1, "initial"), half(2, "discounted")]));
    assert_eq!(discounted.total, Amount(250));
}

#[test]
fn a_bundle_takes_the_dearest_units_and_as_many_sets_as_pay() {
    let bundle = json!({"bundle": {"price": 500, "slots": [
        {"quantity": 1, "of": {"categories": ["coffee"]}}, {"quantity": 1, "of": {"categories": ["cakes"]}}]}});
    // 250 + 400 for 500, once: one coffee stays at its price.
    assert_eq!(off(two(), bundle.clone()).iter().sum::<i64>(), 150);
    // A set that is cheaper alone is no set.
    let cheap = vec![line("espresso", 250, Some(0), 3), of_category("cakes", line("biscuit", 100, Some(0), 3))];
    assert_eq!(off(cheap, bundle.clone()), [0, 0]);
    // The dear cake makes a set that pays, the cheap one does not.
    let mixed = vec![
        line("espresso", 250, Some(0), 2),
        of_category("cakes", line("biscuit", 100, Some(0), 1)),
        of_category("cakes", line("eclair", 400, Some(0), 1)),
    ];
    assert_eq!(off(mixed, bundle).iter().sum::<i64>(), 150);
}

#[test]
fn slots_of_a_bundle_may_overlap_and_still_fill_every_set() {
    // Any drink with any coffee: the tea must be the drink, so that one coffee is the other.
    let bundle = json!({"bundle": {"price": 300, "slots": [
        {"quantity": 1, "of": {"categories": ["coffee", "tea"]}}, {"quantity": 1, "of": {"categories": ["coffee"]}}]}});
    let lines = vec![line("espresso", 250, Some(0), 1), of_category("tea", line("sencha", 200, Some(0), 1))];
    assert_eq!(off(lines, bundle.clone()).iter().sum::<i64>(), 150);
    assert_eq!(off(vec![line("espresso", 250, Some(0), 2)], bundle).iter().sum::<i64>(), 200);
}

#[test]
fn what_a_bundle_cannot_take_from_one_line_the_others_carry_down_to_their_floors() {
    // 500 for 650: the eclair may lose only 20 of its 92, the coffee carries 130.
    let bundle = json!({"bundle": {"price": 500, "slots": [
        {"quantity": 1, "of": {"skus": ["espresso"]}}, {"quantity": 1, "of": {"skus": ["eclair"]}}]}});
    let lines = vec![line("espresso", 250, Some(50), 1), line("eclair", 400, Some(380), 1)];
    assert_eq!(off(lines, bundle), [130, 20]);
}

#[test]
fn buy_two_get_the_cheapest_of_the_same_free() {
    let deal = |at_most: Value| {
        json!({"buy_x_get_y": {"buy": {"quantity": 2, "of": {"categories": ["coffee"]}},
            "get": {"quantity": 1, "of": {"categories": ["coffee"]}}, "rate_bp": 10000, "at_most": at_most}})
    };
    let lines = || vec![line("latte", 400, Some(0), 2), line("espresso", 250, Some(0), 4)];
    // Six units are two deals: the two cheapest are free.
    assert_eq!(off(lines(), deal(json!(null))), [0, 500]);
    assert_eq!(off(lines(), deal(json!(1))), [0, 250]);
    assert_eq!(off(vec![line("latte", 400, Some(0), 2)], deal(json!(null))), [0]);
}

#[test]
fn a_deal_does_not_grow_with_the_quantity() {
    let deal = json!({"buy_x_get_y": {"buy": {"quantity": 2}, "get": {"quantity": 1}, "rate_bp": 10000}});
    assert_eq!(off(vec![line("bean", 100, Some(0), 9_999)], deal), [333_300]);
}

#[test]
fn what_the_floor_keeps_of_a_free_unit_the_bought_ones_carry() {
    // The free cake may only fall to 300 (its cost): the coffees give the other 300, down to no less than 100 each.
    let deal = json!({"buy_x_get_y": {"buy": {"quantity": 2, "of": {"skus": ["espresso"]}},
        "get": {"quantity": 1, "of": {"skus": ["eclair"]}}, "rate_bp": 10000}});
    let lines = |cost| vec![line("espresso", 250, Some(cost), 2), line("eclair", 600, Some(300), 1)];
    assert_eq!(off(lines(100), deal.clone()), [300, 300]);
    // With dear coffee the rest stays with the customer, and is told.
    let decision = evaluate(&facts(lines(200), None, 0), &rules(vec![campaign(1, deal, json!({}))]));
    assert_eq!(discounts(&decision), [100, 300]);
    assert!(decision.effects.contains(&Effect::MarginClipped {
        position: 1,
        desired: Amount(500),
        granted: Amount(300)
    }));
}

#[test]
fn a_unit_is_used_for_one_deal_of_a_rule() {
    let cheapest = json!({"cheapest": {"units": 1, "rate_bp": 10000}});
    let two_benefits = json!({"rules": [{"name": "r", "then": [cheapest, cheapest]}]});
    let rules = rules(vec![campaign(1, cheapest.clone(), two_benefits)]);
    let lines = vec![line("latte", 400, Some(0), 1), line("espresso", 250, Some(0), 1)];
    assert_eq!(discounts(&evaluate(&facts(lines, None, 0), &rules)), [400, 250]);
}

#[test]
fn the_cheapest_and_the_dearest_units() {
    assert_eq!(off(two(), json!({"cheapest": {"units": 1, "rate_bp": 5000}})), [125, 0]);
    assert_eq!(off(two(), json!({"cheapest": {"units": 3, "rate_bp": 5000}})), [250, 200]);
    assert_eq!(off(two(), json!({"most_expensive": {"units": 2, "rate_bp": 10000}})), [250, 400]);
    // The cheapest of every three.
    let every = json!({"cheapest": {"units": 1, "of_every": 3, "rate_bp": 10000}});
    assert_eq!(off(two(), every.clone()), [250, 0]);
    assert_eq!(off(vec![line("espresso", 250, Some(0), 5)], every), [250]);
}

#[test]
fn tiers_by_amount_and_by_quantity() {
    let by_amount = json!({"tiers": {"by": "amount", "steps": [
        {"from": 500, "off": {"amount": 50}}, {"from": 900, "off": {"rate_bp": 1000}}]}});
    assert_eq!(off(vec![line("espresso", 250, Some(0), 1)], by_amount.clone()), [0]);
    assert_eq!(off(vec![line("espresso", 250, Some(0), 2)], by_amount.clone()), [50]);
    assert_eq!(off(two(), by_amount), [50, 40]);
    let by_quantity = json!({"tiers": {"by": "quantity", "steps": [
        {"from": 2, "off": {"rate_bp": 500}}, {"from": 6, "off": {"rate_bp": 1000}}]}});
    assert_eq!(off(vec![line("espresso", 100, Some(0), 5)], by_quantity.clone()), [25]);
    assert_eq!(off(vec![line("espresso", 100, Some(0), 6)], by_quantity), [60]);
}

#[test]
fn a_free_item_is_discounted_where_it_is_and_asked_for_where_it_is_not() {
    let gift = json!({"free_item": {"sku": "biscuit", "quantity": 2}});
    let rules = rules(vec![campaign(1, gift, json!({}))]);
    let with = |quantity| vec![line("espresso", 250, Some(0), 2), line("biscuit", 100, Some(40), quantity)];
    // One of two is there: it falls to its cost, the coffee carries the rest, and one more may come.
    let decision = evaluate(&facts(with(1), None, 0), &rules);
    assert_eq!(discounts(&decision), [40, 60]);
    let add = |quantity| Effect::AddFreeItem { campaign: campaign_id(1), sku: sku("biscuit"), quantity };
    assert!(decision.effects.contains(&add(1)));
    let decision = evaluate(&facts(with(3), None, 0), &rules);
    // Three are there and two are free: the line as a whole may lose 180.
    assert_eq!(discounts(&decision), [20, 180]);
    assert!(!decision.effects.iter().any(|effect| matches!(effect, Effect::AddFreeItem { .. })));
    let decision = evaluate(&facts(vec![line("espresso", 250, Some(0), 2)], None, 0), &rules);
    assert_eq!((decision.effects, decision.discount), (vec![add(2)], Amount::ZERO));
}

#[test]
fn caps_by_line_and_by_session_split_exactly() {
    let ten = json!({"percentage": {"rate_bp": 10000}});
    let capped = |more| discounts(&evaluate(&facts(two(), None, 0), &rules(vec![campaign(1, ten.clone(), more)])));
    assert_eq!(capped(json!({"max_per_line": 120})), [120, 120]);
    assert_eq!(capped(json!({"max_per_session": 100})), [56, 44]);
    assert_eq!(capped(json!({"max_per_line": 120, "max_per_session": 101})), [50, 51]);
}

#[test]
fn charges_are_never_lowered_and_count_for_nothing() {
    let postage = Line { offerable: false, ..line("postage", 5_000, Some(0), 1) };
    let rules =
        rules(vec![when(1, json!({"subtotal": {"at_least": 1_000}}), json!({"percentage": {"rate_bp": 1000}}))]);
    let decision = evaluate(&facts(vec![line("espresso", 250, Some(0), 2), postage.clone()], None, 0), &rules);
    assert_eq!(discounts(&decision), [0, 0]);
    let decision = evaluate(&facts(vec![line("espresso", 250, Some(0), 4), postage], None, 0), &rules);
    assert_eq!(discounts(&decision), [100, 0]);
}
