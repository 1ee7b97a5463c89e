use contract::till::{QuoteMode, TillCaller};
use contract::{Kind, TillApi};
use domain::code::{CodeHandle, RotatingSecret, StaticCode, step_at};
use domain::{Amount, CardScope, CategoryId, CodeKind, Locale};

use super::scene::{Scene, basket, once, pointers};

#[tokio::test]
async fn a_code_tells_who_it_is_and_what_they_may_redeem() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let told = scene.shop.identify(&scene.till, &once("a"), guest.code.as_str()).await.unwrap();
    assert_eq!((told.value.customer.id, told.value.code_kind), (guest.id, CodeKind::Static));
    assert_eq!(told.value.customer.display_name, "Anna");
    assert_eq!(told.value.savings.amount, Amount::ZERO);
    assert_eq!(told.value.cards.len(), 1);
    assert!(told.value.cards[0].active && told.value.cards[0].id == guest.card);
    let told = scene.shop.identify(&scene.till, &once("b"), &scene.shows(&guest)).await.unwrap();
    assert_eq!((told.value.customer.id, told.value.code_kind), (guest.id, CodeKind::Rotating));
}

#[tokio::test]
async fn who_stands_at_the_till_reads_the_cards_in_their_own_language() {
    let scene = Scene::set().await;
    scene.change("update categories set title_ru = 'кофе' where id = 'coffee'").await;
    let scope = CardScope::Category(CategoryId::new("coffee"));
    let guest = scene.guest_with(scope, 1_000).await;
    let titles = async |locale, key: &str| {
        let caller = TillCaller { locale, ..scene.till.clone() };
        let told = scene.shop.identify(&caller, &once(key), guest.code.as_str()).await.unwrap();
        serde_json::to_value(&told.value.cards[0]).unwrap()["title"].as_str().unwrap().to_owned()
    };
    let russian = titles(Locale::Ru, "a").await;
    assert!(russian.contains("кофе"), "{russian}");
    let english = titles(Locale::En, "b").await;
    assert!(!english.contains("кофе"), "{english}");
}

/// An imported customer's first visit: the cards are issued while the till waits, and must be there for it.
#[tokio::test]
async fn cards_that_the_call_itself_had_issued_are_shown_and_count() {
    let scene = Scene::set().await;
    let (guest, other) = (scene.guest().await, scene.guest().await);
    scene.change("update cards set withdrawn_at = valid_from").await;
    scene.change("update customers set offers_version = offers_version + 1").await;
    let told = scene.shop.identify(&scene.till, &once("a"), guest.code.as_str()).await.unwrap();
    assert!(!told.value.cards.is_empty());
    let quoted = scene.quoted(&other, &[("eclair", 2)]).await;
    assert!(quoted.discount > Amount::ZERO && quoted.degraded.is_none());
}

#[tokio::test]
async fn every_unknown_code_gets_one_answer() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let now = step_at(scene.now());
    let nobodys = [
        StaticCode::from_seed(42).as_str().to_owned(),
        RotatingSecret([7; 32]).code(CodeHandle(1), now),
        // The right handle, another phone's secret.
        RotatingSecret([7; 32]).code(guest.handle, now),
        "nonsense".to_owned(),
        String::new(),
        "9".repeat(10_000),
    ];
    let mut answers = Vec::new();
    for (place, code) in nobodys.iter().enumerate() {
        let refusal = scene.shop.identify(&scene.till, &once(&format!("{place}")), code).await.unwrap_err();
        let quote = scene.put(scene.id(), basket(Some(code), &[])).await.unwrap_err();
        assert_eq!((pointers(&refusal)[0].0, pointers(&quote)[0].0), ("/code", "/customer_code"));
        answers.push((refusal, quote));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    let (refusal, quote) = &answers[0];
    assert_eq!((refusal.kind, refusal.key.as_str()), (Kind::NotFound, "customer-not-found"));
    assert_eq!((refusal.kind, &refusal.key, &refusal.detail), (quote.kind, &quote.key, &quote.detail));
}

#[tokio::test]
async fn case_15_guessing_codes_soon_has_to_wait() {
    let scene = Scene::set().await;
    let mut refused = 0;
    for seed in 0..70 {
        let code = StaticCode::from_seed(seed);
        let refusal = scene.put(scene.id(), basket(Some(code.as_str()), &[])).await.unwrap_err();
        refused += i32::from(refusal.kind == Kind::TooMany && refusal.retry_after.is_some());
    }
    assert_eq!(refused, 10);
    // Another till is not the one who guesses.
    let refusal = scene.shop.identify(&scene.second, &once("x"), "nonsense").await.unwrap_err();
    assert_eq!(refusal.kind, Kind::NotFound);
}

