//! When a rule holds, leaf by leaf, and what it says where it does not.

use domain::segment::{BasketSize, Habit, Presence};

use super::*;

fn unmet(facts: &Facts, condition: Value) -> Option<Unmet> {
    let rules = rules(vec![when(1, condition, json!({"amount_off": {"amount": 1}}))]);
    match &explain(facts, &rules).verdicts[0].outcome {
        Outcome::Applied { .. } => None,
        Outcome::Not(WhyNot::Unmet(unmet)) => Some(*unmet),
        other => panic!("{other:?}"),
    }
}

fn basket() -> Facts {
    let cake = of_category("cakes", line("eclair", 400, Some(0), 1));
    facts(vec![line("espresso", 250, Some(0), 2), cake, line("espresso", 250, Some(0), 1)], None, 0)
}

fn known(change: impl FnOnce(&mut Customer)) -> Facts {
    let mut customer = somebody();
    change(&mut customer);
    Facts { customer: Some(customer), ..basket() }
}

#[test]
fn the_basket_is_measured_at_its_shelf_price() {
    let coffee = json!({"categories": ["coffee"]});
    assert_eq!(unmet(&basket(), json!({"subtotal": {"at_least": 1150, "at_most": 1150}})), None);
    let low = Unmet::SubtotalTooLow { have: Amount(750), need: Amount(751) };
    assert_eq!(unmet(&basket(), json!({"subtotal": {"of": coffee, "at_least": 751}})), Some(low));
    let high = Unmet::SubtotalTooHigh { have: Amount(1150), most: Amount(1149) };
    assert_eq!(unmet(&basket(), json!({"subtotal": {"at_most": 1149}})), Some(high));
    assert_eq!(unmet(&basket(), json!({"quantity": {"of": coffee, "at_least": 3}})), None);
    assert_eq!(unmet(&basket(), json!({"quantity": {"at_least": 5}})), Some(Unmet::TooFewUnits { have: 4, need: 5 }));
    assert_eq!(unmet(&basket(), json!({"quantity": {"at_most": 3}})), Some(Unmet::TooManyUnits { have: 4, most: 3 }));
    assert_eq!(unmet(&basket(), json!({"distinct": {"at_least": 2}})), None);
    assert_eq!(
        unmet(&basket(), json!({"distinct": {"at_least": 3}})),
        Some(Unmet::TooFewProducts { have: 2, need: 3 })
    );
    assert_eq!(
        unmet(&basket(), json!({"distinct": {"at_most": 1}})),
        Some(Unmet::TooManyProducts { have: 2, most: 1 })
    );
    assert_eq!(unmet(&basket(), json!({"has": {"skus": ["eclair"]}})), None);
    assert_eq!(unmet(&basket(), json!({"has": {"skus": ["tea"]}})), Some(Unmet::ProductMissing));
}

#[test]
fn selectors_unite_lists_and_take_away_what_is_excluded_or_out_of_price() {
    let has = |of: Value| unmet(&basket(), json!({"quantity": {"of": of, "at_least": 1, "at_most": 1}}));
    assert_eq!(has(json!({"skus": ["eclair"], "categories": ["tea"]})), None);
    assert_eq!(has(json!({"not": {"categories": ["coffee"]}})), None);
    assert_eq!(has(json!({"not": {"skus": ["espresso"]}})), None);
    assert_eq!(has(json!({"min_unit_price": 251})), None);
    assert_eq!(has(json!({"min_unit_price": 400, "max_unit_price": 400})), None);
    assert_eq!(has(json!({"max_unit_price": 249})), Some(Unmet::TooFewUnits { have: 0, need: 1 }));
}

#[test]
fn all_any_and_not() {
    let (yes, no) = (json!({"has": {}}), json!({"has": {"skus": ["tea"]}}));
    assert_eq!(unmet(&basket(), json!({"all": []})), None);
    assert_eq!(unmet(&basket(), json!({"all": [yes, no]})), Some(Unmet::ProductMissing));
    assert_eq!(unmet(&basket(), json!({"any": [no, yes]})), None);
    assert_eq!(unmet(&basket(), json!({"any": [no, {"quantity": {"at_least": 9}}]})), Some(Unmet::ProductMissing));
    assert_eq!(unmet(&basket(), json!({"not": no})), None);
    assert_eq!(unmet(&basket(), json!({"not": yes})), Some(Unmet::Excluded));
}

#[test]
fn everything_about_a_customer_is_false_of_a_stranger() {
    for condition in [
        json!("customer_known"),
        json!("first_purchase"),
        json!({"customers": [customer_id(1)]}),
        json!({"segment": {"newcomers": true}}),
        json!({"visits": {"at_least": 0}}),
        json!({"birthday": {"within_days": 182}}),
        json!({"days_since_last_purchase": {"at_least": 0}}),
    ] {
        assert_eq!(unmet(&basket(), condition), Some(Unmet::Stranger));
    }
    assert_eq!(unmet(&basket(), json!("card_used")), Some(Unmet::NoCard));
}

