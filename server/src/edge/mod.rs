//! The edge: one router for pages, server functions, REST, files and probes, and what every request goes through.

pub mod assets;
pub mod client;
pub mod faults;
pub mod health;
pub mod join;
pub mod metrics;
pub mod pages;
pub mod preferences;
pub mod request;
pub mod security;
pub mod visitor;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use cache::Cache;
use contract::{AdapterApi, CampaignApi, CustomerApi, MarketingApi, OffersApi, OfflineApi, StaffApi, TillApi};
use services::clock::{Clock, Entropy};
use store::Store;
use tower::ServiceExt;

pub use assets::Site;
pub use metrics::Metrics;

use crate::config::Config;
use crate::rest;

/// What handlers and middleware reach. Cheap to clone.
#[derive(Clone)]
pub struct Edge(Arc<Inner>);

/// The parts of an [`Edge`].
pub struct Inner {
    pub customer: Arc<dyn CustomerApi>,
    pub till: Arc<dyn TillApi>,
    pub offline: Arc<dyn OfflineApi>,
    pub adapter: Arc<dyn AdapterApi>,
    pub marketing: Arc<dyn MarketingApi>,
    pub offers: Arc<dyn OffersApi>,
    pub staff: Arc<dyn StaffApi>,
    pub campaigns: Arc<dyn CampaignApi>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// For readiness: whether the tills can sell.
    pub store: Store,
    pub cache: Arc<dyn Cache>,
    pub metrics: Metrics,
    pub rules: Rules,
}

/// The settings that the edge goes by.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The browser sees https.
    pub secure: bool,
    pub origin: String,
    pub trusted_hops: u8,
    pub timeout: Duration,
    /// `/metrics` answers callers on this machine.
    pub metrics_for_local: bool,
}

impl From<&Config> for Rules {
    fn from(config: &Config) -> Self {
        Self {
            secure: config.is_secure(),
            origin: config.origin(),
            trusted_hops: config.serve.trusted_hops,
            timeout: config.timeout(),
            metrics_for_local: config.metrics_address().is_none() && config.is_local(),
        }
    }
}

impl Edge {
    #[must_use]
    pub fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

impl std::ops::Deref for Edge {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// Everything that one listener serves. Without a [`Site`]: REST and probes only.
///
/// # Errors
/// When the site's files cannot be read, or the configured origin is not one.
pub fn router(edge: &Edge, site: Option<&Site>) -> anyhow::Result<Router> {
    let mut router = Router::new()
        .merge(rest::router(edge))
        .merge(crate::grpc::router(edge))
        .merge(crate::adapter::router(edge))
        .merge(health::router());
    router = match site {
        Some(site) => {
            let pages = pages::Pages::new(edge, site)?;
            let fallback = Fallback { files: site.files(), not_found: pages.not_found.clone() };
            router
                .merge(pages.router)
                .merge(join::router())
                .merge(preferences::router().layer(from_fn_with_state(edge.clone(), visitor::introduce)))
                .merge(site.router()?)
                .fallback(move |request: Request| fallback.clone().answer(request))
        }
        None => router.fallback(rest::not_found),
    };
    Ok(router
        .layer(from_fn_with_state(edge.clone(), security::headers))
        .layer(from_fn_with_state(edge.clone(), request::observe))
        .with_state(edge.clone()))
}

/// What no route takes: a file of the site, or a 404 in the shape that the caller understands.
#[derive(Clone)]
struct Fallback {
    files: assets::Files,
    not_found: Router,
}

impl Fallback {
    async fn answer(self, request: Request) -> Response {
        let path = request.uri().path();
        if path == "/api" || path.starts_with("/api/") || path.starts_with("/fn/") {
            return rest::not_found().await.into_response();
        }
        let (parts, body) = request.into_parts();
        match self.files.answer(Request::from_parts(parts.clone(), ())).await {
            Some(response) => response,
            None => match self.not_found.oneshot(Request::from_parts(parts, body)).await {
                Ok(response) => response,
                Err(never) => match never {},
            },
        }
    }
}
