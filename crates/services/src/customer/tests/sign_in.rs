use std::net::IpAddr;
use std::sync::Arc;

use chrono::TimeDelta;
use contract::customer::{CameBy, CustomerApi};
use domain::{Locale, SegmentName};

use notify::{Sms, SmsError};

use super::scene::{Doors, HOME, Scene, key_of, phone};
use crate::customer::neighbourhood;

#[tokio::test]
async fn the_first_sign_in_registers_with_a_segment_and_cards() {
    let scene = Scene::set().await;
    let phone = phone(1);
    let sent = scene.shop.request_code(&phone, HOME, Locale::Ru).await.unwrap();
    assert_eq!((sent.resend_after, sent.valid_for, sent.demo), (30, 300, true));
    let message = scene.shop.demo_messages().await.unwrap().remove(0);
    assert_eq!(message.to, phone);
    assert!(message.text.contains("ваш код"), "{}", message.text);
    let code = scene.newest_code(&phone).await;
    assert!(code.bytes().all(|b| b.is_ascii_digit()));
    // People type it in groups.
    let typed = format!(" {}-{} ", &code[..3], &code[3..]);
    let signed_in = scene.shop.sign_in(&phone, &typed, HOME, Locale::Ru, &CameBy::default()).await.unwrap();
    assert!(signed_in.registered);
    let caller = scene.shop.authenticate_customer(&signed_in.token.0).await.unwrap();
    let home = scene.shop.home(caller).await.unwrap();
    assert_eq!(home.segment, SegmentName::Newcomers);
    assert_eq!(home.cards.len(), 3);
    assert_eq!(scene.shop.profile(caller).await.unwrap().locale, Locale::Ru);
    // Again: the same customer, and nobody new.
    scene.wait(TimeDelta::minutes(2));
    let code = scene.code_for(&phone).await;
    let again = scene.shop.sign_in(&phone, &code, HOME, Locale::Ru, &CameBy::default()).await.unwrap();
    assert!(!again.registered);
    assert_eq!(scene.shop.authenticate_customer(&again.token.0).await, Some(caller));
    assert_eq!(scene.shop.home(caller).await.unwrap().cards, home.cards);
}

#[tokio::test]
async fn a_code_is_good_once_for_five_minutes_and_its_own_phone() {
    let scene = Scene::set().await;
    let (mine, other) = (phone(1), phone(2));
    let code = scene.code_for(&mine).await;
    assert_eq!(
        key_of(scene.shop.sign_in(&other, &code, HOME, Locale::En, &CameBy::default()).await),
        "code-expired",
        "never asked for"
    );
    scene.code_for(&other).await;
    assert_eq!(key_of(scene.shop.sign_in(&other, &code, HOME, Locale::En, &CameBy::default()).await), "code-wrong");
    scene.shop.sign_in(&mine, &code, HOME, Locale::En, &CameBy::default()).await.unwrap();
    assert_eq!(
        key_of(scene.shop.sign_in(&mine, &code, HOME, Locale::En, &CameBy::default()).await),
        "code-expired",
        "used"
    );
    let code = scene.code_for(&mine).await;
    scene.wait(TimeDelta::minutes(5));
    assert_eq!(
        key_of(scene.shop.sign_in(&mine, &code, HOME, Locale::En, &CameBy::default()).await),
        "code-expired",
        "too late"
    );
}

#[tokio::test]
async fn five_wrong_tries_use_a_code_up() {
    let scene = Scene::set().await;
    let phone = phone(1);
    let code = scene.code_for(&phone).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for (given, left) in [wrong, "", "12345", "no code \u{0}", &"9".repeat(100_000)].into_iter().zip([4, 3, 2, 1, 0]) {
        let refusal = scene.shop.sign_in(&phone, given, HOME, Locale::En, &CameBy::default()).await.unwrap_err();
        assert_eq!(refusal.key, "code-wrong");
        assert_eq!(refusal.faults[0].detail, left.to_string());
    }
    assert_eq!(
        key_of(scene.shop.sign_in(&phone, &code, HOME, Locale::En, &CameBy::default()).await),
        "code-expired",
        "even the right one"
    );
    assert_eq!(scene.count("select count(*) from customers").await, 0);
}

