//! The customer's own data: name, e-mail, birthday, consent; language and theme of this browser; signing out.

pub mod api;
pub mod state;
mod view;

pub use view::ProfilePage;
