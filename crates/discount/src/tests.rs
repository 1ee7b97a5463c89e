use domain::segment::BasketSize;
use domain::{Amount, Sku, floor_price};
use proptest::prelude::*;

use super::*;

fn rules() -> Rules {
    Params::default().check().unwrap()
}

fn product(sku: &str, category: &str, price: i64, cost: Option<i64>) -> Product {
    Product {
        sku: Sku::parse(sku).unwrap(),
        name: sku.to_uppercase(),
        category: CategoryId::new(category),
        price: Amount(price),
        cost: cost.map(Amount),
        offerable: true,
    }
}

fn guests(presence: Presence, habit: Habit) -> SegmentName {
    SegmentName::Profile { presence, habit, basket: BasketSize::Medium, leaning: None, rank: 1 }
}

/// Owns what `Facts` borrows.
#[derive(Clone, Debug)]
struct Shop {
    segment: SegmentName,
    visits: u32,
    average: i64,
    categories: Vec<FavouriteCategory>,
    products: Vec<FavouriteProduct>,
    popular: Vec<PopularProduct>,
    shelf: Shelf,
    floor: MarginFloor,
}

impl Shop {
    fn facts(&self, since: Since) -> Facts<'_> {
        Facts {
            segment: self.segment.clone(),
            visits: self.visits,
            average_basket: Amount(self.average),
            currency: Currency::GBP,
            categories: &self.categories,
            products: &self.products,
            picks: &[],
            popular: &self.popular,
            shelf: &self.shelf,
            floor: self.floor,
            since,
        }
    }
}

fn cafe() -> Shop {
    let floor = MarginFloor { min_margin: Rate(1_000) };
    let latte = product("latte", "coffee", 400, Some(100));
    let eclair = product("eclair", "cakes", 390, Some(200));
    let all = [&latte, &eclair].map(|p| (p.category.clone(), p.price, p.cost.unwrap()));
    Shop {
        segment: guests(Presence::Active, Habit::Regular),
        visits: 12,
        average: 860,
        categories: vec![FavouriteCategory { id: CategoryId::new("coffee"), title: "Coffee".to_owned(), times: 11 }],
        products: vec![FavouriteProduct { product: latte.clone(), times: 9 }],
        popular: vec![PopularProduct { product: eclair, category_title: "Cakes".to_owned(), times: 700 }],
        shelf: Shelf::of(all, floor),
        floor,
    }
}

fn rates(decision: &Decision) -> Before {
    let rate = |wanted: fn(&CardScope) -> bool| decision.proposals.iter().find(|p| wanted(&p.scope)).map(|p| p.rate);
    Before {
        basket: rate(|scope| matches!(scope, CardScope::Basket)),
        category: rate(|scope| matches!(scope, CardScope::Category(_))),
        product: rate(|scope| matches!(scope, CardScope::Product(_))),
    }
}

fn levels(decision: &Decision) -> [u32; 3] {
    let Before { basket, category, product } = rates(decision);
    [basket, category, product].map(|rate| rate.map_or(0, Rate::bp))
}

#[test]
fn a_regular_gets_three_cards_with_true_reasons() {
    let cafe = cafe();
    let decision = offer(&cafe.facts(Since::Never), &rules());
    assert_eq!(levels(&decision), [750, 1_000, 1_250]);
    let [basket, category, product] = &decision.proposals[..] else { panic!("three cards") };
    let segment = CardReason::Segment { name: cafe.segment.clone() };
    assert_eq!(
        basket.reasons,
        [
            segment.clone(),
            CardReason::Visits { times: 12 },
            CardReason::AverageBasket { amount: Amount(860), currency: Currency::GBP }
        ]
    );
    assert_eq!(category.subject, "Coffee");
    assert_eq!(
        category.reasons,
        [CardReason::FavouriteCategory { title: "Coffee".to_owned(), times: 11 }, segment.clone()]
    );
    assert_eq!(product.scope, CardScope::Product(Sku::parse("latte").unwrap()));
    assert_eq!(product.reasons, [CardReason::FavouriteProduct { name: "LATTE".to_owned(), times: 9 }, segment]);
}

