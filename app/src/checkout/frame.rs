//! The frame around a staff screen: logo, where one may go, who works here.

use contract::Refusal;
use contract::staff::StaffCard;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;
use leptos_router::components::A;

use super::api::StaffSignOut;
use super::{browser, words};
use crate::i18n::{Text, tr, use_locale};
use crate::ui::{Icon, LanguageLink, Logo, Notice, Tone, icon};

const SKIP: Text = Text::new("Skip to content", "К содержанию");
const PLACES: Text = Text::new("Staff screens", "Экраны сотрудников");
const CHECKOUT: Text = Text::new("Checkout", "Касса");
const SEGMENTS: Text = Text::new("Segments", "Сегменты");
const TOGETHER: Text = Text::new("Together", "Вместе");
const OFFERS: Text = Text::new("Offers", "Скидки");
const SIGN_IN: Text = Text::new("Sign in", "Войти");
const SIGN_OUT: Text = Text::new("Sign out", "Выйти");

/// The frame of every screen behind `/staff`. Without `staff` (nobody is signed in) it shows the logo only.
#[component]
pub fn OfficeFrame(
    /// What the window is called.
    title: Text,
    #[prop(optional_no_strip)] staff: Option<StaffCard>,
    /// Fills the window and scrolls inside, as a counter's screen must.
    #[prop(optional)]
    fixed: bool,
    children: Children,
) -> impl IntoView {
    let sells = staff.as_ref().is_some_and(|staff| staff.role.may_sell());
    let sees = staff.as_ref().is_some_and(|staff| staff.role.may_see_segments());
    view! {
        <Title text=format!("{} \u{b7} Kava", tr(title))/>
        <div class=if fixed { "app office office--fixed" } else { "app office" }>
            <a class="skip-link" href="#main" rel="external">{tr(SKIP)}</a>
            <header class="app__bar">
                <a class="app__brand" href="/staff"><Logo/>"Kava"</a>
                <nav class="nav nav--staff" aria-label=tr(PLACES)>
                    {sells.then(|| view! { <A href="/checkout">{tr(CHECKOUT)}</A> })}
                    {sees.then(|| view! {
                        <A href="/marketing/segments">{tr(SEGMENTS)}</A>
                        <A href="/marketing/together">{tr(TOGETHER)}</A>
                        <A href="/marketing/offers">{tr(OFFERS)}</A>
                    })}
                </nav>
                <div class="app__end">
                    <LanguageLink/>
                    {staff.map(|staff| view! {
                        <p class="office__who"><strong>{staff.name}</strong><span>{staff.place}</span></p>
                        <SignOut wide=false/>
                    })}
                </div>
            </header>
            <main class="app__main" id="main">{children()}</main>
        </div>
    }
}

/// A staff screen that does not open: why, and the way to the sign-in.
#[component]
pub fn ShutScreen(title: Text, refusal: Refusal) -> impl IntoView {
    let words = words::of_refusal(&refusal, use_locale());
    view! {
        <OfficeFrame title staff=None>
            <div class="page">
                <header class="page__head"><h1>{tr(title)}</h1></header>
                <Notice tone=Tone::Error>
                    <p>{words}</p>
                    <p><a href="/staff">{tr(SIGN_IN)}</a></p>
                </Notice>
            </div>
        </OfficeFrame>
    }
}

/// Signs out by a plain form, and forgets the basket that this tab kept.
#[island]
pub fn SignOut(
    /// In words and as wide as its panel; otherwise an icon.
    wide: bool,
) -> impl IntoView {
    view! {
        <form method="post" action=StaffSignOut::url() on:submit=|_| browser::forget()>
            {if wide {
                view! { <button type="submit" class="button button--quiet button--wide">{tr(SIGN_OUT)}</button> }.into_any()
            } else {
                view! {
                    <button type="submit" class="icon-button" aria-label=tr(SIGN_OUT) title=tr(SIGN_OUT)>
                        {icon(Icon::Leave)}
                    </button>
                }
                .into_any()
            }}
        </form>
    }
}
