use std::sync::Arc;

use contract::offline::{GrantsRequest, OfflineLine, OfflineReceipt, ReceiptResult, ReceiptResults, SentReceipt};
use contract::till::TillCaller;
use contract::{OfflineApi, Once};
use domain::{Amount, Currency, GrantId};
use serde_json::Value;

use super::scene::{Guest, Scene, once};

fn receipt(number: &str, counter: i64, lines: &[(&str, i64, i64, i64)]) -> OfflineReceipt {
    let line = |&(sku, quantity, price, discount): &(&str, i64, i64, i64)| OfflineLine {
        sku: sku.to_owned(),
        quantity,
        unit_price: Amount(price),
        discount: Amount(discount),
    };
    OfflineReceipt {
        receipt_number: number.to_owned(),
        device_counter: counter,
        currency: Currency::EUR,
        customer_code: None,
        grant_id: None,
        paid: lines.iter().map(|&(_, quantity, price, discount)| Amount(quantity * price - discount)).sum(),
        lines: lines.iter().map(line).collect(),
        paid_at: None,
    }
}

fn on(grant: GrantId, receipt: OfflineReceipt) -> OfflineReceipt {
    OfflineReceipt { grant_id: Some(grant), ..receipt }
}

async fn send(scene: &Scene, caller: &TillCaller, key: &str, receipts: Vec<OfflineReceipt>) -> Once<ReceiptResults> {
    let receipts = receipts.into_iter().map(SentReceipt::Readable).collect();
    scene.shop.record_receipts(caller, &once(key), receipts).await.unwrap()
}

async fn sent(scene: &Scene, key: &str, receipts: Vec<OfflineReceipt>) -> Vec<ReceiptResult> {
    send(scene, &scene.till, key, receipts).await.value.results.into_iter().map(|outcome| outcome.result).collect()
}

fn accepted() -> ReceiptResult {
    ReceiptResult::Accepted { customer_known: true }
}

fn over(amount: i64) -> ReceiptResult {
    ReceiptResult::AcceptedOverBound { amount: Amount(amount), customer_known: true }
}

fn duplicate(recorded: i64) -> ReceiptResult {
    ReceiptResult::Duplicate { recorded: Amount(recorded) }
}

async fn granted(scene: &Scene, guest: &Guest) -> GrantId {
    let page = scene.shop.grants(&scene.till, GrantsRequest { limit: 200, ..GrantsRequest::default() }).await.unwrap();
    page.grants.iter().find(|grant| grant.customer == guest.id).unwrap().grant_id
}

