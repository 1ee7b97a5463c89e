//! A rule set is checked whole before it may decide: impossible, contradictory and unbounded rules are refused, each with
//! its place and what to do.

mod benefit;
mod campaign;
mod condition;
mod path;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use domain::Rate;

use crate::campaign::Params;
use crate::problem::Problems;
use crate::rules::{Rules, Snapshot};
use path::Path;

/// The most campaigns of one rule set.
pub const MAX_CAMPAIGNS: usize = 5_000;
/// The most rules of one campaign.
pub const MAX_RULES: usize = 50;
/// The most benefits of one rule.
pub const MAX_BENEFITS: usize = 20;
/// The most entries of one list: products, customers, stores, steps.
pub const MAX_ENTRIES: usize = 5_000;
/// How deep a condition may nest.
pub const MAX_DEPTH: usize = 16;
/// The most parts of an `all` or `any`.
pub const MAX_PARTS: usize = 100;
/// The most slots of a bundle.
pub const MAX_SLOTS: usize = 6;
/// The most characters of a name.
pub const MAX_CHARS: usize = 200;

impl Params {
    /// Compiles the rule set.
    ///
    /// # Errors
    /// Everything that is wrong with it at once.
    pub fn check(self) -> Result<Rules, Problems> {
        let mut path = Path::default();
        check(&self, &mut path);
        if path.problems.is_empty() { Ok(Rules(Arc::new(Snapshot::new(self)))) } else { Err(Problems(path.problems)) }
    }
}

fn check(params: &Params, path: &mut Path) {
    path.at("card", |path| {
        path.at("max_rate_bp", |path| path.rate(params.card.max_rate, Rate::ZERO));
    });
    path.at("campaigns", |path| path.no_more_than(MAX_CAMPAIGNS, params.campaigns.len()));
    let groups: HashSet<&str> = params.campaigns.iter().map(|campaign| campaign.group.as_str()).collect();
    let mut seen = HashSet::new();
    path.each("groups", &params.groups, |path, group| {
        path.at("name", |path| {
            path.name(&group.name);
            path.refuse_unless(seen.insert(&group.name), "duplicate", || {
                format!("The group {} is listed before: keep one.", group.name)
            });
            path.refuse_unless(groups.contains(group.name.as_str()), "unknown-group", || {
                format!("No campaign is in the group {}: put one there, or drop the group.", group.name)
            });
        });
    });
    let with_coupons = params.campaigns.iter().filter(|campaign| campaign.coupon.is_some());
    let coupons = with_coupons.map(|campaign| campaign.id).collect();
    let mut ids = HashSet::new();
    path.each("campaigns", &params.campaigns, |path, one| {
        path.at("id", |path| {
            path.refuse_unless(ids.insert(one.id), "duplicate", || {
                "Another campaign has this id: give each its own.".to_owned()
            });
        });
        campaign::check(one, &coupons, path);
    });
}
