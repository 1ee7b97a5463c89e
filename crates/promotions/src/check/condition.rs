//! Conditions: that they can hold, and that their tree has an end.

use std::collections::HashSet;

use domain::{Amount, CampaignId};

use super::path::Path;
use super::{MAX_DEPTH, MAX_PARTS, campaign};
use crate::condition::{Condition, Selector};

pub(super) fn check(condition: &Condition, coupons: &HashSet<CampaignId>, depth: usize, path: &mut Path) {
    if depth > MAX_DEPTH {
        path.refuse("too-deep", format!("Conditions nest at most {MAX_DEPTH} deep: flatten this one."));
        return;
    }
    let parts = |step: &str, parts: &[Condition], path: &mut Path| {
        path.at(step, |path| path.no_more_than(MAX_PARTS, parts.len()));
        path.each(step, parts, |path, part| check(part, coupons, depth + 1, path));
    };
    match condition {
        Condition::All(all) => parts("all", all, path),
        Condition::Any(any) => {
            path.at("any", |path| path.some(any));
            parts("any", any, path);
        }
        Condition::Not(part) => path.at("not", |path| check(part, coupons, depth + 1, path)),
        Condition::Subtotal(range) => path.at("subtotal", |path| {
            path.at("of", |path| selector(&range.of, path));
            path.range(range.at_least, range.at_most);
            let negative = range.at_most.is_some_and(|most| most < Amount::ZERO);
            path.refuse_unless(!negative, "impossible", || "No subtotal is below zero.".to_owned());
        }),
        Condition::Quantity(range) => path.at("quantity", |path| {
            path.at("of", |path| selector(&range.of, path));
            path.range(range.at_least, range.at_most);
        }),
        Condition::Distinct(range) => path.at("distinct", |path| {
            path.at("of", |path| selector(&range.of, path));
            path.range(range.at_least, range.at_most);
            let listed: HashSet<_> = range.of.skus.iter().collect();
            let few = !listed.is_empty() && range.of.categories.is_empty();
            let reachable = !few || range.at_least.is_none_or(|least| least as usize <= listed.len());
            path.refuse_unless(reachable, "impossible", || {
                format!("Only {} products are listed: it can never hold.", listed.len())
            });
        }),
        Condition::Has(of) => path.at("has", |path| selector(of, path)),
        Condition::Customers(ids) => path.at("customers", |path| path.some(ids)),
        Condition::Stores(ids) => path.at("stores", |path| path.some(ids)),
        Condition::Segment(test) => path.at("segment", |path| {
            path.refuse_unless(test.newcomers || test.apart || test.names_profiles(), "impossible", || {
                "No segment is meant: name `presence`, `habit` or `basket`, or set `newcomers` or `apart`.".to_owned()
            });
        }),
        Condition::Visits(range) => path.at("visits", |path| path.range(range.at_least, range.at_most)),
        Condition::DaysSinceLastPurchase(range) => {
            path.at("days_since_last_purchase", |path| path.range(range.at_least, range.at_most));
        }
        Condition::Birthday(within) => path.at("birthday", |path| {
            path.at("within_days", |path| {
                path.refuse_unless(within.within_days <= 182, "always-true", || {
                    "Every birthday is within 183 days: write less, or `customer_known`.".to_owned()
                });
            });
        }),
        Condition::Schedule(schedule) => path.at("schedule", |path| campaign::schedule(schedule, path)),
        Condition::CouponOf(id) => path.at("coupon_of", |path| {
            path.refuse_unless(coupons.contains(id), "impossible", || {
                "No campaign of this id has coupons: give it a `coupon`, or name another.".to_owned()
            });
        }),
        Condition::CustomerKnown | Condition::FirstPurchase | Condition::CardUsed => {}
    }
    contradictions(condition, path);
}

/// What stands side by side in an `all` and excludes one another.
fn contradictions(condition: &Condition, path: &mut Path) {
    let Condition::All(parts) = condition else { return };
    if parts.len() > MAX_PARTS {
        return;
    }
    for (place, part) in parts.iter().enumerate() {
        let clashes = parts[..place].iter().any(|before| excludes(before, part) || excludes(part, before));
        if clashes {
            path.at("all", |path| {
                path.at(place, |path| {
                    path.refuse("contradiction", "It cannot hold together with one before it: drop one.".to_owned());
                });
            });
        }
    }
}

fn excludes(one: &Condition, other: &Condition) -> bool {
    match (one, other) {
        (Condition::Not(not), other) => **not == *other || implies(other, not),
        (Condition::Subtotal(a), Condition::Subtotal(b)) => {
            a.of == b.of && matches!((a.at_least, b.at_most), (Some(least), Some(most)) if least > most)
        }
        (Condition::Quantity(a), Condition::Quantity(b)) | (Condition::Distinct(a), Condition::Distinct(b)) => {
            a.of == b.of && matches!((a.at_least, b.at_most), (Some(least), Some(most)) if least > most)
        }
        (Condition::Visits(a), Condition::Visits(b))
        | (Condition::DaysSinceLastPurchase(a), Condition::DaysSinceLastPurchase(b)) => {
            matches!((a.at_least, b.at_most), (Some(least), Some(most)) if least > most)
        }
        (Condition::FirstPurchase, Condition::Visits(between)) => between.at_least.is_some_and(|least| least > 0),
        (Condition::FirstPurchase, Condition::DaysSinceLastPurchase(_)) => true,
        (Condition::Stores(a), Condition::Stores(b)) => !a.iter().any(|store| b.contains(store)),
        (Condition::Customers(a), Condition::Customers(b)) => !a.iter().any(|customer| b.contains(customer)),
        _ => false,
    }
}

/// Everything that looks at a customer needs one.
fn implies(one: &Condition, other: &Condition) -> bool {
    *other == Condition::CustomerKnown
        && matches!(
            one,
            Condition::Customers(_)
                | Condition::Segment(_)
                | Condition::Visits(_)
                | Condition::FirstPurchase
                | Condition::Birthday(_)
                | Condition::DaysSinceLastPurchase(_)
        )
}

pub(super) fn selector(of: &Selector, path: &mut Path) {
    path.at("skus", |path| path.list(&of.skus));
    path.at("categories", |path| path.list(&of.categories));
    path.at("not", |path| {
        path.at("skus", |path| path.list(&of.not.skus));
        path.at("categories", |path| path.list(&of.not.categories));
    });
    if let (Some(least), Some(most)) = (of.min_unit_price, of.max_unit_price) {
        path.at("max_unit_price", |path| {
            path.refuse_unless(least <= most, "contradiction", || {
                "The highest price is below the lowest: nothing is selected.".to_owned()
            });
        });
    }
    let listed = !(of.skus.is_empty() && of.categories.is_empty());
    let (not_skus, not_categories): (HashSet<_>, HashSet<_>) =
        (of.not.skus.iter().collect(), of.not.categories.iter().collect());
    let all_excluded = of.skus.iter().all(|sku| not_skus.contains(sku))
        && of.categories.iter().all(|category| not_categories.contains(category));
    path.at("not", |path| {
        path.refuse_unless(!(listed && all_excluded), "contradiction", || {
            "Everything that is selected is excluded again: nothing is left.".to_owned()
        });
    });
}
