//! Benefits: amounts and counts within bounds, and no whole price given away without an end.

use domain::session::MAX_QUANTITY;
use domain::{Amount, Rate};

use super::condition::selector;
use super::path::Path;
use super::{MAX_ENTRIES, MAX_SLOTS};
use crate::benefit::{Benefit, Off, Pick, Slot, Step};

const LEAST_RATE: Rate = Rate(1);

pub(super) fn check(benefit: &Benefit, has_an_end: bool, path: &mut Path) {
    match benefit {
        Benefit::Percentage { rate, of } => path.at("percentage", |path| {
            path.at("rate_bp", |path| {
                path.rate(*rate, LEAST_RATE);
                bounded(*rate != Rate::WHOLE || has_an_end, path);
            });
            path.at("of", |path| selector(of, path));
        }),
        Benefit::AmountOff { amount, of } => path.at("amount_off", |path| {
            path.at("amount", |path| path.amount(*amount, 1));
            path.at("of", |path| selector(of, path));
        }),
        Benefit::AmountOffEach { amount, of } => path.at("amount_off_each", |path| {
            path.at("amount", |path| path.amount(*amount, 1));
            path.at("of", |path| selector(of, path));
        }),
        Benefit::FixedPrice { price, of } => path.at("fixed_price", |path| {
            path.at("price", |path| {
                path.amount(*price, 0);
                bounded(*price > Amount::ZERO || has_an_end, path);
            });
            path.at("of", |path| selector(of, path));
        }),
        Benefit::Bundle { slots, price, at_most } => path.at("bundle", |path| {
            path.at("price", |path| {
                path.amount(*price, 0);
                bounded(*price > Amount::ZERO || has_an_end || at_most.is_some(), path);
            });
            path.at("slots", |path| {
                path.no_more_than(MAX_SLOTS, slots.len());
                path.refuse_unless(!slots.is_empty(), "empty", || "A bundle has one slot at least.".to_owned());
            });
            path.each("slots", slots, |path, one| slot(one, path));
            times(*at_most, path);
        }),
        Benefit::BuyXGetY { buy, get, rate, at_most } => path.at("buy_x_get_y", |path| {
            path.at("buy", |path| slot(buy, path));
            path.at("get", |path| slot(get, path));
            path.at("rate_bp", |path| path.rate(*rate, LEAST_RATE));
            times(*at_most, path);
        }),
        Benefit::Cheapest(one) => path.at("cheapest", |path| pick(one, path)),
        Benefit::MostExpensive(one) => path.at("most_expensive", |path| pick(one, path)),
        Benefit::Tiers { of, steps, .. } => path.at("tiers", |path| {
            path.at("of", |path| selector(of, path));
            tiers(steps, has_an_end, path);
        }),
        Benefit::FreeItem { quantity, .. } => path.at("free_item", |path| {
            path.at("quantity", |path| path.count(*quantity, MAX_QUANTITY));
        }),
    }
}

fn bounded(is: bool, path: &mut Path) {
    path.refuse_unless(is, "unbounded", || {
        "This gives whole prices away for ever: give the campaign an end (`window.until`), a budget, a limit on its \
         coupons, `max_per_line` or `max_per_session`."
            .to_owned()
    });
}

fn slot(slot: &Slot, path: &mut Path) {
    path.at("of", |path| selector(&slot.of, path));
    path.at("quantity", |path| path.count(slot.quantity, MAX_QUANTITY));
}

fn times(at_most: Option<u32>, path: &mut Path) {
    if let Some(at_most) = at_most {
        path.at("at_most", |path| path.count(at_most, u32::MAX));
    }
}

fn pick(pick: &Pick, path: &mut Path) {
    path.at("of", |path| selector(&pick.of, path));
    path.at("units", |path| path.count(pick.units, MAX_QUANTITY));
    path.at("rate_bp", |path| path.rate(pick.rate, LEAST_RATE));
    if let Some(every) = pick.of_every {
        path.at("of_every", |path| {
            path.refuse_unless(every > pick.units, "contradiction", || {
                "As many units are lowered as are counted, or more: write a larger number, or use `percentage`."
                    .to_owned()
            });
        });
    }
}

fn tiers(steps: &[Step], has_an_end: bool, path: &mut Path) {
    path.at("steps", |path| {
        path.no_more_than(MAX_ENTRIES, steps.len());
        path.refuse_unless(!steps.is_empty(), "empty", || "Tiers have one step at least.".to_owned());
    });
    let mut before: Option<Step> = None;
    path.each("steps", steps, |path, step| {
        path.at("from", |path| {
            path.refuse_unless(step.from >= 0, "amount-out-of-bounds", || "Write 0 or more.".to_owned());
            path.refuse_unless(before.is_none_or(|before| before.from < step.from), "contradiction", || {
                "Steps rise: this one does not begin above the one before.".to_owned()
            });
        });
        path.at("off", |path| match step.off {
            Off::RateBp(rate) => path.at("rate_bp", |path| {
                path.rate(rate, LEAST_RATE);
                bounded(rate != Rate::WHOLE || has_an_end, path);
            }),
            Off::Amount(amount) => path.at("amount", |path| path.amount(amount, 1)),
        });
        before = Some(*step);
    });
}
