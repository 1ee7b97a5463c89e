//! The models of how customers answer, with their plans: at most one is in use, and one the shadow.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// A model as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct StoredModel {
    pub id: Uuid,
    pub version: i32,
    pub trained_at: DateTime<Utc>,
    pub model: serde_json::Value,
    pub plan: Option<serde_json::Value>,
    pub planned_at: Option<DateTime<Utc>>,
}

/// What is told of a model.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ModelRow {
    pub version: i32,
    pub trained_at: DateTime<Utc>,
    pub state: String,
    pub used_at: Option<DateTime<Utc>>,
    pub planned_at: Option<DateTime<Utc>>,
    pub report: serde_json::Value,
}

/// What a model may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Shadow,
    InUse,
    Retired,
    Rejected,
}

impl State {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::InUse => "in_use",
            Self::Retired => "retired",
            Self::Rejected => "rejected",
        }
    }
}

const MODEL: &str = "select id, version, trained_at, model, plan, planned_at from response_models where state = $1";

/// The one model of this state, of which there is at most one: in use, or the shadow.
pub async fn model(tx: &mut Tx, state: State) -> Result<Option<StoredModel>, StoreError> {
    Ok(sqlx::query_as(MODEL).bind(state.as_str()).fetch_optional(&mut **tx).await?)
}

/// Version and time of plan of the models in use and in the shadow: what of them is read already need not be read again.
pub async fn versions(tx: &mut Tx) -> Result<Vec<(String, i32, Option<DateTime<Utc>>)>, StoreError> {
    Ok(sqlx::query_as("select state, version, planned_at from response_models where state in ('in_use', 'shadow')")
        .fetch_all(&mut **tx)
        .await?)
}

/// Stores a new model as the next version, not in use.
pub async fn keep_model(
    tx: &mut Tx,
    id: Uuid,
    at: DateTime<Utc>,
    model: &impl serde::Serialize,
    report: &impl serde::Serialize,
) -> Result<i32, StoreError> {
    // Two at once wait for each other here, so that versions have no gap and no double.
    sqlx::query("lock table response_models in share row exclusive mode").execute(&mut **tx).await?;
    Ok(sqlx::query_scalar(
        "insert into response_models (id, version, trained_at, state, model, report) \
         values ($1, (select coalesce(max(version), 0) + 1 from response_models), $2, 'rejected', $3, $4) returning version",
    )
    .bind(id)
    .bind(at)
    .bind(Json(model))
    .bind(Json(report))
    .fetch_one(&mut **tx)
    .await?)
}

/// Gives a model another state; whoever had it is retired, where only one may have it. `false` where there is no such model.
pub async fn set_state(tx: &mut Tx, version: i32, state: State, now: DateTime<Utc>) -> Result<bool, StoreError> {
    sqlx::query("lock table response_models in share row exclusive mode").execute(&mut **tx).await?;
    if matches!(state, State::InUse | State::Shadow) {
        sqlx::query("update response_models set state = 'retired' where state = $1 and version <> $2")
            .bind(state.as_str())
            .bind(version)
            .execute(&mut **tx)
            .await?;
    }
    let done = sqlx::query(
        "update response_models set state = $2, used_at = case when $2 = 'in_use' then $3 else used_at end where version = $1",
    )
    .bind(version)
    .bind(state.as_str())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The version that was in use before the one that is.
pub async fn used_before(tx: &mut Tx) -> Result<Option<i32>, StoreError> {
    Ok(sqlx::query_scalar(
        "select version from response_models where state = 'retired' and used_at is not null order by used_at desc limit 1",
    )
    .fetch_optional(&mut **tx)
    .await?)
}

pub async fn keep_plan(
    tx: &mut Tx,
    version: i32,
    plan: &impl serde::Serialize,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("update response_models set plan = $2, planned_at = $3 where version = $1")
        .bind(version)
        .bind(Json(plan))
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

impl Store {
    /// All models, the newest first.
    pub async fn response_models(&self) -> Result<Vec<ModelRow>, StoreError> {
        Ok(sqlx::query_as(
            "select version, trained_at, state, used_at, planned_at, report from response_models order by version desc",
        )
        .fetch_all(self.pool())
        .await?)
    }
}
