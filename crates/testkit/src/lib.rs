//! For tests only: a real PostgreSQL and a real Redis, and a fresh database for every test.
//!
//! One cluster, without fsync, in `/tmp/kava-test-<uid>`, is shared by every test of every crate; `DATABASE_URL` set means
//! that server instead. There is no imitation to fall back on: what is not installed is a panic with the command that
//! installs it.
#![expect(clippy::expect_used, clippy::panic, reason = "a test's set-up has nobody to return an error to")]

mod database;
mod redis;
mod template;

pub use database::{TestDatabase, fresh_database};
pub use redis::{TestRedis, private_redis, redis};
pub use template::{fresh_database_from, migrated_database};

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The folder of the shared servers: `KAVA_TEST_FOLDER`, else one for each account, because each runs servers of its own.
#[must_use]
pub fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("KAVA_TEST_FOLDER").filter(|folder| !folder.is_empty()) {
        return PathBuf::from(folder);
    }
    let uid = std::fs::metadata("/proc/self").expect("/proc is mounted").uid();
    PathBuf::from(format!("/tmp/kava-test-{uid}"))
}
