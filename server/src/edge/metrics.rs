//! Figures for Prometheus.

use std::time::Duration;

use metrics::{Recorder, counter, histogram, with_local_recorder};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::sync::Arc;

const SECONDS: &str = "kava_http_request_seconds";
const REQUESTS: &str = "kava_http_requests_total";
/// From a quote in the cache to the time limit.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The figures of one server. Not process-wide, so that tests and benches have their own.
#[derive(Clone)]
pub struct Metrics {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
}

impl Metrics {
    /// # Errors
    /// When the buckets are not in order.
    pub fn new() -> Result<Self, BuildError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(SECONDS.to_owned()), &BUCKETS)?
            .build_recorder();
        recorder.describe_counter(REQUESTS.into(), None, "Requests answered, by method, route and status.".into());
        recorder.describe_histogram(SECONDS.into(), None, "Seconds until the answer began, by route.".into());
        Ok(Self { handle: recorder.handle(), recorder: Arc::new(recorder) })
    }

    pub(crate) fn request(&self, method: &'static str, route: &str, status: u16, elapsed: Duration) {
        with_local_recorder(&*self.recorder, || {
            let route = route.to_owned();
            counter!(REQUESTS, "method" => method, "route" => route.clone(), "status" => status.to_string())
                .increment(1);
            histogram!(SECONDS, "route" => route).record(elapsed.as_secs_f64());
        });
    }

    /// The text that Prometheus scrapes.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.run_upkeep();
        self.handle.render()
    }
}
