//! The terms as a form: a plain one, that works without JavaScript.

use contract::Refusal;
use contract::offers::{OfferMode, OfferTerms};
use domain::{Amount, Currency, Rate};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

use super::api::SetTerms;
use crate::i18n::{Text, tr, use_locale};
use crate::ui::{SubmitButton, TextField};

const TITLE: Text = Text::new("Terms", "Условия");
const HINT: Text = Text::new(
    "Whoever has cards keeps them until they buy or the cards run out.",
    "Выданные карты действуют, пока гость не купит или срок не кончится.",
);
const MODE: Text = Text::new("Who decides", "Кто решает");
const HELD_OUT: Text = Text::new("Held out, %", "Контрольная группа, %");
const HELD_OUT_HINT: Text = Text::new(
    "Of all customers, for good. Without them nobody can say what discounts bring; 2 to 5 is usual.",
    "Доля гостей без личных скидок, навсегда. Без неё не узнать, что приносят скидки; обычно от 2 до 5.",
);
const LEAST: Text = Text::new("Least, %", "Не меньше, %");
const LEAST_HINT: Text = Text::new("Nobody is offered less off the basket.", "Меньше никому не предлагаем.");
const MOST: Text = Text::new("Most, %", "Не больше, %");
const MOST_HINT: Text = Text::new("In steps of 2.5.", "С шагом 2,5.");
const BUDGET: Text = Text::new("Budget a period", "Бюджет на период");
const BUDGET_HINT: Text = Text::new(
    "What cards may cost; empty is no limit. When it is spent, offers end.",
    "Сколько могут стоить карты; пусто: без ограничения. Когда бюджет потрачен, новых карт нет.",
);
const SAVE: Text = Text::new("Save", "Сохранить");

pub(super) const fn mode_words(mode: OfferMode) -> Text {
    match mode {
        OfferMode::Rule => Text::new("The segment's level", "Уровень сегмента"),
        OfferMode::Pilot => Text::new("Chance, to learn from", "Случай, чтобы научиться"),
        OfferMode::Learned => Text::new("The model in use", "Действующая модель"),
    }
}

/// What the form sent.
///
/// # Errors
/// `discount-terms` for what is no mode, rate or amount.
pub(super) fn read(
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
fn percent(rate: Rate) -> String {
    let (whole, part) = (rate.bp() / 100, rate.bp() % 100);
    if part == 0 { whole.to_string() } else { format!("{whole}.{part:02}").trim_end_matches('0').to_owned() }
}

/// An amount as the form has it: `1200.50`.
fn plain(amount: Amount, currency: Currency) -> String {
    let unit = 10_i64.pow(u32::from(currency.exponent()));
    let (whole, part) = (amount.minor() / unit, amount.minor() % unit);
    let digits = usize::from(currency.exponent());
    if part == 0 { whole.to_string() } else { format!("{whole}.{part:0digits$}") }
}

#[component]
pub fn TermsForm(terms: OfferTerms, currency: Currency) -> impl IntoView {
    let locale = use_locale();
    let options = OfferMode::ALL.map(|mode| {
        view! { <option value=mode.as_str() selected=mode == terms.mode>{mode_words(mode).of(locale)}</option> }
    });
    let budget = terms.budget.map(|budget| plain(budget, currency)).unwrap_or_default();
    view! {
        <section class="stack" aria-labelledby="terms-title">
            <h2 id="terms-title">{tr(TITLE)}</h2>
            <p class="soft">{tr(HINT)}</p>
            <form method="post" action=SetTerms::url() class="panel stack terms">
                <div class="field">
                    <label class="field__label" for="mode">{tr(MODE)}</label>
                    <select class="field__input" id="mode" name="mode">{options.collect_view()}</select>
                </div>
                <div class="terms__row">
                    <TextField label=tr(LEAST) name="least" value=percent(terms.least) hint=tr(LEAST_HINT) inputmode="decimal" maxlength=6 required=true/>
                    <TextField label=tr(MOST) name="most" value=percent(terms.most) hint=tr(MOST_HINT) inputmode="decimal" maxlength=6 required=true/>
                    <TextField label=tr(HELD_OUT) name="held_out" value=percent(terms.held_out) hint=tr(HELD_OUT_HINT) inputmode="decimal" maxlength=6 required=true/>
                    <TextField label=tr(BUDGET) name="budget" value=budget hint=tr(BUDGET_HINT) inputmode="decimal" maxlength=16/>
                </div>
                <div><SubmitButton label=tr(SAVE)/></div>
            </form>
        </section>
    }
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
