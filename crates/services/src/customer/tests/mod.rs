//! The customers' and the staff's stories on the real PostgreSQL, with a clock that stands still and a seeded entropy.

mod accounts;
mod cards;
mod menu;
mod origins;
mod profile;
pub(crate) mod scene;
mod sign_in;
mod staff;
