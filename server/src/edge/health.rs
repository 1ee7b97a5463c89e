//! Probes: `/healthz` (this process), `/readyz` (what it depends on, each by name) and `/metrics` (not public).

use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;

use super::{Edge, client};
use crate::rest;

const PROBE: Duration = Duration::from_secs(2);

pub fn router() -> Router<Edge> {
    Router::new().route("/healthz", get(health)).route("/readyz", get(ready)).route("/metrics", get(local_metrics))
}

/// For a listener of its own.
pub fn metrics_router(edge: Edge) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(edge)
}

async fn health() -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(serde_json::json!({"status": "ok"}))).into_response()
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    dependencies: Dependencies,
}

#[derive(Serialize)]
struct Dependencies {
    database: Dependency,
    cache: Dependency,
}

#[derive(Serialize)]
struct Dependency {
    kind: &'static str,
    ok: bool,
    /// Without it the server answers nothing; otherwise it goes on without.
    required: bool,
}

async fn ready(State(edge): State<Edge>) -> Response {
    let within = |name: &'static str, answer: Option<bool>| {
        let ok = answer.unwrap_or(false);
        if !ok {
            tracing::warn!(dependency = name, "does not answer");
        }
        ok
    };
    let database = async { tokio::time::timeout(PROBE, edge.store.ping()).await.ok().map(|answer| answer.is_ok()) };
    let cache = async { tokio::time::timeout(PROBE, edge.cache.ping()).await.ok().map(|answer| answer.is_ok()) };
    let (database, cache) = futures::join!(database, cache);
    let (database, cache) = (within("database", database), within("cache", cache));
    let readiness = Readiness {
        ready: database,
        dependencies: Dependencies {
            database: Dependency { kind: "postgresql", ok: database, required: true },
            // Stories go on without a cache, only slower.
            cache: Dependency { kind: edge.cache.kind(), ok: cache, required: false },
        },
    };
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(CACHE_CONTROL, "no-store")], Json(readiness)).into_response()
}

/// On the public listener: for callers on this machine, while the settings say that it is the only one.
async fn local_metrics(State(edge): State<Edge>, request: Request) -> Response {
    if edge.rules.metrics_for_local && client::is_local(request.extensions(), request.headers()) {
        metrics(State(edge)).await
    } else {
        rest::not_found().await.into_response()
    }
}

async fn metrics(State(edge): State<Edge>) -> Response {
    let headers = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    (headers, edge.metrics.render()).into_response()
}
