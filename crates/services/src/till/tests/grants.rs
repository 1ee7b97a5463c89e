use ::till::{GrantError, Wallet};
use chrono::TimeDelta;
use contract::OfflineApi;
use contract::offline::{GrantPage, GrantsRequest};
use contract::till::TillCaller;
use domain::{Amount, CardScope, CustomerCode, GrantId, Rate};

use super::scene::{Guest, Scene};
use crate::Shop;
use crate::grants::Terms;

async fn page(shop: &Shop, caller: &TillCaller, request: GrantsRequest) -> GrantPage {
    shop.grants(caller, request).await.unwrap()
}

fn all() -> GrantsRequest {
    GrantsRequest { limit: 200, ..GrantsRequest::default() }
}

fn loss(page: &GrantPage) -> i64 {
    page.worst_case_loss.amount.minor()
}

fn terms(max_amount: i64, store_bound: i64) -> Terms {
    Terms { max_amount: Amount(max_amount), store_bound: Amount(store_bound), lasts: TimeDelta::hours(4) }
}

#[tokio::test]
async fn a_till_without_a_network_recognises_its_guest_and_gives_what_was_signed() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let mut wallet = Wallet::default();
    wallet.take(page(&scene.shop, &scene.till, all()).await).unwrap();
    let at = (scene.till.store, scene.till.till);
    let found = wallet.find(&CustomerCode::Static(guest.code.clone()), at, scene.now()).unwrap().unwrap();
    let grant = found.grant();
    assert_eq!((grant.customer, grant.card.id, grant.card.rate_bp), (guest.id, guest.card, Rate(1_000)));
    assert_eq!((grant.max_amount, grant.expires_at - grant.issued_at), (Amount(500), TimeDelta::hours(4)));
    let rotating = CustomerCode::parse(&scene.shows(&guest)).unwrap();
    assert_eq!(wallet.find(&rotating, at, scene.now()).unwrap().unwrap(), found);
    // Another till of the same store can do nothing with it.
    let second = (scene.second.store, scene.second.till);
    let code = CustomerCode::Static(guest.code.clone());
    assert_eq!(wallet.find(&code, second, scene.now()), Err(GrantError::OtherTill));
    // Offline as online: latte's margin is too thin, mystery's cost is unknown, a bag is never discounted.
    let basket = ["espresso", "latte", "eclair", "mystery", "bag"];
    let prices = [250, 400, 390, 500, 20];
    let lines = basket.iter().zip(prices).map(|(sku, price)| ::till::wallet::Line {
        sku: (*sku).to_owned(),
        quantity: 2,
        unit_price: Amount(price),
    });
    let decision = wallet.give(&found, &::till::Basket { lines: lines.collect() });
    let online = scene.quoted(&guest, &basket.map(|sku| (sku, 2))).await;
    assert_eq!(decision.discounts[0], online.lines[0].discount);
    assert_eq!(decision.discounts[2], online.lines[2].discount);
    assert_eq!((decision.discounts[3], decision.discounts[4]), (Amount::ZERO, Amount::ZERO));
}

#[tokio::test]
async fn the_worst_case_is_the_sum_of_what_is_out_and_never_over_the_bound() {
    let scene = Scene::set().await;
    let shop = scene.shop.clone().with_grant_terms(terms(300, 2_000));
    for _ in 0..7 {
        scene.guest().await;
    }
    // Two tills in this store: 1,000 for each of them, which is three grants.
    let first = page(&shop, &scene.till, all()).await;
    assert_eq!((first.grants.len(), loss(&first)), (3, 900));
    let second = page(&shop, &scene.second, all()).await;
    assert_eq!((second.grants.len(), loss(&second)), (3, 1_800));
    assert_eq!(second.store_bound.amount, Amount(2_000));
    // Asking again signs the same again, until later.
    scene.advance(3_600);
    let again = page(&shop, &scene.till, all()).await;
    let ids = |page: &GrantPage| page.grants.iter().map(|grant| (grant.grant_id, grant.counter)).collect::<Vec<_>>();
    let moved: Vec<(GrantId, i64)> = ids(&first).into_iter().map(|(id, counter)| (id, counter + 1)).collect();
    assert_eq!((ids(&again), loss(&again)), (moved, 1_800));
    assert!(again.grants[0].expires_at > first.grants[0].expires_at);
    // Another store has a bound of its own.
    assert_eq!(loss(&page(&shop, &scene.elsewhere, all()).await), 1_800);
    // What ended long ago is out no more.
    scene.advance(8 * 86_400);
    assert_eq!(shop.store.worst_case_loss(scene.till.store, scene.now()).await.unwrap(), Amount::ZERO);
    let none = page(&scene.shop.clone().with_grant_terms(terms(300, 0)), &scene.till, all()).await;
    assert_eq!((none.grants.len(), loss(&none)), (0, 0));
}

