//! A segment at registration, from the store, the hour and who sent the newcomer.

use chrono::TimeDelta;
use contract::CustomerApi;
use contract::customer::{CameBy, CustomerCaller};
use domain::{CustomerId, Locale, StoreId};
use uuid::Uuid;

use super::scene::{Doors, HOME, Scene, phone};
use crate::segment;

const EVENINGS: StoreId = StoreId(Uuid::from_u128(0xE));

/// Three hundred customers: those of the first store came in the morning and often, those of the second in the evening and now
/// and then.
async fn shop() -> Scene {
    let scene = Scene::set().await;
    sqlx::query("insert into stores (id, name) values ($1, 'Evenings')")
        .bind(EVENINGS.0)
        .execute(&scene.pool)
        .await
        .unwrap();
    for (kind, store, hour, every) in [(0, scene.till.store, 5, 2), (1, EVENINGS, 16, 30)] {
        for statement in [
            format!(
                "insert into customers (id, static_code, code_handle, code_secret, created_at)
                select ('00000000-0000-0000-000{kind}-' || lpad(n::text, 12, '0'))::uuid, '{kind}-' || n, {kind} * 1000 + n, '', '2026-06-01'
                from generate_series(1, 150) n"
            ),
            format!(
                "insert into receipts (source, store_id, number, customer_id, kind, at, lines, subtotal, discount, total)
                select 'import', '{store}', '{kind}-' || n || '-' || d,
                    ('00000000-0000-0000-000{kind}-' || lpad(n::text, 12, '0'))::uuid, 'sale',
                    timestamptz '2026-08-01 00:00+00' + interval '1 hour' * {hour} + interval '1 day' * d, 1, 300 + n % 20, 0, 300 + n % 20
                from generate_series(1, 150) n, generate_series(n % 5, 110, {every}) d"
            ),
        ] {
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&scene.pool).await.unwrap();
        }
    }
    scene
        .run(
            "insert into receipt_lines (receipt_id, position, sku, quantity, unit_price, unit_cost)
            select id, 0, case when total % 2 = 0 then 'espresso' else 'eclair' end, 1, total, 100 from receipts",
        )
        .await;
    scene
}

async fn register(scene: &Scene, last: u32, came: CameBy) -> CustomerCaller {
    let phone = phone(last);
    let code = scene.code_for(&phone).await;
    let signed_in = scene.shop.sign_in(&phone, &code, HOME, Locale::En, &came).await.unwrap();
    scene.shop.authenticate_customer(&signed_in.token.0).await.unwrap()
}

async fn segment_of(scene: &Scene, who: CustomerCaller) -> String {
    let customer = scene.shop.store.customer(who.customer).await.unwrap().unwrap();
    let name = scene.shop.segment_name(customer.segment_model, customer.segment_index).await.unwrap();
    name.words(Locale::En)
}

#[tokio::test]
async fn who_registers_is_placed_by_what_those_like_them_became() {
    let scene = shop().await;
    let by = |store| CameBy { store: Some(store), inviter: None };
    // Before a fit nothing is expected of anybody, and what is known is kept.
    let early = register(&scene, 1, by(EVENINGS)).await;
    assert_eq!(segment_of(&scene, early).await, "Newcomers");
    assert_eq!(
        scene.count("select count(*) from customers where registered_hour = 11").await,
        1,
        "8 h of UTC in Minsk"
    );

    let report = segment::fit(&scene.shop).await.unwrap();
    assert!(report.prospects.is_some_and(|(customers, gain)| customers == 300 && gain > 0.1), "{report:?}");
    // The fit places who has not bought yet as well, and announces nothing of it.
    let evening = segment_of(&scene, early).await;
    assert!(evening.starts_with("Newcomers, likely occasional guests"), "{evening}");
    assert_eq!(scene.count("select count(*) from segment_changes where to_name ->> 'kind' = 'prospects'").await, 0);

    let late = register(&scene, 2, by(EVENINGS)).await;
    assert_eq!(segment_of(&scene, late).await, evening, "in the registration's own transaction");
    let morning = segment_of(&scene, register(&scene, 3, by(scene.till.store)).await).await;
    assert!(morning.starts_with("Newcomers, likely") && morning != evening, "{morning} and {evening}");
    // The hour alone says it too: nine in the evening of the shop's own clock.
    scene.wait(TimeDelta::hours(9));
    assert_eq!(segment_of(&scene, register(&scene, 4, CameBy::default()).await).await, evening);
    // A link that leads nowhere says nothing, and hurts nobody.
    let lost = CameBy { store: Some(StoreId(Uuid::from_u128(99))), inviter: Some(CustomerId(Uuid::from_u128(99))) };
    assert_eq!(segment_of(&scene, register(&scene, 5, lost).await).await, evening);

    // The first purchase says more.
    let sold = scene.buy(late, &[("espresso", 1)], "R-1").await;
    let moved = sold.segment_changed.unwrap();
    assert!(!segment_of(&scene, late).await.starts_with("Newcomers"), "{moved:?}");
    // Their cards are a newcomer's until then.
    let cards = scene.shop.home(early).await.unwrap().cards;
    assert!(cards[0].reasons.contains(&domain::CardReason::Welcome), "{cards:?}");
}

#[tokio::test]
async fn who_was_invited_is_known_by_it_and_the_inviter_may_go() {
    let scene = Scene::set().await;
    let host = register(&scene, 1, CameBy::default()).await;
    let came = CameBy { store: None, inviter: Some(host.customer) };
    let guest = register(&scene, 2, came).await;
    let inviter = async |who: CustomerCaller| -> Option<Uuid> {
        sqlx::query_scalar("select invited_by from customers where id = $1")
            .bind(who.customer.0)
            .fetch_one(&scene.pool)
            .await
            .unwrap()
    };
    assert_eq!(inviter(guest).await, Some(host.customer.0));
    assert_eq!(scene.shop.store.invited().await.unwrap(), (1, 0));
    // Somebody who has an account already is not invited by a link.
    let code = scene.code_for(&phone(1)).await;
    scene.shop.sign_in(&phone(1), &code, HOME, Locale::En, &came).await.unwrap();
    assert_eq!(inviter(host).await, None);
    // Two accounts that are one: nobody invited themselves.
    scene.shop.merge_customers(guest.customer, host.customer).await.unwrap();
    assert_eq!(inviter(host).await, None);
    scene.shop.forget_customer(host.customer).await.unwrap();
    assert_eq!(inviter(register(&scene, 3, came).await).await, None, "nobody any more");
}

#[tokio::test]
async fn a_model_that_cannot_be_read_turns_nobody_away() {
    let scene = Scene::set().await;
    scene
        .run(
            "insert into segment_models (id, version, fitted_at, model, report, in_use)
            values ('00000000-0000-0000-0000-0000000000bb', 1, '2026-11-20', '{\"format\": 99}', '{}', true)",
        )
        .await;
    let guest = register(&scene, 1, CameBy::default()).await;
    assert_eq!(segment_of(&scene, guest).await, "Newcomers");
    assert!(!scene.shop.home(guest).await.unwrap().cards.is_empty());
}
