//! The two steps of signing in, and the name question after the first time.

use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::Redirect;
use leptos_router::hooks::use_query_map;

use super::api::{Prove, RequestCode, load_waiting};
use crate::address::{in_query, safe_next};
use crate::customer::frame::{Frame, SignedIn, refused};
use crate::customer::profile::api::{SaveProfile, load_profile};
use crate::fault::{Answer, Fault, key_words, words};
use crate::i18n::{Text, tr, use_locale};
use crate::page::{go, use_page, when_alive};
use crate::ui::{FaultNotice, Icon, Notice, SubmitButton, TextField, Tone, icon};

const TITLE: Text = Text::new("Sign in", "Вход");
const LEAD: Text = Text::new(
    "No password: we send a six-digit code to your phone. New here? The same step makes your card.",
    "Без пароля: мы пришлём на телефон код из шести цифр. Впервые у нас? Карта появится на этом же шаге.",
);
const PHONE: Text = Text::new("Phone number", "Номер телефона");
const PHONE_HINT: Text = Text::new("With the country code: +44…", "С кодом страны: +7…");
const SEND: Text = Text::new("Send me a code", "Получить код");
const CODE_TITLE: Text = Text::new("Enter the code", "Введите код");
const SENT_TO: Text = Text::new("We sent it to", "Мы отправили его на");
const OTHER_PHONE: Text = Text::new("Another number", "Другой номер");
const CODE: Text = Text::new("Six-digit code", "Код из шести цифр");
const ENTER: Text = Text::new("Sign in", "Войти");
const RESEND: Text = Text::new("Send another code", "Отправить новый код");
const RESENT: Text = Text::new("A new code is on its way.", "Новый код уже отправлен.");
const DEMO: Text = Text::new("This shop is a demo: nothing is really sent.", "Это демо: сообщения никуда не уходят.");
const DEMO_LINK: Text = Text::new("See the messages", "Посмотреть сообщения");
const WELCOME: Text = Text::new("Welcome to Kava", "Добро пожаловать в Kava");
const WELCOME_LEAD: Text =
    Text::new("Your card is ready. What shall we call you?", "Ваша карта готова. Как к вам обращаться?");
const NAME: Text = Text::new("Your name", "Ваше имя");
const GO_ON: Text = Text::new("Continue", "Продолжить");
const LATER: Text = Text::new("Not now", "Не сейчас");

/// What a form was told: by its own answer, or, when it was sent without JavaScript, by the key that it came back with.
pub fn told<T: Clone + Send + Sync + 'static>(
    refused: Option<String>,
    value: impl Fn() -> Option<Result<Answer<T>, Fault>> + Send + Sync + 'static,
) -> Signal<Option<String>> {
    let locale = use_locale();
    Signal::derive(move || match value() {
        Some(Ok(Ok(_))) => None,
        Some(Ok(Err(refusal))) => Some(words(&refusal, locale)),
        Some(Err(fault)) => Some(fault.words(locale)),
        None => refused.as_deref().map(|key| key_words(key, locale).to_owned()),
    })
}

fn next_page() -> String {
    use_query_map().read_untracked().get_str("next").map_or("/", safe_next).to_owned()
}

/// `/sign-in`
#[component]
pub fn SignInPage() -> impl IntoView {
    let next = next_page();
    let signed_in = use_page().signed_in;
    view! {
        <Title text=format!("{} · Kava", tr(TITLE))/>
        <Frame>
            <div class="page page--narrow">
                {signed_in.then(|| view! { <Redirect path=next.clone()/> })}
                <div class="page__head">
                    <h1>{tr(TITLE)}</h1>
                    <p>{tr(LEAD)}</p>
                </div>
                <PhoneForm next=next refused=refused()/>
            </div>
        </Frame>
    }
}

/// The first step, also on the landing page.
#[island]
pub fn PhoneForm(next: String, refused: Option<String>) -> impl IntoView {
    let action = ServerAction::<RequestCode>::new();
    let error = told(refused, move || action.value().get());
    let code_page = format!("/sign-in/code?next={}", in_query(&next));
    Effect::new(move |_| {
        if matches!(action.value().get(), Some(Ok(Ok(_)))) {
            go(&code_page);
        }
    });
    view! {
        <ActionForm action=action attr:class="stack">
            <input type="hidden" name="next" value=next/>
            <TextField
                label=tr(PHONE) name="phone" kind="tel" inputmode="tel" autocomplete="tel" maxlength=40
                hint=tr(PHONE_HINT) error=error required=true
            />
            <SubmitButton label=tr(SEND) look="button--primary button--wide" pending=action.pending()/>
        </ActionForm>
    }
}

/// `/sign-in/code`
#[component]
pub fn SignInCodePage() -> impl IntoView {
    let waiting = Resource::new(|| (), |()| load_waiting());
    view! {
        <Title text=format!("{} · Kava", tr(CODE_TITLE))/>
        <Frame>
            <div class="page page--narrow">
                <Suspense fallback=|| view! { <div class="skeleton skeleton--card"></div> }>
                    {move || waiting.get().map(|answer| match answer {
                        Ok(Some(waiting)) => view! { <CodeForm phone=waiting.phone.to_string() resend_after=waiting.resend_after demo=waiting.demo next=next_page() refused=refused()/> }.into_any(),
                        Ok(None) => view! { <Redirect path="/sign-in"/> }.into_any(),
                        Err(fault) => view! { <FaultNotice fault=fault/> }.into_any(),
                    })}
                </Suspense>
            </div>
        </Frame>
    }
}

