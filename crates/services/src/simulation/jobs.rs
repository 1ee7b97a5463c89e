//! Simulations that somebody asked for over the network: begun at once, looked at and cancelled by id.
//!
//! They live in the memory of the server, because they change nothing and are made again in seconds: a server that was started
//! anew knows none, and says `simulation-not-found`.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use contract::simulation::{SimulationReport, SimulationRequest, SimulationState, SimulationView};
use contract::{Kind, Refusal};
use uuid::Uuid;

use super::Watch;
use crate::Shop;

/// Simulations at the same time: one core stays with the tills.
const AT_ONCE: usize = 1;
/// Simulations that are remembered.
const REMEMBERED: usize = 32;

#[derive(Debug, Default)]
pub struct Jobs(Mutex<VecDeque<Arc<Job>>>);

#[derive(Debug)]
struct Job {
    id: Uuid,
    done: AtomicU64,
    of: AtomicU64,
    cancelled: AtomicBool,
    outcome: Mutex<Option<Result<SimulationReport, Refusal>>>,
}

impl Watch for Job {
    fn goes_on(&self, done: u64, of: u64) -> bool {
        self.done.store(done, Ordering::Relaxed);
        self.of.store(of, Ordering::Relaxed);
        !self.cancelled.load(Ordering::Relaxed)
    }
}

impl Job {
    fn outcome(&self) -> Option<Result<SimulationReport, Refusal>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn view(&self) -> SimulationView {
        let (state, report, failure) = match self.outcome() {
            None => (SimulationState::Running, None, None),
            Some(Ok(report)) => (SimulationState::Done, Some(report), None),
            Some(Err(refusal)) if refusal.is("simulation-cancelled") => (SimulationState::Cancelled, None, None),
            Some(Err(refusal)) => (SimulationState::Failed, None, Some(refusal.detail)),
        };
        SimulationView {
            simulation_id: self.id,
            state,
            done: self.done.load(Ordering::Relaxed),
            of: self.of.load(Ordering::Relaxed),
            failure,
            report,
        }
    }
}

impl Jobs {
    fn find(&self, id: Uuid) -> Result<Arc<Job>, Refusal> {
        let jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = jobs.iter().find(|job| job.id == id).cloned();
        found.ok_or_else(|| {
            let detail = "There is no such simulation; a server that was started anew knows none of before.";
            Refusal::not_found("simulation-not-found", detail)
        })
    }

    fn begin(&self, id: Uuid) -> Result<Arc<Job>, Refusal> {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.iter().filter(|job| job.outcome().is_none()).count() >= AT_ONCE {
            let detail = "Another simulation is running: wait until it is done, or cancel it.";
            return Err(Refusal { retry_after: Some(5), ..Refusal::new(Kind::TooMany, "simulation-busy", detail) });
        }
        if jobs.len() >= REMEMBERED {
            jobs.pop_front();
        }
        let job = Arc::new(Job {
            id,
            done: AtomicU64::new(0),
            of: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
            outcome: Mutex::new(None),
        });
        jobs.push_back(job.clone());
        Ok(job)
    }
}

impl Shop {
    /// Begins a simulation under an id that nobody has; what is wrong with the draft is told at once.
    pub(crate) async fn begin_simulation_as(
        &self,
        id: Uuid,
        request: SimulationRequest,
    ) -> Result<SimulationView, Refusal> {
        let ready = self.ready_simulation(&request).await?;
        let job = self.simulations.begin(id)?;
        let view = job.view();
        let shop = self.clone();
        tokio::spawn(async move {
            let outcome = shop.replay_history(&request, ready, &*job).await;
            *job.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        });
        Ok(view)
    }

    pub(crate) fn simulation_view(&self, id: Uuid) -> Result<SimulationView, Refusal> {
        Ok(self.simulations.find(id)?.view())
    }

    /// It stops at its next thousand sales.
    pub(crate) fn stop_simulation(&self, id: Uuid) -> Result<SimulationView, Refusal> {
        let job = self.simulations.find(id)?;
        job.cancelled.store(true, Ordering::Relaxed);
        Ok(job.view())
    }
}
