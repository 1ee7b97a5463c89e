//! Stage 1: who may take part at all. Window, schedule, store, coupon and conditions, over the basket at its shelf price.

use std::cmp::Reverse;

use domain::{Amount, CampaignId, CardId, CardScope, Rate};

use crate::campaign::{Action, Base, Stacking};
use crate::decision::Source;
use crate::explanation::{Outcome, Subject, Unmet, Verdict, WhyNot};
use crate::give::{Tab, give};
use crate::limits::{Limit, limits};
use crate::rules::Plan;
use crate::scene::Scene;
use crate::trace::Trace;

/// A source that may give something.
pub(crate) struct Candidate<'a> {
    pub source: Source,
    pub rank: Rank,
    pub stacking: Stacking,
    /// It gives nothing where no cost is known, and nothing to the holdout.
    pub personal: bool,
    pub base: Base,
    pub gives: Gives<'a>,
    pub limits: Vec<Limit>,
    pub max_per_line: Option<Amount>,
    pub max_per_session: Option<Amount>,
    /// The place of its code in the scene.
    pub code: Option<usize>,
}

pub(crate) enum Gives<'a> {
    Card { rate: Rate, scope: &'a CardScope },
    Rules { plan: &'a Plan, hold: u64 },
}

/// The order of application: by priority, campaigns before the card, by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank(Reverse<i32>, Id);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Id {
    Campaign(CampaignId),
    Card(CardId),
}

impl Candidate<'_> {
    pub(crate) fn subject(&self) -> Subject {
        match &self.source {
            Source::Campaign(id) | Source::Coupon { campaign: id, .. } => Subject::Campaign(*id),
            Source::Card(id) => Subject::Card(*id),
        }
    }

    pub(crate) fn campaign(&self) -> Option<CampaignId> {
        match &self.source {
            Source::Campaign(id) | Source::Coupon { campaign: id, .. } => Some(*id),
            Source::Card(_) => None,
        }
    }

    pub(crate) fn group(&self) -> Option<usize> {
        match self.gives {
            Gives::Rules { plan, .. } => Some(plan.group),
            Gives::Card { .. } => None,
        }
    }
}

/// What became of every code, while it becomes; and who listens.
pub(crate) struct Fates<'t, T> {
    /// By the place in the scene; a code without one was taken.
    pub codes: Vec<Option<WhyNot>>,
    /// Sources that the holdout does without.
    pub withheld: Vec<Source>,
    pub trace: &'t mut T,
}

impl<'t, T: Trace> Fates<'t, T> {
    pub(crate) fn new(scene: &Scene, trace: &'t mut T) -> Self {
        let codes = scene.codes.iter().map(|code| code.good.err().map(WhyNot::Code)).collect();
        Self { codes, withheld: Vec::new(), trace }
    }

    /// A candidate is out.
    pub(crate) fn drop(&mut self, candidate: &Candidate, why: WhyNot) {
        self.trace.note(|| Verdict { subject: candidate.subject(), outcome: Outcome::Not(why.clone()) });
        if let Some(code) = candidate.code {
            self.codes[code] = Some(why);
        }
    }
}

/// The campaigns that may do something for this basket, in the order of application.
pub(crate) fn considered(scene: &Scene) -> Vec<usize> {
    let mut plans = scene.rules.for_basket(&scene.items);
    plans.extend(scene.codes.iter().filter_map(|code| code.good.ok()));
    plans.sort_unstable();
    plans.dedup();
    plans
}

/// Which rules of the campaign hold; never none.
pub(crate) fn holding(plan: usize, scene: &Scene) -> Result<u64, WhyNot> {
    let plan = &scene.rules.plans[plan];
    let campaign = scene.rules.campaign(plan);
    if !campaign.enabled {
        return Err(WhyNot::Disabled);
    }
    if let Some(from) = campaign.window.from.filter(|_| !scene.moment.started(&campaign.window)) {
        return Err(WhyNot::NotStarted { from });
    }
    if let Some(until) = campaign.window.until.filter(|_| scene.moment.ended(&campaign.window)) {
        return Err(WhyNot::Ended { until });
    }
    if !campaign.stores.is_empty() && !campaign.stores.contains(&scene.facts.store) {
        return Err(WhyNot::OtherStore);
    }
    if !scene.moment.is_in(&campaign.schedule) {
        return Err(WhyNot::OutsideSchedule);
    }
    if campaign.coupon.is_some() && !scene.has_code_of(plan.id) {
        return Err(WhyNot::CouponNeeded);
    }
    let mut hold = 0;
    let mut lacks = None;
    for (place, rule) in plan.rules.iter().enumerate() {
        match rule.when.unmet(scene) {
            None => hold |= 1 << place,
            Some(unmet) => lacks = lacks.or(Some(unmet)),
        }
    }
    if hold == 0 { Err(WhyNot::Unmet(lacks.unwrap_or(Unmet::Excluded))) } else { Ok(hold) }
}

