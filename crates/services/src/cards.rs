//! Cards: issued three at a time, chosen by the customer, read through the cache.
//!
//! Cached under the customer's id and `offers_version`, which moves in the transaction that changes the cards: a cached
//! set is never stale, it is only never asked for again. `discount` says how law 8 is kept; the part of this module is to
//! renew cards with the purchase that moved the segment, so that nobody waits for a better level to begin. Which level it is,
//! and what is logged of it, is `policy`'s.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use contract::Refusal;
use discount::{Before, Decision, Facts, FavouriteCategory, FavouriteProduct, PopularProduct, Shelf, Since};
use domain::{
    Amount, Card, CardId, CardReason, CardScope, Currency, CustomerId, Locale, MarginFloor, Rate, SegmentName,
};
use events::{Event, Payload};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::cards::{Dealt, Terms};
use store::customers::Customer;
use store::offers::{By, Mode, Offer};
use store::{StoreError, Tx};

use crate::Shop;
use crate::clock::Draw;
use crate::policy::choice::{Drawn, Level, SoFar};

/// How long a card is good for.
pub const VALID: TimeDelta = TimeDelta::days(14);
/// How long cards stay in the cache; the version in their key keeps them true, this keeps the cache small.
const CACHED: Duration = Duration::from_secs(6 * 60 * 60);
/// How long "nothing to offer" and what is summed up of the shop stay there.
pub(crate) const SUMMED_UP: Duration = Duration::from_secs(10 * 60);
/// Favourites and popular products that the rule may choose from.
const CHOICE: u16 = 12;