#[test]
fn the_level_follows_the_segment() {
    let basket = |segment, visits| {
        let shop = Shop { segment, visits, ..cafe() };
        levels(&offer(&shop.facts(Since::Never), &rules()))[0]
    };
    assert_eq!(basket(SegmentName::Newcomers, 0), 1_000);
    assert_eq!(basket(SegmentName::Apart, 5), 750, "like nobody: as a regular");
    assert_eq!(basket(SegmentName::Newcomers, 5), 750, "known by visits, though no model has looked");
    assert_eq!(basket(guests(Presence::Active, Habit::Frequent), 40), 500);
    assert_eq!(basket(guests(Presence::Active, Habit::Occasional), 2), 1_000);
    assert_eq!(basket(guests(Presence::Cooling, Habit::Frequent), 40), 750);
    assert_eq!(basket(guests(Presence::Lapsed, Habit::Occasional), 2), 1_500);
}

#[test]
fn nobody_is_told_of_a_favourite_that_is_none() {
    let mut shop = Shop { segment: SegmentName::Newcomers, visits: 0, average: 0, ..cafe() };
    shop.categories.clear();
    shop.products[0].times = 0;
    let decision = offer(&shop.facts(Since::Never), &rules());
    let popular = CardReason::Popular { name: "ECLAIR".to_owned() };
    assert_eq!(decision.proposals[0].reasons, [CardReason::Welcome]);
    let category = CardReason::Popular { name: "Cakes".to_owned() };
    assert_eq!(decision.proposals[1].reasons, [category, CardReason::Welcome]);
    assert_eq!(decision.proposals[2].reasons, [popular, CardReason::Welcome]);
    // In a shop that has sold nothing yet, nothing is popular.
    shop.popular[0].times = 0;
    let decision = offer(&shop.facts(Since::Never), &rules());
    assert!(decision.proposals.iter().all(|p| p.reasons == [CardReason::Welcome]));
    assert_eq!(decision.proposals.len(), 3);
}

#[test]
fn the_floor_caps_and_says_so() {
    let mut shop = cafe();
    // 400 over a floor of 350: 12.5 % would be 1,250; a dearer cost leaves 10 %.
    shop.products[0].product.cost = Some(Amount(327));
    let decision = offer(&shop.facts(Since::Never), &rules());
    assert_eq!(decision.proposals[2].rate, Rate(1_000));
    assert_eq!(decision.proposals[2].reasons.last(), Some(&CardReason::MarginCapped));
}

#[test]
fn what_may_not_be_offered_is_passed_over() {
    for spoil in [
        (|p: &mut Product| p.cost = None) as fn(&mut Product),
        |p| p.offerable = false,
        |p| p.cost = Some(p.price),
        |p| p.price = Amount::ZERO,
    ] {
        let mut shop = cafe();
        spoil(&mut shop.products[0].product);
        let decision = offer(&shop.facts(Since::Never), &rules());
        assert_eq!(decision.proposals[2].scope, CardScope::Product(Sku::parse("eclair").unwrap()));
        spoil(&mut shop.popular[0].product);
        let decision = offer(&shop.facts(Since::Never), &rules());
        assert_eq!(decision.proposals.len(), 2, "no product card at all");
    }
}

#[test]
fn params_are_checked() {
    let of = |change: fn(&mut Params)| {
        let mut params = Params::default();
        change(&mut params);
        params.check().map(|_| ())
    };
    assert_eq!(of(|_| ()), Ok(()));
    assert_eq!(of(|p| p.step = Rate::ZERO), Err(ParamsError::Step));
    assert_eq!(of(|p| p.most = Rate(10_001)), Err(ParamsError::Most));
    assert_eq!(of(|p| p.regular = Rate(600)), Err(ParamsError::OffStep("regular")));
    assert_eq!(of(|p| p.lapsed = Rate(u32::MAX)), Err(ParamsError::AboveMost("lapsed")));
}

