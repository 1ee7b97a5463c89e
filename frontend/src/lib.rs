//! The wasm entry point: hydrates what the server rendered, or mounts the offline page when there is no server.

use leptos::mount::{hydrate_body, mount_to_body};
use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the script that the shell renders. `<html data-hydrated>` says that the page is alive.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    let Some(document) = web_sys::window().and_then(|window| window.document()) else { return };
    let Some(root) = document.document_element() else { return };
    if root.get_attribute("data-shell").as_deref() == Some("offline") {
        // It is shown for any address, so there is nothing to hydrate it against.
        if let Some(body) = document.body() {
            body.set_inner_html("");
        }
        mount_to_body(app::customer::OfflineCode);
    } else {
        hydrate_body(app::App);
    }
    _ = root.set_attribute("data-hydrated", "");
}
