//! `/profile`

use domain::Locale;
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::api::{DeleteAccount, ProfileShown, SaveProfile, SignOut, load_profile};
use super::state::is_field;
use crate::customer::frame::{Frame, SignedIn, refused};
use crate::customer::offline;
use crate::customer::sign_in::told;
use crate::fault::Fault;
use crate::i18n::{Text, tr, use_locale};
use crate::page::{Theme, use_page};
use crate::ui::barcode::QrCode;
use crate::ui::{Checkbox, FaultNotice, Icon, Notice, SubmitButton, TextField, Tone, date, icon, loaded};

const TITLE: Text = Text::new("Profile", "Профиль");
const SINCE: Text = Text::new("With Kava since", "В Kava с");
const ABOUT: Text = Text::new("About you", "О вас");
const NAME: Text = Text::new("Name", "Имя");
const EMAIL: Text = Text::new("E-mail", "Электронная почта");
const EMAIL_HINT: Text = Text::new("For receipts. You may leave it empty.", "Для чеков. Можно не указывать.");
const EMAIL_BAD: Text = Text::new("This is not an e-mail address.", "Это не похоже на адрес почты.");
const NAME_BAD: Text = Text::new("A name has 1 to 80 characters.", "В имени от 1 до 80 знаков.");
const PHONE: Text = Text::new("Phone", "Телефон");
const BIRTHDAY: Text = Text::new("Birthday", "День рождения");
const BIRTHDAY_HINT: Text = Text::new("Day and month are enough.", "Достаточно дня и месяца.");
const BIRTHDAY_BAD: Text = Text::new("There is no such day.", "Такого дня нет.");
const DAY: Text = Text::new("Day", "День");
const MONTH: Text = Text::new("Month", "Месяц");
const NO_DAY: Text = Text::new("Not given", "Не указан");
const CONSENT: Text = Text::new(
    "Kava may write to me about new offers. I can take this back here at any time.",
    "Kava может писать мне о новых предложениях. Передумать можно здесь в любой момент.",
);
const SAVE: Text = Text::new("Save", "Сохранить");
const SAVED: Text = Text::new("Saved.", "Сохранено.");
const INVITE: Text = Text::new("Invite a friend", "Пригласить друга");
const INVITE_HINT: Text = Text::new(
    "Show them the code or send the link: their card is made in a minute. It says who sent it, and nothing else about you.",
    "Покажите код или отправьте ссылку: карта появится за минуту. В ссылке только то, что пригласили вы.",
);
const INVITE_QR: Text = Text::new("QR code of your invitation", "QR-код вашего приглашения");
const LOOK: Text = Text::new("Language and look", "Язык и вид");
const LANGUAGE: Text = Text::new("Language", "Язык");
const THEME: Text = Text::new("Theme", "Тема");
const AUTO: Text = Text::new("As the phone", "Как в телефоне");
const LIGHT: Text = Text::new("Light", "Светлая");
const DARK: Text = Text::new("Dark", "Тёмная");
const INSTALL: Text = Text::new("Install the app", "Установить приложение");
const LEAVE: Text = Text::new("Sign out", "Выйти");
const DELETE: Text = Text::new("Delete the account", "Удалить аккаунт");
const DELETE_MEANS: Text = Text::new(
    "Your number, name and cards are erased for good, and the savings counter ends. Receipts stay with the shop, without you \
     in them.",
    "Номер, имя и карты стираются навсегда, счётчик экономии закрывается. Чеки остаются у магазина, но без вас.",
);
const SURE: Text = Text::new("Yes, delete everything about me", "Да, удалить всё обо мне");
const DELETE_NOW: Text = Text::new("Delete for good", "Удалить навсегда");

#[component]
pub fn ProfilePage() -> impl IntoView {
    view! {
        <Title text=format!("{} · Kava", tr(TITLE))/>
        <Frame>
            <SignedIn>
                <ProfileView/>
            </SignedIn>
        </Frame>
    }
}

