//! Kept up by purchases = computed from all receipts; a fit is one step; a change is announced once.

mod streams;

use chrono::TimeDelta;
use contract::Refusal;
use domain::SegmentMethod;
use domain::code::{CodeHandle, RotatingSecret, StaticCode};
use sqlx::PgPool;
use store::customers::NewCustomer;
use store::segments::Whose;
use store::segments::origins::Origin;
use testkit::TestDatabase;

use super::*;
use crate::testing::{self, Bare};

const NOW: &str = "2026-11-21T08:00:00Z";

struct Scene {
    shop: Shop,
    pool: PgPool,
    now: DateTime<Utc>,
    _database: TestDatabase,
}

impl Scene {
    async fn set() -> Self {
        Self::set_at(NOW).await
    }

    async fn set_at(now: &str) -> Self {
        let Bare { shop, pool, database } = testing::bare(now).await;
        let scene = Self { shop, pool, now: now.parse().unwrap(), _database: database };
        scene.run("insert into shop (name, currency, time_zone, min_margin_bp, created_at) values ('Kava', 'GBP', 'UTC', 1000, now())").await;
        scene.run("insert into categories (id, title_en, title_ru) values ('coffee', 'Coffee', 'Кофе'), ('cakes', 'Cakes', 'Торты')").await;
        scene.run("insert into products (sku, name, category, price) values ('espresso', 'Espresso', 'coffee', 250), ('eclair', 'Eclair', 'cakes', 390)").await;
        scene
    }

    async fn run(&self, sql: &'static str) {
        sqlx::query(sql).execute(&self.pool).await.unwrap();
    }

    async fn customer(&self) -> CustomerId {
        let entropy = &self.shop.entropy;
        let id = CustomerId(entropy.id(self.now));
        let new = NewCustomer {
            id,
            external_id: None,
            phone: None,
            static_code: StaticCode::from_seed(entropy.number()),
            code_handle: CodeHandle::from_seed(entropy.number()),
            code_secret: RotatingSecret(entropy.bytes()),
            name: String::new(),
            locale: Locale::En,
            created_at: self.now,
            segment_model: None,
            segment_index: 0,
            origin: Origin::default(),
        };
        let mut tx = self.shop.store.begin().await.unwrap();
        store::customers::create(&mut tx, &new).await.unwrap();
        store::commit(tx).await.unwrap();
        id
    }

    /// A receipt as a till records it, with its lines; `days` ago.
    async fn receipt(
        &self,
        tx: &mut Tx,
        customer: CustomerId,
        days: i64,
        lines: &[(&str, i64)],
    ) -> (i64, PurchaseFacts) {
        let at = self.now - TimeDelta::days(days);
        let paid: i64 = lines.iter().map(|l| l.1).sum();
        let id: i64 = sqlx::query_scalar(
            "insert into receipts (source, number, customer_id, kind, at, lines, subtotal, discount, total)
            values ('till', gen_random_uuid()::text, $1, 'sale', $2, $3, $4, 0, $4) returning id",
        )
        .bind(customer.0)
        .bind(at)
        .bind(i32::try_from(lines.len()).unwrap())
        .bind(paid)
        .fetch_one(&mut **tx)
        .await
        .unwrap();
        for (position, (sku, price)) in lines.iter().enumerate() {
            sqlx::query("insert into receipt_lines (receipt_id, position, sku, quantity, unit_price) values ($1, $2, $3, 1, $4)")
                .bind(id)
                .bind(i32::try_from(position).unwrap())
                .bind(*sku)
                .bind(*price)
                .execute(&mut **tx)
                .await
                .unwrap();
        }
        let category = |sku: &str| CategoryId::new(if sku == "espresso" { "coffee" } else { "cakes" });
        let categories: Vec<CategoryId> = lines.iter().map(|(sku, _)| category(sku)).collect();
        let lines = lines.iter().zip(&categories).map(|((_, price), category)| LineFacts {
            category: Some(category),
            quantity: 1,
            paid: Amount(*price),
            discount: Amount::ZERO,
            cost: None,
        });
        (id, PurchaseFacts::of(at, chrono_tz::Tz::UTC, lines))
    }

