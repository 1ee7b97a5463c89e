use contract::TillApi;
use serde_json::json;
use uuid::Uuid;

use super::scene::{Scene, basket, once, ten_off_once, with_coupon};
use crate::till::Replayed;

#[tokio::test]
async fn a_sale_that_is_made_again_is_the_same_to_the_last_unit() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    // A budget that clips, a floor that clips, a code that is used once.
    let short = json!({
        "id": Uuid::from_u128(2), "name": {"en": "Short", "ru": "Мало"},
        "budgets": [{"action": "discount", "limit": 7}],
        "rules": [{"name": "all", "then": [{"percentage": {"rate_bp": 500}}]}],
    });
    scene.publish(json!([ten_off_once(), short])).await;
    let mut request = with_coupon(&[("espresso", 3), ("latte", 2), ("eclair", 1), ("mystery", 1)]);
    request.customer_code = Some(guest.code.as_str().to_owned());
    let session = scene.put(scene.id(), request).await.unwrap();
    scene.close(&session, "R-1", "k1").await.unwrap();
    scene.advance(86_400);
    // What is in force since then, and what things cost now, has no part in it.
    scene
        .publish(json!([{
            "id": Uuid::from_u128(1), "name": {"en": "New", "ru": "Новая"}, "coupon": {"per_code": 1},
            "rules": [{"name": "all", "then": [{"percentage": {"rate_bp": 9000}}]}],
        }]))
        .await;
    scene.change("update products set price = 9999, cost = 1").await;
    for shop in [scene.shop.clone(), scene.restarted()] {
        let Replayed::Identical(from) = shop.replay(session.session_id).await.unwrap() else {
            panic!("{:?}", shop.replay(session.session_id).await.unwrap());
        };
        assert_eq!((from.total, from.lines, from.coupons.len()), (session.total, 4, 1));
        assert_eq!((from.receipt_number.as_deref(), from.card), (Some("R-1"), Some(guest.card)));
    }
    // What came back later is no other decision.
    scene.give_back(&session, &[(0, 1)], "k2").await.unwrap();
    assert!(matches!(scene.shop.replay(session.session_id).await.unwrap(), Replayed::Identical(_)));
    scene.cancel(&session, "k3").await.unwrap();
    assert!(matches!(scene.shop.replay(session.session_id).await.unwrap(), Replayed::Identical(_)));
}

#[tokio::test]
async fn what_somebody_changed_is_found_and_what_cannot_be_made_again_says_so() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let session = scene.quoted(&guest, &[("espresso", 2), ("eclair", 1)]).await;
    let why = |replayed: Replayed| match replayed {
        Replayed::Impossible { why } => why,
        other => panic!("{other:?}"),
    };
    assert!(why(scene.shop.replay(session.session_id).await.unwrap()).contains("open"));
    assert!(why(scene.shop.replay(scene.id()).await.unwrap()).contains("no such session"));
    scene.close(&session, "R-1", "k1").await.unwrap();
    scene.change("update receipt_lines set discount = discount + 1 where position = 1").await;
    let places = |replayed: Replayed| match replayed {
        Replayed::Different { differences, .. } => {
            differences.into_iter().map(|difference| difference.pointer).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(places(scene.shop.replay(session.session_id).await.unwrap()), ["/receipt/1/discount"]);
    scene.change("update receipt_lines set discount = discount - 1 where position = 1").await;
    let forged = "update session_answers set body = replace(body, '\"total\":450', '\"total\":449')";
    scene.change(forged).await;
    assert_eq!(places(scene.shop.replay(session.session_id).await.unwrap()), ["/lines/0/total"]);
    scene.change("update sessions set basis = '{}'").await;
    assert!(why(scene.shop.replay(session.session_id).await.unwrap()).contains("basis"));

    let given_up = scene.put(scene.id(), basket(None, &[("espresso", 1)])).await.unwrap();
    scene.shop.cancel(&scene.till, given_up.session_id, &once("k2")).await.unwrap();
    assert!(why(scene.shop.replay(given_up.session_id).await.unwrap()).contains("never closed"));
}
