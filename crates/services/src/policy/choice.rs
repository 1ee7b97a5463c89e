//! What one customer is offered now, and what is logged of it.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use discount::commitment::UsedTo;
use discount::personal::{Before, Bounds, Standing};
use discount::pilot;
use discount::response::Belief;
use domain::{Amount, CardReason, Currency, Rate};
use store::customers::Customer;
use store::offers::{By, Mode, Offer, Terms};
use store::{StoreError, Tx};

use super::models::{Ready, Unusable};
use super::{is_held_out, levels_of, log, number_of, period_of, seed_of, week_begins, week_of};
use crate::Shop;

/// Fewer weeks are not told of.
const WEEKS_TOLD: usize = 4;
/// So long an offer stands once it was drawn, whatever is bought: a card that is another one every morning is none, and answers come
/// by the week.
const COOL_DOWN: TimeDelta = TimeDelta::days(7);
/// The second draw of one offer.
const OTHER_ROUND: u64 = 1 << 32;

/// The customer's offers so far.
pub(crate) struct SoFar {
    /// The newest; of cards that are older than the log, what they were.
    pub newest: Option<Offer>,
    pub count: u64,
    pub bought_since: bool,
}

/// What is offered: the rule's level, or one that was decided here.
pub(crate) enum Level {
    /// By the segment; `Some` with the reason why the model did not decide.
    Rule(Option<Unusable>),
    Of {
        drawn: Drawn,
        reasons: Vec<CardReason>,
    },
}

/// A level, who decided it, and how.
#[derive(Clone, Copy)]
pub(crate) struct Drawn {
    pub rate: Rate,
    pub by: By,
    /// `None`: now.
    pub at: Option<DateTime<Utc>>,
    pub propensity: f64,
    pub model: Option<i32>,
}

impl Drawn {
    /// Nothing, and no chance in it.
    fn nothing(by: By) -> Self {
        Self { rate: Rate::ZERO, by, at: None, propensity: 1.0, model: None }
    }

    /// What was offered before, once more.
    fn again(offer: &Offer) -> Self {
        let Offer { by, rate, propensity, model, drawn_at, .. } = *offer;
        Self { rate, by, at: Some(drawn_at), propensity, model }
    }
}

impl Shop {
    /// The offers of a customer so far. The caller holds the customer's lock.
    pub(crate) async fn offers_so_far(&self, tx: &mut Tx, customer: &Customer) -> Result<SoFar, StoreError> {
        let (newest, count) = match store::offers::newest(tx, customer.id).await? {
            Some((newest, count)) => (Some(newest), count),
            None => {
                let last = store::cards::last_issue(tx, customer.id).await?;
                let of = |at| Offer {
                    customer: customer.id,
                    at,
                    by: By::Rule,
                    rate: last.basket.unwrap_or_default(),
                    drawn_at: at,
                    propensity: 1.0,
                    model: None,
                    stands_in: None,
                    shadow: None,
                };
                (last.at.map(of), 0)
            }
        };
        let bought_since = match &newest {
            Some(newest) => store::offers::bought_since(tx, customer.id, newest.at).await?,
            None => false,
        };
        Ok(SoFar { newest, count, bought_since })
    }

