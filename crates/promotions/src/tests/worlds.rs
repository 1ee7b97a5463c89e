//! Random worlds: baskets with corners, and rule sets of every kind of benefit, condition, limit and stacking.

use domain::segment::{BasketSize, Habit, Presence};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;

/// Everyday prices, and the corners: free goods, no cost, cost above price, the highest price.
fn price() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 1_i64..5_000, 1 => Just(0_i64), 1 => Just(1_i64), 1 => Just(Amount::MAX_PRICE.0), 1 => 0_i64..=Amount::MAX_PRICE.0]
}

pub(super) fn any_line() -> impl Strategy<Value = Line> {
    let cost = prop_oneof![2 => Just(None), 1 => Just(Some(0_i64)), 7 => price().prop_map(Some)];
    let quantity = prop_oneof![6 => 1_u32..5, 2 => Just(9_999_u32), 1 => 1_u32..=9_999];
    (0_u8..6, 0_u8..3, price(), cost, 0_u32..130, any::<bool>(), quantity, prop::bool::weighted(0.85)).prop_map(
        |(product, category, price, cost, share, tied, quantity, offerable)| Line {
            sku: sku(&format!("p{product}")),
            category: CategoryId::new(format!("c{category}")),
            unit_price: Amount(price),
            // Half of the costs lie near the price, so that the floor bites.
            cost: cost.map(|cost| Amount(if tied { price * i64::from(share) / 100 } else { cost })),
            quantity,
            offerable,
        },
    )
}

pub(super) fn any_card() -> impl Strategy<Value = Option<ChosenCard>> {
    let scope = prop_oneof![
        2 => Just(CardScope::Basket),
        1 => (0_u8..4).prop_map(|c| CardScope::Category(CategoryId::new(format!("c{c}")))),
        1 => (0_u8..7).prop_map(|p| CardScope::Product(sku(&format!("p{p}")))),
    ];
    let rate = prop_oneof![5 => 1_u32..3_000, 1 => Just(10_000_u32), 1 => 0_u32..=10_000, 1 => Just(u32::MAX)];
    prop::option::weighted(
        0.9,
        (scope, rate).prop_map(|(scope, bp)| ChosenCard { id: card_id(), scope, rate: Rate(bp) }),
    )
}

pub(super) fn any_basket(most: usize) -> impl Strategy<Value = Facts> {
    let margin = prop_oneof![4 => 0_u32..5_000, 1 => Just(0_u32), 1 => Just(100_000_u32)];
    (prop::collection::vec(any_line(), 0..=most), any_card(), margin)
        .prop_map(|(lines, card, margin)| facts(lines, card, margin))
}

/// A basket, a customer, coupons and rooms for rule sets of [`any_params`].
pub(super) fn any_world(most_lines: usize, most_campaigns: u8) -> impl Strategy<Value = (Facts, Params)> {
    let codes = prop::collection::vec((0..most_campaigns.max(1), 0_u8..3, 0_u8..6), 0..4);
    let rooms =
        prop::collection::vec(prop_oneof![3 => 0_i64..500, 1 => Just(0), 1 => Just(i64::MAX), 1 => -5_i64..5], 24);
    let world = (any_basket(most_lines), any_params(most_campaigns), prop::option::weighted(0.7, any_customer()));
    (world, codes, rooms, prop::bool::weighted(0.1), any::<bool>()).prop_map(
        |((mut facts, params, customer), codes, rooms, holdout, limited)| {
            facts.customer = customer;
            facts.holdout = holdout;
            facts.coupons =
                codes.into_iter().map(|(campaign, suffix, kind)| presented(campaign, suffix, kind)).collect();
            if limited {
                let accounts = params.clone().check().unwrap().accounts(&facts);
                facts.rooms = accounts
                    .into_iter()
                    .zip(rooms)
                    .map(|(account, left)| Room { elsewhere: 0, key: account.key, left })
                    .collect();
            }
            (facts, params)
        },
    )
}

fn presented(campaign: u8, suffix: u8, kind: u8) -> Coupon {
    let mut coupon = coupon(&format!("CODE{campaign}{suffix}"), campaign);
    let Standing::Good { recipient, from, until, .. } = &mut coupon.standing else { return coupon };
    let noon = "2026-11-21T12:00:00Z".parse().unwrap();
    match kind {
        1 => *recipient = Some(customer_id(1)),
        2 => *recipient = Some(customer_id(2)),
        3 => *until = Some(noon),
        4 => *from = Some(noon + chrono::TimeDelta::seconds(1)),
        5 => coupon.standing = Standing::Reserved,
        _ => {}
    }
    coupon
}

