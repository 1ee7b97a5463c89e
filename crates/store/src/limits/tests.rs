//! The ledger on the real PostgreSQL: what it promises one after another, and what it keeps when all come at once.

use std::sync::Arc;

use chrono::TimeDelta;
use testkit::TestDatabase;
use tokio::sync::Barrier;

use super::*;

/// Dropped in this order, so that the pool goes before its database.
struct Scene {
    store: Store,
    _database: TestDatabase,
}

const TILL: Holder = Holder::Till(TillId(Uuid::from_u128(7)));

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
}

fn session(number: u128) -> SessionId {
    SessionId(Uuid::from_u128(number))
}

/// A holder of its own for every session: the cap is no matter here.
fn customer(session: SessionId) -> Holder {
    Holder::Customer(CustomerId(session.0))
}

fn one(key: &str, limit: i64, amount: i64) -> Use<'_> {
    Use { key, limit, amount }
}

impl Scene {
    async fn set(connections: u32) -> Self {
        let database = testkit::migrated_database(&crate::MIGRATOR).await;
        Self { store: Store::connect(&database.url, connections).await.unwrap(), _database: database }
    }

    /// Held for five minutes.
    async fn reserve(&self, session: SessionId, uses: &[Use<'_>], minute: i64) -> Reserved {
        reserve_in(&self.store, session, uses, minute).await.unwrap()
    }

    async fn commit(&self, closing: &[(SessionId, &[Use<'_>])], minute: i64) -> Vec<(SessionId, Vec<Short>)> {
        let mut tx = self.store.begin().await.unwrap();
        let fell = commit(&mut tx, closing, at(minute)).await.unwrap();
        crate::commit(tx).await.unwrap();
        fell
    }

    async fn release(&self, session: SessionId, minute: i64) {
        let mut tx = self.store.begin().await.unwrap();
        release(&mut tx, session, at(minute)).await.unwrap();
        crate::commit(tx).await.unwrap();
    }

    async fn give_back(&self, session: SessionId) -> usize {
        let mut tx = self.store.begin().await.unwrap();
        let given = give_back(&mut tx, session, at(60)).await.unwrap();
        crate::commit(tx).await.unwrap();
        given
    }

    async fn room(&self, session: SessionId, key: &str, limit: i64, minute: i64) -> i64 {
        self.store.rooms(session, &[Account { key, limit }], at(minute)).await.unwrap()[0].left
    }

    /// Committed and reserved, after the whole ledger was found sound.
    async fn counters(&self, key: &str) -> (i64, i64) {
        assert_eq!(self.store.audit_limits().await.unwrap(), []);
        sqlx::query_as("select committed, reserved from limit_accounts where key = $1")
            .bind(key)
            .fetch_optional(self.store.pool())
            .await
            .unwrap()
            .unwrap_or_default()
    }
}

async fn reserve_in(store: &Store, session: SessionId, uses: &[Use<'_>], minute: i64) -> Result<Reserved, StoreError> {
    let mut tx = store.begin().await?;
    let reserved = reserve(&mut tx, session, customer(session), uses, at(minute + 5), at(minute)).await?;
    if !matches!(reserved, Reserved::Short(_)) {
        crate::commit(tx).await?;
    }
    Ok(reserved)
}

fn short(key: &str, left: i64) -> Short {
    Short { key: key.to_owned(), left }
}

#[tokio::test]
async fn a_session_holds_exactly_what_it_wanted_last() {
    let scene = Scene::set(4).await;
    let (a, b) = (session(1), session(2));
    assert_eq!(scene.room(a, "money", 100, 0).await, 100);
    assert_eq!(scene.reserve(a, &[one("money", 100, 60), one("count", 5, 1)], 0).await, Reserved::Held);
    assert_eq!((scene.room(a, "money", 100, 0).await, scene.room(b, "money", 100, 0).await), (100, 40));
    let seen =
        scene.store.rooms(b, &[Account { key: "new", limit: 3 }, Account { key: "money", limit: 50 }], at(0)).await;
    assert_eq!(seen.unwrap(), [Room { left: 3, elsewhere: 0 }, Room { left: 0, elsewhere: 60 }]);
    // All or nothing: the count would have had room.
    let both = [one("count", 5, 1), one("money", 100, 41)];
    assert_eq!(scene.reserve(b, &both, 0).await, Reserved::Short(vec![short("money", 40)]));
    assert_eq!((scene.counters("money").await, scene.counters("count").await), ((0, 60), (0, 1)));
    // The basket became smaller, and the coupon went.
    assert_eq!(scene.reserve(a, &[one("money", 100, 10)], 1).await, Reserved::Held);
    assert_eq!((scene.counters("money").await, scene.counters("count").await), ((0, 10), (0, 0)));
    assert_eq!(scene.reserve(b, &both, 1).await, Reserved::Held);
    scene.release(a, 2).await;
    scene.release(a, 2).await;
    assert_eq!(scene.counters("money").await, (0, 41));
    // Two rules take of one account together.
    assert_eq!(
        scene.reserve(a, &[one("count", 5, 3), one("count", 9, 2)], 2).await,
        Reserved::Short(vec![short("count", 4)])
    );
}

#[tokio::test]
async fn case_7_what_was_held_is_spent_and_what_was_cancelled_is_free_once() {
    let scene = Scene::set(4).await;
    let (a, b) = (session(1), session(2));
    scene.reserve(a, &[one("money", 100, 60), one("count", 1, 1)], 0).await;
    // The basket of the close costs less than was held: the rest is free.
    assert_eq!(scene.commit(&[(a, &[one("money", 100, 50)])], 1).await, []);
    assert_eq!((scene.counters("money").await, scene.counters("count").await), ((50, 0), (0, 0)));
    assert_eq!(scene.room(b, "money", 100, 1).await, 50);
    assert_eq!((scene.give_back(a).await, scene.give_back(a).await), (1, 0));
    assert_eq!(scene.counters("money").await, (0, 0));
    // Reopened and closed again: given back once more.
    assert_eq!(scene.commit(&[(a, &[one("money", 100, 70)])], 2).await, []);
    assert_eq!(scene.give_back(a).await, 1);
    assert_eq!((scene.counters("money").await, scene.give_back(b).await), ((0, 0), 0));
}

#[tokio::test]
async fn case_4_an_expired_hold_is_nobodys_and_the_close_takes_it_anew_if_there_is_room() {
    let scene = Scene::set(4).await;
    let (a, b, c) = (session(1), session(2), session(3));
    scene.reserve(a, &[one("last", 1, 1)], 0).await;
    assert_eq!(scene.reserve(b, &[one("last", 1, 1)], 4).await, Reserved::Short(vec![short("last", 0)]));
    // Half-open: at its end it holds no longer.
    assert_eq!(scene.room(b, "last", 1, 5).await, 1);
    assert_eq!(scene.commit(&[(a, &[one("last", 1, 1)])], 6).await, []);
    assert_eq!(scene.counters("last").await, (1, 0));

    scene.reserve(a, &[one("next", 1, 1)], 0).await;
    assert_eq!(scene.reserve(b, &[one("next", 1, 1)], 5).await, Reserved::Held);
    // Of a batch, only who fell short is left as it was.
    let fell =
        scene.commit(&[(a, &[one("next", 1, 1)]), (c, &[one("other", 3, 2)]), (b, &[one("next", 1, 1)])], 6).await;
    assert_eq!(fell, [(a, vec![short("next", 0)])]);
    assert_eq!((scene.counters("next").await, scene.counters("other").await), ((1, 0), (2, 0)));
}

#[tokio::test]
async fn a_live_hold_is_kept_although_the_limit_was_lowered() {
    let scene = Scene::set(4).await;
    let (a, b) = (session(1), session(2));
    scene.commit(&[(b, &[one("money", 100, 50)])], 0).await;
    scene.reserve(a, &[one("money", 100, 30)], 0).await;
    // A new rule set: 40, which is less than was spent. Quoting again finds nothing, the promise is kept.
    assert_eq!(scene.room(a, "money", 40, 1).await, 0);
    assert_eq!(scene.reserve(a, &[one("money", 40, 30)], 1).await, Reserved::Short(vec![short("money", 0)]));
    assert_eq!(scene.commit(&[(a, &[one("money", 40, 30)])], 1).await, []);
    assert_eq!(scene.counters("money").await, (80, 0));
    let fell = scene.commit(&[(session(3), &[one("money", 40, 1)])], 1).await;
    assert_eq!(fell, [(session(3), vec![short("money", 0)])]);
    // And raised again.
    assert_eq!(scene.reserve(a, &[one("money", 200, 120)], 2).await, Reserved::Held);
    assert_eq!(scene.counters("money").await, (80, 120));
}

#[tokio::test]
async fn case_5_nobody_holds_for_many_sessions_at_once() {
    let scene = Scene::set(4).await;
    let hoarder = Holder::Customer(CustomerId(Uuid::from_u128(1)));
    for number in 0..1_000 {
        let mut tx = scene.store.begin().await.unwrap();
        let uses = [one("coupon", 10_000, 1)];
        let held = reserve(&mut tx, session(number), hoarder, &uses, at(5), at(0)).await.unwrap();
        let expected =
            if number < Holder::CUSTOMER_SESSIONS.unsigned_abs().into() { Reserved::Held } else { Reserved::Unheld };
        assert_eq!(held, expected);
        crate::commit(tx).await.unwrap();
    }
    assert_eq!(scene.counters("coupon").await, (0, Holder::CUSTOMER_SESSIONS));
    assert_eq!(scene.store.held_by(hoarder, at(0)).await.unwrap(), Holder::CUSTOMER_SESSIONS);
    // A session that holds may go on; a close needs no hold; and expired holds are no hoard.
    let mut tx = scene.store.begin().await.unwrap();
    let again = reserve(&mut tx, session(0), hoarder, &[one("coupon", 10_000, 2)], at(5), at(0)).await.unwrap();
    let late = reserve(&mut tx, session(5_000), TILL, &[one("coupon", 10_000, 1)], at(5), at(0)).await.unwrap();
    crate::commit(tx).await.unwrap();
    assert_eq!((again, late), (Reserved::Held, Reserved::Held));
    assert_eq!(scene.commit(&[(session(999), &[one("coupon", 10_000, 1)])], 1).await, []);
    assert_eq!(scene.store.held_by(hoarder, at(5)).await.unwrap(), 0);
}

#[tokio::test]
async fn a_sweep_frees_what_expired_and_nothing_else() {
    let scene = Scene::set(4).await;
    for number in 0..30 {
        let key = format!("account {}", number % 4);
        scene.reserve(session(number), &[one(&key, 100, 2)], number as i64 % 2 * 10).await;
    }
    let mut swept = 0;
    loop {
        match scene.store.sweep_holds(at(5), 4).await.unwrap() {
            0 => break,
            some => swept += some,
        }
    }
    assert_eq!(swept, 15);
    assert_eq!((scene.counters("account 0").await, scene.counters("account 1").await), ((0, 0), (0, 16)));
}

#[tokio::test]
async fn the_audit_sees_what_was_written_past_the_ledger() {
    let scene = Scene::set(4).await;
    scene.reserve(session(1), &[one("a", 9, 2)], 0).await;
    scene.commit(&[(session(1), &[one("b", 9, 2)])], 0).await;
    for (sql, keys) in [
        ("update limit_accounts set committed = committed + 1 where key = 'b'", &["b"][..]),
        ("delete from limit_entries where kind = 'release'", &["a", "b"]),
    ] {
        sqlx::query(sql).execute(scene.store.pool()).await.unwrap();
        let found = scene.store.audit_limits().await.unwrap();
        assert_eq!(found.iter().map(|found| found.key.as_str()).collect::<Vec<_>>(), keys);
    }
    let over = sqlx::query("update limit_accounts set reserved = 8 where key = 'b'").execute(scene.store.pool()).await;
    assert!(StoreError::from(over.unwrap_err()).breaks("limit_accounts_within"));
}

/// Runs `story` in many tasks that all start together.
async fn together<T: Send + 'static, F>(times: u128, story: impl Fn(u128) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(usize::try_from(times).unwrap()));
    let tasks: Vec<_> = (0..times)
        .map(|place| {
            let (barrier, story) = (barrier.clone(), story(place));
            tokio::spawn(async move {
                barrier.wait().await;
                story.await
            })
        })
        .collect();
    let mut told = Vec::new();
    for task in tasks {
        told.push(task.await.unwrap());
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn case_2_two_hundred_at_once_for_one_unit_and_exactly_one_has_it() {
    let scene = Scene::set(32).await;
    let told = together(200, |place| {
        let store = scene.store.clone();
        // The account is new as well: they race to make it, too.
        async move { reserve_in(&store, session(place), &[one("single", 1, 1)], 0).await }
    })
    .await;
    let held = told.iter().filter(|told| matches!(told, Ok(Reserved::Held))).count();
    let refused = told.iter().filter(|told| matches!(told, Ok(Reserved::Short(short)) if short[0].left == 0)).count();
    assert_eq!((held, refused), (1, 199));
    assert_eq!(scene.counters("single").await, (0, 1));

    // And 200 that close without having held anything.
    let told = together(200, |place| {
        let store = scene.store.clone();
        async move {
            let mut tx = store.begin().await.unwrap();
            let fell = commit(&mut tx, &[(session(place), &[one("sale", 5, 1)])], at(0)).await.unwrap();
            crate::commit(tx).await.unwrap();
            fell.is_empty()
        }
    })
    .await;
    assert_eq!(told.iter().filter(|sold| **sold).count(), 5);
    assert_eq!(scene.counters("sale").await, (5, 0));
}

/// SplitMix64: a story that can be told again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

const KEYS: [(&str, i64); 5] = [("a", 2), ("b", 9), ("c", 40), ("d", 300), ("e", 600)];

/// One customer's sessions through everything that can happen to them, again where a race was lost.
async fn live(store: Store, place: u128) -> u32 {
    let (mut dice, mut lost) = (Dice(place as u64), 0);
    for step in 0..40_u128 {
        let of = session(place * 4 + step % 4);
        let uses: Vec<Use<'static>> = (0..=dice.roll(3))
            .map(|_| {
                let (key, limit) = KEYS[dice.roll(5) as usize];
                one(key, limit, 1 + dice.roll(3) as i64)
            })
            .collect();
        // Time goes on, so that holds of others expire in between.
        let (minute, what) = (step as i64 / 4, dice.roll(10));
        loop {
            match act(&store, of, &uses, minute, what).await {
                Ok(()) => break,
                Err(StoreError::Conflict(_)) => lost += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    lost
}

async fn act(store: &Store, of: SessionId, uses: &[Use<'_>], minute: i64, what: u64) -> Result<(), StoreError> {
    if what < 5 {
        return reserve_in(store, of, uses, minute).await.map(|_| ());
    }
    if what == 9 {
        return store.sweep_holds(at(minute), 10).await.map(|_| ());
    }
    let mut tx = store.begin().await?;
    match what {
        5 => drop(commit(&mut tx, &[(of, uses)], at(minute)).await?),
        6 | 7 => release(&mut tx, of, at(minute)).await?,
        _ => drop(give_back(&mut tx, of, at(minute)).await?),
    }
    crate::commit(tx).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn case_3_whatever_happens_at_once_no_limit_breaks_and_the_ledger_agrees() {
    let scene = Scene::set(24).await;
    // All accounts are new, and every story wants several of them.
    let lost: u32 = together(24, |place| live(scene.store.clone(), place)).await.into_iter().sum();
    assert!(lost < 100, "{lost} of 960 steps lost a race");
    assert_eq!(scene.store.audit_limits().await.unwrap(), []);
    let broken: i64 = sqlx::query_scalar(
        "select count(*) from limit_accounts join unnest($1::text[], $2::bigint[]) as rule (key, ceiling) using (key) \
         where committed < 0 or reserved < 0 or committed + reserved > rule.ceiling",
    )
    .bind(KEYS.map(|(key, _)| key))
    .bind(KEYS.map(|(_, limit)| limit))
    .fetch_one(scene.store.pool())
    .await
    .unwrap();
    assert_eq!(broken, 0);
    let moves: i64 =
        sqlx::query_scalar("select count(*) from limit_entries").fetch_one(scene.store.pool()).await.unwrap();
    assert!(moves > 300, "{moves} entries are no test");
}
