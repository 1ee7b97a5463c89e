use contract::TillApi;
use domain::{Amount, SessionState};

use super::scene::{Scene, basket, once, paid};

#[tokio::test]
async fn a_sale_that_is_opened_again_was_none() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let before = scene.shop.store.customer(guest.id).await.unwrap().unwrap();
    let session = scene.quoted(&guest, &[("espresso", 2)]).await;
    let closed = scene.close(&session, "R-1", "k1").await.unwrap();
    scene.advance(3_600);

    let reopen = |key: &'static str| {
        let (shop, till, id) = (scene.shop.clone(), scene.till.clone(), session.session_id);
        async move { shop.reopen(&till, id, &once(key)).await }
    };
    let opened = reopen("k2").await.unwrap();
    assert_eq!((opened.value.state, opened.value.version), (SessionState::Open, 3));
    assert_eq!((&opened.value.lines, opened.value.total), (&session.lines, session.total));
    assert!(opened.value.expires_at > scene.now() && opened.value.receipt_number.is_none());
    let again = reopen("k2").await.unwrap();
    assert_eq!((&again.body, again.replayed), (&opened.body, true));
    assert!(reopen("k3").await.unwrap_err().is("session-not-closed"), "it is open");
    let after = scene.shop.store.customer(guest.id).await.unwrap().unwrap();
    assert_eq!((after.visits, after.spent, after.savings), (before.visits, before.spent, before.savings));
    assert_eq!(scene.count("select count(*) from receipts where cancelled_at is null").await, 0);
    assert!(scene.give_back(&session, &[(0, 1)], "k4").await.unwrap_err().is("session-not-closed"));

    // The old close is answered as it was; a new one closes it anew, and may use the number again.
    assert_eq!(scene.close(&session, "R-1", "k1").await.unwrap().body, closed.body);
    let put = scene.put(session.session_id, basket(Some(guest.code.as_str()), &[("espresso", 1)])).await.unwrap();
    assert_eq!((put.version, put.total), (4, Amount(225)));
    let closed = scene.close(&put, "R-1", "k5").await.unwrap().value;
    assert_eq!((closed.state, closed.version), (SessionState::Closed, 5));
    assert_eq!(scene.savings(&guest).await, 25);
    assert_eq!(scene.count("select count(*) from receipts where kind = 'sale' and cancelled_at is null").await, 1);
    assert_eq!(scene.count("select count(*) from receipts where reopened_at is not null").await, 1);
    let told = "select count(*) from outbox where topic = 'kava.purchases.v1' and payload::jsonb->>'what' = 'reopened'";
    assert_eq!(scene.count(told).await, 1);
}

#[tokio::test]
async fn it_can_be_paid_again_at_once_and_survives_a_restart() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let session = scene.quoted(&guest, &[("espresso", 2)]).await;
    scene.close(&session, "R-1", "k1").await.unwrap();
    scene.advance(3_600);
    scene.shop.reopen(&scene.till, session.session_id, &once("k2")).await.unwrap();
    let restarted = scene.restarted();
    let stored = restarted.session(&scene.till, session.session_id).await.unwrap();
    assert_eq!((stored.state, stored.version, stored.total), (SessionState::Open, 3, session.total));
    let closed =
        restarted.close(&scene.till, session.session_id, &once("k3"), paid("R-2", session.total)).await.unwrap();
    assert_eq!(closed.value.receipt_number.as_deref(), Some("R-2"));
    assert_eq!(scene.savings(&guest).await, session.discount.0);
}

#[tokio::test]
async fn what_is_no_closed_sale_cannot_be_opened() {
    let scene = Scene::set().await;
    let reopen = |id| {
        let (shop, till) = (scene.shop.clone(), scene.till.clone());
        async move { shop.reopen(&till, id, &once("r")).await.unwrap_err().key }
    };
    assert_eq!(reopen(scene.id()).await, "session-not-found");
    let session = scene.put(scene.id(), basket(None, &[("espresso", 2)])).await.unwrap();
    assert_eq!(reopen(session.session_id).await, "session-not-closed");
    scene.close(&session, "R-1", "k1").await.unwrap();
    let elsewhere = scene.shop.reopen(&scene.elsewhere, session.session_id, &once("r")).await;
    assert!(elsewhere.unwrap_err().is("session-not-found"));
    scene.give_back(&session, &[(0, 1)], "k2").await.unwrap();
    assert_eq!(reopen(session.session_id).await, "session-not-closed");
    scene.cancel(&session, "k3").await.unwrap();
    assert_eq!(reopen(session.session_id).await, "session-not-closed");
}
