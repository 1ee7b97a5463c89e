//! The runtime, and the processors that its threads work on.
//!
//! Where processors are few and busy, Linux soon stops looking for an idle one. With two of them and purchases at their peak
//! (seen by `sched_switch` and `sched_wakeup`, Linux 6.18), a fifth of both stood idle while threads and PostgreSQL's
//! processes waited at the other, up to some milliseconds each time. So there each worker keeps to a processor of its own:
//! a sixth more purchases a second. Where another program keeps one of two busy it is a tenth less instead. With more
//! processors the system looks further by itself.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::runtime::{Builder, Runtime};

/// So many processors are few.
const FEW: std::ops::RangeInclusive<usize> = 2..=4;
/// The name of a worker's thread, before its number.
const WORKER: &str = "kava-worker-";

/// The runtime of a server, whose workers `keep` to a processor each where these are few.
///
/// # Errors
/// When the system gives no threads.
pub fn build(keep: bool) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.enable_all();
    if let Some(all) = processors().filter(|all| keep && FEW.contains(&all.len())) {
        let named = AtomicUsize::new(0);
        let workers = all.len();
        builder
            .worker_threads(workers)
            // Threads are named in the order in which they are asked for: the workers before any that may block.
            .thread_name_fn(move || match named.fetch_add(1, Ordering::Relaxed) {
                number if number < workers => format!("{WORKER}{number}"),
                _ => "kava-blocking".to_owned(),
            })
            .on_thread_start(move || settle(&all));
    }
    builder.build()
}

/// The processors that this process may use; `None` where it may not use each of them fully, or nobody can say.
fn processors() -> Option<Vec<usize>> {
    let allowed = sched_getaffinity(None).ok()?;
    let all: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&processor| allowed.is_set(processor)).collect();
    // A container's share of processors is counted by `available_parallelism` alone.
    (std::thread::available_parallelism().ok()?.get() == all.len()).then_some(all)
}

/// A worker takes its processor. Every other thread takes all of them: it would else keep to that of the worker that asked
/// for it.
fn settle(all: &[usize]) {
    let thread = std::thread::current();
    let number = thread.name().and_then(|name| name.strip_prefix(WORKER)?.parse::<usize>().ok());
    let own = match number.and_then(|number| all.get(number)) {
        Some(processor) => std::slice::from_ref(processor),
        None => all,
    };
    let mut set = CpuSet::new();
    own.iter().for_each(|&processor| set.set(processor));
    // Where it is not allowed the system goes on placing the thread.
    if let Err(error) = sched_setaffinity(None, &set) {
        tracing::debug!(%error, "a thread's processor cannot be chosen");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

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
    fn where_processors_are_few_each_worker_has_its_own_and_other_threads_have_all() {
        let Some(all) = processors().filter(|all| FEW.contains(&all.len())) else { return };
        let runtime = build(true).unwrap();
        assert_eq!(of_workers(&runtime), all.iter().map(|&processor| vec![processor]).collect::<Vec<_>>());
        let of_blocking = runtime
            .block_on(async { tokio::spawn(async { tokio::task::spawn_blocking(own).await.unwrap() }).await.unwrap() });
        assert_eq!(of_blocking, all, "one that a worker asked for");
        assert_eq!(own(), all, "who started the runtime");
    }

    #[test]
    fn who_does_not_want_it_is_left_to_the_system() {
        let all = own();
        assert!(of_workers(&build(false).unwrap()).iter().all(|own| *own == all));
    }
}