    async fn buy(&self, customer: CustomerId, days: i64, lines: &[(&str, i64)]) -> (i64, Option<SegmentMove>) {
        let mut tx = self.shop.store.begin().await.unwrap();
        let (id, facts) = self.receipt(&mut tx, customer, days, lines).await;
        let moved = self.shop.record_in_segment(&mut tx, customer, &facts, self.now).await.unwrap();
        store::commit(tx).await.unwrap();
        (id, moved)
    }

    async fn cancel(&self, customer: CustomerId, receipt: i64) -> Option<SegmentMove> {
        let mut tx = self.shop.store.begin().await.unwrap();
        sqlx::query("update receipts set cancelled_at = $2 where id = $1")
            .bind(receipt)
            .bind(self.now)
            .execute(&mut *tx)
            .await
            .unwrap();
        let moved = self.shop.recount_in_segment(&mut tx, customer, self.now).await.unwrap();
        store::commit(tx).await.unwrap();
        moved
    }

    async fn features(&self) -> Vec<Features> {
        let mut tx = self.shop.store.begin().await.unwrap();
        store::segments::page(&mut tx, None, 1_000).await.unwrap()
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    /// Thirty customers of three kinds.
    async fn crowd(&self) -> Vec<CustomerId> {
        let mut crowd = Vec::new();
        for i in 0..30_i64 {
            let customer = self.customer().await;
            crowd.push(customer);
            match i % 3 {
                0 => {
                    for day in 0..12 {
                        self.buy(customer, day * 3 + i % 5, &[("espresso", 250 + i)]).await;
                    }
                }
                1 => {
                    for day in 0..3 {
                        self.buy(customer, 40 + day * 9 + i % 7, &[("eclair", 3_900 + i * 10), ("espresso", 250)])
                            .await;
                    }
                }
                _ => {
                    self.buy(customer, 200 + i, &[("eclair", 390)]).await;
                }
            }
        }
        crowd
    }
}

#[tokio::test]
async fn kept_up_by_purchases_is_computed_from_receipts() {
    let scene = Scene::set().await;
    let (anna, boris) = (scene.customer().await, scene.customer().await);
    scene.buy(anna, 30, &[("espresso", 250), ("eclair", 390)]).await;
    scene.buy(anna, 3, &[("espresso", 200)]).await;
    let (last, _) = scene.buy(anna, 1, &[("eclair", 390)]).await;
    let (only, _) = scene.buy(boris, 2, &[("eclair", 350)]).await;
    scene.cancel(anna, last).await;
    scene.cancel(boris, only).await;

    let kept = scene.features().await;
    let anna = kept.iter().find(|f| f.id == anna.0).unwrap();
    assert_eq!((anna.visits, anna.spent), (2, 840));
    assert_eq!(anna.composition, [("cakes".to_owned(), 390), ("coffee".to_owned(), 450)].into());
    assert_eq!(anna.last_purchase_at, Some(scene.now - TimeDelta::days(3)));
    let boris = kept.iter().find(|f| f.id == boris.0).unwrap();
    assert_eq!((boris.visits, boris.spent, boris.first_purchase_at, boris.composition.len()), (0, 0, None, 0));

    let mut tx = scene.shop.store.begin().await.unwrap();
    assert_eq!(
        store::segments::refresh(&mut tx, Whose::Everybody).await.unwrap(),
        0,
        "nothing differs from the receipts"
    );
    store::commit(tx).await.unwrap();
    scene.run("update customers set visits = 77, spent = -1, composition = '{}', first_purchase_at = null").await;
    let mut tx = scene.shop.store.begin().await.unwrap();
    assert_eq!(store::segments::refresh(&mut tx, Whose::Everybody).await.unwrap(), 2);
    store::commit(tx).await.unwrap();
    assert_eq!(scene.features().await, kept, "and what differs is brought back");
}

#[tokio::test]
async fn a_fit_places_everybody_and_a_purchase_moves_with_a_reason() {
    let scene = Scene::set().await;
    let crowd = scene.crowd().await;
    let newcomer = scene.customer().await;
    assert_eq!(scene.count("select count(*) from outbox").await, 0, "before the first fit nobody moves");

    let report = fit(&scene.shop).await.unwrap();
    assert_eq!((report.version, report.samples, report.moved, report.repaired), (1, 30, 30, 0));
    assert_eq!(report.segments.iter().map(|s| s.size).sum::<u64>(), 30);
    assert_eq!(scene.count("select count(*) from segment_changes").await, 30);
    assert_eq!(scene.count("select count(*) from outbox where topic = 'kava.segments.v1'").await, 30);
    let placed = scene.features().await;
    for features in &placed {
        assert_eq!(features.segment_index == 0, features.visits == 0);
    }

    // The same night again: another model of the same customers, and nobody is told a thing.
    let again = fit(&scene.shop).await.unwrap();
    assert_eq!((again.version, again.moved), (2, 0));
    assert_eq!(scene.count("select count(*) from segment_models where in_use").await, 1);

    let (receipt, moved) = scene.buy(newcomer, 0, &[("espresso", 260)]).await;
    let moved = moved.unwrap();
    assert_eq!(moved.from, SegmentName::Newcomers);
    assert_eq!(moved.reason.words(Locale::En), "visits 1 (were 0), basket average £2.60");
    let stored: (String, String) =
        sqlx::query_as("select why::text, to_name::text from segment_changes order by id desc limit 1")
            .fetch_one(&scene.pool)
            .await
            .unwrap();
    assert_eq!(serde_json::from_str::<SegmentReason>(&stored.0).unwrap(), moved.reason);
    assert_eq!(serde_json::from_str::<SegmentName>(&stored.1).unwrap(), moved.to);
    let now = scene.features().await.into_iter().find(|f| f.id == newcomer.0).unwrap();
    let name = scene.shop.segment_name(now.segment_model.map(SegmentModelId), 1).await.unwrap();
    assert_ne!(name, SegmentName::Newcomers);

    let back = scene.cancel(newcomer, receipt).await.unwrap();
    assert!(
        back.reason.words(Locale::En).starts_with("a purchase was cancelled: visits 0 (were 1)"),
        "{:?}",
        back.reason
    );
    assert_eq!((back.from, back.to), (moved.to, SegmentName::Newcomers));

    // Who was long away is told so.
    let lapsed = crowd[2];
    if let (_, Some(moved)) = scene.buy(lapsed, 0, &[("espresso", 250)]).await {
        let words = moved.reason.words(Locale::En);
        assert!(words.starts_with("visits 2 (were 1), basket average £3.20 (was £3.90), back after 2"), "{words}");
    } else {
        panic!("somebody who comes back after 200 days is not lapsed any more");
    }
}

#[tokio::test]
async fn too_few_customers_and_an_import_at_work_are_told() {
    let scene = Scene::set().await;
    scene.buy(scene.customer().await, 1, &[("espresso", 250)]).await;
    assert_eq!(fit(&scene.shop).await.unwrap_err().key, "too-few-customers");
    let mut tx = scene.shop.store.begin().await.unwrap();
    assert!(store::import::try_lock(&mut tx).await.unwrap());
    assert_eq!(fit(&scene.shop).await.unwrap_err().key, "import-running");
    drop(tx);
}

/// A fit that waits for a row tells that it reads; asked to stop, it leaves everything as it was.
#[tokio::test]
async fn a_fit_that_is_asked_to_stop_changes_nothing() {
    let scene = Scene::set().await;
    scene.crowd().await;
    let first = fit(&scene.shop).await.unwrap();
    assert_eq!(scene.shop.fitting().told(), None);
    let placed = scene.features().await;

    scene.run("update customers set spent = spent + 1").await;
    let mut held = scene.pool.begin().await.unwrap();
    sqlx::query("select 1 from customers for update").execute(&mut *held).await.unwrap();
    let shop = scene.shop.clone();
    let fitting = tokio::spawn(async move { fit(&shop).await });
    while scene.shop.fitting().told().is_none() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(scene.shop.fitting().told(), Some((Stage::Reading, ..))));
    scene.shop.fitting().stop();
    held.rollback().await.unwrap();
    assert!(fitting.await.unwrap().unwrap_err().is("fit-stopped"));
    assert_eq!(scene.shop.fitting().told(), None);
    assert_eq!(scene.features().await, placed, "the features were brought in line, and nobody was placed anew");
    assert_eq!(
        scene.count("select max(version)::bigint from segment_models where in_use").await,
        i64::from(first.version)
    );
    // The next one is not stopped by what was said to this one.
    assert_eq!(fit(&scene.shop).await.unwrap().version, 2);
}