#[component]
fn ProfileView() -> impl IntoView {
    let profile = Resource::new(|| (), |()| load_profile());
    view! {
        <div class="page page--middle">
            <div class="page__head"><h1>{tr(TITLE)}</h1></div>
            {loaded(profile, skeleton, show)}
            <Look/>
            <Leave/>
            <Delete/>
        </div>
    }
}

fn skeleton() -> AnyView {
    view! { <div class="skeleton skeleton--form" aria-busy="true"></div> }.into_any()
}

fn show(ProfileShown { profile, invitation }: ProfileShown) -> AnyView {
    let since = date::day_and_year(profile.member_since, use_locale());
    let saved = use_query_map().read_untracked().get_str("saved").is_some();
    view! {
        <p class="soft">{tr(SINCE)}" "{since}" · "{tr(PHONE)}" "{profile.phone.to_string()}</p>
        <section class="panel stack" aria-labelledby="about">
            <h2 id="about">{tr(ABOUT)}</h2>
            <AboutForm
                name=profile.name
                email=profile.email.unwrap_or_default()
                birthday=profile.birthday.unwrap_or_default()
                consent=profile.marketing_consent
                refused=refused()
                saved=saved
            />
        </section>
        <section class="panel stack" aria-labelledby="invite">
            <h2 id="invite">{tr(INVITE)}</h2>
            <p class="soft">{tr(INVITE_HINT)}</p>
            <div class="invitation">
                <QrCode text=invitation.clone() label=tr(INVITE_QR)/>
                <a href=invitation.clone() rel="external">{invitation.clone()}</a>
            </div>
        </section>
    }
    .into_any()
}

/// `birthday` is month and day, both 0 when it is not given; `saved` when it came back from being sent without JavaScript.
#[island]
fn AboutForm(
    name: String,
    email: String,
    birthday: (u8, u8),
    consent: bool,
    refused: Option<String>,
    saved: bool,
) -> impl IntoView {
    let locale = use_locale();
    let action = ServerAction::<SaveProfile>::new();
    let told = told(refused, move || action.value().get());
    let fault_at = move |field: &'static str, words: Text| {
        Signal::derive(move || match action.value().get() {
            Some(Ok(Err(refusal))) if refusal.faults.iter().any(|fault| is_field(&fault.pointer, field)) => {
                Some(words.of(locale).to_owned())
            }
            _ => None,
        })
    };
    let is_saved = move || match action.value().get() {
        Some(answer) => matches!(answer, Ok(Ok(_))) && !action.pending().get(),
        None => saved,
    };
    let (month, day) = birthday;
    view! {
        <ActionForm action=action attr:class="stack">
            <input type="hidden" name="form" value="profile"/>
            <TextField label=tr(NAME) name="name" value=name autocomplete="given-name" maxlength=80
                error=fault_at("name", NAME_BAD)/>
            <TextField label=tr(EMAIL) name="email" kind="email" value=email
                autocomplete="email" maxlength=254 hint=tr(EMAIL_HINT) error=fault_at("email", EMAIL_BAD)/>
            <Birthday month=month day=day error=fault_at("birthday", BIRTHDAY_BAD)/>
            <Checkbox label=tr(CONSENT) name="consent" checked=consent/>
            {move || told.get().map(|words| view! { <Notice tone=Tone::Error><p>{words}</p></Notice> })}
            <div class="row">
                <SubmitButton label=tr(SAVE) pending=action.pending()/>
                <span role="status">
                    {move || is_saved().then(|| view! { <span class="badge badge--good">{icon(Icon::Check)}{tr(SAVED)}</span> })}
                </span>
            </div>
        </ActionForm>
    }
}

