//! Case 26: an account is forgotten or merged. Books keep their sums, no limit begins anew, and a till that still has the old
//! account is told to ask again.

use contract::till::{Effect, Session, SessionRequest};
use domain::{Amount, CustomerId};
use serde_json::json;
use sqlx::Row;
use store::segments::Whose;
use tokio::sync::Barrier;
use uuid::Uuid;

use super::scene::{Guest, Scene, basket};
use crate::accounts::Merger;
use crate::till::Replayed;

/// Half off for one use of the code by each customer, at most 6.00 each.
fn welcome() -> serde_json::Value {
    json!({
        "id": Uuid::from_u128(9), "name": {"en": "Welcome", "ru": "Добро пожаловать"},
        "coupon": {"per_customer": 2, "per_code": 1000},
        "budgets": [{"action": "discount", "limit": 600, "per": ["customer"]}],
        "rules": [{"name": "all", "then": [{"percentage": {"rate_bp": 5000}}]}],
    })
}

fn with_welcome(guest: &Guest, lines: &[(&str, i64)]) -> SessionRequest {
    SessionRequest { coupon_codes: vec!["once".into()], ..basket(Some(guest.code.as_str()), lines) }
}

impl Scene {
    async fn bought(&self, request: SessionRequest, receipt: &str) -> Session {
        let session = self.put(self.id(), request).await.unwrap();
        self.close(&session, receipt, receipt).await.unwrap().value
    }

    /// Ledger and counters agree, features are what receipts say, and savings are the discounts of what was not cancelled.
    async fn is_in_order(&self) {
        assert_eq!(self.shop.store.audit_limits().await.unwrap(), []);
        let features = "select coalesce(string_agg(concat_ws(' ', id, visits, spent, first_purchase_at, last_purchase_at, \
            composition::jsonb), '; ' order by id), '') from customers";
        let kept: String = sqlx::query_scalar(features).fetch_one(&self.pool).await.unwrap();
        let mut tx = self.shop.store.begin().await.unwrap();
        store::segments::refresh(&mut tx, Whose::Everybody).await.unwrap();
        let from_scratch: String = sqlx::query_scalar(features).fetch_one(&mut *tx).await.unwrap();
        drop(tx);
        assert_eq!(kept, from_scratch);
        let wrong = "select count(*) from customers c where savings <> (select coalesce(sum(discount), 0) from receipts r \
            where r.customer_id = c.id and r.cancelled_at is null)";
        assert_eq!(self.count(wrong).await, 0, "savings are the discounts of receipts");
        assert_eq!(
            self.count(
                "select count(*) from receipts r join customers c on c.id = r.customer_id \
            where c.merged_into is not null"
            )
            .await,
            0,
            "no receipt is left behind"
        );
    }

    /// Every row of every table that has this text anywhere.
    async fn traces_of(&self, text: &str) -> Vec<String> {
        let tables = sqlx::query("select tablename from pg_tables where schemaname = 'public'");
        let mut found = Vec::new();
        for table in tables.fetch_all(&self.pool).await.unwrap() {
            let table: String = table.get(0);
            let sql = format!("select t::text from \"{table}\" t where t::text ilike '%' || $1 || '%'");
            let rows: Vec<String> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(text).fetch_all(&self.pool).await.unwrap();
            found.extend(rows.into_iter().map(|row| format!("{table}: {row}")));
        }
        found
    }

    async fn name(&self, guest: &Guest, name: &str, phone: &str) {
        sqlx::query("update customers set name = $2, phone = $3, email = $2 || '@example.com' where id = $1")
            .bind(guest.id.0)
            .bind(name)
            .bind(phone)
            .execute(&self.pool)
            .await
            .unwrap();
    }

    async fn merge(&self, from: &Guest, into: &Guest) -> Result<Merger, String> {
        self.shop.merge_customers(from.id, into.id).await.map_err(|refusal| refusal.key)
    }
}

