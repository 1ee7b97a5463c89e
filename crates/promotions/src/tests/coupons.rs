//! Codes, limits and budgets: every answer a till can get, and what is counted.

use super::*;

fn flat(more: Value) -> Rules {
    rules(vec![campaign(1, json!({"amount_off": {"amount": 100}}), more)])
}

fn with(codes: Vec<Coupon>) -> Facts {
    Facts { coupons: codes, ..facts(vec![line("beans", 1_000, Some(0), 1)], None, 0) }
}

fn standing(change: impl FnOnce(&mut Standing)) -> Coupon {
    let mut coupon = coupon("SUMMER", 1);
    change(&mut coupon.standing);
    coupon
}

fn room(facts: &Facts, rules: &Rules, left: i64) -> Vec<Room> {
    rules.accounts(facts).into_iter().map(|account| Room { elsewhere: 0, key: account.key, left }).collect()
}

fn only(facts: &Facts, rules: &Rules) -> Rejection {
    let decision = evaluate(facts, rules);
    assert_eq!((decision.discount, decision.uses.len()), (Amount::ZERO, 0));
    rejections(&decision)[0]
}

#[test]
fn a_campaign_with_coupons_runs_only_for_one_of_its_codes() {
    let rules = flat(json!({"coupon": {}}));
    assert_eq!(evaluate(&with(vec![]), &rules).discount, Amount::ZERO);
    let decision = evaluate(&with(vec![coupon("SUMMER", 1)]), &rules);
    let source = Source::Coupon { campaign: campaign_id(1), code: "SUMMER".into() };
    assert_eq!(decision.lines[0].allocations, [Allocation { source, amount: Amount(100) }]);
    assert_eq!(
        decision.effects.last(),
        Some(&Effect::AcceptCoupon { code: "SUMMER".into(), campaign: campaign_id(1) })
    );
}

#[test]
fn what_is_wrong_with_a_code_is_told_by_name() {
    let rules = flat(json!({"coupon": {}}));
    let noon = with(vec![]).at;
    let told = |change: fn(&mut Standing, chrono::DateTime<chrono::Utc>)| {
        only(&with(vec![standing(|standing| change(standing, noon))]), &rules)
    };
    assert_eq!(told(|standing, _| *standing = Standing::Unknown), Rejection::CouponNotFound);
    assert_eq!(told(|standing, _| *standing = Standing::Disabled), Rejection::CouponNotFound);
    assert_eq!(told(|standing, _| *standing = Standing::Reserved), Rejection::ReservedElsewhere);
    let until = |standing: &mut Standing, at| {
        if let Standing::Good { until, .. } = standing {
            *until = Some(at)
        }
    };
    assert_eq!(told(until), Rejection::CouponExpired);
    let from = |standing: &mut Standing, at: chrono::DateTime<chrono::Utc>| {
        if let Standing::Good { from, .. } = standing {
            *from = Some(at + chrono::TimeDelta::nanoseconds(1));
        }
    };
    assert_eq!(told(from), Rejection::CouponNotStarted);
    assert_eq!(only(&with(vec![coupon("OTHER", 9)]), &rules), Rejection::CouponNotFound);
    assert_eq!(
        only(&with(vec![coupon("SUMMER", 1)]), &flat(json!({"coupon": {}, "enabled": false}))),
        Rejection::CouponNotFound
    );
    let not_begun = flat(json!({"coupon": {}, "window": {"from": "2026-11-21T12:00:01"}}));
    assert_eq!(only(&with(vec![coupon("SUMMER", 1)]), &not_begun), Rejection::CouponNotStarted);
    let over = flat(json!({"coupon": {}, "window": {"until": "2026-11-21T12:00:00"}}));
    assert_eq!(only(&with(vec![coupon("SUMMER", 1)]), &over), Rejection::CouponExpired);
}

#[test]
fn a_personal_code_is_good_for_its_recipient_alone() {
    let rules = flat(json!({"coupon": {}}));
    let mine = || {
        standing(|s| {
            if let Standing::Good { recipient, .. } = s {
                *recipient = Some(customer_id(1))
            }
        })
    };
    let mut facts = with(vec![mine()]);
    assert_eq!(only(&facts, &rules), Rejection::ProfileRequired);
    facts.customer = Some(Customer { id: customer_id(2), ..somebody() });
    assert_eq!(only(&facts, &rules), Rejection::RecipientDoesNotMatch);
    facts.customer = Some(somebody());
    assert_eq!(evaluate(&facts, &rules).discount, Amount(100));
    // Law 2: personal, so nothing without a known cost. Law 7: and nothing in the holdout.
    facts.lines[0].cost = None;
    assert_eq!(only(&facts, &rules), Rejection::NoEffect);
    facts.lines[0].cost = Some(Amount::ZERO);
    facts.holdout = true;
    assert_eq!(only(&facts, &rules), Rejection::NoEffect);
    let source = Source::Coupon { campaign: campaign_id(1), code: "SUMMER".into() };
    assert!(evaluate(&facts, &rules).effects.contains(&Effect::HoldoutWithheld { source }));
}