#[component]
fn Birthday(month: u8, day: u8, error: Signal<Option<String>>) -> impl IntoView {
    let locale = use_locale();
    let days = (1..=31_u8).map(|n| view! { <option value=n.to_string() selected={n == day}>{n}</option> });
    let months = (1..=12_u8).map(
        |n| view! { <option value=n.to_string() selected={n == month}>{date::month(u32::from(n), locale)}</option> },
    );
    view! {
        <fieldset class="field" aria-describedby="birthday-hint birthday-error">
            <legend class="field__label">{tr(BIRTHDAY)}</legend>
            <div class="row row--nowrap">
                <select class="field__input" name="birth_day" aria-label=tr(DAY) autocomplete="bday-day">
                    <option value="">{tr(NO_DAY)}</option>
                    {days.collect_view()}
                </select>
                <select class="field__input" name="birth_month" aria-label=tr(MONTH) autocomplete="bday-month">
                    <option value="">"—"</option>
                    {months.collect_view()}
                </select>
            </div>
            <span class="field__hint" id="birthday-hint">{tr(BIRTHDAY_HINT)}</span>
            <span class="field__error" id="birthday-error">{move || error.get().unwrap_or_default()}</span>
        </fieldset>
    }
}

/// Links, so that they work without JavaScript; the server sets the cookie and comes back.
#[component]
fn Look() -> impl IntoView {
    let page = use_page();
    let language = |locale: Locale, words: &'static str| {
        let current = (locale == page.locale).then_some("true");
        view! {
            <a href=format!("/preferences?locale={}&next=/profile", locale.tag()) rel="external" lang=locale.tag()
                aria-current=current>{words}</a>
        }
    };
    let theme = |theme: Theme, words: Text| {
        let current = (theme == page.theme).then_some("true");
        view! {
            <a href=format!("/preferences?theme={}&next=/profile", theme.name()) rel="external" aria-current=current>{tr(words)}</a>
        }
    };
    view! {
        <section class="panel stack" aria-labelledby="look">
            <h2 id="look">{tr(LOOK)}</h2>
            <div class="stack stack--tight">
                <span class="field__label" id="language">{tr(LANGUAGE)}</span>
                <nav class="segmented" aria-labelledby="language">
                    {language(Locale::En, "English")}
                    {language(Locale::Ru, "Русский")}
                </nav>
            </div>
            <div class="stack stack--tight">
                <span class="field__label" id="theme">{tr(THEME)}</span>
                <nav class="segmented" aria-labelledby="theme">
                    {theme(Theme::Auto, AUTO)}
                    {theme(Theme::Light, LIGHT)}
                    {theme(Theme::Dark, DARK)}
                </nav>
            </div>
            // pwa.js shows it where the browser offers to install.
            <button class="button" type="button" data-install="" hidden>{icon(Icon::Install)}{tr(INSTALL)}</button>
        </section>
    }
}

/// Closed until it is wanted, and then a box to tick: neither needs a script.
#[component]
fn Delete() -> impl IntoView {
    view! {
        <details class="delete">
            <summary class="delete__summary">{tr(DELETE)}</summary>
            <div class="panel stack">
                <p>{tr(DELETE_MEANS)}</p>
                <DeleteForm/>
            </div>
        </details>
    }
}

/// A whole new page follows, and the phone forgets the code.
#[island]
fn DeleteForm() -> impl IntoView {
    let action = ServerAction::<DeleteAccount>::new();
    Effect::new(move |_| {
        if matches!(action.value().get(), Some(Ok(Ok(())))) {
            offline::forget();
            _ = window().location().replace("/?deleted=1");
        }
    });
    let refused = move || match action.value().get() {
        Some(Ok(Err(refusal)) | Err(Fault(refusal))) => Some(Fault(refusal)),
        _ => None,
    };
    view! {
        <ActionForm action=action attr:class="stack">
            <Checkbox label=tr(SURE) name="sure" required=true/>
            {move || refused().map(|fault| view! { <FaultNotice fault=fault/> })}
            <SubmitButton label=tr(DELETE_NOW) look="button--danger" pending=action.pending()/>
        </ActionForm>
    }
}

/// A whole new page follows, and the phone forgets the code.
#[island]
fn Leave() -> impl IntoView {
    let action = ServerAction::<SignOut>::new();
    Effect::new(move |_| {
        if matches!(action.value().get(), Some(Ok(()))) {
            offline::forget();
            _ = window().location().replace("/");
        }
    });
    view! {
        <ActionForm action=action>
            <SubmitButton label=tr(LEAVE) look="button--quiet" pending=action.pending()/>
        </ActionForm>
    }
}
