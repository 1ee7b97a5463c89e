//! Who uses a server: a shared lock while one is used, an exclusive one while it is started or stopped.
//!
//! Locks are `flock`s: the kernel drops them when their process dies, however it dies, and children do not inherit them
//! (std opens files close-on-exec).
use crate::error::{EmbeddedError, io};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Starting includes crash recovery of a big database; stopping includes a checkpoint.
const PATIENCE: Duration = Duration::from_secs(330);

/// Held while somebody decides to start or stop the server; dropped by the end of that decision.
#[derive(Debug)]
pub(crate) struct Decision {
    _file: File,
}

/// Held for as long as the server is used.
#[derive(Debug)]
pub(crate) struct Lease {
    file: File,
    path: PathBuf,
}

impl Decision {
    /// Waits for its turn. Says so when it has to wait for over a second.
    pub(crate) fn wait(folder: &Path, name: &str, progress: &mut dyn FnMut(&str)) -> Result<Self, EmbeddedError> {
        let path = folder.join(format!("{name}.decision.lock"));
        let file = open(&path)?;
        let began = Instant::now();
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(io("lock", &path)(source)),
            }
            let waited = began.elapsed();
            if waited > PATIENCE {
                return Err(EmbeddedError::Busy { folder: folder.to_path_buf(), seconds: waited.as_secs() });
            }
            if waited > Duration::from_secs(1) && !told {
                told = true;
                progress(&format!("waiting for another process that starts or stops {name} in {}", folder.display()));
            }
            sleep(Duration::from_millis(10));
        }
    }
}

impl Lease {
    /// Joins those who use the server. Only under a [`Decision`], so it never waits for a stop.
    pub(crate) fn join(folder: &Path, name: &str, _turn: &Decision) -> Result<Self, EmbeddedError> {
        let path = folder.join(format!("{name}.users.lock"));
        let file = open(&path)?;
        file.lock_shared().map_err(io("lock", &path))?;
        Ok(Self { file, path })
    }

    /// Leaves. `true` when nobody else uses the server: then the caller stops it, still under its decision.
    pub(crate) fn leave(self, _turn: &Decision) -> Result<bool, EmbeddedError> {
        self.file.unlock().map_err(io("unlock", &self.path))?;
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(source)) => Err(io("lock", &self.path)(source)),
        }
    }
}

fn open(path: &Path) -> Result<File, EmbeddedError> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path).map_err(io("open", path))
}
