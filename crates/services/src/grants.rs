//! Grants: what a till may give while it is offline, signed, and bounded before it happens (case 8 of the promotions
//! that went wrong elsewhere: offline tills that spent the same points twice).
//!
//! A grant is one till's. Two tills that hold the same one could both spend it whole, and no sum would be a bound. Renewing
//! signs the same grant again with a later end; what it may give in total stays what it was.

use std::collections::HashMap;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use contract::offline::{Grant, GrantPage, GrantedCard, GrantsRequest, Money, Shelf};
use contract::till::TillCaller;
use contract::{Kind, Refusal};
use domain::{Amount, Currency, CustomerId, GrantId};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use store::grants::{Hashes, Likely, Out, Place, StoredGrant};
use store::{StoreError, sessions};
use till::canonical::{hex, unhex};
use till::{Signer, code};

use crate::Shop;
use crate::clock::Draw;
use crate::till::Stop;

/// The most grants of one page.
pub const MAX_PAGE: u16 = 200;
/// A card that ends sooner is not worth a grant.
const LEAST: TimeDelta = TimeDelta::minutes(1);

/// What a chain lets its tills give without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The most that one grant gives in total.
    pub max_amount: Amount,
    /// The most that all grants of one store may give together.
    pub store_bound: Amount,
    /// How long a till may be offline before its grants end.
    pub lasts: TimeDelta,
}

impl Default for Terms {
    fn default() -> Self {
        Self { max_amount: Amount(500), store_bound: Amount(200_000), lasts: TimeDelta::hours(4) }
    }
}

/// What one page is signed with.
struct Page<'a> {
    caller: &'a TillCaller,
    currency: Currency,
    terms: Terms,
    shelf: [u8; 32],
    now: DateTime<Utc>,
}

impl Shop {
    /// The grants of one page for this till, renewed or new.
    pub(crate) async fn sign_grants(&self, caller: &TillCaller, request: GrantsRequest) -> Result<GrantPage, Stop> {
        let settings = self.settings().await?;
        if let Some(text) = &request.store
            && !self.store.is_called(caller.store, text).await?
        {
            let detail = "There is no such store, or this till is not one of its tills.";
            return Err(Refusal::not_found("store-not-found", detail).into());
        }
        let after = request.after.as_deref().map(|text| read_place(text).ok_or_else(bad_cursor)).transpose()?;
        let now = self.clock.now();
        let shelf = self.shelf_of(settings.floor, settings.currency).await?;
        let signer = Signer::new(&self.grant_key(now).await?);
        let limit = request.limit.clamp(1, MAX_PAGE);

        let at = (caller.store, caller.till);
        let mut likely = self.store.likely_guests(at, after, (now, now + LEAST), limit + 1).await?;
        // One more than asked for tells whether there is a next page.
        let more = likely.len() > usize::from(limit);
        likely.truncate(usize::from(limit));
        let next = likely.last().filter(|_| more).map(|last| write_place(last.place));
        let salt = self.salt(caller, now).await?;
        let likely = hashed(likely, salt, settings.redeem_with_static_code).await?;

        let page = Page {
            caller,
            currency: settings.currency,
            terms: self.grant_terms,
            shelf: unhex(&shelf.hash).unwrap_or_default(),
            now,
        };
        let mut tx = sessions::begin_patient(&self.store).await?;
        let out = store::grants::hold_store(&mut tx, at, now).await?;
        let customers: Vec<CustomerId> = likely.iter().map(|(guest, _)| guest.place.customer).collect();
        let held = store::grants::current(&mut tx, caller.till, &customers).await?;
        let editions = self.editions(&page, likely, held, out);
        store::grants::write(&mut tx, &editions).await?;
        store::commit(tx).await?;

        let money = |amount| Money { amount, currency: settings.currency };
        Ok(GrantPage {
            store: caller.store,
            till: caller.till,
            currency: settings.currency,
            key: signer.public().clone(),
            grants: editions.into_iter().map(|grant| signer.sign(page.grant(grant))).collect(),
            next,
            shelf: Some(shelf).filter(|shelf| after.is_none() && request.shelf.as_ref() != Some(&shelf.hash)),
            worst_case_loss: money(self.store.worst_case_loss(caller.store, now).await?),
            store_bound: money(self.grant_terms.store_bound),
        })
    }

    /// Renews what is held, and adds new grants as long as the bounds of store and till have room.
    fn editions(
        &self,
        page: &Page<'_>,
        likely: Vec<(Likely, Hashes)>,
        held: Vec<StoredGrant>,
        out: Out,
    ) -> Vec<StoredGrant> {
        let mut held: HashMap<CustomerId, StoredGrant> =
            held.into_iter().map(|grant| (grant.customer, grant)).collect();
        let bound = page.terms.store_bound;
        // An even part for every till, so that the first one to ask does not take it all.
        let share = Amount(bound.0 / i64::from(out.tills.max(1)));
        let mut room = (bound - out.of_store).min(share - out.of_till);
        let mut editions = Vec::with_capacity(likely.len());
        for (guest, hashes) in likely {
            let kept = held.remove(&guest.place.customer).filter(|grant| page.renews(grant, &guest));
            let (id, counter) = match &kept {
                Some(grant) => (grant.id, grant.counter + 1),
                None if page.terms.max_amount > room => continue,
                None => {
                    room -= page.terms.max_amount;
                    (GrantId(self.entropy.id(page.now)), 1)
                }
            };
            let until = (page.now + page.terms.lasts).min(guest.card_until).timestamp();
            editions.push(StoredGrant {
                id,
                counter,
                store: page.caller.store,
                till: page.caller.till,
                customer: guest.place.customer,
                card: guest.card,
                scope: guest.scope,
                rate: guest.rate,
                max_amount: kept.as_ref().map_or(page.terms.max_amount, |grant| grant.max_amount),
                spent: kept.map_or(Amount::ZERO, |grant| grant.spent),
                hashes,
                shelf: page.shelf,
                // Whole seconds, which is what is signed.
                issued_at: DateTime::from_timestamp(page.now.timestamp(), 0).unwrap_or(page.now),
                expires_at: DateTime::from_timestamp(until, 0).unwrap_or(guest.card_until),
            });
        }
        editions
    }

