//! A past that was lived elsewhere, written into the demo shop: guests whose offers were drawn by chance, what they bought, and the
//! log of it, as if the shop had held a pilot for so many weeks.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use contract::Refusal;
use discount::pilot::{self, by_chance};
use domain::code::{CodeHandle, RotatingSecret, StaticCode};
use domain::{CustomerId, Locale, Product, Rate, SessionId, StoreId, TillId};
use store::StoreError;
use store::customers::NewCustomer;
use store::offers::{By, Mode, Offer, Terms};
use store::receipts::NewReceipt;
use store::segments::origins::Origin;
use store::shop::Settings;
use uuid::Uuid;

use super::catalogue::{ITEMS, product};
use super::history::sold;
use crate::Shop;
use crate::clock::Draw;
use crate::policy::{is_held_out, levels_of, number_of, seed_of, week_begins, week_of};

/// Guests that are written in one transaction.
const AT_ONCE: usize = 200;
/// Of the hours of purchases.
const HOURS: u64 = 0x686f_7572;

/// The past while it is lived, week by week and guest by guest.
pub struct Past {
    settings: Settings,
    terms: Terms,
    zone: Tz,
    /// The first week.
    begins: u32,
    products: Vec<Product>,
    tills: Vec<(StoreId, TillId)>,
    guests: Vec<Guest>,
}

struct Guest {
    id: CustomerId,
    /// The card that their offers are on, which receipts point to.
    card: Uuid,
    rate: Rate,
    offers: Vec<Offer>,
    visits: Vec<Visit>,
}

struct Visit {
    at: DateTime<Utc>,
    rate: Rate,
    items: Vec<u16>,
}

impl Past {
    /// Sets the shop's terms to a pilot with guests held out, and makes the guests. The demo must be set up.
    ///
    /// # Errors
    /// `shop-not-set-up`, else when the store is away.
    pub async fn begin(shop: &Shop, guests: usize, weeks: u32) -> Result<Self, Refusal> {
        let failed = |error: StoreError| shop.failed(&error);
        let terms = shop.discount_terms().await?;
        let (now, zone) = (shop.now(), shop.zone().await?);
        let begins = week_of(now, zone).saturating_sub(weeks);
        shop.set_discount_terms(&Terms { mode: Mode::Pilot, held_out: Rate(1_000), period_from: begins, ..terms })
            .await?;
        let Some(settings) = shop.store.settings().await.map_err(failed)? else {
            return Err(crate::till::not_set_up());
        };
        let terms = settings.discounts;
        let tills = shop.store.tills().await.map_err(failed)?;
        let mut past = Self {
            settings,
            terms,
            zone,
            begins,
            products: ITEMS.iter().map(product).filter(|product| product.offerable && product.cost.is_some()).collect(),
            tills: tills.into_iter().map(|till| (till.store, till.till)).collect(),
            guests: Vec::with_capacity(guests),
        };
        let opened = week_begins(begins, zone);
        for _ in 0..guests {
            let id = CustomerId(shop.entropy.id(opened));
            past.guests.push(Guest {
                id,
                card: shop.entropy.id(opened),
                rate: Rate::ZERO,
                offers: Vec::new(),
                visits: Vec::new(),
            });
            past.draw(past.guests.len() - 1, opened);
        }
        Ok(past)
    }

    /// What is sold, in the order of [`Past::lived`]'s numbers.
    #[must_use]
    pub fn products(&self) -> &[Product] {
        &self.products
    }

    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What a guest is offered.
    #[must_use]
    pub fn offered(&self, guest: usize) -> Rate {
        self.guests.get(guest).map_or(Rate::ZERO, |guest| guest.rate)
    }

