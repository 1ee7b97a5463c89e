use contract::customer::CustomerApi;
use domain::{Amount, CardScope, Locale};
use store::catalogue::upsert_product;

use super::scene::{Scene, key_of, product};

#[tokio::test]
async fn the_menu_has_categories_and_one_of_them_in_the_readers_language() {
    let scene = Scene::set().await;
    let menu = scene.shop.menu(None, None, 1, Locale::Ru).await.unwrap();
    let categories: Vec<_> = menu.categories.iter().map(|c| (c.id.as_str(), c.title.as_str(), c.products)).collect();
    assert_eq!(categories, [("coffee", "Кофе", 4), ("cakes", "Торты", 1)], "postage is not on the menu");
    assert_eq!(menu.category.as_deref(), Some("coffee"));
    let names: Vec<_> = menu.products.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["espresso-ру", "latte-ру", "bean-bag-ру", "mystery-ру"]);
    assert_eq!(menu.products[0].description, "Hot", "what is not translated is shown as it is");
    let cakes = scene.shop.menu(None, Some("cakes"), 1, Locale::En).await.unwrap();
    assert_eq!(cakes.products.len(), 1);
    assert!(cakes.products.iter().all(|p| p.your_price.is_none()), "nobody is signed in");
}

#[tokio::test]
async fn the_active_card_is_taken_off_under_the_floor() {
    let scene = Scene::set().await;
    let caller = scene.guest(1).await;
    let prices = async || {
        let menu = scene.shop.menu(Some(caller), Some("coffee"), 1, Locale::En).await.unwrap();
        menu.products.into_iter().map(|p| p.your_price).collect::<Vec<_>>()
    };
    // 10 % off the basket: 25 and 40; the bean bag stops at its floor of 385; no cost, no discount.
    let basket = [Some(Amount(225)), Some(Amount(360)), Some(Amount(385)), None];
    assert_eq!(prices().await, basket);
    let cards = scene.shop.home(caller).await.unwrap().cards;
    let product = cards.iter().find(|card| matches!(card.scope, CardScope::Product(_))).unwrap();
    scene.shop.choose_card(caller, product.id).await.unwrap();
    // 15 % of 250 is 37.5: half a unit goes to the customer.
    assert_eq!(prices().await, [Some(Amount(212)), None, None, None]);
    // What the menu says is what one unit costs at the till.
    let session = scene.buy(caller, &[("espresso", 1)], "1").await;
    assert_eq!(session.total, Amount(212));
}

#[tokio::test]
async fn pages_hold_twenty_four_and_any_number_is_a_page() {
    let scene = Scene::set().await;
    let mut tx = scene.shop.store.begin().await.unwrap();
    for n in 0..60 {
        upsert_product(&mut tx, &product(&format!("cake-{n:02}"), "cakes", 100 + n, Some(10))).await.unwrap();
    }
    store::commit(tx).await.unwrap();
    let mut seen = Vec::new();
    for page in 1..=3 {
        let menu = scene.shop.menu(None, Some("cakes"), page, Locale::En).await.unwrap();
        assert_eq!((menu.page, menu.pages), (page, 3));
        seen.extend(menu.products.into_iter().map(|p| p.sku));
    }
    assert_eq!(seen.len(), 61);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 61, "every product once");
    for (page, shown) in [(0, 1), (4, 3), (u32::MAX, 3)] {
        let menu = scene.shop.menu(None, Some("cakes"), page, Locale::En).await.unwrap();
        assert_eq!(menu.page, shown);
    }
}

#[tokio::test]
async fn an_unknown_category_is_not_found() {
    let scene = Scene::set().await;
    let long = "x".repeat(100_000);
    for category in ["", "tea", "coffee' or 1=1 --", "\0", &long] {
        assert_eq!(key_of(scene.shop.menu(None, Some(category), 1, Locale::En).await), "category-not-found");
    }
}