#[test]
fn who_the_customer_is() {
    assert_eq!(unmet(&known(|_| ()), json!("customer_known")), None);
    assert_eq!(unmet(&known(|_| ()), json!({"customers": [customer_id(1)]})), None);
    assert_eq!(unmet(&known(|_| ()), json!({"customers": [customer_id(2)]})), Some(Unmet::OtherCustomer));
    assert_eq!(
        unmet(&known(|_| ()), json!({"visits": {"at_least": 4}})),
        Some(Unmet::TooFewVisits { have: 3, need: 4 })
    );
    assert_eq!(
        unmet(&known(|_| ()), json!({"visits": {"at_most": 2}})),
        Some(Unmet::TooManyVisits { have: 3, most: 2 })
    );
    assert_eq!(unmet(&known(|_| ()), json!("first_purchase")), Some(Unmet::NotFirstPurchase));
    assert_eq!(unmet(&known(|customer| customer.visits = 0), json!("first_purchase")), None);
}

#[test]
fn a_segment_is_meant_by_its_parts_and_so_outlives_a_refit() {
    let lapsed = |rank, leaning: Option<&str>| SegmentName::Profile {
        presence: Presence::Lapsed,
        habit: Habit::Regular,
        basket: BasketSize::Large,
        leaning: leaning.map(str::to_owned),
        rank,
    };
    let test = json!({"segment": {"presence": ["lapsed", "cooling"], "basket": ["large"]}});
    for segment in [lapsed(1, None), lapsed(3, Some("Tea"))] {
        assert_eq!(unmet(&known(|customer| customer.segment = segment), test.clone()), None);
    }
    assert_eq!(unmet(&known(|_| ()), test), Some(Unmet::OtherSegment));
    let habit = json!({"segment": {"habit": ["frequent"]}});
    assert_eq!(unmet(&known(|customer| customer.segment = lapsed(1, None)), habit), Some(Unmet::OtherSegment));
    let (new, apart) = (json!({"segment": {"newcomers": true}}), json!({"segment": {"apart": true}}));
    assert_eq!(unmet(&known(|_| ()), new.clone()), None);
    assert_eq!(unmet(&known(|_| ()), apart.clone()), Some(Unmet::OtherSegment));
    let likely = SegmentName::Prospects { habit: Habit::Frequent, basket: BasketSize::Large };
    assert_eq!(unmet(&known(|customer| customer.segment = likely.clone()), new.clone()), None, "not there yet");
    assert_eq!(
        unmet(&known(|customer| customer.segment = likely), json!({"segment": {"habit": ["frequent"]}})),
        Some(Unmet::OtherSegment)
    );
    assert_eq!(unmet(&known(|customer| customer.segment = SegmentName::Apart), apart), None);
    assert_eq!(unmet(&known(|customer| customer.segment = SegmentName::Apart), new), Some(Unmet::OtherSegment));
}

#[test]
fn days_since_the_last_purchase_are_days_of_the_calendar() {
    // 20 days before, by the calendar: the hour does not matter.
    let last = |at: &str| known(|customer| customer.last_purchase_at = Some(at.parse().unwrap()));
    let least = |days: u32| json!({"days_since_last_purchase": {"at_least": days}});
    assert_eq!(unmet(&last("2026-11-01T23:59:59Z"), least(20)), None);
    assert_eq!(unmet(&last("2026-11-01T00:00:00Z"), least(21)), Some(Unmet::TooSoon { days: 20, need: 21 }));
    let most = json!({"days_since_last_purchase": {"at_most": 19}});
    assert_eq!(unmet(&last("2026-11-01T09:00:00Z"), most.clone()), Some(Unmet::TooLong { days: 20, most: 19 }));
    // A clock that ran ahead is no reason to fail.
    assert_eq!(unmet(&last("2026-12-24T00:00:00Z"), most.clone()), None);
    assert_eq!(unmet(&known(|customer| customer.last_purchase_at = None), most), Some(Unmet::NeverBought));
}

#[test]
fn where_and_with_what() {
    assert_eq!(unmet(&basket(), json!({"stores": [store_id()]})), None);
    assert_eq!(unmet(&basket(), json!({"stores": [campaign_id(1)]})), Some(Unmet::OtherStore));
    let carded = Facts { card: card(CardScope::Product(sku("tea")), 1), ..known(|_| ()) };
    assert_eq!(unmet(&carded, json!("card_used")), None);
    // The 21st is a Saturday, and it is noon.
    assert_eq!(
        unmet(&basket(), json!({"schedule": {"weekdays": ["Sat"], "hours": {"from": "12:00:00", "to": "12:00:01"}}})),
        None
    );
    assert_eq!(unmet(&basket(), json!({"schedule": {"weekdays": ["Sun"]}})), Some(Unmet::OutsideSchedule));
}

#[test]
fn a_rule_may_look_at_another_campaigns_coupon() {
    let mut coupons = campaign(2, json!({"amount_off": {"amount": 5, "of": {"skus": ["tea"]}}}), json!({"coupon": {}}));
    coupons["priority"] = json!(-1);
    let with_it = when(1, json!({"coupon_of": campaign_id(2)}), json!({"amount_off": {"amount": 7}}));
    let rules = rules(vec![coupons, with_it]);
    let mut facts = basket();
    assert_eq!(evaluate(&facts, &rules).discount, Amount::ZERO);
    facts.coupons = vec![coupon("TEA", 2)];
    assert_eq!(evaluate(&facts, &rules).discount, Amount(7));
}

#[test]
fn a_campaign_runs_in_its_stores_only() {
    let here = campaign(1, json!({"amount_off": {"amount": 7}}), json!({"stores": [store_id()]}));
    let there = campaign(2, json!({"amount_off": {"amount": 9}}), json!({"stores": [campaign_id(9)]}));
    assert_eq!(evaluate(&basket(), &rules(vec![here, there])).discount, Amount(7));
}
