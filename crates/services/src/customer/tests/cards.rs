use std::sync::Arc;

use chrono::TimeDelta;
use contract::customer::{CustomerApi, CustomerCaller, FeedItem};
use domain::{Amount, Card, CardId, CardReason, CardScope, Locale, Rate};

use super::scene::{Scene, key_of};
use crate::cards::VALID;
use crate::clock::{Clock, Draw};

impl Scene {
    async fn cards(&self, caller: CustomerCaller) -> Vec<Card> {
        self.shop.home(caller).await.unwrap().cards
    }
}

fn rates(cards: &[Card]) -> Vec<u32> {
    cards.iter().map(|card| card.rate.bp()).collect()
}

fn active(cards: &[Card]) -> &Card {
    let active: Vec<_> = cards.iter().filter(|card| card.active).collect();
    assert_eq!(active.len(), 1, "exactly one card is active");
    active[0]
}

#[tokio::test]
async fn a_newcomer_has_three_cards_of_which_the_basket_is_active() {
    let scene = Scene::set().await;
    let caller = scene.guest(1).await;
    let cards = scene.cards(caller).await;
    assert_eq!(rates(&cards), [1_000, 250, 1_500], "coffee is capped by the bean bag, which has the least headroom");
    assert_eq!(active(&cards).scope, CardScope::Basket);
    assert!(cards.iter().all(|card| scene.clock.is_at(card.valid_from)));
    assert!(cards.iter().all(|card| card.valid_until == card.valid_from + VALID));
    // Nothing was sold yet, so nothing is called popular.
    assert!(cards.iter().all(|card| card.reasons[0] == CardReason::Welcome));
    assert_eq!(scene.count("select count(*) from outbox where topic = 'kava.offers.v1'").await, 1);
}

#[tokio::test]
async fn one_chosen_card_is_active() {
    let scene = Scene::set().await;
    let caller = scene.guest(1).await;
    let cards = scene.cards(caller).await;
    for card in &cards {
        let chosen = scene.shop.choose_card(caller, card.id).await.unwrap();
        assert_eq!(active(&chosen).id, card.id);
        assert_eq!(scene.cards(caller).await, chosen);
    }
    let events = "select count(*) from outbox where payload::jsonb ->> 'what' = 'chosen'";
    assert_eq!(scene.count(events).await, 2, "the basket was active already");
    scene.shop.choose_card(caller, cards[2].id).await.unwrap();
    assert_eq!(scene.count(events).await, 2, "choosing it again changes nothing");
}

#[tokio::test]
async fn nobody_chooses_what_is_not_theirs_or_over() {
    let scene = Scene::set().await;
    let (mine, other) = (scene.guest(1).await, scene.guest(2).await);
    let cards = scene.cards(mine).await;
    assert_eq!(key_of(scene.shop.choose_card(other, cards[1].id).await), "card-not-found");
    let nothing = CardId(scene.entropy.id(scene.clock.now()));
    assert_eq!(key_of(scene.shop.choose_card(mine, nothing).await), "card-not-found");
    scene.wait(VALID);
    assert_eq!(key_of(scene.shop.choose_card(mine, cards[1].id).await), "card-expired");
    scene.cards(mine).await;
    assert_eq!(key_of(scene.shop.choose_card(mine, cards[1].id).await), "card-expired", "withdrawn");
}

