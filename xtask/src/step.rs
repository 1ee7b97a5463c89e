//! What we are doing, and how long it took. Everything goes to stderr: a bench's stdout is its own.
use anyhow::Result;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// What takes less is not worth a line.
const WORTH_A_LINE: Duration = Duration::from_secs(1);

/// Does it; prints its name once it has taken a second, and the time at the end.
pub fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let began = Instant::now();
    let (done, is_done) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(|| {
            let is_done = is_done;
            if is_done.recv_timeout(WORTH_A_LINE) == Err(RecvTimeoutError::Timeout) {
                eprintln!("  … {name}");
            }
        });
        let result = work();
        let _ = done.send(());
        if began.elapsed() > WORTH_A_LINE {
            let word = if result.is_ok() { "ok" } else { "failed" };
            eprintln!("  {word:>6} {name} ({:.1} s)", began.elapsed().as_secs_f32());
        }
        result
    })
}

/// A line for a decision that somebody may wonder about later.
pub fn say(text: &str) {
    eprintln!("  {text}");
}
