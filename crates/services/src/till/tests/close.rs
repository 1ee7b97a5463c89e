use contract::till::{Session, TillCaller};
use contract::{Kind, TillApi};
use domain::{Amount, CardScope, SessionState};
use serde_json::Value;

use super::scene::{Guest, Scene, basket, once, paid, pointers};
use crate::pace::Pace;

/// Everything that a purchase writes.
async fn traces(scene: &Scene) -> [i64; 5] {
    [
        scene.count("select count(*) from receipts").await,
        scene.count("select count(*) from receipt_lines").await,
        scene.count("select count(*) from outbox where topic = 'kava.purchases.v1'").await,
        scene.count("select coalesce(sum(savings), 0)::bigint from customers").await,
        scene.count("select count(*) from idempotency_keys").await,
    ]
}

async fn quote(scene: &Scene) -> (Guest, Session) {
    let guest = scene.guest().await;
    let session = scene.quoted(&guest, &[("espresso", 2), ("eclair", 1)]).await;
    (guest, session)
}

#[tokio::test]
async fn a_purchase_is_recorded_whole_and_the_savings_move_by_the_discount() {
    let scene = Scene::set().await;
    let (guest, session) = quote(&scene).await;
    let closed = scene.close(&session, "R-1", "k1").await.unwrap();
    let value = &closed.value;
    assert!(!closed.replayed);
    assert_eq!((value.state, value.version, value.total), (SessionState::Closed, 2, session.total));
    assert_eq!(value.receipt_number.as_deref(), Some("R-1"));
    assert!(value.closed_at.is_some_and(|at| scene.clock.is_at(at)));
    assert_eq!(value.savings.unwrap().amount, session.discount);
    assert!(value.segment_changed.is_some());
    assert_eq!(scene.savings(&guest).await, 89);
    assert_eq!(traces(&scene).await, [1, 2, 1, 89, 1]);
    assert_eq!(&scene.shop.session(&scene.till, session.session_id).await.unwrap(), value);

    let receipt: (String, i64, i64, i64, i32, uuid::Uuid) =
        sqlx::query_as("select number, subtotal, discount, total, lines, customer_id from receipts")
            .fetch_one(&scene.pool)
            .await
            .unwrap();
    assert_eq!(receipt, ("R-1".into(), 890, 89, 801, 2, guest.id.0));
    type Line = (i32, String, i32, i64, i64, Option<i64>, Option<Value>);
    let lines: Vec<Line> = sqlx::query_as(
        "select position, sku, quantity, unit_price, discount, unit_cost, allocations::jsonb from receipt_lines order by 1",
    )
    .fetch_all(&scene.pool)
    .await
    .unwrap();
    let allocated = |amount: i64| Some(serde_json::json!([{ "source": "card", "id": guest.card, "amount": amount }]));
    assert_eq!(lines[0], (0, "espresso".into(), 2, 250, 50, Some(100), allocated(50)));
    assert_eq!(lines[1], (1, "eclair".into(), 1, 390, 39, Some(120), allocated(39)));

    let (key, payload): (String, Value) =
        sqlx::query_as("select key, payload::jsonb from outbox where topic = 'kava.purchases.v1'")
            .fetch_one(&scene.pool)
            .await
            .unwrap();
    assert_eq!(key, guest.id.to_string());
    assert_eq!((&payload["what"], &payload["total"]), (&Value::from("closed"), &Value::from(801)));
    assert_eq!(payload["lines"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn nobodys_purchase_is_recorded_too() {
    let scene = Scene::set().await;
    let session = scene.put(scene.id(), basket(None, &[("mystery", 2)])).await.unwrap();
    let closed = scene.close(&session, "R-1", "k1").await.unwrap();
    assert_eq!((closed.value.savings, closed.value.segment_changed), (None, Some(None)));
    assert!(closed.body.contains("\"segment_changed\":null"));
    assert_eq!(traces(&scene).await, [1, 1, 1, 0, 1]);
    let unknown = "select count(*) from receipt_lines where unit_cost is null and allocations is null";
    assert_eq!(scene.count(unknown).await, 1);
    let key: String = sqlx::query_scalar("select key from outbox").fetch_one(&scene.pool).await.unwrap();
    assert_eq!(key, session.session_id.to_string());
}

#[tokio::test]
async fn a_refused_close_changes_nothing_and_its_key_stays_free() {
    let scene = Scene::set().await;
    let (_, session) = quote(&scene).await;
    let id = session.session_id;
    let before = traces(&scene).await;
    let close = async |caller: &TillCaller, receipt: &str, amount: i64| {
        scene.shop.close(caller, id, &once("k"), paid(receipt, Amount(amount))).await.unwrap_err()
    };
    for amount in [800, 802, 0, -801, i64::MAX, i64::MIN] {
        let refusal = close(&scene.till, "R-1", amount).await;
        assert_eq!((refusal.kind, pointers(&refusal)), (Kind::Conflict, vec![("/paid", "paid-mismatch")]));
    }
    for receipt in ["", " R", "R\0", "R\n", &"R".repeat(65)] {
        let refusal = close(&scene.till, receipt, 801).await;
        assert_eq!(
            (refusal.kind, pointers(&refusal)),
            (Kind::Unacceptable, vec![("/receipt_number", "invalid-receipt-number")])
        );
    }
    assert!(close(&scene.elsewhere, "R-1", 801).await.is("session-not-found"));
    let missing = scene.shop.close(&scene.till, scene.id(), &once("k"), paid("R-1", Amount(1))).await.unwrap_err();
    assert!(missing.is("session-not-found"));
    assert_eq!(traces(&scene).await, before);
    scene.shop.close(&scene.till, id, &once("k"), paid("R-1", Amount(801))).await.unwrap();
}

#[tokio::test]
async fn an_empty_basket_is_no_purchase() {
    let scene = Scene::set().await;
    let session = scene.put(scene.id(), basket(None, &[])).await.unwrap();
    assert!(scene.close(&session, "R-1", "k").await.unwrap_err().is("session-empty"));
}

#[tokio::test]
async fn the_same_key_gets_the_same_bytes() {
    let scene = Scene::set().await;
    let (guest, session) = quote(&scene).await;
    let first = scene.close(&session, "R-1", "k1").await.unwrap();
    let once_written = traces(&scene).await;
    scene.advance(3_600);
    let again = scene.close(&session, "R-1", "k1").await.unwrap();
    assert!(again.replayed);
    assert_eq!((&again.body, &again.value), (&first.body, &first.value));
    assert!(scene.close(&session, "R-2", "k1").await.unwrap_err().is("idempotency-key-reused"));
    assert!(scene.cancel(&session, "k1").await.unwrap_err().is("idempotency-key-reused"));
    assert_eq!(traces(&scene).await, once_written);
    assert_eq!(scene.savings(&guest).await, 89);
}

#[tokio::test]
async fn a_till_that_lost_answer_and_key_asks_with_the_same_receipt() {
    let scene = Scene::set().await;
    let (guest, session) = quote(&scene).await;
    let first = scene.close(&session, "R-1", "k1").await.unwrap();
    scene.advance(3_600);
    let again = scene.close(&session, "R-1", "k2").await.unwrap();
    assert_eq!((again.body, again.value), (first.body, first.value));
    let refusal = scene.close(&session, "R-2", "k3").await.unwrap_err();
    assert_eq!((refusal.kind, refusal.key.as_str()), (Kind::Conflict, "session-not-open"));
    assert!(scene.put(session.session_id, basket(None, &[])).await.unwrap_err().is("session-not-open"));
    assert_eq!(scene.savings(&guest).await, 89);
    assert_eq!(traces(&scene).await[0], 1);
}

#[tokio::test]
async fn a_receipt_number_is_used_once_a_till() {
    let scene = Scene::set().await;
    let (guest, session) = quote(&scene).await;
    scene.close(&session, "R-1", "k1").await.unwrap();
    let other = scene.quoted(&guest, &[("espresso", 1)]).await;
    let refusal = scene.close(&other, "R-1", "k2").await.unwrap_err();
    assert_eq!((refusal.kind, refusal.key.as_str()), (Kind::Conflict, "receipt-already-used"));
    assert_eq!(scene.savings(&guest).await, 89);
    // Every till counts its own.
    let paid = paid("R-1", other.total);
    scene.shop.close(&scene.second, other.session_id, &once("k2"), paid).await.unwrap();
    assert_eq!(scene.savings(&guest).await, 89 + 25);
}

#[tokio::test]
async fn a_quote_that_no_longer_holds_is_stale() {
    let scene = Scene::set().await;
    let (guest, session) = quote(&scene).await;
    scene.advance(30 * 60);
    let refusal = scene.close(&session, "R-1", "k1").await.unwrap_err();
    assert_eq!((refusal.kind, refusal.key.as_str()), (Kind::Conflict, "evaluation-stale"));
    let request = basket(Some(guest.code.as_str()), &[("espresso", 1)]);
    let session = scene.put(session.session_id, request.clone()).await.unwrap();
    // The card is taken away between quote and close.
    scene.change("update cards set withdrawn_at = valid_from").await;
    assert!(scene.close(&session, "R-1", "k1").await.unwrap_err().is("evaluation-stale"));
    scene.change("update cards set withdrawn_at = null, valid_until = '2026-11-21T08:31:00Z'").await;
    scene.close(&session, "R-1", "k1").await.unwrap();
    let session = scene.quoted(&guest, &[("espresso", 1)]).await;
    assert_eq!(session.discount, Amount(25));
    scene.advance(60);
    assert!(scene.close(&session, "R-2", "k2").await.unwrap_err().is("evaluation-stale"));
}

#[tokio::test]
async fn a_card_that_gave_nothing_makes_nothing_stale() {
    let scene = Scene::set().await;
    let guest = scene.guest_with(CardScope::Basket, 1_000).await;
    let session = scene.quoted(&guest, &[("mystery", 1)]).await;
    scene.change("update cards set withdrawn_at = valid_from").await;
    scene.close(&session, "R-1", "k1").await.unwrap();
}

#[tokio::test]
async fn the_quote_pins_its_prices() {
    let scene = Scene::set().await;
    let (_, session) = quote(&scene).await;
    scene.change("update products set price = price * 2, cost = cost * 2").await;
    scene.change("update shop set catalogue_version = catalogue_version + 1").await;
    scene.close(&session, "R-1", "k1").await.unwrap();
    assert_eq!(scene.count("select sum(unit_cost)::bigint from receipt_lines").await, 220);
}

#[tokio::test]
async fn a_sale_whose_answer_was_lost_has_ended_for_every_call_after_it() {
    let scene = Scene::set_at(Pace::swift()).await;
    let session = scene.put(scene.id(), basket(None, &[("espresso", 2)])).await.unwrap();
    // It was written, and this process never heard of it.
    scene.restarted().close(&scene.till, session.session_id, &once("k1"), paid("R-1", session.total)).await.unwrap();
    assert!(scene.close(&session, "R-1", "k1").await.unwrap().replayed);
    for _ in 0..2 {
        let told = scene.shop.session(&scene.till, session.session_id).await.unwrap();
        assert_eq!(told.state, SessionState::Closed);
    }
    scene.give_back(&session, &[(0, 1)], "k2").await.unwrap();
}