#[tokio::test]
async fn tills_that_ask_at_the_same_time_stay_within_the_bound_together() {
    let scene = Scene::set().await;
    let shop = scene.shop.clone().with_grant_terms(terms(300, 2_000));
    for _ in 0..9 {
        scene.guest().await;
    }
    let asked = [&scene.till, &scene.second].repeat(6).into_iter().map(|caller| page(&shop, caller, all()));
    for answer in futures::future::join_all(asked).await {
        assert!(loss(&answer) <= 2_000);
        assert_eq!(answer.grants.len(), 3);
    }
    assert_eq!(scene.count("select count(*) from grants").await, 6);
}

#[tokio::test]
async fn who_comes_here_is_first_and_pages_have_everybody_once() {
    let scene = Scene::set().await;
    let guests: Vec<Guest> = futures::future::join_all((0..5).map(|_| scene.guest())).await;
    let regular = &guests[2];
    let session = scene.quoted(regular, &[("espresso", 1)]).await;
    scene.close(&session, "R-1", "k1").await.unwrap();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let answer = page(
            &scene.shop,
            &scene.till,
            GrantsRequest { after: after.clone(), limit: 2, ..GrantsRequest::default() },
        );
        let answer = answer.await;
        assert_eq!(answer.shelf.is_some(), after.is_none(), "the shelf comes with the first page");
        seen.extend(answer.grants.iter().map(|grant| grant.customer));
        after = answer.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen[0], regular.id);
    seen.sort();
    let mut everybody: Vec<_> = guests.iter().map(|guest| guest.id).collect();
    everybody.sort();
    assert_eq!(seen, everybody);
}

#[tokio::test]
async fn another_card_is_another_grant_and_the_old_one_runs_out() {
    let scene = Scene::set().await;
    let guest = scene.guest_with(CardScope::Basket, 1_000).await;
    let first = page(&scene.shop, &scene.till, all()).await;
    scene.change("update cards set rate_bp = 2000").await;
    let second = page(&scene.shop, &scene.till, all()).await;
    assert_eq!(second.grants[0].customer, guest.id);
    assert_ne!(second.grants[0].grant_id, first.grants[0].grant_id);
    // Both may still be spent by a till that is offline now.
    assert_eq!(loss(&second), 1_000);
}

#[tokio::test]
async fn what_is_not_theirs_is_refused_and_what_they_have_is_not_sent_again() {
    let scene = Scene::set().await;
    let ask = async |request| scene.shop.grants(&scene.till, request).await;
    let named = |store: &str| GrantsRequest { store: Some(store.to_owned()), ..all() };
    assert!(ask(named("Minsk 1")).await.is_ok());
    assert!(ask(named(&scene.till.store.to_string())).await.is_ok());
    for store in ["Minsk 2", &scene.elsewhere.store.to_string(), "'; drop table grants"] {
        assert!(ask(named(store)).await.unwrap_err().is("store-not-found"));
    }
    for after in ["", ".", "1", "x.y", "99999999999999999999.x", "1.2"] {
        let bad = ask(GrantsRequest { after: Some(after.to_owned()), ..all() }).await.unwrap_err();
        assert!(bad.is("invalid-query"), "{after}");
    }
    let shelf = ask(all()).await.unwrap().shelf.unwrap();
    assert_eq!(
        shelf.products.iter().map(|product| product.sku.as_str()).collect::<Vec<_>>(),
        ["eclair", "espresso", "latte"]
    );
    assert_eq!(ask(GrantsRequest { shelf: Some(shelf.hash), ..all() }).await.unwrap().shelf, None);
}

#[tokio::test]
async fn a_new_key_signs_the_same_grants() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let before = page(&scene.shop, &scene.till, all()).await;
    let key_id = scene.shop.renew_grant_key().await.unwrap();
    let after = page(&scene.shop, &scene.till, all()).await;
    assert_ne!(before.key, after.key);
    assert_eq!(after.key.key_id, key_id);
    let mut wallet = Wallet::default();
    wallet.take(before).unwrap();
    wallet.take(after).unwrap();
    let at = (scene.till.store, scene.till.till);
    assert!(wallet.find(&CustomerCode::Static(guest.code), at, scene.now()).unwrap().is_some());
}

#[tokio::test]
async fn where_static_codes_may_not_redeem_they_find_no_grant() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    scene.change("update shop set redeem_with_static_code = false").await;
    let mut wallet = Wallet::default();
    wallet.take(page(&scene.shop, &scene.till, all()).await).unwrap();
    let at = (scene.till.store, scene.till.till);
    let rotating = CustomerCode::parse(&scene.shows(&guest)).unwrap();
    assert_eq!(wallet.find(&CustomerCode::Static(guest.code), at, scene.now()), Ok(None));
    assert!(wallet.find(&rotating, at, scene.now()).unwrap().is_some());
}
