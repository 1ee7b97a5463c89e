//! What a story costs the database, pinned: a statement more is a decision, not an accident.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use contract::TillApi;
use contract::till::QuoteMode;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::scene::{Scene, basket, once};

/// Listens to sqlx's own log of statements.
#[derive(Clone, Default)]
struct Counter {
    count: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<String>>>,
}

struct Summary<'a>(&'a mut String);

impl Visit for Summary<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "summary" {
            *self.0 = format!("{value:?}");
        }
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "summary" {
            *self.0 = value.to_owned();
        }
    }
}

impl Subscriber for Counter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut text = String::new();
        event.record(&mut Summary(&mut text));
        let word = text.to_lowercase();
        if !["begin", "commit", "rollback"].iter().any(|bare| word.starts_with(bare)) {
            self.count.fetch_add(1, Ordering::SeqCst);
            self.seen.lock().unwrap().push(text);
        }
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Runs a story on this thread and counts its statements, without begin and commit.
async fn counted<T>(story: impl Future<Output = T>) -> (usize, Vec<String>) {
    let counter = Counter::default();
    let guard = tracing::subscriber::set_default(counter.clone());
    story.await;
    drop(guard);
    let seen = counter.seen.lock().unwrap().clone();
    (counter.count.load(Ordering::SeqCst), seen)
}

#[tokio::test]
async fn the_hot_path_is_two_statements() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let request = basket(Some(guest.code.as_str()), &[("espresso", 2), ("latte", 1)]);
    let id = scene.id();
    scene.put(id, request.clone()).await.unwrap();
    let (count, seen) = counted(async { scene.put(id, request.clone()).await.unwrap() }).await;
    assert_eq!(count, 2, "{seen:#?}");
    let (count, seen) = counted(async { scene.put(scene.id(), basket(None, &[("latte", 1)])).await.unwrap() }).await;
    assert_eq!(count, 2, "{seen:#?}");
    let dry = QuoteMode::Dry { at: None };
    let (count, seen) = counted(async { scene.shop.put_session(&scene.till, id, request, dry).await.unwrap() }).await;
    assert_eq!(count, 1, "{seen:#?}");
}

#[tokio::test]
async fn a_customers_close_is_few_statements() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let session = scene.quoted(&guest, &[("espresso", 2), ("latte", 1)]).await;
    let (count, seen) = counted(async { scene.close(&session, "R-1", "k1").await.unwrap() }).await;
    assert_eq!(count, 8, "{seen:#?}");
    let anonymous = scene.put(scene.id(), basket(None, &[("latte", 1)])).await.unwrap();
    let (count, seen) = counted(async { scene.close(&anonymous, "R-2", "k2").await.unwrap() }).await;
    assert_eq!(count, 4, "{seen:#?}");
    let (count, seen) = counted(async { scene.close(&anonymous, "R-2", "k2").await.unwrap() }).await;
    assert_eq!(count, 2, "{seen:#?}");
}

#[tokio::test]
async fn identifying_is_few_statements() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    scene.shop.identify(&scene.till, &once("a"), guest.code.as_str()).await.unwrap();
    let code = scene.shows(&guest);
    let (count, seen) = counted(async { scene.shop.identify(&scene.till, &once("b"), &code).await.unwrap() }).await;
    assert_eq!(count, 5, "{seen:#?}");
}
