//! Why not: what is said, and that it is said in both languages.

use domain::{Currency, Locale};

use super::*;

fn verdict(facts: &Facts, one: Value) -> Outcome {
    let explanation = explain(facts, &rules(vec![one]));
    explanation
        .verdicts
        .into_iter()
        .find(|verdict| verdict.subject == Subject::Campaign(campaign_id(1)))
        .unwrap()
        .outcome
}

fn beans(cost: Option<i64>) -> Facts {
    facts(vec![line("beans", 1_000, cost, 1)], None, 0)
}

#[test]
fn every_reason_not_to_apply_is_told_apart() {
    let ten = || json!({"percentage": {"rate_bp": 1000}});
    let not = |facts: &Facts, one: Value| match verdict(facts, one) {
        Outcome::Not(why) => why,
        other => panic!("{other:?}"),
    };
    let plain = |more: Value| not(&beans(Some(0)), campaign(1, ten(), more));
    assert_eq!(plain(json!({"enabled": false})), WhyNot::Disabled);
    let from = "2027-01-01T00:00:00";
    assert_eq!(plain(json!({"window": {"from": from}})), WhyNot::NotStarted { from: from.parse().unwrap() });
    let until = "2026-01-01T00:00:00";
    assert_eq!(plain(json!({"window": {"until": until}})), WhyNot::Ended { until: until.parse().unwrap() });
    assert_eq!(plain(json!({"schedule": {"weekdays": ["Sun"]}})), WhyNot::OutsideSchedule);
    assert_eq!(plain(json!({"stores": [campaign_id(9)]})), WhyNot::OtherStore);
    assert_eq!(plain(json!({"coupon": {}})), WhyNot::CouponNeeded);
    assert_eq!(
        plain(json!({"budgets": [{"action": "discount", "limit": 5, "per": ["customer"]}]})),
        WhyNot::CustomerNeeded
    );
    assert_eq!(
        plain(json!({"budgets": [{"action": "discount", "limit": 5, "when_short": "refuse"}]})),
        WhyNot::BudgetShort(Rejection::CampaignLimitReached)
    );
    let tea = json!({"percentage": {"rate_bp": 1000, "of": {"skus": ["tea"]}}});
    assert_eq!(not(&beans(Some(0)), campaign(1, tea, json!({}))), WhyNot::NothingToDiscount);
    assert_eq!(not(&beans(Some(1_000)), campaign(1, ten(), json!({}))), WhyNot::FloorReached);
    let known = Facts { customer: Some(somebody()), ..beans(None) };
    assert_eq!(not(&known, when(1, json!("customer_known"), ten())), WhyNot::CostUnknown);
    let held_out = Facts { holdout: true, customer: Some(somebody()), ..beans(Some(0)) };
    assert_eq!(not(&held_out, when(1, json!("customer_known"), ten())), WhyNot::Withheld);
    let source = Source::Campaign(campaign_id(1));
    let told = evaluate(&held_out, &rules(vec![when(1, json!("customer_known"), ten())]));
    assert_eq!(told.effects, [Effect::HoldoutWithheld { source }]);
}

#[test]
fn a_card_and_a_code_have_their_verdicts() {
    let mut facts = beans(Some(0));
    facts.card = card(CardScope::Product(sku("tea")), 500);
    facts.coupons = vec![coupon("NOBODYS", 7)];
    let explanation = explain(&facts, &rules(vec![campaign(1, json!({"amount_off": {"amount": 5}}), json!({}))]));
    let outcomes: Vec<Outcome> = explanation.verdicts.into_iter().map(|verdict| verdict.outcome).collect();
    assert_eq!(
        outcomes,
        [
            Outcome::Applied { granted: Amount(5) },
            Outcome::Not(WhyNot::NothingToDiscount),
            Outcome::Not(WhyNot::Code(Rejection::CouponNotFound)),
        ]
    );
}

