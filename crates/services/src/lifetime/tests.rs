//! A forecast from real receipts: who comes often is worth more than who stopped, and too few are told so.

use contract::MarketingApi;
use contract::staff::StaffCaller;
use domain::{Locale, Role, StaffId};

use super::*;
use crate::testing::{self, Bare};

async fn run(bare: &Bare, sql: &'static str) {
    for statement in sql.split(';').filter(|statement| !statement.trim().is_empty()) {
        sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).execute(&bare.pool).await.unwrap();
    }
}

/// Three hundred customers of a year: every third comes weekly to the end, every third came weekly for two months and stopped,
/// the others come a few times now and then; a purchase costs half of what is paid.
async fn shop() -> Bare {
    let bare = testing::bare("2026-11-21T08:00:00Z").await;
    run(
        &bare,
        "insert into shop (name, currency, time_zone, min_margin_bp, created_at) values ('Kava', 'GBP', 'UTC', 1000, now());
        insert into categories (id, title_en, title_ru) values ('coffee', 'Coffee', 'Кофе');
        insert into products (sku, name, category, price, cost) values ('espresso', 'Espresso', 'coffee', 250, 100);
        insert into customers (id, static_code, code_handle, code_secret, created_at)
            select ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, n::text, n, '', '2025-11-01'
            from generate_series(1, 300) n;
        insert into receipts (source, import_id, number, customer_id, kind, at, lines, subtotal, discount, total)
            select 'import', null, n || '-' || w, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'sale',
                timestamptz '2025-11-20 12:00+00' + (w * 7 + n % 5) * interval '1 day', 1, p, 0, p
            from generate_series(1, 300) n, generate_series(0, 50) w, lateral (select 400 + 20 * (n % 30) + 10 * (w % 7)) as x (p)
            where case n % 3 when 0 then (w * 7 + n) % 8 < 6 when 1 then w < 8 else (w * 13 + n) % 17 = 0 end;
        insert into receipt_lines (receipt_id, position, sku, quantity, unit_price, unit_cost)
            select id, 0, 'espresso', 1, total, total / 2 from receipts",
    )
    .await;
    bare
}

#[tokio::test]
async fn who_still_comes_is_worth_more_than_who_stopped() {
    let bare = shop().await;
    let forecast = bare.shop.foretell().await.unwrap();
    assert!((forecast.margin - 0.5).abs() < 0.01, "{}", forecast.margin);
    assert_eq!(forecast.segments.values().map(|worth| worth.customers).sum::<u64>(), 300);
    let accuracy = forecast.accuracy.unwrap();
    assert!(accuracy.error < accuracy.error_of_rates, "better than everybody going on as before: {accuracy:?}");
    for worth in forecast.segments.values() {
        assert!((0.0..=1.0).contains(&worth.alive) && worth.purchases > 0.0 && worth.value > 0.0, "{worth:?}");
    }
    // After a fit the means are those of its segments, and the dashboard has them.
    crate::segment::fit(&bare.shop).await.unwrap();
    let caller = StaffCaller {
        staff: StaffId(Uuid::from_u128(1)),
        name: "Mira".into(),
        role: Role::Marketer,
        till: None,
        place: String::new(),
    };
    let before = bare.shop.segments(&caller, Locale::En).await.unwrap();
    assert!(before.rows.iter().all(|row| row.worth.is_none()), "a forecast of other segments is not shown");
    bare.shop.foretell().await.unwrap();
    let dashboard = bare.shop.segments(&caller, Locale::En).await.unwrap();
    let worth = |row: &contract::marketing::SegmentRow| row.worth.unwrap();
    let lately = dashboard.rows.iter().min_by(|a, b| a.recency_days.total_cmp(&b.recency_days)).unwrap();
    let long_ago = dashboard.rows.iter().max_by(|a, b| a.recency_days.total_cmp(&b.recency_days)).unwrap();
    assert!(worth(lately).alive > worth(long_ago).alive, "{:?}", dashboard.rows);
    assert!(worth(lately).value > worth(long_ago).value, "{:?}", dashboard.rows);
    assert!(dashboard.lifetime.unwrap().error > 0.0);
    // Beside the segments, what density sees of the same customers: everybody is in a niche or stands apart, once.
    let niches = dashboard.model.unwrap().beside.unwrap();
    assert!(niches.found as usize == niches.groups.len() && (-1.0..=1.0).contains(&niches.agreement), "{niches:?}");
    let placed: u64 = niches.groups.iter().chain(&niches.apart).map(|niche| niche.size).sum();
    let brought: i64 = niches.groups.iter().chain(&niches.apart).map(|niche| niche.revenue.minor()).sum();
    assert_eq!((placed, brought), (300, dashboard.revenue.minor()));
}

