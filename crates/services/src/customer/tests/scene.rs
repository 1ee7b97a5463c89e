//! A demo shop with one till, two categories, and whoever signs in.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use cache::{Cache, InProcess};
use chrono::{DateTime, TimeDelta, Utc};
use contract::customer::{CameBy, CustomerApi, CustomerCaller};
use contract::till::{CloseRequest, LineRequest, QuoteMode, Session, SessionRequest, TillApi, TillCaller};
use contract::{IdempotencyKey, Refusal};
use domain::code::StaticCode;
use domain::{
    Amount, CategoryId, Currency, Locale, MarginFloor, Phone, Product, Rate, SessionId, Sku, StoreId, TillId,
};
use rand::{RngCore, SeedableRng, rngs::StdRng};
use sqlx::PgPool;
use store::Store;
use store::catalogue::{NewCategory, NewProduct, upsert_category, upsert_product};
use store::shop::Settings;
use testkit::TestDatabase;

use crate::Shop;
use crate::clock::{Clock, Draw, Entropy, ManualClock};

pub(crate) const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

/// The same bytes in every run.
struct Seeded(Mutex<StdRng>);

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(bytes);
    }
}

pub(crate) struct Scene {
    pub shop: Shop,
    pub clock: Arc<ManualClock>,
    pub entropy: Arc<dyn Entropy>,
    /// For looking behind the stories.
    pub pool: PgPool,
    pub till: TillCaller,
    /// Dropped last, so that the pools go before their database.
    _database: TestDatabase,
}

pub(crate) fn product(sku: &str, category: &str, price: i64, cost: Option<i64>) -> NewProduct {
    NewProduct {
        product: Product {
            sku: Sku::parse(sku).unwrap(),
            name: sku.to_owned(),
            category: CategoryId::new(category),
            price: Amount(price),
            cost: cost.map(Amount),
            offerable: true,
        },
        name_ru: format!("{sku}-ру"),
        description: "Hot".to_owned(),
        description_ru: String::new(),
        picture: String::new(),
        position: 100,
        version: 1,
    }
}

pub(crate) fn phone(last: u32) -> Phone {
    Phone::parse(&format!("+4479460{last:05}")).unwrap()
}

impl Scene {
    pub(crate) async fn set() -> Self {
        Self::set_with(Arc::new(InProcess::new())).await
    }

    pub(crate) async fn set_with(cache: Arc<dyn Cache>) -> Self {
        let database = crate::testing::database().await;
        let store = Store::connect(&database.url, 12).await.unwrap();
        let pool = PgPool::connect_lazy(&database.url).unwrap();
        let now: DateTime<Utc> = "2026-11-21T08:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::at(now));
        let entropy: Arc<dyn Entropy> = Arc::new(Seeded(Mutex::new(StdRng::seed_from_u64(7))));
        let (drawn, stamped) = (entropy.clone(), clock.clone());
        let stamp = Arc::new(move || (drawn.id(stamped.now()), stamped.now()));
        let sms = Arc::new(store::messages::Outbox::new(store.clone(), stamp));
        let shop = Shop::new(store.clone(), cache, sms, clock.clone(), entropy.clone());

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
        store::shop::create(&mut tx, &settings, now).await.unwrap();
        let till = TillCaller {
            till: TillId(entropy.id(now)),
            store: StoreId(entropy.id(now)),
            sets_prices: false,
            locale: Locale::En,
        };
        store::tills::create_store(&mut tx, till.store, "Minsk 1").await.unwrap();
        store::tills::create_till(&mut tx, till.till, till.store, "Till 1").await.unwrap();
        for (id, title_en, title_ru) in [("coffee", "Coffee", "Кофе"), ("cakes", "Cakes", "Торты")] {
            let category = NewCategory {
                id: CategoryId::new(id),
                title_en: title_en.into(),
                title_ru: title_ru.into(),
                picture: String::new(),
                position: if id == "coffee" { 1 } else { 2 },
            };
            upsert_category(&mut tx, &category).await.unwrap();
        }
        for new in [
            NewProduct { position: 1, ..product("espresso", "coffee", 250, Some(60)) },
            NewProduct { position: 2, ..product("latte", "coffee", 400, Some(130)) },
            // A floor of 385: one step and no more.
            product("bean-bag", "coffee", 400, Some(350)),
            product("mystery", "coffee", 300, None),
            product("eclair", "cakes", 390, Some(150)),
        ] {
            upsert_product(&mut tx, &new).await.unwrap();
        }
        let mut postage = product("postage", "cakes", 500, Some(1));
        postage.product.offerable = false;
        upsert_product(&mut tx, &postage).await.unwrap();
        store::commit(tx).await.unwrap();
        Self { shop, clock, entropy, pool, till, _database: database }
    }

