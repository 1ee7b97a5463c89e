//! The cluster's folder and the server process in it. Everything here runs under the folder's [`crate::lease::Decision`].
use super::{NAME, PostgresParams, ROLE, settings, socket_in};
use crate::binaries::{Installation, installation};
use crate::error::{EmbeddedError, io};
use crate::place::Place;
use crate::wire::{Knock, knock};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A crashed server may replay gigabytes before it answers.
const PATIENCE: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(10);
/// A server that says it is ready and does not answer at its socket has lost the socket.
const LOST_SOCKET: Duration = Duration::from_secs(3);
/// The backends of a killed server need a moment to notice, seconds on a busy machine; until then a new one refuses to start.
const STARTS: u32 = 100;
const BIGGEST_LOG: u64 = 8 << 20;

#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) place: Place,
    pgdata: PathBuf,
    installed: Installation,
}

/// What `postmaster.pid` says.
#[derive(Debug, PartialEq, Eq)]
struct Postmaster {
    pid: u32,
    socket_folder: PathBuf,
    ready: bool,
}

impl Cluster {
    /// Finds the cluster, or makes it: whole or not at all.
    pub(super) fn prepare(place: Place, durable: bool, progress: &mut dyn FnMut(&str)) -> Result<Self, EmbeddedError> {
        let pgdata = place.folder.join(NAME);
        let version = pgdata.join("PG_VERSION");
        if let Ok(made_by) = fs::read_to_string(&version) {
            let owner = fs::metadata(&version).map_err(io("read", &version))?.uid();
            if owner != place.account.uid {
                return Err(EmbeddedError::NotOurs { folder: pgdata, owner });
            }
            let installed = installation(made_by.trim().parse().ok()).map_err(|error| match error {
                EmbeddedError::OtherVersion { made_by, found, .. } => {
                    EmbeddedError::OtherVersion { folder: pgdata.clone(), made_by, found }
                }
                other => other,
            })?;
            return Self { place, pgdata, installed }.checked();
        }
        let installed = installation(None)?;
        let cluster = Self { place, pgdata, installed }.checked()?;
        cluster.make(durable, progress)?;
        Ok(cluster)
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.place.folder.join("postgres.log")
    }

    fn checked(self) -> Result<Self, EmbeddedError> {
        let program = self.installed.program("postgres");
        if self.place.account.may_run(&program) {
            Ok(self)
        } else {
            Err(EmbeddedError::NotRunnable { program, uid: self.place.account.uid })
        }
    }

