//! `/api/v1/simulations`: history replayed against a draft, as a job that can be watched and cancelled.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use contract::Refusal;
use contract::simulation::{SimulationRequest, SimulationView};
use http::StatusCode;
use uuid::Uuid;

use super::answer::{Answer, OnceAnswer};
use super::request::{Author, Once, Payload};
use super::{Problem, Refused};
use crate::edge::Edge;

#[utoipa::path(
    post, path = "/api/v1/simulations", tag = "campaigns", operation_id = "simulate_draft", request_body = SimulationRequest,
    params(("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters")),
    responses(
        (status = 202, description = "History is being replayed", body = SimulationView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "invalid-rules, invalid-simulation", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "simulation-busy", body = Problem, content_type = "application/problem+json"),
    ),
    security(("integrator_key" = [])),
)]
pub async fn begin(
    Author(author): Author,
    Once(once): Once,
    State(edge): State<Edge>,
    Payload(request): Payload<SimulationRequest>,
) -> Result<Response, Refused> {
    let begun = edge.campaigns.simulate_draft(&author, &once, request).await?;
    Ok((StatusCode::ACCEPTED, OnceAnswer(begun)).into_response())
}

#[utoipa::path(
    get, path = "/api/v1/simulations/{simulation_id}", tag = "campaigns", operation_id = "get_simulation",
    params(("simulation_id" = Uuid, Path)),
    responses(
        (status = 200, body = SimulationView),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "simulation-not-found: also after the server was started anew", body = Problem, content_type = "application/problem+json"),
    ),
    security(("integrator_key" = [])),
)]
pub async fn get(
    Author(_): Author,
    id: Path<String>,
    State(edge): State<Edge>,
) -> Result<Answer<SimulationView>, Refused> {
    Ok(Answer(edge.campaigns.simulation(parse(&id)?).await?))
}

#[utoipa::path(
    post, path = "/api/v1/simulations/{simulation_id}/cancel", tag = "campaigns", operation_id = "cancel_simulation",
    params(
        ("simulation_id" = Uuid, Path),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters"),
    ),
    responses(
        (status = 200, body = SimulationView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "simulation-not-found", body = Problem, content_type = "application/problem+json"),
    ),
    security(("integrator_key" = [])),
)]
pub async fn cancel(
    Author(_): Author,
    Once(_): Once,
    id: Path<String>,
    State(edge): State<Edge>,
) -> Result<Answer<SimulationView>, Refused> {
    Ok(Answer(edge.campaigns.cancel_simulation(parse(&id)?).await?))
}

fn parse(id: &str) -> Result<Uuid, Refusal> {
    id.parse().map_err(|_| Refusal::malformed("invalid-simulation-id", "A simulation's id is a UUID."))
}
