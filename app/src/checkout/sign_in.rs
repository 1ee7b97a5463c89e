//! Staff sign in with login and password; the role decides where they go.

use contract::staff::StaffCard;
use domain::Role;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::api::{StaffSignIn, StaffSignOut, staff_me};
use crate::i18n::{Text, tr};

const TITLE: Text = Text::new("Staff sign-in", "Вход для сотрудников");
const LEAD: Text =
    Text::new("Checkout, segments and the shop's own screens.", "Касса, сегменты и служебные экраны магазина.");
const LOGIN: Text = Text::new("Login", "Логин");
const PASSWORD: Text = Text::new("Password", "Пароль");
const SIGN_IN: Text = Text::new("Sign in", "Войти");
const SIGN_OUT: Text = Text::new("Sign out", "Выйти");
const HELLO: Text = Text::new("Signed in as", "Вы вошли как");
const WHERE_TO: Text = Text::new("Where to?", "Куда дальше?");
const CHECKOUT: Text = Text::new("Checkout", "Касса");
const CHECKOUT_HINT: Text = Text::new("Scan a code, ring up a purchase", "Отсканировать код, провести покупку");
const SEGMENTS: Text = Text::new("Segments", "Сегменты");
const SEGMENTS_HINT: Text =
    Text::new("Who the customers are, and what discounts leave", "Кто наши гости и что остаётся после скидок");
const WRONG: Text = Text::new(
    "This login and password do not go together. Check both and try again.",
    "Логин и пароль не подходят друг к другу. Проверьте оба и попробуйте ещё раз.",
);
const TOO_MANY: Text = Text::new(
    "Too many tries from here. Wait a minute, then try again.",
    "Слишком много попыток. Подождите минуту и попробуйте снова.",
);

/// `/staff`: the form, or where a member of staff who is signed in may go.
#[component]
pub fn StaffSignInPage() -> impl IntoView {
    let me = Resource::new_blocking(|| (), |()| staff_me());
    view! {
        <main class="staff-door">
            <Suspense fallback=|| view! { <div class="staff-card" aria-busy="true"></div> }>
                {move || Suspend::new(async move {
                    match me.await {
                        Ok(Some(staff)) => view! { <Choice staff /> }.into_any(),
                        Ok(None) | Err(_) => view! { <SignInForm /> }.into_any(),
                    }
                })}
            </Suspense>
        </main>
    }
}

#[component]
fn SignInForm() -> impl IntoView {
    let query = use_query_map();
    let action = ServerAction::<StaffSignIn>::new();
    let pending = action.pending();
    let refused = move || match query.read().get_str("refused") {
        Some("sign-in-failed") => Some(tr(WRONG)),
        Some("too-many-requests") => Some(tr(TOO_MANY)),
        _ => None,
    };
    view! {
        <section class="staff-card" aria-labelledby="staff-title">
            <h1 id="staff-title">{tr(TITLE)}</h1>
            <p class="staff-lead">{tr(LEAD)}</p>
            {move || refused().map(|words| view! { <p class="staff-alert" role="alert">{words}</p> })}
            <ActionForm action=action attr:class="staff-form">
                <label class="staff-field">
                    <span>{tr(LOGIN)}</span>
                    <input
                        name="login"
                        type="text"
                        autocomplete="username"
                        autocapitalize="none"
                        spellcheck="false"
                        required
                        maxlength="200"
                    />
                </label>
                <label class="staff-field">
                    <span>{tr(PASSWORD)}</span>
                    <input name="password" type="password" autocomplete="current-password" required maxlength="1000" />
                </label>
                <button class="staff-button" type="submit" disabled=move || pending.get()>
                    {tr(SIGN_IN)}
                </button>
            </ActionForm>
        </section>
    }
}

#[component]
fn Choice(staff: StaffCard) -> impl IntoView {
    let action = ServerAction::<StaffSignOut>::new();
    let sells = staff.role.may_sell();
    let sees = staff.role.may_see_segments();
    let admin = staff.role == Role::Admin;
    view! {
        <section class="staff-card" aria-labelledby="staff-title">
            <h1 id="staff-title">{tr(WHERE_TO)}</h1>
            <p class="staff-lead">{tr(HELLO)}" "<strong>{staff.name}</strong>{(!staff.place.is_empty()).then(|| format!(" \u{b7} {}", staff.place))}</p>
            <nav class="staff-choices">
                {sells.then(|| choice("/checkout", tr(CHECKOUT), tr(CHECKOUT_HINT)))}
                {sees.then(|| choice("/marketing/segments", tr(SEGMENTS), tr(SEGMENTS_HINT)))}
                {admin.then(|| choice("/demo/messages", tr(MESSAGES), tr(MESSAGES_HINT)))}
            </nav>
            <ActionForm action=action>
                <button class="staff-button staff-button-quiet" type="submit">{tr(SIGN_OUT)}</button>
            </ActionForm>
        </section>
    }
}

const MESSAGES: Text = Text::new("Messages", "Сообщения");
const MESSAGES_HINT: Text = Text::new("What the demo would have sent", "Что отправила бы демоверсия");

fn choice(href: &'static str, title: &'static str, hint: &'static str) -> impl IntoView {
    view! {
        <a class="staff-choice" href=href>
            <strong>{title}</strong>
            <span>{hint}</span>
        </a>
    }
}
