//! Calls that arrive together are served together: one statement for many, and nobody waits for a timer.
//!
//! Whoever comes first is served at once. Who comes meanwhile waits for the one before, and then goes with all who came
//! in the same time. So a quiet shop is as fast as the database, and a busy one pays for a round trip once a batch.

use std::sync::{Mutex, PoisonError};

/// What waits, and who is at work.
#[derive(Debug)]
pub(crate) struct Batches<J> {
    inner: Mutex<Inner<J>>,
    /// Workers at the same time.
    workers: usize,
    /// The most of one batch.
    most: usize,
}

#[derive(Debug)]
struct Inner<J> {
    waiting: Vec<J>,
    at_work: usize,
}

impl<J> Batches<J> {
    pub(crate) fn new(workers: usize, most: usize) -> Self {
        Self { inner: Mutex::new(Inner { waiting: Vec::new(), at_work: 0 }), workers, most }
    }

    /// Joins the next batch; `true` when the caller must send a worker, who calls [`Batches::next`] until there is none.
    #[must_use]
    pub(crate) fn join(&self, job: J) -> bool {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.waiting.push(job);
        let needed = inner.at_work < self.workers;
        inner.at_work += usize::from(needed);
        needed
    }

    /// Nobody is at work, and nothing waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).at_work == 0
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).waiting.len()
    }

    /// The next batch of a worker; with `None` its work is over.
    pub(crate) fn next(&self) -> Option<Vec<J>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.waiting.is_empty() {
            inner.at_work -= 1;
            return None;
        }
        // The oldest first.
        let these = inner.waiting.len().min(self.most);
        let later = inner.waiting.split_off(these);
        Some(std::mem::replace(&mut inner.waiting, later))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_while_another_works_goes_with_the_next_batch() {
        let batches = Batches::new(1, 2);
        assert!(batches.join(1));
        assert_eq!(batches.next(), Some(vec![1]));
        for job in 2..=4 {
            assert!(!batches.join(job), "one is at work");
        }
        assert_eq!(batches.next(), Some(vec![2, 3]));
        assert_eq!(batches.next(), Some(vec![4]));
        assert_eq!(batches.next(), None);
        assert!(batches.is_idle() && batches.join(5), "nobody is at work any more");
    }

    #[test]
    fn there_are_never_more_workers_than_said() {
        let batches = Batches::new(2, 8);
        assert_eq!((1..=4).map(|job| batches.join(job)).collect::<Vec<_>>(), [true, true, false, false]);
    }
}