/// Two crowds that no one model is both of: half come every week without end, half in a burst of a month, and hardly ever again.
#[tokio::test]
async fn a_segment_that_foretells_better_by_itself_has_a_model_of_its_own() {
    let bare = shop().await;
    run(
        &bare,
        "delete from receipt_lines; delete from receipts;
        insert into customers (id, static_code, code_handle, code_secret, created_at)
            select ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, n::text, n, '', '2025-11-01'
            from generate_series(301, 900) n;
        insert into receipts (source, number, customer_id, kind, at, lines, subtotal, discount, total)
            select 'import', n || '-' || d, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'sale',
                timestamptz '2025-11-20 12:00+00' + d * interval '1 day', 1, p, 0, p
            from generate_series(1, 900) n, generate_series(0, 360) d, lateral (select 400 + 20 * (n % 30)) as x (p)
            where case n % 2 when 0 then d % 7 = n % 5
                else d between n % 100 and n % 100 + 25 + n % 9 and (d * 7 + n) % 3 = 0 or d = n % 100 end;
        insert into receipt_lines (receipt_id, position, sku, quantity, unit_price, unit_cost)
            select id, 0, 'espresso', 1, total, total / 2 from receipts",
    )
    .await;
    crate::segment::fit(&bare.shop).await.unwrap();
    let forecast = bare.shop.foretell().await.unwrap();
    assert!(!forecast.own.is_empty(), "{forecast:?}");
    for (segment, own) in &forecast.own {
        assert!(*segment > 0 && own.gain.pays() && own.gain.customers >= 200, "{own:?}");
        assert_ne!(own.purchases.model, forecast.purchases.model);
        assert_eq!(own.purchases.customers as u64, forecast.segments[segment].customers);
    }
    let stored = bare.shop.store.lifetime_forecast().await.unwrap().unwrap();
    assert_eq!(serde_json::from_value::<Forecast>(stored.forecast).unwrap(), forecast);
    // Where the segment of a moment was looked for, it was by what was known then.
    let model = bare.shop.model_in_use().await.unwrap().unwrap().1;
    let day = |day, paid| PurchaseDay { customer: Uuid::from_u128(1), segment: 0, day, paid, visits: 2 };
    let mut tx = bare.shop.store.begin().await.unwrap();
    let placed = segments_at(&mut tx, &model, &[day(10, 500), day(20, 700), day(90, 9_999)], 30).await.unwrap();
    let known = store::lifetime::compositions(&mut tx, &[Uuid::from_u128(1)]).await.unwrap();
    let composition = known[&Uuid::from_u128(1)].clone();
    let composition = composition.into_iter().map(|(category, spend)| (category, spend as f64)).collect();
    let then = Facts { recency_days: 10.0, frequency: 4, monetary: 1_200.0, average_order: 300.0, composition };
    assert_eq!(placed, [(Uuid::from_u128(1), model.assign(&then).segment as i16)]);
    assert_eq!(segments_at(&mut tx, &model, &[day(31, 1)], 30).await.unwrap(), [], "who came later was not there yet");
}

#[tokio::test]
async fn too_few_customers_are_told_and_the_forecast_before_stays() {
    let bare = shop().await;
    bare.shop.foretell().await.unwrap();
    run(&bare, "update receipts set cancelled_at = now() where number not like '1-%'").await;
    assert!(bare.shop.foretell().await.unwrap_err().is("too-few-customers"));
    assert!(bare.shop.foretold(None).await.unwrap().is_some());
    run(&bare, "update receipts set cancelled_at = now()").await;
    assert!(bare.shop.foretell().await.unwrap_err().is("too-few-customers"));
}