    async fn shelf_of(&self, floor: domain::MarginFloor, currency: Currency) -> Result<Shelf, StoreError> {
        let products: Vec<_> = self.store.all_products().await?.into_iter().map(|(product, _)| product).collect();
        Ok(till::shelf::shelf(&products, floor, currency))
    }

    /// The signing key of this quarter, made at its first use. Tills learn the new one with their next page; grants that
    /// the old one signed end within hours.
    async fn grant_key(&self, now: DateTime<Utc>) -> Result<[u8; 32], StoreError> {
        self.store.secret(&grant_key_name(now), self.entropy.bytes()).await
    }

    /// Makes a new signing key now, for when the one in use may be known to others.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn renew_grant_key(&self) -> Result<String, Refusal> {
        let now = self.clock.now();
        let fresh = self.entropy.bytes();
        self.store.put_secret(&grant_key_name(now), fresh).await.map_err(|error| self.failed(&error))?;
        Ok(Signer::new(&fresh).public().key_id.clone())
    }

    /// A salt for a store and a day: hashes under it need not be made again for every page.
    async fn salt(&self, caller: &TillCaller, now: DateTime<Utc>) -> Result<[u8; 16], StoreError> {
        let secret = self.store.secret("grants salt", self.entropy.bytes()).await?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).map_err(|why| StoreError::corrupt("secret", why))?;
        mac.update(caller.store.0.as_bytes());
        mac.update(now.date_naive().to_string().as_bytes());
        let mut salt = [0; 16];
        salt.copy_from_slice(&mac.finalize().into_bytes()[..16]);
        Ok(salt)
    }
}

impl Page<'_> {
    /// Whether a grant is signed again instead of a new one: for the same card, still out, and with enough left to give.
    fn renews(&self, grant: &StoredGrant, guest: &Likely) -> bool {
        let same = grant.card == guest.card && grant.scope == guest.scope && grant.rate == guest.rate;
        let left = grant.max_amount - grant.spent;
        same && grant.expires_at > self.now - store::grants::OUT_FOR && left.0 * 2 >= self.terms.max_amount.0
    }

    fn grant(&self, stored: StoredGrant) -> Grant {
        Grant {
            grant_id: stored.id,
            counter: stored.counter,
            store: stored.store,
            till: stored.till,
            customer: stored.customer,
            code_salt: hex(&stored.hashes.salt),
            code_hash: stored.hashes.code.map(|hash| hex(&hash)),
            handle_hash: hex(&stored.hashes.handle),
            card: GrantedCard { id: stored.card, scope: stored.scope, rate_bp: stored.rate },
            max_amount: stored.max_amount,
            currency: self.currency,
            shelf: hex(&stored.shelf),
            issued_at: stored.issued_at,
            expires_at: stored.expires_at,
            key_id: String::new(),
            signature: String::new(),
        }
    }
}

fn grant_key_name(now: DateTime<Utc>) -> String {
    format!("grants key {} {}", now.year(), now.month0() / 3 + 1)
}

/// Hashes are slow on purpose: only those are made that the till does not have under this salt.
async fn hashed(likely: Vec<Likely>, salt: [u8; 16], with_static: bool) -> Result<Vec<(Likely, Hashes)>, StoreError> {
    let hash = move |mut guest: Likely| {
        let known = guest.hashes.take().filter(|known| known.salt == salt && known.code.is_some() == with_static);
        let hashes = known.unwrap_or_else(|| Hashes {
            salt,
            code: with_static.then(|| unhex(&code::hash_static(guest.static_code.as_str(), &salt)).unwrap_or_default()),
            handle: unhex(&code::hash_handle(guest.handle, &salt)).unwrap_or_default(),
        });
        (guest, hashes)
    };
    tokio::task::spawn_blocking(move || likely.into_iter().map(hash).collect())
        .await
        .map_err(|why| StoreError::corrupt("code hashes", why))
}

fn write_place(place: Place) -> String {
    format!("{}.{}", place.seen.timestamp_micros(), place.customer)
}

fn read_place(text: &str) -> Option<Place> {
    let (seen, customer) = text.split_once('.')?;
    Some(Place { seen: DateTime::from_timestamp_micros(seen.parse().ok()?)?, customer: customer.parse().ok()? })
}

fn bad_cursor() -> Refusal {
    Refusal::new(Kind::Malformed, "invalid-query", "`after` is the `next` of the page before.")
}
