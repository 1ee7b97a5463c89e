//! The log of offers and purchases as the engine wants it: customers' weeks.

use chrono_tz::Tz;
use discount::response::{Basket, History, Levels};
use store::offers::{By, Offer, WeekOfPurchases};
use uuid::Uuid;

use super::{week_begins, week_of};

/// The weeks of one customer since their first offer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logged {
    pub customer: Uuid,
    pub history: History,
    /// Of each week: the probability with which it was offered what it was; `None` where that was not left to chance.
    pub by_chance: Vec<Option<f64>>,
}

impl Logged {
    /// Weeks in which they came.
    pub(crate) fn came(&self) -> usize {
        self.history.bought.iter().flatten().count()
    }
}

/// Of each customer with offers, in their order: the weeks until this one, which is only told of whoever bought in it already.
/// Offers and purchases are in order of customer and time.
pub(crate) fn weeks_of(
    offers: &[Offer],
    bought: &[WeekOfPurchases],
    levels: &Levels,
    now: u32,
    zone: Tz,
) -> Vec<Logged> {
    let mut bought = bought.chunk_by(|a, b| a.customer == b.customer).peekable();
    let mut all = Vec::new();
    for offers in offers.chunk_by(|a, b| a.customer == b.customer) {
        let customer = offers[0].customer.0;
        while bought.next_if(|weeks| weeks[0].customer < customer).is_some() {}
        let bought = bought.next_if(|weeks| weeks[0].customer == customer).unwrap_or_default();
        all.push(weeks(customer, offers, bought, levels, now, zone));
    }
    all
}

fn weeks(customer: Uuid, offers: &[Offer], bought: &[WeekOfPurchases], levels: &Levels, now: u32, zone: Tz) -> Logged {
    let first_week = week_of(offers[0].at, zone);
    let mut logged = Logged { customer, history: History { first_week, ..History::default() }, by_chance: Vec::new() };
    let mut bought = bought.iter().peekable();
    for week in first_week..=now {
        let number = i64::from(week);
        while bought.next_if(|one| i64::from(one.week) < number).is_some() {}
        let purchase = bought.next_if(|one| i64::from(one.week) == number);
        if week == now && purchase.is_none() {
            break;
        }
        // What was offered when they came; where they did not, at the week's beginning.
        let moment = purchase.map_or_else(|| week_begins(week, zone), |purchase| purchase.at);
        let in_force = &offers[offers.partition_point(|offer| offer.at <= moment).max(1) - 1];
        logged.history.offered.push(levels.place(in_force.rate));
        logged.history.bought.push(purchase.map(|purchase| Basket {
            gross: purchase.gross.max(0) as f32,
            cost: purchase.cost.max(0) as f32,
            discount: purchase.discount.max(0) as f32,
        }));
        let is_drawn = in_force.by == By::Pilot && in_force.propensity < 1.0;
        logged.by_chance.push(is_drawn.then_some(in_force.propensity));
    }
    logged
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use domain::{CustomerId, Rate};

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn offer(customer: u128, when: &str, by: By, bp: u32, propensity: f64) -> Offer {
        Offer {
            customer: CustomerId(Uuid::from_u128(customer)),
            at: at(when),
            by,
            rate: Rate(bp),
            drawn_at: at(when),
            propensity,
            model: None,
            stands_in: None,
            shadow: None,
        }
    }

    /// Weeks of Minsk: 2026-11-02 is a Monday, and its week is the 356th.
    #[test]
    fn a_week_has_the_offer_that_was_in_force() {
        let zone = Tz::Europe__Minsk;
        let week = week_of(at("2026-11-02T10:00:00Z"), zone);
        assert_eq!((week, week_begins(week, zone)), (356, at("2026-11-01T21:00:00Z")));
        let offers = [
            offer(1, "2026-11-03T10:00:00Z", By::Pilot, 1_500, 0.48),
            // Drawn anew by the purchase of the week after.
            offer(1, "2026-11-11T12:30:00Z", By::Pilot, 0, 0.48),
            offer(2, "2026-11-18T09:00:00Z", By::Rule, 750, 1.0),
        ];
        let bought = [
            WeekOfPurchases {
                customer: Uuid::from_u128(1),
                week: 357,
                at: at("2026-11-11T12:00:00Z"),
                gross: 800,
                cost: 300,
                discount: 120,
            },
            WeekOfPurchases {
                customer: Uuid::from_u128(2),
                week: 359,
                at: at("2026-11-23T12:00:00Z"),
                gross: 500,
                cost: 200,
                discount: 0,
            },
        ];
        let levels = Levels::steps(Rate(250), Rate(1_500));
        let logged = weeks_of(&offers, &bought, &levels, 359, zone);
        let of = |place: usize| {
            let Logged { history, by_chance, .. } = &logged[place];
            let bought: Vec<bool> = history.bought.iter().map(Option::is_some).collect();
            (history.first_week, history.offered.clone(), bought, by_chance.clone())
        };
        // This week, the 359th, counts for whoever bought in it.
        let half = Some(0.48);
        assert_eq!(of(0), (356, vec![6, 6, 0], vec![false, true, false], vec![half, half, half]));
        assert_eq!(of(1), (358, vec![3, 3], vec![false, true], vec![None, None]));
        assert_eq!(logged[0].history.bought[1].unwrap().discount, 120.0);
        assert_eq!(logged.iter().map(Logged::came).collect::<Vec<_>>(), [1, 1]);
    }
}
