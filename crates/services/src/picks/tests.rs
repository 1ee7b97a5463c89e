//! A ranking from real receipts: what is picked is on the menu, and why it was is a fact.

use std::collections::HashSet;

use chrono::TimeDelta;
use contract::customer::CustomerApi;
use domain::{Amount, CardScope};

use super::*;
use crate::clock::Clock;
use crate::customer::tests::scene::Scene;

/// Forty guests who take an espresso and mostly an eclair, and forty who take a latte and mostly a mug; some of the first never had
/// the eclair.
async fn past(scene: &Scene) {
    for sku in ["mug", "bun", "pie"] {
        let mut tx = scene.shop.store.begin().await.unwrap();
        let new = crate::customer::tests::scene::product(sku, "cakes", 300, Some(100));
        store::catalogue::upsert_product(&mut tx, &new).await.unwrap();
        store::commit(tx).await.unwrap();
    }
    scene
        .run(
            "insert into customers (id, static_code, code_handle, code_secret, created_at, last_purchase_at) \
             select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'R' || n, 3000000 + n, '', '2026-01-01', \
                 '2026-11-20' from generate_series(1, 80) n",
        )
        .await;
    scene
        .run(
            "insert into receipts (source, number, customer_id, kind, at, lines, subtotal, discount, total) \
             select 'import', 'R' || n || '-' || w, ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'sale', \
                 timestamptz '2026-08-01 09:00+00' + (w * 7 + n % 5) * interval '1 day', 2, 550, 0, 550 \
             from generate_series(1, 80) n, generate_series(0, 15) w",
        )
        .await;
    scene
        .run(
            "insert into receipt_lines (receipt_id, position, sku, quantity, unit_price, unit_cost) \
             select id, p, sku, 1, 275, 60 from receipts r, \
                 lateral (select split_part(substr(number, 2), '-', 1)::int as n, split_part(number, '-', 2)::int as w) as who, \
                 lateral (values (0, case when n <= 40 then 'espresso' else 'latte' end), \
                     (1, case when n <= 8 then null when n <= 40 and (n + w) % 4 < 3 then 'eclair' \
                         when n > 40 and (n + w) % 4 < 3 then 'mug' else 'bun' end)) as line (p, sku) \
             where r.source = 'import' and number like 'R%' and sku is not null",
        )
        .await;
}

async fn kept(scene: &Scene, guest: u32) -> Vec<Pick> {
    let id = Uuid::from_u128(
        0x0000_0000_0000_7000_8000_0000_0000_0000 | u128::from_str_radix(&guest.to_string(), 16).unwrap(),
    );
    let mut tx = scene.shop.store.begin().await.unwrap();
    serde_json::from_value(store::picks::of(&mut tx, CustomerId(id)).await.unwrap().unwrap()).unwrap()
}

#[tokio::test]
async fn what_is_picked_is_likely_and_why_is_a_fact() {
    let scene = Scene::set().await;
    assert!(scene.shop.rank_customers().await.unwrap_err().is("too-few-purchases"));
    past(&scene).await;
    let ranked = scene.shop.rank_customers().await.unwrap();
    assert_eq!((ranked.customers, ranked.purchases), (80, 1_280));
    let offered: HashSet<&str> = ["espresso", "latte", "bean-bag", "eclair", "mug", "bun", "pie"].into();
    let taken: Vec<(i32, String)> = sqlx::query_as(
        "select distinct split_part(substr(r.number, 2), '-', 1)::int, l.sku from receipts r \
         join receipt_lines l on l.receipt_id = r.id where r.number like 'R%'",
    )
    .fetch_all(&scene.pool)
    .await
    .unwrap();
    for guest in 1..=80 {
        let picks = kept(&scene, guest).await;
        assert!(
            !picks.is_empty() && picks.iter().all(|pick| offered.contains(pick.sku.as_str())),
            "{guest}: {picks:?}"
        );
        let own: Vec<String> = sqlx::query_scalar(
            "select distinct l.sku from receipts r join receipt_lines l on l.receipt_id = r.id where r.number like $1",
        )
        .bind(format!("R{guest}-%"))
        .fetch_all(&scene.pool)
        .await
        .unwrap();
        for pick in &picks {
            match &pick.why {
                Why::Habit => assert!(own.contains(&pick.sku), "{guest}: {pick:?}"),
                Why::GoesWith { sku } => {
                    assert!(own.contains(sku) && *sku != pick.sku, "{guest}: {pick:?}");
                    // There are such guests, and not only this one.
                    let buyers = |sku: &str| -> HashSet<i32> {
                        taken.iter().filter(|(_, taken)| taken == sku).map(|(guest, _)| *guest).collect()
                    };
                    let (with, of) = (buyers(sku), buyers(&pick.sku));
                    assert!(
                        with.intersection(&of).filter(|other| other.unsigned_abs() != guest).count() >= 2,
                        "{guest}: {pick:?}"
                    );
                }
                Why::LikeYou | Why::Popular => {}
            }
        }
        let first = if guest <= 40 { "espresso" } else { "latte" };
        assert_eq!(picks[0].sku, first, "{guest}: {picks:?}");
    }
    // Who takes an espresso and never had the eclair is likely to like it more than what the others take.
    let place = |picks: &[Pick], sku: &str| picks.iter().position(|pick| pick.sku == sku).unwrap_or(usize::MAX);
    let picks = kept(&scene, 3).await;
    assert!(place(&picks, "eclair") < place(&picks, "mug"), "{picks:?}");
}