    /// The same shop behind so few connections, with nothing in its memory.
    pub(crate) async fn with_connections(&self, connections: u32) -> Shop {
        let store = Store::connect(&self._database.url, connections).await.unwrap();
        let sms = self.shop.sms.clone();
        Shop::new(store, Arc::new(InProcess::new()), sms, self.clock.clone(), self.entropy.clone())
    }

    pub(crate) fn wait(&self, by: TimeDelta) {
        self.clock.advance(by);
    }

    /// Asks for a code and reads it from the message.
    pub(crate) async fn code_for(&self, phone: &Phone) -> String {
        self.shop.request_code(phone, HOME, Locale::En).await.unwrap();
        self.newest_code(phone).await
    }

    pub(crate) async fn newest_code(&self, phone: &Phone) -> String {
        let messages = self.shop.demo_messages().await.unwrap();
        messages.into_iter().find(|m| m.to == *phone).unwrap().text[..6].to_owned()
    }

    pub(crate) async fn guest(&self, last: u32) -> CustomerCaller {
        let phone = phone(last);
        let code = self.code_for(&phone).await;
        let signed_in = self.shop.sign_in(&phone, &code, HOME, Locale::En, &CameBy::default()).await.unwrap();
        self.shop.authenticate_customer(&signed_in.token.0).await.unwrap()
    }

    pub(crate) async fn static_code(&self, caller: CustomerCaller) -> StaticCode {
        self.shop.home(caller).await.unwrap().static_code
    }

    /// A purchase at the till with the customer's code.
    pub(crate) async fn buy(&self, caller: CustomerCaller, skus: &[(&str, i64)], receipt: &str) -> Session {
        let now = self.clock.now();
        let id = SessionId(self.entropy.id(now));
        let request = SessionRequest {
            explain: None,
            customer_code: Some(self.static_code(caller).await.as_str().to_owned()),
            card_id: None,
            coupon_codes: Vec::new(),
            currency: Currency::EUR,
            lines: skus
                .iter()
                .map(|(sku, quantity)| LineRequest { sku: (*sku).to_owned(), quantity: *quantity, unit_price: None })
                .collect(),
        };
        let quote = self.shop.put_session(&self.till, id, request, QuoteMode::Stored).await.unwrap();
        let close = CloseRequest { receipt_number: receipt.to_owned(), paid: quote.total, paid_at: None };
        let once = IdempotencyKey::parse(receipt).unwrap();
        self.shop.close(&self.till, id, &once, close).await.unwrap().value
    }

    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.pool).await.unwrap()
    }

    pub(crate) async fn run(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.pool).await.unwrap();
    }
}

/// `authenticate` is a word of three audiences.
#[async_trait::async_trait]
pub(crate) trait Doors {
    async fn authenticate_customer(&self, token: &str) -> Option<CustomerCaller>;
    async fn sign_out_customer(&self, token: &str);
}

#[async_trait::async_trait]
impl Doors for Shop {
    async fn authenticate_customer(&self, token: &str) -> Option<CustomerCaller> {
        CustomerApi::authenticate(self, token).await.unwrap()
    }

    async fn sign_out_customer(&self, token: &str) {
        CustomerApi::sign_out(self, token).await.unwrap();
    }
}

#[track_caller]
pub(crate) fn key_of<T: std::fmt::Debug>(answer: Result<T, Refusal>) -> String {
    answer.expect_err("this is refused").key
}
