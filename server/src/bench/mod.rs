//! Measurements. Each does its own set-up and prints, as its last line, one JSON object.

pub mod boosting;
pub mod clv;
mod connection;
pub mod import;
mod load;
pub mod machine;
pub mod peer;
pub mod policy;
pub mod preferences;
pub mod promotions;
mod python;
pub mod quote;
pub mod rules;
pub mod scale;
pub mod segments;
pub mod shop;
mod tastes;
pub mod till;
pub mod uplift;
