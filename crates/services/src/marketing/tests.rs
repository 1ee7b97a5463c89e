//! The dashboard against figures that were computed by hand.

use chrono::{DateTime, Utc};
use domain::{Role, StaffId};
use sqlx::PgPool;

use super::*;
use crate::clock::Draw;
use crate::testing::{self, Bare};

const NOW: &str = "2026-11-21T00:00:00Z";

fn caller(shop: &Shop, role: Role) -> StaffCaller {
    let now: DateTime<Utc> = NOW.parse().unwrap();
    let staff = StaffId(shop.entropy.id(now));
    StaffCaller { staff, name: "Mira".to_owned(), role, till: None, place: String::new() }
}

async fn run(pool: &PgPool, sql: &'static str) {
    sqlx::raw_sql(sql).execute(pool).await.unwrap();
}

#[test]
fn shares_and_margins_are_rounded_by_rule() {
    assert_eq!((share(1, 3), share(2, 3), share(0, 0), share(-1, 3)), (Rate(3_333), Rate(6_667), Rate(0), Rate(0)));
    assert_eq!(margin(1_000, Some(650)), Some(3_500));
    assert_eq!(margin(1_000, Some(1_200)), Some(-2_000));
    assert_eq!((margin(1_000, None), margin(0, Some(1))), (None, None));
}

#[test]
fn what_lies_around_midnight_has_its_middle_there() {
    let mut hours = [0; 24];
    (hours[22], hours[23], hours[0], hours[1]) = (5, 9, 9, 5);
    assert!((around(&hours).unwrap() - 23.5).abs() < 1e-9);
    assert_eq!((around(&[7; 24]), around(&[0; 7]), around(&[])), (None, None, None));
    assert_eq!(around(&[0, 0, 3, 0, 0, 0, 0]).map(f64::round), Some(2.0));
}

/// Three customers, two of whom bought: 2 and 1 visits; one cancelled receipt, one return, one anonymous receipt, one
/// line whose cost is not known.
#[tokio::test]
async fn the_dashboard_is_what_a_pencil_says() {
    let Bare { shop, pool, database } = testing::bare(NOW).await;
    run(
        &pool,
        "insert into shop (name, currency, time_zone, min_margin_bp, created_at) values ('Kava', 'GBP', 'UTC', 1000, now());
        insert into categories (id, title_en, title_ru) values ('coffee', 'Coffee', 'Кофе'), ('cakes', 'Cakes', 'Торты');
        insert into products (sku, name, category, price) values ('espresso', 'Espresso', 'coffee', 250),
            ('eclair', 'Eclair', 'cakes', 400);
        insert into customers (id, static_code, code_handle, code_secret, created_at)
            select ('00000000-0000-0000-0000-00000000000' || i)::uuid, i::text, i, ''::bytea, now()
            from generate_series(1, 3) i;
        insert into receipts (id, source, number, customer_id, kind, at, lines, subtotal, discount, total, cancelled_at) values
            (1, 'till', 'a', '00000000-0000-0000-0000-000000000001', 'sale', '2026-11-11', 2, 900, 90, 810, null),
            (2, 'till', 'b', '00000000-0000-0000-0000-000000000001', 'sale', '2026-11-19', 1, 250, 0, 250, null),
            (3, 'till', 'c', '00000000-0000-0000-0000-000000000001', 'sale', '2026-11-20', 1, 9999, 0, 9999, now()),
            (4, 'till', 'd', '00000000-0000-0000-0000-000000000002', 'sale', '2026-11-17', 1, 400, 0, 400, null),
            (5, 'till', 'e', '00000000-0000-0000-0000-000000000002', 'return', '2026-11-18', 1, -400, 0, -400, null),
            (6, 'till', 'f', null, 'sale', '2026-11-18', 1, 777, 0, 777, null);
        insert into receipt_lines (receipt_id, position, sku, quantity, unit_price, discount, unit_cost) values
            (1, 0, 'espresso', 2, 250, 50, 100), (1, 1, 'eclair', 1, 400, 40, null),
            (2, 0, 'espresso', 1, 250, 0, 100),
            (3, 0, 'espresso', 1, 9999, 0, 1),
            (4, 0, 'eclair', 1, 400, 0, 300), (5, 0, 'eclair', -1, 400, 0, 300),
            (6, 0, 'espresso', 1, 777, 0, 1);",
    )
    .await;
    let mut tx = shop.store.begin().await.unwrap();
    store::segments::refresh(&mut tx, store::segments::Whose::Everybody).await.unwrap();
    store::commit(tx).await.unwrap();
    let marketer = caller(&shop, Role::Marketer);
    let refused = shop.segments(&caller(&shop, Role::Cashier), domain::Locale::En).await.unwrap_err();
    assert_eq!(refused.key, "forbidden");
    assert_eq!(shop.stop_fit(&caller(&shop, Role::Cashier)).await.unwrap_err().key, "forbidden");
    shop.stop_fit(&marketer).await.unwrap();

    let dashboard = shop.segments(&marketer, domain::Locale::En).await.unwrap();
    assert_eq!(dashboard.model, None);
    assert_eq!((dashboard.customers, dashboard.revenue, dashboard.discount), (3, Amount(1_060), Amount(90)));
    let row = &dashboard.rows[0];
    assert_eq!((dashboard.rows.len(), &row.name, row.size), (1, &SegmentName::Newcomers, 3));
    // Medians of the two who bought: 2 and 4 days; 2 and 1 visits; 1,060 and 0 paid; 530 and 0 a visit.
    assert!((row.recency_days - 3.0).abs() < 1e-9 && (row.frequency - 1.5).abs() < 1e-9, "{row:?}");
    assert_eq!((row.monetary, row.average_basket), (Amount(530), Amount(265)));
    assert_eq!(row.average_discount, Rate(783), "90 of 1,150");
    // Known costs: espressos 450 + 250 paid, cost 300; the eclair that came back is nothing either way.
    assert_eq!(row.margin_after_discount_bp, Some(5_714));
    // One came twice, on the 11th and the 19th; one visit of three had a discount; 400 of 1,460 went back. All came in the
    // first hour of a day: a Wednesday, a Thursday, a Tuesday.
    let habits = SegmentHabits {
        gap_days: Some(8.0),
        gap_spread_days: Some(0.0),
        discounted: Rate(3_333),
        returned: Rate(2_740),
        hour: Some(0.5),
        weekday: Some(2),
    };
    assert_eq!(row.habits, habits);
    // 700 of coffee, 360 of cakes.
    assert_eq!(row.composition, [("Coffee".to_owned(), Rate(6_604)), ("Cakes".to_owned(), Rate(3_396))]);
    drop((shop, pool));
    drop(database);
}
