//! Campaigns: names, windows, limits, and that what they give has an end.

use std::collections::{BTreeMap, HashSet};

use chrono::{Datelike, NaiveDateTime, Timelike};

use domain::CampaignId;

use super::path::Path;
use super::{MAX_BENEFITS, MAX_RULES, benefit, condition};
use crate::campaign::{Budget, Campaign, CouponPolicy, Per, Schedule, Window};

pub(super) fn check(campaign: &Campaign, coupons: &HashSet<CampaignId>, path: &mut Path) {
    path.at("name", |path| {
        path.at("en", |path| path.name(&campaign.name.en));
        path.at("ru", |path| path.name(&campaign.name.ru));
    });
    path.at("group", |path| path.name(&campaign.group));
    path.at("window", |path| window(&campaign.window, path));
    path.at("schedule", |path| schedule(&campaign.schedule, path));
    path.at("stores", |path| path.list(&campaign.stores));
    if let Some(policy) = &campaign.coupon {
        path.at("coupon", |path| coupon(policy, path));
    }
    budgets(&campaign.budgets, path);
    for (step, cap) in [("max_per_line", campaign.max_per_line), ("max_per_session", campaign.max_per_session)] {
        if let Some(cap) = cap {
            path.at(step, |path| {
                path.refuse_unless(cap.minor() >= 1, "amount-out-of-bounds", || {
                    "A cap of nothing gives nothing: write at least 1 minor unit, or drop it.".to_owned()
                });
            });
        }
    }
    path.at("rules", |path| {
        path.no_more_than(MAX_RULES, campaign.rules.len());
        path.refuse_unless(!campaign.rules.is_empty(), "empty", || {
            "A campaign without rules gives nothing: write one.".to_owned()
        });
    });
    path.each("rules", &campaign.rules, |path, rule| {
        path.at("name", |path| path.name(&rule.name));
        path.at("when", |path| condition::check(&rule.when, coupons, 0, path));
        path.at("then", |path| {
            path.no_more_than(MAX_BENEFITS, rule.then.len());
            path.refuse_unless(!rule.then.is_empty(), "empty", || {
                "A rule without benefits gives nothing: write one.".to_owned()
            });
        });
        path.each("then", &rule.then, |path, one| benefit::check(one, has_an_end(campaign), path));
    });
}

/// Somewhere it must stop, if it gives whole prices away.
fn has_an_end(campaign: &Campaign) -> bool {
    campaign.window.until.is_some()
        || campaign.max_per_line.is_some()
        || campaign.max_per_session.is_some()
        || !campaign.budgets.is_empty()
        || campaign.coupon.is_some_and(|policy| policy != CouponPolicy { period: policy.period, ..Default::default() })
}

fn window(window: &Window, path: &mut Path) {
    for (step, time) in [("from", window.from), ("until", window.until)] {
        if let Some(time) = time {
            path.at(step, |path| local_time(time, path));
        }
    }
    if let (Some(from), Some(until)) = (window.from, window.until) {
        path.at("until", |path| {
            path.refuse_unless(from < until, "contradiction", || {
                "The window ends before it begins: it is never open.".to_owned()
            });
        });
    }
}

fn local_time(time: NaiveDateTime, path: &mut Path) {
    path.refuse_unless((2000..2200).contains(&time.year()), "time-out-of-bounds", || {
        "Write a local time of the years 2000 to 2199.".to_owned()
    });
    path.refuse_unless(time.nanosecond() == 0, "time-too-fine", || "Write whole seconds.".to_owned());
}

pub(super) fn schedule(schedule: &Schedule, path: &mut Path) {
    let mut seen = HashSet::new();
    path.each("weekdays", &schedule.weekdays, |path, weekday| {
        path.refuse_unless(seen.insert(weekday.num_days_from_monday()), "duplicate", || {
            format!("{weekday} is listed before: keep one.")
        });
    });
    let Some(hours) = &schedule.hours else { return };
    path.at("hours", |path| {
        for (step, time) in [("from", hours.from), ("to", hours.to)] {
            path.at(step, |path| {
                path.refuse_unless(time.nanosecond() == 0, "time-too-fine", || "Write whole seconds.".to_owned());
            });
        }
    });
}

fn coupon(policy: &CouponPolicy, path: &mut Path) {
    let limits =
        [("per_code", policy.per_code), ("per_customer", policy.per_customer), ("per_store", policy.per_store)];
    for (step, limit) in limits {
        if let Some(limit) = limit {
            path.at(step, |path| path.count(limit, u32::MAX));
        }
    }
}

fn budgets(budgets: &[Budget], path: &mut Path) {
    let mut seen = BTreeMap::new();
    path.each("budgets", budgets, |path, budget| {
        path.at("limit", |path| {
            path.refuse_unless(budget.limit >= 1, "amount-out-of-bounds", || {
                "A budget of nothing gives nothing: write at least 1, or disable the campaign.".to_owned()
            });
        });
        let mut per: Vec<Per> = budget.per.clone();
        per.sort_unstable();
        let count = per.len();
        per.dedup();
        path.at("per", |path| {
            path.refuse_unless(per.len() == count, "duplicate", || {
                "One of these is listed twice: keep one.".to_owned()
            });
        });
        let first = seen.insert((budget.action, per, budget.period), ()).is_none();
        path.refuse_unless(first, "contradiction", || {
            "A budget before it limits the same for the same: keep the one that is meant.".to_owned()
        });
    });
}
