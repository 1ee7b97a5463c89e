//! The verb: from facts to cards.

use domain::{CardReason, CardScope, Product, Rate, SegmentName};

use crate::shelf::headroom_share;
use crate::{Before, Decision, Facts, Proposal, Rules, Since};

/// Decides the cards by the segment's level. The same facts give the same cards.
#[must_use]
pub fn offer(facts: &Facts<'_>, rules: &Rules) -> Decision {
    cards(&Offer { facts, rules, level: rules.level(facts), standing: standing(facts) })
}

/// The cards at a level that was decided elsewhere, for reasons that were found there; none at no level.
#[must_use]
pub fn offer_at(facts: &Facts<'_>, rules: &Rules, level: Rate, reasons: Vec<CardReason>) -> Decision {
    if level == Rate::ZERO {
        return Decision::default();
    }
    cards(&Offer { facts, rules, level, standing: reasons })
}

/// Everything that the three cards are made of.
struct Offer<'a> {
    facts: &'a Facts<'a>,
    rules: &'a Rules,
    level: Rate,
    /// Why it is this level.
    standing: Vec<CardReason>,
}

fn cards(offer: &Offer<'_>) -> Decision {
    let proposals = [offer.basket(), offer.category(), offer.product()];
    Decision { proposals: proposals.into_iter().flatten().collect() }
}

/// A rate within its bounds, and whether the margin floor cut it.
struct Level {
    rate: Rate,
    capped: bool,
}

impl Offer<'_> {
    /// The level with `extra` on top, under every bound; `None` where not even a step is left.
    fn within(&self, extra: Rate, before: Option<Rate>, cap: Rate) -> Option<Level> {
        let params = &self.rules.0;
        let mut wanted = Rate(self.level.bp() + extra.bp()).min(params.most);
        if let Some(before) = before {
            wanted = wanted.min(before);
        }
        let on_step = |rate: Rate| Rate(rate.bp() / params.step.bp() * params.step.bp());
        let (wanted, cap) = (on_step(wanted), on_step(cap));
        let rate = wanted.min(cap);
        (rate > Rate::ZERO).then_some(Level { rate, capped: cap < wanted })
    }

    /// What no card of this kind may be above (law 8).
    fn before(&self, of: impl Fn(Before) -> Option<Rate>) -> Option<Rate> {
        match self.facts.since {
            Since::Nothing(before) => of(before),
            Since::Never | Since::Purchase => None,
        }
    }

    fn basket(&self) -> Option<Proposal> {
        let facts = self.facts;
        let level = self.within(Rate::ZERO, self.before(|before| before.basket), facts.shelf.basket)?;
        let mut reasons = self.standing.clone();
        let has = |reasons: &[CardReason], one: fn(&CardReason) -> bool| reasons.iter().any(one);
        if facts.visits > 0 {
            let tells_visits =
                |reason: &CardReason| matches!(reason, CardReason::Visits { .. } | CardReason::Weeks { .. });
            if !has(&reasons, tells_visits) {
                reasons.push(CardReason::Visits { times: facts.visits });
            }
            let tells_basket = |reason: &CardReason| matches!(reason, CardReason::AverageBasket { .. });
            if facts.average_basket.minor() > 0 && !has(&reasons, tells_basket) {
                reasons.push(CardReason::AverageBasket { amount: facts.average_basket, currency: facts.currency });
            }
        }
        Some(proposal(CardScope::Basket, String::new(), level, reasons))
    }

    fn category(&self) -> Option<Proposal> {
        let facts = self.facts;
        let before = self.before(|before| before.category);
        let own = facts.categories.iter().filter(|favourite| favourite.times > 0).map(|favourite| {
            let why = CardReason::FavouriteCategory { title: favourite.title.clone(), times: favourite.times };
            (&favourite.id, &favourite.title, Some(why))
        });
        let popular = facts.popular.iter().map(|popular| {
            let why = (popular.times > 0).then(|| CardReason::Popular { name: popular.category_title.clone() });
            (&popular.product.category, &popular.category_title, why)
        });
        own.chain(popular).find_map(|(id, title, why)| {
            let cap = facts.shelf.categories.get(id).copied()?;
            let level = self.within(self.rules.0.category, before, cap)?;
            let reasons = why.into_iter().chain(self.standing.clone()).collect();
            Some(proposal(CardScope::Category(id.clone()), title.clone(), level, reasons))
        })
    }

    fn product(&self) -> Option<Proposal> {
        let facts = self.facts;
        let before = self.before(|before| before.product);
        let picked = facts.picks.iter().map(|pick| (&pick.product, Some(pick.why.clone())));
        let own = facts.products.iter().filter(|favourite| favourite.times > 0).map(|favourite| {
            let why = CardReason::FavouriteProduct { name: favourite.product.name.clone(), times: favourite.times };
            (&favourite.product, Some(why))
        });
        let popular = facts.popular.iter().map(|popular| {
            let why = (popular.times > 0).then(|| CardReason::Popular { name: popular.product.name.clone() });
            (&popular.product, why)
        });
        picked.chain(own).chain(popular).filter(|(product, _)| product.offerable).find_map(|(product, why)| {
            let level = self.within(self.rules.0.product, before, cap_of(product, facts))?;
            let reasons = why.into_iter().chain(self.standing.clone()).collect();
            Some(proposal(CardScope::Product(product.sku.clone()), product.name.clone(), level, reasons))
        })
    }
}

fn cap_of(product: &Product, facts: &Facts<'_>) -> Rate {
    headroom_share(product.price, product.cost, facts.floor)
}

/// Whom the level is for.
fn standing(facts: &Facts<'_>) -> Vec<CardReason> {
    vec![match &facts.segment {
        name if !matches!(name, SegmentName::Profile { .. }) && facts.visits == 0 => CardReason::Welcome,
        SegmentName::Newcomers | SegmentName::Prospects { .. } | SegmentName::Apart => {
            CardReason::Visits { times: facts.visits }
        }
        name @ SegmentName::Profile { .. } => CardReason::Segment { name: name.clone() },
    }]
}

fn proposal(scope: CardScope, subject: String, level: Level, mut reasons: Vec<CardReason>) -> Proposal {
    if level.capped {
        reasons.push(CardReason::MarginCapped);
    }
    Proposal { scope, subject, rate: level.rate, reasons }
}
