use contract::TillApi;
use contract::till::{CouponRejection, Effect, QuoteMode, Session, SessionRequest, Source};
use domain::Locale;
use serde_json::json;
use uuid::Uuid;

use super::scene::{Scene, basket, ten_off_once, with_coupon};

fn rejection(session: &Session) -> Option<CouponRejection> {
    session.effects.iter().find_map(|effect| match effect {
        Effect::RejectCoupon { reason, .. } => Some(*reason),
        _ => None,
    })
}

#[tokio::test]
async fn every_quote_says_why_and_why_not() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let large = json!({
        "id": Uuid::from_u128(2), "name": {"en": "Large basket", "ru": "Большая корзина"},
        "rules": [{"name": "all", "when": {"subtotal": {"at_least": 5000}}, "then": [{"percentage": {"rate_bp": 2000}}]}],
    });
    scene.publish(json!([ten_off_once(), large])).await;
    let id = scene.id();
    let request = SessionRequest {
        explain: Some(Locale::Ru),
        coupon_codes: vec!["nothing".into()],
        ..basket(Some(guest.code.as_str()), &[("espresso", 2)])
    };
    let quoted = scene.put(id, request.clone()).await.unwrap();
    let told = quoted.explanation.clone().unwrap();
    let of = |source| told.verdicts.iter().filter(move |verdict| verdict.source == source);
    let card = of(Source::Card).next().unwrap();
    assert!(card.applied && card.key == "applied" && card.granted == Some(quoted.discount));
    let large = of(Source::Campaign).find(|verdict| verdict.key == "subtotal_too_low").unwrap();
    assert_eq!((large.applied, large.name.as_deref()), (false, Some("Большая корзина")));
    assert!(large.words.chars().any(|c| ('а'..='я').contains(&c)), "{}", large.words);
    assert!(of(Source::Campaign).any(|verdict| verdict.key == "coupon_needed"));
    assert_eq!(of(Source::Coupon).next().unwrap().key, "coupon_not_found");

    // Asked for later it is the same, also of a closed session, and of nobody else's.
    let again = scene.shop.explain(&scene.till, id, Locale::Ru).await.unwrap();
    assert_eq!(again, told);
    scene.close(&quoted, "R-1", "k1").await.unwrap();
    scene.publish(json!([ten_off_once()])).await;
    assert_eq!(scene.restarted().explain(&scene.till, id, Locale::Ru).await.unwrap(), told, "by its own rules");
    let english = scene.shop.explain(&scene.till, id, Locale::En).await.unwrap();
    assert_eq!(english.verdicts.len(), told.verdicts.len());
    assert!(scene.shop.explain(&scene.elsewhere, id, Locale::En).await.unwrap_err().is("session-not-found"));
    assert!(scene.shop.explain(&scene.till, scene.id(), Locale::En).await.unwrap_err().is("session-not-found"));
    // What nobody asked for is not there, and what is stored never has it.
    assert_eq!(scene.shop.session(&scene.till, id).await.unwrap().explanation, None);
    let dry = QuoteMode::Dry { at: None };
    let dry = scene.shop.put_session(&scene.till, scene.id(), request, dry).await.unwrap();
    assert_eq!(dry.explanation.map(|told| told.verdicts.len()), Some(3), "a campaign, the card, the code");
}

#[tokio::test]
async fn a_code_that_another_basket_holds_may_come_back_and_one_that_is_spent_does_not() {
    let scene = Scene::set().await;
    scene.publish(json!([ten_off_once()])).await;
    let first = scene.put(scene.id(), with_coupon(&[("espresso", 1)])).await.unwrap();
    assert_eq!(rejection(&first), None);
    let other = scene.id();
    let second = scene.put(other, with_coupon(&[("espresso", 1)])).await.unwrap();
    assert_eq!((rejection(&second), second.discount.0), (Some(CouponRejection::ReservedElsewhere), 0));
    scene.cancel(&first, "k1").await.unwrap();
    let second = scene.put(other, with_coupon(&[("espresso", 1)])).await.unwrap();
    assert_eq!((rejection(&second), second.discount.0), (None, 25));
    scene.close(&second, "R-1", "k2").await.unwrap();
    let third = scene.put(scene.id(), with_coupon(&[("espresso", 1)])).await.unwrap();
    assert_eq!(rejection(&third), Some(CouponRejection::CouponLimitReached));
}
