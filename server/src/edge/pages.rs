//! Pages and server functions: what leptos renders, with the visitor, the doors and the nonce in its context.

use app::visitor::Visitor;
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRef, Request};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use contract::{Kind, Refusal};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use leptos::config::LeptosOptions;
use leptos::nonce::Nonce;
use leptos::prelude::{provide_context, use_context};
use leptos_axum::{LeptosRoutes, generate_route_list};
use tower_http::compression::CompressionLayer;
use tower_http::csrf::{CsrfLayer, ProtectionError};
use tower_http::limit::RequestBodyLimitLayer;

use super::request::within_time;
use super::security::{PageNonce, page_policy};
use super::{Edge, Site, faults, visitor};
use crate::rest;

/// The largest body of a server function.
const MAX_CALL: usize = 64 * 1024;
/// What the largest answer of a server function that says no may hold.
const MAX_FAULT: usize = 64 * 1024;

/// What leptos' handlers take as their state.
#[derive(Clone)]
struct PageState {
    options: LeptosOptions,
}

impl FromRef<PageState> for LeptosOptions {
    fn from_ref(state: &PageState) -> Self {
        state.options.clone()
    }
}

/// Every page and server function, and the page for what is not there.
pub struct Pages {
    pub router: Router<Edge>,
    pub not_found: Router,
}

impl Pages {
    /// # Errors
    /// When the configured origin is not one.
    pub fn new(edge: &Edge, site: &Site) -> anyhow::Result<Self> {
        let options = site.options();
        let state = PageState { options: options.clone() };
        let context = {
            let edge = edge.clone();
            move || provide(&edge)
        };
        let shell = move || app::shell(options.clone());
        let routes = generate_route_list(app::App);
        let pages = Router::new().leptos_routes_with_context(&state, routes, context.clone(), shell.clone());
        let lost = get(leptos_axum::render_app_async_with_context(context, shell).layer(from_fn(lost)));
        let lost = Router::new().fallback(lost);
        Ok(Self {
            router: guarded(pages.with_state(state.clone()), edge)?,
            not_found: guarded(lost, edge)?.with_state(edge.clone()),
        })
    }
}

/// From the outside in: time, size of the answer, who may post, how much, who it is, and the policy of the page.
fn guarded(router: Router, edge: &Edge) -> anyhow::Result<Router<Edge>> {
    let csrf = CsrfLayer::new()
        .add_trusted_origin(&edge.rules.origin)
        .map_err(|error| anyhow::anyhow!("serve.public_url is not an origin: {error:?}"))?
        .with_rejection_response(foreign);
    Ok(router
        .layer(from_fn(speak))
        .layer(from_fn_with_state(edge.clone(), visitor::introduce))
        .layer(from_fn_with_state(edge.clone(), page_policy))
        .layer(RequestBodyLimitLayer::new(MAX_CALL))
        .layer(csrf)
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(edge.clone(), within_time))
        .with_state(()))
}

/// Another site made the browser send this.
fn foreign(_: ProtectionError) -> Response<Body> {
    faults::refuse("/fn/", Refusal::forbidden("This request came from another site."))
}

/// The context of every page and call. Runs inside leptos, which has put the request's parts there.
fn provide(edge: &Edge) {
    let Some(parts) = use_context::<Parts>() else { return };
    if let Some(visitor) = parts.extensions.get::<Visitor>() {
        provide_context(visitor.locale);
        provide_context(visitor.clone());
    }
    if let Some(PageNonce(nonce)) = parts.extensions.get::<PageNonce>() {
        provide_context(Nonce::from_value(nonce.as_str()));
    }
    provide_context(edge.customer.clone());
    provide_context(edge.till.clone());
    provide_context(edge.marketing.clone());
    provide_context(edge.offers.clone());
    provide_context(edge.staff.clone());
}

/// A page that says that there is no such page says so in its status as well.
async fn lost(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

/// Gives a server function's no the status of its kind: leptos says 500 to everything.
async fn speak(request: Request, next: Next) -> Response {
    let call = request.uri().path().starts_with("/fn/");
    let response = next.run(request).await;
    if !call || response.status() != StatusCode::INTERNAL_SERVER_ERROR {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, MAX_FAULT).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let refusal = serde_json::from_slice::<Refusal>(&bytes).ok();
    if let Some(refusal) = &refusal {
        parts.status = rest::status(refusal.kind);
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if refusal.kind == Kind::Internal && refusal.incident.is_none() {
            tracing::error!(key = %refusal.key, "a server function failed on our side");
        }
    }
    parts.headers.remove(CONTENT_LENGTH);
    let mut response = Response::from_parts(parts, Body::from(bytes));
    if let Some(refusal) = &refusal {
        faults::retry(&mut response, refusal);
    }
    response
}
