//! Case 26, from the customer's side: they leave, and may come back.

use contract::customer::CameBy;
use contract::{CustomerApi, Kind};
use domain::Locale;

use super::scene::{HOME, Scene, phone};

#[tokio::test]
async fn case_26_whoever_deletes_their_account_is_signed_out_and_may_begin_anew() {
    let scene = Scene::set().await;
    let guest = scene.guest(1).await;
    scene.buy(guest, &[("espresso", 2)], "R-1").await;
    let code = scene.code_for(&phone(1)).await;
    let elsewhere = scene.shop.sign_in(&phone(1), &code, HOME, Locale::En, &CameBy::default()).await.unwrap().token;

    scene.shop.delete_account(guest).await.unwrap();
    assert_eq!(scene.shop.authenticate(&elsewhere.0).await.unwrap(), None, "every log-in is over");
    assert_eq!(scene.shop.home(guest).await.unwrap_err().kind, Kind::Unauthenticated);
    assert_eq!(scene.shop.profile(guest).await.unwrap_err().kind, Kind::Unauthenticated);
    assert_eq!(scene.count("select count(*) from cards where withdrawn_at is null").await, 0);
    assert_eq!(scene.count("select count(*) from messages").await, 0);

    let again = scene.guest(1).await;
    assert_ne!(again.customer, guest.customer);
    let home = scene.shop.home(again).await.unwrap();
    assert_eq!((home.visits, home.savings.minor()), (0, 0));
    assert_eq!(home.cards.len(), 3);
}

#[tokio::test]
async fn case_26_who_comes_back_with_the_same_phone_finds_their_limits_used() {
    let scene = Scene::set().await;
    let guest = scene.guest(1).await;
    let stranger = scene.guest(2).await;
    let key = |customer: domain::CustomerId| format!("00000000-0000-0000-0000-000000000009/coupon/customer={customer}");
    for customer in [guest.customer, stranger.customer] {
        sqlx::query("insert into limit_accounts (key, ceiling) values ($1, 1)")
            .bind(key(customer))
            .execute(&scene.pool)
            .await
            .unwrap();
    }
    scene.run("update limit_accounts set committed = 1").await;
    scene.run(
        "insert into limit_entries (account_id, session_id, kind, amount, at) \
         select id, gen_random_uuid(), kind, 1, now() from limit_accounts, unnest(array['reserve', 'commit']) as k (kind)",
    )
    .await;
    scene.shop.delete_account(guest).await.unwrap();
    let again = scene.guest(1).await;
    let used = |customer| {
        let (key, pool) = (key(customer), scene.pool.clone());
        async move {
            sqlx::query_scalar::<_, i64>(
                "select coalesce(sum(committed), 0)::bigint from limit_accounts where key = $1",
            )
            .bind(key)
            .fetch_one(&pool)
            .await
            .unwrap()
        }
    };
    assert_eq!((used(again.customer).await, used(guest.customer).await, used(stranger.customer).await), (1, 0, 1));
    assert_eq!(scene.shop.store.audit_limits().await.unwrap(), []);
    // Once, and not for ever.
    scene.shop.delete_account(again).await.unwrap();
    scene.wait(chrono::TimeDelta::days(366));
    scene.shop.scrub_forgotten().await.unwrap();
    let much_later = scene.guest(1).await;
    assert_eq!(used(much_later.customer).await, 0);
}
