//! The terms' form, read and written as people type. Pure.

use contract::Refusal;
use contract::offers::{OfferMode, OfferTerms};
use domain::{Amount, Currency, Rate};

/// What the form sent.
///
/// # Errors
/// `discount-terms` for what is no mode, rate or amount.
pub fn read(
    mode: &str,
    held_out: &str,
    least: &str,
    most: &str,
    budget: Option<&str>,
    currency: Currency,
) -> Result<OfferTerms, Refusal> {
    let wrong = |what: &str| Refusal::unacceptable("discount-terms", format!("{what} cannot be read."));
    // As people of either language write it.
    let number = |text: &str| text.trim().replace(',', ".");
    let rate = |text: &str, what: &str| Rate::parse_percent(&number(text)).map_err(|_| wrong(what));
    let budget = budget.map(number).filter(|text| !text.is_empty());
    Ok(OfferTerms {
        mode: OfferMode::ALL.into_iter().find(|one| one.as_str() == mode).ok_or_else(|| wrong("The mode"))?,
        held_out: rate(held_out, "The share of who is held out")?,
        least: rate(least, "The least")?,
        most: rate(most, "The most")?,
        budget: budget.map(|text| currency.parse_amount(&text).map_err(|_| wrong("The budget"))).transpose()?,
    })
}

/// A rate as the form has it: `7.5`.
#[must_use]
pub fn percent(rate: Rate) -> String {
    let (whole, part) = (rate.bp() / 100, rate.bp() % 100);
    if part == 0 { whole.to_string() } else { format!("{whole}.{part:02}").trim_end_matches('0').to_owned() }
}

/// An amount as the form has it: `1200.50`.
#[must_use]
pub fn plain(amount: Amount, currency: Currency) -> String {
    let unit = 10_i64.pow(u32::from(currency.exponent()));
    let (whole, part) = (amount.minor() / unit, amount.minor() % unit);
    let digits = usize::from(currency.exponent());
    if part == 0 { whole.to_string() } else { format!("{whole}.{part:0digits$}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_people_write() {
        let read = |most: &str, budget: Option<&str>| read("pilot", "4", "0", most, budget, Currency::EUR);
        let terms = read("12,5", Some(" 1200,50 ")).unwrap();
        assert_eq!((terms.mode, terms.held_out, terms.most), (OfferMode::Pilot, Rate(400), Rate(1_250)));
        assert_eq!(terms.budget, Some(Amount(120_050)));
        assert_eq!(read("15 %", Some("")).unwrap().budget, None);
        assert_eq!(read("15", None).unwrap().budget, None);
        for (most, budget) in [("", None), ("-5", None), ("1e3", None), ("15", Some("much")), ("15", Some("0.001"))] {
            assert!(read(most, budget).unwrap_err().is("discount-terms"), "{most:?} {budget:?}");
        }
        assert!(super::read("magic", "4", "0", "15", None, Currency::EUR).unwrap_err().is("discount-terms"));
    }

    #[test]
    fn an_amount_in_the_form_is_read_back_as_itself() {
        for minor in [0, 5, 120_000, 120_050] {
            let text = plain(Amount(minor), Currency::EUR);
            assert_eq!(Currency::EUR.parse_amount(&text).unwrap(), Amount(minor), "{text}");
        }
    }

    #[test]
    fn a_rate_in_the_form_is_read_back_as_itself() {
        for bp in [0, 250, 400, 1_250, 1_000, 5] {
            assert_eq!(Rate::parse_percent(&percent(Rate(bp))).unwrap(), Rate(bp), "{}", percent(Rate(bp)));
        }
    }
}
