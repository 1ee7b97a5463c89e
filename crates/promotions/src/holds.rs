//! Whether a condition holds, and if not, the first leaf that says why.

use domain::Amount;

use crate::basket::Item;
use crate::condition::{Between, Condition, CountRange};
use crate::explanation::Unmet;
use crate::facts::Customer;
use crate::scene::Scene;
use crate::select::Select;

impl Condition<Select> {
    /// `None`: it holds.
    pub(crate) fn unmet(&self, scene: &Scene) -> Option<Unmet> {
        let customer = scene.facts.customer.as_ref();
        match self {
            Self::All(parts) => parts.iter().find_map(|part| part.unmet(scene)),
            Self::Any(parts) => {
                let mut first = None;
                for part in parts {
                    let unmet = part.unmet(scene)?;
                    first = first.or(Some(unmet));
                }
                first.or(Some(Unmet::Excluded))
            }
            Self::Not(part) => failing(part.unmet(scene).is_some(), Unmet::Excluded),
            Self::Subtotal(range) => {
                let have: Amount = of(&range.of, scene).map(|item| item.subtotal).sum();
                let low = range.at_least.filter(|need| have < *need).map(|need| Unmet::SubtotalTooLow { have, need });
                low.or(range.at_most.filter(|most| have > *most).map(|most| Unmet::SubtotalTooHigh { have, most }))
            }
            Self::Quantity(range) => {
                let have = units(of(&range.of, scene));
                let few = |need| Unmet::TooFewUnits { have, need };
                outside(range, have, few, |most| Unmet::TooManyUnits { have, most })
            }
            Self::Distinct(range) => {
                let have = distinct(&range.of, scene);
                let few = |need| Unmet::TooFewProducts { have, need };
                outside(range, have, few, |most| Unmet::TooManyProducts { have, most })
            }
            Self::Has(select) => failing(of(select, scene).any(|item| item.quantity > 0), Unmet::ProductMissing),
            Self::CustomerKnown => failing(customer.is_some(), Unmet::Stranger),
            Self::Customers(ids) => {
                known(customer, |customer| failing(ids.contains(&customer.id), Unmet::OtherCustomer))
            }
            Self::Segment(test) => {
                known(customer, |customer| failing(test.covers(&customer.segment), Unmet::OtherSegment))
            }
            Self::Visits(between) => known(customer, |customer| {
                let have = customer.visits;
                beyond(
                    between,
                    have,
                    |need| Unmet::TooFewVisits { have, need },
                    |most| Unmet::TooManyVisits { have, most },
                )
            }),
            Self::FirstPurchase => known(customer, |customer| failing(customer.visits == 0, Unmet::NotFirstPurchase)),
            Self::Birthday(within) => known(customer, |customer| {
                let Some((month, day)) = customer.birthday else { return Some(Unmet::BirthdayUnknown) };
                let near = scene.moment.days_to_birthday(month, day);
                failing(near.is_some_and(|days| days <= u64::from(within.within_days)), Unmet::BirthdayFar)
            }),
            Self::DaysSinceLastPurchase(between) => known(customer, |customer| {
                let Some(last) = customer.last_purchase_at else { return Some(Unmet::NeverBought) };
                let days = scene.moment.today().signed_duration_since(scene.moment.date_of(last)).num_days();
                let days = u32::try_from(days.max(0)).unwrap_or(u32::MAX);
                beyond(between, days, |need| Unmet::TooSoon { days, need }, |most| Unmet::TooLong { days, most })
            }),
            Self::Stores(ids) => failing(ids.contains(&scene.facts.store), Unmet::OtherStore),
            Self::Schedule(schedule) => failing(scene.moment.is_in(schedule), Unmet::OutsideSchedule),
            Self::CardUsed => failing(scene.facts.card.is_some(), Unmet::NoCard),
            Self::CouponOf(campaign) => {
                failing(scene.has_code_of(*campaign), Unmet::NoCouponOf { campaign: *campaign })
            }
        }
    }
}

fn failing(holds: bool, unmet: Unmet) -> Option<Unmet> {
    if holds { None } else { Some(unmet) }
}

fn known(customer: Option<&Customer>, test: impl FnOnce(&Customer) -> Option<Unmet>) -> Option<Unmet> {
    match customer {
        Some(customer) => test(customer),
        None => Some(Unmet::Stranger),
    }
}

fn of<'a>(select: &'a Select, scene: &'a Scene) -> impl Iterator<Item = &'a Item> {
    scene.items.iter().filter(|item| select.covers(item))
}

fn units<'a>(items: impl Iterator<Item = &'a Item>) -> u64 {
    items.map(|item| u64::from(item.quantity)).sum()
}

/// The items are in the order of their products, so that equal ones are neighbours.
fn distinct(select: &Select, scene: &Scene) -> u64 {
    let mut last = None;
    let mut count = 0;
    for item in of(select, scene).filter(|item| item.quantity > 0) {
        let sku = &scene.facts.lines[item.place].sku;
        if last != Some(sku) {
            count += 1;
            last = Some(sku);
        }
    }
    count
}

fn outside(
    range: &CountRange<Select>,
    have: u64,
    few: impl FnOnce(u32) -> Unmet,
    many: impl FnOnce(u32) -> Unmet,
) -> Option<Unmet> {
    let low = range.at_least.filter(|need| have < u64::from(*need)).map(few);
    low.or(range.at_most.filter(|most| have > u64::from(*most)).map(many))
}

fn beyond(
    between: &Between,
    have: u32,
    few: impl FnOnce(u32) -> Unmet,
    many: impl FnOnce(u32) -> Unmet,
) -> Option<Unmet> {
    let low = between.at_least.filter(|need| have < *need).map(few);
    low.or(between.at_most.filter(|most| have > *most).map(many))
}
