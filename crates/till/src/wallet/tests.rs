use std::sync::LazyLock;

use chrono::TimeDelta;
use contract::offline::{GrantPage, GrantedCard, Money};
use domain::CategoryId;
use domain::code::{CodeHandle, RotatingSecret, StaticCode};
use domain::{CardId, Currency, CustomerId, MarginFloor, Product, Rate, Sku, floor_price};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::Signer;
use crate::canonical::hex;
use crate::shelf::shelf;

const FLOOR: MarginFloor = MarginFloor { min_margin: Rate(1_000) };
const SALT: [u8; 16] = *b"a salt of a day!";

/// Slow on purpose, so once is enough.
static HASHES: LazyLock<(String, String)> =
    LazyLock::new(|| (code::hash_static(code().as_str(), &SALT), code::hash_handle(CodeHandle(7), &SALT)));

fn index(products: &[Product]) -> ShelfIndex {
    ShelfIndex::of(shelf(products, FLOOR, Currency::EUR)).unwrap()
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_248_000, 0).unwrap()
}

fn here() -> (StoreId, TillId) {
    (StoreId(Uuid::from_u128(1)), TillId(Uuid::from_u128(2)))
}

fn product(n: usize, price: i64, cost: Option<i64>, offerable: bool) -> Product {
    Product {
        sku: Sku::parse(format!("sku-{n}")).unwrap(),
        name: String::new(),
        category: CategoryId::new(format!("category-{}", n % 3)),
        price: Amount(price),
        cost: cost.map(Amount),
        offerable,
    }
}

fn code() -> StaticCode {
    StaticCode::from_seed(42)
}

fn grant(scope: CardScope, rate: u32, max: i64) -> Grant {
    Grant {
        grant_id: GrantId(Uuid::from_u128(3)),
        counter: 1,
        store: here().0,
        till: here().1,
        customer: CustomerId(Uuid::from_u128(4)),
        code_salt: hex(&SALT),
        code_hash: Some(HASHES.0.clone()),
        handle_hash: HASHES.1.clone(),
        card: GrantedCard { id: CardId(Uuid::from_u128(5)), scope, rate_bp: Rate(rate) },
        max_amount: Amount(max),
        currency: Currency::EUR,
        shelf: String::new(),
        issued_at: now(),
        expires_at: now() + TimeDelta::hours(4),
        key_id: String::new(),
        signature: String::new(),
    }
}

fn page(grants: Vec<Grant>, products: &[Product]) -> GrantPage {
    let (signer, shelf) = (Signer::new(&[9; 32]), shelf(products, FLOOR, Currency::EUR));
    let sign = |mut grant: Grant| {
        grant.shelf.clone_from(&shelf.hash);
        signer.sign(grant)
    };
    let money = Money { amount: Amount(0), currency: Currency::EUR };
    GrantPage {
        store: here().0,
        till: here().1,
        currency: Currency::EUR,
        key: signer.public().clone(),
        grants: grants.into_iter().map(sign).collect(),
        next: None,
        shelf: Some(shelf),
        worst_case_loss: money,
        store_bound: money,
    }
}

fn wallet(grants: Vec<Grant>, products: &[Product]) -> Wallet {
    let mut wallet = Wallet::default();
    wallet.take(page(grants, products)).unwrap();
    wallet
}

fn scanned(wallet: &Wallet, at: DateTime<Utc>) -> Result<Option<Verified>, GrantError> {
    wallet.find(&CustomerCode::Static(code()), here(), at)
}

fn basket(lines: &[(usize, u32, i64)]) -> Basket {
    let line = |&(n, quantity, price): &(usize, u32, i64)| Line {
        sku: format!("sku-{n}"),
        quantity,
        unit_price: Amount(price),
    };
    Basket { lines: lines.iter().map(line).collect() }
}

