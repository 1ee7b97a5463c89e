//! The verbs that have their own arguments.

pub mod customers;
pub mod import;
pub mod work;

use std::sync::Arc;

use services::{Shop, relay};
use store::Store;
use store::event_log::PgLog;
use tokio::sync::watch;

/// What a server does beside its requests, until told to stop: announces events and forgets what is old. Breaking it
/// off is safe: what was not marked is announced at the next start, and the log takes an event once.
pub async fn background(shop: Shop, store: Store, mut stopping: watch::Receiver<bool>) {
    tokio::select! {
        () = relay::run(shop, Arc::new(PgLog(store))) => {}
        _ = stopping.wait_for(|stop| *stop) => {}
    }
}
