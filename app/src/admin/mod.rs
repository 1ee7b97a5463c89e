//! What only those who run the shop see. Route: [`DemoMessagesPage`] at `/demo/messages`.

pub mod api;
mod messages;

pub use messages::DemoMessagesPage;
