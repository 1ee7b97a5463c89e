#![doc = include_str!("../README.md")]

mod chance;
pub mod contest;
mod crowd;
mod oracle;
mod shopper;
mod truth;

pub use crowd::{Budget, Crowd, Life, Outcome, Policy, Totals, Uniform};
pub use oracle::{Commitment, Prospect};
pub use shopper::{Expected, Shopper, State, Visit};
pub use truth::{Item, Spread, Truth, TruthError};
