#![doc = include_str!("../README.md")]

mod baskets;
mod fisher;
mod frequent;
mod index;
mod ratio;
mod rules;

pub use baskets::{Baskets, Empty, TooLarge};
pub use fisher::Fisher;
pub use frequent::{Bounds, ItemSet, MinSupport, MiningError, Progress, frequent};
pub use ratio::Ratio;
pub use rules::{Params, Rhs, Rule, RulesError, rules};

#[cfg(test)]
mod tests;
