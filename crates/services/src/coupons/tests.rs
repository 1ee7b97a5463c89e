//! Codes on the real PostgreSQL.

use std::collections::HashSet;

use chrono::TimeDelta;
use contract::campaigns::{BatchRequest, BatchState};
use contract::{CampaignApi, IdempotencyKey, Kind};
use domain::{CustomerId, TillId};
use promotions::Standing;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::campaigns::tests::{author, campaign, set};
use crate::testing::Bare;
use crate::till::Stop;

const OPENED: CampaignId = CampaignId(Uuid::from_u128(1));
const WITHOUT: CampaignId = CampaignId(Uuid::from_u128(2));

/// A shop with a campaign that coupons open, and one that runs without.
async fn scene() -> Bare {
    let bare = set().await;
    let mut without = campaign(2);
    without["coupon"] = json!(null);
    let rules = json!({"campaigns": [campaign(1), without]});
    bare.shop.publish(&author(), rules, None).await.unwrap();
    bare
}

fn new(count: i64) -> NewBatch {
    NewBatch {
        id: Uuid::from_u128(77),
        campaign: OPENED,
        count,
        prefix: "gift-".into(),
        starts_at: None,
        ends_at: None,
        in_background: false,
    }
}

fn request(count: i64) -> BatchRequest {
    BatchRequest { campaign_id: OPENED, count, prefix: String::new(), starts_at: None, ends_at: None }
}

fn word(campaign: CampaignId) -> CouponRequest {
    CouponRequest { campaign_id: campaign, recipient: None, starts_at: None, ends_at: None, disabled: false }
}

