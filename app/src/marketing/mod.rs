//! What marketing sees. Route: [`SegmentsPage`] at `/marketing/segments`.

mod view;

pub use view::SegmentsPage;
