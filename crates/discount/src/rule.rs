//! The verb: from facts to cards.

use domain::{CardReason, CardScope, Product, Rate, SegmentName};

use crate::shelf::headroom_share;
use crate::{Decision, Facts, Proposal, Rules, Since};

/// Decides the cards. The same facts give the same cards.
#[must_use]
pub fn offer(facts: &Facts<'_>, rules: &Rules) -> Decision {
    let proposals = [basket(facts, rules), category(facts, rules), product(facts, rules)];
    Decision { proposals: proposals.into_iter().flatten().collect() }
}

/// A rate within its bounds, and whether the margin floor cut it.
struct Level {
    rate: Rate,
    capped: bool,
}

impl Rules {
    /// The level with `extra` on top, under every bound; `None` where not even a step is left.
    fn within(&self, facts: &Facts<'_>, extra: Rate, before: Option<Rate>, cap: Rate) -> Option<Level> {
        let params = &self.0;
        let mut wanted = Rate(self.level(facts).bp() + extra.bp()).min(params.most);
        if let Some(before) = before {
            wanted = wanted.min(before);
        }
        let on_step = |rate: Rate| Rate(rate.bp() / params.step.bp() * params.step.bp());
        let (wanted, cap) = (on_step(wanted), on_step(cap));
        let rate = wanted.min(cap);
        (rate > Rate::ZERO).then_some(Level { rate, capped: cap < wanted })
    }
}

fn basket(facts: &Facts<'_>, rules: &Rules) -> Option<Proposal> {
    let before = match facts.since {
        Since::Nothing(before) => before.basket,
        Since::Never | Since::Purchase => None,
    };
    let level = rules.within(facts, Rate::ZERO, before, facts.shelf.basket)?;
    let mut reasons = standing(facts);
    if facts.visits > 0 {
        if !reasons.iter().any(|reason| matches!(reason, CardReason::Visits { .. })) {
            reasons.push(CardReason::Visits { times: facts.visits });
        }
        if facts.average_basket.minor() > 0 {
            reasons.push(CardReason::AverageBasket { amount: facts.average_basket, currency: facts.currency });
        }
    }
    Some(proposal(CardScope::Basket, String::new(), level, reasons))
}

fn category(facts: &Facts<'_>, rules: &Rules) -> Option<Proposal> {
    let before = match facts.since {
        Since::Nothing(before) => before.category,
        Since::Never | Since::Purchase => None,
    };
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
        let level = rules.within(facts, rules.0.category, before, cap)?;
        let reasons = why.into_iter().chain(standing(facts)).collect();
        Some(proposal(CardScope::Category(id.clone()), title.clone(), level, reasons))
    })
}

fn product(facts: &Facts<'_>, rules: &Rules) -> Option<Proposal> {
    let before = match facts.since {
        Since::Nothing(before) => before.product,
        Since::Never | Since::Purchase => None,
    };
    let own = facts.products.iter().filter(|favourite| favourite.times > 0).map(|favourite| {
        let why = CardReason::FavouriteProduct { name: favourite.product.name.clone(), times: favourite.times };
        (&favourite.product, Some(why))
    });
    let popular = facts.popular.iter().map(|popular| {
        let why = (popular.times > 0).then(|| CardReason::Popular { name: popular.product.name.clone() });
        (&popular.product, why)
    });
    own.chain(popular).filter(|(product, _)| product.offerable).find_map(|(product, why)| {
        let level = rules.within(facts, rules.0.product, before, cap_of(product, facts))?;
        let reasons = why.into_iter().chain(standing(facts)).collect();
        Some(proposal(CardScope::Product(product.sku.clone()), product.name.clone(), level, reasons))
    })
}

fn cap_of(product: &Product, facts: &Facts<'_>) -> Rate {
    headroom_share(product.price, product.cost, facts.floor)
}

/// Whom the level is for.
fn standing(facts: &Facts<'_>) -> Vec<CardReason> {
    vec![match &facts.segment {
        SegmentName::Newcomers if facts.visits == 0 => CardReason::Welcome,
        SegmentName::Newcomers => CardReason::Visits { times: facts.visits },
        name @ SegmentName::Profile { .. } => CardReason::Segment { name: name.clone() },
    }]
}

fn proposal(scope: CardScope, subject: String, level: Level, mut reasons: Vec<CardReason>) -> Proposal {
    if level.capped {
        reasons.push(CardReason::MarginCapped);
    }
    Proposal { scope, subject, rate: level.rate, reasons }
}