#[tokio::test]
async fn a_card_is_for_the_likeliest_and_is_made_anew_within_the_hour() {
    let scene = Scene::set().await;
    past(&scene).await;
    scene.shop.rank_customers().await.unwrap();
    let caller = scene.guest(1).await;
    scene.shop.home(caller).await.unwrap();
    for visit in 0..3 {
        scene.wait(TimeDelta::days(2));
        scene.buy(caller, &[("espresso", 1), ("eclair", 1)], &format!("p{visit}")).await;
    }
    scene
        .run(
            "insert into picks (customer_id, made_at, picks) select id, now() - interval '1 year', '[]' from customers \
        where phone is not null",
        )
        .await;
    assert_eq!(scene.shop.rank_who_bought().await.unwrap(), 1, "whoever bought since");
    assert_eq!(scene.shop.rank_who_bought().await.unwrap(), 0);
    scene.wait(crate::cards::VALID);
    let cards = scene.shop.home(caller).await.unwrap().cards;
    let product = cards.iter().find(|card| matches!(card.scope, CardScope::Product(_))).unwrap();
    let CardScope::Product(sku) = &product.scope else { unreachable!() };
    let CardReason::FavouriteProduct { times: 3, name } = &product.reasons[0] else { panic!("{product:?}") };
    assert_eq!(name, sku.as_str());
    assert!(["espresso", "eclair"].contains(&sku.as_str()));
    // What was taken back since is no habit, whatever the ranking says.
    scene.run("update receipts set cancelled_at = now() where number like 'p%'").await;
    scene.wait(crate::cards::VALID);
    let cards = scene.shop.home(caller).await.unwrap().cards;
    let product = cards.iter().find(|card| matches!(card.scope, CardScope::Product(_))).unwrap();
    assert!(!matches!(product.reasons[0], CardReason::FavouriteProduct { .. }), "{product:?}");
    assert!(product.rate.of(Amount(1_000)) > Amount::ZERO && scene.clock.now() >= product.valid_from);
}

#[tokio::test]
async fn a_reason_speaks_the_readers_language() {
    let scene = Scene::set().await;
    let caller = scene.guest(1).await;
    scene
        .run(
            "insert into picks (customer_id, made_at, picks) select id, now(), \
             '[{\"sku\": \"eclair\", \"why\": {\"goes_with\": {\"sku\": \"espresso\"}}}]' from customers",
        )
        .await;
    scene.wait(crate::cards::VALID);
    let cards = scene.shop.home(caller).await.unwrap().cards;
    let reasons = |cards: &[domain::Card], locale| {
        cards
            .iter()
            .filter(|card| matches!(card.scope, CardScope::Product(_)))
            .flat_map(|card| &card.reasons)
            .map(|one| one.words(locale))
            .next()
            .unwrap()
    };
    assert_eq!(reasons(&cards, Locale::En), "Guests who take espresso also take eclair");
    let edit = contract::customer::ProfileEdit {
        name: None,
        email: None,
        birthday: None,
        locale: Some(Locale::Ru),
        marketing_consent: None,
    };
    scene.shop.edit_profile(caller, edit).await.unwrap();
    let cards = scene.shop.home(caller).await.unwrap().cards;
    assert_eq!(reasons(&cards, Locale::Ru), "Гости, которые берут «espresso-ру», берут и «eclair-ру»");
    // What nobody can read is as good as nothing.
    scene.run("update picks set picks = '{\"x\": 1}'").await;
    scene.wait(crate::cards::VALID);
    assert_eq!(scene.shop.home(caller).await.unwrap().cards.len(), 3);
}