#[test]
fn what_is_missing_is_said_in_the_customers_money() {
    let low = Unmet::SubtotalTooLow { have: Amount(1_150), need: Amount(2_000) };
    assert_eq!(low.words(Locale::En, Currency::GBP), "£8.50 more is needed to reach £20.00");
    assert_eq!(low.words(Locale::Ru, Currency::EUR), "До 20,00\u{a0}€ не хватает 8,50\u{a0}€");
    let few = |need| Unmet::TooFewUnits { have: 1, need };
    assert_eq!(few(2).words(Locale::En, Currency::GBP), "1 more unit needed");
    assert_eq!(few(4).words(Locale::En, Currency::GBP), "3 more units needed");
    assert_eq!(few(2).words(Locale::Ru, Currency::GBP), "Не хватает 1 штуки");
    assert_eq!(few(6).words(Locale::Ru, Currency::GBP), "Не хватает 5 штук");
    let granted = Outcome::Applied { granted: Amount(500) };
    assert_eq!(granted.words(Locale::En, Currency::GBP), "Takes off £5.00");
}

#[test]
fn everything_has_words_in_both_languages() {
    let rejections = [
        Rejection::CouponNotFound,
        Rejection::CouponExpired,
        Rejection::CouponNotStarted,
        Rejection::CouponLimitReached,
        Rejection::ProfileLimitReached,
        Rejection::CampaignLimitReached,
        Rejection::RecipientDoesNotMatch,
        Rejection::ProfileRequired,
        Rejection::ConditionNotMet,
        Rejection::NoEffect,
        Rejection::NotCombinable,
        Rejection::ReservedElsewhere,
    ];
    let noon: chrono::NaiveDateTime = "2026-11-21T12:00:00".parse().unwrap();
    let mut all: Vec<WhyNot> = rejections.into_iter().map(WhyNot::Code).collect();
    all.extend([
        WhyNot::Disabled,
        WhyNot::NotStarted { from: noon },
        WhyNot::Ended { until: noon },
        WhyNot::OutsideSchedule,
        WhyNot::OtherStore,
        WhyNot::CouponNeeded,
        WhyNot::CustomerNeeded,
        WhyNot::Withheld,
        WhyNot::GroupFirst { other: campaign_id(1) },
        WhyNot::GroupBest { other: campaign_id(1) },
        WhyNot::NotCombinable { with: None },
        WhyNot::NothingToDiscount,
        WhyNot::CostUnknown,
        WhyNot::FloorReached,
        WhyNot::BudgetShort(Rejection::CampaignLimitReached),
        WhyNot::LimitReached(Rejection::CouponLimitReached),
    ]);
    all.extend(
        [
            Unmet::SubtotalTooHigh { have: Amount(9), most: Amount(1) },
            Unmet::TooManyUnits { have: 9, most: 1 },
            Unmet::TooFewProducts { have: 1, need: 9 },
            Unmet::TooManyProducts { have: 9, most: 1 },
            Unmet::ProductMissing,
            Unmet::Stranger,
            Unmet::OtherCustomer,
            Unmet::OtherSegment,
            Unmet::TooFewVisits { have: 1, need: 9 },
            Unmet::TooManyVisits { have: 9, most: 1 },
            Unmet::NotFirstPurchase,
            Unmet::BirthdayUnknown,
            Unmet::BirthdayFar,
            Unmet::NeverBought,
            Unmet::TooSoon { days: 1, need: 9 },
            Unmet::TooLong { days: 9, most: 1 },
            Unmet::OtherStore,
            Unmet::OutsideSchedule,
            Unmet::NoCard,
            Unmet::NoCouponOf { campaign: campaign_id(1) },
            Unmet::Excluded,
        ]
        .map(WhyNot::Unmet),
    );
    let is_russian = |text: &str| text.chars().any(|c| ('а'..='я').contains(&c));
    for why in all {
        let (en, ru) = (why.words(Locale::En, Currency::EUR), why.words(Locale::Ru, Currency::EUR));
        assert!(en.is_ascii() || en.contains('€'), "{en}");
        assert!(is_russian(&ru) && !is_russian(&en), "{ru}");
    }
    let names: std::collections::HashSet<String> =
        rejections.iter().map(|reason| serde_json::to_value(reason).unwrap().as_str().unwrap().to_owned()).collect();
    assert!(names.len() == 12 && rejections.iter().all(|reason| names.contains(reason.name())));
}
