//! Starts, adopts and stops a private PostgreSQL and a private Redis in a data folder.
//!
//! Laws:
//! - Several processes may share one folder. Whoever comes first starts the server, the others adopt it, whoever leaves
//!   last stops it. A process that is killed leaves it running, and the next one adopts it.
//! - Nothing listens on TCP: one unix socket in a folder that only its owner can enter.
//! - Root is dropped before anything is started.
//!
//! The face is synchronous: call it before the async runtime starts, or from a blocking thread.

mod binaries;
mod error;
mod lease;
mod place;
mod postgres;
mod redis;
mod wire;

pub use binaries::{postgres_binaries, redis_binary};
pub use error::EmbeddedError;
pub use postgres::{Postgres, PostgresParams};
pub use redis::{Redis, RedisParams};
