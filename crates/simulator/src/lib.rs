#![doc = include_str!("../README.md")]

mod chance;
mod crowd;
mod shopper;
mod truth;

pub use crowd::{Crowd, Outcome, Policy, Totals, Uniform};
pub use shopper::{Expected, Shopper, State, Visit};
pub use truth::{Item, Spread, Truth, TruthError};