#[tokio::test]
async fn case_26_a_forgotten_customer_is_nowhere_and_the_books_stay() {
    let scene = Scene::set().await;
    scene.publish(json!([welcome()])).await;
    let guest = scene.guest().await;
    scene.name(&guest, "Zinaida \"Z\" Zorina", "+447700900555").await;
    let sale = scene.bought(with_welcome(&guest, &[("espresso", 2), ("eclair", 1)]), "R-1").await;
    scene.bought(basket(Some(guest.code.as_str()), &[("espresso", 1)]), "R-2").await;
    scene.cancel(&scene.quoted(&guest, &[("espresso", 1)]).await, "given up").await.unwrap();
    let open = scene.quoted(&guest, &[("latte", 1)]).await;
    assert!(!scene.traces_of("zorina").await.is_empty() && !scene.traces_of("447700900555").await.is_empty());
    let sums = "select sum(savings + spent + visits)::bigint from customers";
    let (before, committed) =
        (scene.count(sums).await, scene.count("select sum(committed)::bigint from limit_accounts").await);

    for _ in 0..2 {
        scene.shop.forget_customer(guest.id).await.unwrap();
    }
    scene.shop.scrub_forgotten().await.unwrap();
    for trace in ["zorina", "447700900555", guest.code.as_str()] {
        assert_eq!(scene.traces_of(trace).await, Vec::<String>::new(), "{trace}");
    }
    assert_eq!(
        (scene.count(sums).await, scene.count("select sum(committed)::bigint from limit_accounts").await),
        (before, committed)
    );
    scene.is_in_order().await;
    let replayed = scene.shop.replay(sale.session_id).await.unwrap();
    assert!(matches!(replayed, Replayed::Identical(_)), "{replayed:?}");

    // The basket that was open: asked again, nobody has this code; without it the sale goes on.
    assert!(scene.close(&open, "R-3", "R-3").await.unwrap_err().is("evaluation-stale"));
    let again = scene.put(open.session_id, basket(Some(guest.code.as_str()), &[("latte", 1)])).await;
    assert!(again.unwrap_err().is("customer-not-found"));
    let without = scene.put(open.session_id, basket(None, &[("latte", 1)])).await.unwrap();
    assert_eq!(without.customer, None);
    scene.close(&without, "R-3", "R-3").await.unwrap();

    // Goods of theirs still come back, for what was paid for them.
    let back = scene.give_back(&sale, &[(0, 2), (1, 1)], "back").await.unwrap().value;
    assert_eq!(back.refund.amount, sale.total);
    scene.is_in_order().await;
    assert!(scene.shop.forget_customer(CustomerId(Uuid::from_u128(404))).await.unwrap_err().is("customer-not-found"));
}

/// A quote that was on its way when its customer was forgotten is looked for once more.
#[tokio::test]
async fn case_26_a_name_that_is_written_late_goes_as_well() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    scene.name(&guest, "Zinaida", "+447700900555").await;
    let open = scene.quoted(&guest, &[("latte", 1)]).await;
    scene.shop.forget_customer(guest.id).await.unwrap();
    scene.shop.scrub_forgotten().await.unwrap();
    scene
        .change("update sessions set basis = replace(basis, '\"display_name\":\"\"', '\"display_name\":\"Zinaida\"')")
        .await;
    assert_eq!(scene.traces_of("zinaida").await.len(), 1, "{:?}", open.session_id);
    assert_eq!(scene.shop.scrub_forgotten().await.unwrap(), 0, "too early to tell");
    scene.advance(2 * 60 * 60);
    assert_eq!(scene.shop.scrub_forgotten().await.unwrap(), 1);
    assert_eq!(scene.traces_of("zinaida").await, Vec::<String>::new());
}

