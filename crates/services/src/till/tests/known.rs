//! A purchase of which everything is known writes in one statement what it would write step by step, or nothing.

use contract::till::Session;
use domain::{Amount, SegmentName};

use super::scene::{Guest, Scene, basket};
use super::statements::counted;
use crate::pace::Pace;

const ONE: usize = 1;
/// Four, and a customer's own: keys, sessions and receipts, customers, the rest.
const STEP_BY_STEP: usize = 4;

/// Everything that this customer's purchases wrote, without what is drawn (ids), the clock's microseconds, and the
/// numbers and keys that the test chose.
const TRACES: &str = "with mine as (select s.* from sessions s where s.customer_id = $1) \
     select string_agg(line, E'\n' order by line) from (select regexp_replace(regexp_replace(line, \
         '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'ID', 'g'), \
         '(known|steps)-\\d|\\.\\d{2,6}', '', 'g') as line from ( \
         select concat_ws(' ', 'session', state, version, till_id, basis, evaluated_at, expires_at) as line from mine \
         union all select concat_ws(' ', 'answer', a.version, a.body) from session_answers a join mine on a.session_id = mine.id \
         union all select concat_ws(' ', 'receipt', r.number, r.kind, r.source, r.at, r.lines, r.subtotal, r.discount, r.total, \
             r.customer_id = $1, r.store_id, r.till_id) from receipts r join mine on r.session_id = mine.id \
         union all select concat_ws(' ', 'line', l.position, l.sku, l.quantity, l.unit_price, l.discount, l.unit_cost, \
             l.allocations) from receipt_lines l join receipts r on r.id = l.receipt_id join mine on r.session_id = mine.id \
         union all select concat_ws(' ', 'customer', visits, spent, first_purchase_at, last_purchase_at, composition, cost, \
             costed, habits, savings, segment_index, segment_model is not null) from customers where id = $1 \
         union all select concat_ws(' ', 'change', at, from_name, to_name, why) from segment_changes where customer_id = $1 \
         union all select concat_ws(' ', 'event', topic, schema, occurred_at, payload) from outbox where key = $1::text \
         union all select concat_ws(' ', 'key', k.key, k.session_version, k.owner = mine.till_id, k.created_at, k.body) \
             from idempotency_keys k join mine on k.session_id = mine.id) written) masked";

async fn traces(scene: &Scene, guest: &Guest) -> String {
    sqlx::query_scalar(TRACES).bind(guest.id.0).fetch_one(&scene.pool).await.unwrap()
}

/// A basket that its customer pays; gives the statements that the payment took.
async fn buy(scene: &Scene, guest: &Guest, lines: &[(&str, i64)], name: &str, forgotten: bool) -> usize {
    let session = scene.quoted(guest, lines).await;
    scene.shop.settle().await;
    if forgotten {
        scene.shop.counter.regulars.forget([guest.id].into_iter());
    }
    let (statements, _) = counted(async { scene.close(&session, name, name).await.unwrap() }).await;
    statements
}

/// The first customer of a process is read step by step, and the segments' model with them.
async fn warmed(scene: &Scene) {
    let stranger = scene.guest().await;
    buy(scene, &stranger, BASKETS[0], "first", false).await;
}

const BASKETS: [&[(&str, i64)]; 4] = [
    &[("espresso", 2), ("eclair", 1)],
    &[("mystery", 3)],
    &[("bag", 1), ("gift", 2)],
    &[("latte", 9), ("espresso", 1)],
];

#[tokio::test]
async fn one_statement_writes_what_four_write() {
    let scene = Scene::set_at(Pace::swift()).await;
    let (known, steps) = (scene.guest().await, scene.guest().await);
    warmed(&scene).await;
    for (n, lines) in BASKETS.into_iter().enumerate() {
        assert_eq!(buy(&scene, &known, lines, &format!("known-{n}"), false).await, ONE, "{lines:?}");
        assert_eq!(buy(&scene, &steps, lines, &format!("steps-{n}"), true).await, STEP_BY_STEP, "{lines:?}");
        let (one, four) = (traces(&scene, &known).await, traces(&scene, &steps).await);
        assert!(one.lines().count() > 5 * n, "{one}");
        assert_eq!(one, four);
        scene.advance(3_600);
    }
}

/// What the journal has not come to is written once: as it is paid.
#[tokio::test]
async fn a_basket_that_is_not_written_yet_is_written_as_it_is_paid() {
    let scene = Scene::set_at(Pace::swift()).await;
    let (known, steps) = (scene.guest().await, scene.guest().await);
    warmed(&scene).await;
    let put = async |guest: &Guest, id, lines| {
        scene.shop.counter.journal.be_busy();
        scene.put(id, basket(Some(guest.code.as_str()), lines)).await.unwrap()
    };
    for (n, written) in [false, true, false].into_iter().enumerate() {
        let mut statements = Vec::new();
        for (guest, name) in [(&known, format!("known-{n}")), (&steps, format!("steps-{n}"))] {
            let id = scene.id();
            scene.quoted(guest, BASKETS[2]).await;
            if written {
                // The version before is.
                put(guest, id, BASKETS[0]).await;
                scene.shop.settle().await;
            }
            let session = put(guest, id, BASKETS[1]).await;
            if guest.id == steps.id {
                scene.shop.counter.regulars.forget([guest.id].into_iter());
            }
            let close = async { scene.close(&session, &name, &name).await.unwrap() };
            statements.push(counted(close).await.0);
            scene.shop.settle().await;
        }
        assert_eq!(statements, [ONE, STEP_BY_STEP]);
        assert_eq!(traces(&scene, &known).await, traces(&scene, &steps).await);
        scene.advance(3_600);
    }
    assert_eq!(scene.count("select count(*) from receipts where number like 'known%'").await, 3);
}

