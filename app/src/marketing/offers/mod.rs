//! Who decides what customers are offered, and what it brings. Route: [`OffersPage`] at `/marketing/offers`.

pub mod api;
mod brought;
mod models;
pub mod state;
mod terms;
mod view;

pub use view::OffersPage;
