//! Signing in: the phone is proven, and the first time there is a customer with a segment and cards at once.

use std::net::IpAddr;
use std::time::Duration;

use chrono::TimeDelta;
use contract::customer::{CameBy, CustomerCaller, SignedIn};
use contract::{Kind, Refusal};
use domain::code::{CodeHandle, RotatingSecret, StaticCode};
use domain::{CustomerId, Locale, Phone};
use store::customers::NewCustomer;
use store::logins::Login;
use store::{StoreError, Tx};

use super::one_time_code::is_code;
use super::{neighbourhood, token_hash};
use crate::Shop;
use crate::clock::Draw;
use crate::segment::Newcomer;
use crate::snapshot::Snapshot;
use crate::till::Stop;

/// A log-in that is not used for so long is over…
pub(crate) const IDLE: TimeDelta = TimeDelta::days(90);
/// …and any is, so long after it began; a cookie may live so long.
const AT_MOST: TimeDelta = TimeDelta::days(365);
/// How exactly it is known when a log-in was used last: a page view does not write each time.
const SEEN_EVERY: TimeDelta = TimeDelta::minutes(10);
/// Wrong and right codes that one address may try in an hour; a code has its own, far narrower limit.
const TRIES_AN_ADDRESS: u32 = 3_000;
const HOUR: Duration = Duration::from_secs(60 * 60);
/// A drawn code that is taken is next to impossible; twice in a row it is a fault.
const DRAWS: usize = 5;

impl Shop {
    pub(super) async fn sign_customer_in(
        &self,
        phone: &Phone,
        code: &str,
        from: IpAddr,
        locale: Locale,
        came: &CameBy,
    ) -> Result<SignedIn, Refusal> {
        self.limited(&format!("tries:address:{}", neighbourhood(from)), TRIES_AN_ADDRESS, HOUR).await?;
        let code: String = code.chars().filter(|c| !c.is_whitespace() && *c != '-').take(7).collect();
        self.prove(phone, &code, locale, came).await.map_err(|stop| self.refused(stop))
    }

    async fn prove(&self, phone: &Phone, code: &str, locale: Locale, came: &CameBy) -> Result<SignedIn, Stop> {
        let (now, pepper, phones) = (self.clock.now(), self.pepper().await?, self.phone_pepper().await?);
        // Asked for before the transaction has its connection.
        let shop = self.snapshot().await.ok();
        let mut tx = self.store.begin().await?;
        store::logins::lock_phone(&mut tx, phone).await?;
        let sent = store::logins::code(&mut tx, phone).await?;
        let Some(sent) = sent.filter(|sent| now < sent.expires_at && sent.tries_left > 0) else {
            return Err(expired().into());
        };
        if !is_code(&pepper, phone, code, &sent)? {
            let left = sent.tries_left - 1;
            store::logins::set_tries_left(&mut tx, phone, left).await?;
            store::commit(tx).await?;
            return Err(wrong(left).into());
        }
        store::logins::forget_code(&mut tx, phone).await?;
        let (customer, registered) = match store::customers::by_phone(&mut tx, phone).await? {
            Some(customer) => {
                self.speak(&mut tx, customer.id, locale).await?;
                (customer.id, false)
            }
            None => (self.register(&mut tx, phone, &phones, locale, (came, shop.as_deref())).await?, true),
        };
        let (token, hash) = self.new_token();
        let expires_at = now + AT_MOST;
        store::logins::create(&mut tx, &hash, &Login { customer, created_at: now, seen_at: now, expires_at }).await?;
        store::commit(tx).await?;
        Ok(SignedIn { token, expires_at, registered })
    }

    /// A new customer among the newcomers, with cards at once.
    async fn register(
        &self,
        tx: &mut Tx,
        phone: &Phone,
        phones: &[u8; 32],
        locale: Locale,
        (came, shop): (&CameBy, Option<&Snapshot>),
    ) -> Result<CustomerId, StoreError> {
        let now = self.clock.now();
        let Newcomer { origin, segment_model, segment_index } = self.newcomer(tx, came, shop, now).await?;
        for _ in 0..DRAWS {
            let new = NewCustomer {
                id: CustomerId(self.entropy.id(now)),
                external_id: None,
                phone: Some(phone.clone()),
                static_code: StaticCode::from_seed(self.entropy.number()),
                code_handle: CodeHandle::from_seed(self.entropy.number()),
                code_secret: RotatingSecret(self.entropy.bytes()),
                name: String::new(),
                locale,
                created_at: now,
                segment_model,
                segment_index,
                origin,
            };
            if store::customers::create_unless_taken(tx, &new).await? {
                self.remember_limits(tx, phones, phone, new.id).await?;
                self.issue_cards(tx, new.id).await?;
                return Ok(new.id);
            }
            // Not the code but the phone was taken: somebody gave it to an imported customer this very moment.
            if let Some(customer) = store::customers::by_phone(tx, phone).await? {
                return Ok(customer.id);
            }
        }
        Err(StoreError::corrupt("customer code", format!("{DRAWS} drawn codes were all taken")))
    }

    pub(super) async fn customer_of_token(&self, token: &str) -> Result<Option<CustomerCaller>, StoreError> {
        let Some(hash) = token_hash(token) else { return Ok(None) };
        let Some(login) = self.store.customer_login(&hash).await? else { return Ok(None) };
        let now = self.clock.now();
        if login.expires_at <= now || login.seen_at + IDLE <= now {
            return Ok(None);
        }
        if login.seen_at + SEEN_EVERY <= now {
            self.store.touch_customer_login(&hash, now).await?;
        }
        Ok(Some(CustomerCaller { customer: login.customer }))
    }
}

fn expired() -> Refusal {
    Refusal::new(Kind::Gone, "code-expired", "This code is no longer good. Ask for a new one.")
}

fn wrong(left: i32) -> Refusal {
    let tries = if left == 1 { "try" } else { "tries" };
    let detail = match left {
        ..=0 => "That is not the code, and there are no tries left. Ask for a new one.".to_owned(),
        left => format!("That is not the code. {left} {tries} left."),
    };
    Refusal::unacceptable("code-wrong", detail).at("/code", "tries-left", left.max(0).to_string())
}
