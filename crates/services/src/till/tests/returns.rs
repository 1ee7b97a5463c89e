use std::collections::HashMap;

use contract::Kind;
use contract::TillApi;
use contract::till::{Effect, ReturnRequest};
use domain::{Amount, SessionState};
use proptest::prelude::*;
use serde_json::json;

use super::scene::{Scene, once, pointers, returning, ten_off_once, with_coupon};

#[tokio::test]
async fn case_6_a_cup_comes_back_for_what_it_cost() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let session = scene.quoted(&guest, &[("espresso", 3), ("eclair", 1)]).await;
    let closed = scene.close(&session, "R-1", "k1").await.unwrap().value;
    let spent = scene.shop.store.customer(guest.id).await.unwrap().unwrap();
    scene.advance(60);

    let first = scene.give_back(&session, &[(0, 1)], "k2").await.unwrap();
    let told = &first.value;
    assert_eq!((told.session.state, told.session.version), (SessionState::PartiallyReturned, 3));
    // 10 % off 2.50, once; the sale itself stays as it was.
    assert_eq!((told.refund.amount, told.lines[0].amount, told.lines.len()), (Amount(225), Amount(225), 1));
    assert_eq!((told.session.lines[0].returned, told.session.lines[0].total), (1, closed.lines[0].total));
    assert_eq!(told.session.total, closed.total);
    let card = closed.lines[0].allocations[0].clone();
    let rollback = Effect::RollbackDiscount { position: 0, source: card.source, id: card.id, amount: Amount(25) };
    assert_eq!(told.session.effects, [rollback]);
    assert_eq!(told.session.savings.unwrap().amount, closed.discount - Amount(25));
    assert_eq!(scene.savings(&guest).await, closed.discount.0 - 25);
    let after = scene.shop.store.customer(guest.id).await.unwrap().unwrap();
    assert_eq!((after.visits, after.spent), (spent.visits, spent.spent - Amount(225)));

    // Twice is once, and the stored session is the one that was told.
    let again = scene.give_back(&session, &[(0, 1)], "k2").await.unwrap();
    assert_eq!((&again.body, again.replayed), (&first.body, true));
    assert!(scene.give_back(&session, &[(0, 2)], "k2").await.unwrap_err().is("idempotency-key-reused"));
    assert_eq!(scene.shop.session(&scene.till, session.session_id).await.unwrap(), told.session);

    // The books: a receipt of its own, the sale the other way round, which a fit reads the same as the purchase told.
    let receipt = "select count(*) from receipts where kind = 'return' and subtotal = -250 and discount = -25 \
        and total = -225 and number = 'R-1' and lines = 1";
    assert_eq!(scene.count(receipt).await, 1);
    let line = "select count(*) from receipt_lines where quantity = -1 and discount = -25 and unit_cost = 100";
    assert_eq!(scene.count(line).await, 1);
    let told = "select count(*) from outbox where topic = 'kava.purchases.v1' and payload::jsonb->>'what' = 'returned' \
        and (payload::jsonb->'return'->>'refund')::bigint = 225";
    assert_eq!(scene.count(told).await, 1);
    let mut tx = scene.shop.store.begin().await.unwrap();
    let changed = store::segments::refresh(&mut tx, store::segments::Whose::Everybody).await.unwrap();
    assert_eq!(changed, 0, "from scratch is as it was counted");
    tx.rollback().await.unwrap();

    // The rest comes back for the rest.
    let rest = scene.give_back(&session, &[(0, 1), (1, 1), (0, 1)], "k3").await.unwrap().value;
    assert_eq!(rest.refund.amount, closed.total - Amount(225));
    assert_eq!(scene.savings(&guest).await, 0);
    let refusal = scene.give_back(&session, &[(1, 1)], "k4").await.unwrap_err();
    assert_eq!((refusal.kind, refusal.key.as_str()), (Kind::Unacceptable, "return-exceeds-sold"));
    assert_eq!(pointers(&refusal), [("/lines/0/quantity", "return-exceeds-sold")]);
}