fn any_presence() -> impl Strategy<Value = Presence> {
    prop_oneof![Just(Presence::Active), Just(Presence::Cooling), Just(Presence::Lapsed)]
}

fn any_segment() -> impl Strategy<Value = SegmentName> {
    let habit = prop_oneof![Just(Habit::Frequent), Just(Habit::Regular), Just(Habit::Occasional)];
    let likely = SegmentName::Prospects { habit: Habit::Frequent, basket: BasketSize::Small };
    let other = prop_oneof![Just(SegmentName::Newcomers), Just(likely), Just(SegmentName::Apart)];
    prop_oneof![other, (any_presence(), habit).prop_map(|(p, h)| guests(p, h))]
}

/// Honest prices mostly, and every kind of absurd one.
fn any_amount() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 0..2_000_i64, 1 => Just(0), 1 => any::<i64>(), 1 => Just(1_000_000_000)]
}

fn any_product() -> impl Strategy<Value = Product> {
    (0..9_usize, 0..3_usize, any_amount(), prop::option::weighted(0.8, any_amount()), prop::bool::weighted(0.9))
        .prop_map(|(sku, category, price, cost, offerable)| Product {
            offerable,
            ..product(["a", "b", "c", "d", "e", "f", "g", "h", "i"][sku], ["x", "y", "z"][category], price, cost)
        })
}

prop_compose! {
    fn any_shop()(
        segment in any_segment(),
        visits in prop_oneof![0..50_u32, any::<u32>()],
        average in any_amount(),
        bought in prop::collection::vec((any_product(), 0..30_u32), 0..6),
        popular in prop::collection::vec((any_product(), 0..900_u32), 0..6),
        on_shelf in prop::collection::vec(any_product(), 0..12),
        min_margin in 0..100_000_u32,
    ) -> Shop {
        let floor = MarginFloor { min_margin: Rate(min_margin) };
        let known = on_shelf.iter().filter_map(|p| Some((p.category.clone(), p.price, p.cost?)));
        Shop {
            segment, visits, average, floor,
            shelf: Shelf::of(known, floor),
            categories: bought.iter().map(|(p, times)| FavouriteCategory {
                id: p.category.clone(), title: p.category.to_string(), times: *times,
            }).collect(),
            products: bought.into_iter().map(|(product, times)| FavouriteProduct { product, times }).collect(),
            popular: popular.into_iter().map(|(product, times)| PopularProduct {
                category_title: product.category.to_string(), product, times,
            }).collect(),
        }
    }
}

fn any_since() -> impl Strategy<Value = Since> {
    let rate = || prop::option::of((0..=10_000_u32).prop_map(Rate));
    prop_oneof![
        Just(Since::Never),
        Just(Since::Purchase),
        (rate(), rate(), rate()).prop_map(|(basket, category, product)| Since::Nothing(Before {
            basket,
            category,
            product
        })),
    ]
}