    /// Decides the level of the next offer, and what the shadow would have said.
    pub(crate) async fn level_for(
        &self,
        tx: &mut Tx,
        customer: &Customer,
        shop: &store::cards::Terms,
        so_far: &SoFar,
    ) -> Result<(Level, Option<(i32, Rate)>), StoreError> {
        let (terms, currency) = (&shop.discounts, shop.currency);
        if is_held_out(terms, customer.id) {
            return Ok((Level::Of { drawn: Drawn::nothing(By::HeldOut), reasons: Vec::new() }, None));
        }
        let zone: Tz = shop.time_zone.parse().unwrap_or(Tz::UTC);
        let week = week_of(self.clock.now(), zone);
        if let Some(budget) = terms.budget
            && self.spent(tx, period_of(terms, week).begins, zone).await? >= budget
        {
            // Offers end where the budget does, whoever decides; what is on a card is kept to.
            let by = match terms.mode {
                Mode::Rule => By::Rule,
                Mode::Pilot => By::Pilot,
                Mode::Learned => By::Learned,
            };
            return Ok((Level::Of { drawn: Drawn::nothing(by), reasons: Vec::new() }, None));
        }
        let waits = so_far.newest.is_some() && !so_far.bought_since;
        // Who had nothing and only waited has nothing: another mode, or a model that can no longer decide, must not be what they
        // waited for. Where it was the rule that had nothing to give, it is asked again: the menu may have something now.
        let nothing = so_far.newest.as_ref().filter(|newest| newest.rate == Rate::ZERO && newest.by != By::Rule);
        if let Some(nothing) = nothing.filter(|_| waits) {
            return Ok((Level::Of { drawn: Drawn::again(nothing), reasons: Vec::new() }, None));
        }
        let [in_use, shadow] = self.models(tx).await?;
        let in_use = if terms.mode == Mode::Learned { Some(in_use) } else { None };
        let mut told = None;
        if matches!(in_use, Some(Ok(_))) || shadow.is_ok() {
            told = Some(self.known_of(tx, customer, week, zone).await?);
        }
        let by_shadow = match (&shadow, &told) {
            (Ok(ready), Some(known)) => {
                let explores_not = Terms { exploring: Rate::ZERO, ..*terms };
                let choice = known.choose(ready, &explores_not, so_far, customer, currency);
                choice.ok().map(|level| (ready.version, level.rate()))
            }
            _ => None,
        };
        let level = match (terms.mode, &in_use) {
            (Mode::Rule, _) => Level::Rule(None),
            // Whoever had the rule's level keeps it until they buy: the pilot's first offer must not come by waiting.
            (Mode::Pilot, _) if waits && so_far.newest.as_ref().is_some_and(|newest| newest.by == By::Rule) => {
                Level::Rule(None)
            }
            (Mode::Pilot, _) => by_chance(customer, terms, so_far, self.clock.now()),
            (Mode::Learned, Some(Ok(ready))) => match &told {
                Some(known) => known
                    .choose(ready, terms, so_far, customer, currency)
                    .unwrap_or(Level::Rule(Some(Unusable::Absurd))),
                None => Level::Rule(Some(Unusable::Missing)),
            },
            (Mode::Learned, Some(Err(why))) => Level::Rule(Some(*why)),
            (Mode::Learned, None) => Level::Rule(Some(Unusable::Missing)),
        };
        Ok((level, by_shadow))
    }

    /// What the log says of a customer.
    async fn known_of(&self, tx: &mut Tx, customer: &Customer, week: u32, zone: Tz) -> Result<Known, StoreError> {
        let offers = store::offers::of(tx, &[customer.id.0]).await?;
        let bought = store::offers::purchases(tx, &[customer.id.0], zone.name()).await?;
        Ok(Known { offers, bought, week, zone, now: self.clock.now() })
    }

    /// What cards have cost since a week began; as of some minutes ago.
    pub(super) async fn spent(&self, tx: &mut Tx, since: u32, zone: Tz) -> Result<Amount, StoreError> {
        let key = format!("cards-cost:{since}");
        if let Some(spent) = self.recall::<i64>(&key).await {
            return Ok(Amount(spent));
        }
        let spent = store::offers::cards_cost(tx, week_begins(since, zone)).await?;
        self.keep(&key, &spent.0, crate::cards::SUMMED_UP).await;
        Ok(spent)
    }
}

/// What is known of a customer.
struct Known {
    offers: Vec<Offer>,
    bought: Vec<store::offers::WeekOfPurchases>,
    week: u32,
    zone: Tz,
    now: DateTime<Utc>,
}

