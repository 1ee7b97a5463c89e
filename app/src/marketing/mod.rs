//! What marketing sees. Routes: [`SegmentsPage`] at `/marketing/segments`, [`together::TogetherPage`] at
//! `/marketing/together`, [`offers::OffersPage`] at `/marketing/offers`.

pub mod api;
mod beside;
mod division;
mod habits;
pub mod offers;
pub mod reply;
mod section;
pub mod state;
mod table;
pub mod together;
mod view;

pub use view::SegmentsPage;
