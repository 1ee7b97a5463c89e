//! Ninety days of guests: six ways to use a café, each with its own hours, favourites and baskets.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use domain::code::{CodeHandle, RotatingSecret, StaticCode};
use domain::{Amount, CustomerId, Locale, Phone, Product, Rate, SessionId, StoreId, TillId};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use store::customers::NewCustomer;
use store::receipts::{NewReceipt, NewReceiptLine};
use store::segments::origins::Origin;
use store::shop::Settings;
use store::{StoreError, Tx};
use uuid::Uuid;

use super::catalogue::{ITEMS, product};
use crate::Shop;
use crate::clock::Draw;
use crate::segment::{LineFacts, PurchaseFacts};

pub(super) const ANNA_PHONE: &str = "+447700900100";
const FIRST_PHONE: u64 = 447_700_900_100;
const DAYS: f64 = 90.0;
const GUESTS: usize = 180;
/// Of the draw that makes the guests; any other number tells another story.
const STORY: u64 = 20_261;

const NAMES: &[&str] = &[
    "Anna", "Oliver", "Amelia", "Noah", "Isla", "Leo", "Ava", "Arthur", "Maya", "George", "Freya", "Theo", "Olga",
    "Jack", "Zara", "Ivan", "Grace", "Samir", "Ruby", "Tom", "Nina", "Hugo", "Elena", "Max",
];

/// How a kind of guest uses the café.
struct Habit {
    /// Days between two visits, on average.
    gap_days: f64,
    /// Hour of the day, give or take one.
    hour: i64,
    /// What the basket begins with; one of these each time.
    favourites: &'static [&'static str],
    /// What may join it, and with which chance in a hundred.
    extras: &'static [(&'static str, u32)],
    /// Visits stop after this many days.
    stops_after: f64,
    /// How many of a hundred guests are like this.
    share: usize,
}

const HABITS: &[Habit] = &[
    Habit {
        gap_days: 1.7,
        hour: 8,
        favourites: &["flat-white", "espresso", "filter"],
        extras: &[("croissant", 25), ("newspaper", 8)],
        stops_after: DAYS,
        share: 24,
    },
    Habit {
        gap_days: 5.0,
        hour: 10,
        favourites: &["cappuccino", "oat-latte", "latte"],
        extras: &[("almond-croissant", 40), ("cookie", 30), ("beans-house", 6)],
        stops_after: DAYS,
        share: 26,
    },
    Habit {
        gap_days: 3.4,
        hour: 13,
        favourites: &["ham-sandwich", "halloumi-wrap", "soup"],
        extras: &[("lemonade", 45), ("espresso", 35), ("carrot-cake", 12)],
        stops_after: DAYS,
        share: 16,
    },
    Habit {
        gap_days: 11.0,
        hour: 11,
        favourites: &["raf", "cocoa", "cappuccino"],
        extras: &[("cinnamon-bun", 70), ("eclair", 60), ("cookie", 60), ("granola", 35), ("lemonade", 40)],
        stops_after: DAYS,
        share: 12,
    },
    Habit {
        gap_days: 19.0,
        hour: 16,
        favourites: &["beans-ethiopia", "beans-house", "beans-decaf"],
        extras: &[("filter", 50), ("mug", 10), ("keep-cup", 8)],
        stops_after: DAYS,
        share: 10,
    },
    Habit {
        gap_days: 4.0,
        hour: 9,
        favourites: &["earl-grey", "breakfast-tea", "latte"],
        extras: &[("croissant", 30)],
        stops_after: 42.0,
        share: 12,
    },
];