impl Known {
    fn choose(
        &self,
        ready: &Ready,
        terms: &Terms,
        so_far: &SoFar,
        customer: &Customer,
        currency: Currency,
    ) -> Result<Level, Unusable> {
        let response = &ready.response;
        let levels = &response.levels;
        let logged = log::weeks_of(&self.offers, &self.bought, levels, self.week, self.zone).pop().unwrap_or_default();
        let belief = Belief::of(response, &logged.history);
        let newest = so_far.newest.as_ref();
        let was = newest.map(|newest| (levels.place(newest.rate), newest));
        let (before, used_to) = match was {
            None => (Before::Nothing, UsedTo::Any),
            Some((level, newest)) if so_far.bought_since => match newest.by {
                By::Learned => {
                    let planned_anew = ready.planned_at > newest.at || newest.model != Some(ready.version);
                    (Before::Bought { level, planned_anew }, UsedTo::Level(level))
                }
                By::Rule | By::Pilot | By::HeldOut => (Before::Nothing, UsedTo::Any),
            },
            Some((level, newest)) => {
                let used_to = if newest.by == By::Learned { UsedTo::Level(level) } else { UsedTo::Any };
                (Before::Waited { level }, used_to)
            }
        };
        let bounds = Bounds {
            least: levels.place(terms.least),
            most: levels.place(terms.most),
            exploring: f64::from(terms.exploring.bp()) / f64::from(Rate::WHOLE.bp()),
        };
        let number = number_of(customer.id);
        let luck = [so_far.count, so_far.count | OTHER_ROUND];
        let luck = luck.map(|round| pilot::by_chance(seed_of(terms), number, round));
        let standing = Standing { belief: &belief, used_to, before };
        let mut choice = ready.plan.choose(response, standing, bounds, luck).map_err(|_| Unusable::Absurd)?;
        // What was decided a few days ago stands; only a budget that is dearer, or the terms, may take it back.
        let kept = newest.filter(|newest| newest.by == By::Learned && self.now - newest.drawn_at < COOL_DOWN);
        if let Some(kept) = kept.filter(|kept| levels.place(kept.rate) <= choice.level) {
            choice.level = levels.place(kept.rate);
            choice.best = choice.level;
        }
        let attribution = ready.plan.attribution(response, standing, choice.level);
        let mut reasons = Vec::new();
        if choice.level != choice.best {
            reasons.push(CardReason::Chance);
        }
        let (came, of) = (logged.came(), logged.history.offered.len());
        let weeks = (of >= WEEKS_TOLD && came > 0).then(|| CardReason::Weeks {
            came: u32::try_from(came).unwrap_or(u32::MAX),
            of: u32::try_from(of).unwrap_or(u32::MAX),
        });
        let amount = customer.average_basket();
        let basket = (amount.minor() > 0).then_some(CardReason::AverageBasket { amount, currency });
        let in_order =
            if attribution.baskets.abs() > attribution.visits.abs() { [basket, weeks] } else { [weeks, basket] };
        reasons.extend(in_order.into_iter().flatten());
        if reasons.is_empty() {
            let visits = customer.visits;
            reasons.push(if visits == 0 { CardReason::Welcome } else { CardReason::Visits { times: visits } });
        }
        let rate = levels.rates().get(usize::from(choice.level)).copied().unwrap_or_default();
        let drawn = match kept {
            Some(kept) if kept.rate == rate => Drawn::again(kept),
            _ => Drawn { rate, by: By::Learned, at: None, propensity: choice.propensity, model: Some(ready.version) },
        };
        Ok(Level::Of { drawn, reasons })
    }
}

impl Level {
    fn rate(&self) -> Rate {
        match self {
            Self::Rule(_) => Rate::ZERO,
            Self::Of { drawn, .. } => drawn.rate,
        }
    }
}

/// The pilot's: drawn when they begin, and when they bought and the last draw is some days ago; kept otherwise.
fn by_chance(customer: &Customer, terms: &Terms, so_far: &SoFar, now: DateTime<Utc>) -> Level {
    let stands =
        |newest: &&Offer| !so_far.bought_since || (newest.by == By::Pilot && now - newest.drawn_at < COOL_DOWN);
    let drawn = match so_far.newest.as_ref().filter(stands) {
        Some(newest) => {
            let rate = newest.rate.min(terms.most);
            // One that was a model's, or nothing because they were held out, was not drawn by chance.
            let propensity = if newest.by == By::Pilot { newest.propensity } else { 1.0 };
            Drawn { rate, by: By::Pilot, model: None, propensity, ..Drawn::again(newest) }
        }
        None => {
            // Between the least and the most, as every offer.
            let levels = levels_of(terms);
            let rates = &levels.rates()[usize::from(levels.place(terms.least))..];
            let (level, propensity) = pilot::offer(rates.len(), seed_of(terms), number_of(customer.id), so_far.count);
            let rate = rates.get(usize::from(level)).copied().unwrap_or_default();
            Drawn { rate, by: By::Pilot, at: None, propensity, model: None }
        }
    };
    Level::Of { drawn, reasons: vec![CardReason::Chance] }
}
