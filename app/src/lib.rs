//! Every screen of Kava. Compiles to wasm (`hydrate`) and native (`ssr`); knows the contract and the domain only.

// Views nest deeply; the type checker needs the room.
#![recursion_limit = "256"]

mod address;
#[cfg(feature = "office")]
pub mod admin;
#[cfg(feature = "office")]
pub mod checkout;
#[cfg(feature = "customer")]
pub mod customer;
pub mod fault;
pub mod i18n;
#[cfg(feature = "office")]
pub mod marketing;
pub mod page;
#[cfg(feature = "ssr")]
pub mod shell;
pub mod ui;
pub mod visitor;

#[cfg(feature = "ssr")]
pub use shell::{App, shell};
