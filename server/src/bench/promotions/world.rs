//! A made-up chain: 600 products in 24 categories, campaigns of every kind, and baskets with corners.

use chrono::{DateTime, Utc};
use domain::{
    Amount, CampaignId, CardId, CardScope, CategoryId, CustomerId, MarginFloor, Rate, SegmentName, Sku, StoreId,
};
use promotions::{
    Action, AmountRange, Base, Benefit, Budget, Campaign, CardPolicy, ChosenCard, Condition, CountRange, Coupon,
    CouponPolicy, Customer, Facts, Group, Line, Mode, Name, Off, Params, Per, Period, Pick, Room, Rule, Rules,
    Schedule, Selector, Slot, Stacking, Standing, Step, TierBy, WhenShort, Window,
};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use uuid::Uuid;

const PRODUCTS: usize = 600;
const CATEGORIES: usize = 24;

pub struct World {
    rng: StdRng,
    products: Vec<Line>,
}

impl World {
    pub fn new(mut rng: StdRng) -> Self {
        let products = (0..PRODUCTS).filter_map(|n| product(n, &mut rng)).collect();
        Self { rng, products }
    }

    /// So many campaigns at once, as a busy chain has them: most for a product or a category, a few for any basket.
    pub fn shop_window(&mut self, count: usize) -> Params {
        let campaigns = (0..count)
            .map(|n| {
                let of = if n % 20 == 0 { Selector::default() } else { self.selector() };
                let benefit = self.benefit(n, of);
                let least = Amount(self.rng.random_range(0..3_000));
                let when = match n % 3 {
                    0 => Condition::Subtotal(AmountRange { at_least: Some(least), ..AmountRange::default() }),
                    1 => Condition::Visits(promotions::Between { at_least: Some(1), at_most: None }),
                    _ => Condition::default(),
                };
                let stacking = if n % 50 == 7 { Stacking::Never } else { Stacking::Common };
                Campaign { stacking, priority: n as i32 % 7, ..campaign(n, when, vec![benefit]) }
            })
            .collect();
        Params { campaigns, ..Params::default() }
    }

    /// So many campaigns that all have a line in this basket.
    pub fn matching(&mut self, facts: &Facts, count: usize) -> Params {
        let campaigns = (0..count)
            .map(|n| {
                let line = &facts.lines[n % facts.lines.len()];
                let of = Selector { categories: vec![line.category.clone()], ..Selector::default() };
                campaign(n, Condition::default(), vec![Benefit::Percentage { rate: Rate(5), of }])
            })
            .collect();
        Params { campaigns, ..Params::default() }
    }

    /// Up to eight campaigns of any kind, in any constellation.
    pub fn anything(&mut self) -> Params {
        let count = self.rng.random_range(0..=8);
        let campaigns = (0..count)
            .map(|n| {
                let when = self.condition();
                let then = (0..self.rng.random_range(1..=2))
                    .map(|_| {
                        let (kind, of) = (self.rng.random_range(0..100), self.selector());
                        self.benefit(kind, of)
                    })
                    .collect();
                let rng = &mut self.rng;
                Campaign {
                    priority: rng.random_range(-1..2),
                    stacking: *[Stacking::Common, Stacking::Common, Stacking::Always, Stacking::Never]
                        .choose(rng)
                        .unwrap_or(&Stacking::Common),
                    base: if rng.random_bool(0.5) { Base::Initial } else { Base::Discounted },
                    coupon: rng.random_bool(0.2).then(|| CouponPolicy { per_code: Some(1), ..CouponPolicy::default() }),
                    budgets: budgets(rng),
                    max_per_line: rng.random_bool(0.1).then(|| Amount(rng.random_range(1..2_000))),
                    max_per_session: rng.random_bool(0.1).then(|| Amount(rng.random_range(1..2_000))),
                    ..campaign(n, when, then)
                }
            })
            .collect::<Vec<_>>();
        let mode = *[Mode::All, Mode::First, Mode::Best].choose(&mut self.rng).unwrap_or(&Mode::All);
        let groups = if campaigns.is_empty() { vec![] } else { vec![Group { name: "all".to_owned(), mode }] };
        Params {
            campaigns,
            groups,
            card: CardPolicy { priority: self.rng.random_range(-1..2), ..CardPolicy::default() },
        }
    }

