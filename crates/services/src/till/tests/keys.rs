use contract::{Kind, TillApi};
use store::tills;

use super::scene::{PRICE_KEY, Scene, TILL_KEY};
use crate::till::hash_key;

#[tokio::test]
async fn a_key_opens_its_own_till_and_nothing_else() {
    let scene = Scene::set().await;
    assert_eq!(scene.shop.authenticate(TILL_KEY).await.unwrap(), scene.till);
    assert_eq!(scene.shop.authenticate(PRICE_KEY).await.unwrap(), scene.second);
    for wrong in ["", "nobody's", &"x".repeat(100_000), &TILL_KEY.to_uppercase()] {
        assert_eq!(scene.shop.authenticate(wrong).await.unwrap_err().kind, Kind::Unauthenticated);
    }
}

#[tokio::test]
async fn a_revoked_key_stops_within_seconds() {
    let scene = Scene::set().await;
    scene.shop.authenticate(TILL_KEY).await.unwrap();
    let mut tx = scene.shop.store.begin().await.unwrap();
    assert!(tills::revoke_key(&mut tx, &hash_key(TILL_KEY), scene.now()).await.unwrap());
    store::commit(tx).await.unwrap();
    scene.advance(2);
    assert_eq!(scene.shop.authenticate(TILL_KEY).await.unwrap_err().kind, Kind::Unauthenticated);
}

#[tokio::test]
async fn an_integrators_key_is_no_till() {
    let scene = Scene::set().await;
    let mut tx = scene.shop.store.begin().await.unwrap();
    tills::create_key(&mut tx, &hash_key("catalogue"), None, &["catalogue"], scene.now()).await.unwrap();
    tills::create_key(&mut tx, &hash_key("till-less"), Some(scene.till.till), &["orders"], scene.now()).await.unwrap();
    store::commit(tx).await.unwrap();
    for key in ["catalogue", "till-less"] {
        assert_eq!(scene.shop.authenticate(key).await.unwrap_err().kind, Kind::Forbidden);
    }
}
