//! Once a second, in the browser only.

use std::time::Duration;

use leptos::prelude::*;

/// Runs every second from the moment the page is alive until the view goes.
pub fn every_second(run: impl Fn() + Clone + 'static) {
    Effect::new(move |_| {
        if let Ok(handle) = set_interval_with_handle(run.clone(), Duration::from_secs(1)) {
            on_cleanup(move || handle.clear());
        }
    });
}