#[tokio::test]
async fn case_26_a_merged_profile_keeps_what_was_used_of_every_limit() {
    let scene = Scene::set().await;
    scene.publish(json!([welcome()])).await;
    let (old, new) = (scene.guest().await, scene.guest().await);
    scene.name(&old, "Old", "+447700900555").await;
    let first = scene.bought(with_welcome(&old, &[("espresso", 3)]), "R-1").await;
    scene.bought(with_welcome(&new, &[("eclair", 2)]), "R-2").await;
    let saved = scene.savings(&old).await + scene.savings(&new).await;
    let held = scene.put(scene.id(), with_welcome(&old, &[("espresso", 1)])).await.unwrap();

    assert_eq!(scene.merge(&old, &new).await, Ok(Merger { into: new.id, now: true }));
    assert_eq!(scene.merge(&old, &new).await, Ok(Merger { into: new.id, now: false }), "twice is once");
    scene.is_in_order().await;
    assert_eq!((scene.savings(&new).await, scene.savings(&old).await), (saved, 0));
    let merged = scene.shop.store.customer(new.id).await.unwrap().unwrap();
    assert_eq!((merged.visits, merged.name.as_str(), merged.phone.is_some()), (2, "Anna", true));

    // A quote of the old account is asked again; by then its code leads to the new one, which has used both times.
    assert!(scene.close(&held, "R-3", "R-3").await.unwrap_err().is("evaluation-stale"));
    for guest in [&old, &new] {
        let again = scene.put(held.session_id, with_welcome(guest, &[("espresso", 1)])).await.unwrap();
        assert_eq!(again.customer.as_ref().map(|customer| customer.id), Some(new.id));
        assert!(
            again.effects.iter().any(|effect| matches!(effect, Effect::RejectCoupon { .. })),
            "both uses were had: {:?}",
            again.effects
        );
    }

    // What the old account bought comes back from the new one.
    let before = scene.savings(&new).await;
    let back = scene.give_back(&first, &[(0, 3)], "back").await.unwrap().value;
    assert_eq!(back.refund.amount, first.total);
    assert_eq!(Amount(scene.savings(&new).await), Amount(before) - first.discount);
    scene.is_in_order().await;
    // And its use with it, so that there is one again.
    let again = scene.put(held.session_id, with_welcome(&new, &[("espresso", 1)])).await.unwrap();
    assert!(again.effects.iter().any(|effect| matches!(effect, Effect::AcceptCoupon { .. })), "{:?}", again.effects);
    scene.close(&again, "R-3", "R-3 again").await.unwrap();
    scene.is_in_order().await;
}

/// Two who had nearly all of a limit have more than it together: nothing is taken back, and nothing more is given.
#[tokio::test]
async fn case_26_a_sum_above_the_limit_gives_nothing_more() {
    let scene = Scene::set().await;
    scene.publish(json!([welcome()])).await;
    let (old, new) = (scene.guest().await, scene.guest().await);
    for (guest, receipt) in [(&old, "R-1"), (&new, "R-2")] {
        let sale = scene.bought(with_welcome(guest, &[("espresso", 5)]), receipt).await;
        assert!(sale.discount > Amount(400), "{:?}", sale.discount);
    }
    scene.merge(&old, &new).await.unwrap();
    let over = "select count(*) from limit_accounts where key like '%/discount/customer=%' and committed > 600 and ceiling >= committed";
    assert_eq!(scene.count(over).await, 1);
    scene.is_in_order().await;
    let quote = scene.put(scene.id(), with_welcome(&new, &[("espresso", 5)])).await.unwrap();
    assert!(!quote.effects.iter().any(|effect| matches!(effect, Effect::AcceptCoupon { .. })), "{:?}", quote.effects);
}