fn any_customer() -> impl Strategy<Value = Customer> {
    (1_u8..4, 0_u32..4, any::<bool>(), prop::option::of((1_u8..14, 0_u8..33))).prop_map(|(n, visits, new, birthday)| {
        let profile = SegmentName::Profile {
            presence: Presence::Active,
            habit: Habit::Regular,
            basket: BasketSize::Large,
            leaning: None,
            rank: 1,
        };
        let segment = if new { SegmentName::Newcomers } else { profile };
        Customer { id: customer_id(n), segment, visits, birthday, ..somebody() }
    })
}

pub(super) fn any_params(most: u8) -> impl Strategy<Value = Params> {
    let mode = || select(vec![Mode::All, Mode::First, Mode::Best]);
    let policy = (-2_i32..3, any_stacking(), 1_u32..=10_000, any_base());
    (prop::collection::vec(any_campaign(), 0..=usize::from(most)), mode(), mode(), policy).prop_map(
        |(mut campaigns, all, other, (priority, stacking, most, base))| {
            for (n, campaign) in campaigns.iter_mut().enumerate() {
                campaign.id = campaign_id(n as u8);
            }
            let used = |name: &str| campaigns.iter().any(|campaign: &Campaign| campaign.group == name);
            let groups = [("all", all), ("other", other)]
                .into_iter()
                .filter(|(name, _)| used(name))
                .map(|(name, mode)| Group { name: name.into(), mode })
                .collect();
            let card = CardPolicy { priority, stacking, max_rate: Rate(most), base };
            Params { campaigns, groups, card }
        },
    )
}

fn any_stacking() -> impl Strategy<Value = Stacking> {
    prop_oneof![5 => Just(Stacking::Common), 2 => Just(Stacking::Always), 2 => Just(Stacking::Never)]
}

fn any_base() -> impl Strategy<Value = Base> {
    select(vec![Base::Initial, Base::Discounted])
}

fn any_campaign() -> impl Strategy<Value = Campaign> {
    let rules = prop::collection::vec((any_condition(), prop::collection::vec(any_benefit(), 1..3)), 1..3);
    let cap = || prop::option::weighted(0.2, prop_oneof![3 => 1_i64..400, 1 => Just(Amount::MAX_PRICE.minor())]);
    let limits = (prop::option::weighted(0.25, any_policy()), any_budgets(), cap(), cap());
    let place = (-2_i32..3, any_stacking(), any_base(), prop::bool::weighted(0.3));
    (rules, limits, place).prop_map(|(rules, (coupon, budgets, line, session), (priority, stacking, base, other))| {
        Campaign {
            id: campaign_id(0),
            name: Name { en: "A".into(), ru: "А".into() },
            enabled: true,
            priority,
            stacking,
            group: if other { "other" } else { "all" }.into(),
            window: Window { from: None, until: Some("2027-01-01T00:00:00".parse().unwrap()) },
            schedule: Schedule::default(),
            stores: vec![],
            coupon,
            budgets,
            max_per_line: line.map(Amount),
            max_per_session: session.map(Amount),
            base,
            rules: rules.into_iter().map(|(when, then)| Rule { name: "r".into(), when, then }).collect(),
        }
    })
}

fn any_policy() -> impl Strategy<Value = CouponPolicy> {
    let limit = || prop::option::of(1_u32..4);
    (limit(), limit(), limit()).prop_map(|(per_code, per_customer, per_store)| CouponPolicy {
        per_code,
        per_customer,
        per_store,
        period: Period::Week,
    })
}

fn any_budgets() -> impl Strategy<Value = Vec<Budget>> {
    let per = subsequence(vec![Per::Customer, Per::Store, Per::Segment], 0..=2);
    let budget = (any::<bool>(), 1_i64..2_000, per, any::<bool>()).prop_map(|(money, limit, per, clip)| Budget {
        action: if money { Action::Discount } else { Action::Redemptions },
        limit,
        per,
        period: Period::Month,
        when_short: if clip { WhenShort::Clip } else { WhenShort::Refuse },
    });
    prop_oneof![2 => Just(vec![]), 1 => budget.prop_map(|budget| vec![budget])]
}