#[test]
fn the_scanned_code_is_recognised_and_no_other() {
    let wallet = wallet(vec![grant(CardScope::Basket, 1_000, 500)], &[product(0, 300, Some(100), true)]);
    assert!(scanned(&wallet, now()).unwrap().is_some());
    let other = CustomerCode::Static(StaticCode::from_seed(43));
    assert_eq!(wallet.find(&other, here(), now()), Ok(None));
    let rotating = |handle, minutes| {
        let shown = now() + TimeDelta::minutes(minutes);
        let text = RotatingSecret([1; 32]).code(CodeHandle(handle), step_at(shown));
        wallet.find(&CustomerCode::parse(&text).unwrap(), here(), now()).unwrap().is_some()
    };
    assert!(rotating(7, 0) && rotating(7, 2) && rotating(7, -2));
    assert!(!rotating(7, 10) && !rotating(7, -10) && !rotating(8, 0));
}

#[test]
fn a_static_code_that_may_not_redeem_finds_nothing() {
    let silent = Grant { code_hash: None, ..grant(CardScope::Basket, 1_000, 500) };
    assert_eq!(scanned(&wallet(vec![silent], &[]), now()), Ok(None));
}

#[test]
fn a_grant_that_was_changed_expired_or_is_not_ours_gives_nothing() {
    let good = wallet(vec![grant(CardScope::Basket, 1_000, 500)], &[]);
    assert_eq!(scanned(&good, now() + TimeDelta::hours(4)), Err(GrantError::NotNow));
    assert_eq!(scanned(&good, now() - TimeDelta::minutes(6)), Err(GrantError::NotNow));
    assert!(scanned(&good, now() - TimeDelta::minutes(4)).is_ok());
    let elsewhere = (here().0, TillId(Uuid::from_u128(99)));
    assert_eq!(good.find(&CustomerCode::Static(code()), elsewhere, now()), Err(GrantError::OtherTill));

    let changes: [fn(&mut Grant); 6] = [
        |grant| grant.max_amount = Amount(501),
        |grant| grant.card.rate_bp = Rate(1_001),
        |grant| grant.expires_at += TimeDelta::seconds(1),
        |grant| grant.counter += 1,
        |grant| grant.customer = CustomerId(Uuid::from_u128(77)),
        |grant| grant.signature.replace_range(0..2, "00"),
    ];
    for change in changes {
        let mut wallet = good.clone();
        change(wallet.grants.values_mut().next().unwrap());
        assert_eq!(scanned(&wallet, now()), Err(GrantError::BadSignature));
    }
    let mut forged = page(vec![grant(CardScope::Basket, 1_000, 500)], &[]);
    forged.grants[0] = Signer::new(&[8; 32]).sign(forged.grants[0].clone());
    let mut wallet = Wallet::default();
    wallet.take(forged).unwrap();
    assert_eq!(scanned(&wallet, now()), Err(GrantError::UnknownKey));
}

#[test]
fn a_lower_floor_cannot_be_slipped_in() {
    let mut page = page(vec![grant(CardScope::Basket, 5_000, 500)], &[product(0, 300, Some(200), true)]);
    page.shelf.as_mut().unwrap().products[0].floor = Amount(0);
    assert_eq!(Wallet::default().take(page.clone()), Err(GrantError::OtherShelf));
    // Also not under a hash of its own: the grants are signed over another one.
    let shelf = page.shelf.as_mut().unwrap();
    shelf.hash = crate::shelf::hash(shelf);
    let mut wallet = Wallet::default();
    wallet.take(page).unwrap();
    assert_eq!(scanned(&wallet, now()), Err(GrantError::OtherShelf));
}

#[test]
fn a_later_edition_lasts_longer_and_what_was_given_stays_given() {
    let products = [product(0, 1_000, Some(100), true)];
    let mut wallet = wallet(vec![grant(CardScope::Basket, 1_000, 150)], &products);
    let first = scanned(&wallet, now()).unwrap().unwrap();
    assert_eq!(wallet.give(&first, &basket(&[(0, 1, 1_000)])).discount, Amount(100));
    let later = Grant { counter: 2, expires_at: now() + TimeDelta::hours(9), ..grant(CardScope::Basket, 1_000, 150) };
    wallet.take(page(vec![later], &products)).unwrap();
    // The earlier edition again, as a late answer would bring it.
    wallet.take(page(vec![grant(CardScope::Basket, 1_000, 150)], &products)).unwrap();
    let second = scanned(&wallet, now() + TimeDelta::hours(5)).unwrap().unwrap();
    let rest = wallet.give(&second, &basket(&[(0, 1, 1_000)]));
    assert_eq!((rest.discount, rest.bounded), (Amount(50), true));
    assert_eq!(wallet.give(&second, &basket(&[(0, 1, 1_000)])).discount, Amount::ZERO);
}

