//! The customer's screens, one folder each: `api.rs` asks the shop, `state.rs` is pure, `view.rs` shows.

mod frame;
mod home;
mod menu;
mod not_found;
mod offers;
mod offline;
mod profile;
#[cfg(feature = "ssr")]
mod reply;
mod savings;
mod sign_in;

pub use home::HomePage;
pub use menu::MenuPage;
pub use not_found::NotFoundPage;
pub use offers::OffersPage;
pub use offline::{OfflineCode, OfflinePage};
pub use profile::ProfilePage;
pub use savings::SavingsPage;
pub use sign_in::{SignInCodePage, SignInPage, WelcomePage};
