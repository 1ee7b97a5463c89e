//! Cards: issued three at a time, chosen by the customer, read through the cache.
//!
//! Cached under the customer's id and `offers_version`, which moves in the transaction that changes the cards: a cached
//! set is never stale, it is only never asked for again. `discount` says how law 8 is kept; the part of this module is to
//! renew cards with the purchase that moved the segment, so that nobody waits for a better level to begin.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use contract::Refusal;
use discount::{Before, Facts, FavouriteCategory, FavouriteProduct, PopularProduct, Shelf, Since};
use domain::{Card, CardId, CardReason, CardScope, CustomerId, Locale, SegmentName};
use events::Event;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use store::cards::Terms;
use store::customers::Customer;
use store::{StoreError, Tx};

use crate::Shop;
use crate::clock::Draw;

/// How long a card is good for.
pub const VALID: TimeDelta = TimeDelta::days(14);
/// How long cards stay in the cache; the version in their key keeps them true, this keeps the cache small.
const CACHED: Duration = Duration::from_secs(6 * 60 * 60);
/// How long "nothing to offer" and what is summed up of the shop stay there.
const SUMMED_UP: Duration = Duration::from_secs(10 * 60);
/// Favourites and popular products that the rule may choose from.
const CHOICE: u16 = 12;

impl Shop {
    /// The cards that this customer may use now; issues new ones where there are none or they have expired.
    ///
    /// Takes a transaction of its own for that: never call it while a transaction holds this customer's lock.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn cards_of(&self, customer: &Customer) -> Result<Vec<Card>, Refusal> {
        self.valid_cards(customer).await.map_err(|error| self.failed(&error))
    }

    async fn valid_cards(&self, customer: &Customer) -> Result<Vec<Card>, StoreError> {
        let now = self.clock.now();
        let key = cards_key(customer.id, customer.offers_version);
        if let Some(cards) = self.recall::<Vec<Card>>(&key).await
            && !self.outdated(customer, &cards, now).await?
        {
            return Ok(cards);
        }
        let cards = self.store.cards(customer.id).await?;
        if !cards.is_empty() && !self.outdated(customer, &cards, now).await? {
            self.keep(&key, &cards, CACHED).await;
            return Ok(cards);
        }
        // Reads the model now if it was never read, because a transaction must not wait for a second connection.
        self.segment_name(customer.segment_model, customer.segment_index).await?;
        // Goes on when the caller gives up waiting, so that the next one finds them.
        let (shop, id) = (self.clone(), customer.id);
        match tokio::spawn(async move { shop.renew(id).await }).await {
            Ok(cards) => cards,
            Err(why) => Err(StoreError::Corrupt { what: "new cards", why: why.to_string() }),
        }
    }

    /// Whether new cards are due: they ran out, or a purchase since moved the customer to another segment.
    async fn outdated(&self, customer: &Customer, cards: &[Card], now: DateTime<Utc>) -> Result<bool, StoreError> {
        let Some(first) = cards.first() else { return Ok(false) };
        if cards.iter().any(|card| !card.is_valid_at(now)) {
            return Ok(true);
        }
        if customer.last_purchase_at <= Some(first.valid_from) {
            return Ok(false);
        }
        let name = self.segment_name(customer.segment_model, customer.segment_index).await?;
        Ok(issued_for(cards) != name)
    }

    /// Issues unless somebody else just did, and keeps the cards in the cache.
    async fn renew(&self, id: CustomerId) -> Result<Vec<Card>, StoreError> {
        let mut tx = self.store.begin().await?;
        let Some(customer) = store::customers::lock(&mut tx, id).await? else { return Ok(Vec::new()) };
        let mut cards = store::cards::current(&mut tx, id).await?;
        let mut version = customer.offers_version;
        if cards.is_empty() || self.outdated(&customer, &cards, self.clock.now()).await? {
            (cards, version) = self.issue(&mut tx, &customer, &cards).await?;
            store::commit(tx).await?;
        }
        let how_long = if cards.is_empty() { SUMMED_UP } else { CACHED };
        self.keep(&cards_key(id, version), &cards, how_long).await;
        Ok(cards)
    }

    /// Issues cards in a story's transaction, in place of those that the customer has.
    ///
    /// # Errors
    /// What the store says.
    pub async fn issue_cards(&self, tx: &mut Tx, customer: CustomerId) -> Result<Vec<Card>, StoreError> {
        let Some(customer) = store::customers::lock(tx, customer).await? else { return Ok(Vec::new()) };
        let current = store::cards::current(tx, customer.id).await?;
        Ok(self.issue(tx, &customer, &current).await?.0)
    }

    /// Withdraws `current`, issues, moves the version and announces. Gives the cards and the version they belong to.
    async fn issue(&self, tx: &mut Tx, customer: &Customer, current: &[Card]) -> Result<(Vec<Card>, i64), StoreError> {
        let now = self.clock.now();
        let decision = self.decide(tx, customer).await?;
        if decision.proposals.is_empty() && current.is_empty() {
            return Ok((Vec::new(), customer.offers_version));
        }
        let mut cards: Vec<Card> = decision
            .proposals
            .into_iter()
            .map(|proposal| Card {
                id: CardId(self.entropy.id(now)),
                scope: proposal.scope,
                subject: proposal.subject,
                rate: proposal.rate,
                valid_from: now,
                valid_until: now + VALID,
                active: false,
                reasons: proposal.reasons,
            })
            .collect();
        // The choice survives by kind; whoever has not chosen gets the first, which is the basket.
        let chosen = current.iter().find(|card| card.active).map(|card| std::mem::discriminant(&card.scope));
        let chosen = cards.iter().position(|card| Some(std::mem::discriminant(&card.scope)) == chosen).unwrap_or(0);
        if let Some(card) = cards.get_mut(chosen) {
            card.active = true;
        }
        let version = store::cards::replace(tx, customer.id, &cards, now).await?;
        let payload = json!({ "what": "issued", "customer_id": customer.id, "cards": &cards });
        self.announce_offer(tx, customer.id, payload).await?;
        Ok((cards, version))
    }

    pub(crate) async fn announce_offer(
        &self,
        tx: &mut Tx,
        customer: CustomerId,
        payload: serde_json::Value,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let event = Event {
            event_id: self.entropy.id(now),
            topic: events::OFFERS.to_owned(),
            key: customer.to_string(),
            schema: 1,
            occurred_at: now,
            payload,
        };
        store::outbox::append(tx, &[event]).await
    }

    async fn decide(&self, tx: &mut Tx, customer: &Customer) -> Result<discount::Decision, StoreError> {
        let Some(terms) = store::cards::terms(tx).await? else { return Ok(discount::Decision::default()) };
        let Ok(rules) = discount::Params::default().check() else { return Ok(discount::Decision::default()) };
        let mut segment = self.segment_name(customer.segment_model, customer.segment_index).await?;
        let last = store::cards::last_issue(tx, customer.id).await?;
        let since = match last.at {
            None => Since::Never,
            Some(at) => match store::cards::moved_by_purchase(tx, customer.id, at).await? {
                Some(moved_to) => {
                    segment = moved_to;
                    Since::Purchase
                }
                None => Since::Nothing(Before { basket: last.basket, category: last.category, product: last.product }),
            },
        };
        let bought = customer.visits > 0;
        let (mut categories, mut products) = (Vec::new(), Vec::new());
        if bought {
            let counts = store::cards::categories_bought(tx, customer.id, customer.locale, CHOICE).await?;
            categories = counts
                .into_iter()
                .map(|count| FavouriteCategory { id: count.of, title: count.title, times: count.times })
                .collect();
            let counts = store::cards::products_bought(tx, customer.id, customer.locale, CHOICE).await?;
            products =
                counts.into_iter().map(|count| FavouriteProduct { product: count.of, times: count.times }).collect();
        }
        let shelf = self.shelf(tx, terms).await?;
        let popular = self.popular(tx, terms, customer.locale).await?;
        let facts = Facts {
            segment,
            visits: customer.visits,
            average_basket: customer.average_basket(),
            currency: terms.currency,
            categories: &categories,
            products: &products,
            popular: &popular,
            shelf: &shelf,
            floor: terms.floor,
            since,
        };
        Ok(discount::offer(&facts, &rules))
    }

    async fn shelf(&self, tx: &mut Tx, terms: Terms) -> Result<Shelf, StoreError> {
        let key = format!("shelf:{}:{}", terms.catalogue_version, terms.floor.min_margin.bp());
        if let Some(shelf) = self.recall(&key).await {
            return Ok(shelf);
        }
        let shelf = Shelf::of(store::cards::offerable_prices(tx).await?, terms.floor);
        self.keep(&key, &shelf, SUMMED_UP).await;
        Ok(shelf)
    }

    async fn popular(&self, tx: &mut Tx, terms: Terms, locale: Locale) -> Result<Vec<PopularProduct>, StoreError> {
        let key = format!("popular:{}:{}", terms.catalogue_version, locale.tag());
        if let Some(popular) = self.recall(&key).await {
            return Ok(popular);
        }
        let counts = store::cards::popular_products(tx, locale, CHOICE).await?;
        let popular: Vec<_> = counts
            .into_iter()
            .map(|count| PopularProduct { product: count.of, category_title: count.title, times: count.times })
            .collect();
        self.keep(&key, &popular, SUMMED_UP).await;
        Ok(popular)
    }

    /// Says the cards that a customer has in another language. The caller holds the customer's lock.
    pub(crate) async fn rename_cards(
        &self,
        tx: &mut Tx,
        customer: CustomerId,
        locale: Locale,
    ) -> Result<(), StoreError> {
        let mut cards = store::cards::current(tx, customer).await?;
        say_in(tx, &mut cards, locale).await?;
        store::cards::rename(tx, customer, &cards).await.map(|_| ())
    }

    /// A customer's cards for somebody else to read, in that one's language.
    pub(crate) async fn cards_for(&self, customer: &Customer, locale: Locale) -> Result<Vec<Card>, Refusal> {
        let mut cards = self.cards_of(customer).await?;
        if customer.locale != locale && !cards.is_empty() {
            let said = async {
                let mut tx = self.store.begin().await?;
                say_in(&mut tx, &mut cards, locale).await
            };
            said.await.map_err(|error| self.failed(&error))?;
        }
        Ok(cards)
    }

    pub(crate) async fn keep_cards(&self, customer: CustomerId, version: i64, cards: &[Card]) {
        self.keep(&cards_key(customer, version), &cards, CACHED).await;
    }

    /// From the cache; an error or nonsense there is a miss.
    async fn recall<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let bytes = self.cache.get(key).await.unwrap_or_default()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Into the cache; it may refuse.
    async fn keep<T: Serialize>(&self, key: &str, value: &T, ttl: Duration) {
        if let Ok(bytes) = serde_json::to_vec(value) {
            let _ = self.cache.put(key, &bytes, ttl).await;
        }
    }
}

