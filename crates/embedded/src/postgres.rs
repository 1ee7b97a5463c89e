//! A private PostgreSQL.
mod cluster;
mod settings;

use crate::error::EmbeddedError;
use crate::lease::{Decision, Lease};
use crate::place::Place;
use crate::wire;
use cluster::Cluster;
pub(crate) use cluster::tail;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Mutex, PoisonError};

/// The cluster's superuser; nobody but its owner reaches the socket, so there is no password.
const ROLE: &str = "kava";
const NAME: &str = "postgres";

/// What to start.
#[derive(Debug, Clone)]
pub struct PostgresParams {
    /// The product's data folder: the cluster lives in its `postgres`, the socket in its `run`.
    pub data_dir: PathBuf,
    /// `false` trades the promise to survive a power cut for speed: for tests only.
    pub durable: bool,
    pub max_connections: u16,
}

impl PostgresParams {
    /// Durable, 100 connections.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), durable: true, max_connections: 100 }
    }
}

/// A share in a running PostgreSQL. Dropping it leaves; the last one out stops the server.
#[derive(Debug)]
pub struct Postgres {
    params: PostgresParams,
    socket_folder: PathBuf,
    cluster: Cluster,
    lease: Option<Lease>,
    /// Ours to reap when we were the one who started it.
    child: Mutex<Option<Child>>,
}

impl Postgres {
    /// Starts the server in the data folder, or adopts the one that runs there.
    ///
    /// `progress` hears a line for each step that takes long.
    ///
    /// # Errors
    /// Every one says what to do: nothing installed, a folder of another account or version, or the end of the server's log.
    pub fn start(params: PostgresParams, progress: &mut dyn FnMut(&str)) -> Result<Self, EmbeddedError> {
        let place = Place::prepare(&params.data_dir, NAME, progress)?;
        let turn = Decision::wait(&place.folder, NAME, progress)?;
        let lease = Lease::join(&place.folder, NAME, &turn)?;
        let cluster = Cluster::prepare(place, params.durable, progress)?;
        let (socket_folder, child) = match cluster.ensure_running(&params, progress) {
            Ok(running) => running,
            Err(error) => {
                // Nobody may be left believing in a server that did not come up.
                let _ = lease.leave(&turn);
                return Err(error);
            }
        };
        Ok(Self { params, socket_folder, cluster, lease: Some(lease), child: Mutex::new(child) })
    }

    /// Starts the server anew when its process is gone (killed, out of memory); it recovers all that was committed. `true`
    /// when this call started it. Cheap while it runs: call it every moment.
    ///
    /// # Errors
    /// When it does not come up, with the end of its log.
    pub fn revive(&self, progress: &mut dyn FnMut(&str)) -> Result<bool, EmbeddedError> {
        if self.cluster.is_running() {
            return Ok(false);
        }
        let _turn = Decision::wait(&self.cluster.place.folder, NAME, progress)?;
        // Somebody else who shares it may have been quicker.
        if self.cluster.is_running() {
            return Ok(false);
        }
        progress("PostgreSQL has died: starting it anew");
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut dead) = child.take() {
            let _ = dead.wait();
        }
        let (_, started) = self.cluster.ensure_running(&self.params, progress)?;
        *child = started;
        Ok(child.is_some())
    }

    /// The address of `database`, as sqlx takes it.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://{ROLE}@localhost/{}?host={}",
            percent_encoded(database),
            percent_encoded(&self.socket_folder.to_string_lossy())
        )
    }

    /// Creates `database` unless it is there.
    ///
    /// # Errors
    /// When the server refuses, with its own words.
    pub fn ensure_database(&self, database: &str) -> Result<(), EmbeddedError> {
        wire::ensure_database(&self.socket(), ROLE, database)
    }

    /// The folder that the server's files are in: not the one asked for when root's account could not reach that.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.cluster.place.folder
    }

    /// Where the server writes its log.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.cluster.log_file()
    }

    /// `true` when this share started the server, `false` when it adopted one.
    #[must_use]
    pub fn started_here(&self) -> bool {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Leaves; stops the server when nobody else uses it. `true` when it was stopped.
    ///
    /// # Errors
    /// When it does not stop.
    pub fn stop(mut self) -> Result<bool, EmbeddedError> {
        self.leave()
    }

    fn leave(&mut self) -> Result<bool, EmbeddedError> {
        let Some(lease) = self.lease.take() else {
            return Ok(false);
        };
        let turn = Decision::wait(&self.cluster.place.folder, NAME, &mut |_| {})?;
        if !lease.leave(&turn)? {
            return Ok(false);
        }
        self.cluster.stop()?;
        if let Some(mut child) = self.child.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = child.wait();
        }
        Ok(true)
    }

    fn socket(&self) -> PathBuf {
        socket_in(&self.socket_folder)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Somebody who cares for the outcome calls `stop`.
        let _ = self.leave();
    }
}

fn socket_in(folder: &Path) -> PathBuf {
    folder.join(settings::SOCKET)
}

/// Everything but RFC 3986's unreserved characters as %XX.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte as char);
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_survives_a_url() {
        assert_eq!(percent_encoded("/home/мы/my data+1"), "%2Fhome%2F%D0%BC%D1%8B%2Fmy%20data%2B1");
    }
}
