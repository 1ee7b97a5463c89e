//! The limited accounts of a campaign: their names, which must outlive every revision of the rules, and what they have left.

use domain::segment::{BasketSize, Habit, Presence};
use domain::{CampaignId, CustomerId, SegmentName};

use crate::campaign::{Action, Budget, Campaign, Per, WhenShort};
use crate::decision::{Account, Rejection};
use crate::explanation::WhyNot;
use crate::facts::Facts;
use crate::qualify;
use crate::rules::Rules;
use crate::scene::{Code, Scene};

/// One account that a candidate draws on.
#[derive(Debug)]
pub(crate) struct Limit {
    pub key: String,
    pub limit: i64,
    pub left: i64,
    pub counts: Action,
    pub when_short: WhenShort,
    /// What a coupon is told when it is used up.
    pub rejection: Rejection,
}

impl Rules {
    /// The limited accounts that a decision on these facts may draw on, each once: fetch their rooms, then evaluate.
    ///
    /// A key names campaign, what is counted, for whom, and the stretch of the store's calendar. It does not depend on
    /// the order or the amounts of the rule set, so a new revision goes on counting where the old one was.
    #[must_use]
    pub fn accounts(&self, facts: &Facts) -> Vec<Account> {
        let scene = Scene::new(facts, self);
        let mut accounts = Vec::new();
        for plan in qualify::considered(&scene) {
            if qualify::holding(plan, &scene).is_err() {
                continue;
            }
            let campaign = scene.rules.campaign(&scene.rules.plans[plan]);
            if campaign.coupon.is_none() {
                accounts.extend(limits(campaign, None, &scene).unwrap_or_default());
            }
            for code in scene.codes_of(plan) {
                accounts.extend(limits(campaign, Some(code), &scene).unwrap_or_default());
            }
        }
        accounts.sort_by(|a, b| a.key.cmp(&b.key));
        accounts.dedup_by(|a, b| a.key == b.key);
        accounts.into_iter().map(|Limit { key, limit, .. }| Account { key, limit }).collect()
    }
}

/// What the campaign, run by this code, draws on.
pub(crate) fn limits(campaign: &Campaign, code: Option<&Code>, scene: &Scene) -> Result<Vec<Limit>, WhyNot> {
    let mut limits = Vec::new();
    for budget in &campaign.budgets {
        limits.push(budgeted(campaign.id, budget, scene)?);
    }
    let (Some(policy), Some(code)) = (campaign.coupon, code) else { return Ok(limits) };
    let mut add = |key: String, limit: u32, rejection| {
        let limit = i64::from(limit);
        let left = scene.room(&key, limit);
        limits.push(Limit { key, limit, left, counts: Action::Redemptions, when_short: WhenShort::Refuse, rejection });
    };
    let id = campaign.id;
    if let Some(limit) = policy.per_code {
        let key = format!("{id}/code/{}", code.coupon.code);
        let held = scene.is_held_elsewhere(&key);
        add(key, limit, if held { Rejection::ReservedElsewhere } else { Rejection::CouponLimitReached });
    }
    if let Some(limit) = policy.per_customer {
        let customer = customer(scene)?;
        let stretch = scene.moment.stretch(policy.period);
        add(format!("{id}/coupon/customer={customer}{stretch}"), limit, Rejection::ProfileLimitReached);
    }
    if let Some(limit) = policy.per_store {
        let stretch = scene.moment.stretch(policy.period);
        add(format!("{id}/coupon/store={}{stretch}", scene.facts.store), limit, Rejection::CampaignLimitReached);
    }
    Ok(limits)
}

fn budgeted(id: CampaignId, budget: &Budget, scene: &Scene) -> Result<Limit, WhyNot> {
    let action = match budget.action {
        Action::Discount => "discount",
        Action::Redemptions => "redemptions",
    };
    let mut key = format!("{id}/{action}");
    let mut rejection = Rejection::CampaignLimitReached;
    let mut per = budget.per.clone();
    per.sort_unstable();
    for per in per {
        key.push_str(&match per {
            Per::Customer => {
                rejection = Rejection::ProfileLimitReached;
                format!("/customer={}", customer(scene)?)
            }
            Per::Store => format!("/store={}", scene.facts.store),
            Per::Segment => format!("/segment={}", segment(scene.segment().ok_or(WhyNot::CustomerNeeded)?)),
        });
    }
    key.push_str(&scene.moment.stretch(budget.period));
    let left = scene.room(&key, budget.limit);
    Ok(Limit { key, limit: budget.limit, left, counts: budget.action, when_short: budget.when_short, rejection })
}

fn customer(scene: &Scene) -> Result<CustomerId, WhyNot> {
    scene.facts.customer.as_ref().map(|customer| customer.id).ok_or(WhyNot::CustomerNeeded)
}

/// By the words that survive a refit.
fn segment(name: &SegmentName) -> String {
    let (presence, habit, basket) = match name {
        SegmentName::Newcomers | SegmentName::Prospects { .. } => return "newcomers".to_owned(),
        SegmentName::Apart => return "apart".to_owned(),
        SegmentName::Profile { presence, habit, basket, .. } => (presence, habit, basket),
    };
    let presence = match presence {
        Presence::Active => "active",
        Presence::Cooling => "cooling",
        Presence::Lapsed => "lapsed",
    };
    let habit = match habit {
        Habit::Frequent => "frequent",
        Habit::Regular => "regular",
        Habit::Occasional => "occasional",
    };
    let basket = match basket {
        BasketSize::Large => "large",
        BasketSize::Medium => "medium",
        BasketSize::Small => "small",
    };
    format!("{presence}.{habit}.{basket}")
}