#[tokio::test]
async fn guesses_made_at_once_do_not_get_more_tries() {
    let scene = Arc::new(Scene::set().await);
    let code = scene.code_for(&phone(1)).await;
    let start = Arc::new(tokio::sync::Barrier::new(20));
    let tasks: Vec<_> = (0..20_u32)
        .map(|n| {
            let (scene, start, code) = (scene.clone(), start.clone(), code.clone());
            tokio::spawn(async move {
                let guess = format!("{:06}", (code.parse::<u32>().unwrap() + 1 + n) % 1_000_000);
                start.wait().await;
                key_of(scene.shop.sign_in(&phone(1), &guess, HOME, Locale::En, &CameBy::default()).await)
            })
        })
        .collect();
    let mut wrong = 0;
    for task in tasks {
        wrong += u32::from(task.await.unwrap() == "code-wrong");
    }
    assert_eq!(wrong, 5);
}

#[tokio::test]
async fn the_right_code_twice_at_once_signs_in_once() {
    let scene = Arc::new(Scene::set().await);
    let code = scene.code_for(&phone(1)).await;
    let start = Arc::new(tokio::sync::Barrier::new(8));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (scene, start, code) = (scene.clone(), start.clone(), code.clone());
            tokio::spawn(async move {
                start.wait().await;
                scene.shop.sign_in(&phone(1), &code, HOME, Locale::En, &CameBy::default()).await.is_ok()
            })
        })
        .collect();
    let mut signed_in = 0;
    for task in tasks {
        signed_in += u32::from(task.await.unwrap());
    }
    assert_eq!(signed_in, 1);
    assert_eq!(scene.count("select count(*) from customers").await, 1);
    assert_eq!(scene.count("select count(*) from customer_logins").await, 1);
}

#[tokio::test]
async fn the_wait_before_another_code_grows() {
    let scene = Scene::set().await;
    let phone = phone(1);
    for wait in [30, 120, 600, 600] {
        let sent = scene.shop.request_code(&phone, HOME, Locale::En).await.unwrap();
        assert_eq!(sent.resend_after, wait);
        scene.wait(TimeDelta::seconds(i64::from(wait) - 10));
        let refusal = scene.shop.request_code(&phone, HOME, Locale::En).await.unwrap_err();
        assert_eq!((refusal.key.as_str(), refusal.retry_after), ("too-many-requests", Some(10)));
        scene.wait(TimeDelta::seconds(10));
    }
    scene.wait(TimeDelta::hours(1));
    assert_eq!(scene.shop.request_code(&phone, HOME, Locale::En).await.unwrap().resend_after, 30, "a new row");
    assert_eq!(scene.count("select count(*) from messages").await, 5, "nothing was sent while waiting");
    // Signing in ends the row as well.
    let code = scene.newest_code(&phone).await;
    scene.shop.sign_in(&phone, &code, HOME, Locale::En, &CameBy::default()).await.unwrap();
    assert_eq!(scene.shop.request_code(&phone, HOME, Locale::En).await.unwrap().resend_after, 30);
}

#[tokio::test]
async fn known_and_unknown_numbers_get_one_answer() {
    let scene = Scene::set().await;
    scene.guest(1).await;
    let known = scene.shop.request_code(&phone(1), HOME, Locale::En).await.unwrap();
    let unknown = scene.shop.request_code(&phone(2), HOME, Locale::En).await.unwrap();
    assert_eq!(known, unknown);
    let known = scene.shop.sign_in(&phone(1), "x", HOME, Locale::En, &CameBy::default()).await.unwrap_err();
    let unknown = scene.shop.sign_in(&phone(2), "x", HOME, Locale::En, &CameBy::default()).await.unwrap_err();
    assert_eq!(known, unknown);
}

