//! The demo shop: two London cafés, their menu and campaigns, three members of staff, and guests with ninety days of
//! habits.
//!
//! The guests are drawn from a fixed seed, so every demo tells the same story; only the dates follow the clock. Their
//! phones are from the range that Ofcom keeps free for drama (07700 900000 to 900999).

mod campaigns;
mod catalogue;
mod history;
pub mod past;

use chrono::{DateTime, Utc};
use contract::Refusal;
use domain::{Currency, MarginFloor, Rate, Role, StaffId, StoreId, TillId};
use sha2::{Digest, Sha256};
use store::shop::Settings;
use store::staff::NewStaff;
use store::{StoreError, Tx};

use crate::Shop;
use crate::clock::Draw;

/// What a visitor of the demo needs to know. Printed at every start of a demo shop, and worth nothing elsewhere.
#[derive(Clone, Debug)]
pub struct Demo {
    pub staff: &'static [DemoStaff],
    /// Signs in with the code that /demo/messages shows.
    pub customer_phone: &'static str,
    /// Bearer key of the first till; and of the second, whose own prices are believed.
    pub till_key: &'static str,
    pub pricing_till_key: &'static str,
    /// Bearer key of an integrator that looks after campaigns.
    pub campaigns_key: &'static str,
    /// A coupon that everybody may use once.
    pub coupon: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub struct DemoStaff {
    pub login: &'static str,
    pub password: &'static str,
    pub name: &'static str,
    pub role: Role,
}

/// The log-ins of the demo. They are no secret, which is why only a demo shop has them.
pub const DEMO: Demo = Demo {
    staff: &[
        DemoStaff { login: "cashier", password: "cashier-demo", name: "Sam", role: Role::Cashier },
        DemoStaff { login: "marketer", password: "marketer-demo", name: "Mira", role: Role::Marketer },
        DemoStaff { login: "admin", password: "admin-demo", name: "Alex", role: Role::Admin },
    ],
    customer_phone: history::ANNA_PHONE,
    till_key: "kava-demo-till-soho-1",
    pricing_till_key: "kava-demo-till-camden-1",
    campaigns_key: "kava-demo-campaigns",
    coupon: campaigns::WELCOME,
};

/// Sets the demo shop up in an empty database, in one transaction, and fits its first segments.
///
/// # Errors
/// `shop-exists` when there is a shop already; else only when the store fails, and then nothing was set up.
pub async fn demo(shop: &Shop) -> Result<Demo, Refusal> {
    let now = shop.clock.now();
    let taken = shop.store.settings().await.map_err(|e| shop.failed(&e))?;
    if taken.is_some() {
        return Err(Refusal::conflict("shop-exists", "This database has a shop already. The demo needs an empty one."));
    }
    let mut hashes = Vec::with_capacity(DEMO.staff.len());
    for member in DEMO.staff {
        hashes.push(shop.hash_password(member.password).await?);
    }
    let seeded = async {
        let mut tx = shop.store.begin().await?;
        seed(shop, &mut tx, hashes, now).await?;
        store::commit(tx).await
    };
    seeded.await.map_err(|e: StoreError| shop.failed(&e))?;
    crate::segment::fit(shop).await?;
    shop.mine_baskets().await?;
    shop.rank_customers().await?;
    match shop.foretell().await {
        // The demo's guests may be too few, or too much alike, for a forecast.
        Err(refusal) if !["too-few-customers", "no-forecast"].iter().any(|key| refusal.is(key)) => return Err(refusal),
        _ => {}
    }
    Ok(DEMO)
}

async fn seed(shop: &Shop, tx: &mut Tx, hashes: Vec<String>, now: DateTime<Utc>) -> Result<(), StoreError> {
    let settings = Settings {
        name: "Kava".to_owned(),
        // Pounds, so that real receipts of a British shop can be imported beside the demo's own.
        currency: Currency::GBP,
        time_zone: "Europe/London".to_owned(),
        floor: MarginFloor { min_margin: Rate(1_000) },
        redeem_with_static_code: true,
        demo: true,
        catalogue_version: 1,
        discounts: store::offers::Terms::default(),
    };
    store::shop::create(tx, &settings, now).await?;
    catalogue::seed(tx).await?;

    let mut tills = Vec::new();
    for (store_name, key, scopes) in [
        ("Kava Soho", DEMO.till_key, &["till"][..]),
        ("Kava Camden", DEMO.pricing_till_key, &["till", "till_prices"][..]),
    ] {
        let (store, till) = (StoreId(shop.entropy.id(now)), TillId(shop.entropy.id(now)));
        store::tills::create_store(tx, store, store_name).await?;
        store::tills::create_till(tx, till, store, "Till 1").await?;
        let hash: [u8; 32] = Sha256::digest(key).into();
        store::tills::create_key(tx, &hash, Some(till), scopes, now).await?;
        tills.push((store, till));
    }
    let hash: [u8; 32] = Sha256::digest(DEMO.campaigns_key).into();
    store::tills::create_key(tx, &hash, None, &["campaigns"], now).await?;
    campaigns::seed(tx, now).await?;
    for (member, password_hash) in DEMO.staff.iter().zip(hashes) {
        let new = NewStaff {
            id: StaffId(shop.entropy.id(now)),
            login: member.login.to_owned(),
            name: member.name.to_owned(),
            password_hash,
            role: member.role,
            till: member.role.may_sell().then_some(tills[0].1),
        };
        store::staff::create(tx, &new).await?;
    }
    history::seed(shop, tx, &settings, &tills, now).await
}
