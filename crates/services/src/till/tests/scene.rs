//! A small shop on the real PostgreSQL: two stores, three tills, six products, and a clock that stands still.

use std::sync::Arc;

use cache::InProcess;
use chrono::{DateTime, TimeDelta, Utc};
use contract::campaigns::{Author, CouponRequest};
use contract::till::{
    CloseRequest, LineRequest, QuoteMode, ReturnLine, ReturnRequest, Returned, Session, SessionRequest, TillCaller,
};
use contract::{CampaignApi, IdempotencyKey, Once, Refusal, TillApi};
use domain::code::{CodeHandle, RotatingSecret, StaticCode, step_at};
use domain::{
    Amount, Card, CardId, CardReason, CardScope, CategoryId, Currency, CustomerId, Locale, MarginFloor, Product, Rate,
    SegmentName, SessionId, Sku, StoreId, TillId,
};
use sqlx::PgPool;
use store::catalogue::{NewCategory, NewProduct};
use store::customers::NewCustomer;
use store::segments::origins::Origin;
use store::shop::Settings;
use store::{Store, catalogue, customers, shop, tills};
use testkit::TestDatabase;
use uuid::Uuid;

use crate::clock::{Clock, Draw, Entropy, ManualClock, OsEntropy};
use crate::pace::Pace;
use crate::{Shop, till};

pub(super) const TILL_KEY: &str = "kava_till_0123456789abcdef0123456789abcdef";
pub(super) const PRICE_KEY: &str = "kava_prices_0123456789abcdef0123456789abcd";

/// Dropped last, so that the pools go before their database.
pub(super) struct Scene {
    pub shop: Shop,
    pub clock: Arc<ManualClock>,
    pub pool: PgPool,
    /// Minsk 1, its second till (which sets prices), and another store's till.
    pub till: TillCaller,
    pub second: TillCaller,
    pub elsewhere: TillCaller,
    _database: TestDatabase,
}

/// A customer with one card of 10 % off the basket.
pub(super) struct Guest {
    pub id: CustomerId,
    pub code: StaticCode,
    pub handle: CodeHandle,
    pub secret: RotatingSecret,
    pub card: CardId,
}

impl Scene {
    pub(super) async fn set() -> Self {
        Self::set_at(Pace::exact()).await
    }

    pub(super) async fn set_at(pace: Pace) -> Self {
        let database = crate::testing::database().await;
        let store = Store::connect(&database.url, 24).await.unwrap();
        let pool = PgPool::connect_lazy(&database.url).unwrap();
        let now: DateTime<Utc> = "2026-11-21T08:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::at(now));
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let (drawn, stamped) = (entropy.clone(), clock.clone());
        let stamp = Arc::new(move || (drawn.id(stamped.now()), stamped.now()));
        let sms = Arc::new(store::messages::Outbox::new(store.clone(), stamp));
        let shop =
            Shop::new(store.clone(), Arc::new(InProcess::default()), sms, clock.clone(), entropy.clone()).at_pace(pace);

        let mut tx = store.begin().await.unwrap();
        let settings = Settings {
            name: "Kava".into(),
            currency: Currency::EUR,
            time_zone: "Europe/Minsk".into(),
            floor: MarginFloor { min_margin: Rate(1_000) },
            redeem_with_static_code: true,
            demo: true,
            catalogue_version: 1,
            discounts: store::offers::Terms::default(),
        };
        shop::create(&mut tx, &settings, now).await.unwrap();
        let (here, there) = (StoreId(entropy.id(now)), StoreId(entropy.id(now)));
        tills::create_store(&mut tx, here, "Minsk 1").await.unwrap();
        tills::create_store(&mut tx, there, "Minsk 2").await.unwrap();
        let caller =
            |store, sets_prices| TillCaller { till: TillId(entropy.id(now)), store, sets_prices, locale: Locale::En };
        let (till, second, elsewhere) = (caller(here, false), caller(here, true), caller(there, false));
        for (at, name) in [(&till, "1"), (&second, "2"), (&elsewhere, "1")] {
            tills::create_till(&mut tx, at.till, at.store, name).await.unwrap();
        }
        tills::create_key(&mut tx, &till::hash_key(TILL_KEY), Some(till.till), &["till"], now).await.unwrap();
        let scopes = ["till", "till_prices"];
        tills::create_key(&mut tx, &till::hash_key(PRICE_KEY), Some(second.till), &scopes, now).await.unwrap();
        for id in ["coffee", "cakes", "charges"] {
            let category = NewCategory {
                id: CategoryId::new(id),
                title_en: id.into(),
                title_ru: id.into(),
                picture: String::new(),
                position: 1,
            };
            catalogue::upsert_category(&mut tx, &category).await.unwrap();
        }
        for (sku, category, price, cost, offerable) in [
            ("espresso", "coffee", 250, Some(100), true),
            ("latte", "coffee", 400, Some(350), true),
            ("eclair", "cakes", 390, Some(120), true),
            ("mystery", "cakes", 500, None, true),
            ("bag", "charges", 20, Some(1), false),
            ("gift", "cakes", 0, Some(0), true),
        ] {
            let product = product(sku, category, price, cost, offerable);
            assert!(catalogue::upsert_product(&mut tx, &product).await.unwrap());
        }
        store::commit(tx).await.unwrap();
        Self { shop, clock, pool, till, second, elsewhere, _database: database }
    }