/// Savings, visits, spend by category, what the grant gave, what was over, receipts, events.
async fn totals(scene: &Scene, guest: &Guest) -> Value {
    sqlx::query_scalar(
        "select jsonb_build_array(c.savings, c.visits, c.spent, c.composition::jsonb, \
             (select sum(spent) from grants g where g.customer_id = c.id), \
             (select sum(o.over_bound) from offline_receipts o join receipts r on r.id = o.receipt_id \
                 where r.customer_id = c.id), \
             (select jsonb_agg(jsonb_build_array(total, discount) order by total, discount) from receipts r where r.customer_id = c.id), \
             (select count(*) from outbox where key = c.id::text and topic = 'kava.purchases.v1')) \
         from customers c where id = $1",
    )
    .bind(guest.id.0)
    .fetch_one(&scene.pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_sale_on_a_grant_is_a_purchase_like_any_other() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let grant = granted(&scene, &guest).await;
    let sale = on(grant, receipt("A-1", 1, &[("espresso", 2, 250, 50), ("unheard-of", 1, 100, 0)]));
    assert_eq!(sent(&scene, "k", vec![sale]).await, [accepted()]);
    let expected = serde_json::json!([50, 1, 550, {"coffee": 450}, 50, 0, [[550, 50]], 1]);
    assert_eq!(totals(&scene, &guest).await, expected);
    let allocated: Value = sqlx::query_scalar("select allocations::jsonb from receipt_lines where discount > 0")
        .fetch_one(&scene.pool)
        .await
        .unwrap();
    assert_eq!(allocated, serde_json::json!([{ "source": "card", "id": guest.card, "amount": 50 }]));
    let payload: Value = sqlx::query_scalar("select payload::jsonb from outbox where topic = 'kava.purchases.v1'")
        .fetch_one(&scene.pool)
        .await
        .unwrap();
    assert_eq!((&payload["offline"], &payload["total"]), (&Value::from(true), &Value::from(550)));
    // What the features are counted from says the same.
    let mut tx = scene.shop.store.begin().await.unwrap();
    assert_eq!(store::segments::refresh(&mut tx, store::segments::Whose::Everybody).await.unwrap(), 0);
}

#[tokio::test]
async fn case_8_merged_in_every_order_and_twice_the_totals_are_the_same() {
    let scene = Scene::set().await;
    let mut first: Option<Value> = None;
    // 500 may be given; these give 220 + 200 + 90 + 60 = 570, whoever comes last.
    let gives = [220, 200, 90, 60];
    for order in permutations(&[0, 1, 2, 3]) {
        let guest = scene.guest().await;
        let grant = granted(&scene, &guest).await;
        let name: String = order.iter().map(|place| format!("{place}")).collect();
        let sale = |place: usize| {
            let lines = [("espresso", 4, 250, gives[place]), ("eclair", 1, 390, 0)];
            on(grant, receipt(&format!("{name}-{place}"), place as i64, &lines))
        };
        let mut results = Vec::new();
        for (turn, &place) in order.iter().enumerate() {
            // Each comes with the one before it again, in a call of its own and within one call.
            let before = order[turn.saturating_sub(1)];
            results.extend(sent(&scene, &format!("{name}-{turn}"), vec![sale(place), sale(before), sale(place)]).await);
        }
        let new: Vec<_> = results.iter().filter(|result| !matches!(result, ReceiptResult::Duplicate { .. })).collect();
        assert_eq!(new.len(), 4, "{results:?}");
        let past: i64 = results
            .iter()
            .map(|result| match result {
                ReceiptResult::AcceptedOverBound { amount, .. } => amount.minor(),
                _ => 0,
            })
            .sum();
        assert_eq!(past, 70);
        let found = totals(&scene, &guest).await;
        assert_eq!(found[0], 570);
        assert_eq!(&found, first.get_or_insert(found.clone()));
    }
}

fn permutations(of: &[usize]) -> Vec<Vec<usize>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (place, &one) in of.iter().enumerate() {
        let mut rest = of.to_vec();
        rest.remove(place);
        all.extend(permutations(&rest).into_iter().map(|mut order| {
            order.insert(0, one);
            order
        }));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sent_by_many_at_once_every_receipt_counts_once() {
    let scene = Arc::new(Scene::set().await);
    let guest = scene.guest().await;
    let grant = granted(&scene, &guest).await;
    let calls = (0..8).map(|call| {
        let scene = Arc::clone(&scene);
        tokio::spawn(async move {
            let mut batch: Vec<OfflineReceipt> =
                (0..10).map(|n| on(grant, receipt(&format!("A-{n}"), n, &[("espresso", 1, 250, 20)]))).collect();
            batch.rotate_left(call);
            sent(&scene, &format!("k-{call}"), batch).await
        })
    });
    let mut accepted_ones = 0;
    for call in calls.collect::<Vec<_>>() {
        let results = call.await.unwrap();
        accepted_ones += results.iter().filter(|result| **result == accepted()).count();
        assert!(results.iter().all(|result| *result == accepted() || *result == duplicate(230)), "{results:?}");
    }
    assert_eq!(accepted_ones, 10);
    let found = totals(&scene, &guest).await;
    assert_eq!((&found[0], &found[1], &found[4], &found[7]), (&200.into(), &10.into(), &200.into(), &10.into()));
}

#[tokio::test]
async fn what_was_closed_online_is_a_duplicate_and_says_what_it_was_paid_with() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let session = scene.quoted(&guest, &[("espresso", 2)]).await;
    scene.close(&session, "A-1", "close").await.unwrap();
    // The answer never came, and the till sold at the full price.
    let results = sent(&scene, "k", vec![receipt("A-1", 1, &[("espresso", 2, 250, 0)])]).await;
    assert_eq!(results, [duplicate(450)]);
    // And the other way round.
    assert_eq!(sent(&scene, "k2", vec![receipt("A-2", 2, &[("espresso", 1, 250, 0)])]).await, [accepted()]);
    let session = scene.quoted(&guest, &[("espresso", 1)]).await;
    assert!(scene.close(&session, "A-2", "close2").await.unwrap_err().is("receipt-already-used"));
    assert_eq!(scene.count("select count(*) from receipts").await, 2);
}

#[tokio::test]
async fn the_same_call_again_is_told_the_same_byte_for_byte() {
    let scene = Scene::set().await;
    let batch = || vec![receipt("A-1", 1, &[("espresso", 1, 250, 0)]), receipt("A-1", 1, &[("espresso", 1, 250, 0)])];
    let first = send(&scene, &scene.till, "k", batch()).await;
    let again = send(&scene, &scene.till, "k", batch()).await;
    assert_eq!((first.replayed, again.replayed, &first.body), (false, true, &again.body));
    // Cut off before its answer was stored: told again from the receipts.
    scene.change("delete from idempotency_keys").await;
    let told = send(&scene, &scene.till, "k", batch()).await;
    assert_eq!((told.replayed, told.body), (false, first.body));
    let other = vec![SentReceipt::Readable(receipt("A-9", 1, &[("espresso", 1, 250, 0)]))];
    assert!(scene.shop.record_receipts(&scene.till, &once("k"), other).await.unwrap_err().is("idempotency-key-reused"));
    // Another till may use the same key and number.
    assert_eq!(send(&scene, &scene.second, "k", batch()).await.value.results[0].result, accepted());
}

#[tokio::test]
async fn what_cannot_be_a_receipt_is_rejected_alone() {
    let scene = Scene::set().await;
    let good = |n: i64| receipt(&format!("A-{n}"), n, &[("espresso", 1, 250, 0)]);
    let line = |quantity, price, discount| receipt("B", 1, &[("espresso", quantity, price, discount)]);
    let wrong = [
        (OfflineReceipt { currency: Currency::GBP, ..good(1) }, "currency-mismatch"),
        (OfflineReceipt { receipt_number: " A".into(), ..good(1) }, "invalid-receipt-number"),
        (OfflineReceipt { device_counter: -1, ..good(1) }, "invalid-device-counter"),
        (OfflineReceipt { paid: Amount(249), ..good(1) }, "paid-mismatch"),
        (OfflineReceipt { paid: Amount(i64::MIN), ..good(1) }, "paid-mismatch"),
        (receipt("B", 1, &[]), "line-count-out-of-bounds"),
        (receipt("B", 1, &[("", 1, 1, 0)]), "sku-invalid"),
        (line(0, 250, 0), "quantity-out-of-bounds"),
        (line(-1, 250, 0), "quantity-out-of-bounds"),
        (line(10_000, 250, 0), "quantity-out-of-bounds"),
        (line(1, -1, 0), "unit-price-out-of-bounds"),
        (line(1, 1_000_000_001, 0), "unit-price-out-of-bounds"),
        (line(1, 250, -1), "discount-out-of-bounds"),
        (line(1, 250, 251), "discount-out-of-bounds"),
    ];
    let mut batch = vec![SentReceipt::Readable(good(1))];
    batch.extend(wrong.iter().map(|(receipt, _)| SentReceipt::Readable(receipt.clone())));
    let unreadable =
        SentReceipt::Unreadable { receipt_number: None, pointer: "/lines".into(), detail: "missing".into() };
    batch.extend([unreadable, SentReceipt::Readable(good(2))]);
    let answer = scene.shop.record_receipts(&scene.till, &once("k"), batch).await.unwrap();
    let keys: Vec<&str> = answer
        .value
        .results
        .iter()
        .map(|outcome| match &outcome.result {
            ReceiptResult::Rejected { key, .. } => key.as_str(),
            _ => "",
        })
        .collect();
    let mut expected = vec![""];
    expected.extend(wrong.iter().map(|(_, key)| *key));
    expected.extend(["invalid-receipt", ""]);
    assert_eq!(keys, expected);
    assert_eq!(scene.count("select count(*) from receipts").await, 2);
    let many = (0..501).map(|n| SentReceipt::Readable(good(n))).collect();
    assert!(scene.shop.record_receipts(&scene.till, &once("m"), many).await.unwrap_err().is("too-many-receipts"));
}

#[tokio::test]
async fn a_discount_that_nobody_allowed_is_recorded_and_measured() {
    let scene = Scene::set().await;
    let (guest, other) = (scene.guest().await, scene.guest().await);
    let grant = granted(&scene, &guest).await;
    let sale = |number: &str| receipt(number, 1, &[("espresso", 2, 250, 40)]);
    let late = (scene.now() + chrono::TimeDelta::hours(5)).fixed_offset();
    scene.advance(6 * 3_600);
    let batch = vec![
        sale("no grant"),
        on(GrantId(uuid::Uuid::nil()), sale("no such grant")),
        OfflineReceipt { customer_code: Some(other.code.as_str().into()), ..on(grant, sale("another's grant")) },
        OfflineReceipt { paid_at: Some(late), ..on(grant, sale("a grant that had ended")) },
    ];
    assert_eq!(sent(&scene, "k", batch).await, [over(40), over(40), over(40), over(40)]);
    let foreign = send(&scene, &scene.second, "k", vec![on(grant, sale("another till's grant"))]).await;
    assert_eq!(foreign.value.results[0].result, over(40));
    assert_eq!(scene.count("select sum(spent)::bigint from grants").await, 0);
    assert_eq!(scene.count("select sum(over_bound)::bigint from offline_receipts").await, 200);
}

#[tokio::test]
async fn nobodys_code_makes_it_nobodys_purchase() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let with = |number: &str, code: &str| OfflineReceipt {
        customer_code: Some(code.to_owned()),
        ..receipt(number, 1, &[("espresso", 1, 250, 0)])
    };
    let shown = scene.shows(&guest);
    // Handed in the next day, a code that rotated on long ago is still theirs.
    scene.advance(86_400);
    let (most, last) = shown.split_at(shown.len() - 1);
    let forged = format!("{most}{}", if last == "Z" { "Y" } else { "Z" });
    let batch = vec![with("1", &shown), with("2", &forged), with("3", "nonsense"), with("4", guest.code.as_str())];
    let unknown = ReceiptResult::Accepted { customer_known: false };
    assert_eq!(sent(&scene, "k", batch).await, [accepted(), unknown.clone(), unknown, accepted()]);
    assert_eq!(totals(&scene, &guest).await[1], 2);
}

#[tokio::test]
async fn the_tills_clock_dates_a_purchase_within_bounds() {
    let scene = Scene::set().await;
    let at = |number: &str, days: i64| OfflineReceipt {
        paid_at: Some((scene.now() + chrono::TimeDelta::days(days)).fixed_offset()),
        ..receipt(number, 1, &[("espresso", 1, 250, 0)])
    };
    sent(&scene, "k", vec![at("1", -2), at("2", 400), at("3", -400)]).await;
    let now = scene.now();
    let days: Vec<i64> =
        sqlx::query_scalar::<_, chrono::DateTime<chrono::Utc>>("select at from receipts order by number")
            .fetch_all(&scene.pool)
            .await
            .unwrap()
            .into_iter()
            .map(|at| (now - at).num_days())
            .collect();
    assert_eq!(days, [2, 0, 60]);
}