pub(super) async fn seed(
    shop: &Shop,
    tx: &mut Tx,
    settings: &Settings,
    tills: &[(StoreId, TillId)],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let products: Vec<Product> = ITEMS.iter().map(product).collect();
    let mut story = StdRng::seed_from_u64(STORY);
    let mut number = 0_u32;
    let zone = settings.time_zone.parse().unwrap_or(Tz::UTC);
    for guest in 0..GUESTS {
        let habit = habit_of(guest);
        let created_at = now - TimeDelta::days(91);
        let id = CustomerId(shop.entropy.id(created_at));
        let phone = Phone::parse(&format!("+{}", FIRST_PHONE + guest as u64)).ok();
        let new = NewCustomer {
            id,
            external_id: None,
            phone,
            static_code: StaticCode::from_seed(shop.entropy.number()),
            code_handle: CodeHandle::from_seed(shop.entropy.number()),
            code_secret: RotatingSecret(shop.entropy.bytes()),
            name: NAMES[guest % NAMES.len()].to_owned(),
            locale: Locale::En,
            created_at,
            segment_model: None,
            segment_index: 0,
            origin: Origin::default(),
        };
        store::customers::create(tx, &new).await?;

        let (store, till) = tills[guest % tills.len()];
        let card = shop.entropy.id(created_at);
        let mut saved = Amount::ZERO;
        // The newest visit is a part of a gap ago, so that guests are not all seen today.
        let mut days_ago = DAYS - story.random_range(0.0..habit.gap_days);
        while days_ago > (DAYS - habit.stops_after).max(0.05) {
            number += 1;
            let at = at_hour(now, days_ago, habit.hour + story.random_range(-1..=1), &mut story);
            let rate = Rate(if story.random_ratio(2, 5) { 500 } else { 0 });
            let basket = basket(habit, &products, &mut story);
            let lines = sold(&basket, rate, settings, card);
            let subtotal: Amount = lines.iter().map(|line| line.unit_price.times(line.quantity)).sum();
            let discount: Amount = lines.iter().map(|line| line.discount).sum();
            let receipt = NewReceipt {
                session: SessionId(shop.entropy.id(at)),
                store,
                till,
                number: format!("D-{number:05}"),
                customer: Some(id),
                at,
                subtotal,
                discount,
                total: subtotal - discount,
                lines,
            };
            saved += receipt.discount;
            let sold = basket.iter().zip(&receipt.lines).map(|((product, _), line)| LineFacts {
                category: Some(&product.category),
                quantity: line.quantity,
                paid: line.unit_price.times(line.quantity) - line.discount,
                discount: line.discount,
                cost: line.unit_cost,
            });
            let facts = PurchaseFacts::of(at, zone, sold);
            store::receipts::insert(tx, receipt).await?;
            shop.record_in_segment(tx, id, &facts, at).await?;
            days_ago -= habit.gap_days * story.random_range(0.4..1.6);
        }
        store::customers::add_savings(tx, id, saved).await?;
    }
    Ok(())
}

fn habit_of(guest: usize) -> &'static Habit {
    // 37 has no factor in common with 100, so neighbours differ and the shares still hold.
    let mut place = guest * 37 % 100;
    for habit in HABITS {
        if place < habit.share {
            return habit;
        }
        place -= habit.share;
    }
    &HABITS[0]
}

fn at_hour(now: DateTime<Utc>, days_ago: f64, hour: i64, story: &mut StdRng) -> DateTime<Utc> {
    let day = now - TimeDelta::seconds((days_ago * 86_400.0) as i64);
    let midnight = day.timestamp().div_euclid(86_400) * 86_400;
    let seconds = midnight + hour * 3_600 + story.random_range(0..3_600);
    // Nobody has been here tomorrow.
    DateTime::from_timestamp(seconds, 0).unwrap_or(day).min(now - TimeDelta::minutes(5))
}

fn basket<'a>(habit: &Habit, products: &'a [Product], story: &mut StdRng) -> Vec<(&'a Product, u32)> {
    let favourite = habit.favourites[story.random_range(0..habit.favourites.len())];
    let mut skus = vec![(favourite, if story.random_ratio(1, 8) { 2 } else { 1 })];
    skus.extend(habit.extras.iter().filter(|(_, chance)| story.random_ratio(*chance, 100)).map(|(sku, _)| (*sku, 1)));
    skus.into_iter()
        .filter_map(|(sku, quantity)| Some((products.iter().find(|p| p.sku.as_str() == sku)?, quantity)))
        .collect()
}

/// What the till recorded: every line discounted at `rate`, as far as the margin floor lets it (law 2).
pub(super) fn sold(basket: &[(&Product, u32)], rate: Rate, settings: &Settings, card: Uuid) -> Vec<NewReceiptLine> {
    basket
        .iter()
        .map(|(product, quantity)| {
            let headroom = settings.floor.headroom(product.price, product.cost, *quantity);
            let discount = rate.of(product.price.times(*quantity)).min(headroom);
            NewReceiptLine {
                sku: product.sku.clone(),
                quantity: *quantity,
                unit_price: product.price,
                discount,
                unit_cost: product.cost,
                allocations: (!discount.is_zero())
                    .then(|| json!([{"source": "card", "id": card, "amount": discount}]).to_string()),
            }
        })
        .collect()
}
