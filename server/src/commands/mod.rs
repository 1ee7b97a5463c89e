//! The verbs that have their own arguments.

pub mod campaigns;
pub mod coupons;
pub mod customers;
pub mod import;
pub mod ledger;
pub mod policy;
pub mod replay;
pub mod seed;
pub mod segments;
pub mod simulate;
pub mod till;
pub mod till_sim;
pub mod work;

use std::sync::Arc;

use services::{Shop, relay, segment};
use store::event_log::PgLog;

use crate::courier::HttpCourier;

/// What happens behind the counter, until dropped: events are announced, the chain's tills are told what
/// waits for them, coupon codes that were asked for are made, what is
/// old is forgotten and, with `fits`, the segments are learned anew every night. Breaking it off is safe: what was not
/// marked is announced at the next start, the log takes an event once, a batch of codes goes on where it stands, and a fit
/// that did not end never happened.
pub async fn background(shop: Shop, fits: bool) {
    let bus = Arc::new(PgLog(shop.store().clone()));
    let nights = async {
        if fits {
            segment::night::run(shop.clone()).await;
        }
    };
    let letters = async {
        match HttpCourier::new() {
            Ok(courier) => services::adapter::run(shop.clone(), Arc::new(courier)).await,
            Err(error) => tracing::error!(%error, "tills are told nothing"),
        }
    };
    tokio::join!(relay::run(shop.clone(), bus), letters, nights, shop.make_batches());
}
