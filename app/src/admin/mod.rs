//! What only those who run the shop see. Route: [`DemoMessagesPage`] at `/demo/messages`.

mod messages;

pub use messages::DemoMessagesPage;