    /// The same shop in a process of its own, which remembers nothing.
    pub(super) fn restarted(&self) -> Shop {
        let Shop { store, sms, clock, entropy, .. } = self.shop.clone();
        Shop::new(store, Arc::new(InProcess::default()), sms, clock, entropy)
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(super) fn advance(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    pub(super) fn id(&self) -> SessionId {
        SessionId(self.shop.entropy.id(self.now()))
    }

    pub(super) async fn guest(&self) -> Guest {
        self.guest_with(CardScope::Basket, 1_000).await
    }

    pub(super) async fn guest_with(&self, scope: CardScope, bp: u32) -> Guest {
        let (now, entropy) = (self.now(), &self.shop.entropy);
        let new = NewCustomer {
            id: CustomerId(entropy.id(now)),
            external_id: None,
            phone: None,
            static_code: StaticCode::from_seed(entropy.number()),
            code_handle: CodeHandle::from_seed(entropy.number()),
            code_secret: RotatingSecret(entropy.bytes()),
            name: "Anna".into(),
            locale: Locale::En,
            created_at: now,
            segment_model: None,
            segment_index: 0,
            origin: Origin::default(),
        };
        let card = Card {
            id: CardId(entropy.id(now)),
            scope,
            subject: String::new(),
            rate: Rate(bp),
            valid_from: now,
            valid_until: now + TimeDelta::days(14),
            active: true,
            reasons: vec![CardReason::Segment { name: SegmentName::Newcomers }],
        };
        let mut tx = self.shop.store.begin().await.unwrap();
        customers::create(&mut tx, &new).await.unwrap();
        store::cards::replace(&mut tx, new.id, std::slice::from_ref(&card), now).await.unwrap();
        store::commit(tx).await.unwrap();
        Guest { id: new.id, code: new.static_code, handle: new.code_handle, secret: new.code_secret, card: card.id }
    }

    /// What the phone shows now.
    pub(super) fn shows(&self, guest: &Guest) -> String {
        guest.secret.code(guest.handle, step_at(self.now()))
    }

    pub(super) async fn put(&self, id: SessionId, request: SessionRequest) -> Result<Session, Refusal> {
        self.shop.put_session(&self.till, id, request, QuoteMode::Stored).await
    }

    pub(super) async fn quoted(&self, guest: &Guest, lines: &[(&str, i64)]) -> Session {
        self.put(self.id(), basket(Some(guest.code.as_str()), lines)).await.unwrap()
    }

    pub(super) async fn close(&self, session: &Session, receipt: &str, key: &str) -> Result<Once<Session>, Refusal> {
        self.shop.close(&self.till, session.session_id, &once(key), paid(receipt, session.total)).await
    }

    pub(super) async fn cancel(&self, session: &Session, key: &str) -> Result<Once<Session>, Refusal> {
        self.shop.cancel(&self.till, session.session_id, &once(key)).await
    }

    /// These campaigns are in force, and `ONCE` is a code of the first.
    pub(super) async fn publish(&self, campaigns: serde_json::Value) {
        let author = Author { owner: Uuid::from_u128(5), name: "mira".into() };
        let campaign_id = serde_json::from_value(campaigns[0]["id"].clone()).unwrap();
        self.shop.publish(&author, serde_json::json!({ "campaigns": campaigns }), None).await.unwrap();
        let coupon = CouponRequest { campaign_id, recipient: None, starts_at: None, ends_at: None, disabled: false };
        self.shop.put_coupon(&author, "ONCE", coupon).await.unwrap();
    }

    /// Units of these positions come back.
    pub(super) async fn give_back(
        &self,
        session: &Session,
        lines: &[(u16, i64)],
        key: &str,
    ) -> Result<Once<Returned>, Refusal> {
        self.shop.return_lines(&self.till, session.session_id, &once(key), returning(lines)).await
    }

    pub(super) async fn savings(&self, guest: &Guest) -> i64 {
        self.shop.store.customer(guest.id).await.unwrap().unwrap().savings.minor()
    }

    /// One number from the database.
    pub(super) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    pub(super) async fn change(&self, sql: &'static str) {
        sqlx::query(sql).execute(&self.pool).await.unwrap();
    }

    /// Comes back when this many calls wait for a lock in this database.
    pub(super) async fn until_waiting(&self, calls: i64) {
        let waiting =
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        while self.count(waiting).await < calls {
            tokio::task::yield_now().await;
        }
    }
}

pub(super) fn product(sku: &str, category: &str, price: i64, cost: Option<i64>, offerable: bool) -> NewProduct {
    NewProduct {
        product: Product {
            sku: Sku::parse(sku).unwrap(),
            name: sku.to_uppercase(),
            category: CategoryId::new(category),
            price: Amount(price),
            cost: cost.map(Amount),
            offerable,
        },
        name_ru: String::new(),
        description: String::new(),
        description_ru: String::new(),
        picture: String::new(),
        position: 1,
        version: 1,
    }
}

pub(super) fn once(key: &str) -> IdempotencyKey {
    IdempotencyKey::parse(key).unwrap()
}

pub(super) fn basket(code: Option<&str>, lines: &[(&str, i64)]) -> SessionRequest {
    SessionRequest {
        explain: None,
        customer_code: code.map(str::to_owned),
        card_id: None,
        coupon_codes: Vec::new(),
        currency: Currency::EUR,
        lines: lines
            .iter()
            .map(|&(sku, quantity)| LineRequest { sku: sku.into(), quantity, unit_price: None })
            .collect(),
    }
}

/// 10 % off everything for one use of a code, at most 10.00 in all.
pub(super) fn ten_off_once() -> serde_json::Value {
    serde_json::json!({
        "id": Uuid::from_u128(1), "name": {"en": "Ten off", "ru": "Минус десять"}, "coupon": {"per_code": 1},
        "budgets": [{"action": "discount", "limit": 1000}],
        "rules": [{"name": "all", "then": [{"percentage": {"rate_bp": 1000}}]}],
    })
}

pub(super) fn with_coupon(lines: &[(&str, i64)]) -> SessionRequest {
    SessionRequest { coupon_codes: vec!["once".into()], ..basket(None, lines) }
}

pub(super) fn paid(receipt: &str, amount: Amount) -> CloseRequest {
    CloseRequest { receipt_number: receipt.into(), paid: amount, paid_at: None }
}

pub(super) fn returning(lines: &[(u16, i64)]) -> ReturnRequest {
    let lines = lines.iter().map(|&(position, quantity)| ReturnLine { position, quantity }).collect();
    ReturnRequest { lines, reason: "cold".into() }
}

pub(super) fn pointers(refusal: &Refusal) -> Vec<(&str, &str)> {
    refusal.faults.iter().map(|fault| (fault.pointer.as_str(), fault.key.as_str())).collect()
}