    /// A known customer's basket of this many lines.
    pub fn basket(&mut self, lines: usize, most_units: u32) -> Facts {
        let mut basket: Vec<Line> = self.products.choose_multiple(&mut self.rng, lines).cloned().collect();
        for line in &mut basket {
            line.quantity = self.rng.random_range(1..=most_units.max(4));
        }
        Facts {
            at: DateTime::<Utc>::from_timestamp(1_795_262_400, 0).unwrap_or_default(),
            store: StoreId(Uuid::from_u128(7)),
            zone: promotions::Tz::Europe__London,
            lines: basket,
            customer: Some(Customer {
                id: CustomerId(Uuid::from_u128(9)),
                segment: SegmentName::Newcomers,
                visits: 5,
                registered_at: DateTime::<Utc>::UNIX_EPOCH,
                birthday: Some((2, 29)),
                last_purchase_at: None,
            }),
            card: Some(ChosenCard { id: CardId(Uuid::from_u128(3)), scope: CardScope::Basket, rate: Rate(500) }),
            coupons: Vec::new(),
            rooms: Vec::new(),
            holdout: false,
            floor: MarginFloor { min_margin: Rate(1_000) },
        }
    }

    /// A basket with corners: unknown, zero and absurd costs, charges, the highest price and quantity, coupons, short rooms.
    pub fn any_facts(&mut self, rules: &Rules) -> Facts {
        let lines = self.rng.random_range(0..=8);
        let mut facts = self.basket(lines, 4);
        let rng = &mut self.rng;
        for line in &mut facts.lines {
            match rng.random_range(0..20) {
                0 => line.cost = None,
                1 => line.cost = Some(Amount::ZERO),
                2 => line.cost = Some(Amount(line.unit_price.minor() * 2)),
                3 => line.offerable = false,
                4 => line.quantity = domain::session::MAX_QUANTITY,
                5 => line.unit_price = Amount::MAX_PRICE,
                6 => line.unit_price = Amount(rng.random_range(0..4)),
                7..12 => line.cost = Some(Amount(line.unit_price.minor() * rng.random_range(60..=100) / 100)),
                _ => {}
            }
        }
        facts.holdout = rng.random_bool(0.05);
        facts.floor = MarginFloor { min_margin: Rate(rng.random_range(0..3_000)) };
        if rng.random_bool(0.3) {
            facts.card = None;
        }
        if rng.random_bool(0.2) {
            facts.customer = None;
        }
        for campaign in rules.params().campaigns.iter().filter(|campaign| campaign.coupon.is_some()) {
            let standing = Standing::Good { campaign: campaign.id, recipient: None, from: None, until: None };
            facts.coupons.push(Coupon { code: format!("CODE{}", rng.random_range(0..3)), standing });
        }
        if rng.random_bool(0.5) {
            let rooms = rules.accounts(&facts).into_iter();
            facts.rooms = rooms
                .map(|account| Room { elsewhere: 0, left: rng.random_range(-1..=account.limit), key: account.key })
                .collect();
        }
        facts
    }

    fn selector(&mut self) -> Selector {
        let rng = &mut self.rng;
        match rng.random_range(0..10) {
            0..5 => Selector { categories: vec![category(rng.random_range(0..CATEGORIES))], ..Selector::default() },
            5..9 => {
                let skus = self.products.choose_multiple(rng, 8).map(|product| product.sku.clone()).collect();
                Selector { skus, ..Selector::default() }
            }
            _ => Selector { max_unit_price: Some(Amount(rng.random_range(100..2_000))), ..Selector::default() },
        }
    }

