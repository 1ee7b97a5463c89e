//! Every screen of Kava. Compiles to wasm (`hydrate`) and native (`ssr`); knows the contract and the domain only.

// Views nest deeply; the type checker needs the room.
#![recursion_limit = "256"]

pub mod admin;
pub mod checkout;
pub mod customer;
pub mod fault;
pub mod i18n;
pub mod marketing;
pub mod page;
pub mod shell;
pub mod ui;
pub mod visitor;

pub use shell::App;
#[cfg(feature = "ssr")]
pub use shell::shell;
