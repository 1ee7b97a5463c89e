#![doc = include_str!("../README.md")]

mod baskets;
mod counts;
mod fisher;
mod frequent;
mod history;
mod index;
pub mod ranking;
mod ratio;
mod rules;
mod similar;

pub use baskets::{Baskets, Empty, TooLarge};
pub use counts::Counts;
pub use fisher::Fisher;
pub use frequent::{Bounds, ItemSet, MinSupport, MiningError, Progress, frequent};
pub use history::{History, HistoryError, MOST_ITEMS, Purchase};
pub use ratio::Ratio;
pub use rules::{Params, Rhs, Rule, RulesError, rules};
pub use similar::{Neighbours, Similarity};

#[cfg(test)]
mod tests;
