use proptest::prelude::*;

use super::*;
use crate::Locale;

proptest! {
    /// Law 1: the parts of a split always add up to the whole, to the last unit, and no part exceeds its weight.
    #[test]
    fn a_split_loses_nothing(weights in prop::collection::vec(0_i64..10_000_000_000, 1..200), share in 0_u32..=10_000) {
        let weights: Vec<Amount> = weights.into_iter().map(Amount).collect();
        let whole: Amount = weights.iter().copied().sum();
        let total = Rate(share).of(whole);
        let parts = split(total, &weights);
        prop_assert_eq!(parts.iter().copied().sum::<Amount>(), if whole.is_zero() { Amount::ZERO } else { total });
        for (part, weight) in parts.iter().zip(&weights) {
            prop_assert!(*part >= Amount::ZERO && part <= weight);
        }
    }

    /// Equal weights and so equal remainders are the rule in a basket.
    #[test]
    fn a_small_split_is_the_split_of_any_size(
        weights in prop::collection::vec(prop_oneof![-5_i64..5, 0_i64..1_000, 0_i64..21_000_000], 0..200),
        total in 1_u32..,
    ) {
        let weights: Vec<Amount> = weights.into_iter().map(Amount).collect();
        let whole: i128 = weights.iter().map(|weight| i128::from(weight.0.max(0))).sum();
        if let Some(small) = u32::try_from(whole).ok().filter(|whole| *whole > 0) {
            let (mut few, mut any) = (weights.clone(), weights);
            split_small(total, &mut few, small);
            split_any(Amount(i64::from(total)), &mut any, whole);
            prop_assert_eq!(few, any);
        }
    }

    #[test]
    fn amounts_are_read_as_they_are_written(minor in -1_000_000_000_000_i64..1_000_000_000_000) {
        let text = format!("{}{}.{:02}", if minor < 0 { "-" } else { "" }, minor.abs() / 100, minor.abs() % 100);
        prop_assert_eq!(Currency::GBP.parse_amount(&text), Ok(Amount(minor)));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}") {
        let _ = Currency::GBP.parse_amount(&text);
        let _ = Rate::parse_percent(&text);
        let _ = text.parse::<Currency>();
    }
}

#[test]
fn three_thirds_of_a_euro() {
    let third = Amount(3_333);
    assert_eq!(split(Amount(100), &[third, third, third]), [Amount(34), Amount(33), Amount(33)]);
}

#[test]
fn what_is_not_money_says_why() {
    let read = |text| Currency::GBP.parse_amount(text);
    assert_eq!(read("0.001"), Err(MoneyError::TooFine { exponent: 2 }));
    assert_eq!(read("2.50000"), Ok(Amount(250)));
    for text in ["", "NaN", "inf", "1e3", ".", "1.", ".5", "--1", "1,5", "+1"] {
        assert_eq!(read(text), Err(MoneyError::NotANumber), "{text}");
    }
    assert_eq!(read("99999999999999999999"), Err(MoneyError::TooLarge));
}

#[test]
fn rates_are_read_and_written() {
    assert_eq!(Rate::parse_percent("35%"), Ok(Rate(3_500)));
    assert_eq!(Rate::parse_percent("12.5 %"), Ok(Rate(1_250)));
    assert_eq!(Rate::parse_percent("-3%"), Err(MoneyError::NotARate));
    assert_eq!(Rate(750).display(Locale::En), "7.5%");
    assert_eq!(Rate(1_000).display(Locale::Ru), "10\u{a0}%");
}

#[test]
fn people_read_money_in_their_own_way() {
    assert_eq!(Amount(1_234_567).display(Currency::GBP, Locale::En), "£12,345.67");
    assert_eq!(Amount(-5).display(Currency::GBP, Locale::En), "\u{2212}£0.05");
    assert_eq!(Amount(1_234_567).display(Currency::EUR, Locale::Ru), "12\u{a0}345,67\u{a0}€");
}
