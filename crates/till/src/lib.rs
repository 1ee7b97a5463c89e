#![doc = include_str!("../README.md")]

pub mod canonical;
pub mod code;
pub mod grant;
pub mod retry;
pub mod shelf;
pub mod wallet;
pub mod wire;

pub use grant::{GrantError, Keyring, Signer, Verified};
pub use shelf::ShelfIndex;
pub use wallet::{Basket, Decision, Wallet};
