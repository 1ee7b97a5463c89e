//! A till's request, checked: every bound with a pointer to where it hurts, and the prices that are believed.

use contract::Refusal;
use contract::till::SessionRequest;
use domain::session::{MAX_LINES, MAX_QUANTITY};
use domain::{Amount, Sku, floor_price};
use promotions::{Facts, Line};

use crate::snapshot::{Shelved, Snapshot};

/// The most coupon codes of one session, and characters of one code.
pub(super) const MAX_COUPONS: usize = 20;
const MAX_COUPON_CHARS: usize = 64;

/// A request within the bounds; nothing is looked up yet.
pub(super) struct Basket<'a> {
    pub lines: Vec<Asked<'a>>,
    pub coupons: &'a [String],
}

pub(super) struct Asked<'a> {
    pub sku: &'a str,
    pub quantity: u32,
    pub unit_price: Option<Amount>,
}

/// Checks every bound, and tells all that are broken at once.
pub(super) fn check(request: &SessionRequest) -> Result<Basket<'_>, Refusal> {
    let mut faults =
        Refusal::unacceptable("invalid-session", "Something in this session is out of bounds: see `errors`.");
    if request.lines.len() > MAX_LINES {
        return Err(faults.at("/lines", "too-many-lines", format!("A session has at most {MAX_LINES} lines.")));
    }
    if request.coupon_codes.len() > MAX_COUPONS {
        let detail = format!("A session has at most {MAX_COUPONS} coupon codes.");
        return Err(faults.at("/coupon_codes", "too-many-coupons", detail));
    }
    let mut lines = Vec::with_capacity(request.lines.len());
    for (place, line) in request.lines.iter().enumerate() {
        let sku = match Sku::check(&line.sku) {
            Ok(()) => Some(line.sku.as_str()),
            Err(why) => {
                faults = faults.at(format!("/lines/{place}/sku"), "sku-invalid", why);
                None
            }
        };
        let quantity = u32::try_from(line.quantity).ok().filter(|quantity| (1..=MAX_QUANTITY).contains(quantity));
        if quantity.is_none() {
            let detail = format!("A quantity is 1 to {MAX_QUANTITY}.");
            faults = faults.at(format!("/lines/{place}/quantity"), "quantity-out-of-bounds", detail);
        }
        let price_good = line.unit_price.is_none_or(|price| (Amount::ZERO..=Amount::MAX_PRICE).contains(&price));
        if !price_good {
            let detail = format!("A price is 0 to {} minor units.", Amount::MAX_PRICE.minor());
            faults = faults.at(format!("/lines/{place}/unit_price"), "unit-price-out-of-bounds", detail);
        }
        if let (Some(sku), Some(quantity)) = (sku, quantity) {
            lines.push(Asked { sku, quantity, unit_price: line.unit_price });
        }
    }
    for (place, code) in request.coupon_codes.iter().enumerate() {
        if code.is_empty() || code.chars().count() > MAX_COUPON_CHARS || code.chars().any(char::is_control) {
            let detail = format!("A coupon code has 1 to {MAX_COUPON_CHARS} visible characters.");
            faults = faults.at(format!("/coupon_codes/{place}"), "coupon-code-invalid", detail);
        }
    }
    if faults.faults.is_empty() { Ok(Basket { lines, coupons: &request.coupon_codes }) } else { Err(faults) }
}

impl Basket<'_> {
    /// Puts products and prices to the lines. What `pinned` quoted before keeps its price and its cost.
    ///
    /// A till's own `unit_price` counts only where it `sets_prices`, and is lifted to the margin floor, but never above
    /// what the catalogue asks.
    pub(super) fn find(
        &self,
        shop: &Snapshot,
        sets_prices: bool,
        pinned: Option<&Facts>,
    ) -> Result<Vec<Line>, Refusal> {
        let mut unknown = Refusal::not_found("sku-not-found", "The catalogue has no such product: see `errors`.");
        let mut found = Vec::with_capacity(self.lines.len());
        for (place, asked) in self.lines.iter().enumerate() {
            let Some(Shelved { product, .. }) = shop.product(asked.sku) else {
                let detail = format!("There is no product {}.", asked.sku);
                unknown = unknown.at(format!("/lines/{place}/sku"), "sku-not-found", detail);
                continue;
            };
            let before = pinned.and_then(|facts| before(facts, place, asked.sku));
            let cost = before.map_or(product.cost, |line| line.cost);
            let unit_price = match (asked.unit_price.filter(|_| sets_prices), before) {
                (Some(price), _) => {
                    let floor = floor_price(cost, shop.settings.floor);
                    let least = floor.map_or(Amount::ZERO, |least| least.min(product.price));
                    price.max(least)
                }
                (None, Some(line)) if !sets_prices => line.unit_price,
                (None, _) => product.price,
            };
            found.push(Line {
                sku: product.sku.clone(),
                category: product.category.clone(),
                unit_price,
                cost,
                quantity: asked.quantity,
                offerable: product.offerable,
            });
        }
        if unknown.faults.is_empty() { Ok(found) } else { Err(unknown) }
    }
}

/// The line of this product in the quote before; most often it stands where it stood.
fn before<'a>(facts: &'a Facts, place: usize, sku: &str) -> Option<&'a Line> {
    match facts.lines.get(place) {
        Some(line) if line.sku.as_str() == sku => Some(line),
        _ => facts.lines.iter().find(|line| line.sku.as_str() == sku),
    }
}
