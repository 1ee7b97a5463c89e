//! The screens of the counter.
//!
//! Routes: [`CheckoutPage`] at `/checkout`, [`StaffSignInPage`] at `/staff`.

pub mod api;
mod sign_in;
mod view;

pub use sign_in::StaffSignInPage;
pub use view::CheckoutPage;
