//! Home: the customer's code, the three cards and the choice of one, and what was saved. Signed out: what Kava is.

pub mod api;
mod cards;
mod code;
mod landing;
pub mod state;
mod view;

pub use cards::picture_of;
pub use code::CodeCard;
pub use view::HomePage;