    /// A guest came in a week and took these products: their offer is drawn anew.
    pub fn lived(&mut self, guest: usize, week: u32, items: &[u16]) {
        let Some(one) = self.guests.get_mut(guest) else { return };
        let hour = by_chance(HOURS, number_of(one.id), u64::from(week)) * 7.0 * 12.0;
        let (day, hour) = ((hour / 12.0).floor(), hour % 12.0);
        let minutes = (day * 24.0 + 7.5 + hour) * 60.0;
        let at = week_begins(self.begins + week, self.zone) + TimeDelta::minutes(minutes as i64);
        one.visits.push(Visit { at, rate: one.rate, items: items.to_vec() });
        self.draw(guest, at + TimeDelta::minutes(1));
    }

    /// A new offer, as a pilot draws it.
    fn draw(&mut self, guest: usize, at: DateTime<Utc>) {
        let Some(one) = self.guests.get_mut(guest) else { return };
        let (by, rate, propensity) = if is_held_out(&self.terms, one.id) {
            (By::HeldOut, Rate::ZERO, 1.0)
        } else {
            let levels = levels_of(&self.terms);
            let round = one.offers.len() as u64;
            let (level, propensity) =
                pilot::offer(levels.rates().len(), seed_of(&self.terms), number_of(one.id), round);
            (By::Pilot, levels.rates().get(usize::from(level)).copied().unwrap_or_default(), propensity)
        };
        one.rate = rate;
        let offer = Offer {
            customer: one.id,
            at,
            by,
            rate,
            drawn_at: at,
            propensity,
            model: None,
            stands_in: None,
            shadow: None,
        };
        one.offers.push(offer);
    }

    /// Writes it all, counts the features, and fits the segments. `told` is given how many guests are written.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn write(self, shop: &Shop, told: &dyn Fn(usize)) -> Result<(), Refusal> {
        let failed = |error: StoreError| shop.failed(&error);
        let (mut number, now) = (0_u64, shop.now());
        for (batch, guests) in self.guests.chunks(AT_ONCE).enumerate() {
            let mut tx = shop.store.begin().await.map_err(failed)?;
            for (place, guest) in guests.iter().enumerate() {
                let place = batch * AT_ONCE + place;
                let new = NewCustomer {
                    id: guest.id,
                    external_id: Some(format!("S-{:06}", place + 1)),
                    phone: None,
                    static_code: StaticCode::from_seed(shop.entropy.number()),
                    code_handle: CodeHandle::from_seed(shop.entropy.number()),
                    code_secret: RotatingSecret(shop.entropy.bytes()),
                    name: String::new(),
                    locale: Locale::En,
                    created_at: week_begins(self.begins, self.zone) - TimeDelta::days(1),
                    segment_model: None,
                    segment_index: 0,
                    origin: Origin::default(),
                };
                store::customers::create(&mut tx, &new).await.map_err(failed)?;
                for offer in guest.offers.iter().filter(|offer| offer.at < now) {
                    store::offers::log(&mut tx, offer).await.map_err(failed)?;
                }
                let Some((store, till)) = self.tills.get(place % self.tills.len().max(1)).copied() else { break };
                for visit in guest.visits.iter().filter(|visit| visit.at < now) {
                    number += 1;
                    let basket: Vec<(&Product, u32)> = visit
                        .items
                        .iter()
                        .filter_map(|item| Some((self.products.get(usize::from(*item))?, 1)))
                        .collect();
                    let lines = sold(&basket, visit.rate, &self.settings, guest.card);
                    let subtotal = lines.iter().map(|line| line.unit_price.times(line.quantity)).sum();
                    let discount = lines.iter().map(|line| line.discount).sum();
                    let receipt = NewReceipt {
                        session: SessionId(shop.entropy.id(visit.at)),
                        store,
                        till,
                        number: format!("S-{number:08}"),
                        customer: Some(guest.id),
                        at: visit.at,
                        subtotal,
                        discount,
                        total: subtotal - discount,
                        lines,
                    };
                    store::receipts::insert(&mut tx, receipt).await.map_err(failed)?;
                    store::customers::add_savings(&mut tx, guest.id, discount).await.map_err(failed)?;
                }
            }
            store::commit(tx).await.map_err(failed)?;
            told(batch * AT_ONCE + guests.len());
        }
        crate::segment::fit(shop).await?;
        Ok(())
    }
}