#[tokio::test]
async fn one_statement_moves_customers_between_segments_as_four_do() {
    let scene = Scene::set_at(Pace::swift()).await;
    for n in 0..18 {
        let guest = scene.guest().await;
        for m in 0..=(n % 3) * 4 {
            buy(&scene, &guest, BASKETS[n % 2], &format!("old-{n}-{m}"), false).await;
            scene.advance(1_800);
        }
    }
    let (known, steps) = (scene.guest().await, scene.guest().await);
    // No model yet, and then one that memory does not know: the first purchase after the fit reads it.
    assert_eq!(buy(&scene, &known, BASKETS[0], "known-1", false).await, ONE);
    assert_eq!(buy(&scene, &steps, BASKETS[0], "steps-1", true).await, STEP_BY_STEP);
    crate::segment::fit(&scene.shop).await.unwrap();
    let stranger = scene.guest().await;
    assert_eq!(buy(&scene, &stranger, BASKETS[1], "R-1", false).await, STEP_BY_STEP);
    assert_eq!(buy(&scene, &stranger, BASKETS[1], "R-2", false).await, ONE);
    for n in 2..9 {
        scene.advance(86_400 * i64::from(n));
        buy(&scene, &known, BASKETS[1], &format!("known-{n}"), false).await;
        buy(&scene, &steps, BASKETS[1], &format!("steps-{n}"), true).await;
        assert_eq!(traces(&scene, &known).await, traces(&scene, &steps).await);
    }
    let moved = scene.count("select count(*) from segment_changes where why::text not like '%fit%'").await;
    assert!(moved > 0, "somebody moved by buying");
    let placed = scene.shop.store.customer(known.id).await.unwrap().unwrap();
    let name = scene.shop.segment_name(placed.segment_model, placed.segment_index).await.unwrap();
    assert_ne!(name, SegmentName::Newcomers);
}

/// Whatever has happened elsewhere since memory last looked, nothing of it is lost and nothing is written over it.
#[tokio::test]
async fn what_happened_elsewhere_meanwhile_counts() {
    let scene = Scene::set_at(Pace::swift()).await;
    warmed(&scene).await;
    let guest = scene.guest().await;
    let quote = async |lines| {
        let session = scene.quoted(&guest, lines).await;
        scene.shop.settle().await;
        session
    };
    // Somebody else changed the customer.
    let first = quote(&[("espresso", 2)]).await;
    scene.change("update customers set savings = savings + 1000, visits = visits + 7").await;
    let (statements, _) = counted(async { scene.close(&first, "R-1", "k1").await.unwrap() }).await;
    assert_eq!(statements, ONE + STEP_BY_STEP, "memory was wrong");
    assert_eq!(scene.savings(&guest).await, 1_050);
    assert_eq!(scene.shop.store.customer(guest.id).await.unwrap().unwrap().visits, 8);

    // The basket went on in another process.
    let second = quote(&[("espresso", 2)]).await;
    scene.change("update sessions set version = version + 1 where state = 'open'").await;
    let refused = scene.close(&second, "R-2", "k2").await;
    assert!(refused.is_ok_and(|closed| closed.value.version == second.version + 2), "the row that is there was paid");

    // It was cancelled there.
    let third = quote(&[("espresso", 2)]).await;
    scene.change("update sessions set state = 'cancelled' where state = 'open'").await;
    assert!(scene.close(&third, "R-3", "k3").await.is_err());

    // Its card was withdrawn.
    let fourth = quote(&[("espresso", 2)]).await;
    scene.change("update cards set withdrawn_at = now()").await;
    let withdrawn =
        async { assert!(scene.close(&fourth, "R-4", "k4").await.is_err_and(|why| why.is("evaluation-stale"))) };
    assert!(counted(withdrawn).await.0 > ONE, "it was tried together first");

    // A crash of the database took the basket's row, which is not waited for.
    let fifth = scene.put(scene.id(), basket(None, &[("latte", 1)])).await.unwrap();
    scene.shop.settle().await;
    scene.change("delete from sessions where state = 'open'").await;
    scene.close(&fifth, "R-5", "k5").await.unwrap();
    assert_eq!(scene.count("select count(*) from receipts where number like 'R-%'").await, 3);
    assert_eq!(scene.savings(&guest).await, 1_100);
}

/// A purchase that waits for the customer's row sees what the one before it left.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_purchase_waits_for_its_customer_and_loses_nothing() {
    let scene = Scene::set_at(Pace::swift()).await;
    warmed(&scene).await;
    let guest = scene.guest().await;
    let session: Session = scene.quoted(&guest, &[("espresso", 2)]).await;
    scene.shop.settle().await;
    let mut elsewhere = scene.pool.begin().await.unwrap();
    sqlx::query("update customers set savings = savings + 7, spent = spent + 100 where id = $1")
        .bind(guest.id.0)
        .execute(&mut *elsewhere)
        .await
        .unwrap();
    let (shop, till, id, total) = (scene.shop.clone(), scene.till.clone(), session.session_id, session.total);
    let closing = tokio::spawn(async move {
        use contract::TillApi;
        shop.close(&till, id, &super::scene::once("k"), super::scene::paid("R-1", total)).await
    });
    scene.until_waiting(1).await;
    elsewhere.commit().await.unwrap();
    let closed = closing.await.unwrap().unwrap();
    assert_eq!(closed.value.savings.unwrap().amount, Amount(57));
    assert_eq!(scene.shop.store.customer(guest.id).await.unwrap().unwrap().spent, Amount(550));
    assert_eq!(scene.count("select count(*) from receipts where number = 'R-1'").await, 1);
    assert_eq!(scene.count("select count(*) from outbox where payload like '%\"R-1\"%'").await, 1);
}
