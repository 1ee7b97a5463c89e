use chrono::{DateTime, TimeDelta, Utc};
use contract::till::{CouponRejection, Effect, LineRequest, QuoteMode, Session};
use contract::{Kind, TillApi};
use domain::{Amount, CardScope, CategoryId, Currency, Locale, SessionId, SessionState, Sku};

use super::scene::{Scene, basket, once, paid, pointers};
use crate::Pace;
use crate::clock::Draw;

fn adds_up(session: &Session) {
    for line in &session.lines {
        assert_eq!(line.subtotal, line.unit_price.times(line.quantity));
        assert_eq!(line.total, line.subtotal - line.discount);
        assert_eq!(line.discount, line.allocations.iter().map(|part| part.amount).sum());
    }
    assert_eq!(session.subtotal, session.lines.iter().map(|line| line.subtotal).sum());
    assert_eq!(session.discount, session.lines.iter().map(|line| line.discount).sum());
    assert_eq!(session.total, session.lines.iter().map(|line| line.total).sum());
}

#[tokio::test]
async fn a_basket_is_evaluated_stored_and_read_back() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let session = scene.quoted(&guest, &[("espresso", 2), ("eclair", 1)]).await;
    adds_up(&session);
    assert_eq!((session.subtotal, session.discount, session.total), (Amount(890), Amount(89), Amount(801)));
    assert_eq!((session.state, session.version), (SessionState::Open, 1));
    assert_eq!(session.expires_at - session.evaluated_at, TimeDelta::minutes(30));
    assert_eq!(session.customer.as_ref().unwrap().id, guest.id);
    assert_eq!(session.lines[0].name, "ESPRESSO");
    assert_eq!(session.lines[0].allocations[0].id, guest.card.to_string());
    assert_eq!(scene.shop.session(&scene.till, session.session_id).await.unwrap(), session);
    assert_eq!(scene.shop.session(&scene.second, session.session_id).await.unwrap(), session);
    // The code is a credential: it is nowhere in what was stored.
    let code = guest.code.as_str().to_owned();
    let kept: String = sqlx::query_scalar("select sessions::text from sessions").fetch_one(&scene.pool).await.unwrap();
    assert!(!kept.contains(&code));
}

