//! What was saved, and the purchases that saved it.

pub mod api;
mod view;

pub use view::SavingsPage;