fn no_higher(now: &Decision, before: Before) -> bool {
    let fits = |now: Option<Rate>, before: Option<Rate>| before.is_none() || now <= before;
    let now = rates(now);
    fits(now.basket, before.basket) && fits(now.category, before.category) && fits(now.product, before.product)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Steps, bounds, one card of a kind, and nothing that the facts do not hold.
    #[test]
    fn rates_keep_their_bounds(shop in any_shop(), since in any_since()) {
        let decision = offer(&shop.facts(since), &rules());
        prop_assert!(decision.proposals.len() <= 3);
        for proposal in &decision.proposals {
            prop_assert!((250..=2_500).contains(&proposal.rate.bp()));
            prop_assert_eq!(proposal.rate.bp() % 250, 0);
            prop_assert!(!proposal.reasons.is_empty());
        }
        prop_assert_eq!(offer(&shop.facts(since), &rules()), decision, "the same facts, the same cards");
    }

    /// Law 2: for any quantity, what a product card takes off leaves at least the floor of every unit.
    #[test]
    fn a_product_card_never_goes_below_the_floor(shop in any_shop(), since in any_since(), quantity in 1..=9_999_u32) {
        let decision = offer(&shop.facts(since), &rules());
        for proposal in &decision.proposals {
            let CardScope::Product(sku) = &proposal.scope else { continue };
            // A sku may stand in the facts twice with other prices here; the card is good for one of them at least.
            let candidates = shop.products.iter().map(|f| &f.product).chain(shop.popular.iter().map(|p| &p.product));
            let holds = candidates.filter(|p| p.sku == *sku && p.offerable).any(|p| {
                let (Some(floor), true) = (floor_price(p.cost, shop.floor), p.price <= Amount::MAX_PRICE) else {
                    return p.cost.is_some();
                };
                let shelf = p.price.times(quantity);
                shelf - proposal.rate.of(shelf) >= floor.times(quantity)
            });
            prop_assert!(holds);
        }
    }

    /// Law 8: whatever becomes of the segment, the prices and the catalogue, cards that ran out unused are not renewed
    /// higher; not after any number of renewals either.
    #[test]
    fn waiting_never_pays(first in any_shop(), later in prop::collection::vec(any_shop(), 1..5)) {
        let mut before = rates(&offer(&first.facts(Since::Never), &rules()));
        for shop in later {
            let renewed = offer(&shop.facts(Since::Nothing(before)), &rules());
            prop_assert!(no_higher(&renewed, before), "{:?} after {:?}", renewed, before);
            let rates = rates(&renewed);
            before = Before {
                basket: rates.basket.or(before.basket),
                category: rates.category.or(before.category),
                product: rates.product.or(before.product),
            };
        }
    }

    /// Law 8: after a purchase it does not matter how long the guest then stays away.
    #[test]
    fn absence_after_a_purchase_earns_nothing(shop in any_shop(), away in any_presence()) {
        let absent = match shop.segment.clone() {
            SegmentName::Profile { habit, .. } => guests(away, habit),
            other => other,
        };
        let absent = Shop { segment: absent, ..shop.clone() };
        let (now, later) = (offer(&shop.facts(Since::Purchase), &rules()), offer(&absent.facts(Since::Purchase), &rules()));
        prop_assert_eq!(rates(&now), rates(&later));
    }

    /// A favourite that is named was bought as often as is said.
    #[test]
    fn reasons_are_true(shop in any_shop(), since in any_since()) {
        for reason in offer(&shop.facts(since), &rules()).proposals.into_iter().flat_map(|p| p.reasons) {
            let holds = match reason {
                CardReason::Welcome => !matches!(shop.segment, SegmentName::Profile { .. }) && shop.visits == 0,
                CardReason::Segment { name } => name == shop.segment && matches!(name, SegmentName::Profile { .. }),
                CardReason::FavouriteCategory { title, times } =>
                    times > 0 && shop.categories.iter().any(|c| c.title == title && c.times == times),
                CardReason::FavouriteProduct { name, times } =>
                    times > 0 && shop.products.iter().any(|p| p.product.name == name && p.times == times),
                CardReason::Popular { name } =>
                    shop.popular.iter().any(|p| (p.product.name == name || p.category_title == name) && p.times > 0),
                CardReason::Visits { times } => times > 0 && times == shop.visits,
                CardReason::AverageBasket { amount, .. } => amount.minor() > 0 && amount.minor() == shop.average,
                CardReason::MarginCapped => true,
                // Of levels that were decided elsewhere.
                CardReason::GoesWith { .. }
                | CardReason::LikeYou { .. }
                | CardReason::Weeks { .. }
                | CardReason::Chance | CardReason::StandIn { .. } => false,
            };
            prop_assert!(holds);
        }
    }
}