#[test]
fn what_may_not_be_discounted_is_not_on_the_shelf() {
    let products = [
        product(0, 300, None, true),
        product(1, 300, Some(10), false),
        product(2, 300, Some(280), true),
        product(3, 300, Some(200), true),
    ];
    let shelf = shelf(&products, FLOOR, Currency::EUR);
    assert_eq!(shelf.products.iter().map(|product| product.sku.as_str()).collect::<Vec<_>>(), ["sku-3"]);
    assert_eq!(shelf.products[0].floor, Amount(220));
}

fn any_scope() -> impl Strategy<Value = CardScope> {
    prop_oneof![
        Just(CardScope::Basket),
        (0..4_usize).prop_map(|n| CardScope::Category(CategoryId::new(format!("category-{n}")))),
        (0..8_usize).prop_map(|n| CardScope::Product(Sku::parse(format!("sku-{n}")).unwrap())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Laws 1 to 3 and the bound, over any run of baskets on one grant: whatever prices the till has of its own.
    #[test]
    fn no_line_goes_under_its_floor_and_no_grant_over_its_bound(
        scope in any_scope(),
        rate in 1..=10_000_u32,
        max in 1..3_000_i64,
        goods in prop::collection::vec((0..2_000_i64, prop::option::of(0..2_000_i64), any::<bool>()), 8),
        baskets in prop::collection::vec(prop::collection::vec((0..9_usize, 1..20_u32, 0..2_500_i64), 0..12), 1..6),
    ) {
        let products: Vec<Product> =
            goods.iter().enumerate().map(|(n, &(price, cost, offerable))| product(n, price, cost, offerable)).collect();
        let (grant, shelf) = (grant(scope.clone(), rate, max), index(&products));
        let mut given = Amount::ZERO;
        for lines in &baskets {
            let basket = basket(lines);
            let decision = evaluate(&grant, &shelf, &basket, given);
            prop_assert_eq!(decision.discounts.len(), lines.len());
            prop_assert_eq!(decision.discounts.iter().copied().sum::<Amount>(), decision.discount);
            given += decision.discount;
            for (&discount, &(n, quantity, price)) in decision.discounts.iter().zip(lines) {
                prop_assert!(discount >= Amount::ZERO);
                if discount > Amount::ZERO {
                    let product = &products[n];
                    prop_assert!(product.offerable);
                    let floor = floor_price(product.cost, FLOOR).unwrap();
                    let total = Amount(price).times(quantity) - discount;
                    prop_assert!(total >= floor.times(quantity) && total >= Amount::ZERO);
                    match &scope {
                        CardScope::Basket => {}
                        CardScope::Category(category) => prop_assert_eq!(category, &product.category),
                        CardScope::Product(sku) => prop_assert_eq!(sku, &product.sku),
                    }
                }
            }
        }
        prop_assert!(given <= Amount(max));
    }

    #[test]
    fn the_order_of_the_lines_changes_nothing(
        rate in 1..=10_000_u32,
        max in 1..500_i64,
        lines in prop::collection::vec((0..8_usize, 1..5_u32, 100..900_i64), 1..10),
        turn in 0..10_usize,
    ) {
        let products: Vec<Product> = (0..8).map(|n| product(n, 900, Some(50), true)).collect();
        let (grant, shelf) = (grant(CardScope::Basket, rate, max), index(&products));
        let mut turned = lines.clone();
        turned.rotate_left(turn % lines.len());
        let parts = |lines: &[(usize, u32, i64)]| {
            let decision = evaluate(&grant, &shelf, &basket(lines), Amount::ZERO);
            let mut parts: Vec<_> = lines.iter().copied().zip(decision.discounts).collect();
            parts.sort();
            parts
        };
        prop_assert_eq!(parts(&lines), parts(&turned));
    }
}