#[tokio::test]
async fn what_a_till_reads_is_the_contracts_session_byte_for_byte() {
    let scene = Scene::set().await;
    scene.change(r#"update products set name = E'A "quoted" \\ name\n\u0001 ☕' where sku = 'espresso'"#).await;
    let guest = scene.guest().await;
    scene.change(r#"update customers set name = 'Anna "Ania" Ż'"#).await;
    let dry = QuoteMode::Dry { at: Some(scene.now() + TimeDelta::milliseconds(1_234)) };
    let lines = [("espresso", 2), ("latte", 7), ("mystery", 1), ("gift", 1), ("bag", 3), ("espresso", 1)];
    for (code, lines) in [(None, &lines[..0]), (None, &lines[..]), (Some(guest.code.as_str()), &lines[..])] {
        let mut request = basket(code, lines);
        request.coupon_codes = vec!["\"\\\u{1f600}".into()];
        let id = scene.id();
        let session = scene.shop.put_session(&scene.till, id, request.clone(), dry).await.unwrap();
        let json = scene.shop.put_session_json(&scene.till, id, request, dry).await.unwrap();
        assert_eq!(std::str::from_utf8(&json).unwrap(), serde_json::to_string(&session).unwrap());
    }
}

#[tokio::test]
async fn nobodys_basket_costs_the_shelf_price() {
    let scene = Scene::set().await;
    let lines = [("espresso", 2), ("espresso", 1), ("mystery", 1), ("gift", 3), ("bag", 1)];
    let session = scene.put(scene.id(), basket(None, &lines)).await.unwrap();
    adds_up(&session);
    assert_eq!((session.total, session.discount, session.effects.len()), (Amount(1_270), Amount::ZERO, 0));
    let empty = scene.put(scene.id(), basket(None, &[])).await.unwrap();
    assert_eq!((empty.total, empty.lines.len()), (Amount::ZERO, 0));
}

#[tokio::test]
async fn a_put_replaces_the_contents_and_counts_versions() {
    let scene = Scene::set().await;
    let id = scene.id();
    for (version, quantity) in [(1, 3), (2, 1), (3, 9_999)] {
        let session = scene.put(id, basket(None, &[("espresso", quantity)])).await.unwrap();
        assert_eq!((session.version, session.total), (version, Amount(250 * quantity)));
        assert_eq!(scene.shop.session(&scene.till, id).await.unwrap(), session);
    }
    // Expired, and put again.
    scene.advance(31 * 60);
    let session = scene.put(id, basket(None, &[])).await.unwrap();
    assert_eq!(session.version, 4);
    assert!(scene.clock.is_at(session.evaluated_at));
}

#[tokio::test]
async fn the_margin_floor_cuts_last_and_says_so() {
    let scene = Scene::set().await;
    let guest = scene.guest_with(CardScope::Basket, 5_000).await;
    // The floor of a latte is 385, of an espresso 110.
    let session = scene.quoted(&guest, &[("latte", 2), ("espresso", 1), ("mystery", 1), ("bag", 2)]).await;
    adds_up(&session);
    assert_eq!(session.lines.iter().map(|line| line.discount.0).collect::<Vec<_>>(), [30, 125, 0, 0]);
    assert!(session.effects.contains(&Effect::MarginClipped {
        position: 0,
        desired: Amount(400),
        granted: Amount(30)
    }));
    assert!(session.lines[0].total >= Amount(2 * 385));
}

#[tokio::test]
async fn a_card_counts_for_what_it_is_for() {
    let scene = Scene::set().await;
    let lines = [("espresso", 1), ("eclair", 1)];
    let cakes = scene.guest_with(CardScope::Category(CategoryId::new("cakes")), 1_000).await;
    assert_eq!(scene.quoted(&cakes, &lines).await.discount, Amount(39));
    let espresso = scene.guest_with(CardScope::Product(Sku::parse("espresso").unwrap()), 1_000).await;
    assert_eq!(scene.quoted(&espresso, &lines).await.discount, Amount(25));
    // By name, and only one's own.
    let mut request = basket(Some(cakes.code.as_str()), &lines);
    request.card_id = Some(cakes.card);
    assert_eq!(scene.put(scene.id(), request.clone()).await.unwrap().discount, Amount(39));
    request.card_id = Some(espresso.card);
    let refusal = scene.put(scene.id(), request.clone()).await.unwrap_err();
    assert_eq!((refusal.kind, refusal.key.as_str()), (Kind::Unacceptable, "card-not-found"));
    assert_eq!(pointers(&refusal), [("/card_id", "card-not-found")]);
    request.customer_code = None;
    assert!(scene.put(scene.id(), request).await.unwrap_err().is("card-not-found"));
}

#[tokio::test]
async fn a_static_code_may_be_barred_from_redeeming() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    scene.change("update shop set redeem_with_static_code = false").await;
    assert_eq!(scene.quoted(&guest, &[("espresso", 1)]).await.discount, Amount::ZERO);
    let rotating = basket(Some(&scene.shows(&guest)), &[("espresso", 1)]);
    assert_eq!(scene.put(scene.id(), rotating).await.unwrap().discount, Amount(25));
    let mut request = basket(Some(guest.code.as_str()), &[("espresso", 1)]);
    request.card_id = Some(guest.card);
    assert!(scene.put(scene.id(), request).await.unwrap_err().is("card-not-found"));
}

#[tokio::test]
async fn a_session_stays_its_first_customers() {
    let scene = Scene::set().await;
    let (one, two) = (scene.guest().await, scene.guest().await);
    let id = scene.quoted(&one, &[("espresso", 1)]).await.session_id;
    assert!(scene.put(id, basket(Some(two.code.as_str()), &[])).await.unwrap_err().is("customer-mismatch"));
    // Without a code it is nobody's purchase, but nobody else's either.
    let session = scene.put(id, basket(None, &[("espresso", 1)])).await.unwrap();
    assert_eq!((session.customer, session.discount), (None, Amount::ZERO));
    assert!(scene.put(id, basket(Some(two.code.as_str()), &[])).await.unwrap_err().is("customer-mismatch"));
    assert_eq!(scene.put(id, basket(Some(one.code.as_str()), &[("espresso", 1)])).await.unwrap().discount, Amount(25));
}

#[tokio::test]
async fn case_17_every_bound_has_a_pointer() {
    let scene = Scene::set().await;
    let mut request =
        basket(None, &[("espresso", 0), ("espresso", 10_000), ("", 1), ("espresso", i64::MIN), ("espresso", 1)]);
    request.lines[4].unit_price = Some(Amount(-1));
    request.coupon_codes = vec!["fine".into(), String::new(), "nul\0".into(), "x".repeat(65)];
    let refusal = scene.put(scene.id(), request).await.unwrap_err();
    assert_eq!((refusal.kind, refusal.key.as_str()), (Kind::Unacceptable, "invalid-session"));
    assert_eq!(
        pointers(&refusal),
        [
            ("/lines/0/quantity", "quantity-out-of-bounds"),
            ("/lines/1/quantity", "quantity-out-of-bounds"),
            ("/lines/2/sku", "sku-invalid"),
            ("/lines/3/quantity", "quantity-out-of-bounds"),
            ("/lines/4/unit_price", "unit-price-out-of-bounds"),
            ("/coupon_codes/1", "coupon-code-invalid"),
            ("/coupon_codes/2", "coupon-code-invalid"),
            ("/coupon_codes/3", "coupon-code-invalid"),
        ]
    );
    let refusal = scene.put(scene.id(), basket(None, &vec![("espresso", 1); 201])).await.unwrap_err();
    assert_eq!(pointers(&refusal), [("/lines", "too-many-lines")]);
    let mut request = basket(None, &[]);
    request.coupon_codes = vec!["x".into(); 21];
    assert_eq!(pointers(&scene.put(scene.id(), request).await.unwrap_err()), [("/coupon_codes", "too-many-coupons")]);
    assert_eq!(scene.count("select count(*) from sessions").await, 0);
    // On the bound it holds.
    let session = scene.put(scene.id(), basket(None, &vec![("espresso", 9_999); 200])).await.unwrap();
    assert_eq!(session.total, Amount(250 * 9_999 * 200));
}

#[tokio::test]
async fn unknown_products_are_pointed_at() {
    let scene = Scene::set().await;
    let request = basket(None, &[("espresso", 1), ("nope", 1), ("latte", 1), ("Espresso", 1), ("\u{202e}", 1)]);
    let refusal = scene.put(scene.id(), request).await.unwrap_err();
    assert_eq!((refusal.kind, refusal.key.as_str()), (Kind::NotFound, "sku-not-found"));
    assert_eq!(
        pointers(&refusal),
        [("/lines/1/sku", "sku-not-found"), ("/lines/3/sku", "sku-not-found"), ("/lines/4/sku", "sku-not-found")]
    );
}

#[tokio::test]
async fn a_product_that_came_in_elsewhere_a_moment_ago_is_sold() {
    let scene = Scene::set_at(Pace::swift()).await;
    scene.put(scene.id(), basket(None, &[("espresso", 1)])).await.unwrap();
    scene.change("update products set sku = 'ristretto' where sku = 'latte'").await;
    scene.change("update shop set catalogue_version = catalogue_version + 1").await;
    scene.put(scene.id(), basket(None, &[("espresso", 1), ("ristretto", 1)])).await.unwrap();
    assert!(scene.put(scene.id(), basket(None, &[("latte", 1)])).await.unwrap_err().is("sku-not-found"));
}

#[tokio::test]
async fn a_clock_that_was_put_back_does_not_stop_the_catalogue() {
    let scene = Scene::set_at(Pace::swift()).await;
    scene.put(scene.id(), basket(None, &[("espresso", 1)])).await.unwrap();
    scene.change("update products set price = price + 10 where sku = 'espresso'").await;
    scene.change("update shop set catalogue_version = catalogue_version + 1").await;
    scene.advance(-3_600);
    let session = scene.put(scene.id(), basket(None, &[("espresso", 1)])).await.unwrap();
    assert_eq!(session.total, Amount(260));
}

#[tokio::test]
async fn another_currency_is_refused() {
    let scene = Scene::set().await;
    let mut request = basket(None, &[("espresso", 1)]);
    request.currency = Currency::GBP;
    let refusal = scene.put(scene.id(), request).await.unwrap_err();
    assert_eq!((refusal.kind, pointers(&refusal)), (Kind::Unacceptable, vec![("/currency", "currency-mismatch")]));
}

#[tokio::test]
async fn coupons_that_nobody_knows_are_told() {
    let scene = Scene::set().await;
    let mut request = basket(None, &[("espresso", 1)]);
    request.coupon_codes = vec!["SPRING".into(), "ВЕСНА".into()];
    let session = scene.put(scene.id(), request).await.unwrap();
    let reject = |code: &str| Effect::RejectCoupon { code: code.into(), reason: CouponRejection::CouponNotFound };
    assert_eq!(session.effects, [reject("SPRING"), reject("ВЕСНА")]);
    assert_eq!(session.total, Amount(250));
}

#[tokio::test]
async fn case_17_a_tills_own_price_counts_only_where_it_may_and_never_under_the_floor() {
    let scene = Scene::set().await;
    let priced = |price: i64| {
        let mut request = basket(None, &[]);
        request.lines = vec![LineRequest { sku: "espresso".into(), quantity: 1, unit_price: Some(Amount(price)) }];
        request
    };
    assert_eq!(scene.put(scene.id(), priced(1)).await.unwrap().total, Amount(250));
    for (price, believed) in [(240, 240), (110, 110), (109, 110), (0, 110), (300, 300)] {
        let session =
            scene.shop.put_session(&scene.second, scene.id(), priced(price), QuoteMode::Stored).await.unwrap();
        assert_eq!(session.total, Amount(believed));
    }
    // With a card on top the floor still holds.
    let guest = scene.guest_with(CardScope::Basket, 9_000).await;
    let mut request = priced(115);
    request.customer_code = Some(guest.code.as_str().into());
    let session = scene.shop.put_session(&scene.second, scene.id(), request, QuoteMode::Stored).await.unwrap();
    assert_eq!((session.discount, session.total), (Amount(5), Amount(110)));
}

#[tokio::test]
async fn a_dry_quote_leaves_no_trace_and_may_look_ahead() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    let request = basket(Some(guest.code.as_str()), &[("espresso", 1)]);
    let at = |at: DateTime<Utc>| {
        scene.shop.put_session(&scene.till, scene.id(), request.clone(), QuoteMode::Dry { at: Some(at) })
    };
    assert_eq!(at(scene.now()).await.unwrap().discount, Amount(25));
    assert_eq!(at(scene.now() + TimeDelta::days(15)).await.unwrap().discount, Amount::ZERO);
    assert_eq!(at(scene.now() - TimeDelta::days(15)).await.unwrap().discount, Amount::ZERO);
    assert_eq!(at(DateTime::<Utc>::MAX_UTC).await.unwrap().discount, Amount::ZERO);
    assert_eq!(at(DateTime::<Utc>::MIN_UTC).await.unwrap().discount, Amount::ZERO);
    assert_eq!(scene.count("select count(*) from sessions").await, 0);
}

