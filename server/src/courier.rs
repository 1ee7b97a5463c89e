//! Carries messages to the chain's tills over HTTP.

use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use services::adapter::{Courier, Letter};
use till::wire;

/// A till that needs longer is busy; the next try comes.
const PATIENCE: Duration = Duration::from_secs(5);

pub struct HttpCourier(reqwest::Client);

impl HttpCourier {
    /// # Errors
    /// When the TLS roots cannot be read.
    pub fn new() -> anyhow::Result<Self> {
        // No redirects: a message is signed for one till, and goes nowhere else.
        let client = reqwest::Client::builder().timeout(PATIENCE).redirect(Policy::none()).build();
        Ok(Self(client.context("The HTTP client for tills cannot be made.")?))
    }
}

#[async_trait]
impl Courier for HttpCourier {
    async fn carry(&self, letter: &Letter) -> Result<(), String> {
        let request = self
            .0
            .post(&letter.endpoint)
            .header(CONTENT_TYPE, "application/json")
            .header(wire::TILL, letter.stamp.till.to_string())
            .header(wire::MESSAGE, letter.stamp.message.to_string())
            .header(wire::TIMESTAMP, letter.stamp.timestamp)
            .header(wire::SIGNATURE, &letter.signature)
            .body(letter.body.clone());
        match request.send().await {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(format!("the till answered {}", response.status())),
            Err(error) if error.is_timeout() => Err("the till did not answer in time".to_owned()),
            Err(error) => Err(format!("the till cannot be reached: {}", error.without_url())),
        }
    }
}
