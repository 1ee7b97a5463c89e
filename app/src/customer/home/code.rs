//! The customer's code, as large as the screen allows: black on pure white in every theme, the number in text as well.

use leptos::prelude::*;

use super::state::{Clock, Code, Showing};
use crate::customer::offline;
use crate::i18n::{Text, tr};
use crate::page::when_alive;
use crate::ui::barcode::{Code128, QrCode};
use crate::ui::every_second;

const TITLE: Text = Text::new("Your code", "Ваш код");
const KIND: Text = Text::new("Kind of code", "Вид кода");
const QR: Text = Text::new("QR code", "QR-код");
const BARS: Text = Text::new("Barcode", "Штрихкод");
const QR_LABEL: Text = Text::new("QR code for the till", "QR-код для кассы");
const BARS_LABEL: Text = Text::new("Barcode for the till", "Штрихкод для кассы");
const NUMBER: Text = Text::new("Card number", "Номер карты");
const ROTATES: Text = Text::new("New code in", "Новый код через");
const SECONDS: Text = Text::new("s", "с");
const BRIGHT: Text = Text::new("Turn the brightness up if it does not scan.", "Не считывается? Прибавьте яркость.");

/// `first` is what both sides render at first; from then on the phone counts by itself. `asked` is the shop's time when it
/// answered (milliseconds), from which the phone learns how wrong its own clock is; without it the code's own clock counts.
#[island]
pub fn CodeCard(code: Code, first: Showing, asked: Option<i64>) -> impl IntoView {
    let mut code = code;
    if let Some(shop) = asked {
        code.clock = Clock::set(shop, answered_at(shop));
        let kept = code.clone();
        when_alive(move || offline::keep(&kept));
    }
    let showing = RwSignal::new(first);
    let clock = code.clock;
    let tick = move || {
        let now = clock.showing(js_sys::Date::now());
        if now != showing.get_untracked() {
            showing.set(now);
        }
    };
    when_alive(tick);
    every_second(tick);
    keep_awake();

    let step = Memo::new(move |_| showing.get().step);
    let static_code = code.static_code.as_str().to_owned();
    let grouped = code.static_code.grouped();
    let text = Memo::new(move |_| code.rotating(step.get()));
    view! {
        <section class="code" aria-labelledby="code-title">
            <h2 class="visually-hidden" id="code-title">{tr(TITLE)}</h2>
            <div class="segmented code__switch" role="radiogroup" aria-label=tr(KIND)>
                <label><input type="radio" name="code-kind" value="qr" checked/><span>{tr(QR)}</span></label>
                <label><input type="radio" name="code-kind" value="bars"/><span>{tr(BARS)}</span></label>
            </div>
            <div class="code__qr">
                <QrCode text=text label=tr(QR_LABEL)/>
                <p class="code__left">
                    <svg class="code__ring" viewBox="0 0 20 20" aria-hidden="true">
                        <circle cx="10" cy="10" r="8" pathLength="30"></circle>
                        <circle
                            cx="10" cy="10" r="8" pathLength="30" stroke-dasharray="30"
                            stroke-dashoffset=move || (30 - showing.get().left).to_string()
                        ></circle>
                    </svg>
                    <span>{tr(ROTATES)}" "{move || showing.get().left}"\u{a0}"{tr(SECONDS)}</span>
                </p>
            </div>
            <div class="code__bars">
                <Code128 text=static_code label=tr(BARS_LABEL)/>
                <p class="code__left">{tr(BRIGHT)}</p>
            </div>
            <p class="code__number"><span class="visually-hidden">{tr(NUMBER)}": "</span>{grouped}</p>
        </section>
    }
}

/// The screen stays on while the code is shown: `pwa.js` holds the wake lock while `<html>` carries the mark.
fn keep_awake() {
    when_alive(|| {
        if let Some(root) = document().document_element() {
            _ = root.set_attribute("data-awake", "");
        }
        on_cleanup(|| {
            if let Some(root) = document().document_element() {
                _ = root.remove_attribute("data-awake");
            }
        });
    });
}

/// The phone's time when the page's first byte came, which is not the later time at which this code began to run.
#[cfg(feature = "hydrate")]
fn answered_at(_shop_ms: i64) -> f64 {
    let first_byte = || {
        let get = |of: &wasm_bindgen::JsValue, key: &str| js_sys::Reflect::get(of, &key.into()).ok();
        let timing = get(&get(window().as_ref(), "performance")?, "timing")?;
        get(&timing, "responseStart")?.as_f64().filter(|&ms| ms > 0.0)
    };
    first_byte().unwrap_or_else(js_sys::Date::now)
}

#[cfg(not(feature = "hydrate"))]
fn answered_at(shop_ms: i64) -> f64 {
    shop_ms as f64
}