#[test]
fn case_20_a_code_without_an_effect_is_refused_and_not_counted() {
    let tea = json!({"amount_off": {"amount": 100, "of": {"skus": ["tea"]}}});
    let rules = rules(vec![campaign(1, tea, json!({"coupon": {"per_code": 1}}))]);
    assert_eq!(only(&with(vec![coupon("SUMMER", 1)]), &rules), Rejection::NoEffect);
}

#[test]
fn a_code_that_waits_for_its_gift_is_taken_but_not_yet_used() {
    let gift = json!({"free_item": {"sku": "biscuit", "quantity": 1}});
    let rules = rules(vec![campaign(1, gift, json!({"coupon": {"per_code": 1}}))]);
    let decision = evaluate(&with(vec![coupon("SUMMER", 1)]), &rules);
    assert_eq!((rejections(&decision), decision.uses), (vec![], vec![]));
}

#[test]
fn case_2_a_used_up_code_says_so_and_every_limit_has_its_answer() {
    let mut facts = with(vec![coupon("SUMMER", 1)]);
    facts.customer = Some(somebody());
    for (policy, rejection) in [
        (json!({"per_code": 1}), Rejection::CouponLimitReached),
        (json!({"per_customer": 2, "period": "day"}), Rejection::ProfileLimitReached),
        (json!({"per_store": 3, "period": "month"}), Rejection::CampaignLimitReached),
    ] {
        let rules = flat(json!({"coupon": policy}));
        assert_eq!(evaluate(&facts, &rules).uses.len(), 1);
        facts.rooms = room(&facts, &rules, 0);
        assert_eq!(only(&facts, &rules), rejection);
        facts.rooms = room(&facts, &rules, 1);
        let decision = evaluate(&facts, &rules);
        assert_eq!((decision.discount, decision.uses[0].amount), (Amount(100), 1));
        facts.rooms = vec![];
    }
    let counted = json!({"coupon": {}, "budgets": [{"action": "redemptions", "limit": 5, "per": ["customer"]}]});
    facts.rooms = room(&facts, &flat(counted.clone()), 0);
    assert_eq!(only(&facts, &flat(counted)), Rejection::ProfileLimitReached);
}

#[test]
fn a_limit_by_customer_needs_a_customer() {
    let rules = flat(json!({"coupon": {"per_customer": 1}}));
    assert_eq!(only(&with(vec![coupon("SUMMER", 1)]), &rules), Rejection::ProfileRequired);
    let known = rules_when_known();
    assert_eq!(only(&with(vec![coupon("SUMMER", 1)]), &known), Rejection::ProfileRequired);
}

fn rules_when_known() -> Rules {
    let mut one = when(1, json!("customer_known"), json!({"amount_off": {"amount": 100}}));
    one["coupon"] = json!({});
    rules(vec![one])
}

#[test]
fn of_two_codes_of_a_campaign_one_counts_and_a_used_up_one_makes_way() {
    let rules = flat(json!({"coupon": {"per_code": 1}}));
    let mut facts = with(vec![coupon("B", 1), coupon("A", 1), coupon("B", 1)]);
    let decision = evaluate(&facts, &rules);
    assert_eq!((decision.discount, rejections(&decision)), (Amount(100), vec![Rejection::NotCombinable]));
    assert_eq!(decision.uses[0].key, format!("{}/code/A", campaign_id(1)));
    facts.rooms = vec![Room { elsewhere: 0, key: format!("{}/code/A", campaign_id(1)), left: 0 }];
    let decision = evaluate(&facts, &rules);
    assert_eq!(decision.uses[0].key, format!("{}/code/B", campaign_id(1)));
    assert_eq!(rejections(&decision), [Rejection::CouponLimitReached]);
}