#[island]
fn CodeForm(phone: String, resend_after: u32, demo: bool, next: String, refused: Option<String>) -> impl IntoView {
    let action = ServerAction::<Prove>::new();
    let resend = ServerAction::<RequestCode>::new();
    let error = told(refused, move || action.value().get());
    Effect::new(move |_| {
        if let Some(Ok(Ok(onward))) = action.value().get() {
            go(&onward);
        }
    });
    let left = countdown(resend_after, resend);
    let resent = move || matches!(resend.value().get(), Some(Ok(Ok(_))));
    let next_once = next.clone();
    view! {
        <div class="page__head">
            <h1>{tr(CODE_TITLE)}</h1>
            <p>{tr(SENT_TO)}" "<strong>{phone.clone()}</strong>". "<a href="/sign-in">{tr(OTHER_PHONE)}</a></p>
        </div>
        {demo.then(|| view! {
            <Notice tone=Tone::Warn>
                <p>{tr(DEMO)}" "<a href="/demo/messages" target="_blank">{tr(DEMO_LINK)}</a></p>
            </Notice>
        })}
        <ActionForm action=action attr:class="stack code-form">
            <input type="hidden" name="next" value=next_once/>
            <TextField
                label=tr(CODE) name="code" inputmode="numeric" autocomplete="one-time-code" maxlength=12
                error=error required=true autofocus=true
            />
            <SubmitButton label=tr(ENTER) look="button--primary button--wide" pending=action.pending()/>
        </ActionForm>
        <ActionForm action=resend attr:class="stack stack--tight">
            <input type="hidden" name="next" value=next/>
            <input type="hidden" name="phone" value=phone/>
            <button class="button button--quiet button--wide" type="submit" disabled=move || { left.get() > 0 }>
                {tr(RESEND)}
                {move || Some(left.get()).filter(|&left| left > 0).map(|left| format!(" ({left})"))}
            </button>
            <div role="status">
                {move || resent().then(|| view! { <p class="soft row">{icon(Icon::Check)}{tr(RESENT)}</p> })}
                {move || told_of(resend)}
            </div>
        </ActionForm>
    }
}

fn told_of(resend: ServerAction<RequestCode>) -> Option<AnyView> {
    match resend.value().get() {
        Some(Ok(Err(refusal))) => Some(view! { <FaultNotice fault=Fault(refusal)/> }.into_any()),
        Some(Err(fault)) => Some(view! { <FaultNotice fault=fault/> }.into_any()),
        _ => None,
    }
}

/// Seconds until another code may be asked for. It begins when the page is alive, so that the button works without
/// JavaScript (the shop counts anyway), and again with every code that was sent.
fn countdown(first: u32, resend: ServerAction<RequestCode>) -> RwSignal<u32> {
    let left = RwSignal::new(0_u32);
    when_alive(move || left.set(first));
    Effect::new(move |_| {
        if let Some(Ok(Ok(sent))) = resend.value().get() {
            left.set(sent.resend_after);
        }
    });
    crate::ui::every_second(move || left.update(|left| *left = left.saturating_sub(1)));
    left
}

/// `/welcome`: asked once, and may be skipped.
#[component]
pub fn WelcomePage() -> impl IntoView {
    view! {
        <Title text=format!("{} · Kava", tr(WELCOME))/>
        <Frame>
            <SignedIn>
                <NameForm/>
            </SignedIn>
        </Frame>
    }
}

#[component]
fn NameForm() -> impl IntoView {
    let profile = Resource::new(|| (), |()| load_profile());
    view! {
        <div class="page page--narrow">
            <div class="page__head">
                <h1>{tr(WELCOME)}</h1>
                <p>{tr(WELCOME_LEAD)}</p>
            </div>
            <Suspense fallback=|| view! { <div class="skeleton skeleton--card"></div> }>
                {move || profile.get().map(|answer| {
                    let name = answer.map(|shown| shown.profile.name).unwrap_or_default();
                    view! { <NameFields name=name refused=refused()/> }.into_any()
                })}
            </Suspense>
        </div>
    }
}

#[island]
fn NameFields(name: String, refused: Option<String>) -> impl IntoView {
    let action = ServerAction::<SaveProfile>::new();
    let error = told(refused, move || action.value().get());
    Effect::new(move |_| {
        if matches!(action.value().get(), Some(Ok(Ok(_)))) {
            go("/");
        }
    });
    view! {
        <ActionForm action=action attr:class="stack">
            <input type="hidden" name="form" value="welcome"/>
            <TextField label=tr(NAME) name="name" autocomplete="given-name" value=name maxlength=80 error=error required=true/>
            <SubmitButton label=tr(GO_ON) look="button--primary button--wide" pending=action.pending()/>
            <a class="button button--quiet" href="/">{tr(LATER)}</a>
        </ActionForm>
    }
}
