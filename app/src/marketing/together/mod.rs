//! What is bought together. Route: [`TogetherPage`] at `/marketing/together`.

pub mod api;
mod view;

pub use view::TogetherPage;
