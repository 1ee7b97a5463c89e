use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::TimeDelta;
use contract::TillApi;
use events::{Bus, BusError, Event};
use store::event_log::PgLog;
use tokio::sync::Barrier;

use super::scene::{Scene, basket, once};
use crate::relay::{RelayError, relay_all, relay_batch, sweep};

/// The real log, on a machine that dies as soon as something was published.
struct DiesAfterPublishing(PgLog, AtomicBool);

#[async_trait]
impl Bus for DiesAfterPublishing {
    async fn publish(&self, batch: &[Event]) -> Result<(), BusError> {
        self.0.publish(batch).await?;
        if self.1.swap(false, Ordering::SeqCst) { Err(BusError("the plug was pulled".into())) } else { Ok(()) }
    }

    fn kind(&self) -> &'static str {
        "dying"
    }
}

async fn sold(scene: &Scene, purchases: usize) {
    for place in 0..purchases {
        let session = scene.put(scene.id(), basket(None, &[("espresso", 1)])).await.unwrap();
        scene.close(&session, &format!("R-{place}"), &format!("k{place}")).await.unwrap();
    }
}

async fn logged(log: &PgLog) -> Vec<(i64, Event)> {
    log.read(events::PURCHASES, 0, 1_000).await.unwrap()
}

#[tokio::test]
async fn what_was_committed_is_published_in_order_and_once() {
    let scene = Scene::set().await;
    let log = PgLog(scene.shop.store.clone());
    sold(&scene, 5).await;
    assert_eq!(scene.shop.store.outbox_lag().await.unwrap().0, 5);
    assert_eq!(relay_all(&scene.shop, &log).await.unwrap(), 5);
    assert_eq!(relay_all(&scene.shop, &log).await.unwrap(), 0);
    let events = logged(&log).await;
    assert_eq!(events.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    let payloads = events.iter().map(|(_, event)| event.payload.read::<serde_json::Value>().unwrap());
    let receipts: Vec<_> = payloads.map(|payload| payload["receipt_number"].as_str().unwrap().to_owned()).collect();
    assert_eq!(receipts, ["R-0", "R-1", "R-2", "R-3", "R-4"]);
    assert_eq!(scene.shop.store.outbox_lag().await.unwrap(), (0, None));
}

#[tokio::test]
async fn case_24_a_relay_that_dies_between_publish_and_mark_loses_and_doubles_nothing() {
    let scene = Scene::set().await;
    let log = PgLog(scene.shop.store.clone());
    let dying = DiesAfterPublishing(log.clone(), AtomicBool::new(true));
    sold(&scene, 3).await;
    assert!(matches!(relay_all(&scene.shop, &dying).await, Err(RelayError::Bus(_))));
    // Published, and not marked.
    assert_eq!((logged(&log).await.len(), scene.shop.store.outbox_lag().await.unwrap().0), (3, 3));
    assert_eq!(relay_all(&scene.shop, &dying).await.unwrap(), 3);
    let events = logged(&log).await;
    assert_eq!(events.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(scene.shop.store.outbox_lag().await.unwrap().0, 0);
}

#[tokio::test]
async fn a_story_that_did_not_commit_is_never_told() {
    let scene = Scene::set().await;
    let log = PgLog(scene.shop.store.clone());
    sold(&scene, 1).await;
    let other = scene.put(scene.id(), basket(None, &[("espresso", 1)])).await.unwrap();
    assert!(scene.close(&other, "R-0", "again").await.unwrap_err().is("receipt-already-used"));
    assert_eq!(relay_all(&scene.shop, &log).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_relays_at_once_publish_everything_once_and_in_order() {
    let scene = Scene::set().await;
    let log = PgLog(scene.shop.store.clone());
    sold(&scene, 12).await;
    let barrier = Arc::new(Barrier::new(8));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (shop, log, barrier) = (scene.shop.clone(), log.clone(), barrier.clone());
            tokio::spawn(async move {
                barrier.wait().await;
                relay_batch(&shop, &log).await.unwrap()
            })
        })
        .collect();
    let mut moved = 0;
    for task in tasks {
        moved += task.await.unwrap();
    }
    assert_eq!(moved, 12);
    let events = logged(&log).await;
    assert_eq!(events.iter().map(|(_, event)| event.event_id).collect::<HashSet<_>>().len(), 12);
    assert_eq!(events.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), (0..12).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_log_takes_batches_at_once_without_gaps_and_each_event_once() {
    let scene = Scene::set().await;
    let log = PgLog(scene.shop.store.clone());
    sold(&scene, 4).await;
    relay_all(&scene.shop, &log).await.unwrap();
    let events: Vec<Event> = logged(&log).await.into_iter().map(|(_, event)| event).collect();
    // Everybody publishes the same batch, each under two topics, with the batch's events twice in it.
    let batch: Vec<Event> =
        events.iter().chain(&events).cloned().map(|event| Event { topic: "kava.orders.v1".into(), ..event }).collect();
    let barrier = Arc::new(Barrier::new(8));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (log, barrier, batch) = (log.clone(), barrier.clone(), batch.clone());
            tokio::spawn(async move {
                barrier.wait().await;
                log.publish(&batch).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let orders = log.read("kava.orders.v1", 0, 100).await.unwrap();
    assert_eq!(orders.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(
        orders.into_iter().map(|(_, event)| event.event_id).collect::<Vec<_>>(),
        events.iter().map(|event| event.event_id).collect::<Vec<_>>()
    );
    assert_eq!(logged(&log).await.len(), 4);
}

#[tokio::test]
async fn a_group_goes_on_where_it_was() {
    let scene = Scene::set().await;
    let log = PgLog(scene.shop.store.clone());
    assert_eq!(log.position("fraud", events::PURCHASES).await.unwrap(), 0);
    log.acknowledge("fraud", events::PURCHASES, 7).await.unwrap();
    log.acknowledge("fraud", events::PURCHASES, 3).await.unwrap();
    assert_eq!(log.position("fraud", events::PURCHASES).await.unwrap(), 7);
    assert_eq!(log.position("other", events::PURCHASES).await.unwrap(), 0);
}

#[tokio::test]
async fn what_nobody_can_ask_for_is_forgotten_and_nothing_else() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let session = scene.quoted(&guest, &[("espresso", 1)]).await;
    scene.close(&session, "R-1", "k1").await.unwrap();
    scene.put(scene.id(), basket(None, &[])).await.unwrap();
    scene.shop.identify(&scene.till, &once("a"), &scene.shows(&guest)).await.unwrap();
    let log = PgLog(scene.shop.store.clone());
    relay_all(&scene.shop, &log).await.unwrap();
    let announced = scene.count("select count(*) from outbox").await;
    scene.clock.advance(TimeDelta::hours(47));
    assert_eq!(sweep(&scene.shop).await.unwrap(), crate::relay::Swept::default());
    // A day later the key is still answered.
    assert!(scene.close(&session, "R-1", "k1").await.unwrap().replayed);
    // An event that still waits is not forgotten, however long it waits.
    let late = scene.put(scene.id(), basket(None, &[("espresso", 1)])).await.unwrap();
    scene.close(&late, "R-2", "late").await.unwrap();
    scene.clock.advance(TimeDelta::days(8));
    let swept = sweep(&scene.shop).await.unwrap();
    assert_eq!((swept.keys, swept.sessions, swept.codes), (3, 1, 1));
    assert_eq!(i64::try_from(swept.events).unwrap(), announced);
    assert_eq!(scene.shop.store.outbox_lag().await.unwrap().0, 1);
    assert_eq!(scene.count("select count(*) from sessions where state = 'closed'").await, 2);
    assert_eq!(scene.count("select count(*) from receipts").await, 2);
}