#[tokio::test]
async fn one_address_and_one_block_of_numbers_get_only_so_many_codes() {
    let scene = Scene::set().await;
    scene.run("update shop set demo = false").await;
    let mut sent = 0;
    let refusal = loop {
        match scene.shop.request_code(&phone(sent), HOME, Locale::En).await {
            Ok(_) => sent += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!((sent, refusal.key.as_str()), (200, "too-many-requests"));
    assert!(refusal.retry_after.is_some_and(|seconds| (3_500..=3_600).contains(&seconds)));
    // From many addresses, but all to one block of ten thousand numbers.
    let address = |n: u32| IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + n));
    let refusal = loop {
        match scene.shop.request_code(&phone(sent), address(sent), Locale::En).await {
            Ok(_) => sent += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!((sent, refusal.key.as_str()), (300, "too-many-requests"));
    let elsewhere = domain::Phone::parse("+375291234567").unwrap();
    scene.shop.request_code(&elsewhere, address(1), Locale::En).await.unwrap();
}

#[test]
fn a_household_counts_as_one_address() {
    let of = |text: &str| neighbourhood(text.parse().unwrap());
    assert_eq!(of("2001:db8:1:2:3::1"), of("2001:db8:1:2:ffff::9"));
    assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    assert_eq!(of("::ffff:192.0.2.7"), of("192.0.2.7"));
}

#[tokio::test]
async fn a_log_in_ends_by_sign_out_idleness_and_age() {
    let scene = Scene::set().await;
    let caller = scene.guest(1).await;
    let token = |scene: &Scene| {
        let phone = phone(1);
        let (shop, clock) = (scene.shop.clone(), scene.clock.clone());
        async move {
            clock.advance(TimeDelta::hours(2));
            shop.request_code(&phone, HOME, Locale::En).await.unwrap();
            let text = shop.demo_messages().await.unwrap().remove(0).text;
            shop.sign_in(&phone, &text[..6], HOME, Locale::En, &CameBy::default()).await.unwrap().token.0
        }
    };
    let out = token(&scene).await;
    scene.shop.sign_out_customer(&out).await;
    assert_eq!(scene.shop.authenticate_customer(&out).await, None);

    let idle = token(&scene).await;
    scene.wait(TimeDelta::days(89));
    assert_eq!(scene.shop.authenticate_customer(&idle).await, Some(caller), "and seen");
    scene.wait(TimeDelta::days(89));
    assert_eq!(scene.shop.authenticate_customer(&idle).await, Some(caller));
    scene.wait(TimeDelta::days(90));
    assert_eq!(scene.shop.authenticate_customer(&idle).await, None);

    let old = token(&scene).await;
    for _ in 0..6 {
        scene.wait(TimeDelta::days(60));
        assert_eq!(scene.shop.authenticate_customer(&old).await, Some(caller));
    }
    scene.wait(TimeDelta::days(5));
    assert_eq!(scene.shop.authenticate_customer(&old).await, None, "a year is the most");
}

#[tokio::test]
async fn looking_at_pages_writes_every_ten_minutes_only() {
    let scene = Scene::set().await;
    let phone = phone(1);
    let code = scene.code_for(&phone).await;
    let token = scene.shop.sign_in(&phone, &code, HOME, Locale::En, &CameBy::default()).await.unwrap().token.0;
    let seen = "select extract(epoch from seen_at)::bigint from customer_logins";
    let first = scene.count(seen).await;
    scene.wait(TimeDelta::minutes(9));
    scene.shop.authenticate_customer(&token).await.unwrap();
    assert_eq!(scene.count(seen).await, first);
    scene.wait(TimeDelta::minutes(1));
    scene.shop.authenticate_customer(&token).await.unwrap();
    assert_eq!(scene.count(seen).await, first + 600);
}

#[tokio::test]
async fn log_ins_that_let_nobody_in_are_forgotten_and_no_others() {
    let scene = Scene::set().await;
    scene.run("insert into staff (id, login, name, password_hash, role) values (gen_random_uuid(), 'olga', 'Olga', '', 'admin')").await;
    let work = "insert into staff_logins select 'shift', id, $1, $1, $1 + interval '12 hours' from staff";
    sqlx::query(work).bind(scene.shop.clock.now()).execute(&scene.pool).await.unwrap();
    scene.guest(1).await;
    let logins = "select (select count(*) from customer_logins) + (select count(*) from staff_logins)";
    scene.wait(TimeDelta::hours(11));
    assert_eq!(crate::relay::sweep(&scene.shop).await.unwrap().logins, 0);
    scene.wait(TimeDelta::days(80));
    scene.guest(2).await;
    assert_eq!(crate::relay::sweep(&scene.shop).await.unwrap().logins, 1, "the shift is over");
    // The first guest was not seen for 90 days; the second one's sign-in is young.
    scene.wait(TimeDelta::days(10));
    assert_eq!(crate::relay::sweep(&scene.shop).await.unwrap().logins, 1);
    assert_eq!(scene.count(logins).await, 1);
}

#[tokio::test]
async fn no_text_is_a_token() {
    let scene = Scene::set().await;
    scene.guest(1).await;
    let long = "A".repeat(1_000_000);
    for token in ["", "'; drop table customers; --", "\0", &long, &"A".repeat(43), "ключ"] {
        assert_eq!(scene.shop.authenticate_customer(token).await, None);
        scene.shop.sign_out_customer(token).await;
    }
}

#[tokio::test]
async fn neither_codes_nor_tokens_can_be_read_from_the_tables() {
    let scene = Scene::set().await;
    let phone = phone(1);
    let code = scene.code_for(&phone).await;
    let stored: Vec<u8> = sqlx::query_scalar("select code_hmac from login_codes").fetch_one(&scene.pool).await.unwrap();
    assert_eq!(stored.len(), 32);
    assert!(!stored.windows(6).any(|window| window == code.as_bytes()));
    let token = scene.shop.sign_in(&phone, &code, HOME, Locale::En, &CameBy::default()).await.unwrap().token.0;
    let stored: Vec<u8> =
        sqlx::query_scalar("select token_hash from customer_logins").fetch_one(&scene.pool).await.unwrap();
    assert_eq!(stored.len(), 32);
    assert!(
        !format!("{:?}", scene.shop.sign_in(&phone, "1", HOME, Locale::En, &CameBy::default()).await).contains(&token)
    );
}

#[tokio::test]
async fn an_imported_customer_signs_in_to_their_own_profile() {
    let scene = Scene::set().await;
    scene.guest(9).await;
    scene.run("update customers set phone = null, external_id = '17850', visits = 34, name = ''").await;
    let mut tx = scene.shop.store.begin().await.unwrap();
    assert!(store::customers::set_phone(&mut tx, "17850", &phone(1)).await.unwrap());
    assert!(!store::customers::set_phone(&mut tx, "nobody", &phone(2)).await.unwrap());
    store::commit(tx).await.unwrap();
    let caller = scene.guest(1).await;
    assert_eq!(scene.shop.home(caller).await.unwrap().visits, 34);
    assert_eq!(scene.count("select count(*) from customers").await, 1);
}

#[tokio::test]
async fn outside_a_demo_nobody_sees_messages() {
    let scene = Scene::set().await;
    scene.run("update shop set demo = false").await;
    assert_eq!(key_of(scene.shop.demo_messages().await), "not-found");
    assert!(!scene.shop.request_code(&phone(1), HOME, Locale::En).await.unwrap().demo);
}

/// A carrier that is down.
struct Down;

#[async_trait::async_trait]
impl Sms for Down {
    async fn send(&self, _to: &domain::Phone, _text: &str) -> Result<(), SmsError> {
        Err(SmsError("the carrier said 503".to_owned()))
    }

    fn kind(&self) -> &'static str {
        "down"
    }
}

#[tokio::test]
async fn a_code_that_never_went_out_makes_nobody_wait() {
    let scene = Scene::set().await;
    let shop = crate::Shop { sms: Arc::new(Down), ..scene.shop.clone() };
    let refusal = shop.request_code(&phone(1), HOME, Locale::En).await.unwrap_err();
    assert_eq!((refusal.key.as_str(), refusal.retry_after), ("unavailable", Some(1)));
    assert!(!refusal.detail.contains("503"), "the cause stays in the log");
    scene.shop.request_code(&phone(1), HOME, Locale::En).await.unwrap();
}

/// Somebody who signs in on a Russian page reads Russian cards from then on.
#[tokio::test]
async fn cards_follow_the_language_of_the_page_one_signs_in_on() {
    let scene = Scene::set().await;
    let caller = scene.guest(1).await;
    assert_eq!(scene.shop.profile(caller).await.unwrap().locale, Locale::En);
    scene.wait(TimeDelta::minutes(30));
    let phone = phone(1);
    let typed = scene.code_for(&phone).await;
    scene.shop.sign_in(&phone, &typed, HOME, Locale::Ru, &CameBy::default()).await.unwrap();
    assert_eq!(scene.shop.profile(caller).await.unwrap().locale, Locale::Ru);
    let subjects = scene.count("select count(*) from cards where withdrawn_at is null and subject ~ '[А-Яа-я]'").await;
    assert!(subjects > 0, "the cards are named in Russian");
}