#[tokio::test]
async fn what_cannot_come_back_is_told_and_changes_nothing() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let session = scene.quoted(&guest, &[("espresso", 2), ("eclair", 1)]).await;
    assert!(scene.give_back(&session, &[(0, 1)], "a").await.unwrap_err().is("session-not-closed"));
    scene.close(&session, "R-1", "k1").await.unwrap();
    for (till, id) in [(&scene.elsewhere, session.session_id), (&scene.till, scene.id())] {
        let told = scene.shop.return_lines(till, id, &once("k"), returning(&[(0, 1)])).await;
        assert!(told.unwrap_err().is("session-not-found"));
    }
    let refusal = scene.give_back(&session, &[(0, 1), (7, 1), (1, 2), (0, 2)], "b").await.unwrap_err();
    let over = |pointer| (pointer, "return-exceeds-sold");
    assert_eq!(pointers(&refusal), [over("/lines/1/position"), over("/lines/2/quantity"), over("/lines/3/quantity")]);
    for (lines, pointer) in [
        (vec![], "/lines"),
        (vec![(0, 1); 201], "/lines"),
        (vec![(0, 0)], "/lines/0/quantity"),
        (vec![(0, 1), (0, -1)], "/lines/1/quantity"),
        (vec![(0, i64::MAX)], "/lines/0/quantity"),
    ] {
        let refusal = scene.give_back(&session, &lines, "c").await.unwrap_err();
        assert_eq!((refusal.key.as_str(), refusal.faults[0].pointer.as_str()), ("invalid-return", pointer));
    }
    for reason in ["x".repeat(501), "nul\0".to_owned()] {
        let request = ReturnRequest { reason, ..returning(&[(0, 1)]) };
        let told = scene.shop.return_lines(&scene.till, session.session_id, &once("d"), request).await;
        assert_eq!(pointers(&told.unwrap_err()), [("/reason", "reason-out-of-bounds")]);
    }
    assert_eq!(scene.count("select count(*) from receipts where kind = 'return'").await, 0);
    assert_eq!(scene.count("select count(*) from idempotency_keys").await, 1);
}