/// Placing takes a page of customers at a time, so that whoever buys while one is stuck is not held up.
#[tokio::test]
async fn a_customer_who_is_held_holds_up_no_other_ones_purchase() {
    let scene = Scene::set().await;
    let crowd = scene.crowd().await;
    fit(&scene.shop).await.unwrap();
    let newcomer = scene.customer().await;
    let mut held = scene.pool.begin().await.unwrap();
    sqlx::query("select 1 from customers where id = $1 for update").bind(crowd[0].0).execute(&mut *held).await.unwrap();
    let shop = scene.shop.clone();
    let fitting = tokio::spawn(async move { fit(&shop).await });
    while !matches!(scene.shop.fitting().told(), Some((Stage::Placing | Stage::Learning, ..))) {
        tokio::task::yield_now().await;
    }
    let (_, moved) = scene.buy(newcomer, 0, &[("espresso", 260)]).await;
    assert!(moved.is_some());
    held.rollback().await.unwrap();
    fitting.await.unwrap().unwrap();
    assert_eq!(scene.count("select count(distinct segment_model) from customers where visits > 0").await, 1);
}

#[tokio::test]
async fn an_imported_history_ends_with_the_import() {
    let scene = Scene::set().await;
    scene.crowd().await;
    fit(&scene.shop).await.unwrap();
    // One whose twelve visits were imported, the last one at the end of a file from years ago: as present as can be.
    let customer = scene.customer().await;
    let mut tx = scene.shop.store.begin().await.unwrap();
    for day in 0..12 {
        let (id, _) = scene.receipt(&mut tx, customer, 4_000 + day * 3, &[("espresso", 250)]).await;
        sqlx::query("update receipts set source = 'import' where id = $1").bind(id).execute(&mut *tx).await.unwrap();
    }
    sqlx::query(
        "insert into imports values ($1, 'old.csv', now(), now(), jsonb_build_object('last_at', $2::timestamptz))",
    )
    .bind(scene.shop.entropy.id(scene.now))
    .bind(scene.now - TimeDelta::days(4_000))
    .execute(&mut *tx)
    .await
    .unwrap();
    store::commit(tx).await.unwrap();
    let report = fit(&scene.shop).await.unwrap();
    assert_eq!((report.samples, report.repaired), (31, 1));
    let all = scene.features().await;
    let segment = |id: CustomerId| all.iter().find(|f| f.id == id.0).unwrap().segment_index;
    let frequent = all.iter().find(|f| f.visits == 12 && f.at_till).unwrap();
    assert_eq!(segment(customer), frequent.segment_index);
}

