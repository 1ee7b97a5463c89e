//! The customer's screens, one folder each: `api.rs` asks the shop, `state.rs` is pure, `view.rs` shows.

pub mod frame;
pub mod home;
pub mod menu;
mod not_found;
pub mod offers;
pub mod offline;
pub mod profile;
#[cfg(feature = "ssr")]
mod reply;
pub mod savings;
pub mod sign_in;

pub use home::HomePage;
pub use menu::MenuPage;
pub use not_found::NotFoundPage;
pub use offers::OffersPage;
pub use offline::{OfflineCode, OfflinePage};
pub use profile::ProfilePage;
pub use savings::SavingsPage;
pub use sign_in::{SignInCodePage, SignInPage, WelcomePage};
