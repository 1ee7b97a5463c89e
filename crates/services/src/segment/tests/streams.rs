//! Features that are kept up by purchases, returns and cancellations, in any order and in every zone, are those that the
//! receipts say.

use chrono_tz::Tz;
use domain::StoreId;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::*;

/// Around them an hour comes twice, or never, or a day and a year begin.
const NIGHTS: [&str; 6] = [
    "2026-03-29T01:00:00Z",
    "2026-10-25T01:00:00Z",
    "2026-03-08T07:00:00Z",
    "2026-11-01T06:00:00Z",
    "2025-12-31T23:59:00Z",
    "2026-11-20T15:00:00Z",
];

struct Line {
    sku: &'static str,
    category: CategoryId,
    quantity: i32,
    price: i64,
    discount: i64,
    cost: Option<i64>,
}

struct Sale {
    receipt: i64,
    customer: CustomerId,
    at: DateTime<Utc>,
    zone: Tz,
    store: Option<StoreId>,
    lines: Vec<Line>,
    cancelled: bool,
    returns: Vec<i64>,
}

impl Scene {
    async fn write(&self, tx: &mut Tx, sale: &Sale, kind: &str, at: DateTime<Utc>) -> i64 {
        let sum = |of: fn(&Line) -> i64| sale.lines.iter().map(of).sum::<i64>();
        let subtotal = sum(|line| i64::from(line.quantity) * line.price);
        let discount = sum(|line| line.discount);
        let id: i64 = sqlx::query_scalar(
            "insert into receipts (source, number, store_id, customer_id, kind, at, lines, subtotal, discount, total)
            values ('till', gen_random_uuid()::text, $1, $2, $3, $4, $5, $6, $7, $6 - $7) returning id",
        )
        .bind(sale.store.map(|store| store.0))
        .bind(sale.customer.0)
        .bind(kind)
        .bind(at)
        .bind(i32::try_from(sale.lines.len()).unwrap())
        .bind(subtotal)
        .bind(discount)
        .fetch_one(&mut **tx)
        .await
        .unwrap();
        for (position, line) in sale.lines.iter().enumerate() {
            sqlx::query(
                "insert into receipt_lines (receipt_id, position, sku, quantity, unit_price, discount, unit_cost)
                values ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(id)
            .bind(i32::try_from(position).unwrap())
            .bind(line.sku)
            .bind(line.quantity)
            .bind(line.price)
            .bind(line.discount)
            .bind(line.cost)
            .execute(&mut **tx)
            .await
            .unwrap();
        }
        id
    }
}

/// Of the lines as they stand, or of what came back of them: then everything of them is below zero in the books.
fn facts_of(sale: &Sale, at: DateTime<Utc>) -> PurchaseFacts {
    let lines = sale.lines.iter().map(|line| LineFacts {
        category: Some(&line.category),
        quantity: line.quantity.unsigned_abs(),
        paid: Amount((i64::from(line.quantity) * line.price - line.discount).abs()),
        discount: Amount(line.discount.abs()),
        cost: line.cost.map(Amount),
    });
    PurchaseFacts::of(at, sale.zone, lines)
}

#[tokio::test]
async fn random_streams_keep_up_what_the_receipts_say() {
    let scene = Scene::set().await;
    scene.run("insert into products (sku, name, category, price) values ('beans', 'Beans', 'coffee', 900)").await;
    // Written by hand: London is the shop's own, and the last one is none that anybody knows.
    scene.run("update shop set time_zone = 'Europe/London'").await;
    let places = [
        (None, Tz::Europe__London),
        (Some("Asia/Tokyo"), Tz::Asia__Tokyo),
        (Some("America/New_York"), Tz::America__New_York),
        (Some("Asia/Kathmandu"), Tz::Asia__Kathmandu),
        (Some("Atlantis/Capital"), Tz::UTC),
    ];
    let mut stores: Vec<(Option<StoreId>, Tz)> = vec![(None, Tz::Europe__London)];
    for (number, (name, zone)) in places.into_iter().enumerate() {
        let id = StoreId(scene.shop.entropy.id(scene.now));
        sqlx::query("insert into stores (id, name, time_zone) values ($1, $2, $3)")
            .bind(id.0)
            .bind(format!("Store {number}"))
            .bind(name)
            .execute(&scene.pool)
            .await
            .unwrap();
        stores.push((Some(id), zone));
    }
    for seed in 0..6 {
        stream(&scene, &stores, seed).await;
    }
    assert!(
        scene.count("select count(*) from customers where (habits::jsonb ->> 'gap_squares')::bigint > 0").await > 5
    );
    assert!(scene.count("select count(*) from customers where (habits::jsonb ->> 'returns')::int > 0").await > 5);
    let kept = scene.features().await;
    scene.run("update customers set habits = default, cost = 7, costed = 1, visits = 9").await;
    let mut tx = scene.shop.store.begin().await.unwrap();
    store::segments::refresh(&mut tx, Whose::Everybody).await.unwrap();
    store::commit(tx).await.unwrap();
    assert_eq!(scene.features().await, kept, "from scratch");
}

async fn stream(scene: &Scene, stores: &[(Option<StoreId>, Tz)], seed: u64) {
    let mut draw = StdRng::seed_from_u64(seed);
    let customers = [scene.customer().await, scene.customer().await];
    let mut sales: Vec<Sale> = Vec::new();
    for step in 0..40 {
        let mut tx = scene.shop.store.begin().await.unwrap();
        let open: Vec<usize> = (0..sales.len()).filter(|n| !sales[*n].cancelled).collect();
        match (draw.random_range(0..10), open.choose(&mut draw).copied()) {
            (0..=1, Some(chosen)) => {
                // One unit of each line comes back.
                let sale = &sales[chosen];
                let back = Sale { lines: sale.lines.iter().map(one_back).collect(), returns: Vec::new(), ..*sale };
                let id = scene.write(&mut tx, &back, "return", scene.now).await;
                let goods = facts_of(&back, sale.at);
                scene.shop.return_in_segment(&mut tx, sale.customer, &goods, scene.now).await.unwrap();
                sales[chosen].returns.push(id);
            }
            (2, Some(chosen)) => {
                let sale = &mut sales[chosen];
                sale.cancelled = true;
                let gone: Vec<i64> = sale.returns.iter().copied().chain([sale.receipt]).collect();
                sqlx::query("update receipts set cancelled_at = now() where id = any($1)")
                    .bind(gone)
                    .execute(&mut *tx)
                    .await
                    .unwrap();
                scene.shop.recount_in_segment(&mut tx, sale.customer, scene.now).await.unwrap();
            }
            _ => {
                let night: DateTime<Utc> = NIGHTS.choose(&mut draw).unwrap().parse().unwrap();
                let at = night + TimeDelta::seconds(draw.random_range(-9_000..9_000));
                let (store, zone) = *stores.choose(&mut draw).unwrap();
                let customer = *customers.choose(&mut draw).unwrap();
                let lines = (0..draw.random_range(1..4)).map(|_| line(&mut draw)).collect();
                let mut sale =
                    Sale { receipt: 0, customer, at, zone, store, lines, cancelled: false, returns: Vec::new() };
                sale.receipt = scene.write(&mut tx, &sale, "sale", at).await;
                scene.shop.record_in_segment(&mut tx, customer, &facts_of(&sale, at), scene.now).await.unwrap();
                sales.push(sale);
            }
        }
        let before = store::segments::page(&mut tx, None, 1_000).await.unwrap();
        let differing = store::segments::refresh(&mut tx, Whose::These(&customers.map(|c| c.0))).await.unwrap();
        if differing > 0 {
            let after = store::segments::page(&mut tx, None, 1_000).await.unwrap();
            assert_eq!(before, after, "stream {seed}, step {step}");
        }
        store::commit(tx).await.unwrap();
    }
}

fn line(draw: &mut StdRng) -> Line {
    let (sku, category) = *[("espresso", "coffee"), ("eclair", "cakes"), ("beans", "coffee")].choose(draw).unwrap();
    let (quantity, price) = (draw.random_range(1..4), draw.random_range(0..1_000));
    let discount = if draw.random() { draw.random_range(0..=price) } else { 0 };
    let cost = draw.random::<bool>().then(|| draw.random_range(0..900));
    Line { sku, category: CategoryId::new(category), quantity, price, discount, cost }
}

fn one_back(line: &Line) -> Line {
    let discount = -(line.discount / i64::from(line.quantity));
    Line { quantity: -1, discount, category: line.category.clone(), ..*line }
}
