//! REST v1. One endpoint one file; rules that all share stand in `request`, `answer` and `problem`.

mod answer;
mod campaigns;
mod cancel;
mod close;
mod coupons;
mod explanation;
mod get_session;
mod grants;
mod identify;
mod openapi;
mod problem;
mod products;
mod put_session;
mod query;
mod receipts;
mod reopen;
pub mod request;
mod returns;
mod rule_sets;
mod simulations;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post, put};
use contract::{Kind, Refusal};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};

pub use openapi::Api;
pub use problem::{Problem, Refused, status};
pub(crate) use query::Query;

use crate::edge::{Edge, request::within_time};

/// The routes under `/api/v1`.
pub fn router(edge: &Edge) -> Router<Edge> {
    Router::new()
        .route("/api/v1/identify", post(identify::identify))
        .route("/api/v1/sessions/{session_id}", get(get_session::get_session).put(put_session::put_session))
        .route("/api/v1/sessions/{session_id}/close", post(close::close))
        .route("/api/v1/sessions/{session_id}/cancel", post(cancel::cancel))
        .route("/api/v1/sessions/{session_id}/explanation", get(explanation::explanation))
        .route("/api/v1/sessions/{session_id}/returns", post(returns::returns))
        .route("/api/v1/sessions/{session_id}/reopen", post(reopen::reopen))
        .route("/api/v1/grants", get(grants::grants))
        .route("/api/v1/receipts", post(receipts::receipts))
        .route("/api/v1/products", get(products::products))
        .route("/api/v1/rule-sets", get(rule_sets::list))
        .route("/api/v1/rule-sets/{revision}", get(rule_sets::get))
        .route("/api/v1/rule-sets/current", get(rule_sets::get_current).put(rule_sets::publish))
        .route("/api/v1/rule-sets/draft", put(rule_sets::check))
        .route("/api/v1/campaigns", get(campaigns::list))
        .route("/api/v1/campaigns/{campaign_id}", get(campaigns::get).put(campaigns::put).delete(campaigns::delete))
        .route("/api/v1/campaigns/{campaign_id}/pause", post(campaigns::pause))
        .route("/api/v1/campaigns/{campaign_id}/resume", post(campaigns::resume))
        .route("/api/v1/coupons/{code}", put(coupons::put))
        .route("/api/v1/coupons/batches", post(coupons::make))
        .route("/api/v1/coupons/batches/{batch_id}", get(coupons::batch))
        .route("/api/v1/coupons/batches/{batch_id}/codes", get(coupons::codes))
        .route("/api/v1/simulations", post(simulations::begin))
        .route("/api/v1/simulations/{simulation_id}", get(simulations::get))
        .route("/api/v1/simulations/{simulation_id}/cancel", post(simulations::cancel))
        .route("/api/v1/openapi.json", get(openapi::openapi))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(edge.clone(), within_time))
        .layer(from_fn(unstored))
}

/// 404 for what is not there under `/api`.
pub async fn not_found() -> Refused {
    Refusal::not_found("not-found", "There is nothing here. GET /api/v1/openapi.json lists what there is.").into()
}

async fn method_not_allowed() -> Refused {
    let refusal = Refusal::new(Kind::Malformed, "method-not-allowed", "This method is not for this path; see Allow.");
    Refused::with_status(StatusCode::METHOD_NOT_ALLOWED, refusal)
}

/// Answers of the API are nobody's to keep, unless they say so themselves.
async fn unstored(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
