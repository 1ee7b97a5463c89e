//! Publishing on the real PostgreSQL.

use contract::campaigns::Author;
use contract::{CampaignApi, IdempotencyKey, Kind, Refusal};
use domain::CampaignId;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::testing::{self, Bare};
use crate::till::hash_key;

pub(crate) const SHOP: &str = "insert into shop (name, currency, time_zone, min_margin_bp, created_at) \
     values ('Kava', 'GBP', 'Europe/London', 1000, now())";

/// An empty shop.
pub(crate) async fn set() -> Bare {
    let bare = testing::bare("2026-11-21T08:00:00Z").await;
    sqlx::query(SHOP).execute(&bare.pool).await.unwrap();
    bare
}

pub(crate) fn author() -> Author {
    Author { owner: Uuid::from_u128(5), name: "mira".into() }
}

pub(crate) fn campaign(number: u128) -> Value {
    json!({
        "id": Uuid::from_u128(number), "name": {"en": "Ten off", "ru": "Минус десять"}, "coupon": {"per_customer": 1},
        "budgets": [{"action": "discount", "limit": 5000}],
        "rules": [{"name": "all", "then": [{"percentage": {"rate_bp": 1000}}]}],
    })
}

fn id(number: u128) -> CampaignId {
    CampaignId(Uuid::from_u128(number))
}

fn once(key: &str) -> IdempotencyKey {
    IdempotencyKey::parse(key).unwrap()
}

fn pointers(refusal: &Refusal) -> Vec<&str> {
    refusal.faults.iter().map(|fault| fault.pointer.as_str()).collect()
}

#[tokio::test]
async fn what_is_published_is_in_force_and_what_was_before_can_be_read() {
    let Bare { shop, pool, database } = set().await;
    let none = shop.rule_set(None).await.unwrap();
    assert_eq!((none.revision, none.current), (0, true));
    assert_eq!(none.rules["campaigns"], json!([]));

    let first = shop.publish(&author(), json!({"campaigns": [campaign(1)]}), Some(0)).await.unwrap();
    let current = shop.rule_set(None).await.unwrap();
    assert_eq!((current.revision, current.published_by.as_deref()), (first.revision, Some("mira")));
    assert_eq!(current.rules["campaigns"][0]["id"], campaign(1)["id"]);
    // The same again, however it is spelled, is no news.
    let again = json!({"groups": [], "campaigns": [campaign(1)]});
    assert_eq!(shop.publish(&author(), again, Some(first.revision)).await.unwrap(), first);

    let second = shop.publish(&author(), json!({}), None).await.unwrap();
    assert!(!shop.rule_set(Some(first.revision)).await.unwrap().current);
    let page = shop.rule_sets(None, 1).await.unwrap();
    assert_eq!(
        (page.current, &page.revisions[..], page.next),
        (second.revision, &[second.clone()][..], Some(second.revision))
    );
    let rest = shop.rule_sets(page.next, 1).await.unwrap();
    assert_eq!((&rest.revisions[..], rest.next), (&[first.clone()][..], None));
    let missing = shop.rule_set(Some(99)).await.unwrap_err();
    assert!(missing.is("revision-not-found"));

    // Sessions that are pinned to the first still find it, from memory as from the store.
    for _ in 0..2 {
        assert_eq!(shop.rules_of(Some(first.revision)).await.unwrap().params().campaigns.len(), 1);
    }
    assert_eq!(shop.rules_of(None).await.unwrap().params().campaigns.len(), 0);
    drop((shop, pool, database));
}

#[tokio::test]
async fn rules_that_are_wrong_are_refused_whole_with_every_place() {
    let Bare { shop, pool, database } = set().await;
    for (rules, pointer) in [
        (json!({"card": {"max_rate_bp": 20_000}}), "/card/max_rate_bp"),
        (json!({"campaigns": [campaign(1), {"id": "no"}]}), "/campaigns/1/id"),
        (json!({"campaings": []}), "/campaings"),
        (json!([]), ""),
        (json!(null), ""),
    ] {
        let refused = shop.publish(&author(), rules.clone(), None).await.unwrap_err();
        assert_eq!((refused.kind, refused.key.as_str()), (Kind::Unacceptable, "invalid-rules"), "{refused:?}");
        assert_eq!(pointers(&refused), [pointer], "{refused:?}");
        assert_eq!(shop.check_rules(rules).await.unwrap_err(), refused);
    }
    let checked = shop.check_rules(json!({"campaigns": [campaign(1)]})).await.unwrap();
    assert_eq!((checked.campaigns, checked.enabled, checked.sha256.len()), (1, 1, 64));
    assert_eq!(shop.rule_set(None).await.unwrap().revision, 0);
    drop((shop, pool, database));
}

