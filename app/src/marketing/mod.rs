//! What marketing sees. Route: [`SegmentsPage`] at `/marketing/segments`.

pub mod api;
pub mod state;
mod table;
mod view;

pub use view::SegmentsPage;
