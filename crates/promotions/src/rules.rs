//! Checked rules, compiled: the snapshot that the hot path reads. What names no line of a basket is never looked at.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::CampaignId;

use crate::basket::Item;
use crate::benefit::Benefit;
use crate::campaign::{Campaign, Mode, Params, Schedule};
use crate::condition::Condition;
use crate::explanation::Subject;
use crate::facts::Facts;
use crate::moment::{Moment, Turns};
use crate::select::{Names, Select};

/// Checked [`Params`], ready to decide. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Rules(pub(crate) Arc<Snapshot>);

impl Default for Rules {
    /// No campaign, and cards up to the whole price.
    fn default() -> Self {
        Self(Arc::new(Snapshot::new(Params::default())))
    }
}

impl Rules {
    /// What they were made from.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.0.params
    }

    /// Whether a decision on these facts may draw on anything limited, told without looking at the basket: where not,
    /// [`Rules::accounts`] is empty.
    #[must_use]
    pub fn may_be_limited(&self, facts: &Facts) -> bool {
        self.0.budgeted || !facts.coupons.is_empty()
    }

    /// Whether these facts decide the same at another moment: between the two no campaign begins or ends, no hours do, and the
    /// store's calendar turns no page. Of facts with coupons, which have times of their own, it is never said.
    #[must_use]
    pub fn decide_alike_at(&self, facts: &Facts, other: DateTime<Utc>) -> bool {
        let [quoted, other] = [facts.at, other].map(|at| Moment::new(at, facts.zone));
        facts.coupons.is_empty() && quoted.is_like(&other, &self.0.turns)
    }

    /// Campaigns as they are applied, then the card, then coupons by code.
    pub(crate) fn order(&self, subject: &Subject) -> (usize, Subject) {
        let place = match subject {
            Subject::Campaign(id) => self.0.by_id.get(id).copied().unwrap_or(usize::MAX),
            Subject::Card(_) | Subject::Coupon(_) => usize::MAX,
        };
        (place, subject.clone())
    }

    /// The campaign of this id.
    #[must_use]
    pub fn campaign(&self, id: CampaignId) -> Option<&Campaign> {
        let place = *self.0.by_id.get(&id)?;
        self.0.params.campaigns.get(self.0.plans[place].campaign)
    }
}

#[derive(Debug)]
pub(crate) struct Snapshot {
    pub params: Params,
    pub names: Names,
    /// In the order of application: by priority, then id.
    pub plans: Vec<Plan>,
    pub by_id: HashMap<CampaignId, usize>,
    /// A campaign that needs no coupon has a budget.
    pub budgeted: bool,
    /// Where each group's campaigns compete, if they do.
    pub modes: Vec<Mode>,
    index: Index,
    /// When one of them may decide otherwise.
    turns: Turns,
}

/// A compiled [`Campaign`].
#[derive(Debug)]
pub(crate) struct Plan {
    /// Its place in `Params::campaigns`.
    pub campaign: usize,
    pub id: CampaignId,
    /// It looks at who the customer is.
    pub personal: bool,
    pub group: usize,
    /// At most 64, so that a mask says which of them hold.
    pub rules: Vec<PlannedRule>,
}

#[derive(Debug)]
pub(crate) struct PlannedRule {
    pub when: Condition<Select>,
    pub then: Vec<Benefit<Select>>,
}

/// Enabled campaigns that need no coupon, by what a basket must have for them to do anything.
#[derive(Debug, Default)]
struct Index {
    open: Vec<usize>,
    by_sku: Vec<Vec<usize>>,
    by_category: Vec<Vec<usize>>,
}