#[tokio::test]
async fn a_batch_is_asked_for_once_and_made_behind_the_counter() {
    let Bare { shop, pool, database } = scene().await;
    let once = IdempotencyKey::parse("k").unwrap();
    let asked = shop.make_coupons(&author(), &once, request(50_000)).await.unwrap();
    assert_eq!((asked.value.state, asked.value.made, asked.replayed), (BatchState::Running, 0, false));
    let again = shop.make_coupons(&author(), &once, request(50_000)).await.unwrap();
    assert_eq!((again.body, again.replayed), (asked.body, true));
    assert!(shop.make_coupons(&author(), &once, request(1)).await.unwrap_err().is("idempotency-key-reused"));

    assert_eq!(shop.make_waiting_batches().await.unwrap(), 3);
    assert_eq!(shop.make_waiting_batches().await.unwrap(), 0);
    let id = asked.value.batch_id;
    let done = shop.coupon_batch(id).await.unwrap();
    assert_eq!((done.state, done.made, done.count), (BatchState::Done, 50_000, 50_000));
    let (mut after, mut codes) = (0, HashSet::new());
    loop {
        let page = shop.batch_codes(id, after, 9_999).await.unwrap();
        codes.extend(page.codes.into_iter().map(|listed| listed.code));
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(codes.len(), 50_000);
    assert!(codes.iter().all(|code| code.len() == CouponCode::RANDOM && CouponCode::parse(code).is_ok()));
    let one = codes.iter().next().unwrap().to_lowercase();
    assert_eq!(shop.store().coupons(&[one]).await.unwrap()[0].as_ref().unwrap().campaign, OPENED);
    assert!(shop.coupon_batch(Uuid::nil()).await.unwrap_err().is("batch-not-found"));
    drop((shop, pool, database));
}

#[tokio::test]
async fn a_batch_that_was_broken_off_goes_on_where_it_stands_and_makes_no_more() {
    let Bare { shop, pool, database } = scene().await;
    let batch = shop.begin_batch(&new(CHUNK as i64 + 5)).await.unwrap();
    assert_eq!((batch.made, batch.prefix.as_str()), (0, "GIFT"));
    // It is ours: the work behind the counter leaves it alone.
    assert_eq!(shop.make_waiting_batches().await.unwrap(), 0);
    let extended = shop.extend_batch(batch.id, 0, &[]).await.unwrap();
    assert_eq!(extended.made, CHUNK as i64);
    // Whoever believes that nothing was made yet makes nothing.
    assert_eq!(shop.extend_batch(batch.id, 0, &[]).await.unwrap().made, CHUNK as i64);
    // Asked for again, it is found as it stands; asked for otherwise, refused.
    assert_eq!(shop.begin_batch(&new(CHUNK as i64 + 5)).await.unwrap(), extended);
    assert!(shop.begin_batch(&new(3)).await.unwrap_err().is("batch-differs"));
    let both = (0..8).map(|_| {
        let shop = shop.clone();
        tokio::spawn(async move { shop.extend_batch(new(0).id, CHUNK as i64, &[]).await.unwrap() })
    });
    for extended in both.collect::<Vec<_>>() {
        assert_eq!(extended.await.unwrap().made, CHUNK as i64 + 5);
    }
    let made: i64 = sqlx::query_scalar("select count(*) from coupons").fetch_one(&pool).await.unwrap();
    assert_eq!(made, CHUNK as i64 + 5);
    drop((shop, pool, database));
}

#[tokio::test]
async fn codes_go_to_their_recipients_in_order() {
    let Bare { shop, pool, database } = scene().await;
    shop.begin_batch(&new(3)).await.unwrap();
    let [a, b, c] = [1, 2, 3].map(|number| CustomerId(Uuid::from_u128(number)));
    assert_eq!(shop.extend_batch(new(0).id, 0, &[a, b]).await.unwrap().made, 2);
    assert_eq!(shop.extend_batch(new(0).id, 2, &[c]).await.unwrap().made, 3);
    let codes = shop.batch_codes(new(0).id, 0, 10).await.unwrap().codes;
    assert_eq!(codes.iter().map(|listed| listed.recipient).collect::<Vec<_>>(), [Some(a), Some(b), Some(c)]);
    drop((shop, pool, database));
}

#[tokio::test]
async fn what_no_batch_can_be_is_pointed_at() {
    let Bare { shop, pool, database } = scene().await;
    let now = shop.clock.now();
    let hour = TimeDelta::hours(1);
    for (wrong, key, pointer) in [
        (NewBatch { count: 0, ..new(1) }, "invalid-batch", Some("/count")),
        (NewBatch { count: MAX_COUNT + 1, ..new(1) }, "invalid-batch", Some("/count")),
        (NewBatch { prefix: "50%".into(), ..new(1) }, "invalid-batch", Some("/prefix")),
        (NewBatch { prefix: "x".repeat(25), ..new(1) }, "invalid-batch", Some("/prefix")),
        (NewBatch { starts_at: Some(now), ends_at: Some(now - hour), ..new(1) }, "invalid-batch", Some("/ends_at")),
        (NewBatch { campaign: WITHOUT, ..new(1) }, "campaign-without-coupons", None),
        (NewBatch { campaign: CampaignId(Uuid::nil()), ..new(1) }, "campaign-not-found", None),
    ] {
        let refused = shop.begin_batch(&wrong).await.unwrap_err();
        assert_eq!(refused.key, key);
        assert_eq!(refused.faults.first().map(|fault| fault.pointer.as_str()), pointer);
    }
    drop((shop, pool, database));
}

#[tokio::test]
async fn a_word_of_the_marketer_is_one_campaigns() {
    let Bare { shop, pool, database } = scene().await;
    let put = shop.put_coupon(&author(), "welcome-10", word(OPENED)).await.unwrap();
    assert_eq!((put.code.as_str(), put.disabled), ("WELCOME10", false));
    let disabled = CouponRequest { disabled: true, ..word(OPENED) };
    assert!(shop.put_coupon(&author(), "Welcome 10", disabled).await.unwrap().disabled);
    let stored = shop.store().coupons(&["WELCOME10".to_owned()]).await.unwrap();
    assert!(stored[0].as_ref().unwrap().disabled_at.is_some());

    shop.begin_batch(&new(1)).await.unwrap();
    shop.extend_batch(new(0).id, 0, &[]).await.unwrap();
    let made = shop.batch_codes(new(0).id, 0, 1).await.unwrap().codes[0].code.clone();
    let taken = shop.put_coupon(&author(), &made, word(OPENED)).await.unwrap_err();
    assert_eq!((taken.kind, taken.key.as_str()), (Kind::Conflict, "coupon-taken"));
    assert!(shop.put_coupon(&author(), "a%", word(OPENED)).await.unwrap_err().is("invalid-coupon"));
    assert!(shop.put_coupon(&author(), "tea", word(WITHOUT)).await.unwrap_err().is("campaign-without-coupons"));
    drop((shop, pool, database));
}

#[tokio::test]
async fn who_guesses_has_to_wait_and_learns_nothing() {
    let Bare { shop, pool, database } = scene().await;
    let [till, other] = [1, 2].map(|number| TillId(Uuid::from_u128(number)));
    let customer = Some(CustomerId(Uuid::from_u128(3)));
    let wrong = |number: u32| vec![format!("GUESS{number}")];
    // A code that was mistyped and stays in the basket is no guessing.
    for _ in 0..200 {
        shop.guard_coupons(till, customer).await.unwrap().count(&wrong(0)).await.unwrap();
    }
    let mut let_through = 0;
    for number in 0..10_000 {
        let Ok(guard) = shop.guard_coupons(till, None).await else { break };
        if guard.count(&wrong(number)).await.is_err() {
            break;
        }
        let_through += 1;
    }
    assert!((20..=30).contains(&let_through), "{let_through} guesses");
    // From now on nobody at this till learns of any code, good or not; and elsewhere all goes on.
    let refused = shop.guard_coupons(till, None).await.err().unwrap();
    assert_eq!((refused.kind, refused.retry_after.is_some_and(|wait| wait <= 60)), (Kind::TooMany, true));
    assert!(shop.guard_coupons(other, None).await.is_ok());
    // A customer who goes from till to till is counted as well.
    let many: Vec<String> = (0..20).map(|number| format!("LIST{number}")).collect();
    assert!(shop.guard_coupons(other, customer).await.unwrap().count(&many).await.is_err());
    let elsewhere = TillId(Uuid::from_u128(9));
    assert_eq!(shop.guard_coupons(elsewhere, customer).await.err().unwrap().kind, Kind::TooMany);
    assert!(shop.guard_coupons(elsewhere, None).await.is_ok());
    drop((shop, pool, database));
}

#[tokio::test]
async fn however_a_code_is_typed_its_limits_are_counted_under_one() {
    let Bare { shop, pool, database } = scene().await;
    let (till, anna) = (TillId(Uuid::from_u128(1)), CustomerId(Uuid::from_u128(3)));
    let ends = shop.clock.now();
    shop.put_coupon(&author(), "WELCOME10", CouponRequest { ends_at: Some(ends), ..word(OPENED) }).await.unwrap();
    shop.put_coupon(&author(), "annas", CouponRequest { recipient: Some(anna), ..word(OPENED) }).await.unwrap();
    shop.put_coupon(&author(), "gone", CouponRequest { disabled: true, ..word(OPENED) }).await.unwrap();
    let typed = ["welcome-10", "Welcome 10", "annas", "gone", "?"].map(str::to_owned);
    let shown = shop.coupons_shown(till, Some(anna), &typed).await.unwrap();
    let codes: Vec<&str> = shown.iter().map(|coupon| coupon.code.as_str()).collect();
    assert_eq!(codes, ["WELCOME10", "WELCOME10", "ANNAS", "GONE", "?"]);
    let good = |recipient, until| Standing::Good { campaign: OPENED, recipient, from: None, until };
    let standings: Vec<&Standing> = shown.iter().map(|coupon| &coupon.standing).collect();
    assert_eq!(
        standings,
        [
            &good(None, Some(ends)),
            &good(None, Some(ends)),
            &good(Some(anna), None),
            &Standing::Disabled,
            &Standing::Unknown
        ]
    );
    assert_eq!(shop.coupons_shown(till, None, &[]).await.unwrap(), []);
    // Whoever tries out the codes of others is a guesser as well.
    for number in 0..40 {
        let own = CouponRequest { recipient: Some(anna), ..word(OPENED) };
        shop.put_coupon(&author(), &format!("annas{number}"), own).await.unwrap();
    }
    let all: Vec<String> = (0..40).map(|number| format!("annas{number}")).collect();
    assert!(shop.coupons_shown(till, Some(anna), &all).await.is_ok());
    let refused = shop.coupons_shown(till, None, &all).await.unwrap_err();
    assert!(matches!(refused, Stop::Refused(refusal) if refusal.kind == Kind::TooMany));
    drop((shop, pool, database));
}
