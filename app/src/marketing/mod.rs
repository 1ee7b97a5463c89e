//! What marketing sees. Routes: [`SegmentsPage`] at `/marketing/segments`, [`together::TogetherPage`] at
//! `/marketing/together`.

pub mod api;
mod habits;
pub mod state;
mod table;
pub mod together;
mod view;

pub use view::SegmentsPage;
