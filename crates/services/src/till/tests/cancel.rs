use contract::till::{Effect, Source};
use contract::{Kind, TillApi};
use domain::{Amount, SessionState};

use super::scene::{Scene, basket, once};

#[tokio::test]
async fn an_open_session_is_given_up() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let session = scene.quoted(&guest, &[("espresso", 1)]).await;
    let cancelled = scene.cancel(&session, "k1").await.unwrap();
    assert_eq!((cancelled.value.state, cancelled.value.version), (SessionState::Cancelled, 2));
    assert!(cancelled.value.effects.is_empty());
    let request = basket(Some(guest.code.as_str()), &[("espresso", 1)]);
    assert!(scene.put(session.session_id, request).await.unwrap_err().is("session-not-open"));
    assert!(scene.close(&session, "R-1", "k2").await.unwrap_err().is("session-not-open"));
    assert_eq!(scene.count("select count(*) from outbox where topic = 'kava.purchases.v1'").await, 0);
}

#[tokio::test]
async fn a_purchase_is_taken_back_whole() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let before = scene.shop.store.customer(guest.id).await.unwrap().unwrap();
    let kept = scene.quoted(&guest, &[("espresso", 1)]).await;
    scene.close(&kept, "R-0", "k0").await.unwrap();
    let with_one = scene.shop.store.customer(guest.id).await.unwrap().unwrap();
    let session = scene.quoted(&guest, &[("espresso", 2), ("eclair", 1)]).await;
    let discount = session.discount;
    let closed = scene.close(&session, "R-1", "k1").await.unwrap();
    assert_eq!(scene.savings(&guest).await, 25 + discount.0);

    scene.advance(60);
    let cancelled = scene.cancel(&session, "k2").await.unwrap().value;
    assert_eq!((cancelled.state, cancelled.version), (SessionState::Cancelled, 3));
    assert_eq!(cancelled.receipt_number.as_deref(), Some("R-1"));
    assert_eq!(cancelled.savings.unwrap().amount, Amount(25));
    assert_eq!(cancelled.lines, closed.value.lines);
    let rollback = |position, amount| Effect::RollbackDiscount {
        position,
        source: Source::Card,
        id: session.lines[0].allocations[0].id.clone(),
        amount: Amount(amount),
    };
    assert_eq!(cancelled.effects, [rollback(0, session.lines[0].discount.0), rollback(1, session.lines[1].discount.0)]);
    assert_eq!(scene.savings(&guest).await, 25);
    assert_eq!(scene.count("select count(*) from receipts where cancelled_at is not null").await, 1);
    let told =
        "select count(*) from outbox where topic = 'kava.purchases.v1' and payload::jsonb->>'what' = 'cancelled'";
    assert_eq!(scene.count(told).await, 1);

    // The customer is what they were before it.
    let after = scene.shop.store.customer(guest.id).await.unwrap().unwrap();
    assert_eq!((after.visits, after.spent, after.savings), (with_one.visits, with_one.spent, with_one.savings));
    assert_eq!(after.composition, with_one.composition);
    scene.cancel(&kept, "k3").await.unwrap();
    let after = scene.shop.store.customer(guest.id).await.unwrap().unwrap();
    assert_eq!((after.visits, after.spent, after.savings), (before.visits, before.spent, before.savings));
}

#[tokio::test]
async fn twice_gives_the_same_answer_and_takes_back_once() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let session = scene.quoted(&guest, &[("espresso", 1)]).await;
    scene.close(&session, "R-1", "k1").await.unwrap();
    let first = scene.cancel(&session, "k2").await.unwrap();
    scene.advance(60);
    let same_key = scene.cancel(&session, "k2").await.unwrap();
    let other_key = scene.cancel(&session, "k3").await.unwrap();
    assert!(same_key.replayed && !other_key.replayed);
    assert_eq!((&same_key.body, &other_key.body), (&first.body, &first.body));
    assert_eq!(scene.savings(&guest).await, 0);
    assert_eq!(scene.count("select count(*) from outbox where topic = 'kava.purchases.v1'").await, 2);
    // The number was used, and stays used.
    let other = scene.quoted(&guest, &[("espresso", 1)]).await;
    assert!(scene.close(&other, "R-1", "k4").await.unwrap_err().is("receipt-already-used"));
}

#[tokio::test]
async fn nobodys_purchase_is_taken_back_too() {
    let scene = Scene::set().await;
    let session = scene.put(scene.id(), basket(None, &[("espresso", 1)])).await.unwrap();
    scene.close(&session, "R-1", "k1").await.unwrap();
    let cancelled = scene.cancel(&session, "k2").await.unwrap().value;
    assert_eq!((cancelled.state, cancelled.savings, cancelled.effects.len()), (SessionState::Cancelled, None, 0));
    assert_eq!(scene.count("select count(*) from receipts where cancelled_at is not null").await, 1);
}

#[tokio::test]
async fn another_stores_session_is_not_there() {
    let scene = Scene::set().await;
    let session = scene.put(scene.id(), basket(None, &[("espresso", 1)])).await.unwrap();
    let refusal = scene.shop.cancel(&scene.elsewhere, session.session_id, &once("k")).await.unwrap_err();
    assert_eq!((refusal.kind, refusal.key.as_str()), (Kind::NotFound, "session-not-found"));
    assert!(scene.shop.cancel(&scene.till, scene.id(), &once("k")).await.unwrap_err().is("session-not-found"));
}

#[tokio::test]
async fn what_is_left_after_a_return_is_taken_back() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let before = scene.shop.store.customer(guest.id).await.unwrap().unwrap();
    let session = scene.quoted(&guest, &[("espresso", 3), ("eclair", 1)]).await;
    scene.close(&session, "R-1", "k1").await.unwrap();
    let back = scene.give_back(&session, &[(0, 1)], "k2").await.unwrap().value;
    let cancelled = scene.cancel(&session, "k3").await.unwrap().value;
    assert_eq!((cancelled.state, cancelled.version), (SessionState::Cancelled, 4));
    let rolled_back: i64 = cancelled
        .effects
        .iter()
        .map(|effect| match effect {
            Effect::RollbackDiscount { amount, .. } => amount.0,
            _ => 0,
        })
        .sum();
    let returned: i64 = session.lines[0].unit_price.0 - back.refund.amount.0;
    assert_eq!(rolled_back + returned, session.discount.0);
    assert_eq!(cancelled.lines[0].returned, 1);
    let after = scene.shop.store.customer(guest.id).await.unwrap().unwrap();
    assert_eq!((after.visits, after.spent, after.savings), (before.visits, before.spent, before.savings));
    assert_eq!(after.composition, before.composition);
    assert_eq!(scene.count("select count(*) from receipts where cancelled_at is null").await, 0);
    assert_eq!(scene.cancel(&session, "k4").await.unwrap().value, cancelled);
    assert!(scene.give_back(&session, &[(0, 1)], "k5").await.unwrap_err().is("session-not-closed"));
}
