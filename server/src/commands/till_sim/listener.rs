//! Where the simulated till listens: Kava's pushes, and a control door of its own for faults on demand.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Json;
use axum::routing::{get, put};
use http::{HeaderMap, StatusCode};
use till::wire::{self, Stamp};

use super::ledger::Ledger;
use super::line::Line;

/// `/control/faults` (PUT the text of `--faults`) and `/control/ledger`; every other path takes pushes.
pub fn router(line: Arc<Line>) -> Router {
    Router::new()
        .route("/control/faults", put(faults))
        .route("/control/ledger", get(ledger))
        .fallback(push)
        .with_state(line)
}

async fn faults(State(line): State<Arc<Line>>, body: String) -> Result<StatusCode, (StatusCode, String)> {
    let faults: super::Faults = body.trim().parse().map_err(|why| (StatusCode::UNPROCESSABLE_ENTITY, why))?;
    if !faults.offline.is_zero() {
        line.go_away(faults.offline);
    }
    line.set_faults(faults);
    Ok(StatusCode::NO_CONTENT)
}

async fn ledger(State(line): State<Arc<Line>>) -> Json<Ledger> {
    Json(line.ledger().clone())
}

async fn push(State(line): State<Arc<Line>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if line.loses_push() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let stamp = || {
        Some(Stamp {
            till: text(wire::TILL)?.parse().ok()?,
            message: text(wire::MESSAGE)?.parse().ok()?,
            timestamp: text(wire::TIMESTAMP)?.parse().ok()?,
        })
    };
    match (stamp(), text(wire::SIGNATURE)) {
        (Some(stamp), Some(signature)) if line.take(&stamp, signature, &body) => StatusCode::NO_CONTENT,
        _ => StatusCode::UNAUTHORIZED,
    }
}