#[tokio::test]
async fn another_stores_session_is_not_there_and_not_overwritten() {
    let scene = Scene::set().await;
    let id = scene.put(scene.id(), basket(None, &[("espresso", 1)])).await.unwrap().session_id;
    let refusal = scene.shop.session(&scene.elsewhere, id).await.unwrap_err();
    assert_eq!((refusal.kind, refusal.key.as_str()), (Kind::NotFound, "session-not-found"));
    let refusal = scene.shop.put_session(&scene.elsewhere, id, basket(None, &[]), QuoteMode::Stored).await.unwrap_err();
    assert!(refusal.is("session-not-found"));
    let missing = SessionId(uuid::Uuid::nil());
    assert_eq!(scene.shop.session(&scene.till, missing).await.unwrap_err(), refusal);
    assert_eq!(scene.shop.session(&scene.till, id).await.unwrap().total, Amount(250));
}

#[tokio::test]
async fn the_catalogue_is_paged_and_searched() {
    let scene = Scene::set().await;
    let mut skus = Vec::new();
    let mut after = None;
    loop {
        let page = scene.shop.products(Locale::En, after.as_deref(), None, 4).await.unwrap();
        assert!(page.products.len() <= 4);
        skus.extend(page.products.into_iter().map(|product| product.sku));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(skus, ["bag", "eclair", "espresso", "gift", "latte", "mystery"]);
    let found = scene.shop.products(Locale::En, None, Some("ESPR"), 10).await.unwrap();
    assert_eq!(found.products.len(), 1);
    assert_eq!(scene.shop.products(Locale::En, None, Some("%\0_"), 0).await.unwrap().products.len(), 0);
}

/// Law 9: a till sells at the shelf price rather than not at all.
#[tokio::test]
async fn case_25_cards_that_cannot_be_read_cost_the_discount_and_not_the_sale() {
    let scene = Scene::set().await;
    let guest = scene.guest().await;
    scene.change("alter table cards rename to cards_away").await;
    let session = scene.quoted(&guest, &[("espresso", 1)]).await;
    assert_eq!((session.discount, session.total), (Amount::ZERO, Amount(250)));
    assert_eq!(session.degraded.unwrap().why, "cards-away");
    scene.change("alter table cards_away rename to cards").await;
    let session = scene.put(session.session_id, basket(Some(guest.code.as_str()), &[("espresso", 1)])).await.unwrap();
    assert_eq!((session.discount, session.degraded), (Amount(25), None));
}

#[tokio::test]
async fn a_shop_that_is_not_set_up_says_what_to_do() {
    let scene = Scene::set().await;
    scene.change("delete from shop").await;
    let refusal = scene.put(scene.id(), basket(None, &[])).await.unwrap_err();
    assert_eq!((refusal.kind, refusal.key.as_str()), (Kind::Unavailable, "shop-not-set-up"));
    assert_eq!(scene.shop.products(Locale::En, None, None, 1).await.unwrap_err(), refusal);
}

/// Which ids nobody has used is known without asking, and never of one that somebody has.
#[tokio::test]
async fn a_session_that_was_used_is_never_taken_for_a_new_one() {
    let scene = Scene::set_at(Pace::swift()).await;
    // Closed before this process looked, and one by a till whose clock is an hour ahead.
    let ahead = SessionId(scene.shop.entropy.id(scene.now() + TimeDelta::hours(1)));
    let mut ended = Vec::new();
    let before = scene.restarted();
    for (place, id) in [scene.id(), ahead].into_iter().enumerate() {
        let lines = basket(None, &[("espresso", 2)]);
        let session = before.put_session(&scene.till, id, lines, QuoteMode::Stored).await.unwrap();
        let (key, receipt) = (once(&format!("k{place}")), paid(&format!("R-{place}"), session.total));
        before.close(&scene.till, id, &key, receipt).await.unwrap();
        ended.push(id);
    }
    // Closed and cancelled here; the first call has this process look.
    for place in 2..6 {
        let session = scene.put(scene.id(), basket(None, &[("espresso", 2)])).await.unwrap();
        scene.shop.settle().await;
        if place % 2 == 0 {
            scene.close(&session, &format!("R-{place}"), &format!("k{place}")).await.unwrap();
        } else {
            scene.cancel(&session, &format!("k{place}")).await.unwrap();
        }
        ended.push(session.session_id);
    }
    // Forgotten by memory, though open.
    let open = scene.put(scene.id(), basket(None, &[("espresso", 2)])).await.unwrap();
    scene.shop.settle().await;
    scene.shop.counter.forget_expired(scene.now() + TimeDelta::days(1));
    for hours in [0, 1, 1] {
        scene.advance(3_600 * hours);
        for _ in 0..2 {
            for id in &ended {
                // Looked at first: a put that is written finds the row anyway.
                let told = scene.shop.session(&scene.till, *id).await.unwrap();
                assert!(matches!(told.state, SessionState::Closed | SessionState::Cancelled));
                let again = scene.put(*id, basket(None, &[("latte", 1)])).await;
                assert!(again.is_err_and(|refusal| refusal.is("session-not-open")), "{hours} {id}");
            }
            tokio::task::yield_now().await;
        }
    }
    let again = scene.put(open.session_id, basket(None, &[("latte", 1)])).await.unwrap();
    assert_eq!(again.version, open.version + 1);
}
