//! The terms as a form: a plain one, that works without JavaScript.

use contract::offers::{OfferMode, OfferTerms};
use domain::Currency;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

use super::api::SetTerms;
use super::state::{percent, plain};
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
