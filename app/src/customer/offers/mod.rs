//! What changed for this customer lately.

pub mod api;
mod view;

pub use view::OffersPage;
