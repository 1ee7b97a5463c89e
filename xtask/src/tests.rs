//! `cargo xtask test`: everything, in one tally.
use crate::step::{say, step};
use crate::tally::Tally;
use crate::workspace::Workspace;
use crate::{arrows, bundle, compress, e2e, setup};
use anyhow::{Context, Result};
use embedded::{Postgres, PostgresParams, Redis, RedisParams};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

/// The customer's download, brotli-11, in bytes.
const BUDGET: &[(&str, u64)] = &[("wasm", 250_000), ("js", 20_000), ("css", 20_000)];

/// Sets up, runs every kind of test, and ends with `N passed, N failed`. A failure does not stop the rest.
pub fn everything(workspace: &Workspace) -> Result<ExitCode> {
    let chromium = setup::for_tests(workspace)?;
    let mut all = Tally::default();

    all += headed("arrows between the crates", || arrows::check(workspace).map(|()| Tally::one(true)));
    all += headed("cargo test", || {
        let servers = Servers::start()?;
        let tally = cargo_test(workspace);
        servers.stop()?;
        tally
    });
    // Only a build that failed makes the rest impossible.
    let built =
        headed("release build", || bundle::build(workspace, bundle::Part::ServerAndSite).map(|()| Tally::one(true)));
    all += built;
    if built.is_good() {
        all += headed("size of the customer's download", || budget(workspace));
        all += headed("browser", || e2e::run(workspace, &chromium, &[]));
    }
    println!("{all}");
    Ok(if all.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `cargo xtask e2e`.
pub fn browser_alone(workspace: &Workspace, rest: &[&str]) -> Result<ExitCode> {
    setup::for_build(workspace)?;
    setup::servers(workspace)?;
    let chromium = setup::for_browser(workspace)?;
    bundle::build(workspace, bundle::Part::ServerAndSite)?;
    let tally = e2e::run(workspace, &chromium, rest)?;
    println!("{tally}");
    Ok(if tally.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn headed(name: &str, work: impl FnOnce() -> Result<Tally>) -> Tally {
    println!("\n== {name}");
    work().unwrap_or_else(|error| {
        println!("FAILED {name}: {error:#}");
        Tally::one(false)
    })
}

/// Keeps the servers that all test binaries share from first to last, and stops them after.
struct Servers {
    postgres: Option<Postgres>,
    redis: Option<Redis>,
}

impl Servers {
    fn start() -> Result<Self> {
        let folder = test_folder()?;
        let given = std::env::var_os("DATABASE_URL").is_some_and(|url| !url.is_empty());
        // The same as testkit's: whoever comes first sets these for all.
        let params = PostgresParams { durable: false, max_connections: 300, ..PostgresParams::new(&folder) };
        let postgres =
            if given { None } else { Some(step("test PostgreSQL", || Ok(Postgres::start(params, &mut say)?))?) };
        let redis = Redis::start(RedisParams { databases: 512, ..RedisParams::new(&folder) }, &mut say)?;
        Ok(Self { postgres, redis })
    }

    fn stop(self) -> Result<()> {
        if let Some(postgres) = self.postgres {
            postgres.stop()?;
        }
        if let Some(redis) = self.redis {
            redis.stop()?;
        }
        Ok(())
    }
}

fn test_folder() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("KAVA_TEST_FOLDER").filter(|folder| !folder.is_empty()) {
        return Ok(PathBuf::from(folder));
    }
    let uid = fs::metadata("/proc/self").context("/proc is not mounted")?.uid();
    Ok(PathBuf::from(format!("/tmp/kava-test-{uid}")))
}

/// One invocation over the default members; its words pass through.
fn cargo_test(workspace: &Workspace) -> Result<Tally> {
    let mut cargo = workspace.cargo().args(["test", "--no-fail-fast"]).env("KAVA_TEST_FOLDER", test_folder()?);
    let mut child = cargo.command().stdout(Stdio::piped()).spawn().context("cannot run cargo test")?;
    let mut tally = Tally::default();
    let output = child.stdout.take().context("cargo test has no output")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        tally += Tally::of_cargo_line(&line).unwrap_or_default();
    }
    let status = child.wait()?;
    // It may fail without a failed test: one that does not compile, or aborts.
    if !status.success() && tally.failed == 0 {
        println!("FAILED cargo test ({status})");
        tally += Tally::one(false);
    }
    Ok(tally)
}

/// What a customer downloads, against what it may weigh.
fn budget(workspace: &Workspace) -> Result<Tally> {
    let mut tally = Tally::default();
    for (kind, size, limit) in sizes(workspace)? {
        let good = size <= limit;
        println!("test download::{kind} ... {} ({size} of {limit} B, brotli-11)", if good { "ok" } else { "FAILED" });
        tally += Tally::one(good);
    }
    Ok(tally)
}

pub fn budget_lines(workspace: &Workspace) -> Result<Vec<String>> {
    let sizes = sizes(workspace)?;
    Ok(sizes.iter().map(|(kind, size, limit)| format!("{kind}: {size} B of {limit} B (brotli-11)")).collect())
}

/// Every script and every style of the site counts, also those that are loaded later; not the bundle of those who work here.
fn sizes(workspace: &Workspace) -> Result<Vec<(&'static str, u64, u64)>> {
    let files = bundle::files_in(&workspace.site())?;
    BUDGET
        .iter()
        .map(|(kind, limit)| {
            let of_kind = files.iter().filter(|file| {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                file.extension().is_some_and(|ending| ending == *kind) && !name.starts_with("office.")
            });
            let mut size = 0;
            for file in of_kind {
                size += compress::size_of_brotli(file)?;
            }
            anyhow::ensure!(size > 0, "there is no {kind} in {}", workspace.site().display());
            Ok((*kind, size, *limit))
        })
        .collect()
}
