//! The menu: public, with the customer's own price where their active card lowers it.

pub mod api;
pub mod state;
mod view;

pub use view::MenuPage;
