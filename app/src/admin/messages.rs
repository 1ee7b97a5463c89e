//! The messages that a demo "sent": the code large, to be copied.

use std::time::Duration;

use contract::Refusal;
use contract::customer::DemoMessage;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;

use super::api::demo_messages;
use crate::checkout::OfficeFrame;
use crate::fault::{Answer, Fault};
use crate::i18n::{Text, tr, use_locale};
use crate::page::when_alive;
use crate::ui::{EmptyState, FaultNotice, date};

const TITLE: Text = Text::new("Messages", "Сообщения");
const LEAD: Text = Text::new(
    "This is a demo: what would go to a phone stands here instead.",
    "Это демоверсия: то, что ушло бы на телефон, появляется здесь.",
);
const LIVE: Text = Text::new("Looks for new ones by itself.", "Новые появляются сами.");
const NONE: Text = Text::new("Nothing was sent yet", "Пока ничего не отправлено");
const NONE_HINT: Text =
    Text::new("Ask for a sign-in code, and it appears here.", "Запросите код для входа, и он появится здесь.");
const ASK: Text = Text::new("Sign in as a customer", "Войти как гость");
const COPY: Text = Text::new("Copy", "Скопировать");
const COPIED: Text = Text::new("Copied", "Скопировано");
const NOT_FOUND: Text = Text::new("There is nothing here", "Здесь ничего нет");
const NOT_FOUND_HINT: Text = Text::new("This page does not exist.", "Такой страницы не существует.");
const HOME: Text = Text::new("To the start", "На главную");

/// How often a page that is alive looks for new messages.
const LOOK_EVERY: Duration = Duration::from_secs(4);

/// `/demo/messages`
#[component]
pub fn DemoMessagesPage() -> impl IntoView {
    let first = Resource::new_blocking(|| (), |()| demo_messages());
    view! {
        <OfficeFrame title=TITLE staff=None>
            <Suspense fallback=|| view! { <div class="skeleton skeleton--card" aria-busy="true"></div> }>
                {move || Suspend::new(async move { opened(first.await) })}
            </Suspense>
        </OfficeFrame>
    }
}

fn opened(first: Result<Answer<Vec<DemoMessage>>, Fault>) -> AnyView {
    match first {
        Ok(Ok(messages)) => view! { <Messages messages/> }.into_any(),
        Ok(Err(refusal)) | Err(Fault(refusal)) => view! { <Refused refusal/> }.into_any(),
    }
}

#[component]
fn Refused(refusal: Refusal) -> impl IntoView {
    if refusal.is("not-found") {
        view! {
            <div class="page">
                <Title text=format!("{} \u{b7} Kava", tr(NOT_FOUND))/>
                <header class="page__head"><h1>{tr(NOT_FOUND)}</h1><p>{tr(NOT_FOUND_HINT)}</p></header>
                <p><a class="button" href="/">{tr(HOME)}</a></p>
            </div>
        }
        .into_any()
    } else {
        view! { <div class="page"><h1>{tr(TITLE)}</h1><FaultNotice fault=Fault(refusal)/></div> }.into_any()
    }
}

#[island]
fn Messages(messages: Vec<DemoMessage>) -> impl IntoView {
    let messages = RwSignal::new(messages);
    when_alive(move || {
        let look = move || {
            // A page in the background waits until it is seen again.
            if document().hidden() {
                return;
            }
            spawn_local(async move {
                if let Ok(Ok(newest)) = demo_messages().await {
                    _ = messages.try_maybe_update(|shown| {
                        let differs = *shown != newest;
                        *shown = newest;
                        (differs, ())
                    });
                }
            });
        };
        if let Ok(timer) = set_interval_with_handle(look, LOOK_EVERY) {
            on_cleanup(move || timer.clear());
        }
    });
    let key = |message: &DemoMessage| (message.at, message.to.clone(), message.text.clone());
    view! {
        <div class="page messages">
            <header class="page__head">
                <h1>{tr(TITLE)}</h1>
                <p>{tr(LEAD)}" "<span class="messages__live">{tr(LIVE)}</span></p>
            </header>
            {move || messages.with(Vec::is_empty).then(|| view! {
                <EmptyState picture_name="cup" title=tr(NONE) text=tr(NONE_HINT)>
                    <a class="button" href="/sign-in">{tr(ASK)}</a>
                </EmptyState>
            })}
            <ol class="stack" aria-live="polite">
                <For each=move || messages.get() key=key let:message><Message message/></For>
            </ol>
        </div>
    }
}

#[component]
fn Message(message: DemoMessage) -> impl IntoView {
    let locale = use_locale();
    let code = code_in(&message.text).map(str::to_owned);
    view! {
        <li class="panel message">
            <p class="message__head">
                <strong>{message.to.to_string()}</strong>
                <time class="soft" datetime=date::machine(message.at)>{date::moment_of_utc(message.at, locale)}</time>
            </p>
            {code.map(|code| view! { <Code code/> })}
            <p>{message.text}</p>
        </li>
    }
}

#[component]
fn Code(code: String) -> impl IntoView {
    let copied = RwSignal::new(false);
    let text = code.clone();
    let copy = move |_| copied.set(copy_text(&text));
    view! {
        <div class="row">
            <output class="message__code">{code}</output>
            <button type="button" class="button button--small" on:click=copy>
                {move || tr(if copied.get() { COPIED } else { COPY })}
            </button>
        </div>
    }
}

/// The clipboard of a secure page; elsewhere the code is selected with a tap (`user-select: all`).
fn copy_text(text: &str) -> bool {
    use js_sys::{Function, Reflect};
    use wasm_bindgen::JsCast;
    let written = Reflect::get(&window().navigator(), &"clipboard".into()).and_then(|clipboard| {
        let write: Function = Reflect::get(&clipboard, &"writeText".into())?.dyn_into()?;
        write.call1(&clipboard, &text.into())
    });
    written.is_ok()
}

/// The first run of exactly six digits: the one-time code of a message.
fn code_in(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_a_message_is_found() {
        assert_eq!(code_in("Your Kava code: 012345. It is good for 5 minutes."), Some("012345"));
        assert_eq!(code_in("@kava.example #123456"), Some("123456"));
        assert_eq!(code_in("Call +442079460018"), None);
        assert_eq!(code_in(""), None);
    }
}
