//! The page for somebody who is not signed in: what Kava does, honestly, and the one field it takes.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::customer::sign_in::PhoneForm;
use crate::i18n::{Text, tr};
use crate::ui::{Notice, Tone};

const TITLE: Text = Text::new("Good coffee. A discount of your own.", "Хороший кофе. И скидка, которая ваша.");
const LEAD: Text = Text::new(
    "Show one code at the till. You get three personal cards and choose the one that counts.",
    "Покажите код на кассе. У вас будут три личные карты, и вы сами выбираете, какая действует.",
);
const JOIN: Text = Text::new("Sign in or join", "Войти или присоединиться");
const POINTS: [(&str, Text, Text); 3] = [
    (
        "bag",
        Text::new("Three cards, one choice", "Три карты, один выбор"),
        Text::new(
            "One for the whole basket, one for a favourite shelf, one for a favourite thing. Each says why it is yours.",
            "На всю покупку, на любимый раздел, на любимый товар. И на каждой написано, почему она ваша.",
        ),
    ),
    (
        "espresso",
        Text::new("Never above the menu", "Никогда не дороже меню"),
        Text::new(
            "Personal only ever means less. Prices on the shelf are the most you will pay.",
            "Личная цена бывает только ниже. Больше, чем в меню, вы не заплатите.",
        ),
    ),
    (
        "beans",
        Text::new("Every saving, counted", "Вся экономия на виду"),
        Text::new(
            "Each receipt shows what it took off, and the sum stays with you. No points, no fine print.",
            "На каждом чеке видно, сколько сэкономлено, и сумма копится. Без баллов и мелкого шрифта.",
        ),
    ),
];
const MENU: Text = Text::new("See the menu", "Посмотреть меню");
const PRIVACY: Text = Text::new(
    "We use your number to sign you in and nothing else, unless you allow more.",
    "Номер нужен только для входа. На остальное спросим отдельно.",
);

const DELETED: Text = Text::new(
    "Your account is deleted. Nothing here knows you any more.",
    "Аккаунт удалён. Здесь о вас больше ничего не знают.",
);

#[component]
pub fn Landing() -> impl IntoView {
    let deleted = use_query_map().read_untracked().get_str("deleted").is_some();
    view! {
        <div class="landing">
            {deleted.then(|| view! { <Notice tone=Tone::Good><p>{tr(DELETED)}</p></Notice> })}
            <section class="landing__hero">
                <div class="stack">
                    <h1>{tr(TITLE)}</h1>
                    <p class="landing__lead">{tr(LEAD)}</p>
                    <p><a class="button button--quiet landing__menu" href="/menu">{tr(MENU)}</a></p>
                </div>
                <section class="panel landing__join" aria-labelledby="join">
                    <h2 id="join">{tr(JOIN)}</h2>
                    <PhoneForm next="/".to_owned() refused=None/>
                    <p class="soft">{tr(PRIVACY)}</p>
                </section>
            </section>
            <ul class="landing__points">
                {POINTS.map(|(name, title, text)| view! {
                    <li>
                        <img src=crate::ui::picture(name) alt="" width="72" height="72"/>
                        <h3>{tr(title)}</h3>
                        <p class="soft">{tr(text)}</p>
                    </li>
                }).collect_view()}
            </ul>
        </div>
    }
}