/// Names goods and categories in this language; what is no longer in the catalogue keeps its name.
async fn say_in(tx: &mut Tx, cards: &mut [Card], locale: Locale) -> Result<(), StoreError> {
    for card in cards {
        let Some(name) = store::cards::subject(tx, &card.scope, locale).await? else { continue };
        for reason in &mut card.reasons {
            match reason {
                CardReason::FavouriteCategory { title: said, .. }
                | CardReason::FavouriteProduct { name: said, .. }
                | CardReason::Popular { name: said } => said.clone_from(&name),
                _ => {}
            }
        }
        card.subject = name;
    }
    Ok(())
}

fn cards_key(customer: CustomerId, version: i64) -> String {
    format!("cards:{customer}:{version}")
}

/// The segment whose level these cards have, as their reasons say.
fn issued_for(cards: &[Card]) -> SegmentName {
    cards
        .iter()
        .flat_map(|card| &card.reasons)
        .find_map(|reason| match reason {
            CardReason::Segment { name } => Some(name.clone()),
            _ => None,
        })
        .unwrap_or(SegmentName::Newcomers)
}

/// What a card alone takes off one unit, under the margin floor; zero for what it is not good for.
pub(crate) fn taken_off(card: &Card, product: &domain::Product, floor: domain::MarginFloor) -> domain::Amount {
    let good_for = match &card.scope {
        CardScope::Basket => true,
        CardScope::Category(category) => *category == product.category,
        CardScope::Product(sku) => *sku == product.sku,
    };
    if !good_for || !product.offerable {
        return domain::Amount::ZERO;
    }
    card.rate.of(product.price).min(floor.headroom(product.price, product.cost, 1))
}
