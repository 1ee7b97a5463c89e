//! The screens of the counter.
//!
//! Routes: [`CheckoutPage`] at `/checkout`, [`StaffSignInPage`] at `/staff`. [`OfficeFrame`] stands around every staff screen.

pub mod api;
mod basket;
mod browser;
mod customer;
mod desk;
mod frame;
mod goods;
mod payment;
pub mod rows;
mod sign_in;
pub mod state;
mod view;
pub mod words;

pub use frame::{OfficeFrame, ShutScreen};
pub use sign_in::StaffSignInPage;
pub use view::CheckoutPage;
