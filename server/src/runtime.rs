//! The runtime, and the processors that its threads work on.
//!
//! Where processors are few and busy, Linux soon stops looking for an idle one. With two of them and purchases at their peak
//! (seen by `sched_switch` and `sched_wakeup`, Linux 6.18), a fifth of both stood idle while threads and PostgreSQL's
//! processes waited at the other, up to some milliseconds each time. So there each worker keeps to a processor of its own:
//! a sixth more purchases a second. Where another program keeps one of two busy it is a tenth less instead. With more
//! processors the system looks further by itself.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::runtime::{Builder, Runtime};

/// So many processors are few.
const FEW: std::ops::RangeInclusive<usize> = 2..=4;
/// How often a worker looks whether the others are there, and how long it rests between: a second in all.
const LOOKS: usize = 2_000;
const REST: Duration = Duration::from_micros(500);

/// The runtime of a server, whose workers `keep` to a processor each where these are few.
///
/// # Errors
/// When the system gives no threads.
pub fn build(keep: bool) -> io::Result<Runtime> {
    match processors().filter(|all| keep && FEW.contains(&all.len())) {
        Some(all) => one_each(all),
        None => Builder::new_multi_thread().enable_all().build(),
    }
}

/// A runtime with a worker on each of these processors, whose other threads have all of them.
fn one_each(all: Vec<usize>) -> io::Result<Runtime> {
    // A thread begins with the processors of the one that asked for it, which may be a worker.
    let every = all.clone();
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .worker_threads(all.len())
        .on_thread_start(move || keep_to(&every))
        .build()?;
    // Which of the runtime's threads becomes a worker is known only to what runs on it. As many tasks as workers, none of
    // which leaves before all are there, are on one each; and nothing else was asked of the runtime before.
    let (here, workers) = (Arc::new(AtomicUsize::new(0)), all.len());
    let settled: Vec<_> = all
        .into_iter()
        .map(|processor| {
            let here = here.clone();
            runtime.spawn(async move {
                here.fetch_add(1, Ordering::AcqRel);
                for _ in 0..LOOKS {
                    if here.load(Ordering::Acquire) == workers {
                        return keep_to(&[processor]);
                    }
                    std::thread::sleep(REST);
                }
            })
        })
        .collect();
    for worker in settled {
        runtime.block_on(worker).map_err(io::Error::other)?;
    }
    Ok(runtime)
}

/// The processors that this process may use; `None` where it may not use each of them fully, or nobody can say.
fn processors() -> Option<Vec<usize>> {
    let allowed = sched_getaffinity(None).ok()?;
    let all: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&processor| allowed.is_set(processor)).collect();
    // A container's share of processors is counted by `available_parallelism` alone.
    (std::thread::available_parallelism().ok()?.get() == all.len()).then_some(all)
}

/// This thread works on these processors. Where that is not allowed the system goes on placing it.
fn keep_to(processors: &[usize]) {
    let mut set = CpuSet::new();
    processors.iter().for_each(|&processor| set.set(processor));
    if let Err(error) = sched_setaffinity(None, &set) {
        tracing::debug!(%error, "a thread's processors cannot be chosen");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    fn own() -> Vec<usize> {
        let allowed = sched_getaffinity(None).unwrap();
        (0..CpuSet::MAX_CPU).filter(|&processor| allowed.is_set(processor)).collect()
    }

    /// The processors of each worker: as many tasks as workers, none of which leaves its own before all have come.
    fn of_workers(runtime: &Runtime) -> Vec<Vec<usize>> {
        let workers = runtime.metrics().num_workers();
        let all_here = Arc::new(Barrier::new(workers));
        let asked: Vec<_> = (0..workers)
            .map(|_| {
                let all_here = all_here.clone();
                runtime.spawn(async move {
                    all_here.wait();
                    own()
                })
            })
            .collect();
        let mut of_workers: Vec<_> = asked.into_iter().map(|task| runtime.block_on(task).unwrap()).collect();
        of_workers.sort();
        of_workers
    }

    #[test]
    fn each_worker_has_its_own_processor_and_other_threads_have_all() {
        let here = own();
        let all = here[..here.len().min(*FEW.end())].to_vec();
        for _ in 0..100 {
            let runtime = one_each(all.clone()).unwrap();
            let at_once = runtime.spawn_blocking(own);
            assert_eq!(runtime.block_on(at_once).unwrap(), all, "what blocks before anything else");
        }
        let runtime = one_each(all.clone()).unwrap();
        assert_eq!(of_workers(&runtime), all.iter().map(|&processor| vec![processor]).collect::<Vec<_>>());
        let of_blocking = runtime
            .block_on(async { tokio::spawn(async { tokio::task::spawn_blocking(own).await.unwrap() }).await.unwrap() });
        assert_eq!(of_blocking, all, "one that a worker asked for");
        assert_eq!(own(), here, "who started the runtime");
    }

    #[test]
    fn who_does_not_want_it_is_left_to_the_system() {
        let all = own();
        assert!(of_workers(&build(false).unwrap()).iter().all(|own| *own == all));
    }
}