#[tokio::test]
async fn case_26_mergers_that_make_no_sense_change_nothing() {
    let scene = Scene::set().await;
    let (a, b, c, gone) = (scene.guest().await, scene.guest().await, scene.guest().await, scene.guest().await);
    for (guest, receipt) in [(&a, "R-1"), (&b, "R-2"), (&c, "R-3")] {
        scene.bought(basket(Some(guest.code.as_str()), &[("espresso", 2)]), receipt).await;
    }
    scene.shop.forget_customer(gone.id).await.unwrap();
    assert_eq!(scene.merge(&a, &a).await, Err("same-customer".into()));
    assert_eq!(scene.merge(&gone, &a).await, Err("customer-forgotten".into()));
    assert_eq!(scene.merge(&a, &gone).await, Err("customer-forgotten".into()));
    let nobody = CustomerId(Uuid::from_u128(404));
    assert!(scene.shop.merge_customers(a.id, nobody).await.unwrap_err().is("customer-not-found"));
    assert!(scene.shop.merge_customers(nobody, a.id).await.unwrap_err().is("customer-not-found"));

    // A chain is one step, and no ring.
    assert_eq!(scene.merge(&a, &b).await.unwrap().into, b.id);
    assert_eq!(scene.merge(&b, &c).await.unwrap().into, c.id);
    assert_eq!(scene.merge(&c, &a).await, Err("same-customer".into()));
    assert_eq!(scene.merge(&a, &gone).await, Err("customer-forgotten".into()));
    assert_eq!(scene.count("select count(*) from customers where merged_into is not null").await, 2);
    assert_eq!(scene.shop.store.customer(c.id).await.unwrap().unwrap().visits, 3);
    let d = scene.guest().await;
    assert_eq!(scene.merge(&a, &d).await, Err("customer-merged".into()));
    // Into one that was merged: into who that is now.
    assert_eq!(scene.merge(&d, &a).await.unwrap().into, c.id);
    scene.is_in_order().await;
    // Forgetting one forgets everybody who is them.
    scene.shop.forget_customer(a.id).await.unwrap();
    assert_eq!(scene.count("select count(*) from customers where erased_at is null").await, 0);
    scene.is_in_order().await;
}

/// The merger and the purchase meet; whichever is first, no sum is lost and no receipt is left behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn case_26_a_merger_and_purchases_at_the_same_time_lose_nothing() {
    let scene = Scene::set().await;
    scene.publish(json!([welcome()])).await;
    let mut closed = 0;
    for round in 0..12 {
        let (old, new) = (scene.guest().await, scene.guest().await);
        let mut sales = Vec::new();
        for (n, guest) in [&old, &new, &old, &new].into_iter().enumerate() {
            let quote = scene.put(scene.id(), with_welcome(guest, &[("espresso", 1 + n as i64)])).await.unwrap();
            sales.push((quote, format!("R-{round}-{n}")));
        }
        let first = scene.bought(basket(Some(old.code.as_str()), &[("eclair", 1)]), &format!("R-{round}")).await;
        let together = Barrier::new(6);
        let close = |n: usize| {
            let ((quote, receipt), scene, together) = (&sales[n], &scene, &together);
            async move {
                together.wait().await;
                scene.close(quote, receipt, receipt).await.map_err(|refusal| refusal.key)
            }
        };
        let merge = async {
            together.wait().await;
            scene.merge(&old, &new).await
        };
        let back = async {
            together.wait().await;
            scene.give_back(&first, &[(0, 1)], &format!("back {round}")).await.map_err(|refusal| refusal.key)
        };
        let (a, b, c, d, merged, back) = tokio::join!(close(0), close(1), close(2), close(3), merge, back);
        merged.unwrap();
        back.unwrap();
        for told in [a, b, c, d] {
            match told {
                Ok(_) => closed += 1,
                Err(key) => assert_eq!(key, "evaluation-stale"),
            }
        }
        scene.is_in_order().await;
    }
    assert!(closed >= 24, "those of the new account always go through: {closed}");
}

/// Whoever pays while they are forgotten either paid before it, or is told to ask again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn case_26_forgetting_and_paying_at_the_same_time_leave_no_name() {
    let scene = Scene::set().await;
    for round in 0..12 {
        let guest = scene.guest().await;
        scene.name(&guest, "Zinaida", "+447700900555").await;
        let quote = scene.quoted(&guest, &[("espresso", 2)]).await;
        let together = Barrier::new(2);
        let close = async {
            together.wait().await;
            scene.close(&quote, &format!("R-{round}"), &format!("R-{round}")).await.map_err(|refusal| refusal.key)
        };
        let forget = async {
            together.wait().await;
            scene.shop.forget_customer(guest.id).await
        };
        let (closed, forgotten) = tokio::join!(close, forget);
        forgotten.unwrap();
        if let Err(key) = closed {
            assert_eq!(key, "evaluation-stale");
        }
        scene.advance(2 * 60 * 60);
        scene.shop.scrub_forgotten().await.unwrap();
        assert_eq!(scene.traces_of("zinaida").await, Vec::<String>::new());
        scene.is_in_order().await;
    }
}