/// Everybody who may take part, in the order of application.
pub(crate) fn candidates<'a, T: Trace>(scene: &'a Scene<'a>, fates: &mut Fates<'_, T>) -> Vec<Candidate<'a>> {
    let plans = if T::EVERYTHING { (0..scene.rules.plans.len()).collect() } else { considered(scene) };
    let mut candidates = Vec::with_capacity(plans.len() + 1);
    for plan in plans {
        match holding(plan, scene) {
            Ok(hold) => candidates.extend(runs(plan, hold, scene, fates)),
            Err(why) => {
                let subject = Subject::Campaign(scene.rules.plans[plan].id);
                fates.trace.note(|| Verdict { subject, outcome: Outcome::Not(why.clone()) });
                for (code, fate) in scene.codes.iter().zip(&mut fates.codes) {
                    if code.good == Ok(plan) {
                        *fate = Some(why.clone());
                    }
                }
            }
        }
    }
    candidates.extend(card(scene));
    if scene.facts.holdout {
        let (withheld, open) = candidates.into_iter().partition(|candidate: &Candidate| candidate.personal);
        candidates = open;
        for candidate in withheld {
            let given = give(&candidate, scene, &mut Tab::new(scene));
            if given.has_effect() {
                fates.drop(&candidate, WhyNot::Withheld);
                fates.withheld.push(candidate.source);
            } else {
                fates.drop(&candidate, given.why_not(&candidate, scene));
            }
        }
    }
    candidates.sort_by_key(|candidate| candidate.rank);
    candidates
}

/// The campaign with the first of its codes that is not used up, or without one where it needs none.
fn runs<'a, T: Trace>(plan: usize, hold: u64, scene: &'a Scene<'a>, fates: &mut Fates<'_, T>) -> Option<Candidate<'a>> {
    let compiled = &scene.rules.plans[plan];
    let campaign = scene.rules.campaign(compiled);
    let mut found: Option<Candidate> = None;
    let mut last = WhyNot::CouponNeeded;
    let mut attempt = |code: Option<usize>, fates: &mut Fates<'_, T>| {
        let presented = code.map(|code| &scene.codes[code]);
        let open = if found.is_some() {
            Err(WhyNot::NotCombinable { with: None })
        } else {
            limits(campaign, presented, scene).and_then(not_used_up)
        };
        match open {
            Ok(limits) => {
                let source = match presented {
                    Some(code) => Source::Coupon { campaign: campaign.id, code: code.coupon.code.clone() },
                    None => Source::Campaign(campaign.id),
                };
                found = Some(Candidate {
                    source,
                    rank: Rank(Reverse(campaign.priority), Id::Campaign(campaign.id)),
                    stacking: campaign.stacking,
                    personal: compiled.personal || presented.is_some_and(|code| code.personal),
                    base: campaign.base,
                    gives: Gives::Rules { plan: compiled, hold },
                    limits,
                    max_per_line: campaign.max_per_line,
                    max_per_session: campaign.max_per_session,
                    code,
                });
            }
            Err(why) => {
                if let Some(code) = code {
                    fates.codes[code] = Some(why.clone());
                }
                last = why;
            }
        }
    };
    if campaign.coupon.is_none() {
        attempt(None, fates);
    } else {
        for (place, code) in scene.codes.iter().enumerate() {
            if code.good == Ok(plan) {
                attempt(Some(place), fates);
            }
        }
    }
    if found.is_none() {
        fates.trace.note(|| Verdict { subject: Subject::Campaign(campaign.id), outcome: Outcome::Not(last) });
    }
    found
}

/// Counts of uses are full or not; money is a matter of the amount, and looked at when it is known.
fn not_used_up(limits: Vec<Limit>) -> Result<Vec<Limit>, WhyNot> {
    match limits.iter().find(|limit| limit.counts == Action::Redemptions && limit.left < 1) {
        Some(limit) => Err(WhyNot::LimitReached(limit.rejection)),
        None => Ok(limits),
    }
}

fn card<'a>(scene: &'a Scene<'a>) -> Option<Candidate<'a>> {
    let card = scene.facts.card.as_ref()?;
    let policy = scene.rules.params.card;
    Some(Candidate {
        source: Source::Card(card.id),
        rank: Rank(Reverse(policy.priority), Id::Card(card.id)),
        stacking: policy.stacking,
        personal: true,
        base: policy.base,
        gives: Gives::Card { rate: card.rate.min(policy.max_rate), scope: &card.scope },
        limits: Vec::new(),
        max_per_line: None,
        max_per_session: None,
        code: None,
    })
}