#[tokio::test]
async fn choices_made_at_once_leave_one_active() {
    let scene = Arc::new(Scene::set().await);
    let caller = scene.guest(1).await;
    let cards = scene.cards(caller).await;
    let start = Arc::new(tokio::sync::Barrier::new(12));
    let tasks: Vec<_> = (0..12)
        .map(|n| {
            let (scene, start, id) = (scene.clone(), start.clone(), cards[n % 3].id);
            tokio::spawn(async move {
                start.wait().await;
                active(&scene.shop.choose_card(caller, id).await.unwrap()).id == id
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    active(&scene.cards(caller).await);
}

#[tokio::test]
async fn expired_cards_are_renewed_once_and_the_choice_survives() {
    let scene = Arc::new(Scene::set().await);
    let caller = scene.guest(1).await;
    let first = scene.cards(caller).await;
    scene.shop.choose_card(caller, first[1].id).await.unwrap();
    scene.wait(VALID - TimeDelta::seconds(1));
    assert_eq!(scene.cards(caller).await[0].id, first[0].id);
    scene.wait(TimeDelta::seconds(1));
    let start = Arc::new(tokio::sync::Barrier::new(8));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (scene, start) = (scene.clone(), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                scene.cards(caller).await
            })
        })
        .collect();
    let mut seen = Vec::new();
    for task in tasks {
        seen.push(task.await.unwrap());
    }
    assert!(seen.iter().all(|cards| *cards == seen[0]), "everybody sees one set");
    let renewed = &seen[0];
    assert!(renewed.iter().all(|card| card.is_valid_at(scene.clock.now())));
    assert_eq!(active(renewed).scope, first[1].scope, "still the category");
    assert_eq!(scene.count("select count(*) from cards").await, 6);
    assert_eq!(scene.count("select count(*) from cards where withdrawn_at is null").await, 3);
    let feed = scene.shop.feed(caller).await.unwrap();
    assert_eq!(feed.len(), 2);
    assert!(feed[0].at > feed[1].at);
}

/// Law 8 through all layers: cheaper costs and a lapse make no card better while nothing is bought.
#[tokio::test]
async fn case_19_waiting_for_the_next_cards_never_pays() {
    let scene = Scene::set().await;
    let caller = scene.guest(1).await;
    let before = rates(&scene.cards(caller).await);
    scene.run("update products set cost = 1 where cost is not null").await;
    scene.run("update shop set catalogue_version = catalogue_version + 1").await;
    for _ in 0..3 {
        scene.wait(VALID);
        let now = rates(&scene.cards(caller).await);
        assert_eq!(now, before, "not a step more, although the floor would allow it");
    }
}

const OCCASIONAL: &str =
    r#"{"kind":"profile","presence":"lapsed","habit":"occasional","basket":"small","leaning":null,"rank":1}"#;

/// A fit of the segments raises nobody; a purchase that moved the segment does, and absence does not count then.
#[tokio::test]
async fn only_a_purchase_lifts_the_level() {
    let scene = Scene::set().await;
    let caller = scene.guest(1).await;
    scene.run("update cards set rate_bp = 250").await;
    scene.wait(TimeDelta::days(1));
    scene.buy(caller, &[("latte", 1)], "1").await;
    let moved = sqlx::query(
        "insert into segment_changes (customer_id, at, from_name, to_name, reason) \
         select customer_id, at + $2::interval, '{\"kind\":\"newcomers\"}', $1::jsonb, '' from receipts",
    );
    // Called something else a minute after the purchase: that was a fit.
    moved
        .bind(OCCASIONAL)
        .bind(sqlx::postgres::types::PgInterval { microseconds: 60_000_000, ..Default::default() })
        .execute(&scene.pool)
        .await
        .unwrap();
    scene.wait(VALID);
    assert_eq!(rates(&scene.cards(caller).await), [250, 250, 250]);
    // By the purchase itself.
    scene.wait(TimeDelta::days(1));
    scene.buy(caller, &[("latte", 1)], "2").await;
    scene
        .run(
            "insert into segment_changes (customer_id, at, from_name, to_name, reason) \
         select customer_id, (select max(at) from receipts), from_name, to_name, '' from segment_changes",
        )
        .await;
    scene.wait(VALID);
    let cards = scene.cards(caller).await;
    assert_eq!(rates(&cards), [1_000, 250, 1_500], "occasional, and not lapsed; the bean bag caps coffee");
}

/// A better or a worse level begins with the purchase, not when the old cards run out.
#[tokio::test]
async fn a_purchase_that_moves_the_segment_renews_the_cards() {
    let scene = Scene::set().await;
    let caller = scene.guest(1).await;
    let samples: Vec<_> = (0..120_u32)
        .map(|n| segmentation::Facts {
            recency_days: f64::from(n % 40),
            frequency: 1 + n % 3 * 12,
            monetary: f64::from(1_000 * (1 + n % 3 * 12)),
            average_order: 1_000.0,
            composition: vec![("coffee".to_owned(), 1.0)],
        })
        .collect();
    let model = segmentation::fit(&samples, &segmentation::Params::default().check().unwrap(), 7).unwrap();
    let mut tx = scene.shop.store.begin().await.unwrap();
    let id = domain::SegmentModelId(scene.entropy.id(scene.clock.now()));
    let (stored, report) = (serde_json::to_value(&model).unwrap(), serde_json::to_value(model.report()).unwrap());
    store::segments::put_in_use(&mut tx, id, &stored, &report, scene.clock.now()).await.unwrap();
    store::commit(tx).await.unwrap();
    let before = scene.cards(caller).await;
    scene.shop.choose_card(caller, before[2].id).await.unwrap();
    scene.wait(TimeDelta::minutes(5));
    let session = scene.buy(caller, &[("latte", 1)], "1").await;
    assert!(matches!(session.segment_changed, Some(Some(_))), "from the newcomers to somewhere");
    let home = scene.shop.home(caller).await.unwrap();
    assert!(scene.clock.is_at(home.cards[0].valid_from), "renewed at once");
    assert!(home.cards[0].reasons.contains(&CardReason::Segment { name: home.segment.clone() }));
    assert!(matches!(active(&home.cards).scope, CardScope::Product(_)), "the choice survives");
    scene.wait(TimeDelta::minutes(5));
    scene.buy(caller, &[("latte", 1)], "2").await;
    if scene.shop.home(caller).await.unwrap().segment == home.segment {
        assert_eq!(scene.cards(caller).await, home.cards, "no move, no new cards");
    }
}

#[tokio::test]
async fn favourites_are_what_was_bought() {
    let scene = Scene::set().await;
    let caller = scene.guest(1).await;
    for receipt in ["1", "2", "3"] {
        scene.wait(TimeDelta::minutes(1));
        scene.buy(caller, &[("eclair", 2), ("mystery", 1), ("postage", 1)], receipt).await;
    }
    scene.wait(VALID);
    let cards = scene.cards(caller).await;
    assert_eq!(cards[1].subject, "Cakes");
    assert!(cards[1].reasons.contains(&CardReason::FavouriteCategory { title: "Cakes".into(), times: 3 }));
    assert_eq!(cards[2].subject, "eclair", "not the postage, nor what has no known cost");
    assert!(cards[2].reasons.contains(&CardReason::FavouriteProduct { name: "eclair".into(), times: 3 }));
}

#[tokio::test]
async fn cards_are_read_from_the_cache_until_they_change() {
    let scene = Scene::set().await;
    let caller = scene.guest(1).await;
    let cards = scene.cards(caller).await;
    // Behind the story's back, without a new version: what is cached still counts.
    scene.run("update cards set rate_bp = 9999").await;
    assert_eq!(rates(&scene.cards(caller).await), rates(&cards));
    // With one, nothing old is seen.
    scene.run("update customers set offers_version = offers_version + 1").await;
    assert_eq!(rates(&scene.cards(caller).await), [9_999; 3]);
}

#[tokio::test]
async fn nonsense_in_the_cache_is_a_miss() {
    let cache: Arc<dyn cache::Cache> = Arc::new(cache::InProcess::new());
    let scene = Scene::set_with(cache.clone()).await;
    let caller = scene.guest(1).await;
    let cards = scene.cards(caller).await;
    let version = scene.count("select offers_version from customers").await;
    let key = format!("cards:{}:{version}", caller.customer);
    assert!(cache.get(&key).await.unwrap().is_some());
    cache.put(&key, b"\xff{", std::time::Duration::from_secs(60)).await.unwrap();
    assert_eq!(scene.cards(caller).await, cards);
}

#[tokio::test]
async fn with_redis_gone_the_shop_goes_on() {
    let mut server = testkit::private_redis().await;
    let redis = Arc::new(cache::Redis::open(&server.url, "t:").unwrap());
    let scene = Scene::set_with(Arc::new(cache::Resilient::around(redis))).await;
    let caller = scene.guest(1).await;
    let cards = scene.cards(caller).await;
    server.stop();
    assert_eq!(scene.cards(caller).await, cards);
    let chosen = scene.shop.choose_card(caller, cards[2].id).await.unwrap();
    assert_eq!(scene.cards(caller).await, chosen);
    scene.guest(2).await;
}

#[tokio::test]
async fn a_shop_with_nothing_to_offer_gives_no_cards_and_asks_seldom() {
    let scene = Scene::set().await;
    scene.run("update products set cost = null").await;
    let caller = scene.guest(1).await;
    assert_eq!(scene.cards(caller).await, []);
    assert_eq!(scene.count("select count(*) from outbox").await, 0);
    assert_eq!(scene.cards(caller).await, []);
}

#[tokio::test]
async fn savings_are_the_discounts_of_what_was_bought() {
    let scene = Scene::set().await;
    let caller = scene.guest(1).await;
    let session = scene.buy(caller, &[("espresso", 2), ("mystery", 1)], "R-1").await;
    assert_eq!(session.discount, Amount(50), "a tenth of the espressos, nothing of what has no known cost");
    let page = scene.shop.savings(caller).await.unwrap();
    assert_eq!(page.saved, Amount(50));
    let [purchase] = &page.purchases[..] else { panic!("one purchase") };
    assert_eq!((purchase.total, purchase.saved, purchase.items), (Amount(750), Amount(50), 3));
    assert_eq!((purchase.store.as_str(), purchase.receipt_number.as_str()), ("Minsk 1", "R-1"));
    assert!(!purchase.cancelled);
    let feed = scene.shop.feed(caller).await.unwrap();
    assert!(feed.iter().any(
        |entry| entry.what == FeedItem::Purchase { store: "Minsk 1".into(), total: Amount(750), saved: Amount(50) }
    ));
    assert_eq!(scene.shop.savings(scene.guest(2).await).await.unwrap().purchases, []);
}

#[tokio::test]
async fn a_card_speaks_the_language_of_its_customer() {
    let scene = Scene::set().await;
    let caller = scene.guest(1).await;
    let before = scene.cards(caller).await;
    assert_eq!(before[1].subject, "Coffee");
    let edit = contract::customer::ProfileEdit { locale: Some(Locale::Ru), ..Default::default() };
    scene.shop.edit_profile(caller, edit).await.unwrap();
    let after = scene.cards(caller).await;
    assert_eq!((after[1].subject.as_str(), after[2].subject.as_str()), ("Кофе", "espresso-ру"));
    assert_eq!(rates(&after), rates(&before));
    assert_eq!(after[1].id, before[1].id);
    assert_eq!(after[0].rate, Rate(1_000));
}