fn any_selector() -> impl Strategy<Value = Selector> {
    let skus = (0_u8..6).prop_map(|p| Selector { skus: vec![sku(&format!("p{p}"))], ..Selector::default() });
    let categories =
        (0_u8..3).prop_map(|c| Selector { categories: vec![CategoryId::new(format!("c{c}"))], ..Selector::default() });
    let but = (0_u8..6).prop_map(|p| Selector {
        not: Exclusions { skus: vec![sku(&format!("p{p}"))], categories: vec![] },
        ..Selector::default()
    });
    let cheap = (0_i64..5_000).prop_map(|most| Selector { max_unit_price: Some(Amount(most)), ..Selector::default() });
    prop_oneof![2 => Just(Selector::default()), 2 => skus, 3 => categories, 1 => but, 1 => cheap]
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![
        4 => Just(Condition::default()),
        2 => (any_selector(), 0_i64..5_000)
            .prop_map(|(of, least)| Condition::Subtotal(AmountRange { of, at_least: Some(Amount(least)), at_most: None })),
        1 => (any_selector(), 1_u32..5)
            .prop_map(|(of, least)| Condition::Quantity(CountRange { of, at_least: Some(least), at_most: None })),
        1 => (any_selector(), 0_u32..3).prop_map(|(of, most)| Condition::Distinct(CountRange {
            of: Selector { skus: vec![], ..of },
            at_least: None,
            at_most: Some(most)
        })),
        1 => any_selector().prop_map(Condition::Has),
        1 => Just(Condition::CustomerKnown),
        1 => Just(Condition::FirstPurchase),
        1 => Just(Condition::Birthday(WithinDays { within_days: 60 })),
        1 => Just(Condition::Customers(vec![customer_id(1), customer_id(2)])),
        1 => Just(Condition::Segment(SegmentTest { newcomers: true, habit: vec![Habit::Frequent], ..SegmentTest::default() })),
        1 => Just(Condition::CardUsed),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            // Side by side they might contradict one another, which the check refuses.
            inner.clone().prop_map(|part| Condition::All(vec![part])),
            prop::collection::vec(inner.clone(), 1..3).prop_map(Condition::Any),
            inner.prop_map(|part| Condition::Not(Box::new(part))),
        ]
    })
}

pub(super) fn any_benefit() -> impl Strategy<Value = Benefit> {
    let rate = || prop_oneof![4 => 1_u32..5_000, 1 => Just(10_000_u32), 1 => Just(3_333_u32)].prop_map(Rate);
    let amount = || prop_oneof![5 => 1_i64..900, 1 => Just(Amount::MAX_PRICE.minor())].prop_map(Amount);
    let slot = || (any_selector(), 1_u32..4).prop_map(|(of, quantity)| Slot { of, quantity });
    let pick =
        || {
            (1_u32..4, prop::option::of(4_u32..7), rate(), any_selector())
                .prop_map(|(units, of_every, rate, of)| Pick { units, of_every, rate, of })
        };
    let times = || prop::option::of(1_u32..4);
    let step = (0_i64..3_000, 1_i64..900, any::<bool>(), rate());
    let steps = prop::collection::vec(step, 1..4).prop_map(|mut steps| {
        steps.sort_by_key(|step| step.0);
        steps.dedup_by_key(|step| step.0);
        let off = |money, amount, rate| if money { Off::Amount(Amount(amount)) } else { Off::RateBp(rate) };
        steps.into_iter().map(|(from, amount, money, rate)| Step { from, off: off(money, amount, rate) }).collect()
    });
    prop_oneof![
        3 => (rate(), any_selector()).prop_map(|(rate, of)| Benefit::Percentage { rate, of }),
        2 => (amount(), any_selector()).prop_map(|(amount, of)| Benefit::AmountOff { amount, of }),
        1 => (amount(), any_selector()).prop_map(|(amount, of)| Benefit::AmountOffEach { amount, of }),
        1 => (amount(), any_selector()).prop_map(|(price, of)| Benefit::FixedPrice { price, of }),
        2 => (prop::collection::vec(slot(), 1..4), amount(), times())
            .prop_map(|(slots, price, at_most)| Benefit::Bundle { slots, price, at_most }),
        2 => (slot(), slot(), rate(), times())
            .prop_map(|(buy, get, rate, at_most)| Benefit::BuyXGetY { buy, get, rate, at_most }),
        1 => pick().prop_map(Benefit::Cheapest),
        1 => pick().prop_map(Benefit::MostExpensive),
        1 => (any::<bool>(), any_selector(), steps).prop_map(|(money, of, steps)| Benefit::Tiers {
            by: if money { TierBy::Amount } else { TierBy::Quantity },
            of,
            steps,
        }),
        1 => (0_u8..7, 1_u32..4).prop_map(|(p, quantity)| Benefit::FreeItem { sku: sku(&format!("p{p}")), quantity }),
    ]
}
