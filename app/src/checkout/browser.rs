//! The few things that only the browser has: ids, the clock, the tab's own storage. Called from events and effects only,
//! so never on the server.

use js_sys::{Date, Function, Reflect, Uint8Array};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};

use super::state::Counter;

/// The tab's own: a second tab is a second counter.
const SAVED: &str = "kava.counter.1";

/// A random UUID. `crypto.randomUUID` where the browser has it, which is on https and on localhost.
#[must_use]
pub fn uuid() -> String {
    let made = crypto("randomUUID").and_then(|(crypto, make)| make.call0(&crypto).ok()).and_then(|id| id.as_string());
    made.unwrap_or_else(|| {
        let bytes = Uint8Array::new_with_length(16);
        if let Some((crypto, fill)) = crypto("getRandomValues") {
            _ = fill.call1(&crypto, &bytes);
        }
        let mut random = [0; 16];
        bytes.copy_to(&mut random);
        uuid::Builder::from_random_bytes(random).into_uuid().to_string()
    })
}

fn crypto(name: &str) -> Option<(JsValue, Function)> {
    let crypto = Reflect::get(&window(), &"crypto".into()).ok()?;
    let function = Reflect::get(&crypto, &name.into()).ok()?.dyn_into().ok()?;
    Some((crypto, function))
}

/// A receipt number that this till has not used: date and time to the second.
#[must_use]
pub fn receipt_number() -> String {
    let now = Date::new_0();
    format!(
        "{:02}{:02}{:02}-{:02}{:02}{:02}",
        now.get_full_year() % 100,
        now.get_month() + 1,
        now.get_date(),
        now.get_hours(),
        now.get_minutes(),
        now.get_seconds()
    )
}

/// Keeps the counter over a reload. A full or forbidden storage costs that comfort only.
pub fn save(counter: &Counter) {
    if let (Some(storage), Ok(text)) = (storage(), serde_json::to_string(counter)) {
        _ = storage.set_item(SAVED, &text);
    }
}

/// What was kept, if this build still understands it.
#[must_use]
pub fn saved() -> Option<Counter> {
    let text = storage()?.get_item(SAVED).ok()??;
    serde_json::from_str::<Counter>(&text).ok().map(Counter::restored)
}

/// After signing out nobody finds a customer in this tab.
pub fn forget() {
    if let Some(storage) = storage() {
        _ = storage.remove_item(SAVED);
    }
}

fn storage() -> Option<web_sys::Storage> {
    window().session_storage().ok().flatten()
}

/// Whether the browser itself can read codes from a camera.
#[must_use]
pub fn reads_codes() -> bool {
    Reflect::has(&window(), &"BarcodeDetector".into()).unwrap_or(false)
}

/// Loads the element `<kava-scan>`, once. It is a file of its own: no customer ever downloads it.
pub fn load_scanner() {
    let document = document();
    if document.query_selector("script[data-scan]").ok().flatten().is_some() {
        return;
    }
    let Ok(script) = document.create_element("script") else { return };
    _ = script.set_attribute("type", "module");
    _ = script.set_attribute("src", "/js/scan.js");
    _ = script.set_attribute("data-scan", "");
    if let Some(head) = document.head() {
        _ = head.append_child(&script);
    }
}
