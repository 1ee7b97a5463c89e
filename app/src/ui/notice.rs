//! Messages in the flow of a page: notices, refusals with another try, and honest empty states.

use leptos::prelude::*;

use super::{Icon, icon, picture};
use crate::fault::Fault;
use crate::i18n::{Text, tr, use_locale};

const RETRY: Text = Text::new("Try again", "Повторить");
const SIGN_IN: Text = Text::new("Sign in", "Войти");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Good,
    Warn,
    Error,
}

/// A sentence or two with an icon. Errors are announced at once, the rest when there is a pause.
#[component]
pub fn Notice(#[prop(default = Tone::Plain)] tone: Tone, children: Children) -> impl IntoView {
    let (class, shape, role) = match tone {
        Tone::Plain => ("notice", Icon::Info, "status"),
        Tone::Good => ("notice notice--good", Icon::Check, "status"),
        Tone::Warn => ("notice notice--warn", Icon::Alert, "status"),
        Tone::Error => ("notice notice--error", Icon::Alert, "alert"),
    };
    view! { <div class=class role=role>{icon(shape)}<div>{children()}</div></div> }
}

/// A refusal in the reader's language, with what to do about it.
#[component]
pub fn FaultNotice(
    fault: Fault,
    /// Offers to load the page again.
    #[prop(optional)]
    retry: bool,
) -> impl IntoView {
    let signed_out = fault.0.is("unauthenticated");
    let words = fault.words(use_locale());
    let incident = fault.0.incident.clone();
    view! {
        <Notice tone=Tone::Error>
            <p>{words}</p>
            {incident.map(|incident| view! { <p class="soft">{incident}</p> })}
            {signed_out.then(|| view! { <a class="button button--small" href="/sign-in">{tr(SIGN_IN)}</a> })}
            {(retry && !signed_out).then(|| view! { <a class="button button--small" href="">{tr(RETRY)}</a> })}
        </Notice>
    }
}

/// Nothing here yet, and why; `children` may offer a way on.
#[component]
pub fn EmptyState(
    picture_name: &'static str,
    title: &'static str,
    text: &'static str,
    /// 1 where it is the page's own heading.
    #[prop(default = 2)]
    heading: u8,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <img src=picture(picture_name) alt="" width="120" height="120"/>
            {if heading == 1 { view! { <h1>{title}</h1> }.into_any() } else { view! { <h2>{title}</h2> }.into_any() }}
            <p>{text}</p>
            {children.map(|children| children())}
        </div>
    }
}
