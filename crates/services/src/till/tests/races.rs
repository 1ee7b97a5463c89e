//! Races are forced: by a barrier, or by a held lock behind which the calls queue in a known order.

use std::sync::Arc;
use std::time::Duration;

use contract::till::{QuoteMode, Session};
use contract::{Kind, TillApi};
use domain::{Amount, SessionState};
use sqlx::{Postgres, Transaction};
use tokio::sync::Barrier;

use super::super::closer;
use super::scene::{Scene, basket, once, paid, returning};
use crate::pace::Pace;

const AT_ONCE: usize = 20;

/// Runs `story` in many tasks that all start together.
async fn together<T: Send + 'static, F>(times: usize, story: impl Fn(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(times));
    let tasks: Vec<_> = (0..times)
        .map(|place| {
            let (barrier, story) = (barrier.clone(), story(place));
            tokio::spawn(async move {
                barrier.wait().await;
                story.await
            })
        })
        .collect();
    let mut told = Vec::with_capacity(times);
    for task in tasks {
        told.push(task.await.unwrap());
    }
    told
}

async fn held(scene: &Scene, session: &Session) -> Transaction<'static, Postgres> {
    let mut tx = scene.pool.begin().await.unwrap();
    sqlx::query("select 1 from sessions where id = $1 for update")
        .bind(session.session_id.0)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn case_1_the_same_key_twenty_times_at_once_counts_once() {
    let scene = Scene::set_at(Pace::swift()).await;
    let guest = scene.guest().await;
    let session = scene.quoted(&guest, &[("espresso", 2)]).await;
    let told = together(AT_ONCE, |_| {
        let (shop, till, session) = (scene.shop.clone(), scene.till.clone(), session.clone());
        async move { shop.close(&till, session.session_id, &once("k"), paid("R-1", session.total)).await.unwrap() }
    })
    .await;
    assert_eq!(told.iter().filter(|answer| !answer.replayed).count(), 1);
    assert!(told.iter().all(|answer| answer.body == told[0].body));
    assert_eq!(scene.savings(&guest).await, 50);
    assert_eq!(scene.count("select count(*) from receipts").await, 1);
    assert_eq!(scene.count("select count(*) from outbox where topic = 'kava.purchases.v1'").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn case_1_one_session_closed_by_twenty_keys_and_receipts_is_one_purchase() {
    let scene = Scene::set_at(Pace::swift()).await;
    let guest = scene.guest().await;
    let session = scene.quoted(&guest, &[("espresso", 2)]).await;
    let told = together(AT_ONCE, |place| {
        let (shop, till, session) = (scene.shop.clone(), scene.till.clone(), session.clone());
        async move {
            let (key, receipt) = (once(&format!("k{place}")), paid(&format!("R-{place}"), session.total));
            shop.close(&till, session.session_id, &key, receipt).await
        }
    })
    .await;
    assert_eq!(told.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(told.iter().filter_map(|answer| answer.as_ref().err()).all(|refusal| refusal.is("session-not-open")));
    assert_eq!(scene.savings(&guest).await, 50);
    assert_eq!(scene.count("select count(*) from receipts").await, 1);
    // Nothing but the one success left a key.
    assert_eq!(scene.count("select count(*) from idempotency_keys").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_sessions_with_one_receipt_number_are_one_purchase() {
    let scene = Scene::set_at(Pace::swift()).await;
    let guest = scene.guest().await;
    let mut sessions = Vec::new();
    for _ in 0..AT_ONCE {
        sessions.push(scene.quoted(&guest, &[("espresso", 1)]).await);
    }
    let told =
        together(AT_ONCE, |place| {
            let (shop, till, session) = (scene.shop.clone(), scene.till.clone(), sessions[place].clone());
            async move {
                shop.close(&till, session.session_id, &once(&format!("k{place}")), paid("R-1", session.total)).await
            }
        })
        .await;
    assert_eq!(told.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(told.iter().filter_map(|answer| answer.as_ref().err()).all(|refusal| refusal.is("receipt-already-used")));
    assert_eq!(scene.savings(&guest).await, 25);
}

/// One of twelve that are written together has a number that is taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_does_not_fit_is_refused_alone_and_soon() {
    let scene = Scene::set_at(Pace::swift()).await;
    let quoted = || async { scene.put(scene.id(), basket(None, &[("espresso", 1)])).await.unwrap() };
    scene.close(&quoted().await, "R-taken", "k-taken").await.unwrap();
    let close = |session: &Session, number: String| {
        let (shop, till, id) = (scene.shop.clone(), scene.till.clone(), session.session_id);
        let paid = paid(&number, session.total);
        tokio::spawn(async move { shop.close(&till, id, &once(&format!("k-{number}")), paid).await })
    };
    // Everybody who writes waits for somebody, so that the others gather.
    let (mut locks, mut first) = (Vec::new(), Vec::new());
    for place in 0..closer::WORKERS {
        let session = quoted().await;
        locks.push(held(&scene, &session).await);
        first.push(close(&session, format!("F-{place}")));
        scene.until_waiting(place as i64 + 1).await;
    }
    let mut others = Vec::new();
    for place in 0..12 {
        let number = if place == 7 { "R-taken".to_owned() } else { format!("R-{place}") };
        others.push(close(&quoted().await, number));
    }
    while scene.shop.counter.closer.waiting() < 12 {
        tokio::task::yield_now().await;
    }
    for lock in locks {
        lock.rollback().await.unwrap();
    }
    for (place, told) in others.into_iter().enumerate() {
        match told.await.unwrap() {
            Ok(closed) => assert_eq!(closed.value.state, SessionState::Closed),
            Err(refusal) => assert_eq!((place, refusal.key.as_str()), (7, "receipt-already-used")),
        }
    }
    for told in first {
        told.await.unwrap().unwrap();
    }
    assert_eq!(scene.count("select count(*) from receipts where number like 'R-%' and number <> 'R-taken'").await, 11);
    // Six and three fit at once; of the last three the one that does not is found in two more steps.
    let transactions =
        "select count(distinct xmin::text) from receipts where number like 'R-%' and number <> 'R-taken'";
    assert!(scene.count(transactions).await <= 4);
}

/// However few there are, who waits behind a purchase that cannot go on is written beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_purchase_that_is_held_up_holds_up_no_other() {
    let scene = Scene::set_at(Pace::swift()).await;
    let quoted = || async { scene.put(scene.id(), basket(None, &[("espresso", 1)])).await.unwrap() };
    let (first, second) = (quoted().await, quoted().await);
    let lock = held(&scene, &first).await;
    let (shop, till, id, paying) = (scene.shop.clone(), scene.till.clone(), first.session_id, paid("R-1", first.total));
    let stuck = tokio::spawn(async move { shop.close(&till, id, &once("k1"), paying).await });
    scene.until_waiting(1).await;
    let closed = tokio::time::timeout(Duration::from_secs(4), scene.close(&second, "R-2", "k2")).await;
    assert_eq!(closed.unwrap().unwrap().value.state, SessionState::Closed);
    assert!(!stuck.is_finished());
    lock.rollback().await.unwrap();
    assert_eq!(stuck.await.unwrap().unwrap().value.state, SessionState::Closed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn purchases_of_one_customer_at_once_all_count() {
    let scene = Scene::set_at(Pace::swift()).await;
    let guest = scene.guest().await;
    let mut sessions = Vec::new();
    for _ in 0..AT_ONCE {
        sessions.push(scene.quoted(&guest, &[("espresso", 1)]).await);
    }
    let told = together(AT_ONCE, |place| {
        let (shop, till, session) = (scene.shop.clone(), scene.till.clone(), sessions[place].clone());
        async move {
            let (key, receipt) = (once(&format!("k{place}")), paid(&format!("R-{place}"), session.total));
            shop.close(&till, session.session_id, &key, receipt).await.unwrap().value.savings.unwrap().amount
        }
    })
    .await;
    // Each saw its own step of the counter.
    let mut counters: Vec<i64> = told.into_iter().map(Amount::minor).collect();
    counters.sort_unstable();
    assert_eq!(counters, (1..=AT_ONCE as i64).map(|step| step * 25).collect::<Vec<_>>());
    assert_eq!(scene.savings(&guest).await, 25 * AT_ONCE as i64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_rotating_code_at_twenty_counters_identifies_once() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let code = scene.shows(&guest);
    let told = together(AT_ONCE, |place| {
        let (shop, till, code) = (scene.shop.clone(), scene.till.clone(), code.clone());
        async move { shop.identify(&till, &once(&format!("k{place}")), &code).await }
    })
    .await;
    assert_eq!(told.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(told.iter().filter_map(|answer| answer.as_ref().err()).all(|refusal| refusal.is("code-replayed")));
    // One of many sessions may use it.
    let told = together(AT_ONCE, |_| {
        let (shop, till, id) = (scene.shop.clone(), scene.till.clone(), scene.id());
        let request = basket(Some(&code), &[("espresso", 1)]);
        async move { shop.put_session(&till, id, request, QuoteMode::Stored).await }
    })
    .await;
    assert_eq!(told.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(told.iter().filter_map(|answer| answer.as_ref().err()).all(|refusal| refusal.is("code-replayed")));
    assert_eq!(scene.count("select count(*) from sessions").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn puts_at_once_queue_and_each_gets_its_version() {
    let scene = Scene::set_at(Pace::swift()).await;
    let id = scene.id();
    let told = together(AT_ONCE, |place| {
        let (shop, till) = (scene.shop.clone(), scene.till.clone());
        let request = basket(None, &[("espresso", place as i64 + 1)]);
        async move { shop.put_session(&till, id, request, QuoteMode::Stored).await.unwrap() }
    })
    .await;
    let mut versions: Vec<u32> = told.iter().map(|session| session.version).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=AT_ONCE as u32).collect::<Vec<_>>());
    let stored = scene.shop.session(&scene.till, id).await.unwrap();
    assert_eq!(told.iter().find(|session| session.version == AT_ONCE as u32), Some(&stored));
}

/// Both wait for the session; whoever came first wins, and the purchase ends cancelled either way.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn case_16_close_and_cancel_at_once_leave_nothing_behind() {
    for close_first in [true, false] {
        let scene = Scene::set().await;
        let guest = scene.guest().await;
        let session = scene.quoted(&guest, &[("espresso", 2)]).await;
        let lock = held(&scene, &session).await;
        let (shop, till, quoted) = (scene.shop.clone(), scene.till.clone(), session.clone());
        let close = async move { shop.close(&till, quoted.session_id, &once("a"), paid("R-1", quoted.total)).await };
        let (shop, till, id) = (scene.shop.clone(), scene.till.clone(), session.session_id);
        let cancel = async move { shop.cancel(&till, id, &once("b")).await };
        let (closed, cancelled) = if close_first {
            let close = tokio::spawn(close);
            scene.until_waiting(1).await;
            let cancel = tokio::spawn(cancel);
            tokio::task::yield_now().await;
            lock.rollback().await.unwrap();
            (close.await.unwrap(), cancel.await.unwrap())
        } else {
            let cancel = tokio::spawn(cancel);
            scene.until_waiting(1).await;
            let close = tokio::spawn(close);
            tokio::task::yield_now().await;
            lock.rollback().await.unwrap();
            (close.await.unwrap(), cancel.await.unwrap())
        };
        assert_eq!(cancelled.unwrap().value.state, SessionState::Cancelled);
        match closed {
            Ok(closed) => assert!(close_first && closed.value.state == SessionState::Closed),
            Err(refusal) => assert!(!close_first && refusal.is("session-not-open")),
        }
        assert_eq!(scene.savings(&guest).await, 0);
        assert_eq!(scene.count("select count(*) from receipts where cancelled_at is null").await, 0);
        assert_eq!(scene.count("select count(*) from receipts").await, i64::from(close_first));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_put_behind_a_close_is_refused_and_a_close_behind_a_put_pays_the_new_price() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let session = scene.quoted(&guest, &[("espresso", 2)]).await;
    let more = basket(Some(guest.code.as_str()), &[("espresso", 3)]);
    let put = || {
        let (shop, till, id, request) = (scene.shop.clone(), scene.till.clone(), session.session_id, more.clone());
        tokio::spawn(async move { shop.put_session(&till, id, request, QuoteMode::Stored).await })
    };
    let close = |key: &'static str, total: Amount| {
        let (shop, till, id) = (scene.shop.clone(), scene.till.clone(), session.session_id);
        tokio::spawn(async move { shop.close(&till, id, &once(key), paid("R-1", total)).await })
    };

    let lock = held(&scene, &session).await;
    let first = put();
    scene.until_waiting(1).await;
    let second = close("a", session.total);
    tokio::task::yield_now().await;
    lock.rollback().await.unwrap();
    let replaced = first.await.unwrap().unwrap();
    assert_eq!(replaced.total, Amount(675));
    assert!(second.await.unwrap().unwrap_err().is("paid-mismatch"));

    let lock = held(&scene, &session).await;
    let first = close("a", replaced.total);
    scene.until_waiting(1).await;
    let second = put();
    tokio::task::yield_now().await;
    lock.rollback().await.unwrap();
    assert_eq!(first.await.unwrap().unwrap().value.total, Amount(675));
    assert!(second.await.unwrap().unwrap_err().is("session-not-open"));
    assert_eq!(scene.savings(&guest).await, 75);
}

/// The wait ends: five seconds of PostgreSQL's own clock, and the till is told to come again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_waits_too_long_is_told_that_the_session_is_busy() {
    let scene = Scene::set().await;
    let session = scene.put(scene.id(), basket(None, &[("espresso", 1)])).await.unwrap();
    let lock = held(&scene, &session).await;
    let (put, close, cancel) = tokio::join!(
        scene.put(session.session_id, basket(None, &[])),
        scene.close(&session, "R-1", "a"),
        scene.cancel(&session, "b"),
    );
    for refusal in [put.unwrap_err(), close.unwrap_err(), cancel.unwrap_err()] {
        assert_eq!((refusal.kind, refusal.key.as_str()), (Kind::Busy, "session-busy"));
        assert!(refusal.retry_after.is_some());
    }
    lock.rollback().await.unwrap();
    // The connections went back without their five seconds, and the keys are free.
    scene.close(&session, "R-1", "a").await.unwrap();
    assert_eq!(scene.shop.session(&scene.till, session.session_id).await.unwrap().state, SessionState::Closed);
}

/// Twenty tills take the last two units back: two of them pay.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_unit_comes_back_once_however_many_take_it() {
    let scene = Scene::set_at(Pace::swift()).await;
    let guest = scene.guest().await;
    let session = scene.quoted(&guest, &[("espresso", 3)]).await;
    scene.close(&session, "R-1", "k").await.unwrap();
    scene.give_back(&session, &[(0, 1)], "one").await.unwrap();
    let told = together(AT_ONCE, |place| {
        let (shop, till, id) = (scene.shop.clone(), scene.till.clone(), session.session_id);
        async move { shop.return_lines(&till, id, &once(&format!("k{place}")), returning(&[(0, 1)])).await }
    })
    .await;
    assert_eq!(told.iter().filter(|answer| answer.is_ok()).count(), 2);
    assert!(told.iter().filter_map(|answer| answer.as_ref().err()).all(|refusal| refusal.is("return-exceeds-sold")));
    assert_eq!(scene.savings(&guest).await, 0);
    assert_eq!(scene.count("select sum(total)::bigint from receipts").await, 0);
    // With one key it is one return.
    let session = scene.quoted(&guest, &[("espresso", 3)]).await;
    scene.close(&session, "R-2", "k-2").await.unwrap();
    let told = together(AT_ONCE, |_| {
        let (shop, till, id) = (scene.shop.clone(), scene.till.clone(), session.session_id);
        async move { shop.return_lines(&till, id, &once("same"), returning(&[(0, 1)])).await.unwrap() }
    })
    .await;
    assert!(told.iter().all(|answer| answer.body == told[0].body));
    assert_eq!(told.iter().filter(|answer| !answer.replayed).count(), 1);
    assert_eq!(scene.savings(&guest).await, 50);
}

/// Returns, a cancellation and a reopening of one sale at once: whatever comes first, the books agree in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn case_7_return_cancel_and_reopen_at_once_agree() {
    for round in 0..4 {
        let scene = Scene::set_at(Pace::swift()).await;
        let guest = scene.guest().await;
        let session = scene.quoted(&guest, &[("espresso", 4)]).await;
        scene.close(&session, "R-1", "k").await.unwrap();
        let told = together(6, |place| {
            let (shop, till, id) = (scene.shop.clone(), scene.till.clone(), session.session_id);
            let key = once(&format!("k{place}"));
            async move {
                match (place + round) % 3 {
                    0 => shop.return_lines(&till, id, &key, returning(&[(0, 1)])).await.map(|told| told.value.session),
                    1 => shop.cancel(&till, id, &key).await.map(|told| told.value),
                    _ => shop.reopen(&till, id, &key).await.map(|told| told.value),
                }
            }
        })
        .await;
        let refused = told.iter().filter_map(|answer| answer.as_ref().err());
        assert!(refused.clone().all(|refusal| refusal.is("session-not-closed")), "{:?}", refused.collect::<Vec<_>>());
        let ended = scene.shop.session(&scene.till, session.session_id).await.unwrap();
        assert_eq!(ended.state, SessionState::Cancelled);
        assert_eq!(scene.savings(&guest).await, 0);
        assert_eq!(scene.count("select count(*) from receipts where cancelled_at is null").await, 0);
        let spent = scene.shop.store.customer(guest.id).await.unwrap().unwrap();
        assert_eq!((spent.visits, spent.spent), (0, Amount(0)));
    }
}