    fn make(&self, durable: bool, progress: &mut dyn FnMut(&str)) -> Result<(), EmbeddedError> {
        progress(&format!(
            "making a PostgreSQL {} database cluster in {}",
            self.installed.major,
            self.pgdata.display()
        ));
        // A leftover of an initdb that was interrupted; only `postgres` itself is ever trusted.
        let unfinished = self.place.folder.join(format!("{NAME}.unfinished"));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(io("remove", &unfinished))?;
        }
        let fresh = self.place.private_folder(&format!("{NAME}.unfinished"))?;
        let mut initdb = self.place.account.command(&self.installed.program("initdb"));
        initdb.arg("--pgdata").arg(&fresh).args(["--username", ROLE, "--auth=trust", "--encoding=UTF8"]);
        initdb.args(["--locale=C.UTF-8", "--no-instructions"]);
        if self.installed.major >= 17 {
            initdb.arg("--locale-provider=builtin");
        }
        if !durable {
            initdb.arg("--no-sync");
        }
        run(initdb)?;
        fs::rename(&fresh, &self.pgdata).map_err(io("rename", &fresh))
    }

    /// Ends with a server that takes sessions: adopted, or started. Gives the folder of its socket.
    pub(super) fn ensure_running(
        &self,
        params: &PostgresParams,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(PathBuf, Option<Child>), EmbeddedError> {
        let began = Instant::now();
        let mut child: Option<Child> = None;
        let mut starts = 0;
        let mut silent_since: Option<Instant> = None;
        let mut next_word = Duration::from_secs(1);
        loop {
            match self.postmaster() {
                Some(master) => match knock(&socket_in(&master.socket_folder), ROLE) {
                    Knock::Ready => return Ok((master.socket_folder, child)),
                    Knock::Silent if master.ready => {
                        let since = *silent_since.get_or_insert_with(Instant::now);
                        if since.elapsed() > LOST_SOCKET {
                            progress("the running PostgreSQL has lost its socket: starting it anew");
                            self.stop()?;
                            silent_since = None;
                        }
                    }
                    Knock::NotNow | Knock::Silent => silent_since = None,
                },
                None if has_exited(&mut child) => {
                    if starts >= STARTS {
                        return Err(self.not_ready(began));
                    }
                    if starts > 0 {
                        sleep(POLL * 10);
                    }
                    starts += 1;
                    child = Some(self.spawn(params)?);
                }
                // Ours, and not yet far enough to have written its file.
                None => {}
            }
            let waited = began.elapsed();
            if waited > PATIENCE {
                return Err(self.not_ready(began));
            }
            if waited > next_word {
                progress(&format!("PostgreSQL is starting ({} s)", waited.as_secs()));
                next_word *= 2;
            }
            sleep(POLL);
        }
    }

    /// Whether its process is there; it may still be recovering.
    pub(super) fn is_running(&self) -> bool {
        self.postmaster().is_some()
    }

    /// A fast shutdown: sessions are cut, everything committed is kept.
    pub(super) fn stop(&self) -> Result<(), EmbeddedError> {
        if self.postmaster().is_none() {
            return Ok(());
        }
        let stopped = self.pg_ctl_stop("fast", 60);
        if stopped.is_ok() || self.postmaster().is_none() {
            return Ok(());
        }
        // Immediate is a crash that the next start recovers from; it loses nothing that was committed.
        self.pg_ctl_stop("immediate", 20)
    }

    fn pg_ctl_stop(&self, mode: &str, seconds: u32) -> Result<(), EmbeddedError> {
        let mut command = self.place.account.command(&self.installed.program("pg_ctl"));
        command.arg("stop").arg("--pgdata").arg(&self.pgdata).args(["--silent", "--wait", "--mode", mode]);
        command.arg("--timeout").arg(seconds.to_string());
        run(command)
    }

    fn spawn(&self, params: &PostgresParams) -> Result<Child, EmbeddedError> {
        let socket_folder = self.place.socket_folder("run", settings::SOCKET)?;
        self.forget_dead_postmaster(&socket_in(&socket_folder))?;
        let log = self.open_log()?;
        let errors = log.try_clone().map_err(io("open", &self.log_file()))?;
        let program = self.installed.program("postgres");
        self.place
            .account
            .command(&program)
            .arg("-D")
            .arg(&self.pgdata)
            .args(settings::arguments(params, &socket_folder))
            .envs(settings::MEMORY)
            .stdout(Stdio::from(log))
            .stderr(Stdio::from(errors))
            .spawn()
            .map_err(io("run", &program))
    }

    fn open_log(&self) -> Result<File, EmbeddedError> {
        let path = self.log_file();
        if fs::metadata(&path).is_ok_and(|is| is.len() > BIGGEST_LOG) {
            let old = self.place.folder.join("postgres.log.old");
            fs::rename(&path, &old).map_err(io("rename", &path))?;
        }
        OpenOptions::new().create(true).append(true).open(&path).map_err(io("open", &path))
    }

    /// The server that runs in this folder, by its own file; `None` when its process is gone.
    fn postmaster(&self) -> Option<Postmaster> {
        let text = fs::read_to_string(self.pgdata.join("postmaster.pid")).ok()?;
        let master = Postmaster::read(&text)?;
        self.is_ours(master.pid).then_some(master)
    }

    /// Whether this process serves our folder. A pid alone proves nothing: it may have gone to another process since.
    fn is_ours(&self, pid: u32) -> bool {
        let process = PathBuf::from(format!("/proc/{pid}"));
        if !fs::metadata(&process).is_ok_and(|is| is.uid() == self.place.account.uid) {
            return false;
        }
        // A server that has ended and was not reaped yet has no folder any more.
        match fs::read_link(process.join("cwd")) {
            Ok(folder) => folder == self.pgdata,
            Err(error) => error.kind() == std::io::ErrorKind::PermissionDenied,
        }
    }

    /// PostgreSQL trusts a pid that is alive again as something else of the same account; we know better.
    fn forget_dead_postmaster(&self, socket: &Path) -> Result<(), EmbeddedError> {
        if self.postmaster().is_some() {
            return Ok(());
        }
        let lock = socket.with_file_name(format!("{}.lock", settings::SOCKET));
        for path in [self.pgdata.join("postmaster.pid"), lock, socket.to_path_buf()] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io("remove", &path)(error)),
                _ => {}
            }
        }
        Ok(())
    }

    fn not_ready(&self, began: Instant) -> EmbeddedError {
        EmbeddedError::NotReady {
            server: "PostgreSQL",
            folder: self.place.folder.clone(),
            seconds: began.elapsed().as_secs(),
            log: tail(&self.log_file()),
        }
    }
}

impl Postmaster {
    /// Lines: pid, data folder, start time, port, socket folder, listen address, shared memory, status.
    fn read(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().collect();
        let pid = lines.first()?.trim().parse().ok()?;
        let socket_folder = PathBuf::from(lines.get(4).copied().unwrap_or_default());
        let ready = lines.get(7).is_some_and(|status| status.trim() == "ready");
        Some(Self { pid, socket_folder, ready })
    }
}

/// `true` when there is no child, or it has ended.
fn has_exited(child: &mut Option<Child>) -> bool {
    child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
}

fn run(mut command: Command) -> Result<(), EmbeddedError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(io("run", Path::new(&program)))?;
    if output.status.success() {
        return Ok(());
    }
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(EmbeddedError::Failed { program, status: output.status.to_string(), output: text.trim().to_owned() })
}

/// The last lines of a log.
pub(crate) fn tail(path: &Path) -> String {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_postmasters_file_is_read_however_short() {
        let whole = "4711\n/data/postgres\n1700000000\n5432\n/data/run\n\n  5432001  32768\nready   \n";
        let master = Postmaster { pid: 4711, socket_folder: "/data/run".into(), ready: true };
        assert_eq!(Postmaster::read(whole), Some(master));
        let started = Postmaster { pid: 4711, socket_folder: PathBuf::new(), ready: false };
        assert_eq!(Postmaster::read("4711\n/data/postgres\n"), Some(started));
        assert_eq!(Postmaster::read(""), None);
        assert_eq!(Postmaster::read("rubbish"), None);
    }
}
