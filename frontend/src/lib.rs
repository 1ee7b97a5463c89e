//! The wasm entry point: wakes the islands of a page that the server rendered, or mounts the offline page when there is no
//! server.

// What an office bundle has of `app` is its islands, which are exported by themselves.
#[cfg(not(feature = "customer"))]
use app as _;

use std::time::Duration;

use leptos::mount::hydrate_islands;
use leptos::prelude::set_timeout;
use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the script that the shell renders, which wakes the islands right after, in the same task.
/// `<html data-hydrated>` says that the page is alive.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    let Some(document) = web_sys::window().and_then(|window| window.document()) else { return };
    let Some(root) = document.document_element() else { return };
    #[cfg(feature = "customer")]
    if root.get_attribute("data-shell").as_deref() == Some("offline") {
        // It is shown for any address and by itself: nothing of the server's page is left to wake.
        if let Some(body) = document.body() {
            body.set_inner_html("");
        }
        leptos::mount::mount_to_body(app::customer::OfflineCode);
        set_timeout(move || _ = root.set_attribute("data-hydrated", ""), Duration::ZERO);
        return;
    }
    #[cfg(feature = "customer")]
    if root.get_attribute("data-customer").as_deref() != Some("yes") {
        app::customer::offline::forget();
    }
    hydrate_islands();
    set_timeout(move || _ = root.set_attribute("data-hydrated", ""), Duration::ZERO);
}
