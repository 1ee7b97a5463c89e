//! How a refusal reaches a screen: a server function's error is the [`Refusal`] itself, and nothing more can cross.

use contract::{Kind, Refusal};
use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};

/// What every server function answers when it does not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub Refusal);

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl FromServerFnError for Fault {
    type Encoder = JsonEncoding;

    /// Transport faults: the network is away, or the answer was not ours. Their text stays out of the screen.
    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        let refusal = match error {
            ServerFnErrorErr::Request(_) => {
                Refusal::new(Kind::Unavailable, "offline", "There is no connection. Try again in a moment.")
            }
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) | ServerFnErrorErr::Deserialization(_) => {
                Refusal::malformed("malformed", "The request could not be read.")
            }
            _ => Refusal::new(Kind::Internal, "internal", "Something went wrong on our side. Try again."),
        };
        Self(refusal)
    }
}