/// Cards and when they were decided: also that there are none is good for some time.
#[derive(Debug, Serialize, Deserialize)]
struct Issued<C = Vec<Card>> {
    at: DateTime<Utc>,
    cards: C,
}

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
        let key = cards_key(customer.id, customer.offers_version);
        if let Some(issued) = self.recall::<Issued>(&key).await
            && !self.outdated(customer, &issued, None).await?
        {
            return Ok(issued.cards);
        }
        let cards = self.store.cards(customer.id).await?;
        if let Some(at) = cards.first().map(|first| first.valid_from) {
            let issued = Issued { at, cards };
            if !self.outdated(customer, &issued, None).await? {
                self.keep(&key, &issued, CACHED).await;
                return Ok(issued.cards);
            }
        }
        // Reads the model now if it was never read, because a transaction must not wait for a second connection.
        self.segment_name(customer.segment_model, customer.segment_index).await?;
        // Goes on when the caller gives up waiting, so that the next one finds them.
        let (shop, id) = (self.clone(), customer.id);
        match tokio::spawn(async move { shop.renew(id).await }).await {
            Ok(cards) => cards,
            Err(why) => Err(StoreError::corrupt("new cards", why)),
        }
    }

    /// Whether new cards are due: they ran out, or a purchase since moved the customer to another segment. Where cards are not
    /// the segment's, every purchase may change them.
    ///
    /// `mode` is what the caller knows of the terms; without it they are asked for, where it comes to that.
    async fn outdated(&self, customer: &Customer, issued: &Issued, mode: Option<Mode>) -> Result<bool, StoreError> {
        let now = self.clock.now();
        if now >= issued.at + VALID || issued.cards.iter().any(|card| !card.is_valid_at(now)) {
            return Ok(true);
        }
        if customer.last_purchase_at <= Some(issued.at) {
            return Ok(false);
        }
        let mode = match mode {
            Some(mode) => mode,
            None => self.snapshot().await.map_or(Mode::Rule, |shop| shop.settings.discounts.mode),
        };
        if mode != Mode::Rule {
            return Ok(true);
        }
        let name = self.segment_name(customer.segment_model, customer.segment_index).await?;
        Ok(issued.cards.is_empty() || issued_for(&issued.cards) != name)
    }

    /// Issues unless somebody else just did, and keeps the cards in the cache.
    async fn renew(&self, id: CustomerId) -> Result<Vec<Card>, StoreError> {
        let mut tx = self.store.begin().await?;
        let Some(customer) = store::customers::lock(&mut tx, id).await? else { return Ok(Vec::new()) };
        let current = store::cards::current(&mut tx, id).await?;
        let issued_at = match current.first() {
            Some(first) => Some(first.valid_from),
            // The rule had nothing to give then; now the shop may have.
            None => store::offers::newest(&mut tx, id)
                .await?
                .and_then(|(newest, _)| (newest.by != By::Rule).then_some(newest.at)),
        };
        let mut issued = issued_at.map(|at| Issued { at, cards: current.clone() });
        let mut dealt = Dealt { version: customer.offers_version, edition: customer.edition };
        // Asked of this very transaction, which must not wait for a second connection.
        let mode = store::cards::terms(&mut tx).await?.map_or(Mode::Rule, |terms| terms.discounts.mode);
        let is_due = match &issued {
            Some(issued) => self.outdated(&customer, issued, Some(mode)).await?,
            None => true,
        };
        if is_due {
            let (cards, now);
            (cards, dealt, now) = self.issue(&mut tx, &customer, &current).await?;
            issued = Some(Issued { at: now, cards });
            store::commit(tx).await?;
            self.customer_changed(id);
            self.counter.regulars.meet(&Customer { edition: dealt.edition, ..customer });
        }
        let Some(issued) = issued else { return Ok(Vec::new()) };
        let how_long = if issued.cards.is_empty() { SUMMED_UP } else { CACHED };
        self.keep(&cards_key(id, dealt.version), &issued, how_long).await;
        Ok(issued.cards)
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

    /// Withdraws `current`, issues, moves the version, logs and announces. Gives the cards, what the customer's row is then, and
    /// when they were decided.
    async fn issue(
        &self,
        tx: &mut Tx,
        customer: &Customer,
        current: &[Card],
    ) -> Result<(Vec<Card>, Dealt, DateTime<Utc>), StoreError> {
        let now = self.clock.now();
        let decision = self.decide(tx, customer, now).await?;
        if decision.proposals.is_empty() && current.is_empty() {
            let dealt = Dealt { version: customer.offers_version, edition: customer.edition };
            return Ok((Vec::new(), dealt, now));
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
        let dealt = store::cards::replace(tx, customer.id, &cards, now).await?;
        let payload = json!({ "what": "issued", "customer_id": customer.id, "cards": &cards });
        self.announce_offer(tx, customer.id, payload).await?;
        Ok((cards, dealt, now))
    }

    pub(crate) async fn announce_offer(
        &self,
        tx: &mut Tx,
        customer: CustomerId,
        payload: serde_json::Value,
    ) -> Result<(), StoreError> {
        let payload = Payload::of(&payload).map_err(|why| StoreError::corrupt("event", why))?;
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

    /// Decides the cards, and logs what was offered with which probability.
    async fn decide(&self, tx: &mut Tx, customer: &Customer, now: DateTime<Utc>) -> Result<Decision, StoreError> {
        let Some(terms) = store::cards::terms(tx).await? else { return Ok(Decision::default()) };
        let Ok(rules) = discount::Params::default().check() else { return Ok(Decision::default()) };
        let so_far = self.offers_so_far(tx, customer).await?;
        let (level, shadow) = self.level_for(tx, customer, &terms, &so_far).await?;
        let mut offer = Offer {
            customer: customer.id,
            at: now,
            by: By::Rule,
            rate: Rate::ZERO,
            drawn_at: now,
            propensity: 1.0,
            model: None,
            stands_in: None,
            shadow,
        };
        let decision = match level {
            Level::Of { drawn: Drawn { rate, by, at, propensity, model }, reasons } => {
                offer = Offer { by, rate, drawn_at: at.unwrap_or(now), propensity, model, ..offer };
                if rate == Rate::ZERO {
                    Decision::default()
                } else {
                    let since = self.since_at_level(tx, customer, &so_far).await?;
                    let facts = self.facts(tx, customer, &terms, None, since).await?;
                    discount::offer_at(&facts.borrow(), &rules, rate, reasons)
                }
            }
            Level::Rule(why) => {
                let (segment, since) = self.since_by_rule(tx, customer).await?;
                let facts = self.facts(tx, customer, &terms, Some(segment), since).await?;
                let mut decision = discount::offer(&facts.borrow(), &rules);
                offer.rate = decision.proposals.first().map_or(Rate::ZERO, |basket| basket.rate);
                offer.stands_in = why.map(|why| why.to_string());
                if let Some(why) = &offer.stands_in {
                    for proposal in &mut decision.proposals {
                        proposal.reasons.push(CardReason::StandIn { why: why.clone() });
                    }
                }
                decision
            }
        };
        // Nothing, still: that is one offer, however often it was looked at.
        let is_same = so_far.newest.as_ref().is_some_and(|newest| newest.rate == Rate::ZERO && newest.by == offer.by);
        if !(is_same && offer.rate == Rate::ZERO && !so_far.bought_since) {
            store::offers::log(tx, &offer).await?;
        }
        Ok(decision)
    }

    /// What the rule knows of the time since the last cards: only a purchase that moved the segment begins a new level.
    async fn since_by_rule(&self, tx: &mut Tx, customer: &Customer) -> Result<(SegmentName, Since), StoreError> {
        let segment = self.segment_name(customer.segment_model, customer.segment_index).await?;
        let last = store::cards::last_issue(tx, customer.id).await?;
        Ok(match last.at {
            None => (segment, Since::Never),
            Some(at) => match store::cards::moved_by_purchase(tx, customer.id, at).await? {
                Some(moved_to) => (moved_to, Since::Purchase),
                None => (segment, Since::Nothing(before(last))),
            },
        })
    }

    /// The same where the level was decided elsewhere: the other cards may rise with any purchase.
    async fn since_at_level(&self, tx: &mut Tx, customer: &Customer, so_far: &SoFar) -> Result<Since, StoreError> {
        Ok(match so_far.newest {
            None => Since::Never,
            Some(_) if so_far.bought_since => Since::Purchase,
            Some(_) => Since::Nothing(before(store::cards::last_issue(tx, customer.id).await?)),
        })
    }

    /// What the engine is to know of a customer and the shop.
    async fn facts(
        &self,
        tx: &mut Tx,
        customer: &Customer,
        terms: &Terms,
        segment: Option<SegmentName>,
        since: Since,
    ) -> Result<Known, StoreError> {
        let segment = match segment {
            Some(segment) => segment,
            None => self.segment_name(customer.segment_model, customer.segment_index).await?,
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
        let bought = products.iter().map(|one| (one.product.sku.as_str(), one.times)).collect();
        let picks = self.picks_of(tx, customer.id, customer.locale, &bought).await?;
        Ok(Known {
            picks,
            segment,
            visits: customer.visits,
            average_basket: customer.average_basket(),
            currency: terms.currency,
            categories,
            products,
            popular: self.popular(tx, terms, customer.locale).await?,
            shelf: self.shelf(tx, terms).await?,
            floor: terms.floor,
            since,
        })
    }

    async fn shelf(&self, tx: &mut Tx, terms: &Terms) -> Result<Shelf, StoreError> {
        let key = format!("shelf:{}:{}", terms.catalogue_version, terms.floor.min_margin.bp());
        if let Some(shelf) = self.recall(&key).await {
            return Ok(shelf);
        }
        let shelf = Shelf::of(store::cards::offerable_prices(tx).await?, terms.floor);
        self.keep(&key, &shelf, SUMMED_UP).await;
        Ok(shelf)
    }

    async fn popular(&self, tx: &mut Tx, terms: &Terms, locale: Locale) -> Result<Vec<PopularProduct>, StoreError> {
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
        if let Some(at) = cards.first().map(|first| first.valid_from) {
            self.keep(&cards_key(customer, version), &Issued { at, cards }, CACHED).await;
        }
    }

    /// From the cache; an error or nonsense there is a miss.
    pub(crate) async fn recall<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let bytes = self.cache.get(key).await.unwrap_or_default()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Into the cache; it may refuse.
    pub(crate) async fn keep<T: Serialize>(&self, key: &str, value: &T, ttl: Duration) {
        if let Ok(bytes) = serde_json::to_vec(value) {
            let _ = self.cache.put(key, &bytes, ttl).await;
        }
    }
}

/// The facts of one decision, with what they borrow.
struct Known {
    segment: SegmentName,
    visits: u32,
    average_basket: Amount,
    currency: Currency,
    categories: Vec<FavouriteCategory>,
    products: Vec<FavouriteProduct>,
    picks: Vec<discount::Pick>,
    popular: Vec<PopularProduct>,
    shelf: Shelf,
    floor: MarginFloor,
    since: Since,
}

impl Known {
    fn borrow(&self) -> Facts<'_> {
        Facts {
            segment: self.segment.clone(),
            visits: self.visits,
            average_basket: self.average_basket,
            currency: self.currency,
            categories: &self.categories,
            products: &self.products,
            picks: &self.picks,
            popular: &self.popular,
            shelf: &self.shelf,
            floor: self.floor,
            since: self.since,
        }
    }
}

fn before(last: store::cards::LastIssue) -> Before {
    Before { basket: last.basket, category: last.category, product: last.product }
}

/// Names goods and categories in this language; what is no longer in the catalogue keeps its name.
async fn say_in(tx: &mut Tx, cards: &mut [Card], locale: Locale) -> Result<(), StoreError> {
    for card in cards {
        let Some(name) = store::cards::subject(tx, &card.scope, locale).await? else { continue };
        for reason in &mut card.reasons {
            match reason {
                CardReason::GoesWith { name: said, with, sku } => {
                    said.clone_from(&name);
                    if let Some(other) = store::cards::subject(tx, &CardScope::Product(sku.clone()), locale).await? {
                        *with = other;
                    }
                }
                CardReason::LikeYou { name: said }
                | CardReason::FavouriteCategory { title: said, .. }
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
