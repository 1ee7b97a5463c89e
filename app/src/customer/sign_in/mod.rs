//! Signing in by phone: the number, then the code that was sent to it, then (once) a name.

pub mod api;
pub mod state;
mod view;

pub use view::{PhoneForm, SignInCodePage, SignInPage, WelcomePage, told};
