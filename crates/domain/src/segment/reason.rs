//! Why somebody went from one segment to another: facts, said in the language of whoever asks.

use serde::{Deserialize, Serialize};

use crate::{Amount, Currency, Locale};

/// What moved a customer. Structured, so that it reads naturally in every language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SegmentReason {
    /// A purchase, or the end of one, with what was `taken` back. `away_days` is told when it was long.
    Purchase {
        before: Visits,
        after: Visits,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        away_days: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        taken: Option<TakenBack>,
        currency: Option<Currency>,
    },
    /// The segments were learned anew: model `version` calls the same customer something else.
    Fit { version: u32, visits: Visits, currency: Option<Currency> },
}

/// What was taken back of a purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakenBack {
    Goods,
    /// All of it: it was cancelled.
    Purchase,
}

/// How often somebody came, and what they paid each time on average.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visits {
    pub count: u32,
    pub basket: Amount,
}

impl SegmentReason {
    /// `visits 3 (were 2), basket average £10.10 (was £12.40)`; where it was no purchase, what it was comes first.
    #[must_use]
    pub fn words(&self, locale: Locale) -> String {
        let money = |amount: Amount, currency: &Option<Currency>| match currency {
            Some(currency) => amount.display(*currency, locale),
            None => amount.0.to_string(),
        };
        let (visits, average) = match locale {
            Locale::En => ("visits", "basket average"),
            Locale::Ru => ("визиты", "средний чек"),
        };
        match self {
            Self::Purchase { before, after, away_days, taken, currency } => {
                let (were, was) = match locale {
                    Locale::En => ("were", "was"),
                    Locale::Ru => ("было", "был"),
                };
                let basket = money(after.basket, currency);
                let what = match (taken, locale) {
                    (None, _) => "",
                    (Some(TakenBack::Goods), Locale::En) => "goods came back: ",
                    (Some(TakenBack::Goods), Locale::Ru) => "возврат товара: ",
                    (Some(TakenBack::Purchase), Locale::En) => "a purchase was cancelled: ",
                    (Some(TakenBack::Purchase), Locale::Ru) => "отмена покупки: ",
                };
                let mut text = format!("{what}{visits} {}", after.count);
                if after.count != before.count {
                    text.push_str(&format!(" ({were} {})", before.count));
                }
                text.push_str(&format!(", {average} {basket}"));
                if before.count > 0 {
                    text.push_str(&format!(" ({was} {})", money(before.basket, currency)));
                }
                if let Some(days) = away_days {
                    let count = u64::from(*days);
                    text.push_str(&match locale {
                        Locale::En => format!(", back after {days} {}", locale.plural(count, ["day", "days", "days"])),
                        Locale::Ru => format!(", перерыв {days} {}", locale.plural(count, ["день", "дня", "дней"])),
                    });
                }
                text
            }
            Self::Fit { version, visits: now, currency } => {
                let fit = match locale {
                    Locale::En => "fit",
                    Locale::Ru => "новый расчёт",
                };
                format!("{fit} {version}: {visits} {}, {average} {}", now.count, money(now.basket, currency))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_said_in_the_language_of_whoever_asks() {
        let purchase = |count, basket, days| SegmentReason::Purchase {
            before: Visits { count, basket: Amount(basket) },
            after: Visits { count: count + 1, basket: Amount(1_010) },
            away_days: days,
            taken: None,
            currency: Some(Currency::GBP),
        };
        let taken_out = |count, basket, what| SegmentReason::Purchase {
            before: Visits { count, basket: Amount(basket) },
            after: Visits { count: 3, basket: Amount(1_010) },
            away_days: None,
            taken: Some(what),
            currency: Some(Currency::GBP),
        };
        for (reason, en, ru) in [
            (
                purchase(0, 0, None),
                "visits 1 (were 0), basket average £10.10",
                "визиты 1 (было 0), средний чек 10,10\u{a0}£",
            ),
            (
                purchase(2, 1_240, Some(202)),
                "visits 3 (were 2), basket average £10.10 (was £12.40), back after 202 days",
                "визиты 3 (было 2), средний чек 10,10\u{a0}£ (был 12,40\u{a0}£), перерыв 202 дня",
            ),
            (
                taken_out(3, 1_240, TakenBack::Goods),
                "goods came back: visits 3, basket average £10.10 (was £12.40)",
                "возврат товара: визиты 3, средний чек 10,10\u{a0}£ (был 12,40\u{a0}£)",
            ),
            (
                taken_out(4, 1_240, TakenBack::Purchase),
                "a purchase was cancelled: visits 3 (were 4), basket average £10.10 (was £12.40)",
                "отмена покупки: визиты 3 (было 4), средний чек 10,10\u{a0}£ (был 12,40\u{a0}£)",
            ),
            (
                SegmentReason::Fit { version: 7, visits: Visits { count: 3, basket: Amount(900) }, currency: None },
                "fit 7: visits 3, basket average 900",
                "новый расчёт 7: визиты 3, средний чек 900",
            ),
        ] {
            assert_eq!((reason.words(Locale::En).as_str(), reason.words(Locale::Ru).as_str()), (en, ru));
            let kept = serde_json::to_value(&reason).unwrap();
            assert_eq!(serde_json::from_value::<SegmentReason>(kept).unwrap(), reason);
        }
    }
}