/// vendure#4811: a part that comes back must not spread the discount anew; Sylius#10125: what is back frees its coupon.
#[tokio::test]
async fn a_coupon_and_a_budget_are_free_again_when_everything_is_back() {
    let scene = Scene::set().await;
    scene.publish(json!([ten_off_once()])).await;
    let with_coupon = || with_coupon(&[("espresso", 2), ("eclair", 1)]);
    let session = scene.put(scene.id(), with_coupon()).await.unwrap();
    assert_eq!(session.discount, Amount(89));
    scene.close(&session, "R-1", "k1").await.unwrap();
    let committed = "select sum(committed)::bigint from limit_accounts";
    assert_eq!(scene.count(committed).await, 90, "one use of the code, 0.89 of the budget");

    let part = scene.give_back(&session, &[(0, 1)], "k2").await.unwrap().value;
    assert_eq!(part.refund.amount, Amount(225));
    assert!(part.session.effects.iter().any(|effect| matches!(effect, Effect::AcceptCoupon { .. })));
    assert_eq!(scene.count(committed).await, 90);
    let refused = scene.put(scene.id(), with_coupon()).await.unwrap();
    assert!(refused.effects.iter().any(|effect| matches!(effect, Effect::RejectCoupon { .. })));

    let rest = scene.give_back(&session, &[(0, 1), (1, 1)], "k3").await.unwrap().value;
    assert_eq!(rest.refund.amount + part.refund.amount, session.total);
    let rollback = Effect::RollbackCoupon { code: "ONCE".into() };
    assert!(rest.session.effects.contains(&rollback), "{:?}", rest.session.effects);
    assert_eq!(scene.count(committed).await, 0);
    assert_eq!(scene.shop.store.audit_limits().await.unwrap(), []);
    assert_eq!(scene.put(scene.id(), with_coupon()).await.unwrap().discount, Amount(89));
    // Cancelling what has come back whole gives nothing twice.
    scene.cancel(&session, "k4").await.unwrap();
    assert_eq!(scene.count(committed).await, 0);
    assert_eq!(scene.shop.store.audit_limits().await.unwrap(), []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    /// Any basket, in any parts, in any order: refunds add up to what was paid, and savings to nothing.
    #[test]
    fn in_whatever_parts_it_comes_back_it_is_what_was_paid(
        units in prop::collection::vec(1_i64..7, 1..5),
        order in prop::collection::vec((0_usize..5, 1_i64..4), 1..10),
        bp in 1_u32..6_000,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let scene = Scene::set().await;
            let guest = scene.guest_with(domain::CardScope::Basket, bp).await;
            let skus = ["espresso", "eclair", "latte", "espresso"];
            let lines: Vec<(&str, i64)> = skus.into_iter().zip(units.iter().copied()).collect();
            let session = scene.quoted(&guest, &lines).await;
            scene.close(&session, "R-1", "k1").await.unwrap();
            let mut left: HashMap<u16, i64> =
                lines.iter().enumerate().map(|(place, (_, units))| (place as u16, *units)).collect();
            let mut refunded = 0;
            let every = (0..lines.len()).map(|place| (place, i64::MAX));
            for (step, (place, units)) in order.iter().copied().chain(every).enumerate() {
                let place = (place % lines.len()) as u16;
                let units = units.min(left[&place]);
                if units == 0 {
                    continue;
                }
                let told = scene.give_back(&session, &[(place, units)], &format!("r{step}")).await.unwrap().value;
                refunded += told.refund.amount.0;
                *left.get_mut(&place).unwrap() -= units;
                assert!(refunded <= session.total.0);
                let sold = "select sum(total)::bigint from receipts";
                assert_eq!(scene.count(sold).await, session.total.0 - refunded);
            }
            assert_eq!(refunded, session.total.0);
            assert_eq!(scene.savings(&guest).await, 0);
            let kept = "select count(*) from receipts having sum(subtotal) <> 0 or sum(discount) <> 0";
            let odd: Option<i64> = sqlx::query_scalar(kept).fetch_optional(&scene.pool).await.unwrap();
            assert_eq!(odd, None);
        });
    }
}

/// Nothing is allocated anew: what unlocked a gift goes back for what was paid for it, and so does the gift.
#[tokio::test]
async fn case_6_what_unlocked_a_gift_comes_back_for_what_was_paid_for_it() {
    let scene = Scene::set().await;
    let slot = |sku: &str| json!({"of": {"skus": [sku]}, "quantity": 1});
    scene
        .publish(json!([{
            "id": "01980000-0000-7000-8000-0000000000b6", "name": {"en": "Coffee with a cake", "ru": "Кофе к торту"},
            "coupon": {"per_code": 1},
            "rules": [{"name": "pair", "then": [
                {"buy_x_get_y": {"buy": slot("eclair"), "get": slot("espresso"), "rate_bp": 10_000}},
            ]}],
        }]))
        .await;
    let session = scene.put(scene.id(), with_coupon(&[("eclair", 1), ("espresso", 1)])).await.unwrap();
    // The deal's discount is spread over all that belongs to it: what goes back takes its part along.
    let closed = scene.close(&session, "R-1", "k1").await.unwrap().value;
    let [cake_paid, coffee_paid] = [closed.lines[0].total, closed.lines[1].total];
    assert!(cake_paid < Amount(390) && coffee_paid < Amount(250) && closed.discount == Amount(250), "{closed:?}");
    let cake = scene.give_back(&session, &[(0, 1)], "k2").await.unwrap().value;
    assert_eq!(cake.refund.amount, cake_paid);
    let coffee = scene.give_back(&session, &[(1, 1)], "k3").await.unwrap().value;
    assert_eq!((coffee.refund.amount, cake.refund.amount + coffee.refund.amount), (coffee_paid, closed.total));
}
