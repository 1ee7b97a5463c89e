//! Whether it can be a receipt at all. A product that nobody knows is no reason to deny a sale; sums that do not add up are.

use chrono::Utc;
use contract::FieldFault;
use contract::offline::OfflineReceipt;
use domain::session::{MAX_LINES, MAX_QUANTITY};
use domain::{Amount, Currency, Sku};

use super::record::{Permit, Sale, SaleLine};

const MAX_NUMBER_CHARS: usize = 64;

/// Checks every bound; the first that is broken is told.
pub(super) fn check(receipt: OfflineReceipt, currency: Currency) -> Result<Sale, FieldFault> {
    let number = &receipt.receipt_number;
    let visible = number.trim() == number && !number.chars().any(char::is_control);
    if !visible || !(1..=MAX_NUMBER_CHARS).contains(&number.chars().count()) {
        let detail = format!("A receipt number has 1 to {MAX_NUMBER_CHARS} visible characters.");
        return Err(fault("/receipt_number", "invalid-receipt-number", detail));
    }
    if receipt.device_counter < 0 {
        return Err(fault("/device_counter", "invalid-device-counter", "A device counts upwards from 0."));
    }
    if receipt.currency != currency {
        return Err(fault("/currency", "currency-mismatch", format!("This shop sells in {currency}.")));
    }
    if receipt.lines.is_empty() || receipt.lines.len() > MAX_LINES {
        return Err(fault("/lines", "line-count-out-of-bounds", format!("A receipt has 1 to {MAX_LINES} lines.")));
    }
    let mut lines = Vec::with_capacity(receipt.lines.len());
    for (place, line) in receipt.lines.into_iter().enumerate() {
        let sku = Sku::parse(line.sku).map_err(|why| fault(format!("/lines/{place}/sku"), "sku-invalid", why))?;
        let quantity = u32::try_from(line.quantity)
            .ok()
            .filter(|quantity| (1..=MAX_QUANTITY).contains(quantity))
            .ok_or_else(|| {
                let detail = format!("A quantity is 1 to {MAX_QUANTITY}. A return is not a receipt of its own.");
                fault(format!("/lines/{place}/quantity"), "quantity-out-of-bounds", detail)
            })?;
        if !(Amount::ZERO..=Amount::MAX_PRICE).contains(&line.unit_price) {
            let detail = format!("A price is 0 to {} minor units.", Amount::MAX_PRICE.minor());
            return Err(fault(format!("/lines/{place}/unit_price"), "unit-price-out-of-bounds", detail));
        }
        if !(Amount::ZERO..=line.unit_price.times(quantity)).contains(&line.discount) {
            let detail = "A discount is not negative, and no more than the line costs.";
            return Err(fault(format!("/lines/{place}/discount"), "discount-out-of-bounds", detail));
        }
        lines.push(SaleLine { sku, quantity, unit_price: line.unit_price, discount: line.discount });
    }
    let sale = Sale {
        number: receipt.receipt_number,
        device_counter: receipt.device_counter,
        code: receipt.customer_code,
        permit: receipt.grant_id.map_or(Permit::Nothing, Permit::Grant),
        lines,
        paid_at: receipt.paid_at.map(|at| at.with_timezone(&Utc)),
    };
    if receipt.paid != sale.total() {
        let detail = format!("The lines add up to {} minor units, not {}.", sale.total().minor(), receipt.paid.minor());
        return Err(fault("/paid", "paid-mismatch", detail));
    }
    Ok(sale)
}

fn fault(pointer: impl Into<String>, key: &str, detail: impl Into<String>) -> FieldFault {
    FieldFault { pointer: pointer.into(), key: key.to_owned(), detail: detail.into() }
}
