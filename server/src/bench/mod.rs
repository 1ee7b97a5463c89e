//! Measurements. Each does its own set-up and prints, as its last line, one JSON object.

pub mod import;
mod load;
pub mod machine;
pub mod promotions;
pub mod quote;
pub mod shop;
pub mod till;
