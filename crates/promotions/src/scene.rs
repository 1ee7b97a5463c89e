//! The facts, read once for all campaigns: clock, lines, codes, rooms.

use std::collections::HashMap;

use domain::{CampaignId, SegmentName};

use crate::basket::{self, Item};
use crate::decision::Rejection;
use crate::facts::{Coupon, Facts, Room, Standing};
use crate::moment::Moment;
use crate::rules::{Rules, Snapshot};
use crate::select::Lookup;

pub(crate) struct Scene<'a> {
    pub facts: &'a Facts,
    pub rules: &'a Snapshot,
    pub moment: Moment,
    pub items: Vec<Item>,
    pub lookup: Lookup,
    /// Every code once, in the order of codes: personal ones first, so that they are used first.
    pub codes: Vec<Code<'a>>,
    rooms: HashMap<&'a str, &'a Room>,
}

/// A presented code, as far as the code itself decides.
pub(crate) struct Code<'a> {
    pub coupon: &'a Coupon,
    /// The place of its campaign's plan.
    pub good: Result<usize, Rejection>,
    pub personal: bool,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(facts: &'a Facts, rules: &'a Rules) -> Self {
        let rules = &*rules.0;
        let mut codes: Vec<Code> = facts
            .coupons
            .iter()
            .map(|coupon| Code {
                coupon,
                good: judge(coupon, facts, rules),
                personal: matches!(coupon.standing, Standing::Good { recipient: Some(_), .. }),
            })
            .collect();
        codes.sort_by(|a, b| a.coupon.code.cmp(&b.coupon.code));
        codes.dedup_by(|a, b| a.coupon.code == b.coupon.code);
        codes.sort_by_key(|code| !code.personal);
        let items = basket::items(facts, &rules.names);
        Self {
            facts,
            rules,
            moment: Moment::new(facts.at, facts.zone),
            lookup: Lookup::new(&items),
            items,
            codes,
            rooms: facts.rooms.iter().map(|room| (room.key.as_str(), room)).collect(),
        }
    }

    /// What a limited account has left: the whole limit, where nothing is known of it.
    pub(crate) fn room(&self, key: &str, limit: i64) -> i64 {
        self.rooms.get(key).map_or(limit, |room| room.left).min(limit).max(0)
    }

    /// Whether others hold something of a limited account that has nothing left.
    pub(crate) fn is_held_elsewhere(&self, key: &str) -> bool {
        self.rooms.get(key).is_some_and(|room| room.left <= 0 && room.elsewhere > 0)
    }

    /// The good codes of a campaign.
    pub(crate) fn codes_of(&self, plan: usize) -> impl Iterator<Item = &Code<'a>> {
        self.codes.iter().filter(move |code| code.good == Ok(plan))
    }

    pub(crate) fn has_code_of(&self, campaign: CampaignId) -> bool {
        self.rules.by_id.get(&campaign).is_some_and(|&plan| self.codes_of(plan).next().is_some())
    }

    pub(crate) fn segment(&self) -> Option<&'a SegmentName> {
        self.facts.customer.as_ref().map(|customer| &customer.segment)
    }
}

fn judge(coupon: &Coupon, facts: &Facts, rules: &Snapshot) -> Result<usize, Rejection> {
    let (campaign, recipient, from, until) = match &coupon.standing {
        Standing::Unknown | Standing::Disabled => return Err(Rejection::CouponNotFound),
        Standing::Reserved => return Err(Rejection::ReservedElsewhere),
        Standing::Good { campaign, recipient, from, until } => (campaign, recipient, from, until),
    };
    // A campaign that does not run on coupons, or does not run: nobody learns that the code exists.
    let plan = *rules.by_id.get(campaign).ok_or(Rejection::CouponNotFound)?;
    let campaign = rules.campaign(&rules.plans[plan]);
    if !campaign.enabled || campaign.coupon.is_none() {
        return Err(Rejection::CouponNotFound);
    }
    if let Some(recipient) = recipient {
        let customer = facts.customer.as_ref().ok_or(Rejection::ProfileRequired)?;
        if customer.id != *recipient {
            return Err(Rejection::RecipientDoesNotMatch);
        }
    }
    if from.is_some_and(|from| facts.at < from) {
        return Err(Rejection::CouponNotStarted);
    }
    if until.is_some_and(|until| facts.at >= until) {
        return Err(Rejection::CouponExpired);
    }
    Ok(plan)
}
