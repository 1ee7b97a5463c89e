//! Coupons on the real PostgreSQL.

use testkit::TestDatabase;

use super::batches::{self, Batch};
use super::*;

async fn store() -> (Store, TestDatabase) {
    let database = testkit::migrated_database(&crate::MIGRATOR).await;
    (Store::connect(&database.url, 4).await.unwrap(), database)
}

fn code(text: &str) -> CouponCode {
    CouponCode::parse(text).unwrap()
}

fn coupon(text: &str, campaign: u128) -> Coupon {
    Coupon {
        code: code(text),
        campaign: CampaignId(Uuid::from_u128(campaign)),
        recipient: None,
        starts_at: None,
        ends_at: None,
        disabled_at: None,
    }
}

fn batch(count: i64) -> Batch {
    Batch {
        id: Uuid::from_u128(9),
        campaign_id: Uuid::from_u128(1),
        prefix: "GIFT".into(),
        count,
        made: 0,
        starts_at: None,
        ends_at: Some(DateTime::UNIX_EPOCH),
        created_at: DateTime::UNIX_EPOCH,
        finished_at: None,
        stopped_at: None,
        failure: None,
    }
}

fn drawn(numbers: std::ops::Range<u8>) -> Vec<CouponCode> {
    numbers.map(|number| CouponCode::random("GIFT", [number; CouponCode::RANDOM])).collect()
}

#[tokio::test]
async fn coupons_are_found_in_the_order_asked_however_they_are_typed() {
    let (store, _database) = store().await;
    let mut tx = store.begin().await.unwrap();
    assert!(put(&mut tx, &coupon("WELCOME10", 1)).await.unwrap());
    assert!(put(&mut tx, &coupon("0123456789ABC", 1)).await.unwrap());
    crate::commit(tx).await.unwrap();
    let typed = ["ol23-456789abc", "nothing like it", "", "welcome 10", "50%", "WELCOME10", "NOTTHERE"];
    let found = store.coupons(&typed.map(str::to_owned)).await.unwrap();
    let found: Vec<_> = found.iter().map(|found| found.as_ref().map(|coupon| coupon.code.as_str())).collect();
    assert_eq!(found, [Some("0123456789ABC"), None, None, Some("WELCOME10"), None, Some("WELCOME10"), None]);
    assert_eq!(store.coupons(&["?".to_owned()]).await.unwrap(), [None]);
    assert_eq!(store.coupons(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn a_code_belongs_to_one_campaign_and_may_be_changed_by_it() {
    let (store, _database) = store().await;
    let mut tx = store.begin().await.unwrap();
    let mut summer = coupon("SUMMER", 1);
    assert!(put(&mut tx, &summer).await.unwrap());
    summer.ends_at = Some(DateTime::UNIX_EPOCH);
    summer.disabled_at = Some(DateTime::UNIX_EPOCH);
    assert!(put(&mut tx, &summer).await.unwrap());
    assert!(!put(&mut tx, &coupon("SUMMER", 2)).await.unwrap());
    crate::commit(tx).await.unwrap();
    assert_eq!(store.generic_coupons(CampaignId(Uuid::from_u128(1))).await.unwrap(), [summer.clone()]);
    let mut tx = store.begin().await.unwrap();
    summer.starts_at = summer.ends_at;
    assert!(put(&mut tx, &summer).await.unwrap_err().breaks("coupons_window"));
}

#[tokio::test]
async fn a_batch_is_made_in_chunks_and_never_more_than_it_says() {
    let (store, _database) = store().await;
    let mut tx = store.begin().await.unwrap();
    assert!(batches::create(&mut tx, &batch(5)).await.unwrap());
    assert!(!batches::create(&mut tx, &batch(7)).await.unwrap());
    crate::commit(tx).await.unwrap();
    let id = batch(5).id;
    assert_eq!(store.unfinished_batch().await.unwrap(), Some(id));
    let recipients: Vec<_> = (0..3).map(|number| CustomerId(Uuid::from_u128(number))).collect();
    for (codes, recipients) in [(drawn(0..3), &recipients[..]), (drawn(3..5), &[])] {
        let mut tx = store.begin().await.unwrap();
        let held = batches::hold(&mut tx, id).await.unwrap().unwrap();
        batches::add(&mut tx, &held, &codes, recipients, DateTime::UNIX_EPOCH).await.unwrap();
        crate::commit(tx).await.unwrap();
    }
    let made = store.coupon_batch(id).await.unwrap().unwrap();
    assert_eq!((made.made, made.finished_at), (5, Some(DateTime::UNIX_EPOCH)));
    assert_eq!(store.unfinished_batch().await.unwrap(), None);
    let mut tx = store.begin().await.unwrap();
    let more = batches::add(&mut tx, &made, &drawn(5..6), &[], DateTime::UNIX_EPOCH).await;
    assert!(more.unwrap_err().breaks("coupon_batches_made"));
    drop(tx);

    let first = store.batch_codes(id, 0, 2).await.unwrap();
    let rest = store.batch_codes(id, first[1].number, 100).await.unwrap();
    let listed: Vec<_> = first.iter().chain(&rest).map(|listed| (listed.number, code(&listed.code))).collect();
    assert_eq!(listed, (1..).zip(drawn(0..5)).collect::<Vec<_>>());
    assert_eq!((rest[0].recipient, rest[1].recipient), (Some(Uuid::from_u128(2)), None));
    let found = store.coupons(&[listed[4].1.to_string()]).await.unwrap()[0].clone().unwrap();
    assert_eq!((found.campaign.0, found.ends_at), (Uuid::from_u128(1), Some(DateTime::UNIX_EPOCH)));
    // A code of a batch is nobody's to change by hand.
    let mut tx = store.begin().await.unwrap();
    assert!(!put(&mut tx, &found).await.unwrap());
}

#[tokio::test]
async fn a_stopped_batch_is_left_alone() {
    let (store, _database) = store().await;
    let mut tx = store.begin().await.unwrap();
    batches::create(&mut tx, &batch(5)).await.unwrap();
    crate::commit(tx).await.unwrap();
    let id = batch(5).id;
    assert!(store.stop_batch(id, Some("no disk"), DateTime::UNIX_EPOCH).await.unwrap());
    assert!(!store.stop_batch(id, None, DateTime::UNIX_EPOCH).await.unwrap());
    assert_eq!(store.unfinished_batch().await.unwrap(), None);
    assert_eq!(store.coupon_batches(10).await.unwrap()[0].failure.as_deref(), Some("no disk"));
}

#[tokio::test]
async fn recipients_are_known_by_their_id_or_their_number() {
    let (store, _database) = store().await;
    sqlx::query(
        "insert into customers (id, external_id, static_code, code_handle, code_secret, created_at) \
         values ('00000000-0000-0000-0000-000000000001', '17850', 'x', 1, '', now())",
    )
    .execute(store.pool())
    .await
    .unwrap();
    let named = ["17850", "00000000-0000-0000-0000-000000000001", "1", "00000000-0000-0000-0000-000000000002"];
    let known = batches::recipients(&store, &named.map(str::to_owned)).await.unwrap();
    let anna = Some(CustomerId(Uuid::from_u128(1)));
    assert_eq!(known, [anna, anna, None, None]);
}
