//! Calls that arrive together are served together: one statement for many, and nobody waits for a timer.
//!
//! Whoever comes first is served at once. Who comes meanwhile waits for the one before, and then goes with all who came
//! in the same time. So a quiet shop is as fast as the database, and a busy one pays for a round trip once a batch. A second
//! worker comes only for enough of them, because what a statement costs by itself would be paid for a few; or when somebody has
//! waited long, because whoever is at work may be held up.

use std::sync::{Mutex, PoisonError};

/// What waits, and who is at work.
#[derive(Debug)]
pub(crate) struct Batches<J> {
    inner: Mutex<Inner<J>>,
    /// Workers at the same time.
    workers: usize,
    /// So many must wait to be worth a worker beside another.
    worth: usize,
    /// The most of one batch.
    most: usize,
}

#[derive(Debug)]
struct Inner<J> {
    waiting: Vec<J>,
    at_work: usize,
    /// The next batch is one however small it is.
    hurried: bool,
}

impl<J> Batches<J> {
    pub(crate) fn new(workers: usize, worth: usize, most: usize) -> Self {
        Self { inner: Mutex::new(Inner { waiting: Vec::new(), at_work: 0, hurried: false }), workers, worth, most }
    }

    /// Joins the next batch; `true` when the caller must send a worker, who calls [`Batches::next`] until there is none.
    #[must_use]
    pub(crate) fn join(&self, job: J) -> bool {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.waiting.push(job);
        let needed = inner.at_work == 0 || (inner.at_work < self.workers && inner.waiting.len() >= self.worth);
        inner.at_work += usize::from(needed);
        needed
    }

    /// Somebody has waited long; `true` when the caller must send another worker.
    #[must_use]
    pub(crate) fn hurry(&self) -> bool {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let needed = !inner.waiting.is_empty() && inner.at_work < self.workers;
        inner.at_work += usize::from(needed);
        inner.hurried |= needed;
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

    /// The next batch of a worker; with `None` its work is over. Whoever waits then is another's, who is at work.
    pub(crate) fn next(&self) -> Option<Vec<J>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let enough = inner.at_work == 1 || inner.waiting.len() >= self.worth || inner.hurried;
        if inner.waiting.is_empty() || !enough {
            inner.at_work -= 1;
            return None;
        }
        inner.hurried = false;
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
        let batches = Batches::new(1, 1, 2);
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
    fn there_are_never_more_workers_than_said_and_a_second_only_for_enough() {
        let batches = Batches::new(2, 3, 8);
        assert!(batches.join(1));
        assert_eq!(batches.next(), Some(vec![1]));
        let sent: Vec<bool> = (2..=8).map(|job| batches.join(job)).collect();
        assert_eq!(sent, [false, false, true, false, false, false, false]);
        assert_eq!(batches.next(), Some((2..=8).collect()));
        assert!(!batches.join(9));
        assert_eq!(batches.next(), None, "one is too few for two workers");
        assert_eq!(batches.next(), Some(vec![9]), "and the last worker leaves nobody waiting");
        assert_eq!(batches.next(), None);
        assert!(batches.is_idle());
    }

    #[test]
    fn whoever_waits_long_gets_a_worker_beside_the_one_that_is_held_up() {
        let batches = Batches::new(2, 3, 8);
        assert!(!batches.hurry(), "nobody waits");
        assert!(batches.join(1));
        assert_eq!(batches.next(), Some(vec![1]));
        assert!(!batches.join(2));
        assert!(batches.hurry());
        assert!(!batches.hurry(), "there are never more than two");
        assert_eq!(batches.next(), Some(vec![2]));
        assert!(!batches.join(3));
        assert_eq!((batches.next(), batches.next()), (None, Some(vec![3])), "and then as ever");
    }
}