impl Snapshot {
    pub(crate) fn new(params: Params) -> Self {
        let mut order: Vec<usize> = (0..params.campaigns.len()).collect();
        order.sort_by_key(|&place| (Reverse(params.campaigns[place].priority), params.campaigns[place].id));
        let mut names = Names::default();
        let mut groups: HashMap<&str, usize> = HashMap::new();
        let mut modes = Vec::new();
        let mut plans = Vec::with_capacity(order.len());
        for place in order {
            let campaign = &params.campaigns[place];
            let group = *groups.entry(&campaign.group).or_insert_with(|| {
                let listed = params.groups.iter().find(|group| group.name == campaign.group);
                modes.push(listed.map(|group| group.mode).unwrap_or_default());
                modes.len() - 1
            });
            plans.push(Plan::new(place, campaign, group, &mut names));
        }
        let by_id = plans.iter().enumerate().map(|(place, plan)| (plan.id, place)).collect();
        let index = Index::new(&plans, &params);
        let budgeted = params
            .campaigns
            .iter()
            .any(|campaign| campaign.enabled && campaign.coupon.is_none() && !campaign.budgets.is_empty());
        let enabled = || params.campaigns.iter().filter(|campaign| campaign.enabled);
        let mut schedules: Vec<&Schedule> = enabled().map(|campaign| &campaign.schedule).collect();
        for rule in enabled().flat_map(|campaign| &campaign.rules) {
            rule.when.schedules(&mut schedules);
        }
        let turns = Turns::of(enabled().map(|campaign| &campaign.window), schedules.into_iter());
        Self { budgeted, params, names, plans, by_id, modes, index, turns }
    }

    pub(crate) fn campaign(&self, plan: &Plan) -> &Campaign {
        &self.params.campaigns[plan.campaign]
    }

    /// The campaigns without coupons that may do something for this basket, in the order of application.
    pub(crate) fn for_basket(&self, items: &[Item]) -> Vec<usize> {
        let mut found = vec![0_u64; self.plans.len().div_ceil(64)];
        let mut mark = |plans: &[usize]| plans.iter().for_each(|&plan| found[plan / 64] |= 1 << (plan % 64));
        mark(&self.index.open);
        for item in items {
            mark(listed(&self.index.by_sku, item.sku));
            mark(listed(&self.index.by_category, item.category));
        }
        let mut plans = Vec::with_capacity(found.iter().map(|word| word.count_ones() as usize).sum());
        for (place, mut word) in found.into_iter().enumerate() {
            while word != 0 {
                plans.push(place * 64 + word.trailing_zeros() as usize);
                word &= word - 1;
            }
        }
        plans
    }
}

impl Plan {
    fn new(place: usize, campaign: &Campaign, group: usize, names: &mut Names) -> Self {
        let compile = &mut |selector: &_| names.compile(selector);
        let rules = campaign
            .rules
            .iter()
            .map(|rule| PlannedRule {
                when: rule.when.select(compile),
                then: rule.then.iter().map(|benefit| benefit.select(compile)).collect(),
            })
            .collect();
        let personal = campaign.rules.iter().any(|rule| rule.when.is_personal());
        Self { campaign: place, id: campaign.id, personal, group, rules }
    }

    fn targets(&self) -> Option<Vec<&Select>> {
        let mut targets = Vec::new();
        for benefit in self.rules.iter().flat_map(|rule| &rule.then) {
            targets.extend(benefit.targets()?);
        }
        Some(targets)
    }
}

impl Index {
    fn new(plans: &[Plan], params: &Params) -> Self {
        let mut index = Self::default();
        for (place, plan) in plans.iter().enumerate() {
            let campaign = &params.campaigns[plan.campaign];
            if !campaign.enabled || campaign.coupon.is_some() {
                continue;
            }
            match plan.targets() {
                Some(targets) if targets.iter().all(|select| !select.is_open()) => {
                    for select in targets {
                        note(&mut index.by_sku, select.named_skus(), place);
                        note(&mut index.by_category, select.named_categories(), place);
                    }
                }
                Some(_) | None => index.open.push(place),
            }
        }
        index
    }
}

/// Names that only conditions mention, or none does, have no list.
fn listed(lists: &[Vec<usize>], number: u32) -> &[usize] {
    lists.get(number as usize).map_or(&[], Vec::as_slice)
}

fn note(lists: &mut Vec<Vec<usize>>, numbers: &[u32], plan: usize) {
    for &number in numbers {
        let number = number as usize;
        if lists.len() <= number {
            lists.resize_with(number + 1, Vec::new);
        }
        if lists[number].last() != Some(&plan) {
            lists[number].push(plan);
        }
    }
}