#[tokio::test]
async fn case_13_a_rotating_code_identifies_once() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let code = scene.shows(&guest);
    let first = scene.shop.identify(&scene.till, &once("a"), &code).await.unwrap();
    for (caller, key) in [(&scene.till, "b"), (&scene.second, "a"), (&scene.elsewhere, "a")] {
        assert!(scene.shop.identify(caller, &once(key), &code).await.unwrap_err().is("code-replayed"));
    }
    let again = scene.shop.identify(&scene.till, &once("a"), &code).await.unwrap();
    assert!(again.replayed && !first.replayed);
    assert_eq!((again.body, again.value), (first.body, first.value));
    scene.advance(30);
    scene.shop.identify(&scene.till, &once("c"), &scene.shows(&guest)).await.unwrap();
}

#[tokio::test]
async fn case_13_a_code_that_left_the_screen_has_expired() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let code = scene.shows(&guest);
    scene.advance(60);
    let refusal = scene.shop.identify(&scene.till, &once("a"), &code).await.unwrap_err();
    assert_eq!((refusal.kind, refusal.key.as_str()), (Kind::Gone, "code-expired"));
    assert!(scene.put(scene.id(), basket(Some(&code), &[])).await.unwrap_err().is("code-expired"));
    // Nothing was stored: the same key may be used for the right code.
    scene.shop.identify(&scene.till, &once("a"), &scene.shows(&guest)).await.unwrap();
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let scene = Scene::set().await;
    let (one, two) = (scene.guest().await, scene.guest().await);
    scene.shop.identify(&scene.till, &once("a"), one.code.as_str()).await.unwrap();
    let refusal = scene.shop.identify(&scene.till, &once("a"), two.code.as_str()).await.unwrap_err();
    assert_eq!((refusal.kind, refusal.key.as_str()), (Kind::Unacceptable, "idempotency-key-reused"));
    // Another till's key of the same text is another key.
    scene.shop.identify(&scene.second, &once("a"), two.code.as_str()).await.unwrap();
    let session = scene.quoted(&one, &[("espresso", 1)]).await;
    assert!(scene.close(&session, "r", "a").await.unwrap_err().is("idempotency-key-reused"));
}

#[tokio::test]
async fn case_16_the_till_that_identified_uses_the_code_in_one_session() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let code = scene.shows(&guest);
    scene.shop.identify(&scene.till, &once("a"), &code).await.unwrap();
    let (id, other) = (scene.id(), scene.id());
    let request = basket(Some(&code), &[("espresso", 1)]);
    assert!(
        scene
            .shop
            .put_session(&scene.second, id, request.clone(), QuoteMode::Stored)
            .await
            .unwrap_err()
            .is("code-replayed")
    );
    assert_eq!(scene.put(id, request.clone()).await.unwrap().discount, Amount(25));
    // Long after it expired: the queue was slow, the customer is the same.
    scene.advance(600);
    assert_eq!(scene.put(id, request.clone()).await.unwrap().version, 2);
    assert!(scene.put(other, request.clone()).await.unwrap_err().is("code-replayed"));
    assert!(scene.shop.identify(&scene.till, &once("b"), &code).await.unwrap_err().is("code-expired"));
}

#[tokio::test]
async fn a_code_that_was_only_identified_is_not_kept_for_later() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let code = scene.shows(&guest);
    scene.shop.identify(&scene.till, &once("a"), &code).await.unwrap();
    scene.advance(31 * 60);
    assert!(scene.put(scene.id(), basket(Some(&code), &[])).await.unwrap_err().is("code-expired"));
}

#[tokio::test]
async fn a_session_may_be_opened_with_a_code_at_once_and_a_dry_one_uses_nothing() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let (code, id) = (scene.shows(&guest), scene.id());
    let request = basket(Some(&code), &[("espresso", 1)]);
    let dry = QuoteMode::Dry { at: None };
    scene.shop.put_session(&scene.second, scene.id(), request.clone(), dry).await.unwrap();
    scene.put(id, request.clone()).await.unwrap();
    assert!(scene.shop.identify(&scene.till, &once("a"), &code).await.unwrap_err().is("code-replayed"));
    // A colleague's till of the same store may go on with the session.
    scene.shop.put_session(&scene.second, id, request, QuoteMode::Stored).await.unwrap();
}
