//! The Python packages that the learning benches are measured against: one process for each bench, on one thread.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde::de::DeserializeOwned;
use tokio::process::Command;

use super::load::quantile;

/// Where `cargo xtask bench` puts them, and what asks them.
const PYTHON: &str = "target/bench-python/bin/python";
const SCRIPTS: &str = "server/bench/python";

/// Runs a script over the rows in `folder`; its last line is JSON.
///
/// # Errors
/// When Python or a package is missing, or the script fails, with its own words.
pub(super) async fn ask<T: DeserializeOwned>(bench: &str, folder: &Path, rounds: usize) -> anyhow::Result<T> {
    ensure!(
        Path::new(PYTHON).exists(),
        "The peer's packages are not at {PYTHON}. To have them, in the checkout: cargo xtask bench {bench}"
    );
    let mut python = Command::new(PYTHON);
    python.arg(Path::new(SCRIPTS).join(format!("{bench}.py"))).arg(folder).arg(rounds.to_string());
    for threads in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
        python.env(threads, "1");
    }
    let ran = python.stdin(Stdio::null()).kill_on_drop(true).output().await.context("Python does not start")?;
    let told = String::from_utf8_lossy(&ran.stdout);
    let last = told.lines().last().unwrap_or_default();
    serde_json::from_str(last)
        .with_context(|| format!("{bench}.py says: {told}{}", String::from_utf8_lossy(&ran.stderr)))
}

/// As numpy reads them: 64-bit floats, little end first.
pub(super) fn write_rows(path: &Path, flat: &[f64]) -> anyhow::Result<()> {
    let bytes: Vec<u8> = flat.iter().flat_map(|x| x.to_le_bytes()).collect();
    std::fs::write(path, bytes).with_context(|| format!("{} cannot be written", path.display()))
}

/// Seconds of the middle one of so many, and what the last one found. Once before, to be warm.
pub(super) fn median_seconds<T, E>(rounds: usize, work: impl Fn() -> Result<T, E>) -> Result<(f64, T), E> {
    let mut taken = Vec::new();
    let mut found = work()?;
    for _ in 0..rounds {
        let started = Instant::now();
        found = work()?;
        taken.push(started.elapsed().as_secs_f64());
    }
    Ok((quantile(&taken, 0.5), found))
}
