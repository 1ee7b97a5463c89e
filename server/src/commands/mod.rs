//! The verbs that have their own arguments.

pub mod customers;
pub mod import;
pub mod work;

use std::sync::Arc;

use services::{Shop, relay, segment};
use store::event_log::PgLog;

/// What happens behind the counter, until dropped: events are announced, what is old is forgotten and, with `fits`, the
/// segments are learned anew every night. Breaking it off is safe: what was not marked is announced at the next start,
/// the log takes an event once, and a fit that did not end never happened.
pub async fn background(shop: Shop, fits: bool) {
    let bus = Arc::new(PgLog(shop.store().clone()));
    let nights = async {
        if fits {
            segment::night::run(shop.clone()).await;
        }
    };
    tokio::join!(relay::run(shop.clone(), bus), nights);
}