#[test]
fn a_code_that_lost_to_a_better_stack_is_told_so() {
    let rules = rules(vec![
        campaign(1, json!({"amount_off": {"amount": 100}}), json!({"coupon": {}, "stacking": "never"})),
        campaign(2, json!({"amount_off": {"amount": 200}}), json!({})),
    ]);
    let decision = evaluate(&with(vec![coupon("SUMMER", 1)]), &rules);
    assert_eq!((decision.discount, rejections(&decision)), (Amount(200), vec![Rejection::NotCombinable]));
    let unmet = when(1, json!({"subtotal": {"at_least": 5_000}}), json!({"amount_off": {"amount": 1}}));
    let mut unmet = unmet;
    unmet["coupon"] = json!({});
    assert_eq!(only(&with(vec![coupon("SUMMER", 1)]), &super::rules(vec![unmet])), Rejection::ConditionNotMet);
}

#[test]
fn case_3_the_last_of_a_budget_is_clipped_or_refused_by_its_policy() {
    let budget =
        |when_short: &str| flat(json!({"budgets": [{"action": "discount", "limit": 500, "when_short": when_short}]}));
    let mut facts = with(vec![]);
    facts.rooms = room(&facts, &budget("clip"), 30);
    let decision = evaluate(&facts, &budget("clip"));
    let key = format!("{}/discount", campaign_id(1));
    assert_eq!(
        (decision.discount, decision.uses.as_slice()),
        (Amount(30), [Use { key: key.clone(), limit: 500, amount: 30 }].as_slice())
    );
    let clipped = |granted| Effect::BudgetClipped {
        campaign: campaign_id(1),
        key: key.clone(),
        desired: Amount(100),
        granted: Amount(granted),
    };
    assert!(decision.effects.contains(&clipped(30)));
    let decision = evaluate(&facts, &budget("refuse"));
    assert_eq!((decision.discount, decision.effects, decision.uses), (Amount::ZERO, vec![clipped(0)], vec![]));
}

#[test]
fn a_budget_pays_only_for_what_the_floor_grants() {
    let rules = flat(json!({"budgets": [{"action": "discount", "limit": 60, "when_short": "refuse"}]}));
    let mut facts = with(vec![]);
    facts.lines[0].cost = Some(Amount(950));
    let decision = evaluate(&facts, &rules);
    assert_eq!((decision.discount, decision.uses[0].amount), (Amount(50), 50));
}

#[test]
fn case_21_what_runs_without_a_code_has_the_same_limits() {
    let rules = flat(json!({"budgets": [{"action": "redemptions", "limit": 10, "per": ["store"], "period": "week"}]}));
    let mut facts = with(vec![]);
    let accounts = rules.accounts(&facts);
    let key = format!("{}/redemptions/store={}/2026-W47", campaign_id(1), store_id());
    assert_eq!(accounts, [Account { key: key.clone(), limit: 10 }]);
    assert_eq!(evaluate(&facts, &rules).uses, [Use { key: key.clone(), limit: 10, amount: 1 }]);
    facts.rooms = vec![Room { elsewhere: 0, key, left: 0 }];
    assert_eq!(evaluate(&facts, &rules).discount, Amount::ZERO);
}

#[test]
fn case_18_limits_by_customer_and_day_outlast_the_session() {
    let rules = flat(json!({"budgets": [
        {"action": "discount", "limit": 150, "per": ["segment", "customer"], "period": "day"},
        {"action": "discount", "limit": 9_000, "period": "year"}]}));
    let mut facts = with(vec![]);
    assert_eq!((evaluate(&facts, &rules).discount, rules.accounts(&facts)), (Amount::ZERO, vec![]));
    facts.customer = Some(somebody());
    let decision = evaluate(&facts, &rules);
    let keys: Vec<&str> = decision.uses.iter().map(|used| used.key.as_str()).collect();
    let id = campaign_id(1);
    assert_eq!(
        keys,
        [
            format!("{id}/discount/customer={}/segment=newcomers/2026-11-21", customer_id(1)),
            format!("{id}/discount/2026")
        ]
    );
    facts.rooms = vec![Room { elsewhere: 0, key: keys[0].to_owned(), left: 50 }];
    assert_eq!(evaluate(&facts, &rules).discount, Amount(50));
}

#[test]
fn case_22_a_rule_set_edited_elsewhere_goes_on_counting_on_the_same_accounts() {
    let one = json!({"action": "discount", "limit": 500});
    let other = json!({"action": "redemptions", "limit": 9});
    let keys = |budgets: Value| -> Vec<String> {
        flat(json!({"budgets": budgets})).accounts(&with(vec![])).into_iter().map(|account| account.key).collect()
    };
    assert_eq!(keys(json!([one, other])), keys(json!([other, {"action": "discount", "limit": 700}])));
}