#[tokio::test]
async fn nobodys_change_is_lost() {
    let Bare { shop, pool, database } = set().await;
    let first = shop.put_campaign(&author(), id(1), campaign(1), Some(0)).await.unwrap();
    let stale = shop.put_campaign(&author(), id(2), campaign(2), Some(0)).await.unwrap_err();
    assert_eq!((stale.kind, stale.key.as_str()), (Kind::Conflict, "revision-conflict"));
    // Without an expectation changes queue, and each builds on the one before.
    let puts = (2..22).map(|number| {
        let shop = shop.clone();
        tokio::spawn(async move { shop.put_campaign(&author(), id(number), campaign(number), None).await.unwrap() })
    });
    for put in puts.collect::<Vec<_>>() {
        assert!(put.await.unwrap().revision > first.revision);
    }
    assert_eq!(shop.rule_set(None).await.unwrap().rules["campaigns"].as_array().unwrap().len(), 21);

    let other = shop.put_campaign(&author(), id(3), campaign(4), None).await.unwrap_err();
    assert_eq!((other.key.as_str(), pointers(&other)), ("campaign-id-mismatch", vec!["/id"]));
    shop.delete_campaign(&author(), id(3), None).await.unwrap();
    let gone = shop.delete_campaign(&author(), id(3), None).await.unwrap_err();
    assert_eq!((gone.kind, gone.key.as_str()), (Kind::NotFound, "campaign-not-found"));
    drop((shop, pool, database));
}

#[tokio::test]
async fn a_campaign_is_paused_once_for_each_key() {
    let Bare { shop, pool, database } = set().await;
    shop.put_campaign(&author(), id(1), campaign(1), None).await.unwrap();
    let paused = shop.switch_campaign(&author(), &once("a"), id(1), false).await.unwrap();
    assert_eq!(shop.rule_set(None).await.unwrap().rules["campaigns"][0]["enabled"], false);
    shop.switch_campaign(&author(), &once("b"), id(1), true).await.unwrap();
    let again = shop.switch_campaign(&author(), &once("a"), id(1), false).await.unwrap();
    assert_eq!((again.replayed, again.body), (true, paused.body));
    assert_eq!(shop.rule_set(None).await.unwrap().rules["campaigns"][0]["enabled"], true);
    let reused = shop.switch_campaign(&author(), &once("a"), id(2), false).await.unwrap_err();
    assert!(reused.is("idempotency-key-reused"));
    assert!(shop.switch_campaign(&author(), &once("c"), id(2), false).await.unwrap_err().is("campaign-not-found"));
    drop((shop, pool, database));
}

#[tokio::test]
async fn only_a_key_for_campaigns_opens_them() {
    let Bare { shop, pool, database } = set().await;
    let mut tx = shop.store.begin().await.unwrap();
    for (key, scopes) in [("good", &["campaigns"][..]), ("other", &["reports"])] {
        store::tills::create_key(&mut tx, &hash_key(key), None, scopes, shop.clock.now()).await.unwrap();
    }
    store::commit(tx).await.unwrap();
    let known = shop.author("good").await.unwrap();
    assert_eq!(shop.author("good").await.unwrap(), known);
    assert!(known.name.starts_with("key ") && known.name.len() == 12);
    assert_eq!(shop.author("other").await.unwrap_err().kind, Kind::Forbidden);
    for key in ["", "nobody's", &"x".repeat(513)] {
        assert_eq!(shop.author(key).await.unwrap_err().kind, Kind::Unauthenticated);
    }
    drop((shop, pool, database));
}
