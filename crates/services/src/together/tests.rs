//! Rules from real receipts: what goes together is found, what is there anyway is not, and what came back does not count.

use chrono::TimeDelta;
use contract::MarketingApi;
use contract::staff::StaffCaller;
use domain::{Locale, Role, StaffId};
use store::Store;

use super::*;
use crate::testing::{self, Bare};

async fn run(bare: &Bare, sql: &'static str) {
    for statement in sql.split(';').filter(|statement| !statement.trim().is_empty()) {
        sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).execute(&bare.pool).await.unwrap();
    }
}

fn marketer(role: Role) -> StaffCaller {
    StaffCaller {
        staff: StaffId(uuid::Uuid::from_u128(1)),
        name: "Mira".into(),
        role,
        till: None,
        place: String::new(),
    }
}

/// Sixty baskets: a croissant with every second espresso, tea by itself, and a postage fee with everything.
async fn shop() -> Bare {
    let bare = testing::bare("2026-11-21T08:00:00Z").await;
    run(
        &bare,
        "insert into shop (name, currency, time_zone, min_margin_bp, created_at) values ('Kava', 'GBP', 'UTC', 1000, now());
        insert into categories (id, title_en, title_ru) values ('coffee', 'Coffee', 'Кофе'), ('cakes', 'Cakes', 'Торты'),
            ('tea', 'Tea', 'Чай');
        insert into products (sku, name, name_ru, category, price, offerable) values
            ('espresso', 'Espresso', 'Эспрессо', 'coffee', 250, true), ('croissant', 'Croissant', '', 'cakes', 300, true),
            ('tea', 'Tea', '', 'tea', 200, true), ('postage', 'Postage', '', 'tea', 100, false);
        insert into receipts (id, source, number, kind, at, lines, subtotal, discount, total)
            select n, 'import', 'R' || n, 'sale', timestamptz '2026-11-01' + n * interval '1 hour', 2, 0, 0, 0
            from generate_series(1, 60) n;
        insert into receipt_lines (receipt_id, position, sku, quantity, unit_price)
            select n, 0, case when n % 3 = 0 then 'tea' else 'espresso' end, 1, 250 from generate_series(1, 60) n;
        insert into receipt_lines (receipt_id, position, sku, quantity, unit_price)
            select n, 1, 'croissant', 1, 300 from generate_series(1, 60) n where n % 3 = 1;
        insert into receipt_lines (receipt_id, position, sku, quantity, unit_price)
            select n, 2, 'postage', 1, 100 from generate_series(1, 60) n",
    )
    .await;
    bare
}

#[tokio::test]
async fn what_is_bought_together_is_told_with_its_counts() {
    let bare = shop().await;
    assert_eq!(bare.shop.together(&marketer(Role::Marketer), Locale::En).await.unwrap(), None);
    let found = bare.shop.mine_baskets().await.unwrap();
    assert_eq!(found.baskets, 60);
    let told = bare.shop.together(&marketer(Role::Marketer), Locale::En).await.unwrap().unwrap();
    let rule = told.products.iter().find(|rule| rule.seen == ["Croissant"]).unwrap();
    assert_eq!(rule.expected, ["Espresso"]);
    assert_eq!((rule.baskets, rule.confidence, rule.expected_anyway), (20, Rate(10_000), Rate(6_666)));
    assert!((rule.lift - 1.5).abs() < 1e-9);
    assert!(!told.products.iter().any(|rule| rule.seen.contains(&"Postage".into())), "{:?}", told.products);
    assert!(told.categories.iter().any(|rule| rule.seen == ["Cakes"] && rule.expected == ["Coffee"]));
    let russian = bare.shop.together(&marketer(Role::Marketer), Locale::Ru).await.unwrap().unwrap();
    assert!(russian.products.iter().any(|rule| rule.expected == ["Эспрессо"]), "{:?}", russian.products);
    assert!(russian.categories.iter().any(|rule| rule.expected == ["Кофе"]));
    let refused = bare.shop.together(&marketer(Role::Cashier), Locale::En).await.unwrap_err();
    assert!(refused.is("forbidden"));
}

#[tokio::test]
async fn what_was_cancelled_or_is_old_does_not_count_and_too_few_are_told() {
    let bare = shop().await;
    run(&bare, "update receipts set cancelled_at = now() where id % 3 = 1").await;
    let found = bare.shop.mine_baskets().await.unwrap();
    assert_eq!((found.baskets, found.products), (40, 0));
    run(&bare, "update receipts set at = at - interval '2 years' where id > 20").await;
    assert!(bare.shop.mine_baskets().await.unwrap_err().is("too-few-baskets"));
    let told = bare.shop.together(&marketer(Role::Marketer), Locale::En).await.unwrap().unwrap();
    assert_eq!(told.baskets, 40, "what was known stays");
    let _: &Store = bare.shop.store();
    assert_eq!(told.made_at - told.since, TimeDelta::days(365));
}
