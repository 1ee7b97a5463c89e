//! Open baskets of a busy shop: written behind the answer, many together, each once.

use contract::TillApi;
use contract::till::QuoteMode;
use domain::SessionId;

use super::scene::{Scene, basket};
use super::statements::counted;
use crate::pace::Pace;

const BASKETS: [&[(&str, i64)]; 3] =
    [&[("espresso", 2), ("eclair", 1)], &[("mystery", 3), ("gift", 1)], &[("bag", 1), ("latte", 9_999)]];

/// Where everything that a new basket asks for is known, and many come at once.
async fn busy() -> Scene {
    let scene = Scene::set_at(Pace::swift()).await;
    scene.put(scene.id(), basket(None, BASKETS[0])).await.unwrap();
    scene.shop.counter.journal.be_busy();
    scene
}

#[tokio::test]
async fn new_baskets_are_entered_together_and_the_next_process_has_them() {
    let scene = busy().await;
    let guest = scene.guest().await;
    scene.quoted(&guest, BASKETS[0]).await;
    scene.shop.counter.journal.be_busy();
    let mut quoted = Vec::new();
    for n in 0..40 {
        let code = (n % 2 == 0).then(|| guest.code.as_str());
        quoted.push(scene.put(scene.id(), basket(code, BASKETS[n % 3])).await.unwrap());
    }
    let (_, seen) = counted(scene.shop.settle()).await;
    assert_eq!(seen, Vec::<String>::new(), "none was looked for by a statement");
    // Some go on, and are written like all others.
    for session in quoted.iter_mut().step_by(3) {
        *session = scene.put(session.session_id, basket(None, BASKETS[1])).await.unwrap();
    }
    scene.shop.settle().await;
    let next = scene.restarted();
    for session in quoted {
        assert_eq!(next.session(&scene.till, session.session_id).await.unwrap(), session);
    }
    assert_eq!(scene.count("select count(*) from sessions where state = 'open'").await, 42);
}

#[tokio::test]
async fn a_basket_that_another_process_began_takes_no_other_with_it() {
    let scene = busy().await;
    let elsewhere = scene.id();
    let put = |shop: crate::Shop, id: SessionId, place: usize| {
        let till = scene.till.clone();
        async move { shop.put_session(&till, id, basket(None, BASKETS[place]), QuoteMode::Stored).await.unwrap() }
    };
    let there = put(scene.restarted(), elsewhere, 1).await;
    scene.shop.counter.journal.be_busy();
    let mut quoted = Vec::new();
    for n in 0..30 {
        let id = if n == 7 { elsewhere } else { scene.id() };
        quoted.push(put(scene.shop.clone(), id, 0).await);
    }
    scene.shop.settle().await;
    let next = scene.restarted();
    for session in quoted {
        let kept = next.session(&scene.till, session.session_id).await.unwrap();
        assert_eq!(kept, if session.session_id == elsewhere { there.clone() } else { session });
    }
    assert_eq!(put(scene.shop.clone(), elsewhere, 0).await.version, there.version + 1, "it goes on from the row");
}

/// Memory has room for some hundred of these baskets.
const ROOM: usize = 1_000;

#[tokio::test]
async fn a_till_that_begins_basket_after_basket_fills_no_memory_and_each_goes_on() {
    let scene = Scene::set_at(Pace { room: ROOM, ..Pace::swift() }).await;
    let guest = scene.guest().await;
    let mut quoted = Vec::new();
    for n in 0..500 {
        let code = (n % 3 == 0).then(|| guest.code.as_str());
        quoted.push(scene.put(scene.id(), basket(code, BASKETS[n % 3])).await.unwrap());
        scene.shop.counter.journal.be_busy();
        if n % 32 == 31 {
            scene.shop.settle().await;
        }
        let taken = scene.shop.counter.taken();
        assert!(taken <= 2 * ROOM + 100, "{taken} after {n}");
    }
    scene.shop.settle().await;
    for session in &quoted {
        assert_eq!(&scene.shop.session(&scene.till, session.session_id).await.unwrap(), session);
    }
    for (n, session) in quoted.iter().enumerate() {
        let again = scene.put(session.session_id, basket(None, BASKETS[n % 3])).await.unwrap();
        assert_eq!((again.version, again.subtotal), (session.version + 1, session.subtotal));
    }
    let last = scene.put(quoted[0].session_id, basket(Some(guest.code.as_str()), BASKETS[0])).await.unwrap();
    assert_eq!((&last.customer, last.total), (&quoted[0].customer, quoted[0].total));
    scene.close(&last, "R-1", "k1").await.unwrap();
    assert_eq!(scene.count("select count(*) from sessions where state = 'open'").await, 499);
}

#[tokio::test]
async fn baskets_that_cannot_be_written_wait_before_memory_is_full() {
    let scene = Scene::set_at(Pace { room: ROOM, ..Pace::swift() }).await;
    // The first of these is left to its row soon; those after it are still known to be new, and ask for no row.
    let mut ids: Vec<SessionId> = (0..401).map(|_| scene.id()).collect();
    ids.sort_unstable_by_key(|id| id.0);
    scene.put(ids[0], basket(None, BASKETS[0])).await.unwrap();
    let mut locked = scene.pool.begin().await.unwrap();
    sqlx::query("lock table sessions in access exclusive mode").execute(&mut *locked).await.unwrap();
    scene.shop.counter.journal.be_busy();
    let mut puts = tokio::task::JoinSet::new();
    for id in ids.drain(1..) {
        let (shop, till) = (scene.shop.clone(), scene.till.clone());
        puts.spawn(async move { shop.put_session(&till, id, basket(None, BASKETS[0]), QuoteMode::Stored).await });
    }
    while scene.shop.counter.taken() <= 2 * ROOM {
        tokio::task::yield_now().await;
    }
    // Whoever could be answered without waiting is, long before this ends.
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    let mut answered = 0;
    while let Some(put) = puts.try_join_next() {
        assert!(put.unwrap().is_ok());
        answered += 1;
    }
    let taken = scene.shop.counter.taken();
    assert!((200..=201).contains(&answered) && taken <= 2 * ROOM + 10, "{answered} were answered, {taken} taken");
    locked.rollback().await.unwrap();
    while let Some(put) = puts.join_next().await {
        assert!(put.unwrap().is_ok());
    }
    scene.shop.settle().await;
    assert_eq!(scene.count("select count(*) from sessions where state = 'open'").await, 401);
}
