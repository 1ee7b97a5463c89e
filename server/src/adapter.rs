//! `/adapters/alfa-kassa/v1`: the door of the chain's own tills. What comes in is signed; see docs/till.md.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::from_fn_with_state;
use axum::routing::post;
use contract::adapter::Envelope;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use till::wire;

use crate::edge::{Edge, request::within_time};
use crate::rest::Refused;
use crate::rest::request::{MAX_BODY, read, refuse_nul};

pub fn router(edge: &Edge) -> Router<Edge> {
    Router::new()
        .route("/adapters/alfa-kassa/v1/messages", post(receive))
        .layer(from_fn_with_state(edge.clone(), within_time))
}

async fn receive(
    State(edge): State<Edge>,
    request: Request,
) -> Result<([(http::HeaderName, &'static str); 1], String), Refused> {
    let header = |headers: &HeaderMap, name: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let headers = request.headers();
    let mut envelope = Envelope {
        till: header(headers, wire::TILL),
        message: header(headers, wire::MESSAGE),
        timestamp: header(headers, wire::TIMESTAMP),
        signature: header(headers, wire::SIGNATURE),
        body: Vec::new(),
    };
    envelope.body = read(request, MAX_BODY).await?.to_vec();
    refuse_nul(&envelope.body)?;
    Ok(([(CONTENT_TYPE, "application/json")], edge.adapter.receive(envelope).await?))
}
