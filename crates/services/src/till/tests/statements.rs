//! What a story costs the database, pinned: a statement more is a decision, not an accident.

use std::cell::RefCell;
use std::sync::Once;

use contract::TillApi;
use contract::till::QuoteMode;
use domain::SessionId;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use uuid::Uuid;

use super::scene::{Scene, basket, once};
use crate::pace::Pace;

/// Listens to sqlx's own log of statements, in every thread and to the end: listeners that come and go hide statements from
/// each other.
struct Listener;

thread_local! {
    /// What this thread's story asked, while somebody counts.
    static ASKED: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
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

impl Subscriber for Listener {
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
        // A connection's own setting is of whichever story happens to open it, and a look at the latest session is nobody's.
        if !["begin", "commit", "rollback", "select set_config('plan_cache_mode'", "select id from sessions"]
            .iter()
            .any(|bare| word.starts_with(bare))
        {
            ASKED.with_borrow_mut(|asked| asked.iter_mut().for_each(|asked| asked.push(text.clone())));
        }
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Runs a story on this thread and counts its statements, without begin and commit.
pub(super) async fn counted<T>(story: impl Future<Output = T>) -> (usize, Vec<String>) {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| tracing::subscriber::set_global_default(Listener).unwrap());
    ASKED.set(Some(Vec::new()));
    story.await;
    let asked = ASKED.take().unwrap_or_default();
    (asked.len(), asked)
}

#[tokio::test]
async fn a_basket_that_grows_is_written_and_nothing_is_read() {
    let scene = Scene::set_at(Pace::swift()).await;
    let guest = scene.guest().await;
    let request = basket(Some(guest.code.as_str()), &[("espresso", 2), ("latte", 1)]);
    let id = scene.id();
    scene.put(id, request.clone()).await.unwrap();
    let (count, seen) = counted(async { scene.put(id, request.clone()).await.unwrap() }).await;
    assert_eq!(count, 1, "{seen:#?}");
    // A busy shop answers first, and writes what there is a moment later.
    scene.shop.counter.journal.be_busy();
    let grown = async {
        for _ in 0..10 {
            scene.put(id, request.clone()).await.unwrap();
        }
        scene.shop.settle().await;
    };
    let (count, seen) = counted(grown).await;
    assert!((1..10).contains(&count) && seen.iter().all(|sql| sql.starts_with("insert into sessions")), "{seen:#?}");
    let version: i64 = scene.count("select version::bigint from sessions").await;
    assert_eq!(version, 12);
    let (count, seen) = counted(async { scene.shop.session(&scene.till, id).await.unwrap() }).await;
    assert_eq!(count, 0, "{seen:#?}");
    // A new session of whose id memory cannot tell is looked for; its customer is known.
    let dry = QuoteMode::Dry { at: None };
    let quote = async |id| scene.shop.put_session(&scene.till, id, request.clone(), dry).await.unwrap();
    let (count, seen) = counted(quote(SessionId(Uuid::max()))).await;
    assert_eq!(count, 1, "{seen:#?}");
    let (count, seen) = counted(quote(scene.id())).await;
    assert_eq!(count, 0, "{seen:#?}");
}

/// A basket that grows for minutes waits for no customer to be read, and what changes about them counts within seconds.
#[tokio::test]
async fn whoever_is_still_at_the_till_is_looked_for_behind_the_answer() {
    let scene = Scene::set_at(Pace::swift()).await;
    let guest = scene.guest().await;
    let request = basket(Some(guest.code.as_str()), &[("espresso", 2)]);
    let id = scene.id();
    let scan = async |seconds| {
        scene.advance(seconds);
        let (_, seen) = counted(async { scene.put(id, request.clone()).await.unwrap() }).await;
        scene.shop.guests.settle().await;
        seen.iter().filter(|sql| sql.starts_with("select id, external_id")).count()
    };
    scene.put(id, request.clone()).await.unwrap();
    for _ in 0..10 {
        assert_eq!(scan(3).await, 0, "known for longer than five seconds");
    }
    assert_eq!(scan(4).await, 0);
    scene.change("update customers set name = 'Somebody else'").await;
    assert_eq!(scan(1).await, 0, "seen a second ago");
    assert_eq!(scan(2).await, 0, "it is this one that has them looked for");
    assert_eq!(scan(1).await, 1, "and they have changed");
    let read = [scan(3).await, scan(57).await];
    assert_eq!(read, [0, 1], "who was away is read");
    let mut read = 0;
    for _ in 0..25 {
        read += scan(3).await;
    }
    assert_eq!(read, 1, "after a minute everybody is read whole");
}

/// Where other processes may hold the same session, everything is read before and written before the answer.
#[tokio::test]
async fn among_several_processes_a_put_is_four_statements() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let request = basket(Some(guest.code.as_str()), &[("espresso", 2), ("latte", 1)]);
    let id = scene.id();
    scene.put(id, request.clone()).await.unwrap();
    let (count, seen) = counted(async { scene.put(id, request.clone()).await.unwrap() }).await;
    assert_eq!(count, 4, "{seen:#?}");
}

#[tokio::test]
async fn a_close_is_one_statement() {
    let scene = Scene::set_at(Pace::swift()).await;
    let guest = scene.guest().await;
    // The first customer of a process is read step by step, and the segments' model with them.
    for (number, key, statements) in [("R-0", "k0", 4), ("R-1", "k1", 1)] {
        let session = scene.quoted(&guest, &[("espresso", 2), ("latte", 1)]).await;
        scene.shop.settle().await;
        let (count, seen) = counted(async { scene.close(&session, number, key).await.unwrap() }).await;
        assert_eq!(count, statements, "{seen:#?}");
    }
    let anonymous = scene.put(scene.id(), basket(None, &[("latte", 1)])).await.unwrap();
    scene.shop.settle().await;
    let (count, seen) = counted(async { scene.close(&anonymous, "R-2", "k2").await.unwrap() }).await;
    assert_eq!(count, 1, "{seen:#?}");
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
