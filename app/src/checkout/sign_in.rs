//! Staff sign in with login and password; the role decides where they go.

use contract::staff::StaffCard;
use domain::Role;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_router::hooks::use_query_map;

use super::api::{StaffSignIn, staff_me};
use super::frame::{OfficeFrame, SignOut};
use crate::fault::key_words;
use crate::i18n::{Text, tr, use_locale};
use crate::ui::{Icon, Notice, SubmitButton, TextField, Tone, icon};

const TITLE: Text = Text::new("Staff sign-in", "Вход для сотрудников");
const LEAD: Text =
    Text::new("Checkout, segments and the shop's own screens.", "Касса, сегменты и служебные экраны магазина.");
const LOGIN: Text = Text::new("Login", "Логин");
const PASSWORD: Text = Text::new("Password", "Пароль");
const SIGN_IN: Text = Text::new("Sign in", "Войти");
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
        <OfficeFrame title=TITLE staff=None>
            <div class="door">
                <Suspense fallback=|| view! { <div class="panel skeleton skeleton--card" aria-busy="true"></div> }>
                    {move || Suspend::new(async move {
                        match me.await {
                            Ok(Some(staff)) => view! { <Choice staff/> }.into_any(),
                            Ok(None) | Err(_) => view! { <SignInForm/> }.into_any(),
                        }
                    })}
                </Suspense>
            </div>
        </OfficeFrame>
    }
}

/// A plain form: what was wrong comes back in the address.
#[component]
fn SignInForm() -> impl IntoView {
    let refused = use_query_map().read_untracked().get("refused");
    let refused = refused.map(|key| match key.as_str() {
        "sign-in-failed" => tr(WRONG),
        "too-many-requests" => tr(TOO_MANY),
        key => key_words(key, use_locale()),
    });
    view! {
        <section class="panel stack" aria-labelledby="staff-title">
            <header class="page__head"><h1 id="staff-title">{tr(TITLE)}</h1><p>{tr(LEAD)}</p></header>
            {refused.map(|words| view! { <Notice tone=Tone::Error><p>{words}</p></Notice> })}
            <form class="stack" method="post" action=StaffSignIn::url()>
                <TextField label=tr(LOGIN) name="login" autocomplete="username" required=true maxlength=200/>
                <TextField label=tr(PASSWORD) name="password" kind="password" autocomplete="current-password" required=true maxlength=1000/>
                <SubmitButton label=tr(SIGN_IN) look="button--primary button--wide"/>
            </form>
        </section>
    }
}

#[component]
fn Choice(staff: StaffCard) -> impl IntoView {
    let sells = staff.role.may_sell();
    let sees = staff.role.may_see_segments();
    let admin = staff.role == Role::Admin;
    let place = (!staff.place.is_empty()).then(|| format!(" \u{b7} {}", staff.place));
    view! {
        <section class="panel stack" aria-labelledby="staff-title">
            <header class="page__head">
                <h1 id="staff-title">{tr(WHERE_TO)}</h1>
                <p>{tr(HELLO)}" "<strong>{staff.name}</strong>{place}</p>
            </header>
            <nav class="choices" aria-labelledby="staff-title">
                {sells.then(|| choice("/checkout", Icon::Code, tr(CHECKOUT), tr(CHECKOUT_HINT)))}
                {sees.then(|| choice("/marketing/segments", Icon::Group, tr(SEGMENTS), tr(SEGMENTS_HINT)))}
                {admin.then(|| choice("/demo/messages", Icon::Info, tr(MESSAGES), tr(MESSAGES_HINT)))}
            </nav>
            <SignOut wide=true/>
        </section>
    }
}

const MESSAGES: Text = Text::new("Messages", "Сообщения");
const MESSAGES_HINT: Text = Text::new("What the demo would have sent", "Что отправила бы демоверсия");

fn choice(href: &'static str, shape: Icon, title: &'static str, hint: &'static str) -> impl IntoView {
    view! {
        <a class="choice" href=href>
            {icon(shape)}
            <span><strong>{title}</strong><small>{hint}</small></span>
            {icon(Icon::Forward)}
        </a>
    }
}
