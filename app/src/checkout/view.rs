//! The counter's screen: who stands there, what they buy, what it costs and why.

use contract::till::ProductPage;
use leptos::prelude::*;
use leptos::web_sys::KeyboardEvent;
use wasm_bindgen::JsCast;

use super::api::{Start, checkout_start};
use super::basket::Basket;
use super::customer::CustomerPart;
use super::desk::Desk;
use super::frame::{OfficeFrame, ShutScreen};
use super::goods::Goods;
use crate::fault::{Answer, Fault};
use crate::i18n::{Text, tr};

const TITLE: Text = Text::new("Checkout", "Касса");
const NEEDS_SCRIPT: Text = Text::new(
    "The checkout needs JavaScript. It is ready when this line disappears.",
    "Кассе нужен JavaScript. Она готова, когда эта строка исчезнет.",
);

/// `/checkout`
#[component]
pub fn CheckoutPage() -> impl IntoView {
    let start = Resource::new_blocking(|| (), |()| checkout_start());
    view! {
        <Suspense fallback=Waiting>
            {move || Suspend::new(async move { opened(start.await) })}
        </Suspense>
    }
}

fn opened(start: Result<Answer<Start>, Fault>) -> AnyView {
    match start {
        Ok(Ok(start)) => view! { <OpenCheckout start/> }.into_any(),
        Ok(Err(refusal)) | Err(Fault(refusal)) => view! { <ShutScreen title=TITLE refusal/> }.into_any(),
    }
}

#[component]
fn OpenCheckout(start: Start) -> impl IntoView {
    view! {
        <OfficeFrame title=TITLE staff=Some(start.staff) fixed=true>
            <h1 class="visually-hidden">{tr(TITLE)}</h1>
            <p class="till__noscript notice notice--warn">{tr(NEEDS_SCRIPT)}</p>
            <Till products=start.products/>
        </OfficeFrame>
    }
}

/// Everything that moves at the counter.
#[island]
fn Till(products: ProductPage) -> impl IntoView {
    let desk = Desk::new(products.currency);
    let code_field = NodeRef::<leptos::html::Input>::new();
    Effect::new(move |_| {
        desk.restore();
        // A scanner types like a keyboard, wherever the focus is: its first letter brings the focus to the code field.
        let listener = window_event_listener(leptos::ev::keydown, move |event| {
            if starts_a_code(&event)
                && let Some(field) = code_field.get_untracked()
            {
                _ = field.focus();
            }
        });
        on_cleanup(move || listener.remove());
    });
    view! {
        <div class="till">
            <CustomerPart desk code_field products=products.products.clone()/>
            <Basket desk/>
            <Goods desk first=products/>
        </div>
    }
}

/// A visible character that no field is waiting for.
fn starts_a_code(event: &KeyboardEvent) -> bool {
    let typed = event.key();
    let visible = typed.len() == 1 && typed != " ";
    let command = event.ctrl_key() || event.alt_key() || event.meta_key();
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let in_a_field =
        target.is_some_and(|element| matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"));
    visible && !command && !in_a_field
}

#[component]
fn Waiting() -> impl IntoView {
    view! {
        <OfficeFrame title=TITLE staff=None fixed=true>
            <div class="till" aria-busy="true">
                <div class="till__who"><div class="skeleton skeleton--card"></div></div>
                <div class="till__basket"><div class="skeleton skeleton--card"></div></div>
                <div class="till__goods"><div class="skeleton skeleton--card"></div></div>
            </div>
        </OfficeFrame>
    }
}