#[tokio::test]
async fn of_processes_that_find_the_night_at_once_one_fits() {
    let scene = Scene::set_at("2026-11-21T03:05:00Z").await;
    scene.crowd().await;
    let (one, other) = tokio::join!(night::fit_when_due(&scene.shop), night::fit_when_due(&scene.shop));
    let fitted = |outcome: &Result<Option<FitReport>, Refusal>| matches!(outcome, Ok(Some(_)));
    assert!(fitted(&one) != fitted(&other), "{one:?} {other:?}");
    // The other one found it done, or the first still at work.
    for outcome in [one, other] {
        assert!(outcome.is_ok() || outcome.is_err_and(|refusal| refusal.is("import-running")));
    }
    assert_eq!(night::fit_when_due(&scene.shop).await, Ok(None), "once a night");
    assert_eq!(scene.count("select count(*) from segment_models").await, 1);
}

#[tokio::test]
async fn a_fit_in_vain_is_tried_once_a_night() {
    let scene = Scene::set_at("2026-11-21T03:05:00Z").await;
    scene.crowd().await;
    let division = domain::segment::Division { method: SegmentMethod::Dbscan, segments: None };
    scene.shop.set_division(division).await.unwrap();
    assert!(night::fit_when_due(&scene.shop).await.unwrap_err().is("no-niches"));
    assert_eq!(night::fit_when_due(&scene.shop).await, Ok(None));
    // Somebody who asks for it is told again.
    assert!(fit(&scene.shop).await.unwrap_err().is("no-niches"));
}

