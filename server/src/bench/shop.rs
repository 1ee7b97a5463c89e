//! A furnished shop of a given size, the same for the same size: for benches and tests.

use chrono::{DateTime, Utc};
use domain::code::{CodeHandle, RotatingSecret, StaticCode};
use domain::{Amount, CategoryId, Currency, CustomerId, Locale, MarginFloor, Product, Rate, Sku, StoreId, TillId};
use services::clock::{Draw, Entropy};
use sha2::{Digest, Sha256};
use store::catalogue::{NewCategory, NewProduct};
use store::customers::NewCustomer;
use store::segments::origins::Origin;
use store::shop::Settings;
use store::{Store, StoreError, Tx};

/// How large a shop.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub products: u32,
    pub customers: u32,
}

/// What callers need of a furnished shop.
#[derive(Clone, Debug)]
pub struct Furnished {
    /// Bearer keys: a till's; one of another store's, whose prices are believed; one without the scope `till`; and an
    /// integrator's for campaigns.
    pub till_key: String,
    pub pricing_key: String,
    pub reports_key: String,
    pub campaigns_key: String,
    pub skus: Vec<String>,
    pub codes: Vec<String>,
}

const CATEGORIES: [&str; 4] = ["coffee", "tea", "bakery", "beans"];

/// Furnishes an empty, migrated database in one transaction. Product `n` costs 200 + n mod 700 and was bought for 60 %
/// of that; every tenth has no known cost.
///
/// # Errors
/// What the database says.
pub async fn furnish(
    store: &Store,
    entropy: &(dyn Entropy + 'static),
    now: DateTime<Utc>,
    size: Size,
) -> Result<Furnished, StoreError> {
    let mut tx = store.begin().await?;
    let settings = Settings {
        name: "Bench".to_owned(),
        currency: Currency::EUR,
        time_zone: "Europe/Tallinn".to_owned(),
        floor: MarginFloor { min_margin: Rate(1_000) },
        redeem_with_static_code: true,
        demo: false,
        catalogue_version: 1,
        discounts: store::offers::Terms::default(),
    };
    store::shop::create(&mut tx, &settings, now).await?;
    let skus = products(&mut tx, size.products).await?;
    let codes = customers(&mut tx, entropy, now, size.customers).await?;
    let mut keys = Vec::new();
    for (name, scopes) in [
        ("North", &["till"][..]),
        ("South", &["till", "till_prices"][..]),
        ("", &["reports"][..]),
        ("", &["campaigns"][..]),
    ] {
        let key: String = entropy.bytes::<32>().iter().map(|byte| format!("{byte:02x}")).collect();
        let till = if name.is_empty() {
            None
        } else {
            let (shop, till) = (StoreId(entropy.id(now)), TillId(entropy.id(now)));
            store::tills::create_store(&mut tx, shop, name).await?;
            store::tills::create_till(&mut tx, till, shop, "Till 1").await?;
            Some(till)
        };
        store::tills::create_key(&mut tx, &Sha256::digest(&key).into(), till, scopes, now).await?;
        keys.push(key);
    }
    store::commit(tx).await?;
    let mut keys = keys.into_iter();
    let mut key = || keys.next().unwrap_or_default();
    Ok(Furnished { till_key: key(), pricing_key: key(), reports_key: key(), campaigns_key: key(), skus, codes })
}

async fn products(tx: &mut Tx, count: u32) -> Result<Vec<String>, StoreError> {
    for (position, id) in CATEGORIES.into_iter().enumerate() {
        let category = NewCategory {
            id: CategoryId::new(id),
            title_en: id.to_owned(),
            title_ru: id.to_owned(),
            picture: String::new(),
            position: i32::try_from(position).unwrap_or_default(),
        };
        store::catalogue::upsert_category(tx, &category).await?;
    }
    let mut skus = Vec::new();
    for n in 0..count {
        let sku = format!("product-{n:05}");
        let corrupt = |why: &str| StoreError::corrupt("sku", why);
        let price = 200 + i64::from(n % 700);
        let product = NewProduct {
            product: Product {
                sku: Sku::parse(sku.as_str()).map_err(corrupt)?,
                name: format!("Product {n}"),
                category: CategoryId::new(CATEGORIES[n as usize % CATEGORIES.len()].to_owned()),
                price: Amount(price),
                cost: (n % 10 != 9).then_some(Amount(price * 6 / 10)),
                offerable: true,
            },
            name_ru: String::new(),
            description: String::new(),
            description_ru: String::new(),
            picture: String::new(),
            position: 0,
            version: 1,
        };
        store::catalogue::upsert_product(tx, &product).await?;
        skus.push(sku);
    }
    Ok(skus)
}

async fn customers(
    tx: &mut Tx,
    entropy: &(dyn Entropy + 'static),
    now: DateTime<Utc>,
    count: u32,
) -> Result<Vec<String>, StoreError> {
    let mut codes = Vec::new();
    for n in 0..count {
        // 7,919 is prime, so that neighbours' codes do not look alike.
        let code = StaticCode::from_seed(u64::from(n) * 7_919 + 1);
        let customer = NewCustomer {
            id: CustomerId(entropy.id(now)),
            external_id: None,
            phone: None,
            static_code: code.clone(),
            code_handle: CodeHandle::from_seed(u64::from(n) + 1),
            code_secret: RotatingSecret(entropy.bytes()),
            name: format!("Guest {n}"),
            locale: Locale::En,
            created_at: now,
            segment_model: None,
            segment_index: 0,
            origin: Origin::default(),
        };
        store::customers::create(tx, &customer).await?;
        codes.push(code.as_str().to_owned());
    }
    Ok(codes)
}
