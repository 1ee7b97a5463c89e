//! Who listens while a decision is made: nobody at the till, a recorder where somebody asks why.

use crate::explanation::Verdict;

pub(crate) trait Trace {
    /// Whether what cannot matter to this basket is looked at as well, so that it gets its verdict.
    const EVERYTHING: bool;
    fn note(&mut self, verdict: impl FnOnce() -> Verdict);
}

/// Costs nothing: no verdict is ever made.
pub(crate) struct Off;

impl Trace for Off {
    const EVERYTHING: bool = false;
    fn note(&mut self, _verdict: impl FnOnce() -> Verdict) {}
}

#[derive(Default)]
pub(crate) struct Recorder(pub Vec<Verdict>);

impl Trace for Recorder {
    const EVERYTHING: bool = true;
    fn note(&mut self, verdict: impl FnOnce() -> Verdict) {
        self.0.push(verdict());
    }
}