#[tokio::test]
async fn the_first_fit_waits_for_the_shops_own_night() {
    // Three in London, and noon in Tokyo.
    let scene = Scene::set_at("2026-11-21T03:05:00Z").await;
    scene.run("update shop set time_zone = 'Asia/Tokyo'").await;
    scene.crowd().await;
    assert_eq!(night::fit_when_due(&scene.shop).await, Ok(None));
    assert_eq!(scene.shop.zone().await.unwrap(), chrono_tz::Tz::Asia__Tokyo);
}

#[tokio::test]
async fn the_chain_says_how_its_customers_are_divided() {
    let scene = Scene::set().await;
    scene.crowd().await;
    let by = |method, segments| domain::segment::Division { method, segments };
    assert_eq!(fit(&scene.shop).await.unwrap().method, SegmentMethod::KMeans, "of a new shop");
    scene.shop.set_division(by(SegmentMethod::KMeans, Some(2))).await.unwrap();
    let report = fit(&scene.shop).await.unwrap();
    assert_eq!((report.segments.len(), report.tried.len()), (2, 1));
    for count in [0, 65] {
        assert!(scene.shop.set_division(by(SegmentMethod::KMeans, Some(count))).await.unwrap_err().is("segment-count"));
    }
    // Thirty customers are too few for density: the segments that there are stay, and it is told why.
    scene.shop.set_division(by(SegmentMethod::Dbscan, None)).await.unwrap();
    assert!(fit(&scene.shop).await.unwrap_err().is("no-niches"));
    assert!(scene.shop.fitting.refused().is_some_and(|refusal| refusal.is("no-niches")));
    assert_eq!(scene.shop.model_in_use().await.unwrap().unwrap().0.version, report.version as i32);
    for _ in 0..4 {
        scene.crowd().await;
    }
    let dense = fit(&scene.shop).await.unwrap();
    assert_eq!(
        (dense.method, dense.segments.last().map(|last| &last.name)),
        (SegmentMethod::Dbscan, Some(&SegmentName::Apart))
    );
    assert!(scene.shop.fitting.refused().is_none());
    // Everybody is where the model places them, and the next purchase is placed by density too.
    let (_, model) = scene.shop.model_in_use().await.unwrap().unwrap();
    for features in scene.features().await.iter().filter(|features| features.visits > 0) {
        assert_eq!(features.segment_index, index_of(&model, &facts(features, scene.now)));
    }
    let odd = scene.customer().await;
    for day in 0..60 {
        scene.buy(odd, day, &[("eclair", 900_000)]).await;
    }
    let placed = scene.features().await.into_iter().find(|features| features.id == odd.0).unwrap();
    assert_eq!(model.name(placed.segment_index as u16), SegmentName::Apart);
}