    fn condition(&mut self) -> Condition {
        let of = self.selector();
        let rng = &mut self.rng;
        match rng.random_range(0..6) {
            0 => Condition::Subtotal(AmountRange {
                at_least: Some(Amount(rng.random_range(0..3_000))),
                ..AmountRange::default()
            }),
            1 => Condition::Quantity(CountRange { of, at_least: Some(rng.random_range(1..4)), at_most: None }),
            2 => Condition::CustomerKnown,
            _ => Condition::default(),
        }
    }

    fn benefit(&mut self, kind: usize, of: Selector) -> Benefit {
        let other = self.selector();
        let rng = &mut self.rng;
        let rate = Rate(rng.random_range(200..4_000));
        let amount = Amount(rng.random_range(20..900));
        let slot = |of: Selector, quantity| Slot { of, quantity };
        match kind % 10 {
            0..3 => Benefit::Percentage { rate, of },
            3 => Benefit::AmountOff { amount, of },
            4 => Benefit::AmountOffEach { amount: Amount(amount.minor() / 10 + 1), of },
            5 => Benefit::FixedPrice { price: amount, of },
            6 => Benefit::Bundle { slots: vec![slot(of, 1), slot(other, 1)], price: amount, at_most: None },
            7 => Benefit::BuyXGetY { buy: slot(of.clone(), 2), get: slot(of, 1), rate: Rate::WHOLE, at_most: None },
            8 => Benefit::Cheapest(Pick { units: 1, of_every: Some(3), rate: Rate(5_000), of }),
            _ => Benefit::Tiers {
                by: TierBy::Amount,
                of,
                steps: vec![
                    Step { from: 500, off: Off::Amount(Amount(50)) },
                    Step { from: 2_000, off: Off::RateBp(Rate(700)) },
                ],
            },
        }
    }
}

fn product(n: usize, rng: &mut StdRng) -> Option<Line> {
    let price = rng.random_range(90..4_000);
    Some(Line {
        sku: Sku::parse(format!("product-{n:04}")).ok()?,
        category: category(n % CATEGORIES),
        unit_price: Amount(price),
        cost: Some(Amount(price * rng.random_range(20..70) / 100)),
        quantity: 1,
        offerable: true,
    })
}

fn category(n: usize) -> CategoryId {
    CategoryId::new(format!("category-{n:02}"))
}

fn campaign(n: usize, when: Condition, then: Vec<Benefit>) -> Campaign {
    Campaign {
        id: CampaignId(Uuid::from_u128(1_000 + n as u128)),
        name: Name { en: format!("Campaign {n}"), ru: format!("Акция {n}") },
        enabled: true,
        priority: 0,
        stacking: Stacking::Common,
        group: "all".to_owned(),
        window: Window {
            from: None,
            until: chrono::NaiveDate::from_ymd_opt(2030, 1, 1).map(|day| day.and_time(chrono::NaiveTime::MIN)),
        },
        schedule: Schedule::default(),
        stores: Vec::new(),
        coupon: None,
        budgets: Vec::new(),
        max_per_line: None,
        max_per_session: None,
        base: Base::Initial,
        rules: vec![Rule { name: "only".to_owned(), when, then }],
    }
}

fn budgets(rng: &mut StdRng) -> Vec<Budget> {
    if rng.random_bool(0.7) {
        return Vec::new();
    }
    vec![Budget {
        action: if rng.random_bool(0.7) { Action::Discount } else { Action::Redemptions },
        limit: rng.random_range(1..3_000),
        per: if rng.random_bool(0.5) { vec![Per::Store] } else { vec![] },
        period: Period::Day,
        when_short: if rng.random_bool(0.5) { WhenShort::Clip } else { WhenShort::Refuse },
    }]
}
