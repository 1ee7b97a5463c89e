//! Who goes with whom: stacking, groups, priority, and the card among them.

use super::*;

fn flat(n: u8, amount: i64, more: Value) -> Value {
    campaign(n, json!({"amount_off": {"amount": amount}}), more)
}

fn beans() -> Facts {
    facts(vec![line("beans", 1_000, Some(0), 1)], None, 0)
}

fn paid(decision: &Decision) -> Vec<(Source, i64)> {
    decision.lines[0].allocations.iter().map(|part| (part.source.clone(), part.amount.minor())).collect()
}

fn by(n: u8) -> Source {
    Source::Campaign(campaign_id(n))
}

#[test]
fn what_is_common_adds_up_and_what_is_never_stands_alone_where_it_gives_more() {
    let commons = || vec![flat(1, 100, json!({})), flat(2, 120, json!({}))];
    let with = |amount| {
        let mut all = commons();
        all.push(flat(3, amount, json!({"stacking": "never"})));
        all.push(flat(4, 7, json!({"stacking": "always"})));
        paid(&evaluate(&beans(), &rules(all)))
    };
    assert_eq!(with(219), [(by(1), 100), (by(2), 120), (by(4), 7)]);
    assert_eq!(with(221), [(by(3), 221), (by(4), 7)]);
    // Equal: whose first is applied first.
    assert_eq!(with(220), [(by(1), 100), (by(2), 120), (by(4), 7)]);
}

#[test]
fn what_never_combines_and_does_nothing_displaces_nobody() {
    let nothing = campaign(
        1,
        json!({"amount_off": {"amount": 500, "of": {"skus": ["tea"]}}}),
        json!({"stacking": "never", "priority": 9}),
    );
    assert_eq!(paid(&evaluate(&beans(), &rules(vec![nothing, flat(2, 10, json!({}))]))), [(by(2), 10)]);
}

#[test]
fn case_12_the_margin_floor_ends_every_stack_and_cuts_the_last_first() {
    let mut facts = beans();
    facts.lines[0].cost = Some(Amount(800));
    let stack = vec![flat(1, 150, json!({})), flat(2, 100, json!({"priority": 1}))];
    let decision = evaluate(&facts, &rules(stack));
    assert_eq!(paid(&decision), [(by(2), 100), (by(1), 100)]);
    assert!(decision.effects.contains(&Effect::MarginClipped {
        position: 0,
        desired: Amount(250),
        granted: Amount(200)
    }));
}

#[test]
fn case_11_a_stack_beyond_the_price_ends_at_zero() {
    let whole =
        campaign(1, json!({"percentage": {"rate_bp": 10000}}), json!({"max_per_session": 5_000, "priority": 1}));
    let decision = evaluate(&beans(), &rules(vec![whole, flat(2, 300, json!({}))]));
    assert_eq!((decision.total, paid(&decision)), (Amount::ZERO, vec![(by(1), 1_000)]));
}

#[test]
fn case_23_equal_best_discounts_go_to_the_same_campaign_on_every_till() {
    let grouped = |order: [u8; 3], mode: &str| {
        let campaigns: Vec<Value> = order.iter().map(|&n| flat(n, 100, json!({}))).collect();
        let params = json!({"campaigns": campaigns, "groups": [{"name": "all", "mode": mode}]});
        let rules = serde_json::from_value::<Params>(params).unwrap().check().unwrap();
        paid(&evaluate(&beans(), &rules))
    };
    for mode in ["best", "first"] {
        for order in [[1, 2, 3], [3, 2, 1], [2, 3, 1], [2, 1, 3]] {
            assert_eq!(grouped(order, mode), [(by(1), 100)]);
        }
    }
}

#[test]
fn a_group_gives_its_first_with_an_effect_or_its_best() {
    let campaigns = vec![
        campaign(1, json!({"amount_off": {"amount": 900, "of": {"skus": ["tea"]}}}), json!({"priority": 9})),
        flat(2, 50, json!({"priority": 5})),
        flat(3, 100, json!({})),
        flat(4, 1, json!({"group": "apart"})),
    ];
    let run = |mode: &str| {
        let params = json!({"campaigns": campaigns, "groups": [{"name": "all", "mode": mode}]});
        paid(&evaluate(&beans(), &serde_json::from_value::<Params>(params).unwrap().check().unwrap()))
    };
    assert_eq!(run("first"), [(by(2), 50), (by(4), 1)]);
    assert_eq!(run("best"), [(by(3), 100), (by(4), 1)]);
    assert_eq!(run("all"), [(by(2), 50), (by(3), 100), (by(4), 1)]);
}

#[test]
fn the_best_of_a_group_is_so_after_the_floor_and_the_budget() {
    let small = json!({"budgets": [{"action": "discount", "limit": 20}]});
    let params = json!({"campaigns": [flat(1, 500, small), flat(2, 30, json!({}))], "groups": [{"name": "all", "mode": "best"}]});
    let rules = serde_json::from_value::<Params>(params).unwrap().check().unwrap();
    assert_eq!(paid(&evaluate(&beans(), &rules)), [(by(2), 30)]);
}

#[test]
fn a_card_is_a_source_among_the_others() {
    let mut facts = beans();
    facts.card = card(CardScope::Basket, 1_000);
    let run = |policy: Value, more: Value| {
        let params = json!({"campaigns": [flat(1, 120, more)], "card": policy});
        paid(&evaluate(&facts, &serde_json::from_value::<Params>(params).unwrap().check().unwrap()))
    };
    let ours = || Source::Card(card_id());
    assert_eq!(run(json!({}), json!({})), [(by(1), 120), (ours(), 100)]);
    assert_eq!(run(json!({"priority": 1}), json!({})), [(ours(), 100), (by(1), 120)]);
    assert_eq!(run(json!({"stacking": "never"}), json!({})), [(by(1), 120)]);
    assert_eq!(run(json!({}), json!({"stacking": "never"})), [(by(1), 120)]);
    assert_eq!(run(json!({"max_rate_bp": 500}), json!({})), [(by(1), 120), (ours(), 50)]);
    assert_eq!(run(json!({"base": "discounted"}), json!({})), [(by(1), 120), (ours(), 88)]);
}

#[test]
fn case_10_the_sum_is_the_total_to_the_last_unit() {
    let thirds = vec![line("a", 100, Some(0), 1), line("b", 100, Some(0), 1), line("c", 100, Some(0), 1)];
    let decision = evaluate(&facts(thirds, None, 0), &rules(vec![flat(1, 100, json!({}))]));
    assert_eq!((discounts(&decision), decision.total), (vec![34, 33, 33], Amount(200)));
}
